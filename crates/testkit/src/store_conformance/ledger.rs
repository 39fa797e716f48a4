//! The book of charges.

use std::{collections::BTreeMap, time::Duration};

use loquat_domain::{
    Charge, Micros, PageLimit, Price, Purpose, RawJson, Response, ResponseId, Scope, Status,
    Timestamp, TokenParts, UserId,
};
use loquat_store::{FinishTurn, StoreError, UsageGroups, UsageKey, UsageQuery, UsageRow, Whose};
use proptest::{
    collection::vec,
    option,
    prelude::{Strategy as _, any},
    sample::select,
    strategy::ValueTree as _,
    test_runner::TestRunner,
};

use super::{
    Store,
    person::Person,
    things::{answered, conversation_id, end, ended, fresh_id, moment, response_id, scope},
};

/// Put together by everything.
const BY_ALL: UsageGroups = UsageGroups { day: true, model: true, user: true, conversation: true };

/// A day in microseconds.
const DAY: i64 = 86_400_000_000;

/// A charge that costs so much, at the given moment, for nothing that is kept.
fn charge(cost: u64, at: i64) -> Charge {
    Charge {
        id: fresh_id(),
        at: moment(at),
        purpose: Purpose::Answer,
        conversation: None,
        response: None,
        attempt: 0,
        model: "small".to_owned(),
        asked: "auto".to_owned(),
        provider: "north".to_owned(),
        upstream: "small-2026-01-01".to_owned(),
        tokens: TokenParts { input: 1, cached: 2, cache_write: 3, output: 4, reasoning: 5 },
        price: Price { input: Micros(6), output: Micros(7), ..Price::default() },
        cost: Micros(cost),
        estimated: false,
    }
}

/// A charge for the n-th call of an answer.
fn charge_for(response: ResponseId, attempt: u32, cost: u64) -> Charge {
    Charge { response: Some(response), attempt, ..charge(cost, 1) }
}

/// All of the tenant's usage, ever.
fn everything(groups: UsageGroups) -> UsageQuery {
    UsageQuery {
        whose: Whose::Tenant,
        from: Timestamp::from_micros(i64::MIN),
        until: Timestamp::from_micros(i64::MAX),
        groups,
        after: None,
        limit: PageLimit::MAX,
    }
}

impl Person<'_> {
    async fn record(&self, charges: impl Into<Vec<Charge>>) {
        self.store.record(&self.scope, charges.into()).await.unwrap();
    }

    /// Records everybody's charges.
    async fn record_all(&self, charges: &[(Scope, Charge)]) {
        for (scope, charge) in charges {
            self.store.record(scope, vec![charge.clone()]).await.unwrap();
        }
    }

    /// All rows of a query, page by page.
    async fn usage(&self, query: UsageQuery) -> Vec<UsageRow> {
        let mut rows = Vec::<UsageRow>::new();
        loop {
            let after = rows.last().map(|row| row.key.clone()).or(query.after.clone());
            let query = UsageQuery { after, ..query.clone() };
            let page = self.store.usage(&self.scope, query.clone()).await.unwrap();
            let full = page.entries.len() == usize::from(query.limit.get());
            assert!(full || !page.has_more, "a page that is not full says that more follows");
            assert!(rows.len() < 1_000, "the pages do not come to an end");
            rows.extend(page.entries);
            if !page.has_more {
                return rows;
            }
        }
    }

    /// What each call of the tenant has cost, together; none when there was no call.
    async fn spent(&self, whose: Whose) -> Option<u64> {
        let rows = self.usage(UsageQuery { whose, ..everything(UsageGroups::default()) }).await;
        assert!(rows.len() < 2, "{rows:?}");
        rows.first().map(|row| row.cost.0)
    }

    /// A turn that may be ended with charges.
    async fn finish_with(
        &self,
        response: &Response,
        charges: Vec<Charge>,
    ) -> Result<(), StoreError> {
        let output = answered(response, &["said"]);
        let end = end(ended(response, Status::Completed), output);
        self.store.finish_turn(&self.scope, FinishTurn { charges, ..end }).await
    }
}

