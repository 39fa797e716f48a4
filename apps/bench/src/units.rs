//! Durations as people write them.

use std::time::Duration;

/// Reads `250us`, `20ms`, `2s`, `1.5s`, `3m` or `1h`. A number without a unit is refused: nobody
/// remembers which unit a program means.
///
/// # Errors
///
/// A sentence that says what is wrong with the text.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let fault = || format!("`{text}` is not a duration such as 250us, 20ms, 2s, 3m or 1h");
    let split = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(fault)?;
    let (number, unit) = text.split_at_checked(split).ok_or_else(fault)?;
    let number: f64 = number.parse().map_err(|_| fault())?;
    let seconds = match unit {
        "us" => number / 1e6,
        "ms" => number / 1e3,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return Err(fault()),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| fault())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_every_unit() {
        assert_eq!(duration("250us"), Ok(Duration::from_micros(250)));
        assert_eq!(duration("20ms"), Ok(Duration::from_millis(20)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("3m"), Ok(Duration::from_mins(3)));
        assert_eq!(duration("1h"), Ok(Duration::from_hours(1)));
    }

    #[test]
    fn a_duration_without_a_unit_or_below_zero_is_refused() {
        assert!(duration("20").is_err());
        assert!(duration("ms").is_err());
        assert!(duration("-1s").is_err());
        assert!(duration("1parsec").is_err());
    }
}
