//! A provider for every endpoint that speaks one of OpenAI's two wires, Chat Completions or Responses:
//! OpenAI, Azure, vLLM, llama.cpp, Ollama, Mistral and the many others.
//!
//! One [`OpenAiProvider`] is one endpoint with its key, its time limits and its pool of
//! connections. It asks, reads the answer as it is produced, tries again where that can help and
//! nothing has been heard yet, and lets go of the endpoint at once when its answer is dropped:
//! nothing runs in the background. All of that is `loquat-provider-http`'s; here is what the wires
//! say. Which of both a model is spoken to in is said for all models or for one ([`ModelOptions`]).
//!
//! **Invariant**: the key goes to the configured scheme, host and port and nowhere else: not to a
//! redirect's target, not through a proxy of the environment, not into an error, a log or a
//! `Debug` text. What the endpoint says in an error is read, classified and forgotten.

mod chunk;
mod endpoint;
mod models;
mod options;
mod provider;
mod request;
mod responses;
mod token_file;
mod tool_calls;
mod translate;

pub use loquat_outbound::OptionsError;
pub use models::{ModelOptions, Thoughts, WireKind};
pub use options::{Auth, OpenAiOptions, OutputLimitField, UsageRequest};
pub use provider::OpenAiProvider;
pub use token_file::TokenFile;
