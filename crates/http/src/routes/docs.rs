//! The API's description, for programs and for people.

use std::sync::Arc;

use actix_web::{
    HttpResponse,
    http::header::{CONTENT_SECURITY_POLICY, LOCATION, X_CONTENT_TYPE_OPTIONS},
    middleware::from_fn,
    web::{self, Data, Path, ServiceConfig},
};
use utoipa_swagger_ui::Config;

use super::public;
use crate::{HttpState, error::ApiError, observe::observe};

/// The page may load what this server sends and nothing else. Its scripts set styles on elements
/// and carry their icons with them.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

pub(crate) fn configure(config: &mut ServiceConfig) {
    // Relative, so that the page works wherever it is mounted; and the document is not sent to
    // swagger.io to be judged, as the page does by default.
    let page: Arc<Config<'static>> =
        Arc::new(Config::from("../openapi.json").validator_url("none"));
    config
        .service(public("/openapi.json").route(web::get().to(openapi)).wrap(from_fn(observe)))
        .service(public("/docs").route(web::get().to(to_page)).wrap(from_fn(observe)))
        .service(
            public("/docs/{file:.*}")
                .app_data(Data::from(page))
                .route(web::get().to(file))
                .wrap(from_fn(observe)),
        );
}

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "operations",
    operation_id = "retrieveDocument", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Object)),
)]
pub(crate) async fn openapi(state: Data<HttpState>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(state.openapi.clone())
}

/// The page's own address ends with a slash, so that what it names is found beside it.
#[utoipa::path(
    get, path = "/docs", tag = "operations",
    operation_id = "openDocs", security(()),
    responses((status = 308, description = "To the page: the same as this document, for people")),
)]
pub(crate) async fn to_page() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "docs/")).finish()
}

async fn file(name: Path<String>, page: Data<Config<'static>>) -> Result<HttpResponse, ApiError> {
    let served = utoipa_swagger_ui::serve(&name, page.into_inner());
    let file = served.map_err(|_| ApiError::internal())?.ok_or_else(ApiError::no_route)?;
    Ok(HttpResponse::Ok()
        .content_type(file.content_type)
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(file.bytes.into_owned()))
}
