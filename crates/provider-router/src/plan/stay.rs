//! When a conversation stays with the model that it was with.

use std::{fmt, sync::Arc, time::Duration};

use loquat_domain::{Micros, TokenParts};

use crate::{Rule, Target, facts::Facts, memory::Last};

/// A shorter beginning is not cached, and nothing is lost by a move: 1,024 tokens is the least at OpenAI (prompt caching guide) and
/// at Anthropic for most models (prompt caching, minimum cacheable prompt length).
const LEAST_CACHED: u32 = 1_024;

/// How long an answer is taken to be, in tokens, for what it costs here or there.
const ANSWER: u32 = 400;

/// What staying is judged by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Staying {
    /// How long a provider keeps a prompt's beginning in its cache.
    pub(crate) stay: Duration,
    /// By how much a rule's threshold must be exceeded before a conversation moves to a dearer model.
    pub(crate) margin: u8,
}

impl Staying {
    /// Puts the model where the conversation was before all others, if it should stay there. It
    /// stays only with a model that the route names: who must not stay there is not on it.
    pub(crate) fn apply(
        self,
        targets: &mut [Arc<Target>],
        last: &Last,
        rule: Option<&Rule>,
        facts: &Facts<'_>,
        why: &mut Vec<String>,
    ) {
        let is_well = |target: &Arc<Target>| target.upstream.refusal().is_none();
        let Some(there) = targets.iter().position(|target| target.model == last.target.model)
        else {
            return;
        };
        let Some(first) = targets.iter().position(is_well) else { return };
        if there <= first || last.at.elapsed() >= self.stay {
            return;
        }
        let (Some(here), Some(other)) = (targets.get(there), targets.get(first)) else { return };
        if !is_well(here) {
            return;
        }
        let cached = last.input_tokens.min(facts.input_tokens());
        if cached < LEAST_CACHED {
            return;
        }
        let bill = Bill::of(here, other, cached, facts);
        let verdict = self.judge(&bill, rule, facts);
        why.push(format!("{}: {verdict} ({bill})", here.model));
        if verdict.stays()
            && let Some(targets) = targets.get_mut(..=there)
        {
            targets.rotate_right(1);
        }
    }

    fn judge(self, bill: &Bill, rule: Option<&Rule>, facts: &Facts<'_>) -> Verdict {
        if bill.moving <= bill.staying {
            return Verdict::MoveCostsNoMore;
        }
        if !bill.other_is_dearer {
            return Verdict::CacheIsWorthMore;
        }
        // A rule that asks for a complexity guesses; every other states a fact.
        match rule.and_then(|rule| rule.when.complexity_at_least) {
            None => Verdict::RouteWantsDearer,
            Some(threshold) => {
                let needed = threshold.saturating_add(self.margin).min(100);
                if facts.complexity().score() < needed {
                    Verdict::NotHardEnough { needed }
                } else {
                    Verdict::HardEnough { needed }
                }
            }
        }
    }
}

/// Why a conversation stays or leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    MoveCostsNoMore,
    CacheIsWorthMore,
    RouteWantsDearer,
    NotHardEnough { needed: u8 },
    HardEnough { needed: u8 },
}

impl Verdict {
    const fn stays(self) -> bool {
        matches!(self, Self::CacheIsWorthMore | Self::NotHardEnough { .. })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MoveCostsNoMore => f.write_str("the conversation leaves, the move costs no more"),
            Self::CacheIsWorthMore => {
                f.write_str("the conversation stays, the cache is worth more than the move saves")
            }
            Self::RouteWantsDearer => {
                f.write_str("the conversation leaves, the route wants a dearer model")
            }
            Self::NotHardEnough { needed } => {
                write!(f, "the conversation stays, a dearer model needs a complexity of {needed}")
            }
            Self::HardEnough { needed } => {
                write!(f, "the conversation leaves, its complexity is at least {needed}")
            }
        }
    }
}

/// What the request costs here and there.
#[derive(Debug, Clone, Copy)]
struct Bill {
    /// With the beginning read from the cache.
    staying: Micros,
    /// With everything read anew.
    moving: Micros,
    /// If nothing were cached anywhere.
    other_is_dearer: bool,
}

impl Bill {
    fn of(here: &Target, other: &Target, cached: u32, facts: &Facts<'_>) -> Self {
        let prompt = facts.input_tokens();
        let staying = cost(here, cached, prompt - cached);
        let moving = cost(other, 0, prompt);
        Self { staying, moving, other_is_dearer: moving > cost(here, 0, prompt) }
    }
}

impl fmt::Display for Bill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "staying costs {}, moving {} millionths", self.staying.0, self.moving.0)
    }
}

/// What is not read from the cache is written to it, where writing has a price of its own.
fn cost(target: &Target, cached: u32, rest: u32) -> Micros {
    let price = target.price;
    let input = TokenParts { input: rest.into(), ..TokenParts::default() };
    let write = TokenParts { cache_write: rest.into(), ..TokenParts::default() };
    let other = TokenParts {
        cached: cached.into(),
        output: ANSWER.min(target.max_output_tokens).into(),
        ..TokenParts::default()
    };
    price.of(input + other).max(price.of(write + other))
}
