//! Which limits hold for whom.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::RandomState,
    sync::{Arc, Mutex, PoisonError},
};

use loquat_domain::{Limit, LimitKey, Meter, Micros, TenantId, UserId, Whom};
use loquat_store::{AllowanceKey, Exchange};
use tokio::time::Instant;

use crate::key::Key;

/// The limits that the operator has written down. What is set for a tenant in the store while the
/// processes run comes before both.
#[derive(Debug, Clone, Default)]
pub struct ConfiguredLimits {
    /// What holds for every tenant.
    pub every_tenant: Vec<Limit>,
    /// What holds for single tenants; comes before what holds for every one.
    pub tenants: HashMap<TenantId, Vec<Limit>>,
}

impl ConfiguredLimits {
    /// The limits that hold within a tenant for which `set` was set in the store at a time.
    pub(crate) fn rules(
        &self,
        tenant: &TenantId,
        set: &[Limit],
        as_of: Instant,
        hashes: &RandomState,
    ) -> Rules {
        let own = self.tenants.get(tenant).map_or(&[][..], Vec::as_slice);
        let mut rules = Rules::new(tenant, set.to_vec(), as_of, hashes.clone());
        for limit in self.every_tenant.iter().chain(own).chain(set) {
            rules.set(limit);
        }
        rules
    }
}

/// One count that a request is counted in, and its limit.
#[derive(Debug, Clone)]
pub(crate) struct Count {
    pub(crate) key: Arc<Key>,
    pub(crate) limit: LimitKey,
    pub(crate) most: u64,
    /// When that was known.
    pub(crate) as_of: Instant,
}

impl Count {
    /// What of these is counted here.
    pub(crate) fn share(&self, tokens: u64, cost: Micros) -> u64 {
        match self.key.meter {
            Meter::TokensPerDay => tokens,
            Meter::MicrosPerMonth => cost.0,
            Meter::RequestsPerMinute | Meter::Streams => 0,
        }
    }
}

/// For how many users, and for how many models of each, the counts are kept: some megabytes at the
/// most. Making them takes a few microseconds.
const USERS_KEPT: usize = 1_024;
const MODELS_KEPT: usize = 16;

/// For each meter, in the order of [`Meter::ALL`], what is said: `Some(None)` lifts.
type Meters = [Option<Option<u64>>; Meter::ALL.len()];

/// What is said about somebody.
#[derive(Debug, Default)]
struct Said {
    of_all_models: Meters,
    of_models: BTreeMap<String, Meters>,
}

impl Said {
    fn set(&mut self, limit: &Limit) {
        let meters = match &limit.key.model {
            None => &mut self.of_all_models,
            Some(model) => self.of_models.entry(model.clone()).or_default(),
        };
        for (said, meter) in meters.iter_mut().zip(Meter::ALL) {
            if meter == limit.key.meter {
                *said = Some(limit.most);
            }
        }
    }

    fn of(&self, model: Option<&str>) -> Meters {
        match model {
            None => self.of_all_models,
            Some(model) => self.of_models.get(model).copied().unwrap_or_default(),
        }
    }
}

type CountsByModel = HashMap<String, Arc<[Count]>>;

/// The limits that hold within a tenant.
#[derive(Debug)]
pub(crate) struct Rules {
    tenant: TenantId,
    /// What they were made of beside the configuration.
    set: Vec<Limit>,
    as_of: Instant,
    hashes: RandomState,
    together: Said,
    each: Said,
    users: HashMap<UserId, Said>,
    /// The counts of users and models that have asked before.
    counts: Mutex<HashMap<UserId, CountsByModel>>,
}

impl Rules {
    fn new(tenant: &TenantId, set: Vec<Limit>, as_of: Instant, hashes: RandomState) -> Self {
        Self {
            tenant: tenant.clone(),
            set,
            as_of,
            hashes,
            together: Said::default(),
            each: Said::default(),
            users: HashMap::new(),
            counts: Mutex::default(),
        }
    }

    /// Whether they are what is made of this, too.
    pub(crate) fn are_of(&self, set: &[Limit]) -> bool {
        self.set == set
    }

    /// What is set later comes before what was set earlier.
    fn set(&mut self, limit: &Limit) {
        let said = match &limit.key.whom {
            Whom::Tenant => &mut self.together,
            Whom::EachUser => &mut self.each,
            Whom::User(user) => self.users.entry(user.clone()).or_default(),
        };
        said.set(limit);
    }

