//! How much may be used.

use crate::UserId;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Meter {
    /// Answers that are begun within a minute.
    RequestsPerMinute,
    /// Answers that are being produced at once.
    Streams,
    /// Tokens of prompts and answers within a day, UTC.
    TokensPerDay,
    /// [`Micros`](crate::Micros) within a month, UTC.
    MicrosPerMonth,
}

impl Meter {
    /// Every meter.
    pub const ALL: [Self; 4] =
        [Self::RequestsPerMinute, Self::Streams, Self::TokensPerDay, Self::MicrosPerMonth];

    /// The meter's name on the wire and in a column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RequestsPerMinute => "requests_per_minute",
            Self::Streams => "streams",
            Self::TokensPerDay => "tokens_per_day",
            Self::MicrosPerMonth => "micros_per_month",
        }
    }
}

/// Who is limited, within a tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whom {
    /// All users together.
    Tenant,
    /// Each user alone.
    EachUser,
    /// This user alone. Comes before what is said for each.
    User(UserId),
}

/// What a limit is about. There is at most one limit for each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LimitKey {
    /// Who is limited.
    pub whom: Whom,
    /// For which model, by the name that callers use; `None` is for all of them together.
    pub model: Option<String>,
    /// What is limited.
    pub meter: Meter,
}

/// A limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// What it is about.
    pub key: LimitKey,
    /// The most that may be used; `None` lifts a limit that is said elsewhere.
    pub most: Option<u64>,
}