/// What the calls for a turn cost is in the book once the turn has ended, and not before.
pub async fn a_turns_end_brings_its_charges(store: &dyn Store) {
    let ada = Person::owner(store);
    let begun = ada.implicit_turn("q").await.response;
    assert_eq!(ada.spent(Whose::Tenant).await, None);
    let charges = vec![charge_for(begun.id, 0, 30), charge_for(begun.id, 1, 12)];
    ada.finish_with(&begun, charges).await.unwrap();
    assert_eq!(ada.spent(Whose::Tenant).await, Some(42));
    let rows = ada.usage(everything(BY_ALL)).await;
    let tokens = TokenParts { input: 2, cached: 4, cache_write: 6, output: 8, reasoning: 10 };
    let key = UsageKey {
        day: Some(moment(1).as_micros() / DAY),
        model: Some("small".to_owned()),
        user: Some(ada.scope.user.clone()),
        conversation: None,
    };
    let row = UsageRow { key, calls: 2, estimated_calls: 0, tokens, cost: Micros(42) };
    assert_eq!(rows, [row]);
}

/// An end that is not stored costs nothing: whoever has ended the turn has brought what it cost.
pub async fn an_end_that_is_refused_brings_no_charges(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a"]).await;
    let begun = ada.turn(id, "b").await.response;
    ada.finish_with(&begun, vec![charge_for(begun.id, 0, 1)]).await.unwrap();
    let again = ada.finish_with(&begun, vec![charge_for(begun.id, 1, 10)]).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");

    let alive = ada.turn(id, "c").await.response;
    let stale = FinishTurn {
        only_if_stale: true,
        charges: vec![charge_for(alive.id, 0, 100)],
        ..end(ended(&alive, Status::Completed), vec![])
    };
    let refused = store.finish_turn(&ada.scope, stale).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");

    let mut output = answered(&alive, &["x"]);
    output[0].id = items[0].id;
    let taken = FinishTurn {
        charges: vec![charge_for(alive.id, 0, 1_000)],
        ..end(ended(&alive, Status::Completed), output)
    };
    let refused = store.finish_turn(&ada.scope, taken).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");

    ada.delete_response(alive.id).await.unwrap();
    let gone = ada.finish_with(&alive, vec![charge_for(alive.id, 0, 10_000)]).await;
    assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
    assert_eq!(ada.spent(Whose::Tenant).await, Some(1));
}

/// A turn ends with a charge that is in the book already, and that counts once.
pub async fn a_turn_may_end_with_a_charge_that_was_recorded_before(store: &dyn Store) {
    let ada = Person::owner(store);
    let begun = ada.implicit_turn("q").await.response;
    ada.record([charge_for(begun.id, 0, 5)]).await;
    let charges = vec![charge_for(begun.id, 0, 70), charge_for(begun.id, 1, 900)];
    ada.finish_with(&begun, charges).await.unwrap();
    assert_eq!(ada.spent(Whose::Tenant).await, Some(905));
    assert_eq!(ada.response(begun.id).await.unwrap().response.status, Status::Completed);
}

/// A call is counted once, as it was recorded first, however often it is recorded.
pub async fn a_call_is_charged_once(store: &dyn Store) {
    let ada = Person::owner(store);
    let response = response_id();
    let first = charge_for(response, 0, 3);
    let again =
        Charge { cost: Micros(50), model: "large".to_owned(), ..charge_for(response, 0, 0) };
    ada.record([first.clone(), again.clone()]).await;
    ada.record([again, first.clone()]).await;
    // Nor is one whose id is in the book, whatever it says.
    ada.record([Charge { attempt: 7, cost: Micros(700), ..first }]).await;
    let rows = ada.usage(everything(UsageGroups { model: true, ..UsageGroups::default() })).await;
    let told = rows.iter().map(|row| (row.key.model.as_deref(), row.calls, row.cost.0));
    assert_eq!(told.collect::<Vec<_>>(), [(Some("small"), 1, 3)]);
}

/// Each attempt for each purpose is a call of its own, and each response has its own.
pub async fn every_attempt_for_every_purpose_is_charged(store: &dyn Store) {
    let ada = Person::owner(store);
    let (one, other) = (response_id(), response_id());
    let mut charges = Vec::new();
    for response in [one, other] {
        for purpose in Purpose::ALL {
            charges.extend(
                [0, 1, u32::MAX]
                    .map(|attempt| Charge { purpose, ..charge_for(response, attempt, 1) }),
            );
        }
    }
    ada.record(charges).await;
    assert_eq!(ada.spent(Whose::Tenant).await, Some(18));
}

/// What is not for a response is kept, however much of it is alike.
pub async fn charges_without_a_response_are_all_kept(store: &dyn Store) {
    let ada = Person::owner(store);
    let conversation = Some(conversation_id());
    let summary = |cost| Charge { purpose: Purpose::Summary, conversation, ..charge(cost, 1) };
    ada.record([summary(1), summary(1)]).await;
    ada.record([summary(1), charge(1, 1), charge(1, 1)]).await;
    assert_eq!(ada.spent(Whose::Tenant).await, Some(5));
}

