//! Branches: which there are, which one is shown, and that none is lost.

use std::time::Duration;

use loquat_domain::{Branch, ConversationId, FunctionCall, ItemContent, ItemId, ItemKind, Order};
use loquat_store::{HistoryStart, Place, Reach, StoreError};

use super::{
    Store,
    person::{Done, HOUR, Person},
    things::{answered, item_id, message, messages, moment, page},
};

/// The same branches, in the order in which they are listed.
fn sorted<const N: usize>(mut branches: [(ItemId, u64); N]) -> Vec<(ItemId, u64)> {
    branches.sort_unstable();
    branches.to_vec()
}

/// Each branch has its leaf, its length and its last item's kind and time; one is active.
pub async fn branches_are_listed_with_what_they_are(store: &dyn Store) {
    let ada = Person::owner(store);
    let (empty, _) = ada.conversation_of(&[]).await;
    assert_eq!(ada.branches(empty).await, []);
    let (id, items) = ada.conversation_of(&["a", "b", "c"]).await;
    let branch = |leaf: ItemId, size, active| Branch {
        leaf,
        leaf_kind: ItemKind::Message,
        size,
        active,
        updated_at: moment(0),
    };
    assert_eq!(ada.branches(id).await, [branch(items[2].id, 3, true)]);

    let begun = ada.try_turn(id, Place::After(Some(items[0].id)), &["new b"], HOUR).await.unwrap();
    let mut output = answered(&begun.response, &["new c", "call"]);
    output[1].content = ItemContent::FunctionCall(FunctionCall {
        call_id: "call_1".to_owned(),
        name: "look_up".to_owned(),
        arguments: "{}".to_owned(),
    });
    output[1].created_at = moment(30);
    ada.try_finish(&begun.response, output.clone()).await.unwrap();
    let new = Branch {
        leaf_kind: ItemKind::FunctionCall,
        updated_at: moment(30),
        ..branch(output[1].id, 4, true)
    };
    assert_eq!(ada.branches(id).await, [branch(items[2].id, 3, false), new]);
    assert_eq!(ada.branches(empty).await, []);
}

/// A conversation of six branches in a star, and their leaves in order.
async fn star(ada: &Person<'_>) -> (ConversationId, ItemId, Vec<ItemId>) {
    let (id, items) = ada.conversation_of(&["a"]).await;
    let mut leaves = Vec::new();
    for _ in 0..6 {
        leaves.push(ada.fork(id, Some(items[0].id), "b", "c").await.leaf());
    }
    ada.activate(id, leaves[2]).await.unwrap();
    (id, items[0].id, leaves)
}

/// Whatever the size of a page, each branch is on exactly one; a page says whether more follow.
pub async fn paging_visits_each_branch_once(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _, mut leaves) = star(&ada).await;
    for order in [Order::Ascending, Order::Descending] {
        for limit in 1..=7 {
            let mut read = Vec::new();
            loop {
                let request = page(read.last().copied(), order, limit);
                let branches = store.branches(&ada.scope, id, request).await.unwrap();
                read.extend(branches.entries.iter().map(|branch| branch.leaf));
                assert_eq!(branches.has_more, read.len() < leaves.len(), "{read:?} of {limit}");
                if !branches.has_more {
                    break;
                }
                assert_eq!(i64::try_from(branches.entries.len()).unwrap(), limit);
            }
            assert_eq!(read, leaves, "{limit} {order:?}");
        }
        leaves.reverse();
    }
}

/// No item of another conversation, or of none, marks a place in the list of branches.
pub async fn a_cursor_that_is_no_item_of_the_conversation_is_refused(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _, leaves) = star(&ada).await;
    let (_, elsewhere) = ada.conversation_of(&["x"]).await;
    let gone = ada.fork(id, None, "d", "e").await.leaf();
    ada.delete_item(id, gone).await.unwrap();
    for cursor in [elsewhere[0].id, item_id(), gone] {
        for order in [Order::Ascending, Order::Descending] {
            let listed = store.branches(&ada.scope, id, page(Some(cursor), order, 9)).await;
            assert!(matches!(listed, Err(StoreError::CursorNotFound)), "{listed:?}");
        }
    }
    let first = page(Some(leaves[0]), Order::Descending, 9);
    assert_eq!(store.branches(&ada.scope, id, first).await.unwrap().entries, []);
}

