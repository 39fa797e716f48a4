//! Which models were chosen and asked, as it is kept with a response.

use loquat_domain::RawJson;
use loquat_provider::{Attempt, AttemptOutcome, Choice, Trail};
use serde::Serialize;

/// Version 1.
#[derive(Serialize)]
struct Route<'a> {
    v: u8,
    choice: Option<ChoiceJson<'a>>,
    attempts: Vec<AttemptJson<'a>>,
}

#[derive(Serialize)]
struct ChoiceJson<'a> {
    models: &'a [String],
    rule: Option<&'a str>,
    complexity: Option<u8>,
    why: &'a [String],
}

#[derive(Serialize)]
struct AttemptJson<'a> {
    model: &'a str,
    provider: &'a str,
    upstream: &'a str,
    outcome: &'static str,
    code: Option<&'static str>,
}

impl<'a> From<&'a Choice> for ChoiceJson<'a> {
    fn from(choice: &'a Choice) -> Self {
        let Choice { models, rule, complexity, why } = choice;
        Self { models, rule: rule.as_deref(), complexity: *complexity, why }
    }
}

impl<'a> From<&'a Attempt> for AttemptJson<'a> {
    fn from(attempt: &'a Attempt) -> Self {
        let (outcome, code) = match attempt.outcome {
            AttemptOutcome::NotMade(why) => ("not_made", Some(why)),
            AttemptOutcome::Open => ("left", None),
            AttemptOutcome::Failed(code) => ("failed", Some(code)),
            AttemptOutcome::Answers => ("answered", None),
        };
        let Attempt { model, provider, upstream, .. } = attempt;
        Self { model, provider, upstream, outcome, code }
    }
}

/// What is worth keeping of a trail; nothing when there was nothing to choose and the first who was
/// asked has answered.
pub(crate) fn route(trail: &Trail) -> Option<RawJson> {
    let (choice, attempts) = (trail.choice(), trail.attempts());
    let is_plain = matches!(&*attempts, [] | [Attempt { outcome: AttemptOutcome::Answers, .. }]);
    if is_plain && choice.as_ref().is_none_or(|choice| choice.models.len() < 2) {
        return None;
    }
    let route = Route {
        v: 1,
        choice: choice.as_ref().map(ChoiceJson::from),
        attempts: attempts.iter().map(AttemptJson::from).collect(),
    };
    // Strings and numbers can always be written.
    serde_json::to_string(&route).ok().map(RawJson::from_checked)
}
