//! `[context]`: which part of a conversation a model sees.

use std::fmt;

use loquat_chat::Limits;
use loquat_context::{Policy, PolicyParts};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::Faults;

/// `[context]`: which part of a conversation a model sees, where the model does not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ContextSection {
    /// The model that writes summaries of what has left a window. Default: none, and no summaries.
    pub(crate) summariser: Option<String>,
    /// The most tokens of a summary. Default 448: with the words around it, what the policies have
    /// room for.
    pub(crate) summary_tokens: u32,
    /// The policy of all models that have none of their own. Default `balanced`.
    pub(crate) policy: PolicyChoice,
}

impl Default for ContextSection {
    fn default() -> Self {
        Self {
            summariser: None,
            summary_tokens: Limits::default().summary_tokens,
            policy: PolicyChoice::default(),
        }
    }
}

/// A policy by its name, or in parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum PolicyChoice {
    /// `economy`, `balanced` or `full`.
    Name(String),
    /// The parts that are not as in `balanced`.
    Parts(PolicySection),
}

/// A policy in parts: the same ones as in a request. What is absent is as in `balanced`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PolicySection {
    /// The last messages and nothing else; beside it only `max_input`.
    pub(crate) last: Option<u32>,
    /// The most tokens of the window.
    pub(crate) high: Option<u32>,
    /// The most that it has after an eviction. Default: half of `high`.
    pub(crate) low: Option<u32>,
    /// The most tokens that are fetched back; 0 for none.
    pub(crate) recall: Option<u32>,
    /// The most tokens of the summary with the words around it; 0 for none.
    pub(crate) summary: Option<u32>,
    /// The most tokens of a prompt. Default: what the model can take.
    pub(crate) max_input: Option<u32>,
}

impl Default for PolicyChoice {
    fn default() -> Self {
        Self::Name("balanced".to_owned())
    }
}

// Read by hand, because serde's untagged enums do not say what is wrong within them.
impl<'de> Deserialize<'de> for PolicyChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Choice;

        impl<'de> Visitor<'de> for Choice {
            type Value = PolicyChoice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a policy in quotes, or a table")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(PolicyChoice::Name(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let parts = PolicySection::deserialize(MapAccessDeserializer::new(map))?;
                Ok(PolicyChoice::Parts(parts))
            }
        }

        deserializer.deserialize_any(Choice)
    }
}

impl PolicyChoice {
    /// The policy; a fault, and the default, when it is none.
    pub(crate) fn policy(&self, path: &str, faults: &mut Faults) -> Policy {
        match self {
            Self::Name(name) => Policy::preset(name).unwrap_or_else(|| {
                let text = "must be \"economy\", \"balanced\" or \"full\", or a table of its parts";
                faults.add(path, text);
                Policy::default()
            }),
            Self::Parts(parts) => {
                let PolicySection { last, high, low, recall, summary, max_input } = *parts;
                let parts = PolicyParts { last, high, low, recall, summary, max_input };
                parts.policy().unwrap_or_else(|error| {
                    faults.add(&format!("{path}.{}", error.key), error.rule);
                    Policy::default()
                })
            }
        }
    }
}

impl ContextSection {
    pub(super) fn check(&self, faults: &mut Faults) {
        faults.check_range("context.summary_tokens", self.summary_tokens, 32..=8_192);
        self.policy.policy("context.policy", faults);
    }
}