/// A branch may grow while somebody pages: what was its leaf marks its place all the same, and so
/// does every other item.
pub async fn paging_branches_goes_on_where_a_branch_has_grown(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, root, leaves) = star(&ada).await;
    let listed = async |after, order| {
        let listed = store.branches(&ada.scope, id, page(Some(after), order, 9)).await.unwrap();
        listed.entries.iter().map(|branch| branch.leaf).collect::<Vec<_>>()
    };
    // The one that is shown.
    let grown = message("d");
    ada.append(id, vec![grown.clone()]).await.unwrap();
    let later = [&leaves[3..], &[grown.id]].concat();
    assert_eq!(listed(leaves[2], Order::Ascending).await, later);
    assert_eq!(listed(leaves[2], Order::Descending).await, [leaves[1], leaves[0]]);
    // One that is not shown any more.
    let other = ada.fork(id, Some(leaves[4]), "e", "f").await.leaf();
    ada.activate(id, leaves[0]).await.unwrap();
    assert_eq!(listed(leaves[4], Order::Ascending).await, [leaves[5], grown.id, other]);
    let earlier = [leaves[3], leaves[1], leaves[0]];
    assert_eq!(listed(leaves[4], Order::Descending).await, earlier);
    let all = [&leaves[..2], &[leaves[3], leaves[5], grown.id, other]].concat();
    assert_eq!(listed(root, Order::Ascending).await, all);
    assert_eq!(listed(root, Order::Descending).await, []);
}

/// Where many branches share a beginning, also one that is not shown, each has its own length.
pub async fn branches_that_share_a_beginning_have_their_own_sizes(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, trunk) = ada.conversation_of(&["a", "b", "c", "d", "e"]).await;
    let trunk: Vec<_> = trunk.iter().map(|item| item.id).collect();
    ada.delete_item(id, trunk[1]).await.unwrap();
    let mut sizes = vec![(trunk[4], 4)];
    for (at, size) in [(4, 6), (2, 4), (2, 4), (0, 3), (3, 5)] {
        // After the trunk's end the trunk itself goes on.
        sizes.retain(|(leaf, _)| *leaf != trunk[at]);
        let leaf = ada.fork(id, Some(trunk[at]), "x", "y").await.leaf();
        sizes.push((leaf, size));
    }
    let root = ada.fork(id, None, "z", "z").await.leaf();
    sizes.push((root, 2));
    sizes.sort_unstable();
    for (shown, _) in sizes.clone() {
        ada.activate(id, shown).await.unwrap();
        assert_eq!(ada.shape(id).await, (sizes.clone(), Some(shown)));
    }
}

/// What continues a branch moves its leaf and makes no other.
pub async fn a_branch_that_goes_on_is_one_branch(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a"]).await;
    let begun = ada.turn(id, "b").await;
    assert_eq!(ada.shape(id).await.0, [(begun.input[0].id, 2)]);
    let leaf = ada.finish(begun, "c").await.leaf();
    assert_eq!(ada.shape(id).await, (vec![(leaf, 3)], Some(leaf)));
    let more = messages(&["d", "e"]);
    ada.append(id, more.clone()).await.unwrap();
    assert_eq!(ada.shape(id).await, (vec![(more[1].id, 5)], Some(more[1].id)));
    // After the active leaf is where it goes on anyway.
    let leaf = ada.fork(id, Some(more[1].id), "f", "g").await.leaf();
    assert_eq!(ada.shape(id).await, (vec![(leaf, 7)], Some(leaf)));
    ada.activate(id, leaf).await.unwrap();
    assert_eq!(ada.texts(id).await, ["a", "b", "c", "d", "e", "f", "g"]);
    store.item(&ada.scope, id, items[0].id).await.unwrap();
}

