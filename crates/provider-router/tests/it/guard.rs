//! What stands around a provider.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use async_trait::async_trait;
use futures::{future::join_all, stream};
use loquat_provider::{AnswerStream, ChatProvider};
use loquat_provider_router::{Circuit, Health};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A provider that may give so many answers at once, and its only model.
fn narrow(
    provider: &ScriptedProvider,
    places: usize,
    queue: usize,
) -> (Arc<Upstream>, RoutedModel) {
    let options =
        GuardOptions { max_concurrent: Some(places), max_queue: queue, ..GuardOptions::default() };
    let upstream = upstream(provider, options);
    let model = RoutedModel::only(Arc::new(target("narrow", &upstream)));
    (upstream, model)
}

/// Answers a word after a second.
fn slow() -> ScriptedProvider {
    ScriptedProvider::answering(|_| {
        Script::new([Step::Accept, Step::Delay(secs(1))])
            .then(Step::Event(ProviderEvent::Text("hello".to_owned())))
            .then(Step::Event(ProviderEvent::Finished(loquat_provider::FinishReason::Stop)))
    })
}

#[tokio::test(start_paused = true)]
async fn a_dead_provider_costs_one_failed_call_and_not_one_per_request() {
    let dead = dead();
    let routed = routed([model("dead", &dead), model("other", &willing())]);
    answer(&routed, request("hello")).await.1.unwrap();
    assert_eq!(dead.calls().len(), 1);
    let requests: Vec<_> = (0..100).map(|_| request("hello")).collect();
    let answers = requests.iter().map(|request| answer(&routed, request.clone()));
    assert!(join_all(answers).await.iter().all(|(text, _)| text == "hello"));
    assert_eq!(dead.calls().len(), 1);
    let passed_over = ("dead".to_owned(), AttemptOutcome::NotMade("in_doubt"));
    assert!(requests.iter().all(|request| told(request)[0] == passed_over));
}

#[tokio::test(start_paused = true)]
async fn a_provider_in_doubt_is_tried_by_one_call_at_a_time() {
    let dead = ScriptedProvider::queue([
        Script::refusal(ProviderError::Unavailable(None)),
        Script::new([
            Step::Delay(secs(5)),
            Step::Fail(ProviderError::ConnectTimeout),
            Step::Accept,
        ]),
    ]);
    let upstream = upstream(&dead, GuardOptions::default());
    let routed = routed([target("dead", &upstream), model("other", &willing())]);
    answer(&routed, request("hello")).await.1.unwrap();
    assert_eq!(upstream.health().circuit, Circuit::InDoubt);
    tokio::time::advance(secs(1)).await;
    let answers = join_all((0..100).map(|_| answer(&routed, request("hello")))).await;
    assert!(answers.iter().all(|(text, _)| text == "hello"));
    // A second call in that time would have found no script.
    assert_eq!(dead.calls().len(), 2);
    assert_eq!(upstream.health().next_probe_in, Some(secs(2)));
}

#[tokio::test(start_paused = true)]
async fn a_provider_in_doubt_is_asked_all_the_same_by_those_who_have_nobody_else() {
    let provider = ScriptedProvider::queue([
        Script::refusal(ProviderError::Unavailable(None)),
        Script::answer(["hello"]),
        Script::answer(["hello"]),
        Script::answer(["hello"]),
    ]);
    let only = RoutedModel::only(Arc::new(model("only", &provider)));
    assert!(answer(&only, request("hello")).await.1.is_err());
    let answers = join_all((0..3).map(|_| answer(&only, request("hello")))).await;
    assert!(answers.iter().all(|(_, end)| end.is_ok()));
}

