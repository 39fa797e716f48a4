//! Values in the form of the functions' arguments.

mod charges;

use std::{borrow::Cow, time::Duration};

use loquat_domain::{Item, ResponseId, Role};
use loquat_store::{AuditEntry, CheckpointLog, Once};
use uuid::Uuid;

pub(crate) use charges::Charges;

use crate::statement::Value;

/// New items, an array a column.
#[derive(Debug, Default)]
pub(crate) struct NewItems {
    ids: Vec<Option<Uuid>>,
    responses: Vec<Option<Uuid>>,
    kinds: Vec<Option<Cow<'static, str>>>,
    roles: Vec<Option<Cow<'static, str>>>,
    contents: Vec<Option<Cow<'static, str>>>,
    statuses: Vec<Option<Cow<'static, str>>>,
    tokens: Vec<Option<i64>>,
    created_ats: Vec<Option<i64>>,
    counters: Vec<Option<Cow<'static, str>>>,
}

impl NewItems {
    pub(crate) fn new(items: &[Item]) -> Self {
        let mut columns = Self::default();
        for item in items {
            let content = loquat_store::json::encode_content(&item.content);
            let role = item.content.role().map(Role::as_str);
            columns.ids.push(Some(item.id.as_uuid()));
            columns.responses.push(item.response.map(ResponseId::as_uuid));
            columns.kinds.push(Some(Cow::Borrowed(item.content.kind().as_str())));
            columns.roles.push(role.map(Cow::Borrowed));
            columns.contents.push(Some(Cow::Owned(content)));
            columns.statuses.push(Some(Cow::Borrowed(item.status.as_str())));
            columns.tokens.push(Some(i64::from(item.tokens)));
            columns.created_ats.push(Some(item.created_at.as_micros()));
            columns.counters.push(Some(Cow::Owned(item.counter.as_str().to_owned())));
        }
        columns
    }

    pub(crate) fn values(&self) -> [Value<'_>; 9] {
        [
            Value::Ids(&self.ids),
            Value::Ids(&self.responses),
            Value::Texts(&self.kinds),
            Value::Texts(&self.roles),
            Value::Texts(&self.contents),
            Value::Texts(&self.statuses),
            Value::Integers(&self.tokens),
            Value::Integers(&self.created_ats),
            Value::Texts(&self.counters),
        ]
    }
}

/// Runs of events, an array a column.
#[derive(Debug, Default)]
pub(crate) struct Runs<'a> {
    firsts: Vec<Option<i64>>,
    lasts: Vec<Option<i64>>,
    events: Vec<Option<Cow<'a, str>>>,
}

impl<'a> Runs<'a> {
    /// Without a run, an element that is NULL.
    pub(crate) fn push(&mut self, run: Option<&'a CheckpointLog>) {
        self.firsts.push(run.map(|run| integer(run.first)));
        self.lasts.push(run.map(|run| integer(run.last)));
        self.events.push(run.map(|run| Cow::Borrowed(run.events.as_str())));
    }

    pub(crate) fn values(&self) -> [Value<'_>; 3] {
        [Value::Integers(&self.firsts), Value::Integers(&self.lasts), Value::Texts(&self.events)]
    }
}

/// A key's four arguments, all NULL without one.
pub(crate) fn once(once: Option<&Once>) -> [Value<'_>; 4] {
    [
        once.map(|once| once.route).into(),
        once.map(|once| once.key.as_str()).into(),
        Value::Bytes(once.map(|once| once.fingerprint.0.as_slice())),
        once.map(|once| micros(once.keep)).into(),
    ]
}

/// An entry of the audit log.
pub(crate) fn audit(entry: &AuditEntry) -> [Value<'_>; 6] {
    [
        entry.id.into(),
        entry.at.as_micros().into(),
        entry.actor.as_str().into(),
        (&entry.act).into(),
        (&entry.subject).into(),
        entry.details.as_str().into(),
    ]
}

/// A duration that can be added to the time of day: no more than half of what a column holds.
pub(crate) fn micros(duration: Duration) -> i64 {
    let far = i64::MAX / 2;
    i64::try_from(duration.as_micros()).map_or(far, |micros| micros.min(far))
}

/// A number that a column holds: at most its greatest.
pub(crate) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
