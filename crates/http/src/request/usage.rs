//! `GET /v1/usage`.

use std::ops::Range;

use loquat_auth::{Permission, Principal};
use loquat_domain::{Timestamp, UserId};
use loquat_store::{UsageGroups, UsageQuery, Whose};

use super::value::timestamp;
use crate::{cursor::UsageCursors, error::ApiError, query::Parameters};

/// So many days of usage are told to a caller who does not say since when.
const DAYS: i64 = 30;

/// A day in seconds.
const DAY: i64 = 86_400;

/// A question about usage, and the cursors of its answer.
pub(crate) struct UsageQuestion {
    pub(crate) query: UsageQuery,
    pub(crate) cursors: UsageCursors,
}

impl UsageQuestion {
    /// Reads the question of a caller.
    ///
    /// # Errors
    ///
    /// A 400 that names the parameter; a 403 where it is about somebody else and the token does not
    /// grant that.
    pub(crate) fn read(
        parameters: &Parameters,
        caller: &Principal,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let whose = whose(parameters, caller)?;
        let groups = groups(parameters)?;
        let start = parameters.get("start_time")?.map(|text| seconds("start_time", text));
        let end = parameters.get("end_time")?.map(|text| seconds("end_time", text));
        let (start, end) = (start.transpose()?, end.transpose()?);
        let cursors = UsageCursors::new(&caller.scope, &whose, groups, (start, end));
        let (period, after) = match parameters.get("after")? {
            None => (period(start, end, now)?, None),
            // What was said of the time is the same, and where nothing was, time has gone on.
            Some(text) => cursors.read(text).map(|(period, row)| (period, Some(row)))?,
        };
        let Range { start: from, end: until } = period;
        let limit = parameters.limit()?;
        Ok(Self { query: UsageQuery { whose, from, until, groups, after, limit }, cursors })
    }
}

fn whose(parameters: &Parameters, caller: &Principal) -> Result<Whose, ApiError> {
    let sees_all = caller.permissions.allow(Permission::UsageRead);
    match parameters.get("user")? {
        None if sees_all => Ok(Whose::Tenant),
        None => Ok(Whose::Own),
        Some(_) if !sees_all => Err(ApiError::insufficient_scope(Permission::UsageRead)),
        Some(name) => UserId::new(name)
            .map(Whose::User)
            .map_err(|error| ApiError::invalid("user", error.to_string())),
    }
}

fn groups(parameters: &Parameters) -> Result<UsageGroups, ApiError> {
    let mut groups = UsageGroups::default();
    let mut names = parameters.all("group_by").flat_map(|names| names.split(',')).peekable();
    if names.peek().is_none() {
        return Ok(UsageGroups { day: true, ..groups });
    }
    for name in names {
        match name {
            "day" => groups.day = true,
            "model" => groups.model = true,
            "user" => groups.user = true,
            "conversation" => groups.conversation = true,
            "none" => {}
            _ => {
                let message = "group_by is day, model, user or conversation, some of them, or none";
                return Err(ApiError::invalid("group_by", message));
            }
        }
    }
    Ok(groups)
}

fn seconds(param: &'static str, text: &str) -> Result<i64, ApiError> {
    let number = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    // What is no number at all is as far from one as a year without four digits.
    timestamp(param, number.unwrap_or(i64::MAX)).map(Timestamp::as_secs)
}

/// The time that is asked about: whole seconds, the last one included, and whole days before.
fn period(
    start: Option<i64>,
    end: Option<i64>,
    now: Timestamp,
) -> Result<Range<Timestamp>, ApiError> {
    let end = end.unwrap_or(now.as_secs() + 1);
    let first_day = (end - 1).div_euclid(DAY) - (DAYS - 1);
    let from = start.unwrap_or(first_day * DAY);
    if start.is_some() && from >= end {
        return Err(ApiError::invalid("start_time", "start_time lies before end_time, or now"));
    }
    let at = |secs: i64| Timestamp::from_micros(secs.saturating_mul(1_000_000));
    Ok(at(from)..at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(period: &Range<Timestamp>) -> (i64, i64) {
        (period.start.as_secs(), period.end.as_secs())
    }

    #[test]
    fn who_does_not_say_when_is_told_of_thirty_days_and_this_second() {
        let now = Timestamp::from_micros(100 * 86_400_000_000 + 7_500_000);
        let now_and_before = period(None, None, now).unwrap();
        assert_eq!(secs(&now_and_before), (71 * DAY, 100 * DAY + 8));
        assert!(now_and_before.contains(&now));
        let whole_days = period(None, Some(100 * DAY), now).unwrap();
        assert_eq!(secs(&whole_days), (70 * DAY, 100 * DAY), "the end is not included");
        assert_eq!(secs(&period(Some(5), None, now).unwrap()), (5, 100 * DAY + 8));
        assert_eq!(secs(&period(Some(5), Some(6), now).unwrap()), (5, 6));
    }

    #[test]
    fn a_time_that_ends_before_it_begins_is_refused() {
        let now = Timestamp::from_micros(9_000_000);
        for (start, end) in [(6, Some(6)), (7, Some(6)), (11, None)] {
            assert!(period(Some(start), end, now).is_err(), "{start} {end:?}");
        }
    }
}
