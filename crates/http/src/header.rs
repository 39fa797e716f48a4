//! Names of headers that HTTP itself does not have.

use actix_web::http::header::HeaderName;

/// Names the conversation, so that the next message can go on with it.
pub(crate) const CONVERSATION_ID: HeaderName = HeaderName::from_static("x-conversation-id");

/// Names the answer, so that it can be stopped or followed before it has said so itself.
pub(crate) const RESPONSE_ID: HeaderName = HeaderName::from_static("x-response-id");

/// The `after` of the next page, where the body has no place for it.
pub(crate) const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// A caller's own name for a request, so that sending it again does not do it again.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The same as people write it.
pub(crate) const IDEMPOTENCY_KEY_NAME: &str = "Idempotency-Key";
