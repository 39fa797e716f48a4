//! Where a response stands: the name is a column of its own, the details are JSON.

use std::borrow::Cow;

use loquat_domain::{CancelReason, Failure, FailureCode, IncompleteReason, Status};
use serde::{Deserialize, Serialize};

use super::{V1, read, write};
use crate::StoreError;

const CORRUPT: StoreError = StoreError::Corrupt { column: "status" };

/// Writes what [`Status::as_str`] does not say; `None` when it says everything.
pub fn encode_status_details(status: &Status) -> Option<String> {
    match status {
        Status::Queued
        | Status::InProgress
        | Status::Completed
        | Status::Cancelled(CancelReason::ByOwner) => None,
        Status::Cancelled(reason @ CancelReason::AccessRevoked) => Some(of_reason(reason.as_str())),
        Status::Incomplete(reason) => Some(of_reason(reason.as_str())),
        Status::Failed(Failure { code, message }) => {
            Some(write(&FailureJson { v: V1, code: code.as_str().into(), message: message.into() }))
        }
    }
}

/// Reads what [`Status::as_str`] and [`encode_status_details`] wrote.
///
/// # Errors
///
/// [`StoreError::Corrupt`] when this version cannot read it.
pub fn decode_status(name: &str, details: Option<&str>) -> Result<Status, StoreError> {
    match (name, details) {
        ("queued", None) => Ok(Status::Queued),
        ("in_progress", None) => Ok(Status::InProgress),
        ("completed", None) => Ok(Status::Completed),
        ("cancelled", None) => Ok(Status::Cancelled(CancelReason::ByOwner)),
        ("cancelled", Some(json)) => {
            let form: ReasonJson<'_> = read("status", json)?;
            let reason = CancelReason::ALL.into_iter().find(|it| it.as_str() == form.reason);
            reason.map(Status::Cancelled).ok_or(CORRUPT)
        }
        ("incomplete", Some(json)) => {
            let form: ReasonJson<'_> = read("status", json)?;
            incomplete_reason(&form.reason).map(Status::Incomplete).ok_or(CORRUPT)
        }
        ("failed", Some(json)) => {
            let form: FailureJson<'_> = read("status", json)?;
            let code = failure_code(&form.code).ok_or(CORRUPT)?;
            Ok(Status::Failed(Failure { code, message: form.message.into_owned() }))
        }
        _ => Err(CORRUPT),
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReasonJson<'a> {
    v: V1,
    #[serde(borrow)]
    reason: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FailureJson<'a> {
    v: V1,
    #[serde(borrow)]
    code: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
}

fn of_reason(reason: &str) -> String {
    write(&ReasonJson { v: V1, reason: reason.into() })
}

fn incomplete_reason(name: &str) -> Option<IncompleteReason> {
    IncompleteReason::ALL.into_iter().find(|reason| reason.as_str() == name)
}

/// The failure code of that name.
fn failure_code(name: &str) -> Option<FailureCode> {
    FailureCode::ALL.into_iter().find(|code| code.as_str() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn pinned(status: &Status, name: &str, details: Option<&str>) {
        assert_eq!(status.as_str(), name);
        assert_eq!(encode_status_details(status).as_deref(), details);
        assert_eq!(decode_status(name, details).unwrap(), *status);
    }

    #[test]
    fn each_status_is_written_like_this() {
        pinned(&Status::Queued, "queued", None);
        pinned(&Status::InProgress, "in_progress", None);
        pinned(&Status::Completed, "completed", None);
        pinned(&Status::Cancelled(CancelReason::ByOwner), "cancelled", None);
        pinned(
            &Status::Cancelled(CancelReason::AccessRevoked),
            "cancelled",
            Some(r#"{"v":1,"reason":"access_revoked"}"#),
        );
        pinned(
            &Status::Incomplete(IncompleteReason::ServerRestart),
            "incomplete",
            Some(r#"{"v":1,"reason":"server_restart"}"#),
        );
        pinned(
            &Status::Failed(Failure {
                code: FailureCode::ProviderIdleTimeout,
                message: "it said \"wait\"".to_owned(),
            }),
            "failed",
            Some(r#"{"v":1,"code":"provider_idle_timeout","message":"it said \"wait\""}"#),
        );
    }

    #[test]
    fn every_reason_and_every_code_survives() {
        for reason in IncompleteReason::ALL {
            let status = Status::Incomplete(reason);
            let details = encode_status_details(&status);
            assert_eq!(decode_status("incomplete", details.as_deref()).unwrap(), status);
        }
        for code in FailureCode::ALL {
            let status = Status::Failed(Failure { code, message: String::new() });
            let details = encode_status_details(&status);
            assert_eq!(decode_status("failed", details.as_deref()).unwrap(), status);
        }
    }

    #[test]
    fn an_unknown_name_and_missing_or_unknown_details_are_corrupt() {
        for (name, details) in [
            ("paused", None),
            ("completed", Some(r#"{"v":1,"reason":"server_restart"}"#)),
            ("incomplete", None),
            ("incomplete", Some(r#"{"v":1,"reason":"boredom"}"#)),
            ("failed", Some(r#"{"v":2,"code":"storage","message":""}"#)),
        ] {
            let read = decode_status(name, details);
            assert!(matches!(read, Err(StoreError::Corrupt { column: "status" })), "{read:?}");
        }
    }
}
