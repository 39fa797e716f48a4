//! Faults of SQLite in the words of the port.

use diesel::result::{DatabaseErrorKind, Error};
use loquat_store::StoreError;

const BUSY: &str = "database is locked";

/// Messages of the faults that pass: diesel keeps SQLite's text (`sqlite3_errstr`), not its code.
/// BUSY, LOCKED, FULL, IOERR, CANTOPEN, READONLY (a file system that remounted itself), NOMEM and
/// PROTOCOL, in this order.
const PASSING: [&str; 8] = [
    BUSY,
    "database table is locked",
    "database or disk is full",
    "disk I/O error",
    "unable to open database file",
    "attempt to write a readonly database",
    "out of memory",
    "locking protocol",
];

/// Why a job failed: a [`StoreError`] that diesel's errors convert into.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) StoreError);

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self(error)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self(match error {
            Error::NotFound => StoreError::NotFound,
            Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => StoreError::Conflict,
            error if passes(&error) => StoreError::Unavailable(Box::new(error)),
            error => StoreError::Internal(Box::new(error)),
        })
    }
}

fn passes(error: &Error) -> bool {
    PASSING.iter().any(|text| says(error, text))
}

/// True when another process is in the way.
pub(crate) fn is_busy(error: &Error) -> bool {
    says(error, BUSY)
}

fn says(error: &Error, text: &str) -> bool {
    match error {
        Error::DatabaseError(DatabaseErrorKind::Unknown, information) => {
            information.message().starts_with(text)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(kind: DatabaseErrorKind, message: &str) -> StoreError {
        Failed::from(Error::DatabaseError(kind, Box::new(message.to_owned()))).0
    }

    #[test]
    fn faults_that_pass_may_be_tried_again() {
        for message in PASSING {
            let error = mapped(DatabaseErrorKind::Unknown, message);
            assert!(matches!(error, StoreError::Unavailable(_)), "{message}: {error:?}");
        }
    }

    #[test]
    fn other_faults_are_internal() {
        let error = mapped(DatabaseErrorKind::Unknown, "no such table: items");
        assert!(matches!(error, StoreError::Internal(_)), "{error:?}");
        let error = mapped(DatabaseErrorKind::CheckViolation, "CHECK constraint failed");
        assert!(matches!(error, StoreError::Internal(_)), "{error:?}");
    }

    #[test]
    fn a_taken_id_is_a_conflict() {
        let error = mapped(DatabaseErrorKind::UniqueViolation, "UNIQUE constraint failed");
        assert!(matches!(error, StoreError::Conflict), "{error:?}");
    }
}
