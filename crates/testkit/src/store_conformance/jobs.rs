//! Jobs for what has left a window.

use std::time::Duration;

use loquat_domain::{ConversationId, Scope};
use loquat_store::{ContextJob, StoreError};

use super::{
    Store,
    engine::{segment, summary},
    person::{HOUR, Person},
    things::{conversation, conversation_id, item_id, message, scope},
};

/// What is due, and due again at once.
async fn due(store: &dyn Store) -> Vec<ContextJob> {
    store.claim_context_jobs(100, Duration::ZERO).await.unwrap()
}

fn facts(job: &ContextJob) -> (&Scope, ConversationId, u32) {
    (&job.scope, job.conversation, job.attempts)
}

/// A conversation one of whose items has left the window.
async fn shortened(person: &Person<'_>) -> ConversationId {
    let (id, _) = person.conversation_of(&["a", "b", "c"]).await;
    person.evict(id, 1).await;
    id
}

/// What leaves a window is somebody's job, and nobody else's meanwhile.
pub async fn a_change_queues_a_job(store: &dyn Store) {
    let ada = Person::owner(store);
    let (quiet, _) = ada.conversation_of(&["a"]).await;
    let begun = ada.turn(quiet, "b").await;
    ada.finish(begun, "c").await;
    assert_eq!(due(store).await, []);
    let id = shortened(&ada).await;
    let claimed = store.claim_context_jobs(100, HOUR).await.unwrap();
    assert_eq!(claimed.iter().map(facts).collect::<Vec<_>>(), [(&ada.scope, id, 0)]);
    assert_eq!(due(store).await, []);
}

/// Who dies leaves the job to others.
pub async fn a_claim_that_has_run_out_is_claimed_again(store: &dyn Store) {
    let ada = Person::owner(store);
    let id = shortened(&ada).await;
    let first = due(store).await.remove(0);
    let second = due(store).await.remove(0);
    assert_eq!(facts(&first), facts(&second));
    assert_eq!(facts(&first), (&ada.scope, id, 0));
    assert_ne!(first.ticket, second.ticket);
}

/// What is done is done.
pub async fn a_job_that_is_done_is_gone(store: &dyn Store) {
    let ada = Person::owner(store);
    shortened(&ada).await;
    let job = due(store).await.remove(0);
    store.end_context_job(job.clone(), None).await.unwrap();
    assert_eq!(due(store).await, []);
    store.end_context_job(job, Some(Duration::ZERO)).await.unwrap();
    assert_eq!(due(store).await, []);
}

/// What failed is tried again, later, and counted.
pub async fn a_job_that_failed_is_due_again(store: &dyn Store) {
    let ada = Person::owner(store);
    let id = shortened(&ada).await;
    for attempts in 0..3 {
        let job = store.claim_context_jobs(100, HOUR).await.unwrap().remove(0);
        assert_eq!(facts(&job), (&ada.scope, id, attempts));
        store.end_context_job(job, Some(Duration::ZERO)).await.unwrap();
    }
    let job = due(store).await.remove(0);
    store.end_context_job(job, Some(HOUR)).await.unwrap();
    assert_eq!(due(store).await, []);
}

/// What leaves the window while a job runs is not forgotten with it.
pub async fn a_job_that_was_queued_anew_stays_due(store: &dyn Store) {
    let ada = Person::owner(store);
    let id = shortened(&ada).await;
    for again in [None, Some(HOUR)] {
        let job = store.claim_context_jobs(100, HOUR).await.unwrap().remove(0);
        ada.evict(id, 2).await;
        assert_eq!(due(store).await, [], "somebody is at it");
        store.end_context_job(job, again).await.unwrap();
        let job = due(store).await.remove(0);
        assert_eq!(facts(&job), (&ada.scope, id, 0));
    }
}

/// Who was too slow ends nothing.
pub async fn of_two_claims_the_later_counts(store: &dyn Store) {
    let ada = Person::owner(store);
    shortened(&ada).await;
    let slow = due(store).await.remove(0);
    let other = due(store).await.remove(0);
    store.end_context_job(slow.clone(), None).await.unwrap();
    store.end_context_job(slow, Some(HOUR)).await.unwrap();
    assert_eq!(due(store).await.len(), 1);
    store.end_context_job(other, None).await.unwrap();
    assert_eq!(due(store).await.len(), 1, "claimed by somebody since");
}

/// Any process does anybody's jobs, a few at a time, those that have waited longest first.
pub async fn jobs_of_all_tenants_are_claimed_a_few_at_a_time(store: &dyn Store) {
    let ada = Person::owner(store);
    let [eve, bob] = Person::strangers(store);
    let mut ids = Vec::new();
    for person in [&eve, &ada, &bob, &ada] {
        ids.push((person.scope.clone(), shortened(person).await));
    }
    let mut claimed = store.claim_context_jobs(1, HOUR).await.unwrap();
    assert_eq!(claimed.len(), 1);
    claimed.extend(store.claim_context_jobs(2, HOUR).await.unwrap());
    assert_eq!(claimed.len(), 3);
    claimed.extend(store.claim_context_jobs(100, HOUR).await.unwrap());
    let mut claimed: Vec<_> =
        claimed.into_iter().map(|job| (job.scope, job.conversation)).collect();
    claimed.sort();
    ids.sort();
    assert_eq!(claimed, ids);
}

/// A job is claimed by one of those who look for it at once.
pub async fn of_twenty_who_claim_a_job_one_gets_it(store: &dyn Store) {
    let ada = Person::owner(store);
    shortened(&ada).await;
    let claims = (0..20).map(|_| store.claim_context_jobs(100, HOUR));
    let claimed = futures::future::join_all(claims).await;
    let claimed: usize = claimed.into_iter().map(|jobs| jobs.unwrap().len()).sum();
    assert_eq!(claimed, 1);
}