/// A fork leaves the branch that it leaves: within it, and also before its first item.
pub async fn a_fork_leaves_the_old_branch(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b", "c"]).await;
    let old = items[2].id;
    let inside = ada.fork(id, Some(items[1].id), "new c", "d").await.leaf();
    assert_eq!(ada.shape(id).await, (sorted([(old, 3), (inside, 4)]), Some(inside)));
    let before = ada.fork(id, None, "new a", "new b").await.leaf();
    let three = sorted([(old, 3), (inside, 4), (before, 2)]);
    assert_eq!(ada.shape(id).await, (three, Some(before)));
    // From one branch that is not shown to another: a fork of a fork.
    let deeper = ada.fork(id, Some(inside), "e", "f").await.leaf();
    let further = ada.fork(id, Some(inside), "new e", "new f").await.leaf();
    let four = sorted([(old, 3), (deeper, 6), (further, 6), (before, 2)]);
    assert_eq!(ada.shape(id).await, (four, Some(further)));
}

/// A turn after the leaf of a branch that is not shown goes on with it and shows it.
pub async fn a_turn_after_an_inactive_leaf_goes_on_with_its_branch(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b"]).await;
    let new = ada.fork(id, Some(items[0].id), "new b", "new c").await.leaf();
    let old = ada.fork(id, Some(items[1].id), "c", "d").await.leaf();
    assert_eq!(ada.shape(id).await, (sorted([(old, 4), (new, 3)]), Some(old)));
    assert_eq!(ada.texts(id).await, ["a", "b", "c", "d"]);
}

/// A question can be answered anew: until the answer is there, the branch that is shown ends at the
/// question, and the old answer is a branch of its own.
pub async fn an_answer_can_be_asked_for_again(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["question", "answer"]).await;
    let [question, answer] = [items[0].id, items[1].id];
    let place = Place::After(Some(question));
    let begun = ada.try_turn(id, place, &[], HOUR).await.unwrap();
    let both = sorted([(question, 1), (answer, 2)]);
    assert_eq!(ada.shape(id).await, (both.clone(), Some(question)));
    // Without an answer, it stays like that.
    ada.try_finish(&begun.response, vec![]).await.unwrap();
    assert_eq!(ada.shape(id).await, (both, Some(question)));

    let begun = ada.try_turn(id, place, &[], HOUR).await.unwrap();
    let other = ada.finish(begun.clone(), "other answer").await.output[0].id;
    assert_eq!(ada.shape(id).await, (sorted([(answer, 2), (other, 2)]), Some(other)));
    assert_eq!(ada.activate(id, answer).await.unwrap().size, 2);
    assert_eq!(ada.texts(id).await, ["question", "answer"]);
    let activated = ada.activate(id, question).await;
    assert!(matches!(activated, Err(StoreError::NotFound)), "{activated:?}");

    // Before the first item as well: an empty branch has no leaf, and is in no list.
    let begun = ada.try_turn(id, Place::After(None), &[], HOUR).await.unwrap();
    assert_eq!(ada.shape(id).await, (sorted([(answer, 2), (other, 2)]), None));
    let first = ada.finish(begun, "out of nothing").await.output[0].id;
    let three = sorted([(answer, 2), (other, 2), (first, 1)]);
    assert_eq!(ada.shape(id).await, (three, Some(first)));
}

/// An item may be appended where the branch that is shown ends within another.
pub async fn an_item_after_an_interior_end_makes_a_branch(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b"]).await;
    let begun = ada.try_turn(id, Place::After(Some(items[0].id)), &[], HOUR).await.unwrap();
    ada.try_finish(&begun.response, vec![]).await.unwrap();
    let new = message("new b");
    ada.append(id, vec![new.clone()]).await.unwrap();
    let both = sorted([(items[1].id, 2), (new.id, 2)]);
    assert_eq!(ada.shape(id).await, (both, Some(new.id)));
}

