//! What must be true of listed conversations, locks and keys, kept as simply as can be: only calls
//! that succeeded change anything, and each tree is a list of pairs.

use std::collections::{BTreeMap, BTreeSet};

use loquat_domain::{
    ConversationId, IdempotencyKey, Item, ItemId, Order, PageLimit, PageRequest, ResponseId, Scope,
    TenantId, UserId,
};
use loquat_store::{ConversationStore as _, Made, Once, Place, TurnHome};

use super::calls::{Call, Outcome, home_of, time};
use crate::MemoryStore;

#[derive(Debug, Default)]
pub(super) struct Trees {
    of: BTreeMap<(TenantId, ConversationId), Tree>,
    turns: BTreeMap<(TenantId, ResponseId), Turn>,
    /// The turns that have not ended, listed or not: whose, and where.
    running: BTreeMap<(TenantId, ResponseId), (UserId, ConversationId)>,
    keys: BTreeMap<(Scope, &'static str, IdempotencyKey), Key>,
}

/// A key that was used.
#[derive(Debug)]
struct Key {
    made: Made,
    /// Whether its time lasts; otherwise it is known while its turn runs.
    lasts: bool,
}

#[derive(Debug)]
struct Tree {
    user: UserId,
    /// Each item and what it follows.
    items: Vec<(ItemId, Option<ItemId>)>,
    leaf: Option<ItemId>,
    /// The turn that holds it, while its lease lasts.
    holder: Option<ResponseId>,
}

#[derive(Debug)]
struct Turn {
    home: ConversationId,
    end: Option<ItemId>,
}

impl Tree {
    fn attach(&mut self, mut after: Option<ItemId>, items: &[Item]) -> Option<ItemId> {
        for item in items {
            self.items.push((item.id, after));
            after = Some(item.id);
        }
        after
    }

    fn way_to(&self, leaf: Option<ItemId>) -> Vec<ItemId> {
        let parent = |id: &ItemId| {
            self.items.iter().find(|(item, _)| item == id).and_then(|(_, parent)| *parent)
        };
        let mut way: Vec<_> = std::iter::successors(leaf, parent).collect();
        way.reverse();
        way
    }
}

impl Trees {
    /// Takes notice of a call, and complains where it should not have come to this.
    pub(super) fn follow(&mut self, call: &Call, outcome: &Outcome) -> Result<(), String> {
        let (scope, once, made) = match call {
            Call::Create(scope, conversation, _, once) => {
                (scope, once, Made::Conversation(conversation.id))
            }
            Call::Append(scope, home, items, _, once) => {
                let items = items.iter().map(|item| item.id).collect();
                (scope, once, Made::Items(*home, items))
            }
            Call::Begin(scope, turn) => (scope, &turn.once, Made::Response(turn.response.id)),
            _ => return self.change(call, outcome),
        };
        if let Some(once) = once {
            self.follow_key(scope, once, made, outcome)?;
        }
        self.change(call, outcome)
    }

    fn follow_key(
        &mut self,
        scope: &Scope,
        once: &Once,
        made: Made,
        outcome: &Outcome,
    ) -> Result<(), String> {
        let name = (scope.clone(), once.route, once.key.clone());
        let known = self.keys.get(&name).filter(|key| self.knows(scope, key));
        let known = known.map(|key| &key.made);
        if known != outcome.done.as_ref().map(|earlier| &earlier.made) {
            return Err(format!("a key made {known:?}, and now: {}", outcome.text));
        }
        if outcome.is_ok {
            self.keys.insert(name, Key { made, lasts: once.keep == time(true) });
        }
        Ok(())
    }

    fn knows(&self, scope: &Scope, key: &Key) -> bool {
        let Made::Response(id) = key.made else { return key.lasts };
        let turn = self.running.get(&(scope.tenant.clone(), id));
        key.lasts || turn.is_some_and(|(user, _)| *user == scope.user)
    }

