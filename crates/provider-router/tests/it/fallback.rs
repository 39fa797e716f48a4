//! The next is asked when one does not answer, and only then.

use super::*;
use loquat_domain::Usage;
use loquat_provider::FinishReason;

#[tokio::test(start_paused = true)]
async fn a_provider_that_asks_to_slow_down_is_passed_over() {
    let busy = refusing(|| ProviderError::RateLimited { retry_after: None });
    let (busy, other) = (model("busy", &busy), model("other", &willing()));
    let routed = routed([busy, other]);
    let request = request("hello");
    let (text, end) = answer(&routed, request.clone()).await;
    assert!(end.is_ok());
    assert_eq!(text, "hello");
    assert_eq!(
        request.trail.attempts(),
        [
            Attempt {
                model: "busy".to_owned(),
                provider: "somebody".to_owned(),
                upstream: "busy-upstream".to_owned(),
                outcome: AttemptOutcome::Failed("rate_limited"),
                used: None,
            },
            Attempt {
                model: "other".to_owned(),
                provider: "somebody".to_owned(),
                upstream: "other-upstream".to_owned(),
                outcome: AttemptOutcome::Answers,
                used: None,
            },
        ]
    );
    assert_eq!(request.trail.choice().unwrap().models, ["busy", "other"]);
}

