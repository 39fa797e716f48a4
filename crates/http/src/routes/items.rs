//! `/v1/conversations/{id}/items`: what is in the notebook.

use actix_web::{HttpResponse, web::Data};
use loquat_domain::{ConversationId, ItemContent, ItemId};

use crate::{
    HttpState,
    caller::Caller,
    error::ApiError,
    once::OnceBody,
    openapi::{BadBody, BadPage, IdempotencyKeyHeader, InTheWay, KeyReused, NoSuchThing, Refused},
    path::InPath,
    query::Parameters,
    request::conversation::CreateItemsBody,
    wire::{conversation::ConversationBody, item::ItemBody, list::ListBody},
};

/// The items of a conversation's active branch, newest first unless asked otherwise.
#[utoipa::path(
    get, path = "/v1/conversations/{conversation_id}/items", tag = "conversations",
    operation_id = "listItems",
    params(
        ("conversation_id" = String, Path, description = "`conv_…`"),
        ("after" = Option<String>, Query, description = "The last entry of the page before"),
        ("limit" = Option<u8>, Query, description = "1 to 100, else 20"),
        ("order" = Option<String>, Query, description = "`asc` or `desc`; else `desc`"),
    ),
    responses(
        (status = 200, description = "One page", body = ListBody<ItemBody>),
        Refused, NoSuchThing, BadPage,
    ),
)]
pub(crate) async fn list(
    state: Data<HttpState>,
    Caller(scope): Caller,
    InPath(conversation): InPath<ConversationId>,
    parameters: Parameters,
) -> Result<HttpResponse, ApiError> {
    let found = state.chat.items(&scope, conversation, parameters.page()?).await?;
    Ok(HttpResponse::Ok().json(ListBody::page(&found, |it| ItemBody::from(&it.item))))
}

/// Adds items to the end of the active branch.
#[utoipa::path(
    post, path = "/v1/conversations/{conversation_id}/items", tag = "conversations",
    operation_id = "createItems",
    params(("conversation_id" = String, Path, description = "`conv_…`"), IdempotencyKeyHeader),
    request_body = CreateItemsBody,
    responses(
        (status = 200, description = "The new items", body = ListBody<ItemBody>),
        Refused, NoSuchThing, BadBody, InTheWay, KeyReused,
    ),
)]
pub(crate) async fn create(
    state: Data<HttpState>,
    Caller(scope): Caller,
    InPath(conversation): InPath<ConversationId>,
    OnceBody { body, once }: OnceBody<CreateItemsBody>,
) -> Result<HttpResponse, ApiError> {
    let contents = Vec::<ItemContent>::try_from(body)?;
    let items = state.chat.append_items(&scope, conversation, contents, once).await?;
    let bodies = items.iter().map(ItemBody::from).collect();
    Ok(HttpResponse::Ok().json(ListBody::new(bodies, false)))
}

/// Looks an item up, on whichever branch it is.
#[utoipa::path(
    get, path = "/v1/conversations/{conversation_id}/items/{item_id}", tag = "conversations",
    operation_id = "retrieveItem",
    params(
        ("conversation_id" = String, Path, description = "`conv_…`"),
        ("item_id" = String, Path, description = "`msg_…`, `fc_…`, `fco_…` or `rs_…`"),
    ),
    responses((status = 200, description = "The item", body = ItemBody), Refused, NoSuchThing),
)]
pub(crate) async fn retrieve(
    state: Data<HttpState>,
    Caller(scope): Caller,
    InPath(conversation): InPath<ConversationId>,
    InPath(item): InPath<ItemId>,
) -> Result<HttpResponse, ApiError> {
    let found = state.chat.item(&scope, conversation, item).await?;
    Ok(HttpResponse::Ok().json(ItemBody::from(&found.item)))
}

/// Deletes an item. What followed it follows its predecessor then.
#[utoipa::path(
    delete, path = "/v1/conversations/{conversation_id}/items/{item_id}", tag = "conversations",
    operation_id = "deleteItem",
    params(
        ("conversation_id" = String, Path, description = "`conv_…`"),
        ("item_id" = String, Path, description = "`msg_…`, `fc_…`, `fco_…` or `rs_…`"),
    ),
    responses(
        (status = 200, description = "The conversation without it", body = ConversationBody),
        Refused, NoSuchThing, InTheWay,
    ),
)]
pub(crate) async fn delete(
    state: Data<HttpState>,
    Caller(scope): Caller,
    InPath(conversation): InPath<ConversationId>,
    InPath(item): InPath<ItemId>,
) -> Result<HttpResponse, ApiError> {
    let left = state.chat.delete_item(&scope, conversation, item).await?;
    Ok(HttpResponse::Ok().json(ConversationBody::from(&left)))
}
