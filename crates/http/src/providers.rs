//! How the providers of models are doing, told by whoever calls them.

use std::time::Duration;

/// How a provider is doing at one moment, as this process sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderHealth {
    /// The provider's configured name.
    pub name: String,
    /// Whether it is asked, in a word for programs: `closed` when it is.
    pub circuit: &'static str,
    /// How many calls have failed in a row.
    pub failures: u32,
    /// Answers that are under way.
    pub in_flight: usize,
    /// Calls that wait for a place.
    pub waiting: usize,
    /// How many answers may be under way; `None` for any number.
    pub max_concurrent: Option<usize>,
    /// The last call that failed, if one has.
    pub last_failure: Option<ProviderFailure>,
    /// Unless it is asked as usual, when one call will try it.
    pub next_probe_in: Option<Duration>,
    /// For how long it has asked to be left alone.
    pub asked_to_wait: Option<Duration>,
}

/// A call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProviderFailure {
    /// In which way, in a word for programs.
    pub code: &'static str,
    /// How long ago.
    pub ago: Duration,
}
