//! What counts the tokens of which model.

use std::sync::Arc;

use loquat_chat::OffWorkers;
use loquat_context::{Bpe, Estimate, TokenCounter};

use crate::config::Tokenizer;

/// The beginnings of OpenAI's names of models, each before those that it begins with, and what counts
/// for them. At
/// Azure a deployment may have any name; one that begins like its model is known.
const FAMILIES: [(&str, Tokenizer); 12] = [
    ("chatgpt-4o", Tokenizer::O200k),
    ("gpt-4.1", Tokenizer::O200k),
    ("gpt-4.5", Tokenizer::O200k),
    ("gpt-3.5", Tokenizer::Cl100k),
    ("gpt-35", Tokenizer::Cl100k),
    ("gpt-4o", Tokenizer::O200k),
    ("gpt-5", Tokenizer::O200k),
    ("gpt-4", Tokenizer::Cl100k),
    ("o1", Tokenizer::O200k),
    ("o3", Tokenizer::O200k),
    ("o4", Tokenizer::O200k),
    ("codex-mini", Tokenizer::O200k),
];

impl Tokenizer {
    /// What counts for a model of this name at OpenAI or Azure.
    pub(crate) fn of_openais(model: &str) -> Self {
        // A fine-tuned model's name begins so, and goes on with that of the one it was made of.
        let name = model.strip_prefix("ft:").unwrap_or(model);
        let known = FAMILIES.iter().find(|(family, _)| {
            let rest = name.strip_prefix(family);
            rest.is_some_and(|rest| !rest.starts_with(|it: char| it.is_ascii_alphanumeric()))
        });
        known.map_or(Self::Estimate, |(_, tokenizer)| *tokenizer)
    }
}

/// One counter of each kind for all models, so that a vocabulary is loaded once: when it is first
/// counted with.
pub(crate) struct Counters {
    o200k: Arc<dyn TokenCounter>,
    cl100k: Arc<dyn TokenCounter>,
    estimate: Arc<dyn TokenCounter>,
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            o200k: Arc::new(OffWorkers::new(Bpe::O200k)),
            cl100k: Arc::new(OffWorkers::new(Bpe::Cl100k)),
            estimate: Arc::new(Estimate),
        }
    }

    pub(crate) fn get(&self, tokenizer: Tokenizer) -> Arc<dyn TokenCounter> {
        Arc::clone(match tokenizer {
            Tokenizer::O200k => &self.o200k,
            Tokenizer::Cl100k => &self.cl100k,
            Tokenizer::Estimate => &self.estimate,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openais_models_are_known_by_the_beginning_of_their_names() {
        for (name, tokenizer) in [
            ("gpt-5", Tokenizer::O200k),
            ("gpt-5-mini", Tokenizer::O200k),
            ("gpt-5.1", Tokenizer::O200k),
            ("gpt-4.1-mini", Tokenizer::O200k),
            ("gpt-4o-2024-08-06", Tokenizer::O200k),
            ("chatgpt-4o-latest", Tokenizer::O200k),
            ("ft:gpt-4o-mini:acme::7", Tokenizer::O200k),
            ("o1", Tokenizer::O200k),
            ("o4-mini", Tokenizer::O200k),
            ("gpt-4", Tokenizer::Cl100k),
            ("gpt-4-turbo", Tokenizer::Cl100k),
            ("gpt-3.5-turbo", Tokenizer::Cl100k),
            ("gpt-35-turbo", Tokenizer::Cl100k),
            ("gpt-40", Tokenizer::Estimate),
            ("our-deployment", Tokenizer::Estimate),
            ("o", Tokenizer::Estimate),
        ] {
            assert_eq!(Tokenizer::of_openais(name), tokenizer, "{name}");
        }
    }

    #[test]
    fn each_kind_counts_as_it_says() {
        let counters = Counters::new();
        let id = |tokenizer| counters.get(tokenizer).id().to_string();
        assert_eq!(id(Tokenizer::O200k), "o200k-1");
        assert_eq!(id(Tokenizer::Cl100k), "cl100k-1");
        assert_eq!(id(Tokenizer::Estimate), "estimate-1");
    }
}
