//! The key goes to its endpoint and nowhere else.

use std::error::Error;

use loquat_provider::ProviderError;
use loquat_provider_openai::{Auth, OpenAiOptions, OpenAiProvider};
use loquat_testkit::{ScriptedUpstream, UpstreamScript};

use crate::{hear, limits, options, playing, provider};

const KEY: &str = "sk-canary-5f1c";

fn bearer() -> Auth {
    Auth::Bearer(KEY.to_owned().into())
}

#[tokio::test]
async fn the_key_is_sent_as_the_endpoint_wants_it() {
    let upstream = ScriptedUpstream::always(UpstreamScript::answer(["a"])).await.unwrap();
    hear(&provider(options(&upstream))).await;
    hear(&provider(options(&upstream).with_auth(bearer()))).await;
    hear(&provider(options(&upstream).with_auth(Auth::AzureKey(KEY.to_owned().into())))).await;
    let requests = upstream.requests();
    let carried: Vec<_> = requests
        .iter()
        .map(|request| (request.header("authorization"), request.header("api-key")))
        .collect();
    let bearer = format!("Bearer {KEY}");
    assert_eq!(carried, [(None, None), (Some(&*bearer), None), (None, Some(KEY))]);
}

#[tokio::test]
async fn a_redirect_is_refused_and_its_target_sees_nothing() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = ScriptedUpstream::always(UpstreamScript::answer(["a"])).await.unwrap();
        let target = format!("{}/chat/completions", elsewhere.base_url());
        let redirect = UpstreamScript::error(status, "moved", "").header("location", &target);
        let upstream = ScriptedUpstream::always(redirect).await.unwrap();
        let (_, error) = hear(&provider(options(&upstream).with_auth(bearer()))).await;
        assert!(matches!(error, Some(ProviderError::Protocol(_))), "{status}: {error:?}");
        assert_eq!((upstream.requests().len(), elsewhere.connections()), (1, 0), "{status}");
    }
}

#[tokio::test]
async fn neither_key_nor_prompt_nor_the_endpoint_s_words_are_in_an_error() {
    let words = format!("Incorrect API key provided: {KEY}. You said: hello");
    let scripts = [
        UpstreamScript::error(400, "bad", &words),
        UpstreamScript::error(401, "invalid_api_key", &words),
        UpstreamScript::error(429, "insufficient_quota", &words),
        UpstreamScript::sse().data_text(&format!("{{\"error\":\"{words}\"}}")),
        UpstreamScript::sse().data_text(&words),
        UpstreamScript::sse().text("a").cut_fin(),
    ];
    let (upstream, _) = playing(scripts).await;
    let query = format!("{}?secret={KEY}", upstream.base_url());
    let provider = provider(
        OpenAiOptions::new(query).with_auth(bearer()).with_limits(limits().with_retries(0)),
    );
    for _ in 0..6 {
        let (_, error) = hear(&provider).await;
        let error = error.expect("an error");
        assert_clean(&error);
    }
    drop(upstream);
    let (_, error) = hear(&provider).await;
    assert_clean(&error.expect("an error"));
}

/// Looks at both forms of the error and of everything beneath it.
fn assert_clean(error: &ProviderError) {
    let mut next: Option<&dyn Error> = Some(error);
    while let Some(error) = next {
        for text in [format!("{error}"), format!("{error:?}")] {
            for secret in [KEY, "hello", "Incorrect"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
        next = error.source();
    }
}

#[test]
fn the_key_is_in_no_debug_text() {
    let options = OpenAiOptions::new(format!("https://user:{KEY}@example.org")).with_auth(bearer());
    assert!(!format!("{options:?}").contains("canary"));
    assert!(!format!("{:?}", bearer()).contains("canary"));
    let options = OpenAiOptions::new("http://127.0.0.1:1/v1").with_auth(bearer());
    let provider = provider(options);
    assert!(!format!("{provider:?}").contains("canary"));
}

#[test]
fn a_key_that_no_header_can_carry_is_refused_without_being_repeated() {
    for key in ["sk-canary\r\nx-evil: 1", "sk-canary\0", "sk-canary-ü"] {
        let options = OpenAiOptions::new("http://127.0.0.1:1/v1")
            .with_auth(Auth::Bearer(key.to_owned().into()));
        let error = OpenAiProvider::new(options).map(drop).unwrap_err();
        assert_eq!(error.to_string(), "the key must be visible ASCII characters");
        assert!(!format!("{error:?}").contains("canary"));
    }
}
