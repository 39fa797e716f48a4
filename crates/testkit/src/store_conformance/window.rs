//! Where a conversation's window begins.

use loquat_domain::{Item, ItemContent, Message, Role, Status};
use loquat_store::{
    BeginTurn, ContextUpdate, FinishTurn, HistoryStart, KeptContext, Place, Reach, StoreError,
    TurnHome,
};

use super::{
    Store,
    engine::{WITH_ALL, change, notes, segment},
    person::{HOUR, Person, beginning},
    things::{answered, conversation, end, ended, in_progress, message, text},
};

/// A conversation has no context until items leave its window, and one for ever then.
pub async fn a_conversation_has_no_context_until_items_leave_its_window(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a", "b"]).await;
    assert_eq!(ada.kept(id).await, None);
    let begun = ada.turn(id, "c").await;
    ada.finish(begun, "d").await;
    assert_eq!(ada.kept(id).await, None);

    ada.evict(id, 2).await;
    let (anchor, state) = (Some(2), Some(notes("changed")));
    let first = KeptContext { version: 1, anchor, state, summary: None };
    assert_eq!(ada.kept(id).await, Some(first.clone()));
    // It moves with a later change, and with nothing else that is appended.
    ada.append(id, vec![message("e")]).await.unwrap();
    assert_eq!(ada.kept(id).await, Some(first.clone()));
    ada.evict(id, 5).await;
    assert_eq!(ada.kept(id).await, Some(KeptContext { version: 2, anchor: Some(5), ..first }));
}

/// A new conversation may begin with a context, which it does not have yet.
pub async fn a_new_conversation_may_begin_with_a_context(store: &dyn Store) {
    let ada = Person::owner(store);
    for listed in [true, false] {
        let made = conversation(10);
        let home = TurnHome::New { conversation: made.clone(), listed };
        let response = in_progress(listed.then_some(made.id), 10);
        let begin = |expected| {
            let context = Some(change(expected, 0));
            ada.start(BeginTurn { context, ..beginning(&response, home.clone(), vec![]) })
        };
        let refused = begin(Some(1)).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
        assert!(matches!(ada.response(response.id).await, Err(StoreError::NotFound)));
        begin(None).await.unwrap();
        let context = ada.read(HistoryStart::Response(response.id), WITH_ALL).await.context;
        assert_eq!(context.map(|context| (context.version, context.anchor)), Some((1, Some(0))));
    }
}

/// Read as far as the anchor, no item further, if the branch goes so far.
pub async fn an_anchored_history_ends_at_the_anchor(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b", "c", "d"]).await;
    ada.evict(id, 2).await;
    let read = async |start, reach| {
        let history = ada.read(start, reach).await;
        let told: String = history.items.iter().map(|stored| text(&stored.item)).collect();
        (told, history.reached_root)
    };
    let anchored = |tokens| Reach { anchored: true, ..Reach::tokens(tokens) };
    let whole = HistoryStart::Conversation(id);
    assert_eq!(read(whole, anchored(u64::MAX)).await, ("aqdc".to_owned(), false));
    assert_eq!(read(whole, Reach::tokens(u64::MAX)).await, ("aqdcba".to_owned(), true));
    assert_eq!(read(whole, anchored(15)).await, ("aq".to_owned(), false));
    let at = |item: &Item| HistoryStart::Item(id, Some(item.id));
    assert_eq!(read(at(&items[2]), anchored(u64::MAX)).await, ("c".to_owned(), false));
    // What is before the anchor has another window.
    assert_eq!(read(at(&items[1]), anchored(u64::MAX)).await, ("ba".to_owned(), true));
    assert_eq!(read(HistoryStart::Item(id, None), anchored(9)).await, (String::new(), true));
}

/// Where no item is at the anchor, the first before it is the last that is read.
pub async fn an_anchor_need_not_be_an_item(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b", "c", "d"]).await;
    ada.delete_item(id, items[2].id).await.unwrap();
    ada.evict(id, 2).await;
    let told: Vec<_> = ada.window(id).await.items.iter().map(|stored| stored.position).collect();
    assert_eq!(told, [5, 4, 3, 1]);
}

fn of_role(role: Role, said: &str) -> Item {
    Item { content: ItemContent::Message(Message::text(role, said)), ..message(said) }
}