/// The book keeps what was used, whatever becomes of what it was used for.
pub async fn charges_outlive_what_they_were_for(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"]).await;
    let begun = ada.turn(id, "b").await.response;
    let charge = Charge { conversation: Some(id), ..charge_for(begun.id, 0, 9) };
    ada.finish_with(&begun, vec![charge]).await.unwrap();
    let implicit = ada.implicit_turn("q").await.response;
    ada.finish_with(&implicit, vec![charge_for(implicit.id, 0, 4)]).await.unwrap();
    let before = ada.usage(everything(BY_ALL)).await;

    ada.delete_response(begun.id).await.unwrap();
    ada.delete_response(implicit.id).await.unwrap();
    store.delete_conversation(&ada.scope, id).await.unwrap();
    store.forget_expired(1_000).await.unwrap();
    let after = ada.usage(everything(BY_ALL)).await;
    assert_eq!(after, before);
    assert_eq!(after.iter().map(|row| row.key.conversation).collect::<Vec<_>>(), [None, Some(id)]);
    assert_eq!(ada.spent(Whose::Own).await, Some(13));
}

/// Where nothing was used there is nothing to tell, also when all is put together.
pub async fn usage_of_nothing_has_no_rows(store: &dyn Store) {
    let ada = Person::owner(store);
    for groups in [UsageGroups::default(), BY_ALL] {
        let page = store.usage(&ada.scope, everything(groups)).await.unwrap();
        assert_eq!((page.entries, page.has_more), (vec![], false));
    }
}

/// Charges of some days, models, users and conversations, with whose they are.
fn random_charges(count: usize) -> Vec<(Scope, Charge)> {
    let conversations = [conversation_id(), conversation_id()];
    let users = ["ada", "bob", "cy"].map(|name| scope("acme", name));
    // Bytes order models, not a language's alphabet.
    let models = ["a", "B", "ab", "ä", "a-b", "b"];
    let tokens = (0..100_000_u64, 0..100_000_u64, 0..10_u64, 0..5_000_u64, 0..3_u64).prop_map(
        |(input, cached, cache_write, output, reasoning)| TokenParts {
            input,
            cached,
            cache_write,
            output,
            reasoning,
        },
    );
    let about = (
        select(users.to_vec()),
        select(models.to_vec()),
        option::of(select(conversations.to_vec())),
    );
    let call = (select(Purpose::ALL.to_vec()), any::<bool>(), any::<bool>(), 0..10_000_000_u64);
    let made = (about, call, tokens, 0..4 * DAY).prop_map(
        |((scope, model, conversation), (purpose, answers, estimated, cost), tokens, at)| {
            let response = answers.then(response_id);
            let at = Timestamp::from_micros(at);
            let model = model.to_owned();
            let call = Charge { at, purpose, conversation, response, ..charge(cost, 0) };
            (scope, Charge { model, tokens, estimated, ..call })
        },
    );
    let made = vec(made, count).new_tree(&mut TestRunner::deterministic());
    made.unwrap().current()
}

/// What charges come to, put together one by one.
fn put_together(charges: &[(Scope, Charge)], groups: UsageGroups) -> Vec<UsageRow> {
    let mut rows = BTreeMap::<UsageKey, UsageRow>::new();
    for (Scope { user, .. }, charge) in charges {
        let key = UsageKey {
            day: groups.day.then(|| charge.at.as_micros().div_euclid(DAY)),
            model: groups.model.then(|| charge.model.clone()),
            user: groups.user.then(|| user.clone()),
            conversation: if groups.conversation { charge.conversation } else { None },
        };
        let row = rows.entry(key.clone()).or_insert(UsageRow {
            key,
            calls: 0,
            estimated_calls: 0,
            tokens: TokenParts::default(),
            cost: Micros::default(),
        });
        row.calls += 1;
        row.estimated_calls += u64::from(charge.estimated);
        row.tokens += charge.tokens;
        row.cost.0 += charge.cost.0;
    }
    rows.into_values().collect()
}

/// Every way in which charges can be put together.
fn all_groups() -> impl Iterator<Item = UsageGroups> {
    (0..16_u8).map(|bits| UsageGroups {
        day: bits & 1 > 0,
        model: bits & 2 > 0,
        user: bits & 4 > 0,
        conversation: bits & 8 > 0,
    })
}

