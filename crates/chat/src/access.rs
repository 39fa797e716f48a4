//! Revoked access is obeyed: by new requests at once, by running turns within about a second.

use std::{
    collections::HashSet,
    sync::{self, Arc, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use loquat_domain::{Scope, TenantId, TokenId, UserId};
use loquat_store::{RevocationList, Revoked};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use crate::{ChatError, ChatService, periodic, service::Inner};

/// Pause between two looks at the list: revoked access ends within this time and that of a read.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a request waits for the first look at the list, when a process has just begun.
const FIRST_LOOK: Duration = Duration::from_secs(3);

/// Whose access is revoked, as this process knows it. Where the store cannot be reached, what was
/// known goes on to hold.
#[derive(Debug)]
pub(crate) struct Access {
    list: watch::Sender<Option<Arc<List>>>,
    /// One look at a time: a slower one would put an older list in the place of a newer.
    looking: Mutex<()>,
    /// Those who read what another request has begun, and those who did until the last look.
    readers: sync::Mutex<Vec<Weak<Reader>>>,
}

/// Somebody who reads what another request has begun, perhaps with another token.
#[derive(Debug)]
pub(crate) struct Reader {
    scope: Scope,
    token: Option<TokenId>,
    /// Cancelled when access is revoked.
    pub(crate) revoked: CancellationToken,
}

#[derive(Debug, Default)]
struct List {
    version: i64,
    tenants: HashSet<TenantId>,
    users: HashSet<(TenantId, UserId)>,
    tokens: HashSet<(TenantId, TokenId)>,
}

impl From<RevocationList> for List {
    fn from(list: RevocationList) -> Self {
        let mut sorted = Self { version: list.version, ..Self::default() };
        for (tenant, whose) in list.revoked {
            match whose {
                Revoked::Tenant => drop(sorted.tenants.insert(tenant)),
                Revoked::User(user) => drop(sorted.users.insert((tenant, user))),
                Revoked::Token(token) => drop(sorted.tokens.insert((tenant, token))),
            }
        }
        sorted
    }
}

impl List {
    fn is_empty(&self) -> bool {
        self.tenants.is_empty() && self.users.is_empty() && self.tokens.is_empty()
    }

    fn is_revoked(&self, scope: &Scope, token: Option<&TokenId>) -> bool {
        if self.is_empty() {
            return false;
        }
        let Scope { tenant, user } = scope;
        self.tenants.contains(tenant)
            || self.users.contains(&(tenant.clone(), user.clone()))
            || token.is_some_and(|token| self.tokens.contains(&(tenant.clone(), token.clone())))
    }
}

impl Default for Access {
    fn default() -> Self {
        Self {
            list: watch::Sender::new(None),
            looking: Mutex::new(()),
            readers: sync::Mutex::default(),
        }
    }
}

impl Access {
    fn known(&self) -> Option<Arc<List>> {
        self.list.borrow().clone()
    }

    /// Somebody who reads for this scope, with this token, for as long as this is held.
    pub(crate) fn reader(&self, scope: &Scope, token: Option<&TokenId>) -> Arc<Reader> {
        let reader = Arc::new(Reader {
            scope: scope.clone(),
            token: token.cloned(),
            revoked: CancellationToken::new(),
        });
        self.readers().push(Arc::downgrade(&reader));
        reader
    }

    fn readers(&self) -> MutexGuard<'_, Vec<Weak<Reader>>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn list(&self) -> Option<Arc<List>> {
        if let Some(list) = self.known() {
            return Some(list);
        }
        let mut changes = self.list.subscribe();
        let first = tokio::time::timeout(FIRST_LOOK, changes.wait_for(Option::is_some)).await;
        first.ok()?.ok()?.clone()
    }
}

impl ChatService {
    /// Succeeds unless the access of whoever acts for the scope, with this token, is revoked.
    ///
    /// # Errors
    ///
    /// [`ChatError::AccessRevoked`]; [`ChatError::AccessUnknown`] when the process has just begun and
    /// the store cannot tell.
    pub async fn check_access(
        &self,
        scope: &Scope,
        token: Option<&TokenId>,
    ) -> Result<(), ChatError> {
        let list = self.inner.access.list().await.ok_or(ChatError::AccessUnknown)?;
        if list.is_revoked(scope, token) { Err(ChatError::AccessRevoked) } else { Ok(()) }
    }
}

/// Looks at the list until the service is gone.
pub(crate) async fn run(service: Weak<Inner>) {
    periodic::run(service, PAUSE, 1, |inner| async move { look(&inner).await }).await;
}

/// Reads the list when it has changed, and ends the turns that it concerns.
pub(crate) async fn look(inner: &Inner) -> u32 {
    let looking = inner.access.looking.lock().await;
    let known = inner.access.known().map(|list| list.version);
    match inner.ports.access.revocation_list(known).await {
        Ok(None) => {}
        Ok(Some(list)) => drop(inner.access.list.send_replace(Some(Arc::new(list.into())))),
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "revoked access could not be looked up");
        }
    }
    drop(looking);
    // Also those that began between two looks.
    let list = inner.access.known().filter(|list| !list.is_empty());
    let is_revoked = |scope: &Scope, token: Option<&TokenId>| {
        list.as_ref().is_some_and(|list| list.is_revoked(scope, token))
    };
    if list.is_some() {
        for turn in inner.live.all() {
            if is_revoked(&turn.scope, turn.token.as_ref()) {
                turn.revoke();
            }
        }
    }
    inner.access.readers().retain(|reader| {
        let Some(reader) = reader.upgrade() else { return false };
        if is_revoked(&reader.scope, reader.token.as_ref()) {
            reader.revoked.cancel();
        }
        true
    });
    0
}
