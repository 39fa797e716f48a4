//! Providers.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::list::Entry;
use crate::providers::ProviderHealth;

/// How a provider is doing, as the process sees it that answers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Provider)]
pub(crate) struct ProviderBody {
    /// The provider's configured name.
    id: String,
    /// `provider`.
    object: &'static str,
    /// `closed`: it is asked; `in_doubt`: its last call failed; `open`: it is not asked; `half_open`:
    /// one call at a time tries whether it is well again.
    circuit: &'static str,
    /// How many calls have failed in a row.
    failures: u32,
    /// Answers that are under way.
    in_flight: usize,
    /// Calls that wait for a place.
    waiting: usize,
    /// How many answers may be under way.
    #[schema(required)]
    max_concurrent: Option<usize>,
    #[schema(required)]
    last_failure: Option<LastFailureBody>,
    /// When one call will try it, unless it is asked as usual.
    #[schema(required)]
    next_probe_in_ms: Option<u64>,
    /// For how long it has asked to be left alone.
    #[schema(required)]
    asked_to_wait_ms: Option<u64>,
}

/// The last call that failed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProviderFailure)]
pub(crate) struct LastFailureBody {
    code: &'static str,
    ago_ms: u64,
}

impl From<ProviderHealth> for ProviderBody {
    fn from(health: ProviderHealth) -> Self {
        Self {
            id: health.name,
            object: "provider",
            circuit: health.circuit,
            failures: health.failures,
            in_flight: health.in_flight,
            waiting: health.waiting,
            max_concurrent: health.max_concurrent,
            last_failure: health
                .last_failure
                .map(|it| LastFailureBody { code: it.code, ago_ms: millis(it.ago) }),
            next_probe_in_ms: health.next_probe_in.map(millis),
            asked_to_wait_ms: health.asked_to_wait.map(millis),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Entry for ProviderBody {
    fn id(&self) -> &str {
        &self.id
    }
}
