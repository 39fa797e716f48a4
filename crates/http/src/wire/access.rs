//! Revoked access, and who has decided what.

use loquat_domain::Timestamp;
use loquat_store::{AuditEntry, Revocation, Revoked};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{list::Entry, settings::raw};
use crate::path::AuditId;

/// Whose access it is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RevokedAccess)]
pub(crate) struct RevokedBody {
    /// Whatever token the user has.
    #[schema(required)]
    user: Option<String>,
    /// This token alone. Where both are null, it is everybody's access.
    #[schema(required)]
    token_id: Option<String>,
}

impl From<&Revoked> for RevokedBody {
    fn from(whose: &Revoked) -> Self {
        let (user, token_id) = match whose {
            Revoked::Tenant => (None, None),
            Revoked::User(user) => (Some(user.to_string()), None),
            Revoked::Token(token) => (None, Some(token.to_string())),
        };
        Self { user, token_id }
    }
}

/// A revoked access.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Revocation)]
pub(crate) struct RevocationBody {
    /// `revocation`.
    object: &'static str,
    #[serde(flatten)]
    whose: RevokedBody,
    /// When the access may come back, in seconds since the epoch; null for never.
    #[schema(required)]
    until: Option<i64>,
    /// Seconds since the epoch.
    revoked_at: i64,
    revoked_by: String,
}

impl From<&Revocation> for RevocationBody {
    fn from(Revocation { whose, until, revoked_at, revoked_by }: &Revocation) -> Self {
        Self {
            object: "revocation",
            whose: whose.into(),
            until: until.map(Timestamp::as_secs),
            revoked_at: revoked_at.as_secs(),
            revoked_by: revoked_by.to_string(),
        }
    }
}

/// An access that was given back.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RestoredAccess)]
pub(crate) struct RestoredBody {
    /// `revocation`.
    object: &'static str,
    #[serde(flatten)]
    whose: RevokedBody,
    deleted: bool,
}

impl From<&Revoked> for RestoredBody {
    fn from(whose: &Revoked) -> Self {
        Self { object: "revocation", whose: whose.into(), deleted: true }
    }
}

/// Something that an administrator has done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(crate) struct AuditBody<'a> {
    /// `audit_…`.
    id: String,
    /// `audit.entry`.
    object: &'static str,
    /// Seconds since the epoch.
    created_at: i64,
    /// The user who did it.
    actor: String,
    /// `access.revoke`, `access.restore`, `limit.set` or `limit.remove`.
    act: &'a str,
    /// To whom or what.
    subject: &'a str,
    /// More.
    #[schema(value_type = Object)]
    details: Option<&'a RawValue>,
}

impl<'a> From<&'a AuditEntry> for AuditBody<'a> {
    fn from(entry: &'a AuditEntry) -> Self {
        Self {
            id: AuditId(entry.id).to_string(),
            object: "audit.entry",
            created_at: entry.at.as_secs(),
            actor: entry.actor.to_string(),
            act: &entry.act,
            subject: &entry.subject,
            details: raw(&entry.details),
        }
    }
}

impl Entry for AuditBody<'_> {
    fn id(&self) -> &str {
        &self.id
    }
}
