//! `POST /v1/responses/compact`.

use loquat_chat::{CompactHistory, CompactRequest, Target};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    create_response::{ConversationName, input, target},
    item::ItemBody,
};
use crate::{
    body::{Field, RequestBody},
    error::ApiError,
    rules,
    text_or::TextOr,
};

/// What shall be put in few words: the history that is named, and then the new items. At least one
/// of the last three fields is there.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = CompactResponse)]
pub(crate) struct CompactBody {
    /// The model that writes the summary. Absent: the server's default model.
    model: Option<String>,
    /// The new items; a text is one message of the user.
    input: Option<TextOr<Vec<ItemBody>>>,
    /// This response and all that it continued. Not together with `conversation`.
    previous_response_id: Option<String>,
    /// The active branch of this conversation, an id or `{"id": …}`. An extension of this server.
    conversation: Option<TextOr<ConversationName>>,
}

impl RequestBody for CompactBody {
    fn check(fields: &[Field<'_>]) -> Result<(), ApiError> {
        rules::check(fields, rules::COMPACTIONS)
    }
}

impl TryFrom<CompactBody> for CompactRequest {
    type Error = ApiError;

    fn try_from(body: CompactBody) -> Result<Self, ApiError> {
        let has_input = body.input.is_some();
        let history = match target(body.conversation, body.previous_response_id)? {
            Target::Nothing | Target::NewConversation if !has_input => {
                return Err(ApiError::missing("input"));
            }
            Target::Nothing | Target::NewConversation => CompactHistory::Nothing,
            Target::Conversation(id) => CompactHistory::Conversation(id),
            Target::Response(id) => CompactHistory::Response(id),
            Target::After(..) => return Err(ApiError::unsupported("conversation.after")),
        };
        Ok(Self { model: body.model, history, input: input(body.input)? })
    }
}
