//! Models.

use loquat_chat::Model;
use serde::Serialize;
use utoipa::ToSchema;

use super::list::Entry;

/// A model that can be named.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Model)]
pub(crate) struct ModelBody {
    id: String,
    object: &'static str,
    /// Since when it is offered, in seconds since the epoch.
    created: i64,
    owned_by: String,
}

impl From<&Model> for ModelBody {
    fn from(model: &Model) -> Self {
        Self {
            id: model.id.clone(),
            object: "model",
            created: model.created_at.as_secs(),
            owned_by: model.owner.clone(),
        }
    }
}

impl Entry for ModelBody {
    fn id(&self) -> &str {
        &self.id
    }
}
