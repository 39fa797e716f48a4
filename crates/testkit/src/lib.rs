//! What tests of Loquat, and of a service that embeds it, stand on: fakes that are real, small
//! implementations of the ports, conformance suites that every adapter of a port passes, and
//! strict checkers for every stream format.
//!
//! - Fakes: [`MemoryStore`] for all store ports, [`ScriptedProvider`] for a model inside the
//!   process, [`ScriptedUpstream`] for one behind a socket, [`FakeClock`] and [`FakeIds`].
//! - Postgres: [`TestDatabase`], a migrated database of a test's own, and [`PrivateCluster`], a
//!   server that a test may break.
//! - Identity: [`IdentityServer`], an `OpenID` provider that rotates its keys, and lies when told to.
//! - Suites: [`store_conformance!`] and [`store_model!`] for every store, [`provider_conformance!`]
//!   for every provider over HTTP.
//! - Checkers: [`ResponsesStreamChecker`], [`CompletionsStreamChecker`], [`ChatStreamChecker`], and
//!   [`check_response_object`] for answers that do not stream.
//! - Dialogues: [`dialogues::dialogue`], long ones with questions whose evidence is known, to measure
//!   what a context engine finds.
//!
//! **Invariant**: nothing but tests depends on this crate, and nothing here sleeps to wait for
//! something to happen but the part that starts and kills Postgres servers: what it waits for tells
//! nobody, so that it looks every tenth of a second, and no longer than ten.

mod clock;
pub mod dialogues;
pub mod flatness;
mod identity_server;
mod ids;
mod memory_store;
#[cfg(unix)]
mod postgres;
pub mod provider_conformance;
mod scripted_provider;
pub mod store_conformance;
pub mod store_model;
mod streams;
mod upstream;
pub mod usage_shapes;

pub use clock::FakeClock;
pub use identity_server::{IdentityAlgorithm, IdentityAnswer, IdentityServer};
pub use ids::FakeIds;
pub use memory_store::{HeldCall, MemoryStore, StoreCall};
#[cfg(unix)]
pub use postgres::{APP_ROLE, ClusterOptions, OWNER_ROLE, PrivateCluster, TestDatabase};
pub use scripted_provider::{CallEnd, ProviderCall, Script, ScriptedProvider, Step};
pub use streams::{
    ChatStream, ChatStreamChecker, CompletionsStream, CompletionsStreamChecker, IncludeUsage,
    ResponsesStream, ResponsesStreamChecker, StreamedCall, Violation, check_response_object,
};
pub use upstream::{
    ClosedBy, Framing, Gate, ScriptedUpstream, UpstreamClosed, UpstreamRequest, UpstreamScript,
    UpstreamStep,
};
