//! `/v1/models`.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use loquat_chat::Missing;

use crate::{
    HttpState,
    caller::Caller,
    error::ApiError,
    openapi::{NoSuchThing, Refused},
    wire::{list::ListBody, model::ModelBody},
};

/// The models that the caller may name, by name.
#[utoipa::path(
    get, path = "/v1/models", tag = "models",
    operation_id = "listModels",
    responses((status = 200, description = "All of them", body = ListBody<ModelBody>), Refused),
)]
pub(crate) async fn list(state: Data<HttpState>, Caller(scope): Caller) -> HttpResponse {
    let models = state.chat.models_for(&scope);
    let models = models.map(|model| ModelBody::from(model.as_ref())).collect();
    HttpResponse::Ok().json(ListBody::new(models, false))
}

/// Looks a model up.
#[utoipa::path(
    get, path = "/v1/models/{model}", tag = "models",
    operation_id = "retrieveModel",
    params(("model" = String, Path, description = "The model's name")),
    responses((status = 200, description = "The model", body = ModelBody), Refused, NoSuchThing),
)]
pub(crate) async fn retrieve(
    state: Data<HttpState>,
    Caller(scope): Caller,
    name: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let model = state.chat.models().get(&name).filter(|model| model.is_for(&scope.tenant));
    let model = model.ok_or_else(|| ApiError::not_found(Missing::Model))?;
    Ok(HttpResponse::Ok().json(ModelBody::from(model.as_ref())))
}