#[tokio::test(start_paused = true)]
async fn after_five_failures_in_a_row_a_provider_is_left_alone_for_a_second() {
    let dead = dead();
    let upstream = upstream(&dead, GuardOptions::default());
    let only = RoutedModel::only(Arc::new(target("dead", &upstream)));
    for _ in 0..5 {
        answer(&only, request("hello")).await.1.unwrap_err();
    }
    let refused = request("hello");
    let (_, end) = answer(&only, refused.clone()).await;
    assert!(matches!(end, Err(ProviderError::Resting { .. })));
    assert_eq!(told(&refused), [("dead".to_owned(), AttemptOutcome::NotMade("circuit_open"))]);
    assert_eq!(dead.calls().len(), 5);
    let health = upstream.health();
    assert_eq!(health.circuit, Circuit::Open);
    assert_eq!(health.next_probe_in, Some(secs(1)));
    assert_eq!(health.last_failure.unwrap().code, "unavailable");
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_is_probed_by_one_call_and_each_failure_doubles_the_wait() {
    let dead = dead();
    let upstream = upstream(&dead, GuardOptions { failures: 1, ..GuardOptions::default() });
    let routed = routed([target("dead", &upstream), model("other", &willing())]);
    answer(&routed, request("hello")).await.1.unwrap();
    for (probe, wait) in [1, 2, 4, 8, 16, 32, 60, 60].into_iter().enumerate() {
        assert_eq!(upstream.health().next_probe_in, Some(secs(wait)));
        tokio::time::advance(secs(wait)).await;
        assert_eq!(upstream.health().circuit, Circuit::HalfOpen);
        let answers = join_all((0..100).map(|_| answer(&routed, request("hello")))).await;
        assert!(answers.iter().all(|(_, end)| end.is_ok()));
        assert_eq!(dead.calls().len(), probe + 2, "one call a probe");
    }
}

#[tokio::test(start_paused = true)]
async fn while_a_probe_is_under_way_nobody_else_pays_for_it() {
    let provider = ScriptedProvider::queue([
        Script::refusal(ProviderError::ConnectTimeout),
        Script::new([
            Step::Delay(secs(5)),
            Step::Fail(ProviderError::ConnectTimeout),
            Step::Accept,
        ]),
    ]);
    let upstream = upstream(&provider, GuardOptions { failures: 1, ..GuardOptions::default() });
    let routed = routed([target("dead", &upstream), model("other", &willing())]);
    answer(&routed, request("hello")).await.1.unwrap();
    tokio::time::advance(secs(1)).await;
    let started = tokio::time::Instant::now();
    let (probe, others) = tokio::join!(answer(&routed, request("hello")), async {
        let others = join_all((0..100).map(|_| answer(&routed, request("hello")))).await;
        assert!(started.elapsed() < secs(1), "the others waited for the probe");
        others
    });
    assert_eq!(probe.0, "hello");
    assert!(others.iter().all(|(text, _)| text == "hello"));
    assert_eq!(provider.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_answered_closes_the_circuit() {
    let provider = ScriptedProvider::queue([
        Script::refusal(ProviderError::Unavailable(None)),
        Script::answer(["well"]),
        Script::answer(["well"]),
    ]);
    let upstream = upstream(&provider, GuardOptions { failures: 1, ..GuardOptions::default() });
    let routed = routed([target("back", &upstream), model("other", &willing())]);
    answer(&routed, request("hello")).await.1.unwrap();
    assert_eq!(answer(&routed, request("hello")).await.0, "hello", "it is left alone");
    tokio::time::advance(secs(1)).await;
    assert_eq!(answer(&routed, request("hello")).await.0, "well");
    assert_eq!(upstream.health().circuit, Circuit::Closed);
    assert_eq!(answer(&routed, request("hello")).await.0, "well");
}

#[tokio::test(start_paused = true)]
async fn a_probe_whose_caller_leaves_makes_room_for_another() {
    let provider = ScriptedProvider::queue([
        Script::refusal(ProviderError::Unavailable(None)),
        Script::new([Step::StallForever, Step::Accept]),
        Script::answer(["well"]),
    ]);
    let upstream = upstream(&provider, GuardOptions { failures: 1, ..GuardOptions::default() });
    let only = RoutedModel::only(Arc::new(target("only", &upstream)));
    answer(&only, request("hello")).await.1.unwrap_err();
    tokio::time::advance(secs(1)).await;
    assert!(tokio::time::timeout(secs(1), only.start(request("hello"))).await.is_err());
    assert_eq!(answer(&only, request("hello")).await.0, "well");
}

#[tokio::test(start_paused = true)]
async fn calls_that_were_let_in_before_the_circuit_opened_do_not_prolong_it() {
    let provider = ScriptedProvider::answering(|_| {
        Script::new([Step::Delay(secs(1)), Step::Fail(ProviderError::ConnectTimeout), Step::Accept])
    });
    let upstream = upstream(&provider, GuardOptions::default());
    let only = RoutedModel::only(Arc::new(target("only", &upstream)));
    join_all((0..100).map(|_| answer(&only, request("hello")))).await;
    assert_eq!(upstream.health().next_probe_in, Some(secs(1)));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_breaks_its_answers_off_is_left_alone_too() {
    let provider = ScriptedProvider::answering(|_| {
        Script::events([ProviderEvent::Text("half".to_owned())])
            .then(Step::Fail(ProviderError::IdleTimeout))
    });
    let upstream = upstream(&provider, GuardOptions::default());
    let only = RoutedModel::only(Arc::new(target("only", &upstream)));
    for _ in 0..5 {
        answer(&only, request("hello")).await.1.unwrap_err();
    }
    assert_eq!(upstream.health().circuit, Circuit::Open);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_ends_without_saying_why_is_broken_off() {
    let provider =
        ScriptedProvider::answering(|_| Script::events([ProviderEvent::Text("half".to_owned())]));
    let upstream = upstream(&provider, GuardOptions::default());
    let only = RoutedModel::only(Arc::new(target("only", &upstream)));
    for _ in 0..5 {
        answer(&only, request("hello")).await.1.unwrap();
    }
    assert_eq!(upstream.health().circuit, Circuit::Open);
}

#[tokio::test(start_paused = true)]
async fn only_answers_that_are_broken_off_in_a_row_count() {
    let mut call = 0;
    let provider = ScriptedProvider::answering(move |_| {
        call += 1;
        match call {
            5 => Script::answer(["whole"]),
            _ => Script::events([ProviderEvent::Text("half".to_owned())]),
        }
    });
    let upstream = upstream(&provider, GuardOptions::default());
    let only = RoutedModel::only(Arc::new(target("only", &upstream)));
    for _ in 0..9 {
        answer(&only, request("hello")).await.1.unwrap();
    }
    assert_eq!(upstream.health().circuit, Circuit::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_silent_for_its_share_of_the_time_is_in_doubt() {
    let late = ScriptedProvider::answering(|_| Script::new([Step::StallForever, Step::Accept]));
    for provider in [silent(), late] {
        let upstream = upstream(&provider, GuardOptions::default());
        let routed = routed([target("silent", &upstream), model("other", &willing())]);
        answer(&routed, request("hello")).await.1.unwrap();
        let health = upstream.health();
        assert_eq!(health.circuit, Circuit::InDoubt);
        assert_eq!(health.last_failure.unwrap().code, "first_token_timeout");
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_for_which_little_time_was_left_is_not_blamed() {
    let blameless = upstream(&silent(), GuardOptions::default());
    let routed = routed([
        model("a", &silent()),
        model("b", &silent()),
        target("c", &blameless),
        model("d", &willing()),
    ]);
    answer(&routed, request("hello")).await.1.unwrap();
    assert_eq!(blameless.health().circuit, Circuit::Closed);
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_open_the_circuit_at_once_and_for_long() {
    let refusing = refusing(|| ProviderError::Authentication);
    let upstream = upstream(&refusing, GuardOptions::default());
    let routed = routed([target("refusing", &upstream), model("other", &willing())]);
    for _ in 0..10 {
        answer(&routed, request("hello")).await.1.unwrap();
    }
    assert_eq!(refusing.calls().len(), 1);
    assert_eq!(upstream.health().next_probe_in, Some(secs(60)));
}

#[tokio::test(start_paused = true)]
async fn an_empty_account_opens_the_circuit_at_once_and_the_next_is_asked() {
    let empty = refusing(|| ProviderError::AccountEmpty);
    let upstream = upstream(&empty, GuardOptions::default());
    let routed = routed([target("empty", &upstream), model("other", &willing())]);
    for _ in 0..10 {
        answer(&routed, request("hello")).await.1.unwrap();
    }
    assert_eq!(empty.calls().len(), 1);
    assert_eq!(upstream.health().next_probe_in, Some(secs(60)));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_says_that_it_is_there_is_not_blamed_for_a_slow_model() {
    let slow = SignsOfLife { each: secs(15) };
    let gives_up = ScriptedProvider::answering(|request| {
        request.trail.hear();
        Script::refusal(ProviderError::FirstTokenTimeout)
    });
    let providers: [Arc<dyn ChatProvider>; 2] = [Arc::new(slow), Arc::new(gives_up)];
    for provider in providers {
        let upstream = Arc::new(Upstream::new("slow", provider, GuardOptions::default()));
        let routed = routed([target("slow", &upstream), model("other", &willing())]);
        answer(&routed, request("hello")).await.1.unwrap();
        assert_eq!(upstream.health().circuit, Circuit::Closed);
    }
}

/// Accepts, and says now and then that it is there, and nothing else.
struct SignsOfLife {
    each: Duration,
}

#[async_trait]
impl ChatProvider for SignsOfLife {
    async fn start(&self, request: ChatRequest) -> Result<AnswerStream, ProviderError> {
        let each = self.each;
        let signs = stream::once(async move {
            loop {
                tokio::time::sleep(each).await;
                request.trail.hear();
            }
        });
        Ok(signs.boxed())
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fell_silent_after_it_had_begun_is_in_doubt() {
    let stuck = ScriptedProvider::answering(|request| {
        request.trail.hear();
        Script::new([Step::Accept, Step::StallForever])
    });
    let upstream = upstream(&stuck, GuardOptions::default());
    let routed = routed([target("stuck", &upstream), model("other", &willing())]);
    answer(&routed, request("hello")).await.1.unwrap();
    assert_eq!(upstream.health().circuit, Circuit::InDoubt);
}

#[tokio::test(start_paused = true)]
async fn signs_of_life_are_those_of_the_one_who_is_asked() {
    let breaks = ScriptedProvider::answering(|request| {
        request.trail.hear();
        Script::refusal(ProviderError::Unavailable(None))
    });
    let late = refusing(|| ProviderError::FirstTokenTimeout);
    let upstream = upstream(&late, GuardOptions::default());
    let routed =
        routed([model("breaks", &breaks), target("late", &upstream), model("other", &willing())]);
    answer(&routed, request("hello")).await.1.unwrap();
    assert_eq!(upstream.health().circuit, Circuit::InDoubt);
}

#[tokio::test(start_paused = true)]
async fn a_trial_of_a_slow_model_says_nothing_and_the_next_call_tries_again() {
    let calls = AtomicUsize::new(0);
    let slow =
        ScriptedProvider::answering(move |request| match calls.fetch_add(1, Ordering::Relaxed) {
            0 => Script::refusal(ProviderError::Unavailable(None)),
            1 => {
                request.trail.hear();
                Script::refusal(ProviderError::FirstTokenTimeout)
            }
            _ => Script::answer(["hello"]),
        });
    let upstream = upstream(&slow, GuardOptions::default());
    let routed = routed([target("slow", &upstream), model("other", &willing())]);
    answer(&routed, request("hello")).await.1.unwrap();
    tokio::time::advance(secs(1)).await;
    answer(&routed, request("hello")).await.1.unwrap();
    let Health { circuit, failures, next_probe_in, .. } = upstream.health();
    assert_eq!((circuit, failures, next_probe_in), (Circuit::InDoubt, 1, None));
    answer(&routed, request("hello")).await.1.unwrap();
    assert_eq!(slow.calls().len(), 3);
    assert_eq!(upstream.health().circuit, Circuit::Closed);
}

#[tokio::test(start_paused = true)]
async fn who_has_nobody_else_is_told_when_a_provider_is_tried_again() {
    let dead = dead();
    let options = GuardOptions { failures: 1, open_for: secs(30), ..GuardOptions::default() };
    let only = RoutedModel::only(Arc::new(target("only", &upstream(&dead, options))));
    answer(&only, request("hello")).await.1.unwrap_err();
    tokio::time::advance(secs(10)).await;
    let error = answer(&only, request("hello")).await.1.unwrap_err();
    assert!(matches!(error, ProviderError::Resting { .. }), "{error:?}");
    assert_eq!(error.retry_after(), Some(secs(20)));
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_by_several_is_told_the_soonest() {
    let wait = |secs| Some(Duration::from_secs(secs));
    let asks_to_wait =
        |secs| refusing(move || ProviderError::RateLimited { retry_after: wait(secs) });
    let routed = routed([
        model("a minute", &asks_to_wait(60)),
        model("soonest", &asks_to_wait(7)),
        model("half", &asks_to_wait(30)),
    ]);
    answer(&routed, request("hello")).await.1.unwrap_err();
    let error = answer(&routed, request("hello")).await.1.unwrap_err();
    assert_eq!(error.retry_after(), wait(7));
}

#[tokio::test(start_paused = true)]
async fn who_passes_one_in_doubt_over_for_one_that_is_full_is_told_that_it_is_busy() {
    let options = GuardOptions { max_concurrent: Some(1), max_queue: 0, ..GuardOptions::default() };
    let full = target("full", &upstream(&silent(), options));
    let routed = routed([model("dead", &dead()), full]);
    let _first = routed.start(request("hello")).await.unwrap();
    let refused = request("hello");
    let (_, end) = answer(&routed, refused.clone()).await;
    assert!(matches!(end, Err(ProviderError::Busy)), "{end:?}");
    assert_eq!(told(&refused)[0].1, AttemptOutcome::NotMade("in_doubt"));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_refused_as_it_stands_says_nothing_against_a_provider() {
    let refusing = refusing(|| ProviderError::Rejected { status: 422 });
    let upstream = upstream(&refusing, GuardOptions { failures: 1, ..GuardOptions::default() });
    let only = RoutedModel::only(Arc::new(target("only", &upstream)));
    for _ in 0..10 {
        answer(&only, request("hello")).await.1.unwrap_err();
    }
    assert_eq!(refusing.calls().len(), 10);
    assert_eq!(upstream.health().circuit, Circuit::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_could_not_be_sent_does_not_make_a_dead_provider_well() {
    let dead = ScriptedProvider::queue([
        Script::refusal(ProviderError::Unavailable(None)),
        Script::refusal(ProviderError::Inexpressible),
        Script::refusal(ProviderError::Unavailable(None)),
    ]);
    let options = GuardOptions { failures: 1, ..GuardOptions::default() };
    let upstream = upstream(&dead, options);
    let only = RoutedModel::only(Arc::new(target("only", &upstream)));
    answer(&only, request("hello")).await.1.unwrap_err();
    tokio::time::advance(options.open_for).await;
    answer(&only, request("hello")).await.1.unwrap_err();
    assert_eq!(upstream.health().circuit, Circuit::HalfOpen);
    answer(&only, request("hello")).await.1.unwrap_err();
    assert_eq!(upstream.health().circuit, Circuit::Open);
    assert_eq!(upstream.health().failures, 2);
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_is_kept() {
    let limited = ScriptedProvider::queue([
        Script::refusal(ProviderError::RateLimited { retry_after: Some(secs(30)) }),
        Script::answer(["again"]),
    ]);
    let upstream = upstream(&limited, GuardOptions::default());
    let only = RoutedModel::only(Arc::new(target("only", &upstream)));
    answer(&only, request("hello")).await.1.unwrap_err();
    tokio::time::advance(secs(10)).await;
    let refused = request("hello");
    let (_, end) = answer(&only, refused.clone()).await;
    let left = match end {
        Err(ProviderError::RateLimited { retry_after }) => retry_after,
        other => panic!("{other:?}"),
    };
    assert_eq!(left, Some(secs(20)));
    assert_eq!(told(&refused), [("only".to_owned(), AttemptOutcome::NotMade("asked_to_wait"))]);
    assert_eq!(upstream.health().asked_to_wait, Some(secs(20)));
    tokio::time::advance(secs(20)).await;
    assert_eq!(answer(&only, request("hello")).await.0, "again");
}

#[tokio::test(start_paused = true)]
async fn a_place_is_taken_until_the_answers_end() {
    let slow = slow();
    let (upstream, narrow) = narrow(&slow, 1, 8);
    let first = narrow.start(request("hello")).await.unwrap();
    assert_eq!(upstream.health().in_flight, 1);
    let waiting = answer(&narrow, request("hello"));
    let (second, first) = tokio::join!(waiting, async {
        settle().await;
        assert_eq!(upstream.health().waiting, 1);
        assert_eq!(slow.calls().len(), 1);
        first.collect::<Vec<_>>().await.len()
    });
    assert_eq!(second.0, "hello");
    assert_eq!(first, 2);
    let Health { in_flight, waiting, .. } = upstream.health();
    assert_eq!((in_flight, waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_has_ended_gives_its_place_back_though_it_is_kept() {
    let (upstream, narrow) = narrow(&willing(), 1, 0);
    let mut kept = narrow.start(request("hello")).await.unwrap();
    while kept.next().await.is_some() {}
    assert_eq!(upstream.health().in_flight, 0);
    assert_eq!(answer(&narrow, request("hello")).await.0, "hello");
}

#[tokio::test(start_paused = true)]
async fn no_more_answers_are_under_way_than_may_be() {
    let slow = slow();
    let (upstream, narrow) = narrow(&slow, 3, 100);
    let most = async {
        let mut most = 0;
        for _ in 0..20 {
            settle().await;
            most = most.max(upstream.health().in_flight);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        most
    };
    let answers = join_all((0..6).map(|_| answer(&narrow, request("hello"))));
    let (answers, most) = tokio::join!(answers, most);
    assert!(answers.iter().all(|(_, end)| end.is_ok()));
    assert_eq!(most, 3);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_at_once() {
    let (_, narrow) = narrow(&silent(), 1, 1);
    let _first = narrow.start(request("hello")).await.unwrap();
    let refused = request("hello");
    let started = tokio::time::Instant::now();
    let (_, (_, end)) = tokio::join!(answer(&narrow, request("hello")), async {
        settle().await;
        answer(&narrow, refused.clone()).await
    });
    assert!(matches!(end, Err(ProviderError::Busy)));
    assert_eq!(told(&refused), [("narrow".to_owned(), AttemptOutcome::NotMade("queue_full"))]);
    assert!(started.elapsed() <= secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_place_ends() {
    let (upstream, narrow) = narrow(&silent(), 1, 8);
    let _first = narrow.start(request("hello")).await.unwrap();
    let started = tokio::time::Instant::now();
    let refused = request("hello");
    let (_, end) = answer(&narrow, refused.clone()).await;
    assert!(matches!(end, Err(ProviderError::Busy)));
    assert_eq!(started.elapsed(), secs(2));
    assert_eq!(told(&refused), [("narrow".to_owned(), AttemptOutcome::NotMade("queue_timeout"))]);
    assert_eq!(upstream.health().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_the_queue_takes_no_place() {
    let slow = slow();
    let (upstream, narrow) = narrow(&slow, 1, 1);
    let first = narrow.start(request("hello")).await.unwrap();
    let leaving = narrow.start(request("hello"));
    assert!(tokio::time::timeout(Duration::from_millis(10), leaving).await.is_err());
    assert_eq!(upstream.health().waiting, 0);
    drop(first);
    assert_eq!(answer(&narrow, request("hello")).await.0, "hello");
    assert_eq!(slow.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_busy_provider_overflows_to_the_next() {
    let options = GuardOptions { max_concurrent: Some(1), max_queue: 0, ..GuardOptions::default() };
    let local = target("local", &upstream(&silent(), options));
    let routed = routed([local, model("cloud", &willing())]);
    let (_, (text, _)) =
        tokio::join!(tokio::time::timeout(secs(10), routed.start(request("hello"))), async {
            settle().await;
            answer(&routed, request("hello")).await
        });
    assert_eq!(text, "hello");
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_for_a_provider_that_breaks_stop_waiting() {
    let provider = ScriptedProvider::queue([
        Script::new([
            Step::Delay(secs(1)),
            Step::Fail(ProviderError::ConnectTimeout),
            Step::Accept,
        ]),
        Script::new([Step::StallForever, Step::Accept]),
    ]);
    let options = GuardOptions { max_concurrent: Some(2), failures: 1, ..GuardOptions::default() };
    let only = RoutedModel::only(Arc::new(target("only", &upstream(&provider, options))));
    let started = tokio::time::Instant::now();
    // The place of the call that fails is for one of them; the others must not wait for theirs.
    let waiting: Vec<_> = (0..3).map(|_| request("hello")).collect();
    tokio::select! {
        _ = async { tokio::join!(only.start(request("a")), only.start(request("b"))) } => {}
        _ = async {
            settle().await;
            join_all(waiting.iter().map(|request| answer(&only, request.clone()))).await
        } => {}
    }
    assert_eq!(started.elapsed(), secs(1));
    for request in &waiting {
        assert_eq!(told(request)[0].1, AttemptOutcome::NotMade("circuit_open"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_panics_gives_its_place_back() {
    let panicking = ScriptedProvider::queue([
        Script::new([Step::Panic("out of order"), Step::Accept]),
        Script::answer(["hello"]),
    ]);
    let (upstream, narrow) = narrow(&panicking, 1, 0);
    let call = std::panic::AssertUnwindSafe(answer(&narrow, request("hello")));
    assert!(futures::FutureExt::catch_unwind(call).await.is_err());
    assert_eq!(upstream.health().in_flight, 0);
    assert_eq!(answer(&narrow, request("hello")).await.0, "hello");
}

#[tokio::test(start_paused = true)]
async fn models_at_one_provider_share_its_guard() {
    let dead = dead();
    let shared = upstream(&dead, GuardOptions { failures: 1, ..GuardOptions::default() });
    let one = RoutedModel::only(Arc::new(target("one", &shared)));
    let two = RoutedModel::only(Arc::new(target("two", &shared)));
    answer(&one, request("hello")).await.1.unwrap_err();
    answer(&two, request("hello")).await.1.unwrap_err();
    assert_eq!(dead.calls().len(), 1);
}
