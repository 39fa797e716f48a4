//! How hard the model shall think.

use loquat_domain::ReasoningEffort;
use serde::Serialize;

use crate::Generation;

/// The least budget that the wire takes, in tokens.
const LEAST_BUDGET: u32 = 1024;

/// Whether the model thinks before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Thinking {
    /// As much as the model finds right; the thoughts are shown, which newer models only do when
    /// they are asked to.
    Adaptive { display: &'static str },
    /// Within a budget.
    Enabled { budget_tokens: u32 },
    /// Not at all, for models that think by themselves.
    Disabled,
}

impl Thinking {
    /// What to ask for; `None` leaves it to the model, or the answer has no room for thoughts.
    pub(super) fn new(
        effort: ReasoningEffort,
        generation: Generation,
        max_tokens: u32,
    ) -> Option<Self> {
        match (generation, effort) {
            // Those models think only when they are asked to.
            (Generation::Budget, ReasoningEffort::None) => None,
            (Generation::Budget, effort) => {
                // Thoughts count towards the answer's limit: a quarter is kept for its words.
                let room = max_tokens - max_tokens / 4;
                let budget_tokens = budget(effort).min(room);
                (budget_tokens >= LEAST_BUDGET).then_some(Self::Enabled { budget_tokens })
            }
            (_, ReasoningEffort::None) => Some(Self::Disabled),
            _ => Some(Self::Adaptive { display: "summarized" }),
        }
    }

    pub(super) const fn is_on(self) -> bool {
        !matches!(self, Self::Disabled)
    }
}

/// The budgets that common gateways give the efforts' names, in tokens.
const fn budget(effort: ReasoningEffort) -> u32 {
    match effort {
        ReasoningEffort::None | ReasoningEffort::Minimal => LEAST_BUDGET,
        ReasoningEffort::Low => 2 * 1024,
        ReasoningEffort::Medium => 8 * 1024,
        ReasoningEffort::High => 16 * 1024,
        ReasoningEffort::ExtraHigh => 32 * 1024,
    }
}

/// The effort's name on this wire, for models that know efforts.
pub(super) const fn effort(
    effort: ReasoningEffort,
    generation: Generation,
) -> Option<&'static str> {
    match (generation, effort) {
        (Generation::Budget, _) | (_, ReasoningEffort::None) => None,
        (_, ReasoningEffort::Minimal | ReasoningEffort::Low) => Some("low"),
        (_, ReasoningEffort::Medium) => Some("medium"),
        (_, ReasoningEffort::High) => Some("high"),
        // The greatest that this generation has.
        (Generation::Effort, ReasoningEffort::ExtraHigh) => Some("max"),
        (Generation::EffortOnly, ReasoningEffort::ExtraHigh) => Some("xhigh"),
    }
}
