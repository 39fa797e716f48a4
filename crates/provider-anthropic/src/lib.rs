//! A provider for every endpoint that speaks Anthropic's Messages wire, version `2023-06-01`.
//!
//! One [`AnthropicProvider`] is one endpoint with its key, its time limits and its pool of
//! connections; time limits, retries and the reading of events are `loquat-provider-http`'s. Here is
//! what the wire says: how items become alternating messages in which every call is followed by its
//! result, where prompt caches end, how thoughts go out and come back under their seal, and that what
//! the wire calls input tokens is not all of the prompt.
//!
//! What the wire cannot say:
//!
//! - penalties and seeds: they are wishes, and left out; so is what the model's generation does not
//!   take (see [`Generation`]). A temperature above 1 is sent as 1.
//! - "some JSON object" without a schema: the request is refused before it is sent, and so is an
//!   image that is neither at a URL nor base64, or that the model is said to have shown.
//! - words of the operator in the middle of a conversation: they are told as the user's, within
//!   `<system>` tags.
//!
//! **Invariant**: the key goes to the configured scheme, host and port and nowhere else. What an
//! endpoint has sealed goes back to this endpoint and to no other.

mod event;
mod generation;
mod options;
mod provider;
mod request;
mod rewrite;
mod translate;

pub use generation::Generation;
pub use loquat_outbound::OptionsError;
pub use options::{AnthropicOptions, Auth, PromptCache};
pub use provider::AnthropicProvider;
