//! What is mounted where. One file a group of paths; a handler parses, calls one use case and
//! renders.

pub(crate) mod access;
pub(crate) mod branches;
pub(crate) mod chat_stream;
pub(crate) mod completions;
pub(crate) mod context;
pub(crate) mod conversations;
pub(crate) mod docs;
pub(crate) mod health;
pub(crate) mod items;
pub(crate) mod limits;
pub(crate) mod models;
pub(crate) mod providers;
pub(crate) mod responses;
pub(crate) mod usage;

use std::sync::Arc;

use actix_web::{
    HttpResponse, Resource, ResponseError as _,
    middleware::from_fn,
    web::{self, Data, PathConfig, ServiceConfig},
};
use loquat_chat::Turn;
use loquat_domain::Ended;

use crate::{HttpState, caller::authenticate, error::ApiError, observe::observe, stream};

/// Mounts every path of this crate: `/v1`, `/chat/stream`, `/healthz`, `/readyz`, `/openapi.json`
/// and `/docs`. Other paths get a 404 of the same form, unless the application sets a default
/// service of its own afterwards.
///
/// The server needs the settings of [`require`](crate::require).
pub fn configure(state: HttpState) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        let v1 = web::scope("/v1")
            .wrap(from_fn(authenticate))
            .wrap(from_fn(observe))
            .app_data(PathConfig::default().error_handler(|_, _| ApiError::no_route().into()))
            .configure(v1)
            .default_service(web::to(no_route));
        let chat = resource("/chat/stream", "POST")
            .route(web::post().to(chat_stream::create))
            .wrap(from_fn(authenticate))
            .wrap(from_fn(observe));
        config
            .app_data(Data::new(state))
            .service(v1)
            .service(chat)
            .service(public("/healthz").route(web::get().to(health::alive)).wrap(from_fn(observe)))
            .service(public("/readyz").route(web::get().to(health::ready)).wrap(from_fn(observe)))
            .configure(docs::configure)
            .default_service(web::to(no_route).wrap(from_fn(observe)));
    }
}

fn v1(config: &mut ServiceConfig) {
    config
        .service(resource("/responses", "POST").route(web::post().to(responses::create)))
        .service(
            resource("/responses/input_tokens", "POST")
                .route(web::post().to(context::input_tokens)),
        )
        .service(resource("/responses/compact", "POST").route(web::post().to(context::compact)))
        .service(
            resource("/responses/{response_id}", "GET, DELETE")
                .route(web::get().to(responses::retrieve))
                .route(web::delete().to(responses::delete)),
        )
        .service(
            resource("/responses/{response_id}/cancel", "POST")
                .route(web::post().to(responses::cancel)),
        )
        .service(
            resource("/responses/{response_id}/context", "GET")
                .route(web::get().to(context::retrieve)),
        )
        .service(
            resource("/conversations", "GET, POST")
                .route(web::get().to(conversations::list))
                .route(web::post().to(conversations::create)),
        )
        .service(
            resource("/conversations/{conversation_id}", "GET, POST, DELETE")
                .route(web::get().to(conversations::retrieve))
                .route(web::post().to(conversations::update))
                .route(web::delete().to(conversations::delete)),
        )
        .service(
            resource("/conversations/{conversation_id}/items", "GET, POST")
                .route(web::get().to(items::list))
                .route(web::post().to(items::create)),
        )
        .service(
            resource("/conversations/{conversation_id}/items/{item_id}", "GET, DELETE")
                .route(web::get().to(items::retrieve))
                .route(web::delete().to(items::delete)),
        )
        .service(
            resource("/conversations/{conversation_id}/branches", "GET")
                .route(web::get().to(branches::list)),
        )
        .service(
            resource("/conversations/{conversation_id}/branches/{branch_id}", "POST")
                .route(web::post().to(branches::activate)),
        )
        .service(resource("/chat/completions", "POST").route(web::post().to(completions::create)))
        .service(resource("/route", "POST").route(web::post().to(context::choose)))
        .service(resource("/usage", "GET").route(web::get().to(usage::list)))
        .service(resource("/limits", "GET").route(web::get().to(limits::standings)))
        .configure(admin)
        .service(resource("/models", "GET").route(web::get().to(models::list)))
        // A model's name may have slashes.
        .service(resource("/models/{model:.+}", "GET").route(web::get().to(models::retrieve)));
}

fn admin(config: &mut ServiceConfig) {
    config
        .service(
            resource("/admin/limits", "GET, PUT, DELETE")
                .route(web::get().to(limits::list))
                .route(web::put().to(limits::set))
                .route(web::delete().to(limits::remove)),
        )
        .service(
            resource("/admin/revocations", "GET, POST, DELETE")
                .route(web::get().to(access::list))
                .route(web::post().to(access::revoke))
                .route(web::delete().to(access::restore)),
        )
        .service(resource("/admin/audit", "GET").route(web::get().to(access::audit)))
        .service(resource("/admin/providers", "GET").route(web::get().to(providers::list)));
}

/// A path that names its methods to whoever tries another one.
fn resource(path: &str, methods: &'static str) -> Resource {
    let refuse = move || async move { ApiError::no_method(methods).error_response() };
    web::resource(path).default_service(web::to(refuse))
}

/// A path that is read without a token.
fn public(path: &str) -> Resource {
    resource(path, "GET")
}

async fn no_route() -> HttpResponse {
    ApiError::no_route().error_response()
}

/// Waits for a turn's end.
async fn ended(turn: Turn) -> Result<Arc<Ended>, ApiError> {
    stream::wait(turn).await.ok_or_else(ApiError::internal)
}
