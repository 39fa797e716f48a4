//! The notebook as people see and edit it.

use std::sync::Arc;

use loquat_domain::{
    Branch, Conversation, ConversationId, Item, ItemContent, ItemId, Page, PageRequest, Scope,
    StoredItem, Timestamp,
};
use loquat_store::{Archived, ConversationPatch, ConversationStore, Made, StoreError};

use crate::{
    ChatError, ChatService, Missing, NewConversation, OnceKey, once::made, service::Inner,
};

impl ChatService {
    /// Makes a listed conversation with its first items, or finds the one that the same request
    /// made before.
    ///
    /// # Errors
    ///
    /// [`ChatError::Invalid`] and [`ChatError::InvalidText`] for items that cannot be kept;
    /// [`ChatError::KeyReused`]; [`ChatError::NotFound`] when the one that was made before is
    /// deleted; [`ChatError::Store`].
    pub async fn create_conversation(
        &self,
        scope: &Scope,
        new: NewConversation,
    ) -> Result<Conversation, ChatError> {
        self.inner.check_contents(&new.items, "items")?;
        self.edit(scope, |edit: Edit| async move {
            let conversation = edit.inner.new_conversation(new.title, new.metadata);
            let items = edit.inner.new_items(edit.inner.default_counter(), new.items, None);
            let fingerprint = new.once.as_ref().map(|once| once.fingerprint);
            let once = new.once.map(|once| edit.inner.once(once));
            let store = edit.store();
            let created =
                store.create_conversation(&edit.scope, conversation.clone(), items, once).await;
            match created {
                Err(StoreError::Done(earlier)) => {
                    let Made::Conversation(id) = made(earlier, fingerprint)? else {
                        return Err(ChatError::Internal);
                    };
                    let found = store.conversation(&edit.scope, id).await;
                    found.map_err(Inner::not_found(Missing::Conversation))
                }
                created => created.map(|()| conversation).map_err(ChatError::Store),
            }
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
        self.edit(scope, |edit: Edit| async move {
            let updated = edit.store().update_conversation(&edit.scope, id, patch, edit.now).await;
            updated.map_err(Inner::not_found(Missing::Conversation))
        })
        .await
    }

    /// Deletes a conversation and everything below it; turns that run in it are stopped, those of
    /// other processes at their next sign of life.
    ///
    /// # Errors
    ///
    /// [`ChatError::NotFound`]; [`ChatError::Store`].
    pub async fn delete_conversation(
        &self,
        scope: &Scope,
        id: ConversationId,
    ) -> Result<(), ChatError> {
        self.edit(scope, |edit: Edit| async move {
            let deleted = edit.store().delete_conversation(&edit.scope, id).await;
            deleted.map_err(Inner::not_found(Missing::Conversation))?;
            for turn in edit.inner.live.in_conversation(&edit.scope, id) {
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

    /// Appends items to the end of the active branch and returns them; or returns those that the
    /// same request appended before, as far as they are still there.
    ///
    /// # Errors
    ///
    /// [`ChatError::Invalid`] and [`ChatError::InvalidText`] for items that cannot be kept;
    /// [`ChatError::NotFound`]; [`ChatError::Locked`] while a turn runs; [`ChatError::KeyReused`];
    /// [`ChatError::Store`].
    pub async fn append_items(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        contents: Vec<ItemContent>,
        once: Option<OnceKey>,
    ) -> Result<Vec<Item>, ChatError> {
        self.inner.check_contents(&contents, "items")?;
        self.edit(scope, |edit: Edit| async move {
            let items = edit.inner.new_items(edit.inner.default_counter(), contents, None);
            let fingerprint = once.as_ref().map(|once| once.fingerprint);
            let once = once.map(|once| edit.inner.once(once));
            let (store, now) = (edit.store(), edit.now);
            let appended =
                store.append_items(&edit.scope, conversation, items.clone(), now, once).await;
            match appended {
                Err(StoreError::Done(earlier)) => {
                    let Made::Items(conversation, ids) = made(earlier, fingerprint)? else {
                        return Err(ChatError::Internal);
                    };
                    edit.left_of(conversation, ids).await
                }
                appended => {
                    appended.map(|()| items).map_err(Inner::not_found(Missing::Conversation))
                }
            }
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
        self.edit(scope, |edit: Edit| async move {
            let (store, now) = (edit.store(), edit.now);
            let deleted = store.delete_item(&edit.scope, conversation, item, now).await;
            deleted.map_err(Inner::not_found(Missing::Item))
        })
        .await
    }

    /// One page of a conversation's branches.
    ///
    /// # Errors
    ///
    /// [`ChatError::NotFound`]; [`ChatError::CursorNotFound`]; [`ChatError::Store`].
    pub async fn branches(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        page: PageRequest<ItemId>,
    ) -> Result<Page<Branch>, ChatError> {
        let found = self.inner.ports.conversations.branches(scope, conversation, page).await;
        found.map_err(Inner::not_found(Missing::Conversation))
    }

    /// Makes a branch, named by its last item, the one that is shown and continued.
    ///
    /// # Errors
    ///
    /// [`ChatError::NotFound`]; [`ChatError::Locked`] while a turn runs; [`ChatError::Store`].
    pub async fn activate_branch(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        leaf: ItemId,
    ) -> Result<Branch, ChatError> {
        self.edit(scope, |edit: Edit| async move {
            let (store, now) = (edit.store(), edit.now);
            let active = store.activate_branch(&edit.scope, conversation, leaf, now).await;
            active.map_err(Inner::not_found(Missing::Branch))
        })
        .await
    }

    /// Does a change to its end even if the caller's future is dropped.
    async fn edit<T, F>(
        &self,
        scope: &Scope,
        change: impl FnOnce(Edit) -> F,
    ) -> Result<T, ChatError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ChatError>> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let now = inner.ports.clock.now();
        self.inner.detached(change(Edit { inner, scope: scope.clone(), now })).await
    }
}

/// What a change is made with.
struct Edit {
    inner: Arc<Inner>,
    scope: Scope,
    now: Timestamp,
}

impl Edit {
    fn store(&self) -> &dyn ConversationStore {
        self.inner.ports.conversations.as_ref()
    }

    /// Those of the items that are still there.
    async fn left_of(
        &self,
        conversation: ConversationId,
        ids: Vec<ItemId>,
    ) -> Result<Vec<Item>, ChatError> {
        let mut items = Vec::with_capacity(ids.len());
        for id in ids {
            match self.store().item(&self.scope, conversation, id).await {
                Ok(stored) => items.push(stored.item),
                Err(StoreError::NotFound) => {}
                Err(error) => return Err(ChatError::Store(error)),
            }
        }
        Ok(items)
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