/// An edit leaves something to do where segments are left, which are to be completed.
pub async fn an_edit_queues_a_job_where_segments_are_left(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b", "c"]).await;
    ada.evict(id, 2).await;
    ada.put(id, segment(0, 0)).await.unwrap();
    ada.put(id, segment(1, 1)).await.unwrap();
    let done = async || {
        for job in due(store).await {
            store.end_context_job(job, None).await.unwrap();
        }
    };
    done().await;
    ada.delete_item(id, items[1].id).await.unwrap();
    assert_eq!(due(store).await.iter().map(facts).collect::<Vec<_>>(), [(&ada.scope, id, 0)]);
    done().await;
    ada.delete_item(id, items[0].id).await.unwrap();
    assert_eq!(due(store).await, []);
    ada.append(id, vec![message("d")]).await.unwrap();
    assert_eq!(due(store).await, []);
}

/// Nothing that was derived outlives its conversation.
pub async fn a_deleted_conversation_leaves_nothing_derived(store: &dyn Store) {
    let ada = Person::owner(store);
    let made = conversation(0);
    let id = made.id;
    ada.create(made.clone(), vec![message("a"), message("b")]).await.unwrap();
    ada.evict(id, 1).await;
    ada.put(id, segment(0, 0)).await.unwrap();
    ada.summarise(id, 0).await;
    let job = due(store).await.remove(0);
    store.delete_conversation(&ada.scope, id).await.unwrap();
    assert_eq!(due(store).await, []);
    store.end_context_job(job.clone(), Some(Duration::ZERO)).await.unwrap();
    assert_eq!(due(store).await, []);
    let put = store.put_segment(&ada.scope, id, 0, segment(0, 0)).await;
    assert!(matches!(put, Err(StoreError::NotFound)), "{put:?}");
    let read = store.backlog(&ada.scope, id).await;
    assert!(matches!(read, Err(StoreError::NotFound)), "{read:?}");
    // A conversation of the same id is another one.
    ada.create(made, vec![]).await.unwrap();
    assert_eq!(ada.kept(id).await, None);
    assert_eq!(ada.derived(id).await, (vec![], None));
    ada.evict(id, 0).await;
    store.end_context_job(job, None).await.unwrap();
    assert_eq!(due(store).await.len(), 1);
}

/// To a stranger what is derived is exactly what an unknown conversation's is, and stays.
pub async fn what_is_derived_does_not_exist_for_a_stranger(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b", "c"]).await;
    ada.evict(id, 1).await;
    ada.put(id, segment(0, 0)).await.unwrap();
    ada.summarise(id, 0).await;
    let before = ada.window(id).await;
    for stranger in Person::strangers(store) {
        let scope = &stranger.scope;
        let mut seen = Vec::new();
        for (id, item) in [(id, items[0].id), (conversation_id(), item_id())] {
            let outcomes = [
                store.items_at(scope, id, &[0]).await.map(drop),
                store.pinned(scope, id, &[item]).await.map(drop),
                store.span(scope, id, 0, 9, 9).await.map(drop),
                store.backlog(scope, id).await.map(drop),
                store.put_segment(scope, id, 0, segment(1, 1)).await,
                store.put_summary(scope, id, 0, summary(0)).await,
            ];
            seen.push(outcomes.map(|outcome| format!("{outcome:?}")));
        }
        assert_eq!(seen[0], [(); 6].map(|()| "Err(NotFound)".to_owned()));
        assert_eq!(seen[0], seen[1], "an unknown one looks different");
        // Nor through a conversation of one's own.
        let (own, _) = stranger.conversation_of(&["x"]).await;
        let pins = [items[0].id];
        assert_eq!(store.pinned(scope, own, &pins).await.unwrap(), []);
        let job = due(store).await.remove(0);
        let stolen = ContextJob { scope: scope.clone(), ..job };
        store.end_context_job(stolen, None).await.unwrap();
    }
    assert_eq!(ada.window(id).await, before);
    assert_eq!(due(store).await.len(), 1);
}

/// The same conversation's id in two tenants has two contexts.
pub async fn two_tenants_have_each_their_own_context(store: &dyn Store) {
    let ada = Person::owner(store);
    let eve = Person { store, scope: scope("umbrella", "eve") };
    let made = conversation(0);
    let items = ["a", "b", "c"].map(message);
    for person in [&ada, &eve] {
        person.create(made.clone(), items.to_vec()).await.unwrap();
        person.evict(made.id, 2).await;
    }
    assert_eq!(due(store).await.len(), 2);
    ada.put(made.id, segment(0, 0)).await.unwrap();
    eve.put(made.id, segment(0, 1)).await.unwrap();
    eve.summarise(made.id, 1).await;
    assert_eq!(ada.derived(made.id).await, (vec![(0, 0)], None));
    assert_eq!(ada.window(made.id).await.segments, [segment(0, 0)]);
    eve.delete_item(made.id, items[0].id).await.unwrap();
    assert_eq!(ada.derived(made.id).await.0, [(0, 0)]);
    assert_eq!(ada.kept(made.id).await.unwrap().anchor, Some(2));
    store.delete_conversation(&eve.scope, made.id).await.unwrap();
    assert_eq!(ada.derived(made.id).await.0, [(0, 0)]);
    let jobs = due(store).await;
    assert_eq!(jobs.iter().map(|job| &job.scope).collect::<Vec<_>>(), [&ada.scope]);
    let eves = ContextJob { scope: eve.scope.clone(), ..jobs[0].clone() };
    store.end_context_job(eves, None).await.unwrap();
    assert_eq!(due(store).await.len(), 1);
}
