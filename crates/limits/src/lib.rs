//! Keeps tenants, users and models within their limits: requests per minute, streams at once, tokens
//! per day and money per month, counted together for any number of processes.
//!
//! A [`Limiter`] takes from the [`LimitStore`](loquat_store::LimitStore) in portions and hands them
//! out from memory, so that far from a limit hardly any request meets the store, and so that one that
//! is refused again and again does not meet it either. Near a limit portions shrink to what is asked
//! for, so that limits are exact. A request is let in by [`Limiter::admit`], which counts it and its
//! stream; what it may use at the most is set aside by [`Admission::reserve`] before it is used,
//! [`Admission::spend`] says what it was so far, and [`Admission::settle`] what it was in the end:
//!
//! ```
//! # use std::sync::Arc;
//! # use loquat_domain::{Limit, LimitKey, Meter, Micros, Scope, TenantId, UserId, Whom};
//! # use loquat_limits::{ConfiguredLimits, LimitError, Limiter};
//! # use loquat_testkit::MemoryStore;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), LimitError> {
//! # let scope = Scope { tenant: TenantId::new("acme").unwrap(), user: UserId::new("ada").unwrap() };
//! # let store = Arc::new(MemoryStore::default());
//! let key = LimitKey { whom: Whom::EachUser, model: None, meter: Meter::TokensPerDay };
//! let each_user = Limit { key, most: Some(1_000) };
//! let configured = ConfiguredLimits { every_tenant: vec![each_user], ..Default::default() };
//! let holder = uuid::Uuid::from_u128(7);
//! let limiter = Limiter::new(store, configured, holder, &tokio::runtime::Handle::current());
//!
//! let mut admission = limiter.admit(&scope, "small").await?;
//! admission.reserve(900, Micros(0)).await?;
//! admission.settle(250, Micros(0));
//! assert_eq!(admission.standings()[0].remaining, 750);
//!
//! let refused = admission.reserve(900, Micros(0)).await;
//! assert!(matches!(refused, Err(LimitError::Reached { .. })));
//! # Ok(())
//! # }
//! ```
//!
//! **What can go over.** What is used beyond what was set aside is counted all the same, so that a
//! limit is exceeded by no more than that. Minutes, days and months are the store's, told apart here to
//! within the time that a call of the store takes. Where it is not known whether a call of the store
//! has taken place, the count may be too high until its period ends: by what the first such call gave
//! back, paid and asked for. Those that follow do none of it until one is heard.
//!
//! **Invariant**: knows no HTTP, no SQL, no model and no price. No lock is held while something is
//! awaited, and at most one exchange is on its way to the store.

mod account;
mod admission;
mod book;
mod demand;
mod error;
mod holds;
mod key;
mod limiter;
mod rulebook;
mod rules;
mod shared;
mod standing;
mod worker;

pub use admission::Admission;
pub use error::LimitError;
pub use limiter::Limiter;
pub use rules::ConfiguredLimits;
pub use standing::Standing;
