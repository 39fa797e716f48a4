//! A model made of models.
//!
//! A [`RoutedModel`] is a [`ChatProvider`](loquat_provider::ChatProvider) that asks others: the first
//! [`Rule`] whose [`Conditions`] hold names the models to ask, one after the other until one of them
//! answers; a conversation stays with the model that has its beginning in its cache as long as that
//! is worth it; [`Replicas`] share a model's conversations by weight; and around each provider stands
//! a guard ([`Upstream`]), which limits how much it is asked at once and stops asking one that is
//! broken. [`Complexity`] says how hard a request seems, and why.
//!
//! **Invariant**: no wire, no store and no clock but tokio's. What is remembered is bounded, lives in
//! this process and may be lost. After the first event of an answer nobody else is asked.

mod call;
mod complexity;
mod facts;
mod guard;
mod memory;
mod plan;
mod rendezvous;
mod routed;
mod rule;
mod target;

pub use complexity::{Complexity, Signal};
pub use guard::{Circuit, GuardOptions, Health, LastFailure, Refusal, Upstream};
pub use routed::{RouteError, RouteOptions, RoutedModel};
pub use rule::{Conditions, MetadataCondition, MetadataConditionError, Rule};
pub use target::{Capabilities, Replicas, Target};