/// The answer to a turn whose branch is no longer shown extends that branch, wherever people are
/// by then.
pub async fn a_late_answer_extends_its_own_branch(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b"]).await;
    let late =
        async |place, texts: &[&str]| ada.try_turn(id, place, texts, Duration::ZERO).await.unwrap();
    // Its place was left by a fork.
    let left = late(Place::Leaf(Some(items[1].id)), &["c"]).await;
    let fork = ada.fork(id, Some(items[0].id), "new b", "new c").await.leaf();
    let question = left.input[0].id;
    assert_eq!(ada.shape(id).await, (sorted([(question, 3), (fork, 3)]), Some(fork)));
    let left = ada.finish(left, "d").await.leaf();
    assert_eq!(ada.shape(id).await, (sorted([(left, 4), (fork, 3)]), Some(fork)));
    assert_eq!(ada.texts(id).await, ["a", "new b", "new c"]);

    // Another branch was activated.
    let other = late(Place::Leaf(Some(fork)), &["new d"]).await;
    ada.activate(id, left).await.unwrap();
    let other = ada.finish(other, "new e").await.leaf();
    assert_eq!(ada.shape(id).await, (sorted([(left, 4), (other, 5)]), Some(left)));

    // The branch has gone on without it: its answer is a branch of its own.
    let slow = late(Place::Leaf(Some(left)), &["e"]).await;
    let more = message("f");
    ada.append(id, vec![more.clone()]).await.unwrap();
    let slow = ada.finish(slow, "slow answer").await.leaf();
    let three = sorted([(more.id, 6), (slow, 6), (other, 5)]);
    assert_eq!(ada.shape(id).await, (three, Some(more.id)));

    // It had no input, and answers an item that nothing else followed.
    let silent = late(Place::After(Some(slow)), &[]).await;
    ada.activate(id, other).await.unwrap();
    let silent = ada.finish(silent, "silent answer").await.output[0].id;
    let three = sorted([(more.id, 6), (silent, 7), (other, 5)]);
    assert_eq!(ada.shape(id).await, (three, Some(other)));
}

/// Two branches that part after the second of four and three items.
async fn forked(ada: &Person<'_>) -> (ConversationId, Vec<ItemId>, Done) {
    let (id, items) = ada.conversation_of(&["a", "b", "c", "d"]).await;
    let items: Vec<_> = items.iter().map(|item| item.id).collect();
    let new = ada.fork(id, Some(items[1]), "new c", "new d").await;
    (id, items, new)
}

/// When the leaf that is shown is deleted, the branch ends at its predecessor, also where that is
/// within another branch.
pub async fn deleting_the_active_leaf_shortens_its_branch(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items, new) = forked(&ada).await;
    ada.delete_item(id, new.leaf()).await.unwrap();
    let question = new.input[0].id;
    assert_eq!(ada.shape(id).await, (sorted([(items[3], 4), (question, 3)]), Some(question)));
    ada.delete_item(id, question).await.unwrap();
    assert_eq!(ada.shape(id).await, (sorted([(items[3], 4), (items[1], 2)]), Some(items[1])));
    ada.delete_item(id, items[1]).await.unwrap();
    assert_eq!(ada.shape(id).await, (sorted([(items[3], 3), (items[0], 1)]), Some(items[0])));
    ada.activate(id, items[3]).await.unwrap();
    assert_eq!(ada.shape(id).await, (vec![(items[3], 3)], Some(items[3])));
    assert_eq!(ada.texts(id).await, ["a", "c", "d"]);
}

/// When a leaf that is not shown is deleted, its branch ends at its predecessor, unless something
/// else follows that one.
pub async fn deleting_an_inactive_leaf_shortens_its_branch(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items, new) = forked(&ada).await;
    let shown = new.leaf();
    ada.delete_item(id, items[3]).await.unwrap();
    assert_eq!(ada.shape(id).await, (sorted([(items[2], 3), (shown, 4)]), Some(shown)));
    // A fork among what is not shown.
    let deep = ada.fork(id, Some(items[2]), "x", "y").await;
    let deeper = ada.fork(id, Some(items[2]), "z", "z").await;
    ada.activate(id, shown).await.unwrap();
    for item in [deep.leaf(), deep.input[0].id] {
        ada.delete_item(id, item).await.unwrap();
    }
    let two = sorted([(deeper.leaf(), 5), (shown, 4)]);
    assert_eq!(ada.shape(id).await, (two, Some(shown)));
    for item in [deeper.leaf(), deeper.input[0].id, items[2]] {
        ada.delete_item(id, item).await.unwrap();
    }
    // What the last one followed goes on with the branch that is shown.
    assert_eq!(ada.shape(id).await, (vec![(shown, 4)], Some(shown)));
    assert_eq!(ada.texts(id).await, ["a", "b", "new c", "new d"]);
}

