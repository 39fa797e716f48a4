//! What administrators of a tenant do: limits, revoked access, and the log of both.

use std::sync::Arc;

use loquat_domain::{Limit, LimitKey, Page, PageRequest, RawJson, Scope, Timestamp, Whom};
use loquat_limits::Standing;
use loquat_store::{AuditEntry, Revocation, Revoked, StoreError, UsageQuery, UsageRow};
use uuid::Uuid;

use crate::{ChatError, ChatService, Missing, access, service::Inner};

impl ChatService {
    /// What was used, put together as the query says.
    ///
    /// # Errors
    ///
    /// [`ChatError::Store`].
    pub async fn usage(
        &self,
        scope: &Scope,
        query: UsageQuery,
    ) -> Result<Page<UsageRow>, ChatError> {
        let (inner, scope) = self.both(scope);
        self.inner
            .detached(async move {
                inner.ports.ledger.usage(&scope, query).await.map_err(ChatError::Store)
            })
            .await
    }

    /// The limits that hold for a scope, and how much is left; those of one model too if one is
    /// named.
    ///
    /// # Errors
    ///
    /// [`ChatError::NotFound`] when there is no such model; [`ChatError::Store`].
    pub async fn standings(
        &self,
        scope: &Scope,
        model: Option<&str>,
    ) -> Result<Vec<Standing>, ChatError> {
        let model = model.map(|name| self.inner.model(scope, Some(name))).transpose()?;
        let (inner, scope) = self.both(scope);
        self.inner
            .detached(async move {
                let model = model.as_ref().map(|model| model.id.as_str());
                Ok(inner.ports.limiter.standings(&scope, model).await?)
            })
            .await
    }

    /// The limits that were set for the scope's tenant.
    ///
    /// # Errors
    ///
    /// [`ChatError::Store`].
    pub async fn limits(&self, scope: &Scope) -> Result<Vec<Limit>, ChatError> {
        let (inner, scope) = self.both(scope);
        self.inner
            .detached(
                async move { inner.ports.limits.limits(&scope).await.map_err(ChatError::Store) },
            )
            .await
    }

