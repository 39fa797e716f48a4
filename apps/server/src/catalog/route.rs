//! Models as the router knows them, and the models that are made of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use loquat_chat::Model;
use loquat_domain::{Price, ReasoningEffort, TenantId, Timestamp};
use loquat_provider_router::{
    Capabilities, Conditions, MetadataConditionError, Replicas, RouteError, RoutedModel, Rule,
    Target, Upstream,
};

use crate::{
    config::{Ability, Config, Effort, ModelSection, RouteSection, RuleSection, Step, Tokenizer},
    tokenizer::Counters,
};

/// The owner of models that are made of others, as callers see it.
const OWNER: &str = "loquat";

/// A configured model, made.
pub(super) struct Made {
    pub(super) model: Model,
    pub(super) target: Arc<Target>,
    pub(super) tokenizer: Tokenizer,
}

/// What is wrong with a route that its tables do not show.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Route(#[from] RouteError),
    #[error(transparent)]
    Metadata(#[from] MetadataConditionError),
    /// Told already, by name.
    #[error("names a model that [models.NAME] does not configure")]
    UnknownModel,
}

/// A model as the router asks it.
pub(super) fn target(
    name: &str,
    section: &ModelSection,
    upstream_model: &str,
    upstream: Arc<Upstream>,
) -> Target {
    let can = |ability| !section.lacks.contains(&ability);
    Target {
        model: name.to_owned(),
        upstream,
        upstream_model: upstream_model.to_owned(),
        context_window: section.context_window,
        max_output_tokens: section.max_output_tokens,
        price: section.price.price(),
        tenants: (!section.tenants.is_empty()).then(|| tenants(&section.tenants)),
        capabilities: Capabilities {
            tools: can(Ability::Tools),
            images: can(Ability::Images),
            json_schema: can(Ability::JsonSchema),
            reasoning: can(Ability::Reasoning),
        },
    }
}

/// The tenants that may use something; `None` for all.
pub(super) fn allowed(names: &[String]) -> Option<Arc<BTreeSet<TenantId>>> {
    (!names.is_empty()).then(|| Arc::new(tenants(names).into_iter().collect()))
}

/// The tenants that may use a route: those that it names, as far as anybody whom it asks may be asked
/// on their behalf. For all others it does not exist.
fn reachable(named: &[String], targets: &[Arc<Target>]) -> Option<Arc<BTreeSet<TenantId>>> {
    let of_targets: Option<BTreeSet<TenantId>> = targets
        .iter()
        .map(|target| target.tenants.clone())
        .collect::<Option<Vec<_>>>()
        .map(|lists| lists.into_iter().flatten().collect());
    match (allowed(named), of_targets) {
        (named, None) => named,
        (None, Some(reached)) => Some(Arc::new(reached)),
        (Some(named), Some(reached)) => {
            Some(Arc::new(named.intersection(&reached).cloned().collect()))
        }
    }
}

/// What is no tenant's name is a fault that has been told.
fn tenants(names: &[String]) -> Vec<TenantId> {
    names.iter().filter_map(|name| TenantId::new(name).ok()).collect()
}

/// A route, made of the models that it names.
pub(super) fn routed(
    section: &RouteSection,
    made: &BTreeMap<&str, Made>,
) -> Result<RoutedModel, Fault> {
    let rules = section.rules.iter().map(|section| rule(section, made));
    let rules = rules.collect::<Result<Vec<_>, _>>()?;
    Ok(RoutedModel::new(chain(&section.models, made)?, rules, section.options())?)
}

fn rule(section: &RuleSection, made: &BTreeMap<&str, Made>) -> Result<Rule, Fault> {
    let metadata = section.metadata.iter().map(|text| text.parse());
    Ok(Rule {
        name: section.name.clone(),
        when: Conditions {
            input_tokens_at_least: section.input_tokens_at_least,
            input_tokens_at_most: section.input_tokens_at_most,
            tools: section.tools,
            images: section.images,
            json_schema: section.json_schema,
            reasoning_at_least: section.reasoning_at_least.map(effort),
            metadata: metadata.collect::<Result<_, _>>()?,
            tenants: tenants(&section.tenants),
            complexity_at_least: section.complexity_at_least,
            complexity_at_most: section.complexity_at_most,
        },
        route: chain(&section.models, made)?,
    })
}

const fn effort(effort: Effort) -> ReasoningEffort {
    match effort {
        Effort::None => ReasoningEffort::None,
        Effort::Minimal => ReasoningEffort::Minimal,
        Effort::Low => ReasoningEffort::Low,
        Effort::Medium => ReasoningEffort::Medium,
        Effort::High => ReasoningEffort::High,
        Effort::Xhigh => ReasoningEffort::ExtraHigh,
    }
}

fn chain(steps: &[Step], made: &BTreeMap<&str, Made>) -> Result<Vec<Replicas>, Fault> {
    let target =
        |name: &str| made.get(name).map(|made| Arc::clone(&made.target)).ok_or(Fault::UnknownModel);
    let step = |step: &Step| match step {
        Step::Model(name) => target(name).map(Replicas::from),
        Step::Replicas(replicas) => {
            let weighted = replicas
                .iter()
                .map(|replica| Ok((target(&replica.model)?, replica.weight)))
                .collect::<Result<_, Fault>>()?;
            Ok(Replicas::weighted(weighted))
        }
    };
    steps.iter().map(step).collect()
}

/// A route as callers name it. Its window is the largest of those who may be asked: who has a smaller
/// one is asked what fits him.
pub(super) fn route(
    name: &str,
    section: &RouteSection,
    routed: RoutedModel,
    made: &BTreeMap<&str, Made>,
    config: &Config,
    counters: &Counters,
    now: Timestamp,
) -> Model {
    let (mut window, mut longest, mut price) = (0, 0, Price::default());
    let mut tokenizers = Vec::new();
    let targets: Vec<Arc<Target>> = routed.targets().into_iter().cloned().collect();
    for target in &targets {
        window = window.max(target.context_window);
        longest = longest.max(target.max_output_tokens);
        price = price.max(target.price);
        tokenizers.extend(made.get(target.model.as_str()).map(|made| made.tokenizer));
    }
    let same = tokenizers.first().copied().filter(|it| tokenizers.iter().all(|other| other == it));
    let window = section.context_window.unwrap_or(window);
    Model {
        id: name.to_owned(),
        owner: OWNER.to_owned(),
        upstream: name.to_owned(),
        provider: Arc::new(routed),
        context_window: window,
        max_output_tokens: section.max_output_tokens.unwrap_or(longest).min(window - 1),
        price,
        tenants: reachable(&section.tenants, &targets),
        counter: counters.get(same.unwrap_or(Tokenizer::Estimate)),
        policy: config.policy_of(section.context.as_ref()),
        created_at: now,
    }
}
