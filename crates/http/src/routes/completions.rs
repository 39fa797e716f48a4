//! `/v1/chat/completions`: for every client that knows nothing else. Nothing is stored that anybody
//! could find, and nothing at all without an idempotency key.

use actix_web::{HttpResponse, web::Data};
use loquat_chat::TurnRequest;

use super::ended;
use crate::{
    HttpState,
    caller::Authenticated,
    error::ApiError,
    once::OnceBody,
    openapi::{BadBody, IdempotencyKeyHeader, NoSuchThing, ProviderFailed, Refused, Stopping},
    rate_limits::RateLimits,
    request::create_completion::{Answer, CreateCompletionBody},
    stream,
    wire::completion::CompletionBody,
};

/// Asks a model to go on with a conversation that the caller keeps.
#[utoipa::path(
    post, path = "/v1/chat/completions", tag = "chat",
    operation_id = "createChatCompletion",
    params(IdempotencyKeyHeader),
    request_body = CreateCompletionBody,
    responses(
        (status = 200, description = "The answer: whole, or with `stream: true` as chunks",
            content((CompletionBody = "application/json"), (String = "text/event-stream"))),
        Refused, NoSuchThing, BadBody, Stopping, ProviderFailed,
    ),
)]
pub(crate) async fn create(
    state: Data<HttpState>,
    Authenticated(caller): Authenticated,
    OnceBody { body, once }: OnceBody<CreateCompletionBody>,
) -> Result<HttpResponse, ApiError> {
    let answer = body.answer();
    let asked = TurnRequest { once, token: caller.token_id, ..body.try_into()? };
    let started = state.chat.start_turn(&caller.scope, asked).await;
    let turn = started.map_err(|error| ApiError::from(error).renaming("input", "messages"))?;
    let limits = RateLimits::tightest(&turn.standings);
    let mut response = match answer {
        Answer::Stream { include_usage } => stream::completions(turn, include_usage),
        Answer::Whole => {
            let ended = ended(turn).await?;
            HttpResponse::Ok().json(CompletionBody::try_from(ended.as_ref())?)
        }
    };
    limits.tell(response.headers_mut());
    Ok(response)
}
