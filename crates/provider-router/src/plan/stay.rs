//! When a conversation stays with the model that it was with.

use std::{fmt, sync::Arc, time::Duration};

use loquat_domain::{Micros, TokenParts};

use crate::{Rule, Target, facts::Facts, memory::Last};

/// A shorter beginning is not cached: 1,024 tokens is the least at OpenAI (prompt caching guide) and
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
        let bill = Bill::of(here, other, last, facts);
        let reason = if bill.moving <= bill.staying {
            Err(format!("moving to {} costs no more than staying", other.model))
        } else if !bill.other_is_dearer {
            Ok("its cache is worth more than the move would save".to_owned())
        } else {
            self.is_hard_enough(rule, facts)
        };
        match reason {
            Ok(reason) => {
                why.push(format!("the conversation stays with {}: {reason}{bill}", here.model));
                if let Some(targets) = targets.get_mut(..=there) {
                    targets.rotate_right(1);
                }
            }
            Err(reason) => {
                why.push(format!("the conversation leaves {}: {reason}{bill}", here.model));
            }
        }
    }

    /// Whether a move to a dearer model is called for; `Ok` when it is not.
    fn is_hard_enough(self, rule: Option<&Rule>, facts: &Facts<'_>) -> Result<String, String> {
        let Some(threshold) = rule.and_then(|rule| rule.when.complexity_at_least) else {
            return Err("the route says so".to_owned());
        };
        let needed = threshold.saturating_add(self.margin).min(100);
        if facts.complexity().score() < needed {
            Ok(format!("a complexity below {needed} does not call for a dearer model"))
        } else {
            Err(format!("a complexity of {needed} or more calls for it"))
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
    fn of(here: &Target, other: &Target, last: &Last, facts: &Facts<'_>) -> Self {
        let prompt = facts.input_tokens();
        let cached = match last.input_tokens.min(prompt) {
            too_short if too_short < LEAST_CACHED => 0,
            cached => cached,
        };
        let staying = cost(here, cached, prompt - cached);
        let moving = cost(other, 0, prompt);
        Self { staying, moving, other_is_dearer: moving > cost(here, 0, prompt) }
    }
}

impl fmt::Display for Bill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " (staying {}, moving {} millionths)", self.staying.0, self.moving.0)
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
