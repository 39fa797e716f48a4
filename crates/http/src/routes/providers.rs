//! `/v1/admin/providers`: how those are doing who answer.

use actix_web::{HttpResponse, web::Data};

use crate::{
    HttpState,
    caller::{Granted, ProvidersRead},
    openapi::{NotGranted, Refused},
    wire::{list::ListBody, provider::ProviderBody},
};

/// How each provider is doing, as the process sees it that answers.
#[utoipa::path(
    get, path = "/v1/admin/providers", tag = "administration",
    operation_id = "listProviders",
    responses(
        (status = 200, description = "All of them", body = ListBody<ProviderBody>),
        Refused, NotGranted,
    ),
)]
pub(crate) async fn list(state: Data<HttpState>, _: Granted<ProvidersRead>) -> HttpResponse {
    let providers = (state.providers)().into_iter().map(ProviderBody::from).collect();
    HttpResponse::Ok().json(ListBody::new(providers, false))
}
