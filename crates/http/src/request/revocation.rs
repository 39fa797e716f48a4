//! `/v1/admin/revocations`.

use loquat_domain::{NameError, Timestamp, TokenId, UserId};
use loquat_store::Revoked;
use serde::Deserialize;
use utoipa::ToSchema;

use super::value::timestamp;
use crate::{
    body::RequestBody,
    error::{ApiError, ErrorCode},
    query::Parameters,
};

/// Whose access ends. Exactly one of `user` and `token_id` is there.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Revoke)]
pub(crate) struct RevokeBody {
    /// A user's name: no token of theirs counts any more.
    user: Option<String>,
    /// A token's own name, its claim `jti`: that token does not count any more.
    token_id: Option<String>,
    /// When the access may come back, in seconds since the epoch: for a token, a minute after it
    /// expires, since clocks differ. Absent: never.
    until: Option<i64>,
}

impl RequestBody for RevokeBody {}

impl RevokeBody {
    /// Whose, and until when.
    ///
    /// # Errors
    ///
    /// A 400 that names the field.
    pub(crate) fn read(&self, now: Timestamp) -> Result<(Revoked, Option<Timestamp>), ApiError> {
        let whose = whose(self.user.as_deref(), self.token_id.as_deref())?;
        let until = self.until.map(|secs| timestamp("until", secs)).transpose()?;
        if until.is_some_and(|until| until <= now) {
            return Err(ApiError::invalid("until", "until lies in the future"));
        }
        Ok((whose, until))
    }
}

/// Whose revocation a query string names.
pub(crate) fn named(parameters: &Parameters) -> Result<Revoked, ApiError> {
    whose(parameters.get("user")?, parameters.get("token_id")?)
}

fn whose(user: Option<&str>, token: Option<&str>) -> Result<Revoked, ApiError> {
    let wrong = |param: &'static str| move |it: NameError| ApiError::invalid(param, it.to_string());
    match (user, token) {
        (Some(name), None) => UserId::new(name).map(Revoked::User).map_err(wrong("user")),
        (None, Some(name)) => TokenId::new(name).map(Revoked::Token).map_err(wrong("token_id")),
        (None, None) => {
            let message = "user or token_id is required";
            Err(ApiError::new(ErrorCode::MissingRequiredParameter, message).at("user"))
        }
        (Some(_), Some(_)) => {
            Err(ApiError::invalid("token_id", "user and token_id exclude each other"))
        }
    }
}
