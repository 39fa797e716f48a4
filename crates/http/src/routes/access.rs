//! `/v1/admin/revocations` and `/v1/admin/audit`: who may not, and who has decided what.

use actix_web::{HttpResponse, web::Data};
use loquat_domain::PageRequest;

use crate::{
    HttpState,
    body::JsonBody,
    caller::{AccessWrite, AuditRead, Granted},
    error::ApiError,
    openapi::{BadBody, BadPage, NoSuchThing, NotGranted, Refused},
    path::AuditId,
    query::Parameters,
    request::revocation::{RevokeBody, named},
    wire::{
        access::{AuditBody, RestoredBody, RevocationBody},
        list::ListBody,
    },
};

/// The revoked accesses of the caller's tenant.
#[utoipa::path(
    get, path = "/v1/admin/revocations", tag = "administration",
    operation_id = "listRevocations",
    responses(
        (status = 200, description = "All of them", body = ListBody<RevocationBody>),
        Refused, NotGranted,
    ),
)]
pub(crate) async fn list(
    state: Data<HttpState>,
    Granted { scope, .. }: Granted<AccessWrite>,
) -> Result<HttpResponse, ApiError> {
    let revocations = state.chat.revocations(&scope).await?;
    let bodies = revocations.iter().map(RevocationBody::from).collect();
    Ok(HttpResponse::Ok().json(ListBody::whole(bodies)))
}

/// Revokes the access of a user of the caller's tenant, or of one token.
///
/// From now on requests are refused as if there were no token, and running turns end as `cancelled`;
/// in other processes of the server within about a second.
#[utoipa::path(
    post, path = "/v1/admin/revocations", tag = "administration",
    operation_id = "revokeAccess",
    request_body = RevokeBody,
    responses(
        (status = 200, description = "The revocation", body = RevocationBody),
        Refused, NotGranted, BadBody,
    ),
)]
pub(crate) async fn revoke(
    state: Data<HttpState>,
    Granted { scope, .. }: Granted<AccessWrite>,
    JsonBody(body): JsonBody<RevokeBody>,
) -> Result<HttpResponse, ApiError> {
    let (whose, until) = body.read(state.chat.now())?;
    let revocation = state.chat.revoke(&scope, whose, until).await?;
    Ok(HttpResponse::Ok().json(RevocationBody::from(&revocation)))
}

/// Gives a revoked access back.
#[utoipa::path(
    delete, path = "/v1/admin/revocations", tag = "administration",
    operation_id = "restoreAccess",
    params(
        ("user" = Option<String>, Query, description = "The user"),
        ("token_id" = Option<String>, Query, description = "The token, in place of the user"),
    ),
    responses(
        (status = 200, description = "The access is back", body = RestoredBody),
        Refused, NotGranted, NoSuchThing, BadPage,
    ),
)]
pub(crate) async fn restore(
    state: Data<HttpState>,
    Granted { scope, .. }: Granted<AccessWrite>,
    parameters: Parameters,
) -> Result<HttpResponse, ApiError> {
    let whose = named(&parameters)?;
    let answer = RestoredBody::from(&whose);
    state.chat.restore(&scope, whose).await?;
    Ok(HttpResponse::Ok().json(answer))
}

/// What administrators of the caller's tenant have done, newest first unless asked otherwise.
#[utoipa::path(
    get, path = "/v1/admin/audit", tag = "administration",
    operation_id = "listAuditEntries",
    params(
        ("after" = Option<String>, Query, description = "The last entry of the page before"),
        ("limit" = Option<u8>, Query, description = "1 to 100, else 20"),
        ("order" = Option<String>, Query, description = "`asc` or `desc`; else `desc`"),
    ),
    responses(
        (status = 200, description = "One page", body = ListBody<AuditBody<'_>>),
        Refused, NotGranted, BadPage,
    ),
)]
pub(crate) async fn audit(
    state: Data<HttpState>,
    Granted { scope, .. }: Granted<AuditRead>,
    parameters: Parameters,
) -> Result<HttpResponse, ApiError> {
    let PageRequest { after, order, limit } = parameters.page()?;
    let after = after.map(|AuditId(id)| id);
    let found = state.chat.audit(&scope, PageRequest { after, order, limit }).await?;
    Ok(HttpResponse::Ok().json(ListBody::page(&found, AuditBody::from)))
}
