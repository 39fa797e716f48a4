//! The key goes to its endpoint as it wants it.

use loquat_provider_anthropic::{AnthropicOptions, AnthropicProvider, Auth};
use loquat_testkit::{ScriptedUpstream, UpstreamScript};

use crate::{hear, hello, options, provider};

const KEY: &str = "sk-ant-canary-5f1c";

#[tokio::test]
async fn the_key_is_sent_as_the_endpoint_wants_it() {
    let upstream = ScriptedUpstream::always(UpstreamScript::sse()).await.unwrap();
    let key = || KEY.to_owned().into();
    for auth in [Auth::None, Auth::ApiKey(key()), Auth::Bearer(key())] {
        let limits = loquat_provider_http::Limits::default().with_retries(0);
        hear(&provider(options(&upstream).with_limits(limits).with_auth(auth)), hello()).await;
    }
    let requests = upstream.requests();
    let carried: Vec<_> = requests
        .iter()
        .map(|request| (request.header("x-api-key"), request.header("authorization")))
        .collect();
    let bearer = format!("Bearer {KEY}");
    assert_eq!(carried, [(None, None), (Some(KEY), None), (None, Some(&*bearer))]);
}

#[test]
fn the_key_is_in_no_debug_text_and_an_unsendable_one_is_refused() {
    let auth = |key: &str| Auth::ApiKey(key.to_owned().into());
    let options = AnthropicOptions::new(format!("https://user:{KEY}@example.org"));
    assert!(!format!("{:?}", options.with_auth(auth(KEY))).contains("canary"));
    let options = AnthropicOptions::new("http://127.0.0.1:1").with_auth(auth(KEY));
    assert!(!format!("{:?}", provider(options)).contains("canary"));
    let options = AnthropicOptions::new("http://127.0.0.1:1").with_auth(auth("canary\r\nx: 1"));
    let error = AnthropicProvider::new(options).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "the key must be visible ASCII characters");
    assert!(!format!("{error:?}").contains("canary"));
}
