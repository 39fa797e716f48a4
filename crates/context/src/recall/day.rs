//! Days of the calendar.

use loquat_domain::Timestamp;

/// A day, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day {
    /// Since the first of January 1970.
    days: i64,
}

impl Day {
    pub(super) fn of(at: Timestamp) -> Self {
        Self { days: at.as_secs().div_euclid(24 * 60 * 60) }
    }

    /// On a line of its own: `2026-11-26`.
    pub(super) fn heading(self) -> String {
        // Howard Hinnant's conversion of days to a date (chrono-compatible low-level date
        // algorithms): years begin in March, so that the leap day is the last, and repeat every 400.
        let shifted = self.days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        format!("{year:04}-{month:02}-{day:02}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_that_of_the_calendar() {
        let heading = |seconds: i64| Day::of(Timestamp::from_micros(seconds * 1_000_000)).heading();
        assert_eq!(heading(0), "1970-01-01\n");
        assert_eq!(heading(951_782_400), "2000-02-29\n");
        assert_eq!(heading(1_795_651_200), "2026-11-26\n");
        assert_eq!(heading(-1), "1969-12-31\n");
    }
}
