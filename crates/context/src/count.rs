//! What text costs in a prompt.

#[cfg(feature = "bpe")]
mod bpe;

use loquat_domain::{CounterId, Item, ItemContent, Settings, ToolChoice};

#[cfg(feature = "bpe")]
pub use bpe::Bpe;

use crate::compaction::{summary_message, unseal};

/// Tokens that a message costs beside its text: OpenAI's rule of thumb for its chat models.
const TOKENS_PER_ITEM: u32 = 4;

/// An image by URL, whatever its size. OpenAI's vision guide (2026): a low-detail image costs 85
/// tokens, a high-detail one up to 1,105; the higher figure keeps the count an upper bound.
const TOKENS_PER_IMAGE: u32 = 1_105;

/// Counts what text costs in a prompt.
pub trait TokenCounter: Send + Sync + 'static {
    /// The counter's name, kept with what it has counted: counts of different counters cannot be
    /// compared.
    fn id(&self) -> CounterId;

    /// True when its counts are the provider's own, and no estimates.
    fn is_exact(&self) -> bool;

    /// Tokens of a text by itself.
    fn text(&self, text: &str) -> u32;

    /// Tokens of an item, framing included.
    fn item(&self, content: &ItemContent) -> u32 {
        use loquat_domain::Part;
        let body = match content {
            ItemContent::Compaction(compaction) => {
                let summary = unseal(compaction).unwrap_or_default();
                return self.item(&summary_message(&summary));
            }
            ItemContent::Message(message) => message
                .parts
                .iter()
                .map(|part| match part {
                    Part::Text(text) | Part::Refusal(text) => self.text(text),
                    Part::Image { .. } => TOKENS_PER_IMAGE,
                })
                .fold(0, u32::saturating_add),
            other => other.texts().iter().map(|text| self.text(text)).fold(0, u32::saturating_add),
        };
        body.saturating_add(TOKENS_PER_ITEM)
    }

    /// Tokens of some items, framing included.
    fn items(&self, contents: &[ItemContent]) -> u32 {
        contents.iter().map(|content| self.item(content)).fold(0, u32::saturating_add)
    }

    /// Tokens of an item that was counted when it was written; it is counted again only when
    /// something else has counted it.
    fn stored(&self, item: &Item) -> u32 {
        if item.counter == self.id() { item.tokens } else { self.item(&item.content) }
    }

    /// Tokens of the words of the operator, framing included; 0 when there are none.
    fn instructions(&self, settings: &Settings) -> u32 {
        settings
            .instructions
            .as_deref()
            .map_or(0, |text| self.text(text).saturating_add(TOKENS_PER_ITEM))
    }

    /// Tokens of the tools' descriptions and schemas; 0 when the model may not use them.
    fn tools(&self, settings: &Settings) -> u32 {
        if settings.tool_choice == ToolChoice::None {
            return 0;
        }
        settings
            .tools
            .iter()
            .map(|tool| {
                let description = tool.description.as_deref().unwrap_or_default();
                let schema = tool.parameters.as_ref().map_or("", |schema| schema.as_str());
                [&tool.name, description, schema]
                    .iter()
                    .fold(TOKENS_PER_ITEM, |sum, text| sum.saturating_add(self.text(text)))
            })
            .fold(0, u32::saturating_add)
    }
}

/// An honest upper estimate for any tokenizer, in one pass over the bytes.
///
/// A quarter of a token a byte is 1.13 to 1.2 times the true count of English; digits, symbols and
/// long unbroken runs (base64, ids, JSON) cost up to two thirds of a token a byte; a character of
/// three bytes (Chinese, Japanese, Korean) one token, of four (emoji) three. Measured against o200k.
#[derive(Debug, Clone, Copy, Default)]
pub struct Estimate;

/// A run of letters longer than this is no word of a language but data.
const LONGEST_WORD: usize = 24;

/// Cost of one byte or character in twelfths of a token, so that sums are exact.
mod twelfths {
    pub(super) const PLAIN: u64 = 3;
    pub(super) const DENSE: u64 = 8;
    pub(super) const THREE_BYTES: u64 = 12;
    pub(super) const FOUR_BYTES: u64 = 36;
}

impl TokenCounter for Estimate {
    fn id(&self) -> CounterId {
        CounterId::ESTIMATE
    }

    fn is_exact(&self) -> bool {
        false
    }

    fn text(&self, text: &str) -> u32 {
        let mut cost: u64 = 0;
        let mut run = 0_usize;
        for &byte in text.as_bytes() {
            run = if byte.is_ascii_whitespace() { 0 } else { run.saturating_add(1) };
            cost += match byte {
                b'a'..=b'z' | b'A'..=b'Z' if run <= LONGEST_WORD => twelfths::PLAIN,
                b' ' | b'\n' | b'\t' | b'\r' => twelfths::PLAIN,
                // Continuation bytes: their character was paid for by its first byte.
                0x80..=0xBF => {
                    run = 0;
                    0
                }
                // Two bytes: European accents, Greek, Cyrillic, Hebrew, Arabic.
                0xC0..=0xDF => 2 * twelfths::PLAIN,
                0xE0..=0xEF => twelfths::THREE_BYTES,
                0xF0..=0xFF => twelfths::FOUR_BYTES,
                _ => twelfths::DENSE,
            };
        }
        u32::try_from(cost.div_ceil(12)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loquat_domain::{Message, Role};

    /// True counts by OpenAI's o200k vocabulary.
    #[test]
    fn the_estimate_is_an_upper_bound_for_every_kind_of_text() {
        let english = "The quick brown fox jumps over the lazy dog. ";
        let german = "Die Würde des Menschen ist unantastbar. ";
        let chinese = "今天天气很好";
        let base64 = "TG9xdWF0IGlzIGEgYmFja2VuZCBmb3IgeW91ciBvd24gQ2hhdEdQVA==";
        let digits = "3.14159265358979323846";
        for (text, true_count) in
            [(english, 10), (german, 9), (chinese, 4), (base64, 28), (digits, 9)]
        {
            let estimate = Estimate.text(text);
            assert!(estimate >= true_count, "{text}: {estimate} < {true_count}");
            assert!(estimate <= 3 * true_count, "{text}: {estimate} is far more than {true_count}");
        }
    }

    #[test]
    fn an_empty_message_still_costs_its_framing() {
        let content = ItemContent::Message(Message::text(Role::User, ""));
        assert_eq!(Estimate.item(&content), TOKENS_PER_ITEM);
    }

    #[test]
    fn tools_that_may_not_be_used_cost_nothing() {
        let tool = loquat_domain::Tool {
            name: "lookup".to_owned(),
            description: Some("looks it up".to_owned()),
            parameters: None,
            strict: None,
        };
        let mut settings = Settings { tools: vec![tool], ..Settings::default() };
        assert!(Estimate.tools(&settings) > 0);
        settings.tool_choice = ToolChoice::None;
        assert_eq!(Estimate.tools(&settings), 0);
    }
}
