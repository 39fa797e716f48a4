//! What people see and edit.

use async_trait::async_trait;
use loquat_domain::{
    Branch, Conversation, ConversationId, Item, ItemId, Metadata, Page, PageRequest, Scope,
    StoredItem, Timestamp, Title,
};

use crate::{Once, StoreError};

/// What of a conversation shall change; `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConversationPatch {
    /// The new title; `Some(None)` takes the title away.
    pub title: Option<Option<Title>>,
    /// Replaces all pairs.
    pub metadata: Option<Metadata>,
    /// Puts the conversation away, or takes it back.
    pub archived: Option<bool>,
}

/// Which conversations a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archived {
    /// Those that are put away.
    Only,
    /// Those that are not.
    Without,
    /// Both.
    Both,
}

/// Durable home of conversations and their items.
///
/// Every method is one atomic step: after an error nothing has changed. For another user's or
/// tenant's conversation every method behaves exactly as if it did not exist. Implicit
/// conversations (those made by [`TurnHome::New`](crate::TurnHome::New) with `listed: false`) do
/// not exist for these methods either.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ConversationStore: Send + Sync + 'static {
    /// Makes a conversation with its first items, in order.
    ///
    /// # Errors
    ///
    /// [`StoreError::Done`] when it was made before; [`StoreError::Conflict`] when an id is taken in
    /// the tenant.
    async fn create_conversation(
        &self,
        scope: &Scope,
        conversation: Conversation,
        items: Vec<Item>,
        once: Option<Once>,
    ) -> Result<(), StoreError>;

    /// Looks a conversation up.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    async fn conversation(
        &self,
        scope: &Scope,
        id: ConversationId,
    ) -> Result<Conversation, StoreError>;

    /// One page of the scope's conversations by time of creation (ties by id).
    ///
    /// # Errors
    ///
    /// [`StoreError::CursorNotFound`] when `after` is no conversation of the scope.
    async fn conversations(
        &self,
        scope: &Scope,
        archived: Archived,
        page: PageRequest<ConversationId>,
    ) -> Result<Page<Conversation>, StoreError>;

    /// Changes a conversation's own fields and returns it as it is then.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    async fn update_conversation(
        &self,
        scope: &Scope,
        id: ConversationId,
        patch: ConversationPatch,
        now: Timestamp,
    ) -> Result<Conversation, StoreError>;

    /// Deletes a conversation and everything below it: items of all branches, responses and their
    /// events, also while a turn is running.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    async fn delete_conversation(
        &self,
        scope: &Scope,
        id: ConversationId,
    ) -> Result<(), StoreError>;

    /// One page of the active branch.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`]; [`StoreError::CursorNotFound`] when `after` is no item of the
    /// active branch.
    async fn items(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        page: PageRequest<ItemId>,
    ) -> Result<Page<StoredItem>, StoreError>;

    /// Looks an item up, on whichever branch it is.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    async fn item(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        item: ItemId,
    ) -> Result<StoredItem, StoreError>;

    /// Appends items to the end of the active branch, in order. `updated_at` becomes `now`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Done`] when they were appended before, whatever has become of the conversation;
    /// [`StoreError::NotFound`]; [`StoreError::Locked`] while a turn is running;
    /// [`StoreError::Conflict`] when an id is taken.
    async fn append_items(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        items: Vec<Item>,
        now: Timestamp,
        once: Option<Once>,
    ) -> Result<(), StoreError>;

    /// Deletes one item. What followed it follows its predecessor then; other items keep their
    /// positions. `updated_at` becomes `now`.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`]; [`StoreError::Locked`] while a turn is running.
    async fn delete_item(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        item: ItemId,
        now: Timestamp,
    ) -> Result<Conversation, StoreError>;

    /// One page of a conversation's branches, by the ids of their leaves: the active one, and one
    /// for each other item that nothing follows.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`]; [`StoreError::CursorNotFound`] when `after` is no item of the
    /// conversation. It need not be a leaf any more: its branch may have grown meanwhile.
    async fn branches(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        page: PageRequest<ItemId>,
    ) -> Result<Page<Branch>, StoreError>;

    /// Makes a branch the active one and returns it. `updated_at` becomes `now` when it was not.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] when the conversation has no such branch; [`StoreError::Locked`]
    /// while a turn is running.
    async fn activate_branch(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        leaf: ItemId,
        now: Timestamp,
    ) -> Result<Branch, StoreError>;
}