    /// Sets a limit for the scope's tenant. It holds in this process at once, in others within
    /// seconds.
    ///
    /// # Errors
    ///
    /// [`ChatError::NotFound`] when there is no such model; [`ChatError::Store`].
    pub async fn set_limit(&self, scope: &Scope, limit: Limit) -> Result<(), ChatError> {
        if let Some(model) = &limit.key.model {
            self.inner.model(scope, Some(model))?;
        }
        let (inner, scope) = self.both(scope);
        self.inner
            .detached(async move {
                let most = limit.most.map_or_else(|| "null".to_owned(), |most| most.to_string());
                let details = format!(r#"{{"most":{most}}}"#);
                let audit = inner.limit_entry(&scope, AuditEntry::SET_LIMIT, &limit.key, details);
                inner
                    .ports
                    .limits
                    .set_limit(&scope, limit, audit)
                    .await
                    .map_err(ChatError::Store)?;
                inner.ports.limiter.changed(&scope.tenant);
                Ok(())
            })
            .await
    }

    /// Takes a limit away that was set for the scope's tenant: what is configured holds again.
    ///
    /// # Errors
    ///
    /// [`ChatError::NotFound`] when none was set; [`ChatError::Store`].
    pub async fn remove_limit(&self, scope: &Scope, key: LimitKey) -> Result<(), ChatError> {
        let (inner, scope) = self.both(scope);
        self.inner
            .detached(async move {
                let nothing = "{}".to_owned();
                let audit = inner.limit_entry(&scope, AuditEntry::REMOVE_LIMIT, &key, nothing);
                let removed = inner.ports.limits.remove_limit(&scope, key, audit).await;
                removed.map_err(Inner::not_found(Missing::Limit))?;
                inner.ports.limiter.changed(&scope.tenant);
                Ok(())
            })
            .await
    }

    /// Revokes an access of the scope's tenant: new requests are refused and running turns end, in
    /// this process at once, in others within about a second. `until` says when it may be forgotten.
    ///
    /// # Errors
    ///
    /// [`ChatError::Store`].
    pub async fn revoke(
        &self,
        scope: &Scope,
        whose: Revoked,
        until: Option<Timestamp>,
    ) -> Result<Revocation, ChatError> {
        let (inner, scope) = self.both(scope);
        self.inner
            .detached(async move {
                let revocation = Revocation {
                    whose,
                    until,
                    revoked_at: inner.ports.clock.now(),
                    revoked_by: scope.user.clone(),
                };
                let audit = AuditEntry::of_revocation(inner.ports.ids.next(), &revocation);
                let revoked = inner.ports.access.revoke(&scope, revocation.clone(), audit).await;
                revoked.map_err(ChatError::Store)?;
                access::look(&inner).await;
                Ok(revocation)
            })
            .await
    }

    /// Gives a revoked access of the scope's tenant back.
    ///
    /// # Errors
    ///
    /// [`ChatError::NotFound`] when it is not revoked; [`ChatError::Store`].
    pub async fn restore(&self, scope: &Scope, whose: Revoked) -> Result<(), ChatError> {
        let (inner, scope) = self.both(scope);
        self.inner
            .detached(async move {
                let (id, now) = (inner.ports.ids.next(), inner.ports.clock.now());
                let audit = AuditEntry::of_return(id, now, scope.user.clone(), &whose);
                let restored = inner.ports.access.restore(&scope, whose, audit).await;
                restored.map_err(Inner::not_found(Missing::Revocation))?;
                access::look(&inner).await;
                Ok(())
            })
            .await
    }

    /// The revoked accesses of the scope's tenant.
    ///
    /// # Errors
    ///
    /// [`ChatError::Store`].
    pub async fn revocations(&self, scope: &Scope) -> Result<Vec<Revocation>, ChatError> {
        let (inner, scope) = self.both(scope);
        self.inner
            .detached(async move {
                inner.ports.access.revocations(&scope).await.map_err(ChatError::Store)
            })
            .await
    }

    /// A page of what administrators of the scope's tenant have done.
    ///
    /// # Errors
    ///
    /// [`ChatError::CursorNotFound`]; [`ChatError::Store`].
    pub async fn audit(
        &self,
        scope: &Scope,
        page: PageRequest<Uuid>,
    ) -> Result<Page<AuditEntry>, ChatError> {
        let (inner, scope) = self.both(scope);
        self.inner
            .detached(async move {
                inner.ports.access.audit(&scope, page).await.map_err(|error| match error {
                    StoreError::CursorNotFound => ChatError::CursorNotFound,
                    error => ChatError::Store(error),
                })
            })
            .await
    }

    fn both(&self, scope: &Scope) -> (Arc<Inner>, Scope) {
        (Arc::clone(&self.inner), scope.clone())
    }
}

impl Inner {
    /// What was done about a limit.
    fn limit_entry(&self, scope: &Scope, act: &str, key: &LimitKey, details: String) -> AuditEntry {
        AuditEntry {
            id: self.ports.ids.next(),
            at: self.ports.clock.now(),
            actor: scope.user.clone(),
            act: act.to_owned(),
            subject: subject(key),
            details: RawJson::from_checked(details),
        }
    }
}

/// What a limit is about, as a line of the audit log.
fn subject(key: &LimitKey) -> String {
    let whom = match &key.whom {
        Whom::Tenant => "tenant".to_owned(),
        Whom::EachUser => "each user".to_owned(),
        Whom::User(user) => format!("user {user}"),
    };
    let model = key.model.as_ref().map_or_else(String::new, |model| format!(" of model {model}"));
    format!("{} of {whom}{model}", key.meter.as_str())
}
