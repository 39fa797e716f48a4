//! Which model is asked.

use loquat_chat::Chosen;
use serde::Serialize;
use utoipa::ToSchema;

/// Which model would be asked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Route)]
pub(crate) struct RouteBody {
    /// `route`.
    object: &'static str,
    /// The model that was asked for: one that may choose among others.
    model: String,
    /// Tokens of the prompt, by the server's count.
    input_tokens: u32,
    choice: ChoiceBody,
}

/// Which model, and why.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RouteChoice)]
pub(crate) struct ChoiceBody {
    /// Those that would be asked, one after the other where one fails.
    models: Vec<String>,
    /// The rule that decides; null when none does.
    #[schema(required)]
    rule: Option<String>,
    /// How hard the request seems, from 0 to 100; null when no rule asks.
    #[schema(required)]
    complexity: Option<u8>,
    /// One short statement each.
    why: Vec<String>,
}

impl From<Chosen> for RouteBody {
    fn from(Chosen { model, input_tokens, choice }: Chosen) -> Self {
        let (models, rule) = (choice.models, choice.rule);
        let choice = ChoiceBody { models, rule, complexity: choice.complexity, why: choice.why };
        Self { object: "route", model, input_tokens, choice }
    }
}

/// Which models were chosen and asked for an answer, as it is kept with it.
#[derive(ToSchema)]
#[schema(as = Routing)]
#[expect(dead_code, reason = "describes what the service writes")]
pub(crate) struct RoutingBody {
    /// Version of this form: 1.
    v: u8,
    #[schema(required)]
    choice: Option<ChoiceBody>,
    /// Who was asked, or was not for a reason, in order.
    attempts: Vec<AttemptBody>,
}

/// One call of a model.
#[derive(ToSchema)]
#[schema(as = RoutingAttempt)]
#[expect(dead_code, reason = "describes what the service writes")]
pub(crate) struct AttemptBody {
    model: String,
    provider: String,
    /// The model's name at its provider.
    upstream: String,
    /// `answered`, `failed`, `left` (while it was under way) or `not_made`.
    outcome: String,
    /// Why it failed or was not made.
    #[schema(required)]
    code: Option<String>,
}
