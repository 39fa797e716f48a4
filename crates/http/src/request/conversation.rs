//! Bodies of `/v1/conversations`.

use std::collections::BTreeMap;

use loquat_chat::NewConversation;
use loquat_domain::{ItemContent, Title};
use loquat_store::ConversationPatch;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    item::{ItemBody, contents},
    value::{self, present},
};
use crate::{
    body::RequestBody,
    error::{ApiError, ErrorCode},
    once::Creation,
};

/// The most items that can be added at once, as at OpenAI.
const MAX_ITEMS: usize = 20;

/// A wish for a conversation. Everything may be left out, the body too.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateConversation)]
pub(crate) struct CreateConversationBody {
    /// A name for people.
    #[schema(min_length = 1, max_length = 256)]
    title: Option<String>,
    /// At most 16 pairs; keys of up to 64 and values of up to 512 characters.
    metadata: Option<BTreeMap<String, String>>,
    /// What is in it from the start.
    #[schema(max_items = 20)]
    items: Option<Vec<ItemBody>>,
}

impl RequestBody for CreateConversationBody {
    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

impl Creation for CreateConversationBody {
    const ROUTE: &'static str = "conversations";
}

impl TryFrom<CreateConversationBody> for NewConversation {
    type Error = ApiError;

    fn try_from(body: CreateConversationBody) -> Result<Self, ApiError> {
        Ok(Self {
            title: body.title.map(title).transpose()?,
            metadata: value::metadata(body.metadata)?,
            items: few(body.items.unwrap_or_default())?,
            once: None,
        })
    }
}

/// What of a conversation shall change. At least one field is needed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateConversation)]
pub(crate) struct UpdateConversationBody {
    /// Replaces all pairs.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    metadata: Option<BTreeMap<String, String>>,
    /// A name for people; null takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 256)]
    #[expect(clippy::option_option, reason = "absent, null and a text mean three things")]
    title: Option<Option<String>>,
    /// True puts the conversation away, false takes it back.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    archived: Option<bool>,
}

impl RequestBody for UpdateConversationBody {}

impl TryFrom<UpdateConversationBody> for ConversationPatch {
    type Error = ApiError;

    fn try_from(body: UpdateConversationBody) -> Result<Self, ApiError> {
        let UpdateConversationBody { metadata, title: new_title, archived } = body;
        if metadata.is_none() && new_title.is_none() && archived.is_none() {
            let message = "metadata, title or archived is required";
            return Err(ApiError::new(ErrorCode::MissingRequiredParameter, message).at("metadata"));
        }
        Ok(Self {
            title: new_title.map(|it| it.map(title).transpose()).transpose()?,
            metadata: metadata.map(|pairs| value::metadata(Some(pairs))).transpose()?,
            archived,
        })
    }
}

/// Items to be added to a conversation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateItems)]
pub(crate) struct CreateItemsBody {
    #[schema(min_items = 1, max_items = 20)]
    items: Vec<ItemBody>,
}

impl RequestBody for CreateItemsBody {}

impl Creation for CreateItemsBody {
    const ROUTE: &'static str = "items";
}

impl TryFrom<CreateItemsBody> for Vec<ItemContent> {
    type Error = ApiError;

    fn try_from(body: CreateItemsBody) -> Result<Self, ApiError> {
        if body.items.is_empty() {
            return Err(ApiError::invalid("items", "items has at least one entry"));
        }
        few(body.items)
    }
}

fn few(items: Vec<ItemBody>) -> Result<Vec<ItemContent>, ApiError> {
    if items.len() > MAX_ITEMS {
        return Err(ApiError::invalid("items", format!("items has at most {MAX_ITEMS} entries")));
    }
    contents(items, "items")
}

fn title(text: String) -> Result<Title, ApiError> {
    Title::new(text).map_err(|error| ApiError::invalid("title", error.to_string()))
}