/// An item within branches takes itself out of each, and joins or parts none.
pub async fn deleting_an_interior_item_keeps_the_branches(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items, new) = forked(&ada).await;
    let (old, shown) = (items[3], new.leaf());
    ada.delete_item(id, items[2]).await.unwrap();
    assert_eq!(ada.shape(id).await, (sorted([(old, 3), (shown, 4)]), Some(shown)));
    ada.delete_item(id, new.input[0].id).await.unwrap();
    assert_eq!(ada.shape(id).await, (sorted([(old, 3), (shown, 3)]), Some(shown)));
    // The fork itself: both follow its predecessor, and then nothing.
    ada.delete_item(id, items[1]).await.unwrap();
    assert_eq!(ada.shape(id).await, (sorted([(old, 2), (shown, 2)]), Some(shown)));
    ada.delete_item(id, items[0]).await.unwrap();
    assert_eq!(ada.shape(id).await, (sorted([(old, 1), (shown, 1)]), Some(shown)));
    ada.activate(id, old).await.unwrap();
    assert_eq!(ada.texts(id).await, ["d"]);
    // Down to a single branch, and to none.
    ada.delete_item(id, old).await.unwrap();
    assert_eq!(ada.shape(id).await, (vec![(shown, 1)], None));
    ada.delete_item(id, shown).await.unwrap();
    assert_eq!(ada.shape(id).await, (vec![], None));
}

/// The branch that was activated is the one that is shown, told to a model, and continued.
pub async fn an_activated_branch_is_shown_and_continued(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items, new) = forked(&ada).await;
    let before = ada.active(id).await;
    for _ in 0..2 {
        let branch = ada.activate(id, items[3]).await.unwrap();
        let expected = Branch {
            leaf: items[3],
            leaf_kind: ItemKind::Message,
            size: 4,
            active: true,
            updated_at: moment(0),
        };
        assert_eq!(branch, expected);
        assert_eq!(ada.see(id).await.updated_at, moment(3));
        assert_eq!(ada.texts(id).await, ["a", "b", "c", "d"]);
        let head = ada.history(HistoryStart::Conversation(id)).await.head;
        assert_eq!((head.leaf, head.running), (Some(items[3]), false));
        assert_eq!(ada.told(HistoryStart::Conversation(id)).await, ["a", "b", "c", "d"]);
        let cursor = page(Some(new.leaf()), Order::Ascending, 9);
        let read = store.items(&ada.scope, id, cursor).await;
        assert!(matches!(read, Err(StoreError::CursorNotFound)), "{read:?}");
        // Back again: nothing of what was left has changed.
        ada.activate(id, new.leaf()).await.unwrap();
        assert_eq!(ada.active(id).await, before);
    }
    ada.activate(id, items[3]).await.unwrap();
    ada.append(id, messages(&["e"])).await.unwrap();
    let begun = ada.turn(id, "f").await;
    let leaf = ada.finish(begun, "g").await.leaf();
    assert_eq!(ada.texts(id).await, ["a", "b", "c", "d", "e", "f", "g"]);
    assert_eq!(ada.shape(id).await, (sorted([(leaf, 7), (new.leaf(), 4)]), Some(leaf)));
    let told = ada.told(HistoryStart::Response(new.response.id)).await;
    assert_eq!(told, ["a", "b", "new c", "new d"]);
    for stored in before {
        assert_eq!(store.item(&ada.scope, id, stored.item.id).await.unwrap(), stored);
    }
}

/// The branch that is shown can be activated, which changes nothing.
pub async fn activating_the_active_branch_changes_nothing(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _, new) = forked(&ada).await;
    let (before, shape) = (ada.see(id).await, ada.shape(id).await);
    let branch = store.activate_branch(&ada.scope, id, new.leaf(), moment(99)).await.unwrap();
    assert_eq!((branch.leaf, branch.size, branch.active), (new.leaf(), 4, true));
    assert_eq!((ada.see(id).await, ada.shape(id).await), (before, shape));
}

