//! What is left of a limit.

use std::time::Duration;

use loquat_domain::LimitKey;

/// A limit and what is left of it, as this process knows.
///
/// What other processes have taken is known as of the last exchange with the store, and what they
/// have taken in advance counts as used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What it is about.
    pub key: LimitKey,
    /// The most that may be used: requests, streams, tokens or micro-units.
    pub most: u64,
    /// What is left of that.
    pub remaining: u64,
    /// When the count begins anew; a second for streams, which are free whenever one ends.
    pub resets_in: Duration,
}

/// A [`Standing`] without its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) most: u64,
    pub(crate) remaining: u64,
    pub(crate) resets_in: Duration,
}

impl Level {
    pub(crate) fn of(self, key: LimitKey) -> Standing {
        let Self { most, remaining, resets_in } = self;
        Standing { key, most, remaining, resets_in }
    }
}
