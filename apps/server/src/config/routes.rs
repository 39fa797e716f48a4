//! `[routes.NAME]`: models that are made of models.

use std::{collections::BTreeSet, fmt, time::Duration};

use loquat_domain::TenantId;
use loquat_provider_router::RouteOptions;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, SeqAccess, Visitor, value::SeqAccessDeserializer},
};

use super::{Faults, context::PolicyChoice};

/// `[routes.NAME]`: a model that asks others. Callers name it like any other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RouteSection {
    /// Whom to ask when no rule matches, one after the other until one answers. No default.
    pub(crate) models: Vec<Step>,
    /// Prompt and answer together, in tokens. Default: the largest of those who may be asked; a
    /// request is only ever sent to those whom it fits.
    pub(crate) context_window: Option<u32>,
    /// The longest answer, in tokens. Default: the longest of those who may be asked.
    pub(crate) max_output_tokens: Option<u32>,
    /// The tenants that may use it. Default: all; each still only reaches models that it may use.
    pub(crate) tenants: Vec<String>,
    /// Which part of a conversation it sees. Default: as `[context]` says.
    pub(crate) context: Option<PolicyChoice>,
    /// How long a conversation may stay with a model for the sake of its prompt cache, in seconds; 0
    /// for never. Default 300.
    pub(crate) stay_seconds: u64,
    /// By how much the complexity must exceed a rule's threshold before a conversation moves to a
    /// dearer model. Default 10.
    pub(crate) margin: u8,
    /// How long all attempts together may take until an answer begins, in milliseconds. Default
    /// 120,000.
    pub(crate) budget_ms: u64,
    /// The rules, in order: the first that matches decides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rules: Vec<RuleSection>,
}

/// `[[routes.NAME.rules]]`: where requests go of which all of this holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RuleSection {
    /// Its name, for receipts. No default.
    pub(crate) name: String,
    /// Whom to ask, one after the other until one answers. No default.
    pub(crate) models: Vec<Step>,
    /// The prompt has at least so many tokens.
    pub(crate) input_tokens_at_least: Option<u32>,
    /// The prompt has at most so many tokens.
    pub(crate) input_tokens_at_most: Option<u32>,
    /// Whether functions are offered.
    pub(crate) tools: Option<bool>,
    /// Whether there are images.
    pub(crate) images: Option<bool>,
    /// Whether the answer must follow a JSON schema.
    pub(crate) json_schema: Option<bool>,
    /// The request asks to think at least so hard: `none`, `minimal`, `low`, `medium`, `high` or
    /// `xhigh`.
    pub(crate) reasoning_at_least: Option<Effort>,
    /// The request's metadata has all of these: `"key"` or `"key=value"`.
    pub(crate) metadata: Vec<String>,
    /// It is made on behalf of one of these tenants.
    pub(crate) tenants: Vec<String>,
    /// It seems at least so hard, 0 to 100.
    pub(crate) complexity_at_least: Option<u8>,
    /// It seems at most so hard, 0 to 100.
    pub(crate) complexity_at_most: Option<u8>,
}

/// How hard to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
}

/// One place in a chain: the name of a model, or a list of replicas that share its conversations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Step {
    /// A model of `[models.NAME]`.
    Model(String),
    /// Several that stand for one.
    Replicas(Vec<ReplicaSection>),
}

/// One of several models that stand for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplicaSection {
    /// A model of `[models.NAME]`.
    pub(crate) model: String,
    /// Its share of the conversations, beside the others' weights; 0 for one that is asked only when
    /// no other answers. Default 1.
    #[serde(default = "one")]
    pub(crate) weight: u32,
}

const fn one() -> u32 {
    1
}

// Read by hand, because serde's untagged enums do not say what is wrong within them.
impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Step;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a model in quotes, or a list of { model, weight }")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Step::Model(name.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Step::Replicas)
            }
        }

        deserializer.deserialize_any(OneOrMany)
    }
}

impl Step {
    /// The models that it names.
    pub(crate) fn models(&self) -> Vec<&str> {
        match self {
            Self::Model(name) => vec![name],
            Self::Replicas(replicas) => {
                replicas.iter().map(|replica| replica.model.as_str()).collect()
            }
        }
    }
}

impl Default for RouteSection {
    fn default() -> Self {
        let options = RouteOptions::default();
        let budget = options.budget.unwrap_or(Duration::from_mins(2));
        Self {
            models: Vec::new(),
            context_window: None,
            max_output_tokens: None,
            tenants: Vec::new(),
            context: None,
            stay_seconds: options.stay.as_secs(),
            margin: options.margin,
            budget_ms: u64::try_from(budget.as_millis()).unwrap_or(u64::MAX),
            rules: Vec::new(),
        }
    }
}

impl RouteSection {
    /// `is_model` tells whether a name is that of a model which is not itself a route.
    pub(super) fn check(&self, path: &str, is_model: &dyn Fn(&str) -> bool, faults: &mut Faults) {
        let at = |key: &str| format!("{path}.{key}");
        check_chain(&at("models"), &self.models, is_model, faults);
        if self.context_window == Some(0) || self.max_output_tokens == Some(0) {
            faults.add(path, "context_window and max_output_tokens must be more than 0");
        }
        check_tenants(&at("tenants"), &self.tenants, faults);
        faults.check_range(&at("stay_seconds"), self.stay_seconds, 0..=86_400);
        faults.check_range(&at("margin"), self.margin, 0..=100);
        faults.check_range(&at("budget_ms"), self.budget_ms, 1..=3_600_000);
        let mut names = BTreeSet::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let path = format!("{path}.rules[{index}]");
            if rule.name.is_empty() {
                faults.add(&format!("{path}.name"), "is missing: receipts tell rules by it");
            } else if !names.insert(&rule.name) {
                faults.add(&format!("{path}.name"), "another rule of this route has that name");
            }
            check_chain(&format!("{path}.models"), &rule.models, is_model, faults);
            check_tenants(&format!("{path}.tenants"), &rule.tenants, faults);
        }
    }

    /// How the route behaves beside its rules.
    pub(crate) fn options(&self) -> RouteOptions {
        RouteOptions {
            stay: Duration::from_secs(self.stay_seconds),
            margin: self.margin,
            budget: Some(Duration::from_millis(self.budget_ms)),
            ..RouteOptions::default()
        }
    }
}

fn check_chain(key: &str, chain: &[Step], is_model: &dyn Fn(&str) -> bool, faults: &mut Faults) {
    if chain.is_empty() || chain.iter().any(|step| step.models().is_empty()) {
        faults.add(key, "must name at least one of [models.NAME]");
    }
    let mut unknown = chain.iter().flat_map(Step::models).filter(|name| !is_model(name));
    if unknown.next().is_some() {
        faults.add(key, "names a model that [models.NAME] does not configure");
    }
}

/// Names of tenants must be names.
pub(super) fn check_tenants(key: &str, tenants: &[String], faults: &mut Faults) {
    if tenants.iter().any(|tenant| TenantId::new(tenant).is_err()) {
        faults.add(key, "a tenant is named by 1 to 255 printable ASCII characters without spaces");
    }
}
