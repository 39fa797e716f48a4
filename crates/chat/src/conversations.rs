//! The notebook as people see and edit it.

use std::sync::Arc;

use loquat_domain::{
    Conversation, ConversationId, Item, ItemContent, ItemId, Page, PageRequest, Scope, StoredItem,
};
use loquat_store::{Archived, ConversationPatch};

use crate::{ChatError, ChatService, Missing, NewConversation, service::Inner};

impl ChatService {
    /// Makes a listed conversation with its first items.
    ///
    /// # Errors
    ///
    /// [`ChatError::Invalid`] and [`ChatError::InvalidText`] for items that cannot be kept;
    /// [`ChatError::Store`].
    pub async fn create_conversation(
        &self,
        scope: &Scope,
        new: NewConversation,
    ) -> Result<Conversation, ChatError> {
        self.inner.check_contents(&new.items, "items")?;
        let inner = Arc::clone(&self.inner);
        let scope = scope.clone();
        self.inner
            .detached(async move {
                let conversation = inner.new_conversation(new.title, new.metadata);
                let items = inner.new_items(new.items, None);
                let store = &inner.ports.conversations;
                store
                    .create_conversation(&scope, conversation.clone(), items)
                    .await
                    .map_err(ChatError::Store)?;
                Ok(conversation)
            })
            .await
    }

    /// Looks a conversation up.
    ///
    /// # Errors
    ///
    /// [`ChatError::NotFound`]; [`ChatError::Store`].
    pub async fn conversation(
        &self,
        scope: &Scope,
        id: ConversationId,
    ) -> Result<Conversation, ChatError> {
        let found = self.inner.ports.conversations.conversation(scope, id).await;
        found.map_err(Inner::not_found(Missing::Conversation))
    }

    /// One page of the scope's conversations.
    ///
    /// # Errors
    ///
    /// [`ChatError::CursorNotFound`]; [`ChatError::Store`].
    pub async fn conversations(
        &self,
        scope: &Scope,
        archived: Archived,
        page: PageRequest<ConversationId>,
    ) -> Result<Page<Conversation>, ChatError> {
        let found = self.inner.ports.conversations.conversations(scope, archived, page).await;
        found.map_err(Inner::not_found(Missing::Conversation))
    }

    /// Changes a conversation's own fields.
    ///
    /// # Errors
    ///
    /// [`ChatError::NotFound`]; [`ChatError::Store`].
    pub async fn update_conversation(
        &self,
        scope: &Scope,
        id: ConversationId,
        patch: ConversationPatch,
    ) -> Result<Conversation, ChatError> {
        let inner = Arc::clone(&self.inner);
        let scope = scope.clone();
        self.inner
            .detached(async move {
                let now = inner.ports.clock.now();
                let store = &inner.ports.conversations;
                let updated = store.update_conversation(&scope, id, patch, now).await;
                updated.map_err(Inner::not_found(Missing::Conversation))
            })
            .await
    }

    /// Deletes a conversation and everything below it; turns that run in it are stopped.
    ///
    /// # Errors
    ///
    /// [`ChatError::NotFound`]; [`ChatError::Store`].
    pub async fn delete_conversation(
        &self,
        scope: &Scope,
        id: ConversationId,
    ) -> Result<(), ChatError> {
        let inner = Arc::clone(&self.inner);
        let scope = scope.clone();
        self.inner
            .detached(async move {
                let deleted = inner.ports.conversations.delete_conversation(&scope, id).await;
                deleted.map_err(Inner::not_found(Missing::Conversation))?;
                for turn in inner.live.in_conversation(&scope, id) {
                    turn.stop.cancel();
                }
                Ok(())
            })
            .await
    }

    /// One page of a conversation's active branch.
    ///
    /// # Errors
    ///
    /// [`ChatError::NotFound`]; [`ChatError::CursorNotFound`]; [`ChatError::Store`].
    pub async fn items(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        page: PageRequest<ItemId>,
    ) -> Result<Page<StoredItem>, ChatError> {
        let found = self.inner.ports.conversations.items(scope, conversation, page).await;
        found.map_err(Inner::not_found(Missing::Conversation))
    }

    /// Looks an item up, on whichever branch it is.
    ///
    /// # Errors
    ///
    /// [`ChatError::NotFound`]; [`ChatError::Store`].
    pub async fn item(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        item: ItemId,
    ) -> Result<StoredItem, ChatError> {
        let found = self.inner.ports.conversations.item(scope, conversation, item).await;
        found.map_err(Inner::not_found(Missing::Item))
    }

    /// Appends items to the end of the active branch and returns them.
    ///
    /// # Errors
    ///
    /// [`ChatError::Invalid`] and [`ChatError::InvalidText`] for items that cannot be kept;
    /// [`ChatError::NotFound`]; [`ChatError::Locked`] while a turn runs; [`ChatError::Store`].
    pub async fn append_items(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        contents: Vec<ItemContent>,
    ) -> Result<Vec<Item>, ChatError> {
        self.inner.check_contents(&contents, "items")?;
        let inner = Arc::clone(&self.inner);
        let scope = scope.clone();
        self.inner
            .detached(async move {
                let items = inner.new_items(contents, None);
                let now = inner.ports.clock.now();
                let store = &inner.ports.conversations;
                let appended = store.append_items(&scope, conversation, items.clone(), now).await;
                appended.map_err(Inner::not_found(Missing::Conversation))?;
                Ok(items)
            })
            .await
    }

    /// Deletes one item and returns its conversation.
    ///
    /// # Errors
    ///
    /// [`ChatError::NotFound`]; [`ChatError::Locked`] while a turn runs; [`ChatError::Store`].
    pub async fn delete_item(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        item: ItemId,
    ) -> Result<Conversation, ChatError> {
        let inner = Arc::clone(&self.inner);
        let scope = scope.clone();
        self.inner
            .detached(async move {
                let now = inner.ports.clock.now();
                let store = &inner.ports.conversations;
                let deleted = store.delete_item(&scope, conversation, item, now).await;
                deleted.map_err(Inner::not_found(Missing::Item))
            })
            .await
    }
}

impl Inner {
    pub(crate) fn new_conversation(
        &self,
        title: Option<loquat_domain::Title>,
        metadata: loquat_domain::Metadata,
    ) -> Conversation {
        let now = self.ports.clock.now();
        Conversation {
            id: ConversationId::from_uuid(self.ports.ids.next()),
            title,
            metadata,
            archived: false,
            created_at: now,
            updated_at: now,
        }
    }
}
