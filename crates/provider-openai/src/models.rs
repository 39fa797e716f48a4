//! Which wire a model is spoken to in, and what is wanted of its thoughts.

use std::collections::HashMap;

/// One of the two wires of OpenAI's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WireKind {
    /// `/chat/completions`: what nearly every server speaks.
    #[default]
    ChatCompletions,
    /// `/responses`: the newer one, in which a model's thoughts can be sent back.
    Responses,
}

/// What is wanted of a model's thoughts on the Responses wire.
///
/// Thoughts that a server tells in clear are passed on in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thoughts {
    /// Nothing: for a model that has none, and refuses to be asked for them.
    Unasked,
    /// Their sealed form, which is sent back with what followed them, so that the model need not
    /// think the same again.
    Sealed,
    /// The sealed form, and a summary for people to read. OpenAI wants an organisation to be
    /// verified before it gives any.
    Summarised,
}

impl Thoughts {
    /// What is wanted when the operator does not say: the sealed form of all models but those of
    /// which it is known that they have no thoughts. These refuse the whole request ("Encrypted
    /// content is not supported with this model"): GPT-4 and older, and the `chat` variants of GPT-5.
    fn of_model(name: &str) -> Self {
        let is_old = ["gpt-3", "gpt-4", "chatgpt-"].iter().any(|start| name.starts_with(start));
        let is_chat = name.starts_with("gpt-") && name.contains("-chat");
        if is_old || is_chat { Self::Unasked } else { Self::Sealed }
    }
}

/// How one model is treated; what is `None` is as for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ModelOptions {
    /// Its wire.
    pub wire: Option<WireKind>,
    /// What is wanted of its thoughts, if it speaks the Responses wire. By default their sealed form,
    /// but for models of OpenAI's that are known to have none.
    pub thoughts: Option<Thoughts>,
}

/// The models of one endpoint, by their names there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Models {
    /// The wire of those that have none of their own.
    pub(crate) wire: WireKind,
    pub(crate) by_name: HashMap<String, ModelOptions>,
}

impl Models {
    pub(crate) fn wire(&self, model: &str) -> WireKind {
        self.of(model).wire.unwrap_or(self.wire)
    }

    pub(crate) fn thoughts(&self, model: &str) -> Thoughts {
        self.of(model).thoughts.unwrap_or_else(|| Thoughts::of_model(model))
    }

    fn of(&self, model: &str) -> ModelOptions {
        self.by_name.get(model).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_that_cannot_think_are_not_asked_for_thoughts() {
        for name in ["gpt-4o-mini", "gpt-4.1", "gpt-3.5-turbo", "gpt-5-chat-latest", "chatgpt-4o"] {
            assert_eq!(Models::default().thoughts(name), Thoughts::Unasked, "{name}");
        }
        for name in ["gpt-5-mini", "gpt-5.4", "o3", "openai/gpt-oss-20b", "my-deployment"] {
            assert_eq!(Models::default().thoughts(name), Thoughts::Sealed, "{name}");
        }
    }

    #[test]
    fn what_is_said_of_one_model_outdoes_what_is_said_of_all() {
        let options = ModelOptions { wire: Some(WireKind::ChatCompletions), thoughts: None };
        let models = Models {
            wire: WireKind::Responses,
            by_name: HashMap::from([("m".to_owned(), options)]),
        };
        assert_eq!(models.wire("m"), WireKind::ChatCompletions);
        assert_eq!(models.wire("other"), WireKind::Responses);
    }
}
