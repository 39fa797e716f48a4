//! A conversation in short.

use loquat_chat::Compacted;
use serde::Serialize;
use utoipa::ToSchema;

use super::{item::ItemBody, usage::UsageBody};

/// A conversation in short, to be sent as `input` in its place. It is stored nowhere.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Compaction)]
pub(crate) struct CompactionBody {
    id: String,
    /// `response.compaction`.
    object: &'static str,
    /// The operator's messages that begin it, a `compaction` item that stands for the rest, and the
    /// newest turn if that is short. What was short already is here as it was.
    output: Vec<ItemBody>,
    /// Seconds since the epoch.
    created_at: i64,
    /// What writing the summary used.
    usage: UsageBody,
}

impl From<&Compacted> for CompactionBody {
    fn from(compacted: &Compacted) -> Self {
        Self {
            id: compacted.id.to_string(),
            object: "response.compaction",
            output: compacted.items.iter().map(ItemBody::from).collect(),
            created_at: compacted.created_at.as_secs(),
            usage: UsageBody::from(&compacted.usage),
        }
    }
}
