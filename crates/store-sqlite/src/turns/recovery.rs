//! Turns that gave no sign of life.

use diesel::{connection::DefaultLoadingMode, prelude::*};
use loquat_domain::Scope;
use loquat_store::{StaleTurn, StoreError};

use crate::{
    clock::Clock,
    key::Key,
    rows::{read_tenant, read_user},
    schema::responses,
    threads::Outcome,
};

/// Up to `most` turns whose lease has run out, oldest first.
pub(crate) fn stale(conn: &mut SqliteConnection, most: usize) -> Outcome<Vec<StaleTurn>> {
    let expired = responses::table
        .filter(responses::lease_until.le(Clock::NOW))
        .order((responses::lease_until, responses::created_at))
        .select((responses::tenant, responses::user, responses::id));
    let mut turns = Vec::new();
    // Rows are found as they are asked for, so those beyond the last one cost nothing.
    for row in expired.load_iter::<(String, String, Key), DefaultLoadingMode>(conn)? {
        if turns.len() >= most {
            break;
        }
        match stale_turn(row?) {
            Ok(turn) => turns.push(turn),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "a stale turn is nobody's and is passed over");
            }
        }
    }
    Ok(turns)
}

fn stale_turn((tenant, user, id): (String, String, Key)) -> Result<StaleTurn, StoreError> {
    let scope = Scope { tenant: read_tenant(&tenant)?, user: read_user("user", &user)? };
    Ok(StaleTurn { scope, response: id.into() })
}
