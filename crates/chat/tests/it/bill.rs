//! What is charged, and for what.

use std::time::Duration;

use loquat_chat::{ChatError, CompactHistory, CompactRequest, Limits, Target, Turn, TurnRequest};
use loquat_domain::{
    IncompleteReason, Limit, LimitKey, Meter, Micros, PageLimit, Role, Status, Timestamp,
    TokenParts, Usage, UserId, Whom,
};
use loquat_provider::{Attempt, AttemptOutcome, FinishReason, ProviderError, ProviderEvent};
use loquat_store::{UsageGroups, UsageQuery, UsageRow, Whose};
use loquat_testkit::StoreCall;
use tokio::task::JoinHandle;

use crate::stage::{Call, PRICE, Stage, anna, end, message, says};

/// What the ledger has for everybody of Anna's tenant, a row a model and user.
async fn ledger(stage: &Stage) -> Vec<UsageRow> {
    let query = UsageQuery {
        whose: Whose::Tenant,
        from: Timestamp::from_micros(i64::MIN),
        until: Timestamp::from_micros(i64::MAX),
        groups: UsageGroups { model: true, user: true, conversation: true, day: false },
        after: None,
        limit: PageLimit::MAX,
    };
    stage.chat.usage(&anna(), query).await.unwrap().entries
}

