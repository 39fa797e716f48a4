//! `/chat/stream`: the smallest thing that works.

use actix_web::{HttpRequest, HttpResponse, http::header::HeaderValue, web::Data};
use loquat_chat::TurnRequest;

use crate::{
    HttpState, accept,
    caller::Authenticated,
    encode::ChatFormat,
    error::ApiError,
    header::{CONVERSATION_ID, RESPONSE_ID},
    once::OnceBody,
    openapi::{
        BadBody, ChatLine, IdempotencyKeyHeader, NoSuchThing, NotOffered, ProviderFailed, Refused,
        Turning,
    },
    rate_limits::RateLimits,
    request::chat_stream::ChatBody,
    stream,
};

/// Says something to a model and streams what it answers, in the format that `Accept` asks for:
/// bare text, a JSON object a line, or server-sent events.
#[utoipa::path(
    post, path = "/chat/stream", tag = "chat",
    operation_id = "streamChat",
    params(IdempotencyKeyHeader),
    request_body = ChatBody,
    responses(
        (status = 200, description = "The answer as it is produced",
            content(
                (String = "text/plain"),
                (ChatLine = "application/x-ndjson"),
                (ChatLine = "text/event-stream"),
            ),
            headers(
                ("x-conversation-id" = String, description = "The conversation"),
                ("x-response-id" = String, description = "The answer"),
            )),
        Refused, NoSuchThing, NotOffered, BadBody, Turning, ProviderFailed,
    ),
)]
pub(crate) async fn create(
    state: Data<HttpState>,
    Authenticated(caller): Authenticated,
    request: HttpRequest,
    OnceBody { body, once }: OnceBody<ChatBody>,
) -> Result<HttpResponse, ApiError> {
    let format = format(&request)?;
    let asked = TurnRequest { once, token: caller.token_id, ..body.try_into()? };
    let started = state.chat.start_turn(&caller.scope, asked).await;
    let turn = started.map_err(|error| ApiError::from(error).renaming("input", "message"))?;
    let conversation = turn.response.conversation.map(|id| id.to_string());
    let response_id = turn.response.id.to_string();
    let limits = RateLimits::tightest(&turn.standings);
    let mut response = stream::chat(turn, format);
    limits.tell(response.headers_mut());
    for (name, id) in [(CONVERSATION_ID, conversation), (RESPONSE_ID, Some(response_id))] {
        if let Some(value) = id.and_then(|id| HeaderValue::from_str(&id).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

/// The format that the caller likes best of those that there are.
fn format(request: &HttpRequest) -> Result<ChatFormat, ApiError> {
    let known = |kind: &str| match kind {
        "*/*" | "text/*" | "text/plain" => Some(ChatFormat::Text),
        "application/x-ndjson" => Some(ChatFormat::Ndjson),
        "text/event-stream" => Some(ChatFormat::Sse),
        _ => None,
    };
    let offer = "the formats are text/plain, application/x-ndjson and text/event-stream";
    accept::format(request, ChatFormat::Text, known, offer)
}

#[cfg(test)]
mod tests {
    use actix_web::{http::header, test::TestRequest};

    use super::*;

    fn chosen(accept: &str) -> Option<ChatFormat> {
        let request = TestRequest::default().insert_header((header::ACCEPT, accept));
        format(&request.to_http_request()).ok()
    }

    #[test]
    fn the_best_of_what_is_accepted_is_chosen() {
        let none = TestRequest::default().to_http_request();
        assert_eq!(format(&none).ok(), Some(ChatFormat::Text));
        for (accept, format) in [
            ("*/*", ChatFormat::Text),
            ("application/x-ndjson", ChatFormat::Ndjson),
            ("text/event-stream", ChatFormat::Sse),
            ("text/plain;q=0.5, application/x-ndjson", ChatFormat::Ndjson),
            ("application/json, text/event-stream;q=0.1", ChatFormat::Sse),
            ("text/plain; charset=utf-8", ChatFormat::Text),
        ] {
            assert_eq!(chosen(accept), Some(format), "{accept}");
        }
    }

    #[test]
    fn what_is_not_offered_is_not_sent() {
        for accept in ["application/json", "image/png", "text/html"] {
            assert_eq!(chosen(accept), None, "{accept}");
        }
    }
}
