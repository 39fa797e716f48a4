//! How much room there is.

use loquat_domain::Truncation;

/// Tokens that a reply costs beside its text: OpenAI's rule of thumb for its chat models.
const TOKENS_PER_REPLY: u32 = 3;

/// Share of the window that is kept free because counts may be estimates: one part in this many.
const SAFETY_SHARE: u32 = 64;

/// What a model can take and give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Tokens of prompt and answer together.
    pub context_window: u32,
    /// Tokens that are kept free for the answer.
    pub reserved_output: u32,
}

impl Window {
    /// The most tokens that a prompt may have.
    pub const fn max_input(&self) -> u32 {
        self.context_window
            .saturating_sub(self.reserved_output)
            .saturating_sub(self.context_window / SAFETY_SHARE)
            .saturating_sub(TOKENS_PER_REPLY)
    }
}

/// What must be in the prompt, whatever else is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NewTurn {
    /// Tokens of the instructions.
    pub instructions: u32,
    /// Tokens of the tools.
    pub tools: u32,
    /// Tokens of the caller's new items.
    pub input: u32,
    /// How many new items there are.
    pub input_items: usize,
}

impl NewTurn {
    fn tokens(&self) -> u32 {
        self.instructions.saturating_add(self.tools).saturating_add(self.input)
    }
}

/// What has to be loaded for [`build`](crate::build).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The model's window.
    pub window: Window,
    /// The fixed part of the prompt.
    pub turn: NewTurn,
    /// What happens when the history does not fit.
    pub truncation: Truncation,
    /// Load items newest first until their tokens add up to more than this, or the first item.
    pub history_tokens: u32,
}

/// The prompt cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// What must be in the prompt does not fit the model's window.
    #[error("{what} of {tokens} tokens exceed the {budget} tokens that the model can take")]
    TooLarge {
        /// What is too large, in words for the caller.
        what: &'static str,
        /// Its tokens, by our count.
        tokens: u32,
        /// The most that would fit.
        budget: u32,
    },
    /// A new function output answers a call that the history does not have.
    #[error("no function call with the call_id of input item {index}")]
    UnknownCall {
        /// Index of the output among the new items.
        index: usize,
    },
}

/// Says how much history there is room for.
///
/// # Errors
///
/// [`ContextError::TooLarge`] when the fixed part alone exceeds the window.
pub fn plan(window: Window, turn: NewTurn, truncation: Truncation) -> Result<Need, ContextError> {
    let budget = window.max_input();
    let fixed = turn.tokens();
    if fixed > budget {
        return Err(ContextError::TooLarge {
            what: "the instructions, tools and new items",
            tokens: fixed,
            budget,
        });
    }
    Ok(Need { window, turn, truncation, history_tokens: budget - fixed })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window { context_window: 1_024, reserved_output: 200 };

    #[test]
    fn the_answer_and_the_safety_margin_are_kept_free() {
        assert_eq!(WINDOW.max_input(), 1_024 - 200 - 16 - 3);
    }

    #[test]
    fn what_must_be_sent_and_does_not_fit_is_refused() {
        let turn = NewTurn { input: WINDOW.max_input() + 1, ..NewTurn::default() };
        assert!(matches!(
            plan(WINDOW, turn, Truncation::Auto),
            Err(ContextError::TooLarge { tokens: 806, budget: 805, .. })
        ));
    }

    #[test]
    fn a_reserve_larger_than_the_window_leaves_no_room() {
        let window = Window { context_window: 100, reserved_output: 200 };
        assert_eq!(window.max_input(), 0);
    }
}
