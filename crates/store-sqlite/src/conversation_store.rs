//! What people see and edit.

use async_trait::async_trait;
use diesel::SqliteConnection;
use loquat_domain::{
    self as domain, Conversation, ConversationId, Item, ItemId, Page, PageRequest, Scope,
    StoredItem, Timestamp,
};
use loquat_store::{Archived, ConversationPatch, ConversationStore, Made, Once, StoreError};

use crate::{
    SqliteStore, branches, context,
    conversations::{self, Cursor, Start},
    items::{self, Branch},
    key::Key,
    leaves::Tree,
    once, responses,
    rows::{ConversationRow, NewItem},
    threads::Outcome,
};

#[async_trait]
impl ConversationStore for SqliteStore {
    async fn create_conversation(
        &self,
        scope: &Scope,
        conversation: Conversation,
        items: Vec<Item>,
        once: Option<Once>,
    ) -> Result<(), StoreError> {
        let scope = scope.clone();
        let made = Made::Conversation(conversation.id);
        let row = ConversationRow::from(conversation);
        let items: Vec<_> = items.iter().map(NewItem::from).collect();
        let created = self.threads.write(move |conn| {
            once::claim(conn, &scope, once.as_ref())?;
            create(conn, &scope, &row, &items)?;
            once::remember(conn, &scope, once.as_ref(), &made)
        });
        created.await
    }

    async fn conversation(
        &self,
        scope: &Scope,
        id: ConversationId,
    ) -> Result<Conversation, StoreError> {
        let scope = scope.clone();
        let row = self.threads.read(move |conn| conversations::find(conn, &scope, id.into()));
        row.await?.try_into()
    }

    async fn conversations(
        &self,
        scope: &Scope,
        archived: Archived,
        page: PageRequest<ConversationId>,
    ) -> Result<Page<Conversation>, StoreError> {
        let scope = scope.clone();
        let most = read_ahead(&page);
        let rows = self.threads.read(move |conn| {
            let after = match page.after {
                Some(id) => conversations::cursor(conn, &scope, id.into())?,
                None => Cursor::start(page.order),
            };
            conversations::page(conn, &scope, archived, page.order, after, most)
        });
        page_of(rows.await?, &page)
    }

    async fn update_conversation(
        &self,
        scope: &Scope,
        id: ConversationId,
        patch: ConversationPatch,
        now: Timestamp,
    ) -> Result<Conversation, StoreError> {
        let scope = scope.clone();
        let row = self
            .threads
            .write(move |conn| conversations::update(conn, &scope, id.into(), &patch, now));
        row.await?.try_into()
    }

    async fn delete_conversation(
        &self,
        scope: &Scope,
        id: ConversationId,
    ) -> Result<(), StoreError> {
        let scope = scope.clone();
        let deleted = self.threads.write(move |conn| {
            conversations::listed_home(conn, &scope, id.into())?;
            conversations::delete(conn, &scope, id.into())
        });
        deleted.await
    }

    async fn items(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        page: PageRequest<ItemId>,
    ) -> Result<Page<StoredItem>, StoreError> {
        let scope = scope.clone();
        let most = read_ahead(&page);
        let rows = self.threads.read(move |conn| {
            let tenant = scope.tenant.as_str();
            let conversation = conversations::find(conn, &scope, conversation.into())?.id;
            let after = page.after.map(|id| items::cursor(conn, tenant, conversation, id.into()));
            items::page(conn, tenant, conversation, page.order, after.transpose()?, most)
        });
        page_of(rows.await?, &page)
    }

    async fn item(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        item: ItemId,
    ) -> Result<StoredItem, StoreError> {
        let scope = scope.clone();
        let row = self.threads.read(move |conn| {
            let conversation = conversations::find(conn, &scope, conversation.into())?.id;
            items::find(conn, scope.tenant.as_str(), conversation, item.into())
        });
        row.await?.try_into()
    }

    async fn append_items(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        items: Vec<Item>,
        now: Timestamp,
        once: Option<Once>,
    ) -> Result<(), StoreError> {
        let scope = scope.clone();
        let made = Made::Items(conversation, items.iter().map(|item| item.id).collect());
        let items: Vec<_> = items.iter().map(NewItem::from).collect();
        let appended = self.threads.write(move |conn| {
            once::claim(conn, &scope, once.as_ref())?;
            append(conn, &scope, conversation.into(), &items, now)?;
            once::remember(conn, &scope, once.as_ref(), &made)
        });
        appended.await
    }

    async fn delete_item(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        item: ItemId,
        now: Timestamp,
    ) -> Result<Conversation, StoreError> {
        let scope = scope.clone();
        let row = self
            .threads
            .write(move |conn| unlink(conn, &scope, conversation.into(), item.into(), now));
        row.await?.try_into()
    }

