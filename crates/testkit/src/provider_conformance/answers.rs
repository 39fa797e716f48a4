//! Whole answers.

use loquat_domain::{TokenParts, Usage};
use loquat_provider::{FinishReason, ProviderError, ProviderEvent};

use super::{
    Dialect, Json, Say, Verdict,
    hear::{
        QUESTION, USAGE, answer, hear, joined, playing, request, said, script, usage_of, whole,
    },
};

/// What the steps become.
async fn events(
    dialect: &dyn Dialect,
    says: &[Say],
) -> Result<Vec<ProviderEvent>, super::Inexpressible> {
    let stage = playing(dialect, [script(dialect, says)?]).await;
    Ok(joined(&whole(stage.hear().await)))
}

fn text(text: &str) -> ProviderEvent {
    ProviderEvent::Text(text.to_owned())
}

fn started(index: u32, call_id: &str, name: &str) -> ProviderEvent {
    let (call_id, name) = (call_id.to_owned(), name.to_owned());
    ProviderEvent::ToolCallStarted { index, call_id, name }
}

fn arguments(index: u32, delta: &str) -> ProviderEvent {
    ProviderEvent::ToolCallArguments { index, delta: delta.to_owned() }
}

/// The model's name and what was said are in the one request that is sent.
pub async fn the_model_and_the_conversation_are_sent(dialect: &dyn Dialect) -> Verdict {
    let stage = playing(dialect, [answer(dialect, &["a"])?]).await;
    whole(stage.hear().await);
    let requests = stage.upstream.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!((&*requests[0].method, &*requests[0].model()), ("POST", "some-model"));
    let body = String::from_utf8(requests[0].body.to_vec()).unwrap();
    assert!(body.contains(QUESTION), "{body}");
    Ok(())
}

/// Text, why it stops, usage, in this order.
pub async fn an_answer_is_its_text_its_reason_to_stop_and_its_usage(
    dialect: &dyn Dialect,
) -> Verdict {
    let stage = playing(dialect, [answer(dialect, &["Hel", "lo"])?]).await;
    let expected = [
        text("Hel"),
        text("lo"),
        ProviderEvent::Finished(FinishReason::Stop),
        ProviderEvent::Usage(USAGE),
    ];
    assert_eq!(whole(stage.hear().await), expected);
    Ok(())
}

/// An answer without a word is one.
pub async fn an_answer_may_be_empty(dialect: &dyn Dialect) -> Verdict {
    let says = [Say::Begin(None), Say::Finish(FinishReason::Stop, Some(USAGE)), Say::Done];
    let expected = [ProviderEvent::Finished(FinishReason::Stop), ProviderEvent::Usage(USAGE)];
    assert_eq!(events(dialect, &says).await?, expected);
    Ok(())
}

/// Thoughts are told as thoughts, and before what is said.
pub async fn thoughts_come_before_what_is_said(dialect: &dyn Dialect) -> Verdict {
    let says = [
        Say::Begin(None),
        Say::reasoning("h"),
        Say::reasoning("m"),
        Say::text("a"),
        Say::Finish(FinishReason::Stop, None),
        Say::Done,
    ];
    let events = events(dialect, &says).await?;
    assert_eq!(events[..2], [ProviderEvent::Reasoning("hm".to_owned()), text("a")]);
    Ok(())
}

/// The parts of a summary keep apart.
pub async fn a_summary_of_thoughts_comes_in_parts(dialect: &dyn Dialect) -> Verdict {
    let summary = |part, text| Say::Summary(part, Json::string(text));
    let says = [
        Say::Begin(None),
        summary(0, "fir"),
        summary(0, "st"),
        summary(1, "second"),
        Say::text("a"),
        Say::Finish(FinishReason::Stop, None),
        Say::Done,
    ];
    let events = events(dialect, &says).await?;
    let parts = events.iter().filter_map(|event| match event {
        ProviderEvent::ReasoningSummary { part, delta } => Some((*part, delta.as_str())),
        _ => None,
    });
    let parts: Vec<_> = parts.collect();
    assert_eq!(parts.iter().map(|(_, text)| *text).collect::<Vec<_>>(), ["first", "second"]);
    assert!(parts[0].0 < parts[1].0, "{parts:?}");
    assert_eq!(said(&events), "a");
    Ok(())
}

