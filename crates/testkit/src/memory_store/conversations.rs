//! What people see and edit.

use async_trait::async_trait;
use loquat_domain::{
    Branch, Conversation, ConversationId, Item, ItemId, Order, Page, PageRequest, Scope,
    StoredItem, Timestamp,
};
use loquat_store::{Archived, ConversationPatch, ConversationStore, Made, Once, StoreError};

use super::{MemoryStore, StoreCall, pages::following};

#[async_trait]
impl ConversationStore for MemoryStore {
    async fn create_conversation(
        &self,
        scope: &Scope,
        conversation: Conversation,
        items: Vec<Item>,
        once: Option<Once>,
    ) -> Result<(), StoreError> {
        let mut tables = self.enter(StoreCall::CreateConversation).await?;
        let now = self.clock.now();
        let tenant = tables.of(&scope.tenant);
        tenant.check_not_done(&scope.user, once.as_ref(), now)?;
        tenant.check_new(&items)?;
        let id = conversation.id;
        tenant.add_conversation(&scope.user, conversation, true)?;
        tenant.extend_active_branch(id, items);
        tenant.remember(&scope.user, once, Made::Conversation(id), now);
        Ok(())
    }

    async fn conversation(
        &self,
        scope: &Scope,
        id: ConversationId,
    ) -> Result<Conversation, StoreError> {
        let mut tables = self.enter(StoreCall::Conversation).await?;
        Ok(tables.of(&scope.tenant).listed(&scope.user, id)?.conversation.clone())
    }

    async fn conversations(
        &self,
        scope: &Scope,
        archived: Archived,
        page: PageRequest<ConversationId>,
    ) -> Result<Page<Conversation>, StoreError> {
        let mut tables = self.enter(StoreCall::Conversations).await?;
        let mut own: Vec<&Conversation> = tables
            .of(&scope.tenant)
            .conversations
            .values()
            .filter(|row| row.listed && row.user == scope.user)
            .map(|row| &row.conversation)
            .collect();
        own.sort_by_key(|conversation| (conversation.created_at, conversation.id));
        // The cursor is looked for before the filter: an entry that was archived while somebody
        // pages still marks where that reader was.
        let following = following(own, |conversation| conversation.id, page)?;
        let shown = following.filter(|conversation| match archived {
            Archived::Only => conversation.archived,
            Archived::Without => !conversation.archived,
            Archived::Both => true,
        });
        Ok(Page::from_read_ahead(shown.cloned().collect(), page.limit))
    }

    async fn update_conversation(
        &self,
        scope: &Scope,
        id: ConversationId,
        patch: ConversationPatch,
        now: Timestamp,
    ) -> Result<Conversation, StoreError> {
        let mut tables = self.enter(StoreCall::UpdateConversation).await?;
        let conversation = &mut tables.of(&scope.tenant).listed_mut(&scope.user, id)?.conversation;
        conversation.title = patch.title.unwrap_or_else(|| conversation.title.take());
        if let Some(metadata) = patch.metadata {
            conversation.metadata = metadata;
        }
        conversation.archived = patch.archived.unwrap_or(conversation.archived);
        conversation.updated_at = now;
        Ok(conversation.clone())
    }

    async fn delete_conversation(
        &self,
        scope: &Scope,
        id: ConversationId,
    ) -> Result<(), StoreError> {
        let mut tables = self.enter(StoreCall::DeleteConversation).await?;
        let tenant = tables.of(&scope.tenant);
        tenant.listed(&scope.user, id)?;
        tenant.remove_conversation(id);
        Ok(())
    }

    async fn items(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        page: PageRequest<ItemId>,
    ) -> Result<Page<StoredItem>, StoreError> {
        let mut tables = self.enter(StoreCall::Items).await?;
        let tenant = tables.of(&scope.tenant);
        let leaf = tenant.listed(&scope.user, conversation)?.leaf;
        let mut active: Vec<&StoredItem> = tenant.branch(leaf).map(|row| &row.stored).collect();
        active.reverse();
        let following = following(active, |stored| stored.item.id, page)?;
        Ok(Page::from_read_ahead(following.cloned().collect(), page.limit))
    }

