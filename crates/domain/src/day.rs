//! Days of the calendar.

use std::fmt;

use crate::Timestamp;

/// A day in microseconds.
const LENGTH: i64 = 86_400_000_000;

/// A day of the calendar, UTC. Prints as ISO 8601 has it: `2026-11-26`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    /// Since the first of January 1970.
    since_epoch: i64,
}

/// A day by its place in a year that begins with March, so that a leap day is the last of its year.
struct InYear {
    /// The year in which it began.
    year: i64,
    /// From March, which is 0.
    month: i64,
    /// From the month's first, which is 0.
    day: i64,
}

impl Day {
    /// The day that is so many days after the first of January 1970.
    pub const fn since_epoch(days: i64) -> Self {
        Self { since_epoch: days }
    }

    /// The day that a moment is in.
    pub const fn of(moment: Timestamp) -> Self {
        Self { since_epoch: moment.as_micros().div_euclid(LENGTH) }
    }

    /// Its first moment; for days that a [`Timestamp`] cannot name, the nearest that it can.
    pub const fn start(self) -> Timestamp {
        Timestamp::from_micros(self.since_epoch.saturating_mul(LENGTH))
    }

    /// The first day of its month.
    #[must_use]
    pub const fn first_of_month(self) -> Self {
        Self { since_epoch: self.since_epoch.saturating_sub(self.in_year().day) }
    }

    /// The first day of the month after.
    #[must_use]
    pub const fn first_of_next_month(self) -> Self {
        // No month is longer than 31 days, and none is shorter than 28.
        let Self { since_epoch } = self.first_of_month();
        Self { since_epoch: since_epoch.saturating_add(31) }.first_of_month()
    }

    /// Years repeat after 400, which are 146,097 days. The year 0 began 719,468 days before the epoch.
    const fn in_year(self) -> InYear {
        let since_year_0 = self.since_epoch.saturating_add(719_468);
        let of_era = since_year_0.rem_euclid(146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        InYear {
            year: since_year_0.div_euclid(146_097) * 400 + year,
            month,
            day: of_year - (153 * month + 2) / 5,
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InYear { year, month, day } = self.in_year();
        let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
        write!(f, "{year:04}-{month:02}-{:02}", day + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_the_dates_that_calendars_show() {
        // date -u -d 2026-11-26 +%s, and so on, divided by 86,400.
        for (days, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_783, "2026-11-26"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
            (2_932_896, "9999-12-31"),
        ] {
            assert_eq!(Day::since_epoch(days).to_string(), text, "{days}");
        }
    }

    #[test]
    fn a_moment_is_in_the_day_that_begins_at_midnight() {
        let day = |secs: i64| Day::of(Timestamp::from_micros(secs * 1_000_000)).to_string();
        assert_eq!(day(951_868_799), "2000-02-29");
        assert_eq!(day(951_868_800), "2000-03-01");
        assert_eq!(day(-1), "1969-12-31");
        assert_eq!(Day::since_epoch(2).start().as_secs(), 172_800);
    }

    #[test]
    fn months_follow_one_another() {
        let mut month = Day::since_epoch(0);
        for number in 0..12 * 400 {
            let text = format!("{:04}-{:02}-01", 1970 + number / 12, number % 12 + 1);
            assert_eq!(month.to_string(), text);
            let next = month.first_of_next_month();
            let last = Day::since_epoch(next.since_epoch - 1);
            assert_eq!(last.first_of_month(), month);
            month = next;
        }
        assert_eq!(month.since_epoch, 146_097);
    }
}
