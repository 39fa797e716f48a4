//! Credentials that do not stay the same.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures::StreamExt as _;
use http::{HeaderName, HeaderValue, header::AUTHORIZATION};
use loquat_domain::Settings;
use loquat_provider::{ChatProvider as _, ChatRequest, ProviderError};
use loquat_provider_http::{Credentials, Limits};
use loquat_testkit::{ScriptedUpstream, UpstreamScript};
use serde_json::json;

use crate::own_wire::generate;

/// Another token each time; the first `failures` times none.
struct Rotating {
    asked: AtomicU32,
    failures: u32,
}

#[async_trait]
impl Credentials for Rotating {
    async fn header(&self) -> Result<(HeaderName, HeaderValue), ProviderError> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        if asked < self.failures {
            return Err(ProviderError::Unavailable(None));
        }
        let value = format!("Bearer token-{asked}").try_into().expect("a header's value");
        Ok((AUTHORIZATION, value))
    }
}

/// Asks an endpoint that fails once, with credentials that fail so often; returns the tokens that
/// the endpoint saw.
async fn seen(failures: u32) -> Vec<String> {
    let scripts = [
        UpstreamScript::json(503, &json!({})),
        UpstreamScript::sse().data(&json!({"token": "a"})).data(&json!({"stop": "eos"})),
    ];
    let upstream = ScriptedUpstream::queue(scripts).await.expect("a free port");
    let limits = Limits::default().with_retry_delay(Duration::from_millis(2));
    let rotating = Rotating { asked: AtomicU32::new(0), failures };
    let provider = generate(&upstream.base_url(), "fixed", limits).expect("valid options");
    let provider = provider.with_credentials(Arc::new(rotating));
    let request = ChatRequest::new("m", Settings::default(), Vec::new());
    let answer = provider.start(request).await.expect("an answer");
    assert!(answer.all(|event| std::future::ready(event.is_ok())).await);
    let token =
        |it: &loquat_testkit::UpstreamRequest| it.header("authorization").map(str::to_owned);
    upstream.requests().iter().filter_map(token).collect()
}

#[tokio::test]
async fn every_attempt_has_a_header_of_its_own_in_place_of_a_fixed_one() {
    assert_eq!(seen(0).await, ["Bearer token-0", "Bearer token-1"]);
}

#[tokio::test]
async fn a_header_that_cannot_be_had_is_an_attempt_that_failed() {
    assert_eq!(seen(1).await, ["Bearer token-1", "Bearer token-2"]);
}
