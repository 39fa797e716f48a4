//! A conversation stays with its model while that is worth it.

use super::*;
use loquat_provider_router::Conditions;

const SMALL: fn() -> Price = || price(1, 1, 4);
const LARGE: fn() -> Price = || price(10, 1, 40);

/// Goes to the large model from this many tokens on, which stands for any condition on the request;
/// small questions of large conversations are what the tests are about.
fn two_models(rules: Vec<Rule>) -> RoutedModel {
    ruled(chain([small(), large()]), rules)
}

fn small() -> Target {
    Target { price: SMALL(), ..model("small", &willing()) }
}

fn large() -> Target {
    Target { price: LARGE(), ..model("large", &willing()) }
}

/// To the large model for who carries `hard`.
fn marked() -> Rule {
    Rule {
        name: "marked".to_owned(),
        when: Conditions { metadata: vec!["hard".parse().unwrap()], ..Conditions::default() },
        route: chain([large(), small()]),
    }
}

fn hard(mut request: ChatRequest) -> ChatRequest {
    let pairs = [("hard".to_owned(), "yes".to_owned())].into();
    request.about.metadata = loquat_domain::Metadata::new(pairs).unwrap();
    request
}

fn long(mut request: ChatRequest, tokens: u32) -> ChatRequest {
    request.about.input_tokens = tokens;
    request
}

async fn asked(model: &RoutedModel, request: ChatRequest) -> String {
    answer(model, request.clone()).await.1.unwrap();
    told(&request).into_iter().find(|(_, outcome)| *outcome == AttemptOutcome::Answers).unwrap().0
}

