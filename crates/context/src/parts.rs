//! A policy as people write it.

use crate::{Policy, Recall, Window};

/// More is not found by words, and each message that may be quoted is read whole.
const MOST_RECALL: u32 = 32_768;

/// A policy in parts, as configuration and requests say it.
///
/// What is absent is as in [`Policy::balanced`], but for `low`, which is then half of `high`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PolicyParts {
    /// The last messages and nothing else: this many. Not beside `high`, `low`, `recall`, `summary`.
    pub last: Option<u32>,
    /// The most tokens that the window may have.
    pub high: Option<u32>,
    /// The most tokens that it has after an eviction.
    pub low: Option<u32>,
    /// The most tokens that are fetched back; 0 for none.
    pub recall: Option<u32>,
    /// The most tokens of a summary; 0 for none.
    pub summary: Option<u32>,
    /// The most tokens that a prompt may have, where that is less than the model's own limit.
    pub max_input: Option<u32>,
}

/// Parts that make no policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{key} {rule}")]
pub struct PolicyError {
    /// The part at fault.
    pub key: &'static str,
    /// What it must be, as the rest of a sentence.
    pub rule: &'static str,
}

impl PolicyParts {
    /// The policy of these parts.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] names the part at fault.
    pub fn policy(self) -> Result<Policy, PolicyError> {
        let Self { last, high, low, recall, summary, max_input } = self;
        let refused = |key, rule| Err(PolicyError { key, rule });
        if max_input == Some(0) {
            return refused("max_input", "must be at least 1");
        }
        if let Some(messages) = last {
            let beside = [("high", high), ("low", low), ("recall", recall), ("summary", summary)];
            if let Some((key, _)) = beside.into_iter().find(|(_, value)| value.is_some()) {
                return refused(key, "cannot be set beside `last`");
            }
            if messages == 0 {
                return refused("last", "must be at least 1");
            }
            return Ok(Policy { max_input, ..Policy::last(messages) });
        }
        if recall.is_some_and(|recall| recall > MOST_RECALL) {
            return refused("recall", "must be at most 32768");
        }
        if high == Some(0) {
            return refused("high", "must be at least 1");
        }
        let balanced = Policy::balanced();
        let window = match (high, low, balanced.window) {
            (None, None, window) => window,
            (Some(high), low, _) => Window::Marks { high, low: low.unwrap_or(high / 2) },
            (None, Some(low), Window::Marks { high, .. }) => Window::Marks { high, low },
            (None, Some(_), Window::Last(_)) => return refused("low", "needs `high` beside it"),
        };
        if matches!(window, Window::Marks { high, low } if low > high) {
            return refused("low", "must not be more than `high`");
        }
        let some = |tokens: u32| (tokens > 0).then_some(tokens);
        Ok(Policy {
            max_input,
            window,
            recall: recall.map_or(balanced.recall, |tokens| some(tokens).map(Recall::of)),
            summary: summary.map_or(balanced.summary, some),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_said_is_the_default() {
        assert_eq!(PolicyParts::default().policy(), Ok(Policy::default()));
    }

    #[test]
    fn the_low_mark_is_half_of_the_high_one_unless_it_is_said() {
        let parts = PolicyParts { high: Some(1_000), ..PolicyParts::default() };
        let window = |parts: PolicyParts| parts.policy().unwrap().window;
        assert_eq!(window(parts), Window::Marks { high: 1_000, low: 500 });
        let both = PolicyParts { low: Some(900), ..parts };
        assert_eq!(window(both), Window::Marks { high: 1_000, low: 900 });
    }

    #[test]
    fn nothing_is_fetched_back_or_summarised_where_it_may_have_no_tokens() {
        let none = PolicyParts { recall: Some(0), summary: Some(0), ..PolicyParts::default() };
        let policy = none.policy().unwrap();
        assert_eq!((policy.recall, policy.summary), (None, None));
    }

    #[test]
    fn parts_that_contradict_each_other_are_named() {
        let key = |parts: PolicyParts| parts.policy().unwrap_err().key;
        let none = PolicyParts::default();
        assert_eq!(key(PolicyParts { last: Some(0), ..none }), "last");
        assert_eq!(key(PolicyParts { last: Some(9), recall: Some(0), ..none }), "recall");
        assert_eq!(key(PolicyParts { high: Some(0), ..none }), "high");
        assert_eq!(key(PolicyParts { high: Some(9), low: Some(10), ..none }), "low");
        assert_eq!(key(PolicyParts { low: Some(1_000_000), ..none }), "low");
        assert_eq!(key(PolicyParts { max_input: Some(0), ..none }), "max_input");
    }
}
