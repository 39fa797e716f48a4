//! `loquat access`: revokes access, gives it back, or lists what is revoked. The servers of the
//! database obey within seconds; none needs to run.

use std::{fmt::Display, fmt::Write as _};

use loquat_chat::{Clock as _, IdSource as _, SystemClock, SystemIds};
use loquat_domain::{Scope, TenantId, TokenId, UserId};
use loquat_store::{AccessStore, AuditEntry, Revocation, Revoked, StoreError};

use crate::{
    cli::{AccessAct, AccessArgs},
    config::Faults,
    database::{Database, runtime_for_one},
};

/// Who has done it, in the audit log: whoever may open the database.
const OPERATOR: &str = "operator";

/// Does what the command line says; returns what to print.
pub(crate) fn run(database: &Database, args: &AccessArgs) -> Result<String, Faults> {
    let scope = Scope {
        tenant: TenantId::new(&args.tenant).map_err(|error| fault("--tenant", error))?,
        user: UserId::new(OPERATOR).map_err(|error| fault("loquat access", error))?,
    };
    let whose = match (&args.user, &args.token) {
        (Some(user), _) => {
            Revoked::User(UserId::new(user).map_err(|error| fault("--user", error))?)
        }
        (None, Some(token)) => {
            Revoked::Token(TokenId::new(token).map_err(|error| fault("--token", error))?)
        }
        (None, None) => Revoked::Tenant,
    };
    let runtime = runtime_for_one().map_err(|error| fault("loquat access", error))?;
    let access = database.open(&runtime)?.access;
    runtime.block_on(async {
        match args.act {
            AccessAct::Revoke => revoke(access.as_ref(), &scope, whose, args).await,
            AccessAct::Restore => restore(access.as_ref(), &scope, whose).await,
            AccessAct::List => list(access.as_ref(), &scope).await,
        }
    })
}

async fn revoke(
    access: &dyn AccessStore,
    scope: &Scope,
    whose: Revoked,
    args: &AccessArgs,
) -> Result<String, Faults> {
    let now = SystemClock.now();
    let revocation = Revocation {
        until: args.lasts.map(|lasts| now.plus(lasts)),
        revoked_at: now,
        revoked_by: scope.user.clone(),
        whose,
    };
    let audit = AuditEntry::of_revocation(SystemIds.next(), &revocation);
    access.revoke(scope, revocation, audit).await.map_err(|error| failed(&error))?;
    Ok("revoked: new requests are refused, running answers end within seconds\n".to_owned())
}

async fn restore(
    access: &dyn AccessStore,
    scope: &Scope,
    whose: Revoked,
) -> Result<String, Faults> {
    let (id, now) = (SystemIds.next(), SystemClock.now());
    let audit = AuditEntry::of_return(id, now, scope.user.clone(), &whose);
    match access.restore(scope, whose, audit).await {
        Ok(()) => Ok("given back\n".to_owned()),
        Err(StoreError::NotFound) => Ok("was not revoked\n".to_owned()),
        Err(error) => Err(failed(&error)),
    }
}

async fn list(access: &dyn AccessStore, scope: &Scope) -> Result<String, Faults> {
    let revocations = access.revocations(scope).await.map_err(|error| failed(&error))?;
    let mut lines = String::new();
    for Revocation { whose, until, revoked_by, .. } in revocations {
        let until = until
            .map_or_else(|| "for ever".to_owned(), |until| format!("until {}", until.as_secs()));
        // Writing to a string does not fail.
        let _ = writeln!(lines, "{whose}, {until}, by {revoked_by}");
    }
    Ok(lines)
}

fn fault(key: &str, error: impl Display) -> Faults {
    Faults::of(key, error.to_string())
}

fn failed(error: &StoreError) -> Faults {
    fault("database.url", error)
}
