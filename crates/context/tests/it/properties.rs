//! What holds of every prompt of any conversation.
//!
//! The fifteen properties of the engine, checked at each step of generated conversations. What a
//! check needs to know it works out anew, and asks the engine only for what it claims.

mod budget;
mod cache;
mod content;
mod report;
mod sides;
mod view;

use proptest::{prelude::*, test_runner::Config};

use crate::{
    engine::{Engine, Real},
    journey::{Taken, journeys},
};

/// What a turn does not keep, in words.
pub(crate) type Broken = String;

/// So many conversations are gone through. Each has dozens of turns.
pub(crate) const CASES: u32 = 100;

/// Fails with words when the condition does not hold.
macro_rules! holds {
    ($condition:expr, $($words:tt)+) => {
        if !$condition {
            return Err(format!($($words)+));
        }
    };
}
pub(crate) use holds;

/// A property of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Property {
    /// 1. A prompt never exceeds its budget, by an independent recount.
    Budget,
    /// 2. What the operator began the conversation with is there and first; then what is pinned.
    ///    (Of what is pinned, calls without outputs and the like are not: providers refuse them.)
    LeadFirst,
    /// 3. The new items are there, whole and last; or an error says what does not fit.
    NewestWhole,
    /// 4. No output without its call, no call without its output, no thought without its deed.
    ///    (A call that the new items do not answer either stays out: providers refuse it.)
    Groups,
    /// 5. Order and content are those of the store; the window has no gap and ends with the newest
    ///    item; nothing is sent twice.
    Order,
    /// 6. A person's words come first, apart from lead and pins, or what stands for them. (Or the
    ///    conversation's own first item; or the middle of a turn that is so long that its beginning
    ///    was not read.)
    UserFirst,
    /// 7. Between evictions a prompt continues the one before, byte for byte. (As long as pins and
    ///    summary are the same, and no output arrives for a call that was passed over.)
    StablePrefix,
    /// 8. Something leaves only when the window is above its high mark, or a compaction stands for
    ///    it; what remains is below the low mark, or one turn. The anchor moves back only for a
    ///    policy that takes more.
    Eviction,
    /// 9. A larger budget never keeps less.
    Monotone,
    /// 10. The same input gives the same prompt, on any thread.
    Deterministic,
    /// 11. No more is read and counted than the window and the candidates.
    Work,
    /// 12. Nothing is fetched back for a message that asks for nothing.
    Gate,
    /// 13. Without its summary a prompt is the same but for it.
    Summary,
    /// 14. What is in the window or was not stored before it is not fetched back, whoever found it.
    Foreign,
    /// 15. The receipt adds up, and says of everything that was loaded where it went.
    Receipt,
}

impl Property {
    pub(crate) const ALL: [Self; 15] = [
        Self::Budget,
        Self::LeadFirst,
        Self::NewestWhole,
        Self::Groups,
        Self::Order,
        Self::UserFirst,
        Self::StablePrefix,
        Self::Eviction,
        Self::Monotone,
        Self::Deterministic,
        Self::Work,
        Self::Gate,
        Self::Summary,
        Self::Foreign,
        Self::Receipt,
    ];

    /// Checks it of a turn.
    pub(crate) fn check(self, taken: &Taken<'_>, engine: &dyn Engine) -> Result<(), Broken> {
        match self {
            Self::Budget => budget::is_kept(taken),
            Self::LeadFirst => content::lead_is_first(taken),
            Self::NewestWhole => content::newest_is_whole(taken),
            Self::Groups => content::groups_are_whole(taken),
            Self::Order => content::order_is_the_stores(taken),
            Self::UserFirst => content::user_comes_first(taken),
            Self::StablePrefix => cache::prefix_is_stable(taken),
            Self::Eviction => cache::evictions_are_few(taken),
            Self::Monotone => budget::more_keeps_more(taken, engine),
            Self::Deterministic => sides::is_deterministic(taken, engine),
            Self::Work => sides::work_is_bounded(taken, engine),
            Self::Gate => sides::gate_holds(taken),
            Self::Summary => sides::summary_moves_nothing(taken, engine),
            Self::Foreign => sides::foreign_is_refused(taken, engine),
            Self::Receipt => report::receipt_adds_up(taken),
        }
    }
}

fn every_property_holds(cases: u32) {
    let config =
        Config { cases, failure_persistence: None, max_shrink_iters: 4_000, ..Config::default() };
    proptest!(config, |(journey in journeys())| {
        journey.run(&Real, |taken| {
            for property in Property::ALL {
                property.check(taken, &Real).map_err(|broken| {
                    TestCaseError::fail(format!("{property:?}: {broken}"))
                })?;
            }
            Ok::<(), TestCaseError>(())
        })?;
    });
}

// Two, so that they run side by side.

#[test]
fn every_property_holds_at_every_step_of_a_conversation() {
    every_property_holds(CASES);
}

#[test]
fn every_property_holds_at_every_step_of_other_conversations() {
    every_property_holds(CASES);
}