/// The operator's first words are told where the history does not go back to them.
pub async fn a_history_leads_with_the_operators_words(store: &dyn Store) {
    let ada = Person::owner(store);
    let made = conversation(0);
    let items = [
        of_role(Role::System, "s"),
        of_role(Role::Developer, "d"),
        of_role(Role::User, "u"),
        of_role(Role::System, "later"),
        of_role(Role::Assistant, "a"),
    ];
    ada.create(made.clone(), items.to_vec()).await.unwrap();
    let lead = async |start, tokens| {
        let history = ada.read(start, Reach::tokens(tokens)).await;
        let lead = history.lead.iter().map(|stored| text(&stored.item).to_owned());
        lead.collect::<Vec<_>>()
    };
    let whole = HistoryStart::Conversation(made.id);
    assert_eq!(lead(whole, 10).await, ["s", "d"]);
    assert_eq!(lead(whole, 30).await, ["s", "d"]);
    // Those that were read with the rest are told all the same.
    assert_eq!(lead(whole, 40).await, ["s", "d"]);
    assert_eq!(lead(whole, 50).await, [""; 0]);
    let second = HistoryStart::Item(made.id, Some(items[1].id));
    assert_eq!(lead(second, 5).await, ["s", "d"]);

    let history = ada.read(whole, Reach::tokens(10)).await;
    assert_eq!(history.lead, ada.active(made.id).await[..2]);

    let left = ada.turn_after(made.id, Some(items[2].id)).await;
    let old = HistoryStart::Item(made.id, Some(items[4].id));
    assert_eq!(lead(old, 10).await, [""; 0], "of another branch");
    assert_eq!(lead(HistoryStart::Response(left.response.id), 10).await, ["s", "d"]);
    let (id, _) = ada.conversation_of(&["u", "v"]).await;
    assert_eq!(lead(HistoryStart::Conversation(id), 10).await, [""; 0]);
}

/// However much an operator says, it is told in bounded time.
pub async fn no_more_than_sixteen_items_lead(store: &dyn Store) {
    let ada = Person::owner(store);
    let made = conversation(0);
    let items = (0..20).map(|n| of_role(Role::System, &format!("s{n}")));
    ada.create(made.clone(), items.collect()).await.unwrap();
    let history = ada.read(HistoryStart::Conversation(made.id), Reach::tokens(1)).await;
    let positions: Vec<_> = history.lead.iter().map(|stored| stored.position).collect();
    assert_eq!(positions, (0..16).collect::<Vec<_>>());
}

/// Who changes a context that has changed since it was read must read again.
pub async fn a_change_from_another_version_is_a_conflict(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a", "b"]).await;
    ada.evict(id, 1).await;
    let before = ada.kept(id).await;
    let place = Place::Leaf(ada.window(id).await.head.leaf);
    for expected in [None, Some(0), Some(2)] {
        let begun = ada.try_change(id, place, change(expected, 2)).await;
        assert!(matches!(begun, Err(StoreError::Conflict)), "{expected:?}: {begun:?}");
    }
    assert_eq!(ada.kept(id).await, before);
    assert_eq!(ada.texts(id).await, ["a", "b", "q", "a"]);
    ada.try_change(id, place, change(Some(1), 2)).await.unwrap();
    assert_eq!(ada.kept(id).await.unwrap().version, 2);
}

/// Of two turns that change a context at once one does, also where both may begin.
pub async fn of_two_racing_changes_one_counts(store: &dyn Store) {
    let ada = Person::owner(store);
    let begun = ada.implicit_turn("a").await;
    let first = ada.finish(begun, "b").await;
    let start = HistoryStart::Response(first.response.id);
    let id = ada.history(start).await.head.conversation;
    let place = Place::After(Some(first.leaf()));
    let (one, two) = futures::join!(
        ada.try_change(id, place, change(None, 1)),
        ada.try_change(id, place, change(None, 2))
    );
    let lost = match (one, two) {
        (Ok(_), Err(lost)) | (Err(lost), Ok(_)) => lost,
        neither_or_both => panic!("{neither_or_both:?}"),
    };
    assert!(matches!(lost, StoreError::Conflict), "{lost:?}");
    assert_eq!(ada.read(start, WITH_ALL).await.context.unwrap().version, 1);
}

