//! What every provider does, done by this one.

use loquat_provider::ChatProvider;
use loquat_provider_http::Limits;
use loquat_provider_openai::{Auth, OpenAiOptions, OpenAiProvider};
use loquat_testkit::provider_conformance::{
    ChatCompletionsPen, Dialect, Endpoint, Pen, UpstreamFault,
};
use serde_json::Value;

struct ChatCompletions;

impl Dialect for ChatCompletions {
    fn provider(&self, endpoint: &Endpoint) -> Box<dyn ChatProvider> {
        let patience = endpoint.patience;
        let limits = Limits::default()
            .with_connect_timeout(patience.connect)
            .with_first_token_timeout(patience.first_token)
            .with_idle_timeout(patience.idle)
            .with_retries(patience.retries)
            .with_retry_delay(patience.retry_delay);
        let options = OpenAiOptions::new(&endpoint.base_url)
            .with_auth(Auth::Bearer(endpoint.key.clone().into()))
            .with_limits(limits);
        Box::new(OpenAiProvider::new(options).expect("valid options"))
    }

    fn pen(&self) -> Box<dyn Pen> {
        Box::new(ChatCompletionsPen)
    }

    fn error_document(&self, fault: UpstreamFault, words: &str) -> Value {
        ChatCompletionsPen::error_document(fault, words)
    }

    fn inexpressible(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "a_summary_of_thoughts_comes_in_parts",
                "thoughts come as they are, where a server shows them",
            ),
            (
                "a_seal_ends_the_thoughts_that_it_seals",
                "thoughts have no sealed form, and are not sent back",
            ),
        ]
    }
}

loquat_testkit::provider_conformance!(ChatCompletions);
