//! A model made of models.

mod chain;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use loquat_domain::TenantId;
use loquat_provider::{AnswerStream, ChatProvider, ChatRequest, Choice, ProviderError};

use crate::{
    Replicas, Rule, Target,
    call::Remembering,
    facts::Facts,
    memory::Memory,
    plan::{Map, Plan, Staying},
};

use chain::Chain;

/// How a routed model behaves, beside its rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteOptions {
    /// How long a conversation may stay with a model because of what that has cached. Zero for never.
    /// Default 5 min, as long as providers keep what is not used.
    pub stay: Duration,
    /// By how much a request's complexity must exceed a rule's threshold before the conversation
    /// moves to a dearer model. Default 10.
    pub margin: u8,
    /// How long all attempts together may take until an answer begins. While there is another to
    /// ask, an attempt gets half of what is left. `None` for as long as the providers' own limits
    /// allow. Default 120 s.
    pub budget: Option<Duration>,
    /// Of how many conversations it is remembered where they were, at about 150 bytes each. Default
    /// 100,000.
    pub remembered: usize,
}

impl Default for RouteOptions {
    fn default() -> Self {
        Self {
            stay: Duration::from_mins(5),
            margin: 10,
            budget: Some(Duration::from_mins(2)),
            remembered: 100_000,
        }
    }
}

/// What is wrong with a route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Nobody to ask when no rule matches.
    #[error("the route names no model")]
    NoModel,
    /// A rule names nobody to ask.
    #[error("the rule {0} names no model")]
    RuleWithoutModel(String),
    /// Replicas without weight: nobody would be first.
    #[error("at least one replica needs a weight above 0")]
    NoWeight,
    /// A rule that cannot match: something is asked to be at least more than it is asked to be at
    /// most.
    #[error("the rule {0} can never match: a lower bound is above its upper bound")]
    NeverMatches(String),
    /// A complexity above 100.
    #[error("the rule {0} compares a complexity above 100")]
    Complexity(String),
}

/// A model that asks others: the first rule that matches says whom.
///
/// A model that asks one only is the same with an empty list of rules: see [`RoutedModel::only`].
#[derive(Debug)]
pub struct RoutedModel {
    route: Vec<Replicas>,
    rules: Vec<Rule>,
    options: RouteOptions,
    /// `None` where there is nothing to choose.
    memory: Option<Arc<Memory>>,
    /// Spreads requests of no conversation over replicas.
    sequence: AtomicU64,
}

impl RoutedModel {
    /// A model that asks by `rules`, and by `route` when none of them matches.
    ///
    /// # Errors
    ///
    /// [`RouteError`] names the first rule or route that makes no sense.
    pub fn new(
        route: Vec<Replicas>,
        rules: Vec<Rule>,
        options: RouteOptions,
    ) -> Result<Self, RouteError> {
        check(&route, &rules)?;
        let mut routed = Self { route, rules, options, memory: None, sequence: AtomicU64::new(0) };
        if routed.targets().len() > 1 && !options.stay.is_zero() {
            routed.memory = Some(Arc::new(Memory::new(options.remembered)));
        }
        Ok(routed)
    }

    /// A model that asks this one and nobody else, for as long as its provider's own limits allow.
    pub fn only(target: Arc<Target>) -> Self {
        Self {
            route: vec![target.into()],
            rules: Vec::new(),
            options: RouteOptions { budget: None, ..RouteOptions::default() },
            memory: None,
            sequence: AtomicU64::new(0),
        }
    }

    /// Everybody who may ever be asked, each once: for what is known of a model beforehand, such as
    /// its window and the highest price.
    pub fn targets(&self) -> Vec<&Arc<Target>> {
        let mut targets: Vec<&Arc<Target>> = Vec::new();
        let routes = self.rules.iter().map(|rule| &rule.route).chain([&self.route]);
        for (target, _) in routes.flatten().flat_map(|replicas| &replicas.targets) {
            if !targets.iter().any(|known| known.model == target.model) {
                targets.push(target);
            }
        }
        targets
    }

    /// Whether anybody on any route may be asked on behalf of this tenant, or of nobody: to everybody
    /// else the model does not exist.
    pub fn is_for(&self, tenant: Option<&TenantId>) -> bool {
        self.targets().iter().any(|target| target.is_for(tenant))
    }

    fn plan(&self, request: &ChatRequest) -> Result<Plan, ProviderError> {
        let conversation = request.about.conversation;
        let spread = match conversation {
            Some(conversation) => conversation.as_uuid().as_u128(),
            None => self.sequence.load(Ordering::Relaxed).into(),
        };
        let last = self.memory.as_ref().zip(conversation).and_then(|(memory, id)| memory.last(id));
        let staying = Staying { stay: self.options.stay, margin: self.options.margin };
        let map = Map { rules: &self.rules, route: &self.route, staying };
        map.plan(&Facts::of(request), spread, last.as_ref())
    }
}

#[async_trait]
impl ChatProvider for RoutedModel {
    /// Asks one after the other until an answer begins. As long as there is another to ask, it
    /// returns with the first event of an answer; the last is left to speak for itself.
    ///
    /// The next is asked when one cannot be reached, is busy, broken or misconfigured; not when the
    /// request was refused as it stands, and after a prompt that is too long only one with a larger
    /// window. The request's trail tells all of it.
    async fn start(&self, request: ChatRequest) -> Result<AnswerStream, ProviderError> {
        let plan = self.plan(&request)?;
        if request.about.conversation.is_none() {
            self.sequence.fetch_add(1, Ordering::Relaxed);
        }
        request.trail.choose(plan.choice);
        let remembering =
            self.memory.clone().zip(request.about.conversation).map(|(memory, conversation)| {
                Remembering { memory, conversation, input_tokens: plan.input_tokens }
            });
        Chain::new(plan.targets, request, self.options.budget, remembering).start().await
    }

    fn choose(&self, request: &ChatRequest) -> Option<Choice> {
        self.plan(request).ok().map(|plan| plan.choice)
    }
}

fn check(route: &[Replicas], rules: &[Rule]) -> Result<(), RouteError> {
    check_route(route, || RouteError::NoModel)?;
    for rule in rules {
        let name = || rule.name.clone();
        check_route(&rule.route, || RouteError::RuleWithoutModel(name()))?;
        let when = &rule.when;
        if [when.complexity_at_least, when.complexity_at_most]
            .into_iter()
            .flatten()
            .any(|it| it > 100)
        {
            return Err(RouteError::Complexity(name()));
        }
        let crossed = |least: Option<u32>, most: Option<u32>| {
            least.zip(most).is_some_and(|(least, most)| least > most)
        };
        let wide = |bound: Option<u8>| bound.map(u32::from);
        if crossed(when.input_tokens_at_least, when.input_tokens_at_most)
            || crossed(wide(when.complexity_at_least), wide(when.complexity_at_most))
        {
            return Err(RouteError::NeverMatches(name()));
        }
    }
    Ok(())
}

fn check_route(route: &[Replicas], empty: impl Fn() -> RouteError) -> Result<(), RouteError> {
    if route.is_empty() || route.iter().any(|replicas| replicas.targets.is_empty()) {
        return Err(empty());
    }
    let weightless = |replicas: &Replicas| replicas.targets.iter().all(|(_, weight)| *weight == 0);
    if route.iter().any(weightless) { Err(RouteError::NoWeight) } else { Ok(()) }
}
