//! What a model sees of a history, and which model: of an answer, of one that is not asked for yet,
//! and in few words.

use actix_web::{HttpResponse, web::Data};
use loquat_domain::ResponseId;

use crate::{
    HttpState,
    body::JsonBody,
    caller::Caller,
    error::ApiError,
    openapi::{BadBody, InTheWay, NoSuchThing, ProviderFailed, Refused},
    path::InPath,
    request::{
        compact::CompactBody, create_response::CreateResponseBody,
        input_tokens::InputTokensBody as Asked,
    },
    wire::{
        compaction::CompactionBody,
        context::{InputTokensBody, ResponseContextBody},
        route::RouteBody,
    },
};

/// Says what the model has seen of the history, and what not.
#[utoipa::path(
    get, path = "/v1/responses/{response_id}/context", tag = "responses",
    operation_id = "retrieveResponseContext",
    params(("response_id" = String, Path, description = "`resp_…`")),
    responses(
        (status = 200, description = "The receipt", body = ResponseContextBody<'_>),
        Refused, NoSuchThing,
    ),
)]
pub(crate) async fn retrieve(
    state: Data<HttpState>,
    Caller(scope): Caller,
    InPath(id): InPath<ResponseId>,
) -> Result<HttpResponse, ApiError> {
    let stored = state.chat.response(&scope, id).await?;
    let body = ResponseContextBody::of(&stored).ok_or_else(ApiError::internal)?;
    Ok(HttpResponse::Ok().json(body))
}

/// Says what a request for an answer would cost, and what the model would see.
///
/// The body is that of `POST /v1/responses`, but `input` may be absent. Nothing is stored, no model
/// is asked, and a running turn is not in the way.
#[utoipa::path(
    post, path = "/v1/responses/input_tokens", tag = "responses",
    operation_id = "countInputTokens",
    request_body = CreateResponseBody,
    responses(
        (status = 200, description = "The tokens and the receipt", body = InputTokensBody),
        Refused, NoSuchThing, BadBody,
    ),
)]
pub(crate) async fn input_tokens(
    state: Data<HttpState>,
    Caller(scope): Caller,
    JsonBody(body): JsonBody<Asked>,
) -> Result<HttpResponse, ApiError> {
    let receipt = state.chat.preview(&scope, body.try_into()?).await?;
    Ok(HttpResponse::Ok().json(InputTokensBody::from(receipt)))
}

/// Says which model would be asked, and why.
///
/// The body is that of `POST /v1/responses`. Nothing is stored and no model is asked.
#[utoipa::path(
    post, path = "/v1/route", tag = "models",
    operation_id = "chooseModel",
    request_body = CreateResponseBody,
    responses(
        (status = 200, description = "The choice", body = RouteBody),
        Refused, NoSuchThing, BadBody,
    ),
)]
pub(crate) async fn choose(
    state: Data<HttpState>,
    Caller(scope): Caller,
    JsonBody(body): JsonBody<CreateResponseBody>,
) -> Result<HttpResponse, ApiError> {
    let chosen = state.chat.choose(&scope, body.try_into()?).await?;
    Ok(HttpResponse::Ok().json(RouteBody::from(chosen)))
}

/// Has a model put a conversation into few words.
///
/// The `output` is sent as the `input` of a later request, in place of the conversation. Nothing is
/// stored or changed. A client that goes away stops the model.
#[utoipa::path(
    post, path = "/v1/responses/compact", tag = "responses",
    operation_id = "compactResponse",
    request_body = CompactBody,
    responses(
        (status = 200, description = "The conversation in short", body = CompactionBody),
        Refused, NoSuchThing, BadBody, InTheWay, ProviderFailed,
    ),
)]
pub(crate) async fn compact(
    state: Data<HttpState>,
    Caller(scope): Caller,
    JsonBody(body): JsonBody<CompactBody>,
) -> Result<HttpResponse, ApiError> {
    let compacted = state.chat.compact(&scope, body.try_into()?).await?;
    Ok(HttpResponse::Ok().json(CompactionBody::from(&compacted)))
}
