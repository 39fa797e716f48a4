//! Which part of a history a model shall see.

use std::collections::BTreeSet;

use loquat_chat::{ContextWish, Missing};
use loquat_context::{Policy, PolicyParts};
use loquat_domain::ItemId;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{error::ApiError, text_or::TextOr};

/// The most messages that one request may pin.
const MAX_PINS: usize = 16;

/// Which part of a history the model shall see; `docs/context.md` explains the words.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Context)]
pub(crate) struct ContextBody {
    /// `economy`, `balanced`, `full`, or a policy in parts. Absent: the model's own. Counts where
    /// `truncation` is `auto`.
    policy: Option<TextOr<PolicyBody>>,
    /// Messages of the conversation that the model sees in any case, by their ids.
    #[schema(max_items = 16)]
    pins: Option<Vec<String>>,
}

/// A policy in parts. What is absent is as in `balanced`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ContextPolicy)]
pub(crate) struct PolicyBody {
    /// So many of the last messages and nothing else; beside it only `max_input`.
    #[schema(minimum = 1)]
    last: Option<u32>,
    /// The most tokens that the window has before its oldest turns leave it.
    #[schema(minimum = 1)]
    high: Option<u32>,
    /// The most tokens that it has afterwards. Absent: half of `high`.
    low: Option<u32>,
    /// The most tokens that are fetched back; 0 for none.
    recall: Option<u32>,
    /// The most tokens of the summary; 0 for none.
    summary: Option<u32>,
    /// The most tokens of a prompt, where the model could take more.
    #[schema(minimum = 1)]
    max_input: Option<u32>,
}

/// What a caller wishes; nothing where nothing was said.
pub(super) fn wish(body: Option<ContextBody>) -> Result<ContextWish, ApiError> {
    let Some(ContextBody { policy, pins: ids }) = body else { return Ok(ContextWish::default()) };
    Ok(ContextWish {
        policy: policy.map(read_policy).transpose()?,
        pins: pins(&ids.unwrap_or_default())?,
    })
}

fn read_policy(body: TextOr<PolicyBody>) -> Result<Policy, ApiError> {
    match body {
        TextOr::Text(name) => Policy::preset(&name).ok_or_else(|| {
            let message = "context.policy is economy, balanced, full, or an object";
            ApiError::invalid("context.policy", message)
        }),
        TextOr::Other(PolicyBody { last, high, low, recall, summary, max_input }) => {
            let parts = PolicyParts { last, high, low, recall, summary, max_input };
            parts.policy().map_err(|error| {
                let param = format!("context.policy.{}", error.key);
                let message = format!("{param} {}", error.rule);
                ApiError::invalid(param, message)
            })
        }
    }
}

fn pins(texts: &[String]) -> Result<Vec<ItemId>, ApiError> {
    if texts.len() > MAX_PINS {
        let message = format!("context.pins has at most {MAX_PINS} ids");
        return Err(ApiError::invalid("context.pins", message));
    }
    let mut seen = BTreeSet::new();
    let mut pins = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        // A text that is no id is one that nobody has.
        let id: ItemId = text.parse().map_err(|_| ApiError::not_found(Missing::Item))?;
        if !seen.insert(id) {
            let param = format!("context.pins[{index}]");
            let message = format!("{param} comes twice");
            return Err(ApiError::invalid(param, message));
        }
        pins.push(id);
    }
    Ok(pins)
}

#[cfg(test)]
mod tests {
    use loquat_context::Window;
    use serde_json::{Value, json};

    use super::*;

    fn read(body: Value) -> Result<ContextWish, ApiError> {
        wish(Some(serde_json::from_value(body).expect("the types are right")))
    }

    fn refused(policy: &Value) -> String {
        format!("{:?}", read(json!({ "policy": policy })).unwrap_err())
    }

    #[test]
    fn a_policy_is_a_name_or_its_parts() {
        let policy = |body: Value| read(json!({ "policy": body })).unwrap().policy;
        assert_eq!(policy(json!("economy")), Some(Policy::economy()));
        assert_eq!(policy(json!("full")), Some(Policy::full()));
        assert_eq!(policy(json!({"last": 3})), Some(Policy::last(3)));
        assert_eq!(policy(json!({})), Some(Policy::balanced()));
        assert_eq!(policy(Value::Null), None);
        let own = policy(json!({"high": 900, "low": 300, "recall": 0, "max_input": 2_000}));
        let window = Window::Marks { high: 900, low: 300 };
        let balanced = Policy::balanced();
        assert_eq!(own, Some(Policy { window, recall: None, max_input: Some(2_000), ..balanced }));
    }

    #[test]
    fn the_part_at_fault_is_named() {
        for (policy, param) in [
            (json!("frugal"), "context.policy"),
            (json!({"last": 0}), "context.policy.last"),
            (json!({"last": 4, "high": 9}), "context.policy.high"),
            (json!({"high": 0}), "context.policy.high"),
            (json!({"high": 10, "low": 11}), "context.policy.low"),
            (json!({"max_input": 0}), "context.policy.max_input"),
        ] {
            let error = refused(&policy);
            assert!(
                error.contains(&format!("({param:?})")) && error.contains("InvalidValue"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_message_is_pinned_once_and_by_an_id() {
        let id = format!("msg_{}", "0".repeat(32));
        assert_eq!(read(json!({"pins": [id]})).unwrap().pins.len(), 1);
        let twice = format!("{:?}", read(json!({"pins": [id, id]})).unwrap_err());
        assert!(twice.contains("context.pins[1]"), "{twice}");
        assert_eq!(read(json!({"pins": ["x"]})), Err(ApiError::not_found(Missing::Item)));
        let many = read(json!({ "pins": vec![id; 17] })).unwrap_err();
        assert!(format!("{many:?}").contains("at most 16"), "{many:?}");
    }
}
