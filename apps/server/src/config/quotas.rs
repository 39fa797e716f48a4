//! `[[quotas]]`: who may use how much.

use std::collections::BTreeSet;

use loquat_domain::{Limit, LimitKey, Meter, TenantId, UserId, Whom};
use loquat_limits::ConfiguredLimits;
use serde::{Deserialize, Serialize};

use super::{Faults, money::Money};

/// `[[quotas]]`: who may use how much of what. Administrators can set others for their tenant while
/// the server runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct QuotaSection {
    /// Of which tenant. Default: of every one, each for itself. What is said of one comes before what
    /// is said of every one.
    pub(crate) tenant: Option<String>,
    /// Who: `tenant` for all of its users together, `each-user`, or `user`. Default `tenant`.
    pub(crate) whom: WhomWord,
    /// Which user, with `whom = "user"`.
    pub(crate) user: Option<String>,
    /// Of which model or route. Default: of all together.
    pub(crate) model: Option<String>,
    /// The most answers that are begun within a minute.
    pub(crate) requests_per_minute: Option<u64>,
    /// The most answers that are being produced at once.
    pub(crate) streams: Option<u64>,
    /// The most tokens, prompts and answers, within a day of UTC.
    pub(crate) tokens_per_day: Option<u64>,
    /// The most money within a month of UTC, in units of the currency in which prices are written.
    pub(crate) money_per_month: Option<Money>,
}

/// Who is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WhomWord {
    /// All users of a tenant together.
    #[default]
    Tenant,
    /// Each user alone.
    EachUser,
    /// One user alone.
    User,
}

impl QuotaSection {
    fn whom(&self) -> Option<Whom> {
        match (self.whom, &self.user) {
            (WhomWord::Tenant, None) => Some(Whom::Tenant),
            (WhomWord::EachUser, None) => Some(Whom::EachUser),
            (WhomWord::User, Some(user)) => UserId::new(user).ok().map(Whom::User),
            _ => None,
        }
    }

    fn amounts(&self) -> Vec<(Meter, u64)> {
        let all = [
            (Meter::RequestsPerMinute, self.requests_per_minute),
            (Meter::Streams, self.streams),
            (Meter::TokensPerDay, self.tokens_per_day),
            (Meter::MicrosPerMonth, self.money_per_month.map(|money| money.0.0)),
        ];
        all.into_iter().filter_map(|(meter, most)| Some((meter, most?))).collect()
    }

    fn limits(&self) -> Vec<Limit> {
        let Some(whom) = self.whom() else { return Vec::new() };
        let limit = |(meter, most)| Limit {
            key: LimitKey { whom: whom.clone(), model: self.model.clone(), meter },
            most: Some(most),
        };
        self.amounts().into_iter().map(limit).collect()
    }

    fn check(&self, path: &str, is_offered: &dyn Fn(&str) -> bool, faults: &mut Faults) {
        let at = |key: &str| format!("{path}.{key}");
        if self.tenant.as_ref().is_some_and(|tenant| TenantId::new(tenant).is_err()) {
            faults.add(&at("tenant"), "1 to 255 printable ASCII characters without spaces");
        }
        if self.whom().is_none() {
            let text = "names a user with `whom = \"user\"`, and only then: 1 to 255 printable \
                        ASCII characters without spaces";
            faults.add(&at("user"), text);
        }
        if self.model.as_ref().is_some_and(|model| !is_offered(model)) {
            faults.add(&at("model"), "there is no model or route of that name");
        }
        let amounts = self.amounts();
        if amounts.is_empty() {
            let text = "limits nothing: set requests_per_minute, streams, tokens_per_day or \
                        money_per_month";
            faults.add(path, text);
        }
        // What the stores' columns hold.
        if amounts.iter().any(|(_, most)| i64::try_from(*most).is_err()) {
            faults.add(path, "no limit may be larger than 9223372036854775807");
        }
    }
}

/// Checks all of them, and that none is said twice.
pub(super) fn check(
    quotas: &[QuotaSection],
    is_offered: &dyn Fn(&str) -> bool,
    faults: &mut Faults,
) {
    let mut seen = BTreeSet::new();
    for (index, quota) in quotas.iter().enumerate() {
        let path = format!("quotas[{index}]");
        quota.check(&path, is_offered, faults);
        for limit in quota.limits() {
            if !seen.insert((quota.tenant.clone(), limit.key.clone())) {
                let meter = limit.key.meter.as_str();
                faults.add(&path, format!("{meter} of the same is limited by an earlier one too"));
            }
        }
    }
}

/// The same for the limiter.
pub(crate) fn configured(quotas: &[QuotaSection]) -> ConfiguredLimits {
    let mut configured = ConfiguredLimits::default();
    for quota in quotas {
        let limits = quota.limits();
        match quota.tenant.as_ref().map(|tenant| TenantId::new(tenant)) {
            None => configured.every_tenant.extend(limits),
            Some(Ok(tenant)) => configured.tenants.entry(tenant).or_default().extend(limits),
            // A fault that has been told.
            Some(Err(_)) => {}
        }
    }
    configured
}
