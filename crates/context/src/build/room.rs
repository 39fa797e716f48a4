//! How much room there is for what.

use crate::{ContextError, Need, State, Window, plan::scaled, window::Bounds};

/// A summary has at most this part of the budget.
const SUMMARY_SHARE: u32 = 8;

/// How much room there is for what. A larger budget never makes any of it smaller.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// The provider's tokens for each of ours.
    pub(super) eighths: u8,
    pub(super) budget: u32,
    /// What is taken before anything of the conversation is.
    pub(super) fixed: u32,
    pub(super) bounds: Bounds,
    pub(super) summary: u32,
    pub(super) recall: u32,
}

/// As far below a high mark as `low` is below `high`.
fn below(mark: u32, low: u32, high: u32) -> u32 {
    let low = u64::from(mark) * u64::from(low) / u64::from(high.max(1));
    u32::try_from(low).unwrap_or(mark).min(mark)
}

impl Room {
    /// Beside what the new turn brings along and this many tokens.
    pub(super) fn of(need: &Need, state: &State, beside: u32) -> Result<Self, ContextError> {
        let eighths = if need.model.exact { 8 } else { state.eighths(&need.model.model) };
        let budget = need.budget(eighths);
        let fixed = need.turn.tokens().saturating_add(beside);
        let free = budget.checked_sub(fixed).ok_or(ContextError::TooLarge {
            what: "the instructions, tools, pinned and new items",
            tokens: fixed,
            budget,
        })?;
        let policy = &need.policy;
        // Of the budget, not of what is free: the same text is sent whatever the new message costs.
        let summary = policy
            .summary
            .map_or(0, |most| scaled(most, eighths).min(budget / SUMMARY_SHARE).min(free));
        // A share of what a summary leaves, so that both together never take more than there is,
        // and each further token is given to one of them at most.
        let free = free - summary;
        let recall = policy.recall.map_or(0, |recall| {
            let share = u64::from(free) * u64::from(recall.max_share.min(100)) / 100;
            scaled(recall.max_tokens, eighths).min(u32::try_from(share).unwrap_or(u32::MAX))
        });
        let room = free - recall;
        let bounds = match policy.window {
            Window::Marks { high, low } => {
                let most = scaled(high, eighths).min(room);
                Bounds { high: most, low: below(most, low, high), room }
            }
            Window::Last(_) => Bounds { high: room, low: room, room },
        };
        Ok(Self { eighths, budget, fixed, bounds, summary, recall })
    }

    /// What there is for the conversation altogether.
    pub(super) const fn free(&self) -> u32 {
        self.bounds.room + self.summary + self.recall
    }

    /// The same when the window takes what else would be a summary's and a quotation's.
    pub(super) const fn for_the_least(self) -> Self {
        Self { summary: 0, recall: 0, ..self }
    }
}
