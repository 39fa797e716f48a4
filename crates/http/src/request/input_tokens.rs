//! `POST /v1/responses/input_tokens`.

use loquat_chat::TurnRequest;
use serde::Deserialize;

use super::create_response::CreateResponseBody;
use crate::{
    body::{Field, RequestBody},
    error::ApiError,
};

/// The body of a request for an answer that is not asked for yet; `input` may be absent.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct InputTokensBody(CreateResponseBody);

impl RequestBody for InputTokensBody {
    fn check(fields: &[Field<'_>]) -> Result<(), ApiError> {
        CreateResponseBody::check(fields)
    }
}

impl TryFrom<InputTokensBody> for TurnRequest {
    type Error = ApiError;

    fn try_from(InputTokensBody(body): InputTokensBody) -> Result<Self, ApiError> {
        body.request()
    }
}
