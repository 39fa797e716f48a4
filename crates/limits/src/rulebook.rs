//! What is known of the limits that are set in the store.

use std::{
    collections::HashMap,
    hash::RandomState,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use loquat_domain::{Limit, Micros, Scope, TenantId, UserId};
use tokio::{sync::oneshot, time::Instant};

use crate::{ConfiguredLimits, account::MOST_WAITING, error::Failed, rules::Rules};

/// When what was read is read again, while it is still gone by: a tenant that asks more often than
/// this waits only for the first reading.
const REFRESH_AFTER: Duration = Duration::from_millis(2_500);

/// How long what was read is gone by: changes hold everywhere after that.
const FRESH_FOR: Duration = Duration::from_secs(5);

/// How long what was read is gone by while it cannot be read again, and how long it is kept for a
/// tenant that asks for nothing.
const KEPT_FOR: Duration = Duration::from_mins(1);

/// How long nothing is read after a reading has failed, if it can be done without.
const RETRY_AFTER: Duration = Duration::from_secs(1);

type Answer = Result<Arc<Rules>, Failed>;

/// What was used by a user of a model, and is to be counted once it is known where.
pub(crate) type Debits = HashMap<(UserId, String), (u64, Micros)>;

/// What is known of one tenant.
#[derive(Default)]
struct Known {
    rules: Option<(Arc<Rules>, Instant)>,
    is_reading: bool,
    /// What is being read may be out of date.
    is_changed: bool,
    /// Since the last reading that did not fail.
    failed_at: Option<Instant>,
    used_at: Option<Instant>,
    waiting: Vec<oneshot::Sender<Answer>>,
    debits: Debits,
}

impl Known {
    /// The rules, unless they are older than `age`.
    fn rules(&self, now: Instant, age: Duration) -> Option<Arc<Rules>> {
        let (rules, read_at) = self.rules.as_ref()?;
        (now < *read_at + age).then(|| Arc::clone(rules))
    }

    /// Whether somebody has to read now, who then is the only one.
    fn begins_reading(&mut self, now: Instant) -> bool {
        let is_early = self.failed_at.is_some_and(|failed_at| now < failed_at + RETRY_AFTER);
        let is_needed = self.rules(now, KEPT_FOR).is_none();
        let begins = !self.is_reading && (is_needed || !is_early);
        self.is_reading |= begins;
        begins
    }

    fn is_forgettable(&self, now: Instant) -> bool {
        let is_old = self.used_at.is_none_or(|used_at| used_at + KEPT_FOR <= now);
        is_old && !self.is_reading && self.debits.is_empty()
    }
}

/// What is known of a tenant's rules.
pub(crate) enum Found {
    Rules(Arc<Rules>),
    /// They come with the reading.
    Later(oneshot::Receiver<Answer>),
    /// Too many wait for the reading.
    Crowded,
}

/// What is to be done when somebody has read.
pub(crate) enum Read {
    /// Read again: the rules have changed in the meantime.
    Again,
    /// Count what has waited for the rules.
    Count(Arc<Rules>, Debits),
    /// Nothing: it has failed.
    Failed,
}

/// The limits that hold within each tenant. What is set in the store is read when it is asked for, one
/// reading at a time for each tenant.
pub(crate) struct Rulebook {
    configured: ConfiguredLimits,
    hashes: RandomState,
    tenants: Mutex<HashMap<TenantId, Known>>,
}

impl Rulebook {
    pub(crate) fn new(configured: ConfiguredLimits) -> Self {
        Self { configured, hashes: RandomState::new(), tenants: Mutex::default() }
    }

    fn tenants(&self) -> MutexGuard<'_, HashMap<TenantId, Known>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tenant's rules, and whether the caller has to read them now.
    pub(crate) fn look_up(&self, now: Instant, tenant: &TenantId) -> (Found, bool) {
        let mut tenants = self.tenants();
        let known = tenants.entry(tenant.clone()).or_default();
        known.used_at = Some(now);
        if let Some(rules) = known.rules(now, REFRESH_AFTER) {
            return (Found::Rules(rules), false);
        }
        let reads = known.begins_reading(now);
        let age = if known.failed_at.is_some() { KEPT_FOR } else { FRESH_FOR };
        let found = if let Some(rules) = known.rules(now, age) {
            Found::Rules(rules)
        } else if known.waiting.len() < MOST_WAITING {
            let (answer, answered) = oneshot::channel();
            known.waiting.push(answer);
            Found::Later(answered)
        } else {
            Found::Crowded
        };
        (found, reads)
    }

    /// The rules to count by what was used; while there are none, it is kept.
    pub(crate) fn rules_or_keep(
        &self,
        now: Instant,
        scope: &Scope,
        model: &str,
        (tokens, cost): (u64, Micros),
    ) -> Option<Arc<Rules>> {
        let mut tenants = self.tenants();
        let known = tenants.entry(scope.tenant.clone()).or_default();
        let rules = known.rules(now, KEPT_FOR);
        if rules.is_none() {
            let kept = known.debits.entry((scope.user.clone(), model.to_owned())).or_default();
            *kept = (kept.0.saturating_add(tokens), kept.1.plus(cost));
        }
        rules
    }

    /// The rules have changed; what is being read may not know of it.
    pub(crate) fn changed(&self, tenant: &TenantId) {
        if let Some(known) = self.tenants().get_mut(tenant) {
            known.rules = None;
            known.is_changed = known.is_reading;
        }
    }

    /// What was read since `begun_at`: answers those who wait for it.
    pub(crate) fn read(
        &self,
        begun_at: Instant,
        now: Instant,
        tenant: &TenantId,
        result: Result<Vec<Limit>, Failed>,
    ) -> Read {
        let known = self.tenants().get(tenant).and_then(|known| known.rules.clone());
        let read = result.map(|set| match known {
            Some((rules, _)) if rules.are_of(&set) => rules,
            _ => Arc::new(self.configured.rules(tenant, &set, begun_at, &self.hashes)),
        });
        let mut tenants = self.tenants();
        let known = tenants.entry(tenant.clone()).or_default();
        if mem::take(&mut known.is_changed) && read.is_ok() {
            return Read::Again;
        }
        known.is_reading = false;
        known.failed_at = read.is_err().then_some(now);
        if let Ok(rules) = &read {
            known.rules = Some((Arc::clone(rules), begun_at));
        }
        let answer = match known.rules(now, KEPT_FOR) {
            Some(rules) => Ok(rules),
            None => read.clone(),
        };
        for waiting in mem::take(&mut known.waiting) {
            // Whoever does not wait any longer does not mind.
            drop(waiting.send(answer.clone()));
        }
        match read {
            Ok(rules) => Read::Count(rules, mem::take(&mut known.debits)),
            Err(_) => Read::Failed,
        }
    }

    /// From time to time: forgets tenants that ask for nothing. Returns those whose rules the caller
    /// has to read now, because something waits to be counted.
    pub(crate) fn tick(&self, now: Instant) -> Vec<Scope> {
        let mut tenants = self.tenants();
        tenants.retain(|_, known| !known.is_forgettable(now));
        let to_read = tenants.iter_mut().filter_map(|(tenant, known)| {
            let user = known.debits.keys().next().map(|(user, _)| user.clone())?;
            known.begins_reading(now).then(|| Scope { tenant: tenant.clone(), user })
        });
        to_read.collect()
    }
}
