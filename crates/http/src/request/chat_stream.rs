//! `POST /chat/stream`.

use loquat_chat::{ContextWish, Missing, Target, TurnRequest};
use loquat_domain::{ItemContent, Message, Metadata, Role, Settings};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{body::RequestBody, error::ApiError, once::Creation};

/// Something said to a model.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChatMessage)]
pub(crate) struct ChatBody {
    /// What is said.
    #[schema(min_length = 1, example = "Good morning, moon!")]
    message: String,
    /// Goes on with this conversation. Absent: a new one, named by the answer's header
    /// `x-conversation-id`.
    conversation_id: Option<String>,
    /// Absent: the server's default model.
    model: Option<String>,
}

impl RequestBody for ChatBody {}

impl Creation for ChatBody {
    const ROUTE: &'static str = "chat.stream";
}

impl TryFrom<ChatBody> for TurnRequest {
    type Error = ApiError;

    fn try_from(body: ChatBody) -> Result<Self, ApiError> {
        if body.message.is_empty() {
            return Err(ApiError::invalid("message", "message has at least one character"));
        }
        let target = match body.conversation_id {
            None => Target::NewConversation,
            Some(id) => Target::Conversation(
                id.parse().map_err(|_| ApiError::not_found(Missing::Conversation))?,
            ),
        };
        Ok(Self {
            model: body.model,
            target,
            input: vec![ItemContent::Message(Message::text(Role::User, body.message))],
            settings: Settings::default(),
            context: ContextWish::default(),
            metadata: Metadata::default(),
            store: true,
            background: false,
            once: None,
            token: None,
        })
    }
}