    fn change(&mut self, call: &Call, outcome: &Outcome) -> Result<(), String> {
        if !outcome.is_ok {
            return Ok(());
        }
        match call {
            Call::Create(scope, conversation, items, _) => {
                self.plant(scope, conversation.id).attach_to_leaf(items);
            }
            Call::Update(scope, home, ..) => drop(self.own(scope, *home)?),
            Call::Delete(scope, home) => {
                self.own(scope, *home)?;
                self.of.remove(&(scope.tenant.clone(), *home));
                self.running.retain(|(tenant, _), (_, at)| (tenant, *at) != (&scope.tenant, *home));
            }
            Call::Append(scope, home, items, ..) => {
                self.free(scope, *home)?.attach_to_leaf(items);
            }
            Call::DeleteItem(scope, home, item, _) => self.delete_item(scope, *home, *item)?,
            Call::Activate(scope, home, leaf, _) => {
                let tree = self.free(scope, *home)?;
                let is_followed = tree.items.iter().any(|(_, parent)| *parent == Some(*leaf));
                if is_followed && tree.leaf != Some(*leaf) {
                    return Err(format!("{leaf:?} is no leaf, and became one"));
                }
                tree.leaf = Some(*leaf);
            }
            Call::Begin(scope, turn) => {
                let (id, home) = (turn.response.id, home_of(turn));
                // Its id may have been another's before.
                self.turns.remove(&(scope.tenant.clone(), id));
                self.running.insert((scope.tenant.clone(), id), (scope.user.clone(), home));
                let tree = match &turn.home {
                    TurnHome::New { listed: true, .. } => self.plant(scope, home),
                    TurnHome::Existing { .. }
                        if self.of.contains_key(&(scope.tenant.clone(), home)) =>
                    {
                        self.free(scope, home)?
                    }
                    _ => return Ok(()),
                };
                if let TurnHome::Existing { place, .. } = turn.home {
                    if let Place::Leaf(leaf) = place
                        && leaf != tree.leaf
                    {
                        return Err(format!("a turn began at {leaf:?}, not {:?}", tree.leaf));
                    }
                    let (Place::Leaf(after) | Place::After(after)) = place;
                    tree.leaf = after;
                }
                tree.attach_to_leaf(&turn.input);
                tree.holder = (turn.lease == time(true)).then_some(id);
                let end = tree.leaf;
                self.turns.insert((scope.tenant.clone(), id), Turn { home, end });
            }
            Call::Finish(scope, finish) => {
                let id = finish.response.id;
                self.running.remove(&(scope.tenant.clone(), id));
                let Some(turn) = self.turns.get(&(scope.tenant.clone(), id)) else { return Ok(()) };
                let (home, end) = (turn.home, turn.end);
                let Ok(tree) = self.own(scope, home) else { return Ok(()) };
                if finish.only_if_stale && tree.holder == Some(id) {
                    return Err(format!("{id:?} was ended as stale while it held {home:?}"));
                }
                let new = tree.attach(end, &finish.output);
                if tree.leaf == end {
                    tree.leaf = new;
                }
                tree.let_go(id);
                self.turns.insert((scope.tenant.clone(), id), Turn { home, end: new });
            }
            Call::DeleteResponse(scope, id) => {
                self.running.remove(&(scope.tenant.clone(), *id));
                let turn = self.turns.remove(&(scope.tenant.clone(), *id));
                if let Some(tree) = turn.and_then(|turn| self.own(scope, turn.home).ok()) {
                    tree.let_go(*id);
                }
            }
            // Signs of life change leases, which are compared with the other store only.
            Call::Checkpoint(sign, lease) => {
                let key = (sign.scope.tenant.clone(), sign.response);
                let home = self.turns.get(&key).map(|turn| turn.home);
                if let Some(tree) = home.and_then(|home| self.own(&sign.scope, home).ok())
                    && *lease != time(true)
                {
                    tree.let_go(sign.response);
                }
            }
            Call::Forget => {
                let mut keys = std::mem::take(&mut self.keys);
                keys.retain(|(scope, ..), key| self.knows(scope, key));
                self.keys = keys;
            }
            // What is derived from items is compared with the other store only.
            Call::Bill(_)
            | Call::Stop(..)
            | Call::PutSegment(..)
            | Call::PutSummary(..)
            | Call::EndJob(..) => {}
        }
        Ok(())
    }