#[tokio::test(start_paused = true)]
async fn whatever_a_provider_cannot_help_leads_to_the_next() {
    let errors: [fn() -> ProviderError; 7] = [
        || ProviderError::Unavailable(None),
        || ProviderError::ConnectTimeout,
        || ProviderError::FirstTokenTimeout,
        || ProviderError::Authentication,
        || ProviderError::Protocol("not JSON"),
        || ProviderError::Failed,
        || ProviderError::Disconnected(None),
    ];
    for error in errors {
        let code = error().code();
        let routed = routed([model("first", &refusing(error)), model("second", &willing())]);
        let request = request("hello");
        let (text, _) = answer(&routed, request.clone()).await;
        assert_eq!(text, "hello", "{code}");
        assert_eq!(told(&request)[0].1, AttemptOutcome::Failed(code));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_fails_after_acceptance_and_before_its_first_event_is_asked_of_the_next() {
    let failing = ScriptedProvider::answering(|_| {
        Script::new([Step::Accept, Step::Fail(ProviderError::Failed)])
    });
    let routed = routed([model("first", &failing), model("second", &willing())]);
    let request = request("hello");
    assert_eq!(answer(&routed, request.clone()).await.0, "hello");
    assert_eq!(told(&request)[0].1, AttemptOutcome::Failed("failed"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_ends_before_its_first_event_is_asked_of_the_next() {
    let empty = ScriptedProvider::answering(|_| Script::new([Step::Accept]));
    let routed = routed([model("first", &empty), model("second", &willing())]);
    let request = request("hello");
    assert_eq!(answer(&routed, request.clone()).await.0, "hello");
    assert_eq!(told(&request)[0].1, AttemptOutcome::Failed("disconnected"));
}

#[tokio::test(start_paused = true)]
async fn after_the_first_event_nobody_else_is_asked() {
    let breaking = ScriptedProvider::answering(|_| {
        Script::events([ProviderEvent::Text("half".to_owned())])
            .then(Step::Fail(ProviderError::Disconnected(None)))
    });
    let other = willing();
    let routed = routed([model("breaking", &breaking), model("other", &other)]);
    let request = request("hello");
    let (text, end) = answer(&routed, request.clone()).await;
    assert_eq!(text, "half");
    assert!(matches!(end, Err(ProviderError::Disconnected(_))));
    assert!(other.calls().is_empty());
    assert_eq!(told(&request), [("breaking".to_owned(), AttemptOutcome::Answers)]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_refused_as_it_stands_is_not_asked_again() {
    let other = willing();
    let refusing = refusing(|| ProviderError::Rejected { status: 400 });
    let routed = routed([model("refusing", &refusing), model("other", &other)]);
    let request = request("hello");
    let (_, end) = answer(&routed, request.clone()).await;
    assert!(matches!(end, Err(ProviderError::Rejected { status: 400 })));
    assert!(other.calls().is_empty());
    assert_eq!(told(&request), [("refusing".to_owned(), AttemptOutcome::Failed("rejected"))]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_only_this_endpoint_cannot_serve_is_asked_of_the_next() {
    let errors: [fn() -> ProviderError; 5] = [
        || ProviderError::Inexpressible,
        || ProviderError::AccountEmpty,
        || ProviderError::Rejected { status: 402 },
        || ProviderError::Rejected { status: 403 },
        || ProviderError::Rejected { status: 404 },
    ];
    for error in errors {
        let routed = routed([model("refusing", &refusing(error)), model("other", &willing())]);
        let (text, end) = answer(&routed, request("hello")).await;
        assert!(end.is_ok(), "{:?}: {end:?}", error());
        assert_eq!(text, "hello");
    }
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_is_too_long_is_asked_of_a_larger_window_only() {
    let (small, same, large) =
        (refusing(|| ProviderError::ContextLengthExceeded), willing(), willing());
    let wide = Target { context_window: 256_000, ..model("large", &large) };
    let routed = routed([model("small", &small), model("same", &same), wide]);
    let (text, end) = answer(&routed, request("hello")).await;
    assert!(end.is_ok());
    assert_eq!(text, "hello");
    assert!(same.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn when_nobody_answers_the_last_failure_is_told() {
    let limited = refusing(|| ProviderError::RateLimited { retry_after: None });
    let routed = routed([model("dead", &dead()), model("limited", &limited)]);
    let (_, end) = answer(&routed, request("hello")).await;
    assert!(matches!(end, Err(ProviderError::RateLimited { .. })));
}

#[tokio::test(start_paused = true)]
async fn the_first_event_is_passed_on_at_once() {
    let slow = ScriptedProvider::answering(|_| {
        Script::new([
            Step::Accept,
            Step::Delay(Duration::from_secs(1)),
            Step::Event(ProviderEvent::Text("one".to_owned())),
            Step::Delay(Duration::from_secs(1)),
            Step::Event(ProviderEvent::Text("two".to_owned())),
        ])
    });
    let routed = routed([model("slow", &slow), model("other", &willing())]);
    let started = tokio::time::Instant::now();
    let mut stream = routed.start(request("hello")).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), ProviderEvent::Text("one".to_owned()));
    assert_eq!(started.elapsed().as_secs(), 1);
    assert_eq!(stream.next().await.unwrap().unwrap(), ProviderEvent::Text("two".to_owned()));
    assert_eq!(started.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn every_event_passes_unchanged_and_in_order() {
    let events = [
        ProviderEvent::Reasoning("hm".to_owned()),
        ProviderEvent::ReasoningSealed("sealed".to_owned()),
        ProviderEvent::Text("yes".to_owned()),
        ProviderEvent::Finished(FinishReason::Stop),
        ProviderEvent::Usage(Usage { output_tokens: 3, ..Usage::default() }),
    ];
    let script = events.clone();
    let provider = ScriptedProvider::answering(move |_| Script::events(script.clone()));
    let routed = routed([model("first", &provider), model("second", &willing())]);
    let stream = routed.start(request("hello")).await.unwrap();
    let passed: Vec<_> = stream.map(Result::unwrap).collect().await;
    assert_eq!(passed, events);
}

#[tokio::test(start_paused = true)]
async fn leaving_during_an_attempt_leaves_its_provider_and_asks_nobody_else() {
    let (silent, other) = (silent(), willing());
    let routed = routed([model("silent", &silent), model("other", &other)]);
    let request = request("hello");
    let start = routed.start(request.clone());
    assert!(tokio::time::timeout(Duration::from_secs(3), start).await.is_err());
    let end = silent.calls()[0].end().expect("the call has been dropped");
    assert!(!end.complete);
    assert!(other.calls().is_empty());
    assert_eq!(told(&request), [("silent".to_owned(), AttemptOutcome::Open)]);
}

#[tokio::test(start_paused = true)]
async fn leaving_an_answer_leaves_its_provider() {
    let endless = ScriptedProvider::answering(|_| {
        Script::events([ProviderEvent::Text("one".to_owned())]).then(Step::StallForever)
    });
    let routed = routed([model("endless", &endless), model("other", &willing())]);
    let mut stream = routed.start(request("hello")).await.unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    assert!(endless.calls()[0].end().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_silent_provider_gets_half_of_the_time_and_the_last_the_rest() {
    let (silent, slow) = (
        silent(),
        ScriptedProvider::answering(|_| {
            Script::new([Step::Accept, Step::Delay(Duration::from_secs(50))])
                .then(Step::Event(ProviderEvent::Text("hello".to_owned())))
                .then(Step::Event(ProviderEvent::Finished(FinishReason::Stop)))
        }),
    );
    let routed = routed([model("silent", &silent), model("slow", &slow)]);
    let started = tokio::time::Instant::now();
    let request = request("hello");
    let (text, end) = answer(&routed, request.clone()).await;
    assert!(end.is_ok());
    assert_eq!(text, "hello");
    assert_eq!(started.elapsed().as_secs(), 110);
    assert_eq!(told(&request)[0].1, AttemptOutcome::Failed("time_budget"));
}

#[tokio::test(start_paused = true)]
async fn all_attempts_together_take_no_more_than_the_budget() {
    let late = ScriptedProvider::answering(|_| {
        Script::new([Step::Delay(Duration::from_hours(1)), Step::Accept])
    });
    let routed = routed([model("a", &silent()), model("b", &silent()), model("c", &late)]);
    let started = tokio::time::Instant::now();
    let (_, end) = answer(&routed, request("hello")).await;
    assert!(matches!(end, Err(ProviderError::FirstTokenTimeout)));
    assert_eq!(started.elapsed().as_secs(), 120);
}

#[tokio::test(start_paused = true)]
async fn the_last_that_is_asked_must_begin_within_the_budget_too() {
    for targets in
        [vec![model("only", &silent())], vec![model("dead", &dead()), model("last", &silent())]]
    {
        let route = targets.into_iter().map(|target| Replicas::from(Arc::new(target))).collect();
        let routed = ruled(route, Vec::new());
        let started = tokio::time::Instant::now();
        let request = request("hello");
        let (_, end) = answer(&routed, request.clone()).await;
        assert!(matches!(end, Err(ProviderError::FirstTokenTimeout)), "{end:?}");
        assert_eq!(started.elapsed().as_secs(), 120);
        assert_eq!(told(&request).pop().unwrap().1, AttemptOutcome::Failed("time_budget"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_has_begun_may_take_longer_than_the_budget() {
    let long = ScriptedProvider::answering(|_| {
        Script::events([ProviderEvent::Text("one, ".to_owned())])
            .then(Step::Delay(Duration::from_mins(5)))
            .then(Step::Event(ProviderEvent::Text("two".to_owned())))
    });
    let routed = routed([model("dead", &dead()), model("long", &long)]);
    assert_eq!(answer(&routed, request("hello")).await.0, "one, two");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_asks_one_only_has_no_other_limit_than_its_providers() {
    let late = ScriptedProvider::answering(|_| {
        let patience = Step::Delay(Duration::from_hours(1));
        Script::new([patience, Step::Accept])
            .then(Step::Event(ProviderEvent::Text("at last".into())))
    });
    let only = RoutedModel::only(Arc::new(model("late", &late)));
    assert_eq!(answer(&only, request("hello")).await.0, "at last");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_asks_one_only_returns_with_its_acceptance() {
    let silent = silent();
    let only = RoutedModel::only(Arc::new(model("silent", &silent)));
    let request = request("hello");
    let stream = only.start(request.clone()).await.expect("accepted");
    assert_eq!(told(&request), [("silent".to_owned(), AttemptOutcome::Open)]);
    drop(stream);
    assert!(silent.calls()[0].end().is_some());
}

#[tokio::test(start_paused = true)]
async fn each_is_asked_in_its_own_words() {
    let (first, second) = (dead(), willing());
    let short = Target { max_output_tokens: 300, ..model("second", &second) };
    let routed = routed([model("first", &first), short]);
    answer(&routed, request("hello")).await.1.unwrap();
    let asked = |provider: &ScriptedProvider| provider.calls()[0].request.clone();
    assert_eq!(asked(&first).model, "first-upstream");
    assert_eq!(asked(&first).settings.max_output_tokens, Some(1_000));
    assert_eq!(asked(&second).model, "second-upstream");
    assert_eq!(asked(&second).settings.max_output_tokens, Some(300));
    assert_eq!(asked(&first).input, asked(&second).input);
}