    async fn branches(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        page: PageRequest<ItemId>,
    ) -> Result<Page<domain::Branch>, StoreError> {
        let scope = scope.clone();
        let most = read_ahead(&page);
        let limit = page.limit;
        let branches = self.threads.read(move |conn| {
            let active_leaf = conversations::leaf(conn, &scope, conversation.into())?;
            let tenant = scope.tenant.as_str();
            let tree = Tree { tenant, conversation: conversation.into(), active_leaf };
            tree.page(conn, page.order, page.after.map(Key::from), most)
        });
        Ok(Page::from_read_ahead(branches.await?, limit))
    }

    async fn activate_branch(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        leaf: ItemId,
        now: Timestamp,
    ) -> Result<domain::Branch, StoreError> {
        let scope = scope.clone();
        let branch = self
            .threads
            .write(move |conn| activate(conn, &scope, conversation.into(), leaf.into(), now));
        branch.await
    }
}

fn create(
    conn: &mut SqliteConnection,
    scope: &Scope,
    row: &ConversationRow,
    items: &[NewItem],
) -> Outcome<()> {
    let leaf = items.last().map(|item| item.id);
    conversations::insert(conn, scope, row, Start { listed: true, leaf, turn: None })?;
    let branch = Branch { tenant: scope.tenant.as_str(), conversation: row.id, active: true };
    items::attach(conn, branch, None, items).map(drop)
}

fn append(
    conn: &mut SqliteConnection,
    scope: &Scope,
    conversation: Key,
    items: &[NewItem],
    now: Timestamp,
) -> Outcome<()> {
    let home = conversations::listed_home(conn, scope, conversation)?;
    home.check_unlocked()?;
    let branch = Branch { tenant: scope.tenant.as_str(), conversation, active: true };
    let leaf = items::attach(conn, branch, home.tail(), items)?.map(|tail| tail.id);
    conversations::set_leaf(conn, scope, conversation, leaf, now.as_micros()).map(drop)
}

/// Takes an item out; what pointed at it points at what it followed.
fn unlink(
    conn: &mut SqliteConnection,
    scope: &Scope,
    conversation: Key,
    item: Key,
    now: Timestamp,
) -> Outcome<ConversationRow> {
    let tenant = scope.tenant.as_str();
    let home = conversations::listed_home(conn, scope, conversation)?;
    home.check_unlocked()?;
    let gone = items::find(conn, tenant, conversation, item)?;
    let before = gone.parent;
    if gone.active && home.context_version.is_some() {
        context::edit(conn, tenant, conversation, gone.position..=gone.position)?;
    }
    items::move_children(conn, tenant, conversation, item, before)?;
    responses::move_ends(conn, tenant, conversation, item, before)?;
    items::delete(conn, tenant, item)?;
    let tree = Tree { tenant, conversation, active_leaf: home.leaf };
    tree.shorten(conn, item, before)?;
    let leaf = if home.leaf == Some(item) { before } else { home.leaf };
    conversations::set_leaf(conn, scope, conversation, leaf, now.as_micros())
}

/// Makes a branch the active one.
fn activate(
    conn: &mut SqliteConnection,
    scope: &Scope,
    conversation: Key,
    leaf: Key,
    now: Timestamp,
) -> Outcome<domain::Branch> {
    let tenant = scope.tenant.as_str();
    let home = conversations::listed_home(conn, scope, conversation)?;
    home.check_unlocked()?;
    let before = Tree { tenant, conversation, active_leaf: home.leaf };
    if home.leaf != Some(leaf) {
        before.check_leaf(conn, leaf)?;
        before.leave(conn, Some(leaf))?;
        let fork = branches::activate(conn, tenant, conversation, Some(leaf))?;
        if home.context_version.is_some() {
            context::edit(conn, tenant, conversation, fork + 1..=i64::MAX)?;
        }
        conversations::set_leaf(conn, scope, conversation, Some(leaf), now.as_micros())?;
    }
    Tree { active_leaf: Some(leaf), ..before }.branch(conn, leaf)
}

/// One entry more than was asked for tells whether more follow.
fn read_ahead<Id>(page: &PageRequest<Id>) -> usize {
    usize::from(page.limit.get()) + 1
}

fn page_of<Row, T, Id>(rows: Vec<Row>, page: &PageRequest<Id>) -> Result<Page<T>, StoreError>
where
    T: TryFrom<Row, Error = StoreError>,
{
    let entries = rows.into_iter().map(T::try_from).collect::<Result<_, _>>()?;
    Ok(Page::from_read_ahead(entries, page.limit))
}