/// What was learned in a turn is kept if it still belongs to something.
pub async fn notes_are_kept_while_their_version_lasts(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a", "b"]).await;
    let finish = async |expected, what: &str| {
        let begun = ada.turn(id, "q").await;
        let output = answered(&begun.response, &["a"]);
        let response = ended(&begun.response, Status::Completed);
        let context_state = Some(ContextUpdate { expected, state: notes(what) });
        let finish = FinishTurn { context_state, ..end(response, output) };
        store.finish_turn(&ada.scope, finish).await.unwrap();
    };
    finish(0, "too early").await;
    assert_eq!(ada.kept(id).await, None);
    ada.evict(id, 1).await;
    finish(1, "learned").await;
    let kept = ada.kept(id).await.unwrap();
    assert_eq!((kept.version, kept.anchor, kept.state), (1, Some(1), Some(notes("learned"))));
    for another in [0, 2] {
        finish(another, "late").await;
        assert_eq!(ada.kept(id).await.unwrap().state, Some(notes("learned")));
    }
    assert_eq!(ada.texts(id).await.len(), 12, "a turn did not end");
    let leaf = ada.window(id).await.head.leaf.unwrap();
    ada.delete_item(id, leaf).await.unwrap();
    finish(2, "of no window").await;
    let kept = ada.kept(id).await.unwrap();
    assert_eq!((kept.version, kept.anchor, kept.state), (2, None, None));
}

/// In an implicit conversation notes are kept likewise.
pub async fn notes_of_an_implicit_conversation_are_kept(store: &dyn Store) {
    let ada = Person::owner(store);
    let response = in_progress(None, 10);
    let home = TurnHome::New { conversation: conversation(10), listed: false };
    let context = Some(change(None, 0));
    ada.start(BeginTurn { context, ..beginning(&response, home, vec![message("a")]) })
        .await
        .unwrap();
    let context_state = Some(ContextUpdate { expected: 1, state: notes("learned") });
    let finish = FinishTurn { context_state, ..end(ended(&response, Status::Completed), vec![]) };
    store.finish_turn(&ada.scope, finish).await.unwrap();
    let context = ada.read(HistoryStart::Response(response.id), WITH_ALL).await.context.unwrap();
    assert_eq!((context.version, context.state), (1, Some(notes("learned"))));
}

/// Whatever changes what was said before the end makes the window anew.
pub async fn an_edit_takes_the_anchor_away(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b", "c", "d"]).await;
    let mut version = ada.evict(id, 2).await;
    let reset = async |version| {
        let kept = ada.kept(id).await.unwrap();
        assert_eq!((kept.version, kept.anchor, kept.state), (version, None, None));
    };
    ada.delete_item(id, items[1].id).await.unwrap();
    reset(version + 1).await;
    version = ada.evict(id, 2).await;
    assert_eq!(version, 3);

    let old = ada.window(id).await.head.leaf.unwrap();
    ada.turn_after(id, Some(items[3].id)).await;
    reset(version + 1).await;
    version = ada.evict(id, 2).await;

    ada.activate(id, old).await.unwrap();
    reset(version + 1).await;
    version = ada.evict(id, 2).await;

    // None of these is an edit of the active branch.
    let kept = ada.kept(id).await;
    let leaf = ada.window(id).await.head.leaf.unwrap();
    ada.activate(id, leaf).await.unwrap();
    ada.turn_after(id, Some(leaf)).await;
    let branches = ada.branches(id).await;
    let other = branches.iter().find(|branch| !branch.active).unwrap();
    ada.delete_item(id, other.leaf).await.unwrap();
    assert_eq!(ada.kept(id).await, kept);
    assert_eq!(kept.unwrap().version, version);
}

/// A turn after an earlier item may bring the new branch's window.
pub async fn a_turn_that_forks_may_change_the_context(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b", "c", "d"]).await;
    ada.evict(id, 4).await;
    ada.put(id, segment(0, 1)).await.unwrap();
    ada.put(id, segment(2, 3)).await.unwrap();
    let place = Place::After(Some(items[1].id));
    let begun = ada.try_change(id, place, change(Some(1), 1)).await.unwrap();
    ada.finish(begun, "a").await;
    let kept = ada.kept(id).await.unwrap();
    assert_eq!((kept.version, kept.anchor), (2, Some(1)));
    assert_eq!(kept.state, Some(notes("changed")));
    assert_eq!(ada.derived(id).await.0, [(0, 1)]);
    let locked = ada.try_turn(id, Place::After(None), &["x"], HOUR).await;
    assert!(locked.is_ok(), "{locked:?}");
}
