//! `/v1/responses`: the turn.

use actix_web::{HttpRequest, HttpResponse, http::header::HeaderMap, web::Data};
use loquat_auth::Principal;
use loquat_chat::{Turn, TurnRequest};
use loquat_domain::{ResponseId, Status};

use super::ended;
use crate::{
    HttpState,
    caller::{Authenticated, Caller},
    encode::ReasoningEvents,
    error::ApiError,
    once::OnceBody,
    openapi::{
        BadBody, BadPage, IdempotencyKeyHeader, NoSuchThing, ProviderFailed, Refused, Turning,
    },
    path::InPath,
    query::{Parameters, Telling},
    rate_limits::RateLimits,
    request::create_response::CreateResponseBody,
    stream,
    wire::{conversation::DeletedBody, response::ResponseBody},
};

/// Asks a model for an answer.
///
/// The new items are stored before the first byte of the answer leaves, and the last event comes
/// only after the end is stored. A client that goes away cancels the turn, unless it is one with
/// `background: true` or an `Idempotency-Key`; what came is kept.
#[utoipa::path(
    post, path = "/v1/responses", tag = "responses",
    operation_id = "createResponse",
    params(IdempotencyKeyHeader),
    request_body = CreateResponseBody,
    responses(
        (status = 200, description = "The answer: whole, or with `stream: true` as events; with \
            `background: true` and without `stream`, the response as it waits",
            content((ResponseBody<'_> = "application/json"), (String = "text/event-stream"))),
        Refused, NoSuchThing, BadBody, Turning, ProviderFailed,
    ),
)]
pub(crate) async fn create(
    state: Data<HttpState>,
    Authenticated(caller): Authenticated,
    request: HttpRequest,
    OnceBody { body, once }: OnceBody<CreateResponseBody>,
) -> Result<HttpResponse, ApiError> {
    let streams = body.streams();
    let asked = TurnRequest { once, token: caller.token_id, ..body.try_into()? };
    let store = asked.store;
    let turn = state.chat.start_turn(&caller.scope, asked).await?;
    let limits = RateLimits::tightest(&turn.standings);
    let mut response = if streams {
        stream::responses(turn, reasoning_events(request.headers()), None)
    } else {
        whole(turn, store).await?
    };
    limits.tell(response.headers_mut());
    Ok(response)
}

/// The answer when it is there, or at once the response of one that is asked for again.
async fn whole(turn: Turn, store: bool) -> Result<HttpResponse, ApiError> {
    if turn.response.background {
        return Ok(HttpResponse::Ok().json(ResponseBody::new(&turn.response, &[])));
    }
    let ended = ended(turn).await?;
    if let Status::Failed(failure) = &ended.response.status {
        return Err(failure.into());
    }
    let body = ResponseBody::new(&ended.response, &ended.output).stored(store);
    Ok(HttpResponse::Ok().json(body))
}

/// The two specifications name the events of a model's thoughts differently. OpenAI's own clients
/// know only OpenAI's names, and every one of them sends this header.
fn reasoning_events(headers: &HeaderMap) -> ReasoningEvents {
    if headers.contains_key("x-stainless-lang") {
        ReasoningEvents::OpenAi
    } else {
        ReasoningEvents::OpenResponses
    }
}

/// Looks an answer up, also one that is still being produced.
///
/// With `stream=true` it is told as the events of its stream: those that were, and then those that
/// come. A client that lost its stream asks for what came after the last event that it has had, and
/// gets it byte for byte. When the events are no longer kept (`limits.event_log_keep_ms` after the
/// end) the answer is told anew and whole, from event 0 on and with each text in one piece.
#[utoipa::path(
    get, path = "/v1/responses/{response_id}", tag = "responses",
    operation_id = "retrieveResponse",
    params(
        ("response_id" = String, Path, description = "`resp_…`"),
        ("stream" = Option<bool>, Query, description = "As events"),
        ("starting_after" = Option<u64>, Query,
            description = "With `stream=true`: the `sequence_number` of the last event that the \
                client has had"),
    ),
    responses(
        (status = 200, description = "The answer: as it is, or with `stream=true` as events",
            content((ResponseBody<'_> = "application/json"), (String = "text/event-stream"))),
        Refused, NoSuchThing, BadPage,
    ),
)]
pub(crate) async fn retrieve(
    state: Data<HttpState>,
    Authenticated(Principal { scope, token_id, .. }): Authenticated,
    request: HttpRequest,
    InPath(id): InPath<ResponseId>,
    parameters: Parameters,
) -> Result<HttpResponse, ApiError> {
    match parameters.telling()? {
        Telling::Whole => {
            let stored = state.chat.response(&scope, id).await?;
            Ok(HttpResponse::Ok().json(ResponseBody::from(&stored)))
        }
        Telling::Events { after } => {
            let turn = state.chat.follow_response(&scope, id, after, token_id.as_ref()).await?;
            Ok(stream::responses(turn, reasoning_events(request.headers()), after))
        }
    }
}

/// Deletes an answer. One that is being produced is stopped; items of a conversation stay in it.
#[utoipa::path(
    delete, path = "/v1/responses/{response_id}", tag = "responses",
    operation_id = "deleteResponse",
    params(("response_id" = String, Path, description = "`resp_…`")),
    responses((status = 200, description = "It is gone", body = DeletedBody), Refused, NoSuchThing),
)]
pub(crate) async fn delete(
    state: Data<HttpState>,
    Caller(scope): Caller,
    InPath(id): InPath<ResponseId>,
) -> Result<HttpResponse, ApiError> {
    state.chat.delete_response(&scope, id).await?;
    Ok(HttpResponse::Ok().json(DeletedBody::response(id)))
}

/// Stops an answer and returns what there is of it. One that has ended is returned as it is.
#[utoipa::path(
    post, path = "/v1/responses/{response_id}/cancel", tag = "responses",
    operation_id = "cancelResponse",
    params(("response_id" = String, Path, description = "`resp_…`")),
    responses((status = 200, description = "The answer", body = ResponseBody<'_>), Refused, NoSuchThing),
)]
pub(crate) async fn cancel(
    state: Data<HttpState>,
    Caller(scope): Caller,
    InPath(id): InPath<ResponseId>,
) -> Result<HttpResponse, ApiError> {
    let stored = state.chat.cancel_response(&scope, id).await?;
    Ok(HttpResponse::Ok().json(ResponseBody::from(&stored)))
}
