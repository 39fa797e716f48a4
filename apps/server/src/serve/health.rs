//! How the providers are doing, from the router to whoever asks over HTTP.

use loquat_http::{ProviderFailure, ProviderHealth};
use loquat_provider_router::{Health, LastFailure};

/// The same in the words of the HTTP surface.
pub(super) fn told(health: Health) -> ProviderHealth {
    let Health {
        provider,
        circuit,
        failures,
        in_flight,
        waiting,
        max_concurrent,
        last_failure,
        next_probe_in,
        asked_to_wait,
    } = health;
    ProviderHealth {
        name: provider,
        circuit: circuit.as_str(),
        failures,
        in_flight,
        waiting,
        max_concurrent,
        last_failure: last_failure.map(|LastFailure { code, ago }| ProviderFailure { code, ago }),
        next_probe_in,
        asked_to_wait,
    }
}
