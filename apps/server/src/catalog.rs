//! The configured providers and models, made.

mod provider;
mod route;

use std::{collections::BTreeMap, sync::Arc};

use loquat_chat::{Clock as _, Model, ModelCatalog, ModelSummariser, Summariser, SystemClock};
use loquat_provider_router::{RoutedModel, Upstream};

use crate::{
    config::{Config, Environment, Faults, ModelSection, Tokenizer},
    tokenizer::Counters,
};
use provider::{Provider, provider};
use route::{Made, allowed, route, routed, target};

/// What callers may name, and whom it is answered by.
pub(crate) struct Catalog {
    pub(crate) models: ModelCatalog,
    /// Every configured provider with its guard.
    pub(crate) upstreams: Vec<Arc<Upstream>>,
}

/// Makes every provider, also those that no model names, so that all faults are found.
pub(crate) fn catalog(
    config: &Config,
    environment: &Environment,
    faults: &mut Faults,
) -> Option<Catalog> {
    let mut providers: BTreeMap<&str, Provider> = BTreeMap::new();
    for (name, section) in &config.providers {
        let is_its = |(_, model): &(_, &ModelSection)| model.provider == *name;
        let models = config.models.iter().filter(is_its);
        if let Some(provider) = provider(name, section, models, environment, faults) {
            providers.insert(name, provider);
        }
    }
    let guarded: BTreeMap<&str, Arc<Upstream>> = providers
        .iter()
        .map(|(name, provider)| {
            let guard = config.guards.get(*name).copied().unwrap_or_default();
            let port = Arc::clone(&provider.port);
            (*name, Arc::new(Upstream::new(*name, port, guard.options())))
        })
        .collect();
    let now = SystemClock.now();
    let counters = Counters::new();
    let model = |(name, section): (&String, &ModelSection)| {
        let provider = providers.get(section.provider.as_str())?;
        let upstream_of = guarded.get(section.provider.as_str())?;
        let upstream = section.upstream(name).to_owned();
        let tokenizer = section.tokenizer.unwrap_or_else(|| {
            if provider.is_openais { Tokenizer::of_openais(&upstream) } else { Tokenizer::Estimate }
        });
        let target = Arc::new(target(name, section, &upstream, Arc::clone(upstream_of)));
        let made = Model {
            id: name.clone(),
            owner: section.provider.clone(),
            upstream,
            provider: Arc::new(RoutedModel::only(Arc::clone(&target))),
            context_window: section.context_window,
            max_output_tokens: section.max_output_tokens,
            price: target.price,
            tenants: allowed(&section.tenants),
            counter: counters.get(tokenizer),
            policy: config.policy_of(section.context.as_ref()),
            created_at: now,
        };
        Some(Made { model: made, target, tokenizer })
    };
    // A model without its provider is a fault that has been told.
    let made = config.models.iter().map(model).collect::<Option<Vec<_>>>()?;
    let made: BTreeMap<&str, Made> = config.models.keys().map(String::as_str).zip(made).collect();
    let mut models: Vec<Model> = made.values().map(|made| made.model.clone()).collect();
    for (name, section) in &config.routes {
        let path = format!("routes.{name}");
        let routed = faults.take(&path, routed(section, &made))?;
        models.push(route(name, section, routed, &made, config, &counters, now));
    }
    let models = faults.take("default_model", ModelCatalog::new(models, &config.default_model))?;
    Some(Catalog { models, upstreams: guarded.into_values().collect() })
}

/// Who writes summaries, if somebody is configured.
pub(crate) fn summariser(config: &Config, catalog: &ModelCatalog) -> Option<Arc<dyn Summariser>> {
    // A name that no model has is a fault that has been told.
    let model = catalog.get(config.context.summariser.as_deref()?)?;
    Some(Arc::new(ModelSummariser::new(Arc::clone(model))))
}
