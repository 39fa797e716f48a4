//! Requests that have been done once.

use loquat_domain::{IdempotencyKey, Timestamp, UserId};
use loquat_store::{Earlier, Made, Once, StoreError};

use super::tenant::{ResponseRow, Tenant};

/// What names a key in its tenant: whose it is, what it is for, what its owner calls it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct KeyName(UserId, &'static str, IdempotencyKey);

#[derive(Debug)]
pub(super) struct KeyRow {
    pub(super) earlier: Earlier,
    pub(super) expires_at: Timestamp,
}

impl KeyName {
    fn of(user: &UserId, once: &Once) -> Self {
        Self(user.clone(), once.route, once.key.clone())
    }
}

impl Tenant {
    /// What was done with the key, as long as that is remembered.
    pub(super) fn earlier(&self, user: &UserId, once: &Once, now: Timestamp) -> Option<&Earlier> {
        let name = KeyName::of(user, once);
        let row = self.keys.get(&name)?;
        self.remembers(&name, row, now).then_some(&row.earlier)
    }

    /// A key is remembered for its time, and as long as the turn that it began runs.
    pub(super) fn remembers(&self, name: &KeyName, row: &KeyRow, now: Timestamp) -> bool {
        row.expires_at > now || self.turn_of_key(name, row).is_some_and(ResponseRow::is_running)
    }

    fn turn_of_key(&self, KeyName(user, ..): &KeyName, row: &KeyRow) -> Option<&ResponseRow> {
        match row.earlier.made {
            Made::Response(id) => self.response(user, id).ok(),
            Made::Conversation(_) | Made::Items(..) => None,
        }
    }

    /// Refuses what has been done before.
    pub(super) fn check_not_done(
        &self,
        user: &UserId,
        once: Option<&Once>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let earlier = once.and_then(|once| self.earlier(user, once, now));
        earlier.map_or(Ok(()), |earlier| Err(StoreError::Done(earlier.clone())))
    }

    /// Keeps in mind what was done with a key that is free or out of date.
    pub(super) fn remember(
        &mut self,
        user: &UserId,
        once: Option<Once>,
        made: Made,
        now: Timestamp,
    ) {
        let Some(once) = once else { return };
        let name = KeyName::of(user, &once);
        self.forget(&name, now);
        let Once { fingerprint, keep, .. } = once;
        let earlier = Earlier { fingerprint, made };
        self.keys.insert(name, KeyRow { earlier, expires_at: now.plus(keep) });
    }

    /// Forgets a key, and with it what was kept only to answer it again.
    pub(super) fn forget(&mut self, name: &KeyName, now: Timestamp) {
        let Some(row) = self.keys.remove(name) else { return };
        let hidden = self.turn_of_key(name, &row).filter(|turn| turn.hidden);
        if let Some(id) = hidden.map(|turn| turn.response.id) {
            self.remove_response(id, now);
        }
    }
}
