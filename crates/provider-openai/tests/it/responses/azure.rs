//! Azure's addresses and its ways to be let in.

use std::{fs, time::Duration};

use loquat_provider::ProviderError;
use loquat_provider_openai::{Auth, OpenAiOptions, TokenFile, WireKind};
use loquat_testkit::{ScriptedUpstream, UpstreamRequest, UpstreamScript};

use super::{answer, responses};
use crate::{hear, limits, options, provider};

/// What an upstream sees of one request to this base, with `configure` the rest.
async fn seen(
    path: &str,
    configure: impl FnOnce(OpenAiOptions) -> OpenAiOptions,
) -> UpstreamRequest {
    let upstream = ScriptedUpstream::always(answer(&["a"])).await.unwrap();
    let base = format!("http://{}{path}", upstream.address());
    let options = OpenAiOptions::new(base).with_wire(WireKind::Responses).with_limits(limits());
    let (_, error) = hear(&provider(configure(options))).await;
    assert!(error.is_none(), "{error:?}");
    upstream.requests().remove(0)
}

#[tokio::test]
async fn the_older_address_has_a_version_and_the_deployment_in_the_body() {
    let key = || Auth::AzureKey("canary".to_owned().into());
    let older = |options: OpenAiOptions| {
        options.with_azure_deployments("2025-04-01-preview").with_auth(key())
    };
    let older = seen("", older).await;
    assert_eq!(older.target, "/openai/responses?api-version=2025-04-01-preview");
    assert_eq!((older.model(), older.header("api-key")), ("m".to_owned(), Some("canary")));
    let newer = seen("/openai/v1", |options| options.with_auth(key())).await;
    assert_eq!((&*newer.target, newer.header("api-key")), ("/openai/v1/responses", Some("canary")));
}

#[tokio::test]
async fn a_token_that_is_renewed_in_its_file_is_sent_anew_on_both_wires() {
    for wire in [WireKind::ChatCompletions, WireKind::Responses] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, "first\n").unwrap();
        let script = match wire {
            WireKind::ChatCompletions => UpstreamScript::answer(["a"]),
            WireKind::Responses => answer(&["a"]),
        };
        let upstream = ScriptedUpstream::always(script).await.unwrap();
        let token = TokenFile::new(&path).with_max_age(Duration::ZERO);
        let provider =
            provider(options(&upstream).with_wire(wire).with_auth(Auth::TokenFile(token)));
        hear(&provider).await;
        fs::write(&path, "second\n").unwrap();
        hear(&provider).await;
        let requests = upstream.requests();
        let sent = requests.iter().map(|it| it.header("authorization").unwrap());
        assert_eq!(sent.collect::<Vec<_>>(), ["Bearer first", "Bearer second"]);
        assert_eq!(upstream.connections(), 1, "a new token is no reason for a new connection");
    }
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_nothing_of_the_file_is_told() {
    let upstream = ScriptedUpstream::always(answer(&["a"])).await.unwrap();
    let auth = Auth::TokenFile(TokenFile::new("/nowhere/canary/token"));
    let provider = provider(responses(&upstream).with_auth(auth));
    let (_, error) = hear(&provider).await;
    let error = error.unwrap();
    assert!(matches!(error, ProviderError::Authentication), "{error:?}");
    assert!(!format!("{error} {error:?} {provider:?}").contains("canary"));
    assert_eq!(upstream.connections(), 0);
}
