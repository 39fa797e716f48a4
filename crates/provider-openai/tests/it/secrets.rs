//! The key goes to its endpoint as it wants it, and into no text.

use loquat_provider_openai::{Auth, OpenAiOptions, OpenAiProvider};
use loquat_testkit::{ScriptedUpstream, UpstreamScript};

use crate::{hear, options, provider};

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
