//! The wire's events, as far as they are used. Everything is optional and everything else is passed
//! over: the wire's description asks for that.

use loquat_domain::Usage;
use loquat_provider_http::WireText;
use serde::Deserialize;
use serde_json::value::RawValue;

/// One event of a streamed answer; text is borrowed from its bytes where it can be.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Event<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Option<WireText<'a>>,
    /// Which block of the answer, in a block's events.
    pub(crate) index: Option<u32>,
    #[serde(borrow)]
    pub(crate) message: Option<MessageStart<'a>>,
    #[serde(borrow)]
    pub(crate) content_block: Option<Block<'a>>,
    #[serde(borrow)]
    pub(crate) delta: Option<Delta<'a>>,
    #[serde(borrow)]
    pub(crate) usage: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct MessageStart<'a> {
    #[serde(borrow)]
    pub(crate) usage: Option<&'a RawValue>,
}

/// A block as it begins; as a rule its texts are empty yet.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Block<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Option<WireText<'a>>,
    #[serde(borrow)]
    pub(crate) text: Option<WireText<'a>>,
    #[serde(borrow)]
    pub(crate) thinking: Option<WireText<'a>>,
    #[serde(borrow)]
    pub(crate) signature: Option<WireText<'a>>,
    /// Of a redacted thought.
    #[serde(borrow)]
    pub(crate) data: Option<WireText<'a>>,
    #[serde(borrow)]
    pub(crate) id: Option<WireText<'a>>,
    #[serde(borrow)]
    pub(crate) name: Option<WireText<'a>>,
    #[serde(borrow)]
    pub(crate) input: Option<&'a RawValue>,
}

/// A piece of a block, or what changes about the whole answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Delta<'a> {
    #[serde(borrow)]
    pub(crate) text: Option<WireText<'a>>,
    #[serde(borrow)]
    pub(crate) thinking: Option<WireText<'a>>,
    #[serde(borrow)]
    pub(crate) signature: Option<WireText<'a>>,
    #[serde(borrow)]
    pub(crate) partial_json: Option<WireText<'a>>,
    #[serde(borrow)]
    pub(crate) stop_reason: Option<WireText<'a>>,
}

/// What the wire says of usage; the counts only ever grow.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WireUsage {
    /// Neither read from the cache nor written to it.
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    thinking_tokens: Option<u64>,
}

impl WireUsage {
    /// Adds what a later event says. What cannot be read says nothing: an answer must not fail
    /// because of its bill.
    pub(crate) fn learn(&mut self, raw: &RawValue) {
        // Serde would take a list for an object, field by field.
        let object = Some(raw.get()).filter(|json| json.starts_with('{'));
        let Some(later) = object.and_then(|json| serde_json::from_str::<Self>(json).ok()) else {
            return;
        };
        let thinking = |usage: &Self| usage.output_tokens_details.and_then(|it| it.thinking_tokens);
        let thinking_tokens = thinking(self).max(thinking(&later));
        *self = Self {
            input_tokens: self.input_tokens.max(later.input_tokens),
            cache_creation_input_tokens: self
                .cache_creation_input_tokens
                .max(later.cache_creation_input_tokens),
            cache_read_input_tokens: self
                .cache_read_input_tokens
                .max(later.cache_read_input_tokens),
            output_tokens: self.output_tokens.max(later.output_tokens),
            output_tokens_details: Some(OutputDetails { thinking_tokens }),
        };
    }

    /// Everything so far in our terms, in which the prompt's total includes what was cached; `None`
    /// as long as neither prompt nor answer has a count.
    pub(crate) fn total(self) -> Option<Usage> {
        if self.input_tokens.is_none() && self.output_tokens.is_none() {
            return None;
        }
        let cached_tokens = self.cache_read_input_tokens.unwrap_or(0);
        let cache_write_tokens = self.cache_creation_input_tokens.unwrap_or(0);
        let thinking = self.output_tokens_details.and_then(|it| it.thinking_tokens);
        Some(Usage {
            input_tokens: self
                .input_tokens
                .unwrap_or(0)
                .saturating_add(cached_tokens)
                .saturating_add(cache_write_tokens),
            cached_tokens,
            cache_write_tokens,
            output_tokens: self.output_tokens.unwrap_or(0),
            reasoning_tokens: thinking.unwrap_or(0),
            estimated: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use loquat_testkit::usage_shapes::{check_parts, count_of, is_readable, usage_object};
    use proptest::prelude::*;
    use serde_json::{Value, value::to_raw_value};

    use super::*;

    const PROMPT: [&str; 3] =
        ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];

    fn usage() -> impl Strategy<Value = Value> {
        usage_object(
            &[PROMPT[0], PROMPT[1], PROMPT[2], "output_tokens"],
            &[("output_tokens_details", &["thinking_tokens"])],
        )
    }

    proptest! {
        /// Each report counts from the answer's beginning: the last ones hold, and never their sum.
        #[test]
        fn of_several_reports_no_token_is_counted_twice(
            reports in prop::collection::vec(usage(), 1..4),
        ) {
            let mut learnt = WireUsage::default();
            for report in &reports {
                learnt.learn(&to_raw_value(report).unwrap());
            }
            let most = |name| {
                let readable = reports.iter().filter(|report| is_readable(report));
                readable.map(|report| count_of(report, name)).max().unwrap_or(0)
            };
            if let Some(usage) = learnt.total() {
                let prompt = PROMPT.into_iter().map(most).fold(0, u64::saturating_add);
                prop_assert_eq!(usage.input_tokens, prompt);
                prop_assert_eq!(usage.cached_tokens, most("cache_read_input_tokens"));
                prop_assert_eq!(usage.cache_write_tokens, most("cache_creation_input_tokens"));
                prop_assert_eq!(usage.output_tokens, most("output_tokens"));
                check_parts(usage);
            } else {
                prop_assert_eq!((most("input_tokens"), most("output_tokens")), (0, 0));
            }
        }
    }
}
