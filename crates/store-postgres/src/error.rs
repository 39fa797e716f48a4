//! Faults of Postgres in the words of the port.

use std::fmt::{self, Write as _};

use diesel::result::{DatabaseErrorKind, Error};
use loquat_store::StoreError;

/// How the messages of faults that pass begin, in Postgres's own language: diesel-async keeps the
/// text and not its code (SQLSTATE). A server that speaks another one says so when the store
/// connects; there, such a fault counts as internal unless the connection is gone or the time is up.
///
/// 57014, 57P01 to 57P05 and 25P03, 53100 and 58030, 53200, 53300, 40P01, 55P03, 40001 on a standby,
/// in this order.
const PASSING: [&str; 18] = [
    "canceling statement due to",
    "terminating connection",
    "the database system is",
    "could not extend file",
    "could not write",
    "could not read",
    "could not fsync",
    "could not open",
    "could not create",
    "could not access",
    "out of memory",
    "out of shared memory",
    "sorry, too many clients",
    "remaining connection slots",
    "too many connections",
    "deadlock detected",
    "could not obtain lock",
    "could not serialize access",
];

/// How messages begin with which the server ends a connection.
const ENDING: [&str; 2] = ["terminating connection", "the database system is"];

/// Why a statement failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An id is taken.
    Taken,
    /// The connection is gone, or leads to a server that has stopped writing; the statement was done
    /// or was not.
    Broken,
    /// It was not done, and may be tried again.
    Passing,
    /// It was not done, and will not be.
    Lasting,
}

impl Fault {
    pub(crate) fn of(error: &Error) -> Self {
        use DatabaseErrorKind as Kind;
        let Error::DatabaseError(kind, information) = error else { return Self::Lasting };
        match kind {
            Kind::UniqueViolation => Self::Taken,
            Kind::UnableToSendCommand | Kind::ClosedConnection | Kind::ReadOnlyTransaction => {
                Self::Broken
            }
            Kind::SerializationFailure => Self::Passing,
            Kind::Unknown if begins(information.message(), &ENDING) => Self::Broken,
            Kind::Unknown if begins(information.message(), &PASSING) => Self::Passing,
            _ => Self::Lasting,
        }
    }
}

fn begins(message: &str, texts: &[&str]) -> bool {
    texts.iter().any(|text| message.starts_with(text))
}

/// The error of a call that failed so. Postgres's messages name tables, columns and constraints;
/// values are in the details, which are not kept.
pub(crate) fn store_error(fault: Fault, error: Error) -> StoreError {
    match fault {
        Fault::Taken => StoreError::Conflict,
        Fault::Broken | Fault::Passing => StoreError::Unavailable(Box::new(error)),
        Fault::Lasting => StoreError::Internal(Box::new(error)),
    }
}

/// An error with all that lies beneath it, in one line.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn std::error::Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut next = Some(self.0);
        let mut last = String::new();
        while let Some(error) = next {
            let text = error.to_string();
            // Some errors repeat what lies beneath them.
            if !last.contains(&text) {
                if !last.is_empty() {
                    f.write_str(": ")?;
                }
                f.write_str(&text)?;
                let _ = write!(last, "{text} ");
            }
            next = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: DatabaseErrorKind, message: &str) -> Fault {
        Fault::of(&Error::DatabaseError(kind, Box::new(message.to_owned())))
    }

    #[test]
    fn faults_that_pass_may_be_tried_again() {
        for (message, expected) in [
            ("canceling statement due to statement timeout", Fault::Passing),
            ("terminating connection due to administrator command", Fault::Broken),
            ("the database system is starting up", Fault::Broken),
            ("could not extend file \"base/1/2\": No space left on device", Fault::Passing),
            ("sorry, too many clients already", Fault::Passing),
            ("deadlock detected", Fault::Passing),
        ] {
            assert_eq!(fault(DatabaseErrorKind::Unknown, message), expected, "{message}");
        }
        let kind = DatabaseErrorKind::UnableToSendCommand;
        assert_eq!(fault(kind, "connection closed"), Fault::Broken);
        assert_eq!(fault(DatabaseErrorKind::SerializationFailure, "could not"), Fault::Passing);
    }

    #[test]
    fn other_faults_last() {
        let unknown = DatabaseErrorKind::Unknown;
        assert_eq!(fault(unknown, "function loquat.x() does not exist"), Fault::Lasting);
        assert_eq!(fault(DatabaseErrorKind::CheckViolation, "violates"), Fault::Lasting);
        assert_eq!(Fault::of(&Error::NotFound), Fault::Lasting);
    }

    #[test]
    fn a_taken_id_is_a_conflict() {
        let error =
            Error::DatabaseError(DatabaseErrorKind::UniqueViolation, Box::new(String::new()));
        assert!(matches!(store_error(Fault::of(&error), error), StoreError::Conflict));
    }

    #[test]
    fn a_chain_says_each_thing_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("no connection: {0}")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("refused"));
        assert_eq!(Chain(&error).to_string(), "no connection: refused");
    }
}
