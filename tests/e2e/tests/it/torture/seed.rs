//! Random moments that can be had again, and how much of everything there is.

use std::{env, time::SystemTime};

/// Brings the random choices of a failed run back. Not its exact course: processes race.
const SEED: &str = "LOQUAT_TORTURE_SEED";

/// A seed that is told when the test fails.
#[derive(Debug)]
pub(crate) struct Seed(u64);

impl Seed {
    /// The one that is asked for, or a new one.
    pub(crate) fn new() -> Self {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        Self(number(SEED).unwrap_or_else(|| now.as_secs() * 1_000 + u64::from(now.subsec_millis())))
    }

    pub(crate) fn random(&self) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.0)
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        #[expect(clippy::print_stderr, reason = "beside the message of the panic")]
        if std::thread::panicking() {
            eprintln!("once more with {SEED}={}", self.0);
        }
    }
}

/// How often each loop kills.
pub(crate) fn kills() -> usize {
    amount("LOQUAT_TORTURE_KILLS", 4)
}

/// How long a storm lasts, in seconds.
pub(crate) fn storm_seconds() -> u64 {
    number("LOQUAT_TORTURE_SECONDS").unwrap_or(8)
}

/// How often things are raced.
pub(crate) fn races() -> usize {
    amount("LOQUAT_TORTURE_RACES", 100)
}

fn amount(variable: &str, usual: usize) -> usize {
    number(variable).map_or(usual, |number| number.try_into().unwrap())
}

fn number(variable: &str) -> Option<u64> {
    let value = env::var_os(variable)?.into_string().unwrap();
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is no number: {value}")))
}
