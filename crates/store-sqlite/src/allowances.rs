//! Statements about what is taken of limited amounts.

use diesel::{
    prelude::*,
    sql_types::{BigInt, Binary, Text},
};
use loquat_domain::{Meter, Timestamp};
use loquat_store::{AllowanceKey, Exchange, Exchanged, Settled};
use uuid::Uuid;

use crate::{
    clock,
    key::Key,
    rows::{amount, read_amount},
    statement::{Statement, Value, first_rows},
    threads::Outcome,
};

/// Who takes, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taker {
    pub(crate) holder: Key,
    /// Until when it holds its streams.
    pub(crate) lease_until: Timestamp,
    pub(crate) now: Timestamp,
}

/// One row of a count: where, and whose part.
#[derive(Debug, Clone, Copy)]
struct Part<'a> {
    count: [Value<'a>; 4],
    holder: Key,
}

fn count(key: &AllowanceKey) -> [Value<'_>; 4] {
    [
        key.tenant.as_str().into(),
        key.user.as_ref().map_or("", |user| user.as_str()).into(),
        key.model.as_deref().unwrap_or_default().into(),
        key.meter.as_str().into(),
    ]
}

/// Gives back and takes, as far as there is enough.
pub(crate) fn exchange(
    conn: &mut SqliteConnection,
    who: Taker,
    exchange: &Exchange,
) -> Outcome<Exchanged> {
    let Taker { now, .. } = who;
    let period = exchange.key.meter.period(now);
    let (holder, ends) = match exchange.key.meter {
        Meter::Streams => (who.holder, who.lease_until),
        Meter::RequestsPerMinute | Meter::TokensPerDay | Meter::MicrosPerMonth => {
            (Key::from(Uuid::nil()), period.end)
        }
    };
    let part = Part { count: count(&exchange.key), holder };
    let (mut own, mut others) = (0, 0_u64);
    for (by, taken) in parts(conn, part, now)? {
        if by == holder {
            own = taken;
        } else {
            others = others.saturating_add(taken);
        }
    }
    let before = own;
    let Settled { granted, own } = exchange.settle(period.start, own, others);
    // Who holds streams says with each exchange that it is alive.
    if own != before || exchange.key.meter == Meter::Streams {
        part.set(conn, own, ends)?;
    }
    let taken = own.saturating_add(others);
    Ok(Exchanged { granted, taken, period: period.start, now, ends: period.end })
}

/// What is taken of a count and not over, by holder.
fn parts(conn: &mut SqliteConnection, part: Part<'_>, now: Timestamp) -> Outcome<Vec<(Key, u64)>> {
    let [tenant, user, model, meter] = part.count;
    let query = Statement::<5, (Binary, BigInt)>::new(
        "SELECT holder, taken FROM allowances
        WHERE tenant = ? AND user = ? AND model = ? AND meter = ? AND ends > ?",
        [tenant, user, model, meter, now.as_micros().into()],
    );
    let rows: Vec<(Key, i64)> = query.load(conn)?;
    let read = |(holder, taken)| Ok((holder, read_amount("taken", taken)?));
    rows.into_iter().map(read).collect()
}

impl Part<'_> {
    fn set(self, conn: &mut SqliteConnection, taken: u64, ends: Timestamp) -> Outcome<()> {
        if taken == 0 {
            return self.delete(conn);
        }
        let [tenant, user, model, meter] = self.count;
        let upsert = Statement::<7>::new(
            "INSERT INTO allowances (tenant, user, model, meter, holder, taken, ends)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET taken = excluded.taken, ends = excluded.ends",
            [
                tenant,
                user,
                model,
                meter,
                self.holder.into(),
                amount(taken).into(),
                ends.as_micros().into(),
            ],
        );
        upsert.execute(conn)?;
        Ok(())
    }

    fn delete(self, conn: &mut SqliteConnection) -> Outcome<()> {
        let [tenant, user, model, meter] = self.count;
        let delete = Statement::<5>::new(
            "DELETE FROM allowances
            WHERE tenant = ? AND user = ? AND model = ? AND meter = ? AND holder = ?",
            [tenant, user, model, meter, self.holder.into()],
        );
        delete.execute(conn)?;
        Ok(())
    }
}

