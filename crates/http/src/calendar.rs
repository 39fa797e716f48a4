//! Days by their dates.

/// The date of a day that is counted from the Unix epoch, UTC, as ISO 8601 has it: `2026-11-26`.
///
/// Counted in years that begin with March, so that a leap day is the last of its year, and of which
/// 400 are 146,097 days.
pub(crate) fn date(day: i64) -> String {
    // The year 0 of that count began 719,468 days before the epoch. No day that there is comes near
    // the ends of the numbers.
    let since_march_of_year_0 = day.saturating_add(719_468);
    let era = since_march_of_year_0.div_euclid(146_097);
    let of_era = since_march_of_year_0.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{of_month:02}", era * 400 + year + next_year)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_the_dates_that_calendars_show() {
        // date -u -d 2026-11-26 +%s, and so on, divided by 86,400.
        for (day, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_783, "2026-11-26"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
            (2_932_896, "9999-12-31"),
        ] {
            assert_eq!(date(day), text, "{day}");
        }
    }
}