/// However charges are put together, it is exactly their sum, to the last micro-unit and token.
pub async fn usage_is_exactly_the_sum_of_its_charges(store: &dyn Store) {
    let charges = random_charges(120);
    let ada = Person::owner(store);
    ada.record_all(&charges).await;
    for groups in all_groups() {
        let rows = ada.usage(everything(groups)).await;
        assert_eq!(rows, put_together(&charges, groups), "{groups:?}");
    }
}

/// However large the pages are, together they are the whole, in the order of its keys.
pub async fn pages_of_usage_are_the_whole(store: &dyn Store) {
    let charges = random_charges(40);
    let ada = Person::owner(store);
    ada.record_all(&charges).await;
    for groups in all_groups() {
        let whole = put_together(&charges, groups);
        for limit in [1, 2, 7] {
            let limit = PageLimit::new(limit).unwrap();
            let rows = ada.usage(UsageQuery { limit, ..everything(groups) }).await;
            assert_eq!(rows, whole, "{groups:?}, {limit:?} a page");
        }
        for (limit, more) in [(whole.len(), false), (whole.len() - 1, true)] {
            let Ok(limit) = PageLimit::new(i64::try_from(limit).unwrap()) else { continue };
            let page = store.usage(&ada.scope, UsageQuery { limit, ..everything(groups) }).await;
            assert_eq!(page.unwrap().has_more, more, "{groups:?}, {limit:?} a page");
        }
    }
}

/// Who pages meets everything that was there, whatever is added meanwhile.
pub async fn paging_usage_goes_on_under_later_charges(store: &dyn Store) {
    let ada = Person::owner(store);
    let of = |model: &str, cost| Charge { model: model.to_owned(), ..charge(cost, 1) };
    ada.record([of("b", 1), of("d", 2), of("f", 3)]).await;
    let groups = UsageGroups { model: true, ..UsageGroups::default() };
    let limit = PageLimit::new(2).unwrap();
    let first = store.usage(&ada.scope, UsageQuery { limit, ..everything(groups) }).await.unwrap();
    assert!(first.has_more);
    ada.record([of("a", 10), of("d", 20), of("e", 30), of("f", 40)]).await;
    let after = first.entries.last().map(|row| row.key.clone());
    let rest = ada.usage(UsageQuery { after, ..everything(groups) }).await;
    let told = rest.iter().map(|row| (row.key.model.as_deref().unwrap(), row.cost.0));
    assert_eq!(told.collect::<Vec<_>>(), [("e", 30), ("f", 43)]);
    // A place need not be a row.
    let between = UsageKey { model: Some("c".to_owned()), ..UsageKey::default() };
    let rest = ada.usage(UsageQuery { after: Some(between), ..everything(groups) }).await;
    assert_eq!(rest.iter().map(|row| row.cost.0).collect::<Vec<_>>(), [22, 30, 43]);
}

/// Usage is one's own, somebody's of the tenant, or everybody's of the tenant.
pub async fn usage_is_somebodys_or_the_tenants(store: &dyn Store) {
    let ada = Person::owner(store);
    let [eve, bob] = Person::strangers(store);
    ada.record([charge(1, 1), charge(1, 2)]).await;
    bob.record([charge(10, 1)]).await;
    eve.record([charge(100, 1)]).await;
    assert_eq!(ada.spent(Whose::Own).await, Some(2));
    assert_eq!(ada.spent(Whose::User(bob.scope.user.clone())).await, Some(10));
    assert_eq!(ada.spent(Whose::User(UserId::new("nobody").unwrap())).await, None);
    for person in [&ada, &bob] {
        assert_eq!(person.spent(Whose::Tenant).await, Some(12));
    }
    assert_eq!(bob.spent(Whose::Own).await, Some(10));
}

/// What other tenants use cannot be seen, and takes nothing away: also where ids are the same.
pub async fn charges_of_another_tenant_do_not_exist(store: &dyn Store) {
    let ada = Person::owner(store);
    let [eve, _] = Person::strangers(store);
    let theirs = charge_for(response_id(), 0, 5);
    ada.record([theirs.clone()]).await;
    for whose in [Whose::Own, Whose::Tenant, Whose::User(ada.scope.user.clone())] {
        assert_eq!(eve.spent(whose).await, None);
    }
    eve.record([Charge { cost: Micros(70), ..theirs }]).await;
    assert_eq!(eve.spent(Whose::Tenant).await, Some(70));
    assert_eq!(ada.spent(Whose::Tenant).await, Some(5));
}

