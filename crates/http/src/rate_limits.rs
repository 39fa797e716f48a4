//! How much is left, in the headers that OpenAI's clients read.

use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use loquat_domain::Meter;
use loquat_limits::Standing;

/// The names of what is said of one meter.
struct Names {
    limit: HeaderName,
    remaining: HeaderName,
    reset: HeaderName,
}

const REQUESTS: Names = Names {
    limit: HeaderName::from_static("x-ratelimit-limit-requests"),
    remaining: HeaderName::from_static("x-ratelimit-remaining-requests"),
    reset: HeaderName::from_static("x-ratelimit-reset-requests"),
};

const TOKENS: Names = Names {
    limit: HeaderName::from_static("x-ratelimit-limit-tokens"),
    remaining: HeaderName::from_static("x-ratelimit-remaining-tokens"),
    reset: HeaderName::from_static("x-ratelimit-reset-tokens"),
};

/// What is left of requests and of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RateLimits {
    requests: Option<Left>,
    tokens: Option<Left>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Left {
    most: u64,
    remaining: u64,
    resets_in: Duration,
}

impl RateLimits {
    /// Of several limits the one that will be reached first, because the headers have room for one.
    pub(crate) fn tightest(standings: &[Standing]) -> Self {
        let of = |meter| {
            let standings = standings.iter().filter(|standing| standing.key.meter == meter);
            let tightest = standings.min_by_key(|standing| (standing.remaining, standing.most))?;
            let &Standing { most, remaining, resets_in, .. } = tightest;
            Some(Left { most, remaining, resets_in })
        };
        Self { requests: of(Meter::RequestsPerMinute), tokens: of(Meter::TokensPerDay) }
    }

    /// Adds the headers. What is not limited has none.
    pub(crate) fn tell(self, headers: &mut HeaderMap) {
        for (left, names) in [(self.requests, REQUESTS), (self.tokens, TOKENS)] {
            let Some(Left { most, remaining, resets_in }) = left else { continue };
            headers.insert(names.limit, most.into());
            headers.insert(names.remaining, remaining.into());
            if let Ok(reset) = HeaderValue::from_str(&as_clients_read(resets_in)) {
                headers.insert(names.reset, reset);
            }
        }
    }
}

/// A wait in whole seconds, at least one and never too short.
pub(crate) fn whole_secs(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// A duration as OpenAI writes it: `6m0s`.
fn as_clients_read(duration: Duration) -> String {
    let secs = whole_secs(duration);
    let (hours, minutes, secs) = (secs / 3_600, secs / 60 % 60, secs % 60);
    match (hours, minutes) {
        (0, 0) => format!("{secs}s"),
        (0, _) => format!("{minutes}m{secs}s"),
        (_, _) => format!("{hours}h{minutes}m{secs}s"),
    }
}

#[cfg(test)]
mod tests {
    use loquat_domain::{LimitKey, Whom};

    use super::*;

    fn standing(meter: Meter, most: u64, remaining: u64) -> Standing {
        let key = LimitKey { whom: Whom::Tenant, model: None, meter };
        Standing { key, most, remaining, resets_in: Duration::from_millis(59_001) }
    }

    fn told(standings: &[Standing]) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        RateLimits::tightest(standings).tell(&mut headers);
        let mut told: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        told.sort();
        told
    }

    #[test]
    fn of_several_limits_the_one_that_will_be_reached_first_is_told() {
        let standings = [
            standing(Meter::RequestsPerMinute, 10, 9),
            standing(Meter::RequestsPerMinute, 50, 3),
            standing(Meter::RequestsPerMinute, 20, 4),
            standing(Meter::Streams, 1, 0),
            standing(Meter::MicrosPerMonth, 1, 0),
        ];
        let expected = [
            ("x-ratelimit-limit-requests", "50"),
            ("x-ratelimit-remaining-requests", "3"),
            ("x-ratelimit-reset-requests", "1m0s"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(told(&standings), expected);
        assert_eq!(told(&[]), []);
    }

    #[test]
    fn a_wait_is_never_too_short() {
        for (millis, secs) in [(0, 1), (10, 1), (1_000, 1), (1_001, 2), (59_000, 59)] {
            assert_eq!(whole_secs(Duration::from_millis(millis)), secs, "{millis}");
        }
        assert_eq!(whole_secs(Duration::MAX), u64::MAX);
    }

    #[test]
    fn a_duration_is_written_as_openai_writes_it() {
        for (secs, text) in [(0, "1s"), (59, "59s"), (360, "6m0s"), (86_399, "23h59m59s")] {
            assert_eq!(as_clients_read(Duration::from_secs(secs)), text);
        }
    }
}
