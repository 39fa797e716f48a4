//! An endpoint that does not take sealed thoughts is asked without.

use loquat_domain::{ItemContent, Message, Reasoning, Role, Settings};
use loquat_outbound::BaseUrl;
use loquat_provider::{ChatProvider as _, ChatRequest, ProviderError};
use loquat_provider_http::Seal;
use loquat_testkit::{ScriptedUpstream, UpstreamScript};
use serde_json::{Value, json};

use super::{answer, begun, message, responses, script};
use crate::{Heard, limits, listen, provider, said};

fn unreadable() -> UpstreamScript {
    let words = "The encrypted content gAAA...c90= could not be verified.";
    UpstreamScript::error(400, "invalid_encrypted_content", words)
}

/// Asks with thoughts that this endpoint has sealed once, and without any further try.
async fn ask(upstream: &ScriptedUpstream) -> Heard {
    let seal = Seal::new("openai-responses", &BaseUrl::new(&upstream.base_url()).unwrap());
    let encrypted = Some(seal.mark("gAAA"));
    let said = |role, text: &str| ItemContent::Message(Message::text(role, text));
    let input = vec![
        said(Role::User, "a"),
        ItemContent::Reasoning(Reasoning { encrypted, ..Reasoning::default() }),
        said(Role::Assistant, "b"),
        said(Role::User, "c"),
    ];
    let provider = provider(responses(upstream).with_limits(limits().with_retries(0)));
    match provider.start(ChatRequest::new("m", Settings::default(), input)).await {
        Ok(answer) => listen(answer).await,
        Err(error) => (Vec::new(), Some(error)),
    }
}

/// How many items each request had, and whether it asked for thoughts.
fn asked(upstream: &ScriptedUpstream) -> Vec<(usize, bool)> {
    let requests = upstream.requests();
    let bodies = requests.iter().map(loquat_testkit::UpstreamRequest::json);
    bodies
        .map(|body| (body["input"].as_array().unwrap().len(), body["include"] != Value::Null))
        .collect()
}

#[tokio::test]
async fn thoughts_that_it_cannot_open_are_left_out_and_the_answer_comes() {
    let upstream = ScriptedUpstream::queue([unreadable(), answer(&["fine"])]).await.unwrap();
    let (events, error) = ask(&upstream).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(said(&events), "fine");
    assert_eq!(asked(&upstream), [(4, true), (3, true)]);
}

#[tokio::test]
async fn a_server_that_looks_at_them_late_is_asked_without_as_long_as_nothing_was_told() {
    let failure = json!({"type": "response.failed", "response": {"error": {
        "code": "invalid_encrypted_content",
        "message": "The encrypted content gAAA...c90= could not be verified."}}});
    let early = script(begun().into_iter().chain([failure.clone()]));
    let upstream = ScriptedUpstream::queue([early, answer(&["fine"])]).await.unwrap();
    let (events, error) = ask(&upstream).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(said(&events), "fine");
    assert_eq!(asked(&upstream), [(4, true), (3, true)]);

    let (pieces, _) = message(0, &["a"]);
    let late = script(begun().into_iter().chain(pieces).chain([failure]));
    let upstream = ScriptedUpstream::queue([late, answer(&["no"])]).await.unwrap();
    let (events, error) = ask(&upstream).await;
    assert!(matches!(error, Some(ProviderError::Failed)), "{error:?}");
    assert_eq!((said(&events), asked(&upstream).len()), ("a".to_owned(), 1));
}

#[tokio::test]
async fn a_model_that_has_no_thoughts_is_asked_without_the_wish_for_them() {
    let words = "Encrypted content is not supported with this model.";
    let refusal = || UpstreamScript::error(400, "", words);
    let scripts = [refusal(), refusal(), answer(&["fine"])];
    let upstream = ScriptedUpstream::queue(scripts).await.unwrap();
    let (events, error) = ask(&upstream).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(said(&events), "fine");
    assert_eq!(asked(&upstream), [(4, true), (3, true), (3, false)]);
}

#[tokio::test]
async fn who_refuses_whatever_is_left_out_has_refused() {
    let upstream = ScriptedUpstream::always(unreadable()).await.unwrap();
    let (_, error) = ask(&upstream).await;
    assert!(matches!(error, Some(ProviderError::Rejected { status: 400 })), "{error:?}");
    assert_eq!(asked(&upstream), [(4, true), (3, true), (3, false)]);
}

#[tokio::test]
async fn another_refusal_is_no_reason_to_leave_anything_out() {
    let refusal = UpstreamScript::error(400, "bad", "bad temperature");
    let upstream = ScriptedUpstream::always(refusal).await.unwrap();
    let (_, error) = ask(&upstream).await;
    assert!(matches!(error, Some(ProviderError::Rejected { status: 400 })), "{error:?}");
    assert_eq!(asked(&upstream), [(4, true)]);
}

#[tokio::test]
async fn an_answer_of_two_megabytes_fits_into_the_events_that_repeat_it() {
    let piece = "\u{1F600}".repeat(16 << 10);
    let pieces = vec![&*piece; 32];
    let upstream = ScriptedUpstream::always(answer(&pieces)).await.unwrap();
    let (events, error) = ask(&upstream).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(said(&events).len(), 2 << 20);
}