/// What is used at the moment at which a period ends belongs to the next.
pub async fn a_period_of_usage_ends_before_its_end(store: &dyn Store) {
    let ada = Person::owner(store);
    ada.record([charge(1, 1), charge(10, 2), charge(100, 3), charge(1_000, 4)]).await;
    let between = async |from: Timestamp, until: Timestamp| {
        let query = UsageQuery { from, until, ..everything(UsageGroups::default()) };
        ada.usage(query).await.first().map_or(0, |row| row.cost.0)
    };
    let later = |time: Timestamp| time.plus(Duration::from_micros(1));
    assert_eq!(between(moment(2), moment(4)).await, 110);
    assert_eq!(between(later(moment(2)), later(moment(4))).await, 1_100);
    assert_eq!(between(moment(2), later(moment(2))).await, 10);
    assert_eq!(between(moment(2), moment(2)).await, 0);
    assert_eq!(between(moment(4), moment(2)).await, 0);
}

/// A day is a day of UTC, also before 1970 and at the ends of time.
pub async fn days_of_usage_are_those_of_utc(store: &dyn Store) {
    let ada = Person::owner(store);
    let moments = [
        (i64::MIN, -106_751_992),
        (-DAY - 1, -2),
        (-DAY, -1),
        (-1, -1),
        (0, 0),
        (DAY - 1, 0),
        (DAY, 1),
        (1_796_083_199_999_999, 20_787),
        (1_796_083_200_000_000, 20_788),
        (i64::MAX - 1, 106_751_991),
    ];
    let charges = moments.map(|(at, _)| Charge { at: Timestamp::from_micros(at), ..charge(1, 0) });
    ada.record(charges).await;
    let groups = UsageGroups { day: true, ..UsageGroups::default() };
    for limit in [1, 100] {
        let limit = PageLimit::new(limit).unwrap();
        let rows = ada.usage(UsageQuery { limit, ..everything(groups) }).await;
        let days: Vec<_> = rows.iter().map(|row| (row.key.day.unwrap(), row.calls)).collect();
        let mut expected = BTreeMap::new();
        for (_, day) in moments {
            *expected.entry(day).or_insert(0) += 1;
        }
        assert_eq!(days, expected.into_iter().collect::<Vec<_>>());
    }
}

/// Sums that no column holds are the greatest that fit; others are exact, however large.
pub async fn the_largest_sums_do_not_wrap(store: &dyn Store) {
    let ada = Person::owner(store);
    let [_, bob] = Person::strangers(store);
    let most = Micros::MAX.0;
    let tokens = TokenParts { input: most, cached: u64::MAX, output: 4, ..TokenParts::default() };
    let dear = || Charge { tokens, cost: Micros(most - 1), ..charge(0, 1) };
    ada.record([dear()]).await;
    bob.record([charge(1, 1)]).await;
    assert_eq!(ada.spent(Whose::Tenant).await, Some(most), "exact as long as it fits");
    ada.record([dear()]).await;
    let query = UsageQuery { whose: Whose::Own, ..everything(UsageGroups::default()) };
    let row = ada.usage(query.clone()).await.remove(0);
    // A number that no column holds counts as the greatest that one does.
    let twice = most * 2;
    assert_eq!((row.tokens.input, row.tokens.cached, row.cost), (twice, twice, Micros::MAX));
    assert_eq!(row.tokens.output, 8);
    ada.record([dear(), Charge { cost: Micros(u64::MAX), ..dear() }]).await;
    let row = ada.usage(query).await.remove(0);
    assert_eq!((row.tokens.input, row.cost, row.calls), (u64::MAX, Micros::MAX, 4));
}

/// Which models were chosen is told as it was stored, and of a turn that has ended only.
pub async fn a_route_comes_back_byte_for_byte(store: &dyn Store) {
    let ada = Person::owner(store);
    let begun = ada.implicit_turn("q").await.response;
    assert_eq!(ada.response(begun.id).await.unwrap().route, None);
    let route = Some(RawJson::from_checked("{ \"why\":\"ä\\u0000\", \"asked\" : [1.50] }"));
    let over = ended(&begun, Status::Completed);
    let turn = FinishTurn { route: route.clone(), ..end(over, vec![]) };
    store.finish_turn(&ada.scope, turn).await.unwrap();
    assert_eq!(ada.response(begun.id).await.unwrap().route, route);
    let plain = ada.implicit_turn("q").await;
    let plain = ada.finish(plain, "a").await.response;
    assert_eq!(ada.response(plain.id).await.unwrap().route, None);
}