/// What is sealed follows what was told of it, and precedes what is said next; the seal is marked as
/// the provider's own.
pub async fn a_seal_ends_the_thoughts_that_it_seals(dialect: &dyn Dialect) -> Verdict {
    let says = [
        Say::Begin(None),
        Say::reasoning("hm"),
        Say::Sealed("c2VhbGVk".to_owned()),
        Say::text("a"),
        Say::Finish(FinishReason::Stop, None),
        Say::Done,
    ];
    let events = events(dialect, &says).await?;
    let at = events.iter().position(|it| matches!(it, ProviderEvent::ReasoningSealed(_)));
    let at = at.expect("the seal");
    let ProviderEvent::ReasoningSealed(sealed) = &events[at] else { unreachable!() };
    assert!(sealed.ends_with("c2VhbGVk") && sealed != "c2VhbGVk", "{sealed}");
    let told = &events[..at];
    assert!(!told.contains(&text("a")), "{events:?}");
    assert_eq!(events[at + 1], text("a"));
    Ok(())
}

/// A refusal is not an answer's text.
pub async fn a_refusal_is_told_apart_from_an_answer(dialect: &dyn Dialect) -> Verdict {
    let says = [
        Say::Begin(None),
        Say::Refusal(Json::string("No.")),
        Say::Finish(FinishReason::Stop, None),
        Say::Done,
    ];
    let events = events(dialect, &says).await?;
    assert_eq!(events[0], ProviderEvent::Refusal("No.".to_owned()));
    assert_eq!(said(&events), "");
    Ok(())
}

/// A call has its id, its name and all of its arguments.
pub async fn a_call_is_told_from_its_name_to_its_last_argument(dialect: &dyn Dialect) -> Verdict {
    let says = [
        Say::Begin(None),
        Say::text("Let me look."),
        Say::Call { index: 0, id: "call_1", name: "look" },
        Say::arguments(0, "{\"at\":"),
        Say::arguments(0, "1}"),
        Say::Finish(FinishReason::ToolCalls, None),
        Say::Done,
    ];
    let expected = [
        text("Let me look."),
        started(0, "call_1", "look"),
        arguments(0, "{\"at\":1}"),
        ProviderEvent::Finished(FinishReason::ToolCalls),
    ];
    assert_eq!(events(dialect, &says).await?, expected);
    Ok(())
}

/// The arguments of each call go to it.
pub async fn calls_of_one_answer_are_told_apart(dialect: &dyn Dialect) -> Verdict {
    let says = [
        Say::Begin(None),
        Say::Call { index: 0, id: "call_1", name: "look" },
        Say::arguments(0, "{\"a\":1}"),
        Say::Call { index: 1, id: "call_2", name: "look" },
        Say::arguments(1, "{\"b\""),
        Say::arguments(1, ":2}"),
        Say::Finish(FinishReason::ToolCalls, None),
        Say::Done,
    ];
    let expected = [
        started(0, "call_1", "look"),
        arguments(0, "{\"a\":1}"),
        started(1, "call_2", "look"),
        arguments(1, "{\"b\":2}"),
        ProviderEvent::Finished(FinishReason::ToolCalls),
    ];
    assert_eq!(events(dialect, &says).await?, expected);
    Ok(())
}

/// Done, cut by a limit, cut by a filter.
pub async fn every_reason_to_stop_arrives(dialect: &dyn Dialect) -> Verdict {
    for reason in [FinishReason::Stop, FinishReason::Length, FinishReason::ContentFilter] {
        let says = [Say::Begin(None), Say::text("a"), Say::Finish(reason, Some(USAGE)), Say::Done];
        let expected = [text("a"), ProviderEvent::Finished(reason), ProviderEvent::Usage(USAGE)];
        assert_eq!(events(dialect, &says).await?, expected);
    }
    Ok(())
}

