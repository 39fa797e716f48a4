//! A whole item, as it stands among events.

use loquat_domain::{CounterId, Item, ItemId, ItemStatus, ResponseId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use super::{content::ContentJson, names};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ItemJson<'a> {
    id: IdJson,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    response: Option<IdJson>,
    #[serde(borrow)]
    content: ContentJson<'a>,
    status: ItemStatusJson,
    tokens: u32,
    /// Left out where it is the estimate, so that an earlier version reads these items too.
    #[serde(default, skip_serializing_if = "CounterJson::is_estimate")]
    counter: CounterJson,
    /// Microseconds since the Unix epoch.
    created_at: i64,
}

names! {
    ItemStatusJson = ItemStatus {
        InProgress = "in_progress",
        Completed = "completed",
        Incomplete = "incomplete",
    }
}

/// An id without prefix: 32 hexadecimal digits.
#[derive(Debug, Clone, Copy)]
pub(super) struct IdJson(pub(super) Uuid);

impl Serialize for IdJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.simple().encode_lower(&mut Uuid::encode_buffer()))
    }
}

impl<'de> Deserialize<'de> for IdJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        Uuid::try_parse(text).map(Self).map_err(|_| de::Error::custom("not an id"))
    }
}

#[derive(Debug, Default)]
struct CounterJson(CounterId);

impl CounterJson {
    fn is_estimate(&self) -> bool {
        self.0 == CounterId::ESTIMATE
    }
}

impl Serialize for CounterJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for CounterJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        CounterId::new(id).map(Self).map_err(de::Error::custom)
    }
}

impl<'a> From<&'a Item> for ItemJson<'a> {
    fn from(item: &'a Item) -> Self {
        Self {
            id: IdJson(item.id.as_uuid()),
            response: item.response.map(|id| IdJson(id.as_uuid())),
            content: (&item.content).into(),
            status: item.status.into(),
            tokens: item.tokens,
            counter: CounterJson(item.counter.clone()),
            created_at: item.created_at.as_micros(),
        }
    }
}

impl From<ItemJson<'_>> for Item {
    fn from(form: ItemJson<'_>) -> Self {
        Self {
            id: ItemId::from_uuid(form.id.0),
            response: form.response.map(|id| ResponseId::from_uuid(id.0)),
            content: form.content.into(),
            status: form.status.into(),
            tokens: form.tokens,
            counter: form.counter.0,
            created_at: Timestamp::from_micros(form.created_at),
        }
    }
}