#[tokio::test(start_paused = true)]
async fn a_conversation_stays_while_its_cache_is_worth_more_than_the_cheaper_model() {
    // 50,000 cached tokens cost the large model 50,000, and the small one as much uncached, and
    // an answer of 400 tokens 16,000 here and 1,600 there: only the cache's price decides.
    let dear_small = Target { price: price(5, 1, 4), ..model("small", &willing()) };
    let routed = ruled(chain([dear_small, large()]), vec![marked()]);
    assert_eq!(asked(&routed, hard(long(of(1, "prove it"), 50_000))).await, "large");
    let request = long(of(1, "thanks"), 50_100);
    assert_eq!(asked(&routed, request.clone()).await, "large");
    let why = request.trail.choice().unwrap().why;
    assert!(
        why[1].starts_with("large: the conversation stays, the cache is worth more"),
        "{why:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_conversation_moves_to_a_cheaper_model_as_soon_as_that_saves() {
    let routed = two_models(vec![marked()]);
    assert_eq!(asked(&routed, hard(long(of(1, "prove it"), 2_000))).await, "large");
    assert_eq!(asked(&routed, long(of(1, "thanks"), 2_100)).await, "small");
}

#[tokio::test(start_paused = true)]
async fn a_conversation_whose_cache_has_gone_cold_moves() {
    let dear_small = Target { price: price(5, 1, 4), ..model("small", &willing()) };
    let routed = ruled(chain([dear_small, large()]), vec![marked()]);
    assert_eq!(asked(&routed, hard(long(of(1, "prove it"), 50_000))).await, "large");
    tokio::time::advance(Duration::from_mins(5)).await;
    assert_eq!(asked(&routed, long(of(1, "thanks"), 50_100)).await, "small");
}

#[tokio::test(start_paused = true)]
async fn a_prompt_too_short_to_be_cached_keeps_nobody() {
    let dear_small = Target { price: price(5, 1, 4), ..model("small", &willing()) };
    let routed = ruled(chain([dear_small, large()]), vec![marked()]);
    assert_eq!(asked(&routed, hard(long(of(1, "prove it"), 1_000))).await, "large");
    assert_eq!(asked(&routed, long(of(1, "thanks"), 1_100)).await, "small");
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_states_a_fact_moves_to_a_dearer_model() {
    let routed = two_models(vec![marked()]);
    assert_eq!(asked(&routed, long(of(1, "hello"), 20_000)).await, "small");
    assert_eq!(asked(&routed, hard(long(of(1, "prove it"), 20_100))).await, "large");
}

/// To the large model for what seems hard.
fn seems_hard() -> Rule {
    Rule {
        name: "hard".to_owned(),
        when: Conditions { complexity_at_least: Some(50), ..Conditions::default() },
        route: chain([large(), small()]),
    }
}

/// A complexity between 50 and 60, and one above.
const RATHER_HARD: &str = "The report takes three seconds in the morning and four minutes in the afternoon, \
                            from the same table.";
const HARD: &str = "Prove that the sequence converges and derive an estimate of its error.";

#[tokio::test(start_paused = true)]
async fn a_guess_must_exceed_its_threshold_by_a_margin_before_a_cache_is_given_up_for_it() {
    let routed = two_models(vec![seems_hard()]);
    let complexity = |text: &str| routed.choose(&of(9, text)).unwrap().complexity.unwrap();
    assert!((50..60).contains(&complexity(RATHER_HARD)), "{}", complexity(RATHER_HARD));
    assert!(complexity(HARD) >= 60, "{}", complexity(HARD));

    assert_eq!(asked(&routed, long(of(1, "hello"), 20_000)).await, "small");
    assert_eq!(asked(&routed, long(of(1, RATHER_HARD), 20_100)).await, "small");
    assert_eq!(asked(&routed, long(of(1, HARD), 20_200)).await, "large");
}

#[tokio::test(start_paused = true)]
async fn a_conversation_of_which_nothing_is_cached_needs_no_margin() {
    let routed = two_models(vec![seems_hard()]);
    assert_eq!(asked(&routed, long(of(1, "hello"), 20)).await, "small");
    assert_eq!(asked(&routed, long(of(1, RATHER_HARD), 60)).await, "large");
}

#[tokio::test(start_paused = true)]
async fn a_conversation_never_stays_with_a_model_that_the_route_does_not_name() {
    let private = Rule {
        name: "private".to_owned(),
        when: Conditions { metadata: vec!["hard".parse().unwrap()], ..Conditions::default() },
        route: chain([Target { price: LARGE(), ..model("local", &willing()) }]),
    };
    let routed = two_models(vec![private]);
    assert_eq!(asked(&routed, long(of(1, "hello"), 50_000)).await, "small");
    assert_eq!(asked(&routed, hard(long(of(1, "a secret"), 50_100))).await, "local");
}

#[tokio::test(start_paused = true)]
async fn a_conversation_leaves_a_model_that_is_not_well() {
    let large = ScriptedProvider::queue([
        Script::answer(["hello"]),
        Script::refusal(ProviderError::Authentication),
    ]);
    let large = Target { price: price(5, 1, 10), ..model("large", &large) };
    let small = Target { price: price(5, 5, 4), ..model("small", &willing()) };
    let rule = Rule { route: vec![Arc::new(large.clone()).into()], ..marked() };
    let routed = ruled(chain([small, large]), vec![rule]);
    assert_eq!(asked(&routed, hard(long(of(1, "prove it"), 50_000))).await, "large");
    let failing = long(of(1, "thanks"), 50_100);
    assert_eq!(asked(&routed, failing.clone()).await, "small");
    assert_eq!(told(&failing)[0].0, "large", "it would have stayed");
}

#[tokio::test(start_paused = true)]
async fn a_conversation_does_not_stay_with_a_model_that_is_known_to_be_unwell() {
    let provider = ScriptedProvider::queue([
        Script::answer(["hello"]),
        Script::refusal(ProviderError::Authentication),
    ]);
    let large = Target { price: price(5, 1, 10), ..model("large", &provider) };
    let small = Target { price: price(5, 5, 4), ..model("small", &willing()) };
    let rule = Rule { route: chain([large.clone(), small.clone()]), ..marked() };
    let routed = ruled(chain([small, large]), vec![rule]);
    assert_eq!(asked(&routed, hard(long(of(1, "prove it"), 50_000))).await, "large");
    assert_eq!(asked(&routed, hard(long(of(2, "prove it"), 50_000))).await, "small");
    let next = long(of(1, "thanks"), 50_100);
    assert_eq!(asked(&routed, next.clone()).await, "small");
    assert_eq!(told(&next)[0].0, "small", "it was not even tried");
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_a_replica_took_over_stays_there_while_its_cache_is_warm() {
    let failing_once = ScriptedProvider::queue([
        Script::refusal(ProviderError::Failed),
        Script::answer(["hello"]),
    ]);
    let replica = |name, provider: &ScriptedProvider, weight| {
        (Arc::new(Target { price: price(10, 1, 40), ..model(name, provider) }), weight)
    };
    let replicas = vec![replica("main", &failing_once, 1), replica("spare", &willing(), 0)];
    let routed = ruled(vec![Replicas::weighted(replicas)], Vec::new());
    assert_eq!(asked(&routed, long(of(1, "hello"), 50_000)).await, "spare");
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(asked(&routed, long(of(1, "more"), 50_100)).await, "spare");
    assert_eq!(asked(&routed, long(of(2, "other"), 50_000)).await, "main");
}

#[tokio::test(start_paused = true)]
async fn of_more_conversations_than_it_may_remember_it_forgets_the_oldest() {
    let options = RouteOptions { remembered: 4, ..RouteOptions::default() };
    let dear_small = || Target { price: price(5, 1, 4), ..model("small", &willing()) };
    let routed = RoutedModel::new(chain([dear_small(), large()]), vec![marked()], options).unwrap();
    for number in 0..6 {
        assert_eq!(asked(&routed, hard(long(of(number, "prove it"), 50_000))).await, "large");
    }
    let first =
        |number| routed.choose(&long(of(number, "thanks"), 50_100)).unwrap().models[0].clone();
    assert_eq!(first(0), "small");
    assert_eq!(first(5), "large");
}
