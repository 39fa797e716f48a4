//! Branches: OpenAI has none, so this is our own object in its style.

use loquat_domain::Branch;
use serde::Serialize;
use utoipa::ToSchema;

use super::list::Entry;

/// One of the lines from a conversation's first item to an item that nothing follows.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Branch)]
pub(crate) struct BranchBody {
    /// The id of its last item: `msg_…`, `fc_…`, `fco_…` or `rs_…`.
    id: String,
    /// `conversation.branch`
    object: &'static str,
    /// How many items are on it, from the conversation's first one.
    size: u64,
    /// True for the one that the conversation shows and continues.
    active: bool,
    /// When its last item was made, in seconds since the epoch.
    updated_at: i64,
}

impl From<&Branch> for BranchBody {
    fn from(branch: &Branch) -> Self {
        Self {
            id: branch.leaf.of_kind(branch.leaf_kind).to_string(),
            object: "conversation.branch",
            size: branch.size,
            active: branch.active,
            updated_at: branch.updated_at.as_secs(),
        }
    }
}

impl Entry for BranchBody {
    fn id(&self) -> &str {
        &self.id
    }
}
