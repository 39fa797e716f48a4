//! The store ports over maps: small enough to be read at once, complete enough to pass the
//! conformance suite.

mod access;
mod context;
mod conversations;
mod interventions;
mod keys;
mod ledger;
mod limits;
mod pages;
mod tenant;
mod turns;
mod upkeep;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use loquat_domain::TenantId;
use loquat_store::StoreError;

pub use interventions::{HeldCall, StoreCall};

use crate::FakeClock;
use interventions::Interventions;
use tenant::Tenant;

/// The whole notebook in memory.
///
/// It does what the ports promise and nothing else: a test that passes on it and fails on another
/// store has found a fault in one of them. Leases and what is kept for a time run on a [`FakeClock`]
/// that only the test moves.
///
/// [`MemoryStore::fail_next`] and [`MemoryStore::hold_next`] make a chosen call go wrong or wait,
/// for what only happens between two calls.
#[derive(Debug, Default)]
pub struct MemoryStore {
    clock: FakeClock,
    interventions: Interventions,
    tenants: Mutex<BTreeMap<TenantId, Tenant>>,
}

impl MemoryStore {
    /// An empty store that runs on the given clock.
    pub fn with_clock(clock: FakeClock) -> Self {
        Self { clock, ..Self::default() }
    }

    /// Makes the next call of the given method fail with `error` and change nothing. Several
    /// interventions of one method are used up one a call, in the order in which they were asked
    /// for.
    pub fn fail_next(&self, call: StoreCall, error: StoreError) {
        self.interventions.fail_next(call, error);
    }

    /// Makes the next call of the given method wait before it does anything, until the returned
    /// handle is released or dropped.
    #[must_use = "dropping the handle lets the call go on at once"]
    pub fn hold_next(&self, call: StoreCall) -> HeldCall {
        self.interventions.hold_next(call)
    }

    /// Takes the tables for one step, after whatever the test has planned for this call.
    async fn enter(&self, call: StoreCall) -> Result<Tables<'_>, StoreError> {
        self.interventions.meet(call).await?;
        Ok(Tables(self.tenants.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// All tables, locked for one step.
struct Tables<'a>(MutexGuard<'a, BTreeMap<TenantId, Tenant>>);

impl Tables<'_> {
    /// The rows of one tenant. Nothing but upkeep looks at more than one.
    fn of(&mut self, tenant: &TenantId) -> &mut Tenant {
        self.0.entry(tenant.clone()).or_default()
    }
}
