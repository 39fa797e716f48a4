//! Limits, and what is left of them.

use loquat_domain::{Limit, LimitKey, Whom};
use loquat_limits::Standing;
use serde::Serialize;
use utoipa::ToSchema;

use crate::rate_limits::whole_secs;

/// What a limit is about.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LimitName)]
pub(crate) struct LimitNameBody {
    /// `tenant`: all users together; `each_user`: each alone; `user`: the one that is named.
    whom: &'static str,
    #[schema(required)]
    user: Option<String>,
    /// The model; null for all of them together.
    #[schema(required)]
    model: Option<String>,
    /// `requests_per_minute`, `streams`, `tokens_per_day` or `micros_per_month`.
    meter: &'static str,
}

impl From<&LimitKey> for LimitNameBody {
    fn from(LimitKey { whom, model, meter }: &LimitKey) -> Self {
        let (whom, user) = match whom {
            Whom::Tenant => ("tenant", None),
            Whom::EachUser => ("each_user", None),
            Whom::User(user) => ("user", Some(user.to_string())),
        };
        Self { whom, user, model: model.clone(), meter: meter.as_str() }
    }
}

/// A limit that was set.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Limit)]
pub(crate) struct LimitBody {
    /// `limit`.
    object: &'static str,
    #[serde(flatten)]
    name: LimitNameBody,
    /// The most that may be used; null where a limit that is said elsewhere is lifted.
    #[schema(required)]
    most: Option<u64>,
}

impl From<&Limit> for LimitBody {
    fn from(Limit { key, most }: &Limit) -> Self {
        Self { object: "limit", name: key.into(), most: *most }
    }
}

/// A limit that was taken away.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RemovedLimit)]
pub(crate) struct RemovedLimitBody {
    /// `limit`.
    object: &'static str,
    #[serde(flatten)]
    name: LimitNameBody,
    deleted: bool,
}

impl From<&LimitKey> for RemovedLimitBody {
    fn from(key: &LimitKey) -> Self {
        Self { object: "limit", name: key.into(), deleted: true }
    }
}

/// A limit that holds for the caller, and what is left of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Standing)]
pub(crate) struct StandingBody {
    /// `limit.standing`.
    object: &'static str,
    #[serde(flatten)]
    name: LimitNameBody,
    /// The most that may be used.
    most: u64,
    /// What is left of that. What other processes of the server hold ready counts as used.
    remaining: u64,
    /// In so many seconds the count begins anew.
    resets_in_secs: u64,
}

impl From<&Standing> for StandingBody {
    fn from(Standing { key, most, remaining, resets_in }: &Standing) -> Self {
        Self {
            object: "limit.standing",
            name: key.into(),
            most: *most,
            remaining: *remaining,
            resets_in_secs: whole_secs(*resets_in),
        }
    }
}
