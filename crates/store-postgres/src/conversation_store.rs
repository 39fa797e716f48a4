//! What people see and edit.

use async_trait::async_trait;
use loquat_domain::{
    Branch, Conversation, ConversationId, Item, ItemId, Order, Page, PageRequest, Scope,
    StoredItem, Timestamp, Title,
};
use loquat_store::{Archived, ConversationPatch, ConversationStore, Once, StoreError, json};

use crate::{
    PostgresStore,
    answers::{self, Answer, EarlierRow, Nothing},
    arguments::{self, NewItems},
    pool::Repeat,
    rows::{BranchRow, ConversationRow, ItemRow, Maybe},
    statement::{Call, Value},
};

#[async_trait]
impl ConversationStore for PostgresStore {
    async fn create_conversation(
        &self,
        scope: &Scope,
        conversation: Conversation,
        items: Vec<Item>,
        once: Option<Once>,
    ) -> Result<(), StoreError> {
        let metadata = json::encode_metadata(&conversation.metadata);
        let items = NewItems::new(&items);
        let own = [
            conversation.id.as_uuid().into(),
            conversation.title.as_ref().map(Title::as_str).into(),
            (&metadata).into(),
            conversation.archived.into(),
            conversation.created_at.as_micros().into(),
            conversation.updated_at.as_micros().into(),
        ];
        let create = Call::of("create_conversation_v2", scope, &own)
            .and(&items.values())
            .and(&arguments::once(once.as_ref()));
        answers::once(self.pool.call(create, Repeat::Never).await?)
    }

    async fn conversation(
        &self,
        scope: &Scope,
        id: ConversationId,
    ) -> Result<Conversation, StoreError> {
        let find = Call::of("conversation_v1", scope, &[id.as_uuid().into()]);
        let rows: Vec<ConversationRow> = self.pool.call(find, Repeat::Harmless).await?;
        answers::found(rows)?.try_into()
    }

    async fn conversations(
        &self,
        scope: &Scope,
        archived: Archived,
        page: PageRequest<ConversationId>,
    ) -> Result<Page<Conversation>, StoreError> {
        let kinds: &[bool] = match archived {
            Archived::Only => &[true],
            Archived::Without => &[false],
            Archived::Both => &[false, true],
        };
        let values = [
            Value::Flags(kinds),
            page.after.map(ConversationId::as_uuid).into(),
            (page.order == Order::Ascending).into(),
            answers::read_ahead(page.limit).into(),
        ];
        let list = Call::of("conversations_v1", scope, &values);
        let rows: Vec<Answer<Maybe<ConversationRow>>> =
            self.pool.call(list, Repeat::Harmless).await?;
        answers::page(rows, &page)
    }

    async fn update_conversation(
        &self,
        scope: &Scope,
        id: ConversationId,
        patch: ConversationPatch,
        now: Timestamp,
    ) -> Result<Conversation, StoreError> {
        let metadata = patch.metadata.as_ref().map(json::encode_metadata);
        let title = patch.title.as_ref().map(|title| title.as_ref().map(Title::as_str));
        let values = [
            id.as_uuid().into(),
            title.is_some().into(),
            title.flatten().into(),
            metadata.as_deref().into(),
            patch.archived.into(),
            now.as_micros().into(),
        ];
        let update = Call::of("update_conversation_v1", scope, &values);
        let rows: Vec<ConversationRow> = self.pool.call(update, Repeat::Harmless).await?;
        answers::found(rows)?.try_into()
    }

    async fn delete_conversation(
        &self,
        scope: &Scope,
        id: ConversationId,
    ) -> Result<(), StoreError> {
        let delete = Call::of("delete_conversation_v1", scope, &[id.as_uuid().into()]);
        let rows: Vec<Answer<Nothing>> = self.pool.call(delete, Repeat::Never).await?;
        answers::done(rows)
    }

    async fn items(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        page: PageRequest<ItemId>,
    ) -> Result<Page<StoredItem>, StoreError> {
        let list = Call::of("items_v2", scope, &page_of(conversation, &page));
        let rows: Vec<Answer<Maybe<ItemRow>>> = self.pool.call(list, Repeat::Harmless).await?;
        answers::page(rows, &page)
    }

    async fn item(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        item: ItemId,
    ) -> Result<StoredItem, StoreError> {
        let find =
            Call::of("item_v2", scope, &[conversation.as_uuid().into(), item.as_uuid().into()]);
        let rows: Vec<ItemRow> = self.pool.call(find, Repeat::Harmless).await?;
        answers::found(rows)?.try_into()
    }

    async fn append_items(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        items: Vec<Item>,
        now: Timestamp,
        once: Option<Once>,
    ) -> Result<(), StoreError> {
        let items = NewItems::new(&items);
        let own = [conversation.as_uuid().into(), now.as_micros().into()];
        let append = Call::of("append_items_v2", scope, &own)
            .and(&items.values())
            .and(&arguments::once(once.as_ref()));
        let rows: Vec<Answer<Maybe<EarlierRow>>> = self.pool.call(append, Repeat::Never).await?;
        answers::once(rows)
    }

    async fn delete_item(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        item: ItemId,
        now: Timestamp,
    ) -> Result<Conversation, StoreError> {
        let delete = Call::of(
            "delete_item_v1",
            scope,
            &[conversation.as_uuid().into(), item.as_uuid().into(), now.as_micros().into()],
        );
        let rows: Vec<Answer<Maybe<ConversationRow>>> =
            self.pool.call(delete, Repeat::Never).await?;
        answers::one(rows)
    }

    async fn branches(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        page: PageRequest<ItemId>,
    ) -> Result<Page<Branch>, StoreError> {
        let list = Call::of("branches_v1", scope, &page_of(conversation, &page));
        let rows: Vec<Answer<Maybe<BranchRow>>> = self.pool.call(list, Repeat::Harmless).await?;
        answers::page(rows, &page)
    }

    async fn activate_branch(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        leaf: ItemId,
        now: Timestamp,
    ) -> Result<Branch, StoreError> {
        let activate = Call::of(
            "activate_branch_v1",
            scope,
            &[conversation.as_uuid().into(), leaf.as_uuid().into(), now.as_micros().into()],
        );
        let rows: Vec<Answer<Maybe<BranchRow>>> =
            self.pool.call(activate, Repeat::Harmless).await?;
        answers::one(rows)
    }
}

/// Which page of what is in a conversation.
fn page_of(conversation: ConversationId, page: &PageRequest<ItemId>) -> [Value<'static>; 4] {
    [
        conversation.as_uuid().into(),
        page.after.map(ItemId::as_uuid).into(),
        (page.order == Order::Ascending).into(),
        answers::read_ahead(page.limit).into(),
    ]
}