/// Looks until the ledger has something: what belongs to no turn's end is written a moment later.
async fn ledger_soon(stage: &Stage) -> Vec<UsageRow> {
    for _ in 0..200 {
        let rows = ledger(stage).await;
        if !rows.is_empty() {
            return rows;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nothing was charged");
}

const USED: Usage = Usage {
    input_tokens: 100,
    cached_tokens: 60,
    cache_write_tokens: 10,
    output_tokens: 20,
    reasoning_tokens: 5,
    estimated: false,
};

fn attempt(model: &str, outcome: AttemptOutcome) -> Attempt {
    Attempt {
        model: model.to_owned(),
        provider: "p".to_owned(),
        upstream: "u".to_owned(),
        outcome,
        used: None,
    }
}

/// A turn that is being started, and its call of the model.
async fn asked(stage: &Stage) -> (JoinHandle<Result<Turn, ChatError>>, Call) {
    let chat = stage.chat.clone();
    let starting =
        tokio::spawn(
            async move { chat.start_turn(&anna(), says(Target::NewConversation, "hi")).await },
        );
    (starting, stage.call().await)
}

const PARTS: TokenParts =
    TokenParts { input: 30, cached: 60, cache_write: 10, output: 15, reasoning: 5 };

#[tokio::test]
async fn a_turn_is_charged_in_disjoint_parts_when_its_end_is_stored() {
    let stage = Stage::new();
    let (turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    let conversation = turn.response.conversation;
    answer.text("Hello").await;
    answer.say(ProviderEvent::Finished(FinishReason::Stop)).await;
    answer.say(ProviderEvent::Usage(USED)).await;
    drop(answer);
    end(turn).await;
    let [row] = ledger(&stage).await.try_into().expect("one row");
    assert_eq!(row.key.model.as_deref(), Some("played"));
    assert_eq!(row.key.user, Some(UserId::new("anna").unwrap()));
    assert_eq!(row.key.conversation, conversation);
    assert_eq!((row.calls, row.estimated_calls), (1, 0));
    assert_eq!(row.tokens, PARTS);
    assert_eq!(row.cost, PRICE.of(PARTS));
}

#[tokio::test]
async fn a_cut_answer_is_charged_by_our_own_count_and_says_so() {
    let stage = Stage::new();
    let (turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    answer.text("Hello there").await;
    answer.break_off(ProviderError::Disconnected(None)).await;
    let ended = end(turn).await;
    let cut = Status::Incomplete(IncompleteReason::UpstreamDisconnected);
    assert_eq!(ended.response.status, cut);
    let [row] = ledger(&stage).await.try_into().expect("one row");
    assert_eq!((row.calls, row.estimated_calls), (1, 1));
    assert!(row.tokens.input > 0 && row.tokens.output > 0, "{:?}", row.tokens);
    assert_eq!(TokenParts::from(ended.response.usage.unwrap()), row.tokens);
}

#[tokio::test]
async fn what_a_provider_told_before_it_was_cut_is_not_counted_anew() {
    let stage = Stage::new();
    let (starting, call) = asked(&stage).await;
    let early = Usage { output_tokens: 0, reasoning_tokens: 0, ..USED };
    call.request.trail.used(early);
    let answer = call.accept();
    let turn = starting.await.unwrap().unwrap();
    answer.text("Hello").await;
    answer.break_off(ProviderError::Disconnected(None)).await;
    end(turn).await;
    let [row] = ledger(&stage).await.try_into().expect("one row");
    assert_eq!((row.tokens.input, row.tokens.cached, row.tokens.cache_write), (30, 60, 10));
    assert_eq!(row.estimated_calls, 1, "the answer is our own count");
}

#[tokio::test]
async fn an_answer_that_leaves_no_trace_is_paid_all_the_same() {
    let stage = Stage::new();
    let mut request = says(Target::Nothing, "hi");
    request.store = false;
    stage.complete(request, "Hello").await;
    let [row] = ledger_soon(&stage).await.try_into().expect("one row");
    assert_eq!(row.calls, 1);
    assert_eq!(row.key.conversation, None);
}

#[tokio::test]
async fn a_turn_that_was_deleted_while_it_ran_is_paid_all_the_same() {
    let stage = Stage::new();
    let (turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    answer.text("Hello").await;
    stage.chat.delete_response(&anna(), turn.response.id).await.unwrap();
    answer.unheard().await;
    let [row] = ledger_soon(&stage).await.try_into().expect("one row");
    assert_eq!((row.calls, row.estimated_calls), (1, 1));
}

#[tokio::test]
async fn each_call_that_was_made_is_a_row_and_none_that_was_not() {
    let stage = Stage::new();
    let (starting, call) = asked(&stage).await;
    let trail = call.request.trail.clone();
    trail.attempt(attempt("broken", AttemptOutcome::NotMade("open")));
    trail.attempt(attempt("first", AttemptOutcome::Failed("rate_limited")));
    trail.attempt(attempt("second", AttemptOutcome::Answers));
    let answer = call.accept();
    let turn = starting.await.unwrap().unwrap();
    let id = turn.response.id;
    answer.text("Hello").await;
    answer.say(ProviderEvent::Finished(FinishReason::Stop)).await;
    answer.say(ProviderEvent::Usage(USED)).await;
    drop(answer);
    end(turn).await;
    let rows = ledger(&stage).await;
    let told: Vec<_> =
        rows.iter().map(|row| (row.key.model.clone().unwrap(), row.tokens)).collect();
    let nothing = TokenParts::default();
    assert_eq!(told, [("first".to_owned(), nothing), ("second".to_owned(), PARTS)]);
    let route = stage.chat.response(&anna(), id).await.unwrap().route.expect("a route is kept");
    let route: serde_json::Value = serde_json::from_str(route.as_str()).unwrap();
    let outcomes: Vec<_> = route["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| attempt["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["not_made", "failed", "answered"]);
}

#[tokio::test]
async fn what_a_failed_call_told_is_its_own_and_not_the_next_ones() {
    let stage = Stage::new();
    let (starting, call) = asked(&stage).await;
    let trail = call.request.trail.clone();
    let first = trail.attempt(attempt("first", AttemptOutcome::Open));
    trail.used(USED);
    trail.end(first, AttemptOutcome::Failed("unavailable"));
    trail.attempt(attempt("second", AttemptOutcome::Answers));
    let answer = call.accept();
    let turn = starting.await.unwrap().unwrap();
    answer.text("Hello").await;
    drop(answer);
    end(turn).await;
    let [first, second] = ledger(&stage).await.try_into().expect("two rows");
    assert_eq!((first.tokens, first.estimated_calls), (PARTS, 0));
    assert_eq!(second.estimated_calls, 1);
    let TokenParts { cached, cache_write, output, .. } = second.tokens;
    assert_eq!((cached, cache_write), (0, 0));
    assert!(output > 0);
}

#[tokio::test]
async fn who_found_nobody_to_ask_is_charged_nothing() {
    let stage = Stage::new();
    let (starting, call) = asked(&stage).await;
    call.refuse(ProviderError::ContextLengthExceeded);
    assert!(matches!(starting.await.unwrap(), Err(ChatError::Failed { .. })));
    assert_eq!(ledger(&stage).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_was_stopped_while_it_waited_is_charged_nothing() {
    let limits = Limits { background_at_work: 1, ..Limits::default() };
    let stage = Stage::with_limits(limits);
    let in_background =
        |text| TurnRequest { background: true, ..says(Target::NewConversation, text) };
    let _first = stage.chat.start_turn(&anna(), in_background("one")).await.unwrap();
    let _answer = stage.call().await.accept();
    let second = stage.chat.start_turn(&anna(), in_background("two")).await.unwrap();
    let stopped = stage.chat.cancel_response(&anna(), second.response.id).await.unwrap();
    assert_eq!(stopped.response.usage.unwrap().total_tokens(), 0);
    assert_eq!(ledger(&stage).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_turn_whose_process_died_while_it_waited_is_charged_nothing() {
    let limits = Limits { background_at_work: 1, lease: Duration::ZERO, ..Limits::default() };
    let stage = Stage::with_limits(limits);
    let in_background =
        |text| TurnRequest { background: true, ..says(Target::NewConversation, text) };
    let _first = stage.chat.start_turn(&anna(), in_background("one")).await.unwrap();
    let _answer = stage.call().await.accept();
    let second = stage.chat.start_turn(&anna(), in_background("two")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let other = stage.elsewhere();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let stored = other.response(&anna(), second.response.id).await.unwrap();
    assert_eq!(stored.response.status, Status::Incomplete(IncompleteReason::ServerRestart));
    assert_eq!(stored.response.usage.unwrap().total_tokens(), 0);
    let [row] = ledger(&stage).await.try_into().expect("one row, of the one that was at work");
    assert_eq!((row.calls, row.estimated_calls), (1, 1));
    assert!(row.tokens.input > 0);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_was_taken_for_dead_is_charged_once_and_its_failed_calls_too() {
    let stage = Stage::with_limits(Limits { lease: Duration::ZERO, ..Limits::default() });
    let (starting, call) = asked(&stage).await;
    let trail = call.request.trail.clone();
    trail.attempt(attempt("broken", AttemptOutcome::NotMade("open")));
    trail.attempt(attempt("first", AttemptOutcome::Failed("rate_limited")));
    trail.attempt(attempt("second", AttemptOutcome::Answers));
    let answer = call.accept();
    let turn = starting.await.unwrap().unwrap();
    answer.text("Hello").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let _other = stage.elsewhere();
    tokio::time::sleep(Duration::from_secs(3)).await;
    // By now it has heard that it was taken for dead, and has charged what it knows.
    drop(answer);
    end(turn).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let rows = ledger(&stage).await;
    let models: Vec<_> = rows.iter().map(|row| row.key.model.as_deref().unwrap()).collect();
    assert_eq!(models, ["first", "played"]);
    assert_eq!((rows[1].calls, rows[1].estimated_calls), (1, 1), "the answer is not paid twice");
}

#[tokio::test(start_paused = true)]
async fn a_charge_waits_as_long_as_the_store_is_away() {
    let stage = Stage::new();
    for _ in 0..100 {
        let away = loquat_store::StoreError::Unavailable("the database is moved".into());
        stage.store.fail_next(StoreCall::Record, away);
    }
    let mut request = says(Target::Nothing, "hi");
    request.store = false;
    stage.complete(request, "Hello").await;
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert_eq!(ledger(&stage).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_a_moment_for_a_store_that_is_away_and_not_for_ever() {
    let stage = Stage::new();
    for _ in 0..100 {
        let away = loquat_store::StoreError::Unavailable("the database is gone".into());
        stage.store.fail_next(StoreCall::Record, away);
    }
    let mut request = says(Target::Nothing, "hi");
    request.store = false;
    stage.complete(request, "Hello").await;
    let stopped_at = tokio::time::Instant::now();
    stage.chat.drain(Duration::from_secs(1)).await;
    assert!(stopped_at.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_plain_answer_keeps_no_route() {
    let stage = Stage::new();
    let ended = stage.complete(says(Target::NewConversation, "hi"), "Hello").await;
    let stored = stage.chat.response(&anna(), ended.response.id).await.unwrap();
    assert_eq!(stored.route, None);
}

#[tokio::test]
async fn a_refused_turn_is_a_row_that_costs_nothing() {
    let stage = Stage::new();
    let (starting, call) = asked(&stage).await;
    call.request.trail.attempt(attempt("played", AttemptOutcome::Failed("unavailable")));
    call.refuse(ProviderError::Unavailable(None));
    assert!(matches!(starting.await.unwrap(), Err(ChatError::Failed { .. })));
    let [row] = ledger(&stage).await.try_into().expect("one row");
    assert_eq!((row.calls, row.cost), (1, Micros(0)));
}

/// A request to put something long in few words, and a limit of tokens a day.
async fn compacting(stage: &Stage, most: u64) -> CompactRequest {
    let key = LimitKey { whom: Whom::Tenant, model: None, meter: Meter::TokensPerDay };
    stage.chat.set_limit(&anna(), Limit { key, most: Some(most) }).await.unwrap();
    let long = message(Role::User, &"word ".repeat(2_500));
    CompactRequest {
        model: None,
        history: CompactHistory::Nothing,
        input: vec![long.clone(), long],
    }
}

#[tokio::test]
async fn nothing_is_put_in_few_words_beyond_a_limit() {
    let stage = Stage::new();
    let request = compacting(&stage, 3_000).await;
    let refused = stage.chat.compact(&anna(), request).await;
    assert!(matches!(refused, Err(ChatError::LimitReached { .. })), "{refused:?}");
    assert_eq!(ledger(&stage).await, []);
}

#[tokio::test]
async fn what_putting_something_in_few_words_has_used_is_taken_from_the_limit_once() {
    let stage = Stage::new();
    let request = compacting(&stage, 100_000).await;
    let anna = anna();
    let (compacted, ()) = tokio::join!(stage.chat.compact(&anna, request), async {
        for _ in 0..2 {
            let answer = stage.call().await.accept();
            answer.text("They said many words.").await;
            answer.say(ProviderEvent::Finished(FinishReason::Stop)).await;
            answer.say(ProviderEvent::Usage(USED)).await;
        }
    });
    assert_eq!(compacted.unwrap().usage.total_tokens(), 240);
    let [row] = ledger_soon(&stage).await.try_into().expect("one row");
    assert_eq!(row.calls, 2);
    let [standing] = stage.chat.standings(&anna, None).await.unwrap().try_into().unwrap();
    assert_eq!(standing.remaining, 100_000 - 240);
}