/// A second reason changes nothing.
pub async fn the_first_reason_to_stop_counts(dialect: &dyn Dialect) -> Verdict {
    let says = [
        Say::Begin(None),
        Say::text("a"),
        Say::Finish(FinishReason::Length, None),
        Say::Finish(FinishReason::Stop, None),
        Say::Done,
    ];
    let expected = [text("a"), ProviderEvent::Finished(FinishReason::Length)];
    assert_eq!(events(dialect, &says).await?, expected);
    Ok(())
}

/// What is said after the reason to stop is not said.
pub async fn nothing_follows_the_reason_to_stop(dialect: &dyn Dialect) -> Verdict {
    let says = [
        Say::Begin(None),
        Say::text("a"),
        Say::Finish(FinishReason::Stop, None),
        Say::text("b"),
        Say::Done,
        Say::text("c"),
    ];
    assert_eq!(said(&events(dialect, &says).await?), "a");
    Ok(())
}

/// An answer that nobody says why it stops is not complete, also when it is said to be over.
pub async fn an_end_without_a_reason_to_stop_completes_nothing(dialect: &dyn Dialect) -> Verdict {
    let says = [Say::Begin(None), Say::text("a"), Say::Done];
    assert_eq!(events(dialect, &says).await?, [text("a")]);
    Ok(())
}

/// Cached, written, thought: each is a part of its total, and no token is in two.
pub async fn the_parts_of_usage_are_disjoint(dialect: &dyn Dialect) -> Verdict {
    let used = Usage {
        input_tokens: 123,
        cached_tokens: 100,
        cache_write_tokens: 20,
        output_tokens: 9,
        reasoning_tokens: 5,
        estimated: false,
    };
    let says =
        [Say::Begin(None), Say::text("a"), Say::Finish(FinishReason::Stop, Some(used)), Say::Done];
    let told = usage_of(&events(dialect, &says).await?).expect("usage");
    assert_eq!(told, used);
    let parts = TokenParts { input: 3, cached: 100, cache_write: 20, output: 4, reasoning: 5 };
    assert_eq!(TokenParts::from(told), parts);
    Ok(())
}

/// The bill comes although the stream ends right after it.
pub async fn usage_is_told_although_nothing_says_that_all_is_said(
    dialect: &dyn Dialect,
) -> Verdict {
    let says = [Say::Begin(None), Say::text("a"), Say::Finish(FinishReason::Stop, Some(USAGE))];
    assert_eq!(usage_of(&events(dialect, &says).await?), Some(USAGE));
    Ok(())
}

/// What the endpoint said at the beginning is on the request's trail when the rest does not come.
pub async fn what_a_cut_answer_has_used_is_not_lost(dialect: &dyn Dialect) -> Verdict {
    let used = Usage { input_tokens: 9, cached_tokens: 4, ..Usage::default() };
    let cut = script(dialect, &[Say::Begin(Some(used)), Say::text("a")])?.cut_fin();
    let stage = playing(dialect, [cut]).await;
    let request = request();
    let trail = request.trail.clone();
    let (events, error) = hear(&*stage.provider, request).await;
    assert!(matches!(error, Some(ProviderError::Disconnected(_))), "{error:?}");
    assert_eq!(said(&events), "a");
    let known = trail.usage().expect("usage on the trail");
    assert_eq!((known.input_tokens, known.cached_tokens), (9, 4));
    Ok(())
}

/// However much of nothing is said, nothing is told.
pub async fn ten_thousand_empty_deltas_are_no_events(dialect: &dyn Dialect) -> Verdict {
    let mut says = vec![Say::Begin(None)];
    says.extend((0..10_000).map(|_| Say::Nothing));
    says.extend([Say::text("a"), Say::Finish(FinishReason::Stop, None), Say::Done]);
    let script = script(dialect, &says)?.rechunked(&[1400]);
    let stage = playing(dialect, [script]).await;
    let expected = [text("a"), ProviderEvent::Finished(FinishReason::Stop)];
    assert_eq!(whole(stage.hear().await), expected);
    Ok(())
}
