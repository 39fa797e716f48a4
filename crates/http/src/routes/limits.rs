//! `/v1/limits` and `/v1/admin/limits`: how much may be used, and how much is left.

use actix_web::{HttpResponse, web::Data};
use loquat_domain::Limit;

use crate::{
    HttpState,
    body::JsonBody,
    caller::{Caller, Granted, LimitsWrite},
    error::ApiError,
    openapi::{BadBody, BadPage, NoSuchThing, NotGranted, Refused},
    query::Parameters,
    request::limit::{SetLimitBody, named},
    wire::{
        limit::{LimitBody, RemovedLimitBody, StandingBody},
        list::ListBody,
    },
};

/// The limits that hold for the caller, and what is left of each.
#[utoipa::path(
    get, path = "/v1/limits", tag = "usage",
    operation_id = "listStandings",
    params(("model" = Option<String>, Query,
        description = "Of the limits of single models those of this one; else of each")),
    responses(
        (status = 200, description = "All of them", body = ListBody<StandingBody>),
        Refused, NoSuchThing, BadPage,
    ),
)]
pub(crate) async fn standings(
    state: Data<HttpState>,
    Caller(scope): Caller,
    parameters: Parameters,
) -> Result<HttpResponse, ApiError> {
    let standings = state.chat.standings(&scope, parameters.get("model")?).await?;
    let bodies = standings.iter().map(StandingBody::from).collect();
    Ok(HttpResponse::Ok().json(ListBody::whole(bodies)))
}

/// The limits that were set for the caller's tenant, beside those of the configuration.
#[utoipa::path(
    get, path = "/v1/admin/limits", tag = "administration",
    operation_id = "listLimits",
    responses(
        (status = 200, description = "All of them", body = ListBody<LimitBody>),
        Refused, NotGranted,
    ),
)]
pub(crate) async fn list(
    state: Data<HttpState>,
    Granted { scope, .. }: Granted<LimitsWrite>,
) -> Result<HttpResponse, ApiError> {
    let limits = state.chat.limits(&scope).await?;
    let bodies = limits.iter().map(LimitBody::from).collect();
    Ok(HttpResponse::Ok().json(ListBody::whole(bodies)))
}

/// Sets a limit for the caller's tenant, in place of what was set or configured for the same.
///
/// It holds everywhere within seconds.
#[utoipa::path(
    put, path = "/v1/admin/limits", tag = "administration",
    operation_id = "setLimit",
    request_body = SetLimitBody,
    responses(
        (status = 200, description = "The limit", body = LimitBody),
        Refused, NotGranted, NoSuchThing, BadBody,
    ),
)]
pub(crate) async fn set(
    state: Data<HttpState>,
    Granted { scope, .. }: Granted<LimitsWrite>,
    JsonBody(body): JsonBody<SetLimitBody>,
) -> Result<HttpResponse, ApiError> {
    let limit = Limit::try_from(body)?;
    let answer = LimitBody::from(&limit);
    state.chat.set_limit(&scope, limit).await?;
    Ok(HttpResponse::Ok().json(answer))
}

/// Takes a limit away that was set for the caller's tenant: what is configured holds again.
#[utoipa::path(
    delete, path = "/v1/admin/limits", tag = "administration",
    operation_id = "removeLimit",
    params(
        ("whom" = String, Query, description = "`tenant`, `each_user` or `user`"),
        ("user" = Option<String>, Query, description = "The user, where `whom` is `user`"),
        ("model" = Option<String>, Query, description = "The model, if the limit is one of a model"),
        ("meter" = String, Query, description = "What is limited"),
    ),
    responses(
        (status = 200, description = "It is gone", body = RemovedLimitBody),
        Refused, NotGranted, NoSuchThing, BadPage,
    ),
)]
pub(crate) async fn remove(
    state: Data<HttpState>,
    Granted { scope, .. }: Granted<LimitsWrite>,
    parameters: Parameters,
) -> Result<HttpResponse, ApiError> {
    let key = named(&parameters)?;
    let answer = RemovedLimitBody::from(&key);
    state.chat.remove_limit(&scope, key).await?;
    Ok(HttpResponse::Ok().json(answer))
}
