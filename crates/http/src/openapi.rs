//! The API's own description, generated from the handlers and the shapes.

use utoipa::{
    IntoParams, IntoResponses, Modify, OpenApi, ToSchema,
    openapi::{
        OpenApi as Document,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::{
    error::{ErrorBody, ErrorObject},
    routes::{
        access, branches, chat_stream, completions, context, conversations, docs, health, items,
        limits, models, providers, responses, usage,
    },
};

/// The OpenAPI 3.1 document of everything that [`configure`](crate::configure) mounts, as JSON.
///
/// `docs/openapi.json` is this text; a test compares them.
pub fn openapi_json() -> String {
    // The document is made of texts and maps of texts, which always have a JSON form.
    let mut json = Api::openapi().to_pretty_json().unwrap_or_default();
    json.push('\n');
    json
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Loquat",
        description = "The backend for your own chat. Everything under `/v1` has the shapes of \
            OpenAI's API and of the Open Responses specification.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(
        responses::create, responses::retrieve, responses::delete, responses::cancel,
        context::retrieve, context::input_tokens, context::compact,
        conversations::create, conversations::list, conversations::retrieve,
        conversations::update, conversations::delete,
        items::list, items::create, items::retrieve, items::delete,
        branches::list, branches::activate,
        completions::create,
        models::list, models::retrieve, context::choose,
        chat_stream::create,
        usage::list, limits::standings,
        limits::list, limits::set, limits::remove,
        access::list, access::revoke, access::restore, access::audit, providers::list,
        health::alive, health::ready, docs::openapi, docs::to_page,
    ),
    components(schemas(ErrorBody, ErrorObject)),
    modifiers(&BearerToken),
    security(("bearer" = [])),
    tags(
        (name = "responses", description = "The turn"),
        (name = "conversations", description = "The notebook"),
        (name = "chat", description = "For clients that know nothing else"),
        (name = "models", description = "What can be named as `model`"),
        (name = "usage", description = "What was used, and what is left"),
        (name = "administration", description = "With scopes that not every token has"),
        (name = "operations", description = "Without a token"),
    ),
)]
struct Api;

struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("`Authorization: Bearer <token>`, and nothing else"));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme.build()));
    }
}

/// A line, or an event, of `/chat/stream`. The last one has `is_complete: true` and says how the
/// answer ended.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the encoder of that format writes")]
pub(crate) struct ChatLine {
    /// The next piece of the answer; empty in the last line.
    content: String,
    is_complete: bool,
    /// Last line: `completed`, `incomplete`, `failed` or `cancelled`.
    status: Option<String>,
    /// Last line: the conversation.
    conversation_id: Option<String>,
    /// Last line: the answer.
    response_id: Option<String>,
    /// Last line of an answer that was cut off.
    incomplete_reason: Option<String>,
    /// Last line of an answer that failed.
    error: Option<ErrorObject>,
}

/// The header of whatever makes something.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what OnceBody reads")]
pub(crate) struct IdempotencyKeyHeader {
    /// A name of the caller's own for this request, 1 to 255 printable ASCII characters without
    /// spaces. Whatever comes with the same name again within 24 h is not done again.
    #[param(
        rename = "Idempotency-Key",
        value_type = String,
        required = false,
        min_length = 1,
        max_length = 255,
    )]
    idempotency_key: Option<String>,
}

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $status:literal $description:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(IntoResponses)]
        #[expect(dead_code, reason = "describes answers; ApiError makes them")]
        pub(crate) enum $name {
            $(
                #[response(status = $status, description = $description)]
                $variant(ErrorBody),
            )+
        }
    )+};
}

errors! {
    /// Whatever is asked with a token.
    Refused {
        Unauthorized = 401 "There is no token, or it is not believed",
        ServerError = 500 "A fault of the server",
        Unavailable = 503 "The store or the check of tokens cannot be reached; try again",
    }
    /// What not every token grants.
    NotGranted {
        Forbidden = 403 "The token does not grant the scope that this needs; the message names it",
    }
    /// Whatever names something.
    NoSuchThing {
        NotFound = 404 "The caller has no such thing; the answer is the same whether it exists",
    }
    /// Whatever has a body.
    BadBody {
        BadRequest = 400 "A field is wrong; `param` names it",
        Timeout = 408 "The body did not arrive within 10 s",
        TooLarge = 413 "The body has more than 1 MiB",
        UnsupportedMediaType = 415 "The body is not declared as JSON",
    }
    /// A list.
    BadPage {
        BadRequest = 400 "A parameter is wrong; `param` names it",
    }
    /// Whatever comes in several formats.
    NotOffered {
        NotAcceptable = 406 "None of the accepted formats is offered",
    }
    /// A change of a conversation.
    InTheWay {
        Conflict = 409 "A turn is running in the conversation; try again after `Retry-After`",
    }
    /// What may come again by its name.
    KeyReused {
        Unprocessable = 422 "The `Idempotency-Key` was used for another request",
    }
    /// A turn that is stored.
    Turning {
        Conflict = 409 "A turn is running in the conversation, or the same request is being \
            answered; try again after `Retry-After`, or follow the one that `x-response-id` names",
        Gone = 410 "The turn was stopped before its answer began",
        Unprocessable = 422 "The `Idempotency-Key` was used for another request",
    }
    /// A turn that is not stored.
    Stopping {
        Conflict = 409 "The same request is being answered; try again after `Retry-After`",
        Gone = 410 "The turn was stopped before its answer began",
        Unprocessable = 422 "The `Idempotency-Key` was used for another request",
    }
    /// Whatever asks a model.
    ProviderFailed {
        RateLimited = 429 "A limit is reached, the money is spent, the provider asks to slow down, \
            or too many answers wait in the background",
        BadGateway = 502 "The provider failed",
        GatewayTimeout = 504 "The provider was too slow",
    }
    /// Whether new turns can be accepted.
    NotReady {
        Unavailable = 503 "Not now",
    }
}
