//! Errors in this wire's words, beyond what every provider is tested for.

use std::time::Duration;

use loquat_provider::ProviderError;
use loquat_testkit::UpstreamScript;
use serde_json::json;

use crate::{hear, playing, said};

#[tokio::test]
async fn a_wish_to_wait_in_milliseconds_is_granted() {
    let wish = UpstreamScript::error(429, "some_code", "words").header("retry-after-ms", "80");
    let scripts = [wish, UpstreamScript::answer(["fine"])];
    let (upstream, provider) = playing(scripts).await;
    let (_, error) = hear(&provider).await;
    assert!(error.is_none(), "{error:?}");
    let requests = upstream.requests();
    let waited = requests[1].received_at - requests[0].received_at;
    assert!(waited >= Duration::from_millis(80), "{waited:?}");
}

#[tokio::test]
async fn an_event_that_is_no_chunk_breaks_the_protocol_once() {
    for bad in ["{", "hello", "[1]", "{\"choices\":{}}", "{\"choices\":[{\"delta\":\"x\"}]}"] {
        let script = UpstreamScript::sse().text("a").data_text(bad).text("b").finish("stop");
        let (upstream, provider) = playing([script]).await;
        let (events, error) = hear(&provider).await;
        assert_eq!(said(&events), "a", "{bad}");
        assert!(matches!(error, Some(ProviderError::Protocol(_))), "{bad}: {error:?}");
        assert_eq!(upstream.requests().len(), 1, "{bad}");
    }
}

#[tokio::test]
async fn an_error_in_the_middle_is_told_by_its_kind() {
    let error = async |error: serde_json::Value| {
        let script = UpstreamScript::sse().text("a").data(&json!({"error": error})).text("b");
        let (_upstream, provider) = playing([script]).await;
        let (events, error) = hear(&provider).await;
        assert_eq!(said(&events), "a");
        error
    };
    let failed = error(json!({"message": "x", "type": "server_error"})).await;
    assert!(matches!(failed, Some(ProviderError::Failed)), "{failed:?}");
    let failed = error(json!({"message": "x", "code": "context_length_exceeded"})).await;
    assert!(matches!(failed, Some(ProviderError::ContextLengthExceeded)), "{failed:?}");
    let failed = error(json!({"message": "x", "code": "rate_limit_exceeded"})).await;
    assert!(matches!(failed, Some(ProviderError::RateLimited { .. })), "{failed:?}");
}
