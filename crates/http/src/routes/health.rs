//! Whether the process lives and whether it can work.

use actix_web::{HttpResponse, web::Data};
use loquat_auth::AuthError;

use crate::{HttpState, error::ApiError, openapi::NotReady};

/// Succeeds as long as the process answers.
#[utoipa::path(
    get, path = "/healthz", tag = "operations",
    operation_id = "isAlive", security(()),
    responses((status = 200, description = "It lives", body = String, content_type = "text/plain")),
)]
pub(crate) async fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

/// Succeeds when new turns can be accepted: the store answers, and the server is not being stopped.
#[utoipa::path(
    get, path = "/readyz", tag = "operations",
    operation_id = "isReady", security(()),
    responses(
        (status = 200, description = "It can work", body = String, content_type = "text/plain"),
        NotReady,
    ),
)]
pub(crate) async fn ready(state: Data<HttpState>) -> Result<HttpResponse, ApiError> {
    state.chat.ready().await?;
    // Nobody's turn can be accepted before anybody's token can be checked.
    if !state.verifier.is_ready() {
        return Err(AuthError::Unavailable("no issuer's keys have come yet".into()).into());
    }
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n"))
}
