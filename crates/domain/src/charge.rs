//! What calls of providers cost.

use std::ops::{Add, AddAssign};

use uuid::Uuid;

use crate::{ConversationId, ResponseId, Timestamp, Usage};

/// Tokens by what is paid for them. The parts are disjoint: each token is in exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TokenParts {
    /// Of the prompt, neither read from nor written to the provider's cache.
    pub input: u64,
    /// Of the prompt, read from the provider's cache.
    pub cached: u64,
    /// Of the prompt, written to the provider's cache.
    pub cache_write: u64,
    /// Of the answer, without what the model thought.
    pub output: u64,
    /// Of the answer, what the model thought.
    pub reasoning: u64,
}

impl TokenParts {
    /// All parts together.
    pub const fn total(self) -> u64 {
        self.input
            .saturating_add(self.cached)
            .saturating_add(self.cache_write)
            .saturating_add(self.output)
            .saturating_add(self.reasoning)
    }
}

impl From<Usage> for TokenParts {
    /// The totals of a usage are believed before its details: a detail that is greater than its
    /// total is cut, so that the parts always add up to the totals.
    fn from(usage: Usage) -> Self {
        let cached = usage.cached_tokens.min(usage.input_tokens);
        let cache_write = usage.cache_write_tokens.min(usage.input_tokens - cached);
        let reasoning = usage.reasoning_tokens.min(usage.output_tokens);
        Self {
            input: usage.input_tokens - cached - cache_write,
            cached,
            cache_write,
            output: usage.output_tokens - reasoning,
            reasoning,
        }
    }
}

impl Add for TokenParts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            cached: self.cached.saturating_add(other.cached),
            cache_write: self.cache_write.saturating_add(other.cache_write),
            output: self.output.saturating_add(other.output),
            reasoning: self.reasoning.saturating_add(other.reasoning),
        }
    }
}

impl AddAssign for TokenParts {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// Money: millionths of the currency in which the operator writes prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(pub u64);

impl Micros {
    /// The greatest amount: what a column of 64 signed bits holds.
    pub const MAX: Self = Self(i64::MAX.unsigned_abs());

    /// Both together; the greatest amount when that does not fit.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        let sum = self.0.saturating_add(other.0);
        if sum > Self::MAX.0 { Self::MAX } else { Self(sum) }
    }
}

/// What a million tokens cost, by part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Price {
    /// A million of [`TokenParts::input`].
    pub input: Micros,
    /// A million of [`TokenParts::cached`].
    pub cached: Micros,
    /// A million of [`TokenParts::cache_write`].
    pub cache_write: Micros,
    /// A million of [`TokenParts::output`].
    pub output: Micros,
    /// A million of [`TokenParts::reasoning`].
    pub reasoning: Micros,
}

impl Price {
    /// What these tokens cost. The sum is rounded up once, so that nothing is free that has a price.
    pub fn of(&self, tokens: TokenParts) -> Micros {
        let part = |tokens: u64, price: Micros| u128::from(tokens).saturating_mul(price.0.into());
        let millionths = [
            part(tokens.input, self.input),
            part(tokens.cached, self.cached),
            part(tokens.cache_write, self.cache_write),
            part(tokens.output, self.output),
            part(tokens.reasoning, self.reasoning),
        ];
        let sum = millionths.into_iter().fold(0_u128, u128::saturating_add);
        let cost = u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX);
        Micros(cost).min(Micros::MAX)
    }

    /// The most that so many tokens of prompt and answer can cost, whatever the parts are.
    pub fn at_most(&self, input_tokens: u64, output_tokens: u64) -> Micros {
        let dearest = Self {
            input: self.input.max(self.cached).max(self.cache_write),
            output: self.output.max(self.reasoning),
            ..Self::default()
        };
        let tokens =
            TokenParts { input: input_tokens, output: output_tokens, ..TokenParts::default() };
        dearest.of(tokens)
    }

    /// Of each part the higher price.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            input: self.input.max(other.input),
            cached: self.cached.max(other.cached),
            cache_write: self.cache_write.max(other.cache_write),
            output: self.output.max(other.output),
            reasoning: self.reasoning.max(other.reasoning),
        }
    }
}

/// What a provider was called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// An answer.
    Answer,
    /// A summary of what has left a conversation's window.
    Summary,
    /// A conversation in short, which its owner asked for.
    Compaction,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 3] = [Self::Answer, Self::Summary, Self::Compaction];

    /// The purpose's name in a column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Summary => "summary",
            Self::Compaction => "compaction",
        }
    }
}

/// One call of a provider: what it was for, what it used and what that cost at the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Its own id, a UUIDv7.
    pub id: Uuid,
    /// When the call came to its end.
    pub at: Timestamp,
    /// What for.
    pub purpose: Purpose,
    /// The listed conversation that it was for, if there is one.
    pub conversation: Option<ConversationId>,
    /// The response that it was for, if there is one, also one that is not stored.
    pub response: Option<ResponseId>,
    /// Which of the calls for that response and purpose. 0 is the one that answered, or that is
    /// taken to have: whoever charges it twice, by an estimate and by what was told, says the same
    /// number.
    pub attempt: u32,
    /// The model that was called, by its configured name.
    pub model: String,
    /// The model that was asked for, which may be one that chooses among others.
    pub asked: String,
    /// The provider, by its configured name.
    pub provider: String,
    /// The model's name at its provider.
    pub upstream: String,
    /// What was used.
    pub tokens: TokenParts,
    /// What a million tokens cost at that time.
    pub price: Price,
    /// What the tokens cost at that price.
    pub cost: Micros,
    /// True when the provider did not say what was used and we counted ourselves.
    pub estimated: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_that_exceed_their_totals_are_cut() {
        let usage = Usage {
            input_tokens: 10,
            cached_tokens: 8,
            cache_write_tokens: 8,
            output_tokens: 3,
            reasoning_tokens: 9,
            estimated: false,
        };
        let parts = TokenParts::from(usage);
        assert_eq!(
            parts,
            TokenParts { input: 0, cached: 8, cache_write: 2, output: 0, reasoning: 3 }
        );
        assert_eq!(parts.total(), usage.total_tokens());
    }

    #[test]
    fn a_sum_is_rounded_up_once() {
        let price = Price { input: Micros(400_000), output: Micros(400_000), ..Price::default() };
        let one_each = TokenParts { input: 1, output: 1, ..TokenParts::default() };
        assert_eq!(price.of(one_each), Micros(1));
        assert_eq!(price.of(TokenParts::default()), Micros(0));
    }

    #[test]
    fn what_cannot_be_counted_costs_the_greatest_amount() {
        let price = Price { input: Micros(u64::MAX), ..Price::default() };
        let tokens = TokenParts { input: u64::MAX, ..TokenParts::default() };
        assert_eq!(price.of(tokens), Micros::MAX);
    }

    #[test]
    fn at_most_is_at_least_what_any_split_costs() {
        let price = Price {
            input: Micros(3_000_000),
            cached: Micros(300_000),
            cache_write: Micros(3_750_000),
            output: Micros(15_000_000),
            reasoning: Micros(15_000_000),
        };
        let tokens = TokenParts { input: 5, cached: 7, cache_write: 11, output: 13, reasoning: 17 };
        assert!(price.at_most(23, 30) >= price.of(tokens));
    }
}