    fn plant(&mut self, scope: &Scope, home: ConversationId) -> &mut Tree {
        let key = (scope.tenant.clone(), home);
        let user = scope.user.clone();
        // What stood there before was taken away with its turns.
        self.turns.retain(|(tenant, _), turn| *tenant != key.0 || turn.home != home);
        self.of.remove(&key);
        self.of.entry(key).or_insert(Tree { user, items: vec![], leaf: None, holder: None })
    }

    /// A tree that the caller may touch.
    fn own(&mut self, scope: &Scope, home: ConversationId) -> Result<&mut Tree, String> {
        let tree = self.of.get_mut(&(scope.tenant.clone(), home));
        tree.filter(|tree| tree.user == scope.user)
            .ok_or_else(|| format!("{scope:?} has touched what is not there for them"))
    }

    /// The same, while nobody holds it.
    fn free(&mut self, scope: &Scope, home: ConversationId) -> Result<&mut Tree, String> {
        let tree = self.own(scope, home)?;
        if let Some(holder) = tree.holder {
            return Err(format!("{home:?} was changed while {holder:?} held it"));
        }
        Ok(tree)
    }

    fn delete_item(
        &mut self,
        scope: &Scope,
        home: ConversationId,
        item: ItemId,
    ) -> Result<(), String> {
        let tree = self.free(scope, home)?;
        let at = tree.items.iter().position(|(id, _)| *id == item);
        let (_, before) = tree.items.remove(at.ok_or("an unknown item was deleted")?);
        let relink = |pointer: &mut Option<ItemId>| {
            if *pointer == Some(item) {
                *pointer = before;
            }
        };
        tree.items.iter_mut().for_each(|(_, parent)| relink(parent));
        relink(&mut tree.leaf);
        let turns = self.turns.iter_mut().filter(|((tenant, _), _)| *tenant == scope.tenant);
        turns.for_each(|(_, turn)| relink(&mut turn.end));
        Ok(())
    }

    /// Compares each tree with what a store shows of it.
    pub(super) async fn compare(&self, store: &MemoryStore) -> Result<(), String> {
        for ((tenant, home), tree) in &self.of {
            let scope = Scope { tenant: tenant.clone(), user: tree.user.clone() };
            let page = PageRequest { after: None, order: Order::Ascending, limit: PageLimit::MAX };
            let shown = store.items(&scope, *home, page).await.map_err(|it| it.to_string())?;
            let shown: Vec<_> = shown.entries.iter().map(|stored| stored.item.id).collect();
            let expected = tree.way_to(tree.leaf);
            if shown != expected {
                return Err(format!("{home:?} shows {shown:?}, not {expected:?}"));
            }
            let page = PageRequest { after: None, order: Order::Ascending, limit: PageLimit::MAX };
            let listed = store.branches(&scope, *home, page).await.map_err(|it| it.to_string())?;
            let listed: Vec<_> =
                listed.entries.iter().map(|it| (it.leaf, it.size, it.active)).collect();
            let followed: BTreeSet<_> =
                tree.items.iter().filter_map(|(_, parent)| *parent).collect();
            let is_end = |id: &ItemId| !followed.contains(id) || tree.leaf == Some(*id);
            let ends: BTreeSet<_> = tree.items.iter().map(|(id, _)| *id).filter(is_end).collect();
            let size = |id| u64::try_from(tree.way_to(Some(id)).len()).unwrap_or(0);
            let expected: Vec<_> =
                ends.into_iter().map(|id| (id, size(id), tree.leaf == Some(id))).collect();
            if listed != expected {
                return Err(format!("{home:?} has {listed:?}, not {expected:?}"));
            }
        }
        Ok(())
    }
}

impl Tree {
    fn attach_to_leaf(&mut self, items: &[Item]) {
        self.leaf = self.attach(self.leaf, items);
    }

    fn let_go(&mut self, turn: ResponseId) {
        self.holder = self.holder.filter(|holder| *holder != turn);
    }
}