    /// The counts that a request of this user to this model is counted in.
    pub(crate) fn counts(&self, user: &UserId, model: &str) -> Arc<[Count]> {
        let mut known = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counts) = known.get(user).and_then(|models| models.get(model)) {
            return Arc::clone(counts);
        }
        let mut counts = Vec::new();
        self.add_counts(user, None, &mut counts);
        self.add_counts(user, Some(model), &mut counts);
        let counts = Arc::from(counts);
        if known.len() >= USERS_KEPT {
            known.clear();
        }
        let models = known.entry(user.clone()).or_default();
        if models.len() < MODELS_KEPT {
            models.insert(model.to_owned(), Arc::clone(&counts));
        }
        counts
    }

    /// The counts that any request of this user is counted in.
    pub(crate) fn counts_of_all_models(&self, user: &UserId) -> Vec<Count> {
        let mut counts = Vec::new();
        self.add_counts(user, None, &mut counts);
        let said = [Some(&self.together), Some(&self.each), self.users.get(user)];
        let models: BTreeSet<&str> = said
            .into_iter()
            .flatten()
            .flat_map(|said| said.of_models.keys())
            .map(String::as_str)
            .collect();
        for model in models {
            self.add_counts(user, Some(model), &mut counts);
        }
        counts
    }

    fn add_counts(&self, user: &UserId, model: Option<&str>, counts: &mut Vec<Count>) {
        let together = self.together.of(model);
        let each = self.each.of(model);
        let own = self.users.get(user).map(|said| said.of(model)).unwrap_or_default();
        for (((meter, together), each), own) in
            Meter::ALL.into_iter().zip(together).zip(each).zip(own)
        {
            let mut add = |whom: Whom, user: Option<&UserId>, said: Option<Option<u64>>| {
                let Some(most) = said.flatten() else { return };
                let model = model.map(str::to_owned);
                let tenant = self.tenant.clone();
                let key = AllowanceKey { tenant, user: user.cloned(), model: model.clone(), meter };
                let limit = LimitKey { whom, model, meter };
                let (most, as_of) = (most.min(Exchange::MOST), self.as_of);
                counts.push(Count { key: Key::new(&self.hashes, key), limit, most, as_of });
            };
            add(Whom::Tenant, None, together);
            match own {
                Some(_) => add(Whom::User(user.clone()), Some(user), own),
                None => add(Whom::EachUser, Some(user), each),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant() -> TenantId {
        TenantId::new("acme").unwrap()
    }

    fn ada() -> UserId {
        UserId::new("ada").unwrap()
    }

    fn limit(whom: Whom, model: Option<&str>, most: impl Into<Option<u64>>) -> Limit {
        let model = model.map(str::to_owned);
        Limit { key: LimitKey { whom, model, meter: Meter::Streams }, most: most.into() }
    }

    fn found(rules: &Rules, model: &str) -> Vec<(Whom, Option<String>, u64)> {
        let named =
            |count: &Count| (count.limit.whom.clone(), count.limit.model.clone(), count.most);
        rules.counts(&ada(), model).iter().map(named).collect()
    }

    #[test]
    fn a_request_is_counted_for_its_tenant_and_its_user_and_for_all_models_and_its_own() {
        let every_tenant = vec![
            limit(Whom::Tenant, None, 40),
            limit(Whom::EachUser, None, 4),
            limit(Whom::Tenant, Some("large"), 10),
            limit(Whom::EachUser, Some("large"), 1),
            limit(Whom::EachUser, Some("small"), 3),
        ];
        let configured = ConfiguredLimits { every_tenant, ..ConfiguredLimits::default() };
        let rules = configured.rules(&tenant(), &[], Instant::now(), &RandomState::new());
        let large = Some("large".to_owned());
        let expected = [
            (Whom::Tenant, None, 40),
            (Whom::EachUser, None, 4),
            (Whom::Tenant, large.clone(), 10),
            (Whom::EachUser, large, 1),
        ];
        assert_eq!(found(&rules, "large"), expected);
        assert_eq!(rules.counts_of_all_models(&ada()).len(), 5);
    }

    #[test]
    fn what_is_set_comes_before_the_tenants_own_and_that_before_every_tenants() {
        let every_tenant = vec![limit(Whom::Tenant, None, 1), limit(Whom::EachUser, None, 1)];
        let own = vec![limit(Whom::Tenant, None, 2), limit(Whom::EachUser, None, 2)];
        let tenants = HashMap::from([(tenant(), own)]);
        let configured = ConfiguredLimits { every_tenant, tenants };
        let rules = configured.rules(
            &tenant(),
            &[limit(Whom::EachUser, None, 3)],
            Instant::now(),
            &RandomState::new(),
        );
        assert_eq!(found(&rules, "any"), [(Whom::Tenant, None, 2), (Whom::EachUser, None, 3)]);
        let stranger = configured.rules(
            &TenantId::new("globex").unwrap(),
            &[],
            Instant::now(),
            &RandomState::new(),
        );
        assert_eq!(found(&stranger, "any"), [(Whom::Tenant, None, 1), (Whom::EachUser, None, 1)]);
    }

    #[test]
    fn a_users_own_limit_comes_before_that_of_each_user_also_when_it_lifts_it() {
        let every_tenant = vec![limit(Whom::User(ada()), None, 9), limit(Whom::EachUser, None, 1)];
        let configured = ConfiguredLimits { every_tenant, ..ConfiguredLimits::default() };
        let rules = configured.rules(&tenant(), &[], Instant::now(), &RandomState::new());
        assert_eq!(found(&rules, "any"), [(Whom::User(ada()), None, 9)]);
        let rules = configured.rules(
            &tenant(),
            &[limit(Whom::User(ada()), None, None)],
            Instant::now(),
            &RandomState::new(),
        );
        assert_eq!(found(&rules, "any"), []);
    }
}
