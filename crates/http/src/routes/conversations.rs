//! `/v1/conversations`: the notebook.

use actix_web::{HttpResponse, web::Data};
use loquat_chat::NewConversation;
use loquat_domain::ConversationId;

use crate::{
    HttpState,
    body::JsonBody,
    caller::Caller,
    error::ApiError,
    once::OnceBody,
    openapi::{BadBody, BadPage, IdempotencyKeyHeader, KeyReused, NoSuchThing, Refused},
    path::InPath,
    query::Parameters,
    request::conversation::{CreateConversationBody, UpdateConversationBody},
    wire::{
        conversation::{ConversationBody, DeletedBody},
        list::ListBody,
    },
};

/// Makes a conversation. The body may be left out.
#[utoipa::path(
    post, path = "/v1/conversations", tag = "conversations",
    operation_id = "createConversation",
    params(IdempotencyKeyHeader),
    request_body = Option<CreateConversationBody>,
    responses(
        (status = 200, description = "The conversation", body = ConversationBody),
        Refused, BadBody, KeyReused,
    ),
)]
pub(crate) async fn create(
    state: Data<HttpState>,
    Caller(scope): Caller,
    OnceBody { body, once }: OnceBody<CreateConversationBody>,
) -> Result<HttpResponse, ApiError> {
    let new = NewConversation { once, ..body.try_into()? };
    let made = state.chat.create_conversation(&scope, new).await?;
    Ok(HttpResponse::Ok().json(ConversationBody::from(&made)))
}

/// The caller's conversations, newest first unless asked otherwise.
#[utoipa::path(
    get, path = "/v1/conversations", tag = "conversations",
    operation_id = "listConversations",
    params(
        ("after" = Option<String>, Query, description = "The last entry of the page before"),
        ("limit" = Option<u8>, Query, description = "1 to 100, else 20"),
        ("order" = Option<String>, Query, description = "`asc` or `desc`, by creation; else `desc`"),
        ("archived" = Option<String>, Query,
            description = "`false` (else): those in use; `true`: those put away; `all`: both"),
    ),
    responses(
        (status = 200, description = "One page", body = ListBody<ConversationBody>),
        Refused, BadPage,
    ),
)]
pub(crate) async fn list(
    state: Data<HttpState>,
    Caller(scope): Caller,
    parameters: Parameters,
) -> Result<HttpResponse, ApiError> {
    let (archived, page) = (parameters.archived()?, parameters.page()?);
    let found = state.chat.conversations(&scope, archived, page).await?;
    Ok(HttpResponse::Ok().json(ListBody::page(&found, ConversationBody::from)))
}

/// Looks a conversation up.
#[utoipa::path(
    get, path = "/v1/conversations/{conversation_id}", tag = "conversations",
    operation_id = "retrieveConversation",
    params(("conversation_id" = String, Path, description = "`conv_…`")),
    responses(
        (status = 200, description = "The conversation", body = ConversationBody),
        Refused, NoSuchThing,
    ),
)]
pub(crate) async fn retrieve(
    state: Data<HttpState>,
    Caller(scope): Caller,
    InPath(id): InPath<ConversationId>,
) -> Result<HttpResponse, ApiError> {
    let found = state.chat.conversation(&scope, id).await?;
    Ok(HttpResponse::Ok().json(ConversationBody::from(&found)))
}

/// Changes a conversation's own fields.
#[utoipa::path(
    post, path = "/v1/conversations/{conversation_id}", tag = "conversations",
    operation_id = "updateConversation",
    params(("conversation_id" = String, Path, description = "`conv_…`")),
    request_body = UpdateConversationBody,
    responses(
        (status = 200, description = "The conversation as it is now", body = ConversationBody),
        Refused, NoSuchThing, BadBody,
    ),
)]
pub(crate) async fn update(
    state: Data<HttpState>,
    Caller(scope): Caller,
    InPath(id): InPath<ConversationId>,
    JsonBody(body): JsonBody<UpdateConversationBody>,
) -> Result<HttpResponse, ApiError> {
    let updated = state.chat.update_conversation(&scope, id, body.try_into()?).await?;
    Ok(HttpResponse::Ok().json(ConversationBody::from(&updated)))
}

/// Deletes a conversation with all that is in it. A turn that runs in it is stopped.
#[utoipa::path(
    delete, path = "/v1/conversations/{conversation_id}", tag = "conversations",
    operation_id = "deleteConversation",
    params(("conversation_id" = String, Path, description = "`conv_…`")),
    responses((status = 200, description = "It is gone", body = DeletedBody), Refused, NoSuchThing),
)]
pub(crate) async fn delete(
    state: Data<HttpState>,
    Caller(scope): Caller,
    InPath(id): InPath<ConversationId>,
) -> Result<HttpResponse, ApiError> {
    state.chat.delete_conversation(&scope, id).await?;
    Ok(HttpResponse::Ok().json(DeletedBody::conversation(id)))
}