/// Drops up to `most` parts of counts that are over, those first that have been for longest; returns
/// how many.
pub(crate) fn forget(conn: &mut SqliteConnection, most: usize) -> Outcome<usize> {
    let over = Statement::<0, (Text, Text, Text, Text, Binary)>::new(
        concat!(
            "SELECT tenant, user, model, meter, holder FROM allowances WHERE ends <= ",
            clock::now!(),
            " ORDER BY ends",
        ),
        [],
    );
    let over: Vec<(String, String, String, String, Key)> = first_rows(over, conn, most)?;
    for (tenant, user, model, meter, holder) in &over {
        let count = [tenant, user, model, meter].map(|name| name.as_str().into());
        Part { count, holder: *holder }.delete(conn)?;
    }
    Ok(over.len())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use loquat_domain::TenantId;
    use tempfile::TempDir;

    use super::*;
    use crate::{SqliteOptions, connection};

    /// A holder that takes one of ten at a time.
    struct Count {
        conn: SqliteConnection,
        meter: Meter,
        _directory: TempDir,
    }

    impl Count {
        fn of(meter: Meter) -> Self {
            let directory = TempDir::new().unwrap();
            let options = SqliteOptions::new(directory.path().join("loquat.sqlite"));
            connection::create_file(options.path()).unwrap();
            let mut conn = connection::connect(&options).unwrap();
            connection::migrate(&mut conn).unwrap();
            Self { conn, meter, _directory: directory }
        }

        fn take(&mut self, holder: u128, now: i64, lease: i64) -> u64 {
            let tenant = TenantId::new("acme").unwrap();
            let key = AllowanceKey { tenant, user: None, model: None, meter: self.meter };
            let (returned, returned_to) = (0, None);
            let one = Exchange { key, most: 10, returned, returned_to, need: 1, want: 1 };
            let [now, lease_until] = [now, now + lease].map(Timestamp::from_micros);
            let who = Taker { holder: Uuid::from_u128(holder).into(), lease_until, now };
            exchange(&mut self.conn, who, &one).unwrap().taken
        }
    }

    #[test]
    fn a_count_begins_anew_with_its_period() {
        for (meter, last) in [
            (Meter::RequestsPerMinute, 1_796_083_199_999_999),
            (Meter::TokensPerDay, 1_796_083_199_999_999),
            (Meter::MicrosPerMonth, 1_796_083_199_999_999),
        ] {
            let mut count = Count::of(meter);
            assert_eq!([count.take(1, last - 1, 0), count.take(2, last, 0)], [1, 2]);
            assert_eq!([count.take(1, last + 1, 0), count.take(2, last + 2, 0)], [1, 2]);
        }
    }

    #[test]
    fn streams_are_held_until_their_lease_is_over() {
        let mut count = Count::of(Meter::Streams);
        assert_eq!([count.take(1, 100, 10), count.take(2, 105, 10)], [1, 2]);
        assert_eq!(count.take(2, 109, 10), 3);
        assert_eq!(count.take(2, 110, 10), 3, "the first holder has gone");
        assert_eq!(count.take(1, 111, 10), 4);
    }

    #[test]
    fn what_is_over_is_forgotten_and_nothing_else() {
        let mut count = Count::of(Meter::MicrosPerMonth);
        let now = clock::read(&mut count.conn).unwrap();
        let last_year = now.as_micros() - 400 * 86_400_000_000;
        count.take(1, last_year, 0);
        assert_eq!(forget(&mut count.conn, 9).unwrap(), 1);
        count.take(1, now.as_micros(), 0);
        count.meter = Meter::Streams;
        let hour = i64::try_from(Duration::from_hours(1).as_micros()).unwrap();
        count.take(1, now.as_micros(), hour);
        count.take(2, now.as_micros(), 0);
        count.take(3, now.as_micros(), 0);
        let forgotten = [1, 9, 9].map(|most| forget(&mut count.conn, most).unwrap());
        assert_eq!(forgotten, [1, 1, 0]);
    }
}