/// A branch is named by its leaf and by nothing else.
pub async fn only_a_leaf_names_a_branch(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items, new) = forked(&ada).await;
    let (_, elsewhere) = ada.conversation_of(&["x"]).await;
    let before = ada.see(id).await;
    for leaf in [items[0], items[1], items[2], new.input[0].id, elsewhere[0].id, item_id()] {
        let activated = ada.activate(id, leaf).await;
        assert!(matches!(activated, Err(StoreError::NotFound)), "{activated:?}");
    }
    assert_eq!(ada.see(id).await, before);
    assert_eq!(ada.texts(id).await, ["a", "b", "new c", "new d"]);
}

/// While a turn runs nobody takes its branch away; when its lease is over, anybody may.
pub async fn a_running_turn_keeps_its_branch_active(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items, new) = forked(&ada).await;
    let begun = ada.turn(id, "e").await;
    for leaf in [items[3], begun.input[0].id] {
        let activated = ada.activate(id, leaf).await;
        assert!(matches!(activated, Err(StoreError::Locked)), "{activated:?}");
    }
    assert_eq!(ada.texts(id).await, ["a", "b", "new c", "new d", "e"]);
    ada.finish(begun, "f").await;
    ada.activate(id, items[3]).await.unwrap();

    let dead = ada.turn_with_lease(id, "g", Duration::ZERO).await;
    let leaf = dead.input[0].id;
    let shown = ada.shape(id).await.0.into_iter().find(|(leaf, _)| *leaf != dead.input[0].id);
    ada.activate(id, shown.unwrap().0).await.unwrap();
    assert_eq!(ada.texts(id).await, ["a", "b", "new c", "new d", "e", "f"]);
    assert!(ada.shape(id).await.0.contains(&(leaf, 5)));
    store.item(&ada.scope, id, new.leaf()).await.unwrap();
}

/// A history may end at any item of any branch, and before the first.
pub async fn a_history_can_end_at_any_item(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items, new) = forked(&ada).await;
    let at = |item| HistoryStart::Item(id, item);
    assert_eq!(ada.told(at(Some(items[0]))).await, ["a"]);
    assert_eq!(ada.told(at(Some(items[2]))).await, ["a", "b", "c"]);
    assert_eq!(ada.told(at(Some(items[3]))).await, ["a", "b", "c", "d"]);
    assert_eq!(ada.told(at(Some(new.leaf()))).await, ["a", "b", "new c", "new d"]);
    assert!(ada.told(at(None)).await.is_empty());
    for item in [None, Some(items[2]), Some(new.leaf())] {
        let head = ada.history(at(item)).await.head;
        assert_eq!((head.conversation, head.listed), (id, true));
        assert_eq!((head.leaf, head.running), (item, false));
    }
    let newest = store.history(&ada.scope, at(Some(items[2])), Reach::tokens(1)).await.unwrap();
    assert_eq!((newest.items.len(), newest.reached_root), (1, false));

    let (_, elsewhere) = ada.conversation_of(&["x"]).await;
    let hidden = ada.implicit_turn("y").await;
    let home = ada.history(HistoryStart::Response(hidden.response.id)).await.head.conversation;
    for start in [
        at(Some(elsewhere[0].id)),
        at(Some(item_id())),
        HistoryStart::Item(home, Some(hidden.input[0].id)),
        HistoryStart::Item(home, None),
    ] {
        let read = store.history(&ada.scope, start, Reach::tokens(10)).await;
        assert!(matches!(read, Err(StoreError::NotFound)), "{start:?}: {read:?}");
    }
}

/// A turn is in the way of whoever would start at an item while it holds the conversation, and at
/// the item that it answers also when its lease is over.
pub async fn a_history_at_an_item_says_whether_a_turn_is_in_the_way(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b"]).await;
    let running = async |item| ada.history(HistoryStart::Item(id, item)).await.head.running;
    let begun = ada.turn(id, "c").await;
    for item in [None, Some(items[0].id), Some(items[1].id), Some(begun.input[0].id)] {
        assert!(running(item).await, "{item:?}");
    }
    ada.finish(begun, "d").await;
    let dead = ada.turn_with_lease(id, "e", Duration::ZERO).await;
    let question = Some(dead.input[0].id);
    assert!(running(question).await);
    for item in [None, Some(items[0].id)] {
        assert!(!running(item).await, "{item:?}");
    }
    ada.finish(dead, "f").await;
    assert!(!running(question).await);
}
