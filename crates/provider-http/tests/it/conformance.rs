use loquat_provider::{ChatProvider, FinishReason};
use loquat_provider_http::Limits;
use loquat_testkit::provider_conformance::{Dialect, Endpoint, Pen, Say, UpstreamFault};
use serde_json::{Value, json};

use crate::own_wire::generate;

struct Generating;

impl Dialect for Generating {
    fn provider(&self, endpoint: &Endpoint) -> Box<dyn ChatProvider> {
        let patience = endpoint.patience;
        let limits = Limits::default()
            .with_connect_timeout(patience.connect)
            .with_first_token_timeout(patience.first_token)
            .with_idle_timeout(patience.idle)
            .with_retries(patience.retries)
            .with_retry_delay(patience.retry_delay);
        let provider = generate(&endpoint.base_url, &endpoint.key, limits);
        Box::new(provider.expect("a usable address and key"))
    }

    fn pen(&self) -> Box<dyn Pen> {
        Box::new(GeneratePen)
    }

    fn error_document(&self, fault: UpstreamFault, words: &str) -> Value {
        let code = match fault {
            UpstreamFault::SlowDown => "rate_limit",
            UpstreamFault::TooLong => "context_length_exceeded",
            UpstreamFault::Other => "other",
        };
        json!({"error": {"code": code, "message": words}})
    }

    fn inexpressible(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("thoughts_come_before_what_is_said", "there are only tokens"),
            ("a_summary_of_thoughts_comes_in_parts", "there are only tokens"),
            ("a_seal_ends_the_thoughts_that_it_seals", "there are only tokens"),
            ("a_refusal_is_told_apart_from_an_answer", "there are only tokens"),
            ("a_call_is_told_from_its_name_to_its_last_argument", "there are only tokens"),
            ("calls_of_one_answer_are_told_apart", "there are only tokens"),
            ("the_parts_of_usage_are_disjoint", "usage has no parts"),
            ("what_a_cut_answer_has_used_is_not_lost", "usage is told at the end"),
        ]
    }
}

/// Writes the server's events.
struct GeneratePen;

impl Pen for GeneratePen {
    fn write(&mut self, say: &Say) -> Option<Vec<u8>> {
        let data = match say {
            Say::Begin(None) | Say::Nothing => b"{}".to_vec(),
            Say::Text(text) => text.within(r#"{"token":$}"#),
            Say::Finish(reason, used) => {
                let stop = match reason {
                    FinishReason::Stop => "eos",
                    FinishReason::Length => "limit",
                    FinishReason::ContentFilter => "filter",
                    FinishReason::ToolCalls => return None,
                };
                let used = used.map(|used| (used.input_tokens, used.output_tokens, used));
                if used.is_some_and(|(.., used)| used.cached_tokens + used.reasoning_tokens > 0) {
                    return None;
                }
                let used = used.map(|(input, output, _)| [input, output]);
                json!({"stop": stop, "used": used}).to_string().into_bytes()
            }
            Say::Done => return Some(Vec::new()),
            Say::Error(fault) => Generating.error_document(*fault, "words").to_string().into(),
            _ => return None,
        };
        Some([b"data: ", &*data, b"\n\n"].concat())
    }
}

loquat_testkit::provider_conformance!(Generating);