    async fn item(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        item: ItemId,
    ) -> Result<StoredItem, StoreError> {
        let mut tables = self.enter(StoreCall::Item).await?;
        let tenant = tables.of(&scope.tenant);
        tenant.listed(&scope.user, conversation)?;
        Ok(tenant.item(conversation, item)?.stored.clone())
    }

    async fn append_items(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        items: Vec<Item>,
        now: Timestamp,
        once: Option<Once>,
    ) -> Result<(), StoreError> {
        let mut tables = self.enter(StoreCall::AppendItems).await?;
        let tenant = tables.of(&scope.tenant);
        tenant.check_not_done(&scope.user, once.as_ref(), self.clock.now())?;
        tenant.check_unlocked(tenant.listed(&scope.user, conversation)?, self.clock.now())?;
        tenant.check_new(&items)?;
        let made = Made::Items(conversation, items.iter().map(|item| item.id).collect());
        tenant.extend_active_branch(conversation, items);
        tenant.remember(&scope.user, once, made, self.clock.now());
        tenant.listed_mut(&scope.user, conversation)?.conversation.updated_at = now;
        Ok(())
    }

    async fn delete_item(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        item: ItemId,
        now: Timestamp,
    ) -> Result<Conversation, StoreError> {
        let mut tables = self.enter(StoreCall::DeleteItem).await?;
        let tenant = tables.of(&scope.tenant);
        tenant.check_unlocked(tenant.listed(&scope.user, conversation)?, self.clock.now())?;
        let position = tenant.item(conversation, item)?.stored.position;
        let home = tenant.listed(&scope.user, conversation)?;
        if tenant.branch(home.leaf).any(|row| row.stored.item.id == item) {
            tenant.edit_context(conversation, position..=position, self.clock.now());
        }
        tenant.unlink(item);
        let row = tenant.listed_mut(&scope.user, conversation)?;
        row.conversation.updated_at = now;
        Ok(row.conversation.clone())
    }

    async fn branches(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        page: PageRequest<ItemId>,
    ) -> Result<Page<Branch>, StoreError> {
        let mut tables = self.enter(StoreCall::Branches).await?;
        let tenant = tables.of(&scope.tenant);
        tenant.listed(&scope.user, conversation)?;
        // Any item marks a place: a leaf that somebody has read may be followed by now.
        if let Some(after) = page.after {
            tenant.item(conversation, after).map_err(|_| StoreError::CursorNotFound)?;
        }
        let follows = |leaf| match page.order {
            Order::Ascending => page.after.is_none_or(|after| leaf > after),
            Order::Descending => page.after.is_none_or(|after| leaf < after),
        };
        let mut branches = tenant.branches(conversation);
        branches.retain(|branch| follows(branch.leaf));
        if page.order == Order::Descending {
            branches.reverse();
        }
        Ok(Page::from_read_ahead(branches, page.limit))
    }

    async fn activate_branch(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        leaf: ItemId,
        now: Timestamp,
    ) -> Result<Branch, StoreError> {
        let mut tables = self.enter(StoreCall::ActivateBranch).await?;
        let tenant = tables.of(&scope.tenant);
        tenant.check_unlocked(tenant.listed(&scope.user, conversation)?, self.clock.now())?;
        let branches = tenant.branches(conversation);
        let branch = branches.into_iter().find(|branch| branch.leaf == leaf);
        let branch = branch.ok_or(StoreError::NotFound)?;
        if !branch.active {
            tenant.leave_branch(conversation, Some(leaf), self.clock.now());
            let row = tenant.listed_mut(&scope.user, conversation)?;
            row.leaf = Some(leaf);
            row.conversation.updated_at = now;
        }
        Ok(Branch { active: true, ..branch })
    }
}
