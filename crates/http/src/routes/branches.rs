//! `/v1/conversations/{id}/branches`: what else was asked and answered.

use actix_web::{HttpResponse, web::Data};
use loquat_domain::ConversationId;

use crate::{
    HttpState,
    caller::Caller,
    error::ApiError,
    openapi::{BadPage, InTheWay, NoSuchThing, Refused},
    path::{BranchId, InPath},
    query::Parameters,
    wire::{branch::BranchBody, list::ListBody},
};

/// The branches of a conversation, the one with the newest last item first unless asked otherwise.
///
/// A turn that continues an earlier item (`conversation.after`) begins a new branch. What was there
/// stays, on a branch of its own.
#[utoipa::path(
    get, path = "/v1/conversations/{conversation_id}/branches", tag = "conversations",
    operation_id = "listBranches",
    params(
        ("conversation_id" = String, Path, description = "`conv_…`"),
        ("after" = Option<String>, Query, description = "The last entry of the page before"),
        ("limit" = Option<u8>, Query, description = "1 to 100, else 20"),
        ("order" = Option<String>, Query, description = "`asc` or `desc`; else `desc`"),
    ),
    responses(
        (status = 200, description = "One page", body = ListBody<BranchBody>),
        Refused, NoSuchThing, BadPage,
    ),
)]
pub(crate) async fn list(
    state: Data<HttpState>,
    Caller(scope): Caller,
    InPath(conversation): InPath<ConversationId>,
    parameters: Parameters,
) -> Result<HttpResponse, ApiError> {
    let found = state.chat.branches(&scope, conversation, parameters.page()?).await?;
    Ok(HttpResponse::Ok().json(ListBody::page(&found, BranchBody::from)))
}

/// Makes a branch the one that the conversation shows and continues.
#[utoipa::path(
    post, path = "/v1/conversations/{conversation_id}/branches/{branch_id}", tag = "conversations",
    operation_id = "activateBranch",
    params(
        ("conversation_id" = String, Path, description = "`conv_…`"),
        ("branch_id" = String, Path, description = "The branch's last item"),
    ),
    responses(
        (status = 200, description = "The branch, active now", body = BranchBody),
        Refused, NoSuchThing, InTheWay,
    ),
)]
pub(crate) async fn activate(
    state: Data<HttpState>,
    Caller(scope): Caller,
    InPath(conversation): InPath<ConversationId>,
    InPath(BranchId(leaf)): InPath<BranchId>,
) -> Result<HttpResponse, ApiError> {
    let active = state.chat.activate_branch(&scope, conversation, leaf).await?;
    Ok(HttpResponse::Ok().json(BranchBody::from(&active)))
}
