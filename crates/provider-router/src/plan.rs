//! Whom a request would be sent to, and why: reads the memory and the guards, changes nothing.

mod stay;

use std::sync::Arc;

use loquat_provider::{Choice, ProviderError};

use crate::{Complexity, Replicas, Rule, Target, facts::Facts, memory::Last, rendezvous};

pub(crate) use stay::Staying;

/// What there is to choose from.
pub(crate) struct Map<'a> {
    pub(crate) rules: &'a [Rule],
    /// When no rule matches.
    pub(crate) route: &'a [Replicas],
    pub(crate) staying: Staying,
}

/// Whom to ask, one after the other.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Never empty.
    pub(crate) targets: Vec<Arc<Target>>,
    pub(crate) choice: Choice,
    /// Tokens of the prompt, as far as anybody knows.
    pub(crate) input_tokens: u32,
}

impl Map<'_> {
    /// Decides. `spread` orders the replicas; `last` is where the conversation was.
    ///
    /// # Errors
    ///
    /// Nobody on the route may or can serve the request.
    pub(crate) fn plan(
        &self,
        facts: &Facts<'_>,
        spread: u128,
        last: Option<&Last>,
    ) -> Result<Plan, ProviderError> {
        let rule = self.rules.iter().find(|rule| rule.when.hold(facts));
        let mut why = match rule {
            Some(rule) => vec![format!("rule {} matches", rule.name)],
            None if self.rules.is_empty() => Vec::new(),
            None => vec!["no rule matches".to_owned()],
        };
        let route = rule.map_or(self.route, |rule| &rule.route);
        let mut targets = able(route, facts, spread, &mut why)?;
        if let Some(last) = last {
            self.staying.apply(&mut targets, last, rule, facts, &mut why);
        }
        why.extend(targets.iter().filter_map(|target| {
            let refusal = target.upstream.refusal()?;
            Some(format!("{} is passed over: {refusal}", target.model))
        }));
        let complexity = facts.known_complexity();
        why.extend(complexity.map(ToString::to_string));
        let choice = Choice {
            models: targets.iter().map(|target| target.model.clone()).collect(),
            rule: rule.map(|rule| rule.name.clone()),
            complexity: complexity.map(Complexity::score),
            why,
        };
        Ok(Plan { targets, choice, input_tokens: facts.input_tokens() })
    }
}

/// Everybody on the route who may and can, in its order. What a tenant may not use is left out
/// without a word: that it exists is not the tenant's to know.
fn able(
    route: &[Replicas],
    facts: &Facts<'_>,
    spread: u128,
    why: &mut Vec<String>,
) -> Result<Vec<Arc<Target>>, ProviderError> {
    let mut able: Vec<Arc<Target>> = Vec::with_capacity(route.len());
    let mut too_long = false;
    for target in route.iter().flat_map(|replicas| in_order(replicas, spread)) {
        if !target.is_for(facts.tenant()) || able.iter().any(|other| other.model == target.model) {
            continue;
        }
        if let Some(lack) = facts.lacks(target.capabilities) {
            why.push(format!("{} cannot do {lack}", target.model));
        } else if !fits(target, facts) {
            too_long = true;
            why.push(format!("the window of {} is too small", target.model));
        } else {
            able.push(Arc::clone(target));
        }
    }
    if !able.is_empty() {
        return Ok(able);
    }
    Err(if too_long { ProviderError::ContextLengthExceeded } else { ProviderError::Inexpressible })
}

fn in_order(replicas: &Replicas, spread: u128) -> Vec<&Arc<Target>> {
    let mut targets: Vec<_> = replicas.targets.iter().collect();
    if targets.len() > 1 {
        let score = |(target, weight): &(Arc<Target>, u32)| {
            rendezvous::score(spread, &target.model, *weight)
        };
        targets.sort_by(|a, b| score(b).total_cmp(&score(a)));
    }
    targets.into_iter().map(|(target, _)| target).collect()
}

/// Whether prompt and answer have room in the model's window.
fn fits(target: &Target, facts: &Facts<'_>) -> bool {
    let answer = longest_answer(target, facts.request().settings.max_output_tokens);
    facts.input_tokens().saturating_add(answer) <= target.context_window
}

/// The longest answer that the model may be asked for.
pub(crate) fn longest_answer(target: &Target, asked: Option<u32>) -> u32 {
    asked.unwrap_or(u32::MAX).min(target.max_output_tokens)
}
