//! Which requests go where.

use std::{fmt, str::FromStr};

use loquat_domain::{ReasoningEffort, TenantId};

use crate::{Replicas, facts::Facts};

/// Where requests go of which all conditions hold. The first rule that matches decides.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name, for receipts.
    pub name: String,
    /// What must hold.
    pub when: Conditions,
    /// Whom to ask, one after the other until one answers. Not empty.
    pub route: Vec<Replicas>,
}

/// What must hold of a request. A condition that is not set always holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conditions {
    /// The prompt has at least so many tokens.
    pub input_tokens_at_least: Option<u32>,
    /// The prompt has at most so many tokens.
    pub input_tokens_at_most: Option<u32>,
    /// Whether functions are offered.
    pub tools: Option<bool>,
    /// Whether there are images.
    pub images: Option<bool>,
    /// Whether the answer must follow a JSON schema.
    pub json_schema: Option<bool>,
    /// The request asks to think at least so hard. One that does not say how hard does not.
    pub reasoning_at_least: Option<ReasoningEffort>,
    /// The request carries all of these.
    pub metadata: Vec<MetadataCondition>,
    /// It is made on behalf of one of these; empty for everybody.
    pub tenants: Vec<TenantId>,
    /// It seems at least so hard, 0 to 100.
    pub complexity_at_least: Option<u8>,
    /// It seems at most so hard, 0 to 100.
    pub complexity_at_most: Option<u8>,
}

impl Conditions {
    /// Whether all of them hold. The complexity is asked for last, because it is worked out only
    /// when somebody asks.
    pub(crate) fn hold(&self, facts: &Facts<'_>) -> bool {
        let is = |wanted: Option<bool>, found: &dyn Fn() -> bool| {
            wanted.is_none_or(|wanted| wanted == found())
        };
        self.input_tokens_at_least.is_none_or(|least| facts.input_tokens() >= least)
            && self.input_tokens_at_most.is_none_or(|most| facts.input_tokens() <= most)
            && is(self.tools, &|| facts.tools())
            && is(self.images, &|| facts.images())
            && is(self.json_schema, &|| facts.json_schema())
            && self.reasoning_at_least.is_none_or(|least| facts.thinks_at_least(least))
            && self.metadata.iter().all(|condition| facts.carries(condition))
            && (self.tenants.is_empty() || facts.is_of_one_of(&self.tenants))
            && self.complexity_at_least.is_none_or(|least| facts.complexity().score() >= least)
            && self.complexity_at_most.is_none_or(|most| facts.complexity().score() <= most)
    }
}

/// A key that a request's metadata must have, and perhaps its value. As text: `key` or `key=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataCondition {
    /// The key.
    pub key: String,
    /// The value; `None` for any.
    pub value: Option<String>,
}

/// The text is not a condition on metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a condition on metadata is `key` or `key=value`")]
pub struct MetadataConditionError;

impl FromStr for MetadataCondition {
    type Err = MetadataConditionError;

    fn from_str(text: &str) -> Result<Self, MetadataConditionError> {
        let (key, value) = match text.split_once('=') {
            None => (text, None),
            Some((key, value)) => (key, Some(value.to_owned())),
        };
        if key.is_empty() {
            return Err(MetadataConditionError);
        }
        Ok(Self { key: key.to_owned(), value })
    }
}

impl fmt::Display for MetadataCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            None => f.write_str(&self.key),
            Some(value) => write!(f, "{}={value}", self.key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_on_metadata_survives_its_text_form() {
        for text in ["urgent", "team=legal", "note=a=b", "empty="] {
            let condition: MetadataCondition = text.parse().unwrap();
            assert_eq!(condition.to_string(), text);
        }
        assert_eq!("=legal".parse::<MetadataCondition>(), Err(MetadataConditionError));
    }
}
