//! `[models.NAME]`: who answers.

use serde::{Deserialize, Serialize};

use super::{
    Faults, ProviderSection, context::PolicyChoice, money::PriceSection, providers::WireStyle,
    routes::check_tenants,
};

/// `[models.NAME]`: a model that callers may name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ModelSection {
    /// The name of its provider. No default.
    pub(crate) provider: String,
    /// Its name at its provider. Default: the name that callers use.
    pub(crate) upstream: Option<String>,
    /// Prompt and answer together, in tokens, as the provider runs it. No default: a prompt that is
    /// longer than the provider thinks is cut or refused there.
    pub(crate) context_window: u32,
    /// The longest answer, in tokens; kept free in the window. No default.
    pub(crate) max_output_tokens: u32,
    /// What it is spoken to in, at a provider of kind `openai`: `chat-completions` or `responses`.
    /// Default: as its provider says.
    pub(crate) wire: Option<WireStyle>,
    /// What is wanted of its thoughts on the wire `responses`: `unasked`, `sealed` or `summarised`.
    /// Default: `sealed`, but for models of OpenAI's that are known to have none.
    pub(crate) thoughts: Option<ThoughtsStyle>,
    /// What counts its tokens: `o200k`, `cl100k` or `estimate`. Default: for OpenAI's models at
    /// OpenAI or Azure by the beginning of their names, else `estimate`.
    pub(crate) tokenizer: Option<Tokenizer>,
    /// Which part of a conversation it sees. Default: as `[context]` says.
    pub(crate) context: Option<PolicyChoice>,
    /// The tenants that may use it, also through routes. Default: all.
    pub(crate) tenants: Vec<String>,
    /// What it cannot do, so that no route sends it a request for that: any of `tools`, `images`,
    /// `json-schema` and `reasoning`. Default: nothing.
    pub(crate) lacks: Vec<Ability>,
    /// What it costs. Default: nothing.
    pub(crate) price: PriceSection,
}

/// What a model can do beside answering in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ability {
    /// Ask for functions.
    Tools,
    /// See images.
    Images,
    /// Answer in JSON that follows a schema.
    JsonSchema,
    /// Think for as long as it is told to.
    Reasoning,
}

/// What is wanted of a model's thoughts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ThoughtsStyle {
    /// Nothing: it has none, and refuses to be asked.
    Unasked,
    /// Their sealed form, so that it need not think the same again.
    Sealed,
    /// That, and a summary for people.
    Summarised,
}

/// What counts a model's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tokenizer {
    /// Exactly, as GPT-4o and later have it.
    O200k,
    /// Exactly, as GPT-4 and GPT-3.5 have it.
    Cl100k,
    /// An upper bound for all others.
    Estimate,
}

impl ModelSection {
    pub(super) fn check(&self, path: &str, faults: &mut Faults) {
        check_tenants(&format!("{path}.tenants"), &self.tenants, faults);
        if self.provider.is_empty() {
            faults.add(&format!("{path}.provider"), "is missing: name one of [providers.NAME]");
        }
        if self.context_window == 0 {
            faults.add(
                &format!("{path}.context_window"),
                "is missing: say how many tokens prompt and answer may have together",
            );
        }
        if self.max_output_tokens == 0 {
            faults.add(
                &format!("{path}.max_output_tokens"),
                "is missing: say how many tokens an answer may have",
            );
        } else if self.max_output_tokens >= self.context_window {
            faults.add(
                &format!("{path}.max_output_tokens"),
                "must be less than context_window, so that a prompt fits too",
            );
        }
    }

    /// Its name at its provider.
    pub(crate) fn upstream<'a>(&'a self, name: &'a str) -> &'a str {
        self.upstream.as_deref().unwrap_or(name)
    }

    /// What only some providers have a choice of.
    pub(super) fn check_wire(&self, path: &str, provider: &ProviderSection, faults: &mut Faults) {
        let ProviderSection::OpenAi(openai) = provider else {
            let of_openai = "is only for a model whose provider is of kind = \"openai\"";
            for (key, is_set) in
                [("wire", self.wire.is_some()), ("thoughts", self.thoughts.is_some())]
            {
                if is_set {
                    faults.add(&format!("{path}.{key}"), of_openai);
                }
            }
            return;
        };
        if self.thoughts.is_some() && self.wire.unwrap_or(openai.wire) != WireStyle::Responses {
            faults.add(
                &format!("{path}.thoughts"),
                "has a meaning on one wire only: set wire = \"responses\"",
            );
        }
    }
}
