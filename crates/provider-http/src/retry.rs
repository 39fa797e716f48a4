//! When to try again.

use std::time::{Duration, SystemTime};

use http::{
    HeaderMap, HeaderName,
    header::{DATE, RETRY_AFTER},
};

/// The longest wish to wait that is granted. A person waits in front of the screen, and another
/// try after that would find the time for the first token nearly used up.
const LONGEST_GRANTED: Duration = Duration::from_secs(10);

/// The longest wish to wait that is passed on: a day is the longest period of the known limits.
const LONGEST_TOLD: Duration = Duration::from_hours(24);

/// OpenAI's and Azure's more exact form of `retry-after`.
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// What should lie between a failed attempt and the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Nothing, but the request must be written otherwise: see
    /// [`Wire::rewrite`](crate::Wire::rewrite). It is no further try of the same request, and made
    /// whatever the error is.
    Rewritten,
    /// Nothing, for the first further attempt; then like [`Pause::Backoff`].
    Short,
    /// A time of our choice.
    Backoff,
    /// The time that the endpoint named.
    After(Duration),
}

impl Pause {
    /// How long to wait before attempt number `tries` + 1 of the further ones; `None` when there
    /// should be none. The time is drawn at random, so that callers who failed together do not
    /// come back together.
    pub(crate) fn delay(self, longest: Duration, tries: u32) -> Option<Duration> {
        match self {
            Self::Rewritten => None,
            Self::Short if tries == 0 => Some(Duration::ZERO),
            Self::Short | Self::Backoff => Some(jitter(longest.saturating_mul(1 << tries.min(6)))),
            Self::After(wish) if wish > LONGEST_GRANTED => None,
            Self::After(wish) => Some(wish + jitter(longest.min(wish / 4))),
        }
    }
}

/// A random time from zero to `longest`.
fn jitter(longest: Duration) -> Duration {
    // Without randomness the longest pause is the safe one.
    let part = getrandom::u32().unwrap_or(u32::MAX);
    longest.mul_f64(f64::from(part) / f64::from(u32::MAX))
}

/// How long the endpoint wants us to wait, if it says: `retry-after-ms`, or `retry-after` in
/// seconds or as a date, which is read against the endpoint's own clock where it shows it.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let number = |name, unit: f64| {
        let value: f64 = text(name)?.trim().parse().ok()?;
        Duration::try_from_secs_f64(value * unit).ok()
    };
    let date = |name| httpdate::parse_http_date(text(name)?).ok();
    let until = || {
        let now = date(DATE).unwrap_or_else(SystemTime::now);
        date(RETRY_AFTER).map(|then| then.duration_since(now).unwrap_or_default())
    };
    number(RETRY_AFTER_MS, 0.001)
        .or_else(|| number(RETRY_AFTER, 1.0))
        .or_else(until)
        .map(|wish| wish.min(LONGEST_TOLD))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(pairs: &[(HeaderName, &str)]) -> Option<Duration> {
        let pairs = pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap()));
        retry_after(&pairs.collect())
    }

    #[test]
    fn a_wish_is_read_in_milliseconds_in_seconds_and_as_a_date() {
        assert_eq!(wish(&[(RETRY_AFTER, "7")]), Some(Duration::from_secs(7)));
        let both = [(RETRY_AFTER, "7"), (RETRY_AFTER_MS, "250")];
        assert_eq!(wish(&both), Some(Duration::from_millis(250)));
        let date = [
            (DATE, "Wed, 21 Oct 2026 07:28:00 GMT"),
            (RETRY_AFTER, "Wed, 21 Oct 2026 07:28:30 GMT"),
        ];
        assert_eq!(wish(&date), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_date_in_the_past_is_no_time_and_a_far_one_is_capped() {
        let past = wish(&[(RETRY_AFTER, "Wed, 21 Oct 2015 07:28:00 GMT")]);
        assert_eq!(past, Some(Duration::ZERO));
        assert_eq!(wish(&[(RETRY_AFTER, "99999999999")]), Some(LONGEST_TOLD));
    }

    #[test]
    fn what_is_no_wish_is_passed_over() {
        for value in ["", "soon", "-1", "nan", "inf", "1e400"] {
            assert_eq!(wish(&[(RETRY_AFTER, value)]), None, "{value}");
        }
        assert_eq!(wish(&[]), None);
    }

    #[test]
    fn pauses_grow_and_keep_below_their_longest() {
        let longest = Duration::from_millis(100);
        for tries in 0..3 {
            for _ in 0..100 {
                let delay = Pause::Backoff.delay(longest, tries).unwrap();
                assert!(delay <= longest * (1 << tries), "{tries}: {delay:?}");
            }
        }
        assert_eq!(Pause::Short.delay(longest, 0), Some(Duration::ZERO));
    }

    #[test]
    fn a_wish_is_granted_at_least_or_not_at_all() {
        let wish = Duration::from_secs(1);
        let granted = Pause::After(wish).delay(Duration::from_millis(500), 0).unwrap();
        assert!(granted >= wish && granted <= wish * 5 / 4, "{granted:?}");
        assert_eq!(Pause::After(Duration::from_secs(11)).delay(wish, 0), None);
    }
}
