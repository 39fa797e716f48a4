//! How a provider stands, for people.

use std::time::Duration;

/// How a provider stands at one moment, as this process sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The provider's configured name.
    pub provider: String,
    /// Whether it is asked.
    pub circuit: Circuit,
    /// How many calls have failed in a row.
    pub failures: u32,
    /// Answers that are under way.
    pub in_flight: usize,
    /// Calls that wait for a place.
    pub waiting: usize,
    /// How many answers may be under way.
    pub max_concurrent: Option<usize>,
    /// The last call that failed, if one has.
    pub last_failure: Option<LastFailure>,
    /// Unless the circuit is closed, when one call will try it.
    pub next_probe_in: Option<Duration>,
    /// For how long it has asked to be left alone.
    pub asked_to_wait: Option<Duration>,
}

/// A call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastFailure {
    /// In which way: [`ProviderError::code`](loquat_provider::ProviderError::code).
    pub code: &'static str,
    /// How long ago.
    pub ago: Duration,
}

/// Whether a provider is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Circuit {
    /// It is.
    Closed,
    /// Its last call failed: it is by those who have nobody else, and now and then by one of the
    /// others.
    InDoubt,
    /// It is not.
    Open,
    /// One call at a time tries whether it is well again.
    HalfOpen,
}

impl Circuit {
    /// The state's name for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::InDoubt => "in_doubt",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}
