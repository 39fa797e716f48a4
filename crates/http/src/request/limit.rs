//! `/v1/admin/limits`.

use loquat_chat::Missing;
use loquat_domain::{Limit, LimitKey, Meter, UserId, Whom, check_text};
use loquat_store::Exchange;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{body::RequestBody, error::ApiError, query::Parameters};

/// A limit for the caller's tenant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetLimit)]
pub(crate) struct SetLimitBody {
    /// `tenant`: all users together; `each_user`: each alone; `user`: the one that `user` names, in
    /// place of what holds for each.
    #[schema(example = "each_user")]
    whom: String,
    /// A user's name, where `whom` is `user`.
    user: Option<String>,
    /// For this model alone. Absent: for all of them together.
    model: Option<String>,
    /// `requests_per_minute`, `streams`, `tokens_per_day` or `micros_per_month`.
    #[schema(example = "tokens_per_day")]
    meter: String,
    /// The most that may be used; null lifts what is limited elsewhere. Required.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required, maximum = 9_223_372_036_854_775_807_i64)]
    most: Option<u64>,
}

impl RequestBody for SetLimitBody {}

impl TryFrom<SetLimitBody> for Limit {
    type Error = ApiError;

    fn try_from(body: SetLimitBody) -> Result<Self, ApiError> {
        let SetLimitBody { whom, user, model, meter, most } = body;
        let key = key(&whom, user.as_deref(), model, &meter)?;
        if most.is_some_and(|most| most > Exchange::MOST) {
            let message = format!("most is at most {}", Exchange::MOST);
            return Err(ApiError::invalid("most", message));
        }
        Ok(Self { key, most })
    }
}

/// Which limit a query string names.
pub(crate) fn named(parameters: &Parameters) -> Result<LimitKey, ApiError> {
    let required =
        |name: &'static str| parameters.get(name)?.ok_or_else(|| ApiError::missing(name));
    let model = parameters.get("model")?.map(str::to_owned);
    key(required("whom")?, parameters.get("user")?, model, required("meter")?)
}

fn key(
    whom: &str,
    user: Option<&str>,
    model: Option<String>,
    meter: &str,
) -> Result<LimitKey, ApiError> {
    let whom = match (whom, user) {
        ("tenant", None) => Whom::Tenant,
        ("each_user", None) => Whom::EachUser,
        ("user", Some(name)) => UserId::new(name)
            .map(Whom::User)
            .map_err(|error| ApiError::invalid("user", error.to_string()))?,
        ("user", None) => return Err(ApiError::missing("user")),
        ("tenant" | "each_user", Some(_)) => {
            return Err(ApiError::invalid("user", "user goes with whom: user"));
        }
        _ => return Err(ApiError::invalid("whom", "whom is tenant, each_user or user")),
    };
    let Some(meter) = Meter::ALL.into_iter().find(|it| it.as_str() == meter) else {
        let names = Meter::ALL.map(Meter::as_str).join(", ");
        return Err(ApiError::invalid("meter", format!("meter is one of {names}")));
    };
    // A text that can be no model's name names one that nobody has.
    if model.as_ref().is_some_and(|name| name.is_empty() || check_text(name).is_err()) {
        return Err(ApiError::not_found(Missing::Model));
    }
    Ok(LimitKey { whom, model, meter })
}
