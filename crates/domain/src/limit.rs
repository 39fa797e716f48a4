//! How much may be used.

use std::ops::Range;

use crate::{Day, Timestamp, UserId};

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Meter {
    /// Answers that are begun within a minute.
    RequestsPerMinute,
    /// Answers that are being produced at once.
    Streams,
    /// Tokens of prompts and answers within a day, UTC.
    TokensPerDay,
    /// [`Micros`](crate::Micros) within a month, UTC.
    MicrosPerMonth,
}

impl Meter {
    /// Every meter.
    pub const ALL: [Self; 4] =
        [Self::RequestsPerMinute, Self::Streams, Self::TokensPerDay, Self::MicrosPerMonth];

    /// The meter's name on the wire and in a column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RequestsPerMinute => "requests_per_minute",
            Self::Streams => "streams",
            Self::TokensPerDay => "tokens_per_day",
            Self::MicrosPerMonth => "micros_per_month",
        }
    }

    /// The period that a moment is in, UTC: what is counted in one is not counted in the next.
    /// [`Meter::Streams`] has but one, from the Unix epoch to the far future.
    pub fn period(self, moment: Timestamp) -> Range<Timestamp> {
        let micros = moment.as_micros();
        let starting = |start: i64, length: i64| {
            Timestamp::from_micros(start)..Timestamp::from_micros(start.saturating_add(length))
        };
        let every =
            |length: i64| starting(micros.saturating_sub(micros.rem_euclid(length)), length);
        match self {
            Self::RequestsPerMinute => every(60_000_000),
            Self::Streams => starting(0, i64::MAX),
            Self::TokensPerDay => every(86_400_000_000),
            Self::MicrosPerMonth => {
                let day = Day::of(moment);
                day.first_of_month().start()..day.first_of_next_month().start()
            }
        }
    }
}

/// Who is limited, within a tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whom {
    /// All users together.
    Tenant,
    /// Each user alone.
    EachUser,
    /// This user alone. Comes before what is said for each.
    User(UserId),
}

/// What a limit is about. There is at most one limit for each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LimitKey {
    /// Who is limited.
    pub whom: Whom,
    /// For which model, by the name that callers use, which is not empty; `None` is for all of them
    /// together.
    pub model: Option<String>,
    /// What is limited.
    pub meter: Meter,
}

/// A limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// What it is about.
    pub key: LimitKey,
    /// The most that may be used; `None` lifts a limit that is said elsewhere.
    pub most: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(meter: Meter, secs: i64) -> (i64, i64) {
        let Range { start, end } = meter.period(Timestamp::from_micros(secs * 1_000_000 + 1));
        (start.as_secs(), end.as_secs())
    }

    #[test]
    fn minutes_and_days_begin_where_clocks_show_zero() {
        assert_eq!(period(Meter::RequestsPerMinute, 61), (60, 120));
        assert_eq!(period(Meter::RequestsPerMinute, -1), (-60, 0));
        assert_eq!(period(Meter::TokensPerDay, 86_399), (0, 86_400));
        assert_eq!(period(Meter::TokensPerDay, -1), (-86_400, 0));
    }

    #[test]
    fn months_follow_the_calendar() {
        // date -u -d 2026-11-01 +%s, and so on.
        let november = (1_793_491_200, 1_796_083_200);
        assert_eq!(period(Meter::MicrosPerMonth, november.0), november);
        assert_eq!(period(Meter::MicrosPerMonth, november.1 - 1), november);
        let leap_february = (1_706_745_600, 1_709_251_200);
        assert_eq!(period(Meter::MicrosPerMonth, leap_february.1 - 1), leap_february);
        let february_2100 = (4_105_123_200, 4_107_542_400);
        assert_eq!(period(Meter::MicrosPerMonth, february_2100.0), february_2100);
        let december_1969 = (-2_678_400, 0);
        assert_eq!(period(Meter::MicrosPerMonth, -1), december_1969);
    }

    #[test]
    fn periods_follow_one_another_without_a_gap() {
        for meter in [Meter::RequestsPerMinute, Meter::TokensPerDay, Meter::MicrosPerMonth] {
            let mut last = meter.period(Timestamp::from_micros(951_782_400_000_000));
            for _ in 0..5_000 {
                let next = meter.period(last.end);
                assert_eq!(next.start, last.end);
                let before = Timestamp::from_micros(next.end.as_micros() - 1);
                assert_eq!(meter.period(before), next);
                last = next;
            }
        }
    }

    #[test]
    fn the_ends_of_time_are_in_periods_too() {
        for meter in Meter::ALL {
            for micros in [i64::MIN, i64::MAX] {
                let Range { start, end } = meter.period(Timestamp::from_micros(micros));
                assert!(start < end, "{meter:?} at {micros}");
            }
        }
    }
}
