//! What a database must be before it is used.

use std::{collections::HashSet, fmt};

use diesel::{
    QueryableByName, sql_query,
    sql_types::{Bool, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::{
    PostgresOptions, connection::Connector, migrations, options::UnsafeRoleIs, pool::Pool,
};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why the store cannot use the database.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// It cannot be reached, or lets nobody in.
    #[error("the database cannot be reached")]
    Unavailable(#[source] Source),
    /// The certificates of the authorities that it shall be verified by cannot be used.
    #[error("`sslrootcert` cannot be used")]
    Certificates(#[source] Source),
    /// It lacks a part of this version's schema.
    #[error("the database is not at this version; run `loquat migrate` with its owner's URL")]
    NotMigrated,
    /// The role was not granted what running takes.
    #[error("the role `{role}` may not use the schema; name it to `loquat migrate`")]
    NoAccess {
        /// Its name.
        role: String,
    },
    /// Row-level security does not bind the role.
    #[error("the role `{role}` {bypass} and so is not bound by row-level security")]
    UnsafeRole {
        /// Its name.
        role: String,
        /// By what it gets around the policies.
        bypass: Bypass,
    },
    /// Anything else.
    #[error("the database cannot be looked at")]
    Internal(#[source] Source),
}

/// By what a role gets around row-level security, itself or as a member of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bypass {
    /// It is a superuser.
    Superuser,
    /// It has the attribute `BYPASSRLS`.
    BypassRls,
    /// It owns tables, and can switch their policies off.
    Owner,
}

impl fmt::Display for Bypass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Superuser => "is a superuser",
            Self::BypassRls => "has BYPASSRLS",
            Self::Owner => "owns the tables",
        })
    }
}

pub(crate) async fn connect(options: &PostgresOptions) -> Result<Pool, ConnectError> {
    let tls = options.tls().connector().map_err(ConnectError::Certificates)?;
    let pool = Pool::new(options, Connector::new(options.serving(), tls))
        .map_err(|error| ConnectError::Internal(Box::new(error)))?;
    let mut connection =
        pool.get().await.map_err(|error| ConnectError::Unavailable(Box::new(error)))?;
    let circumstances = circumstances(&mut connection).await?;
    check_schema(&mut connection, &circumstances).await?;
    check_role(circumstances, options.unsafe_role())?;
    drop(connection);
    Ok(pool)
}

/// Who we are and what is there.
#[derive(Debug, QueryableByName)]
#[expect(clippy::struct_excessive_bools, reason = "a row of answers to yes-or-no questions")]
struct Circumstances {
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Bool)]
    is_superuser: bool,
    #[diesel(sql_type = Bool)]
    bypasses_rls: bool,
    #[diesel(sql_type = Bool)]
    is_owner: bool,
    #[diesel(sql_type = Bool)]
    has_schema: bool,
    #[diesel(sql_type = Bool)]
    may_use_schema: bool,
    #[diesel(sql_type = Text)]
    language: String,
}

async fn circumstances(connection: &mut AsyncPgConnection) -> Result<Circumstances, ConnectError> {
    // 'MEMBER' also counts what a role must `SET ROLE` for, since nothing keeps it from that.
    sql_query(
        "SELECT current_user::text AS role,
            EXISTS (
                SELECT FROM pg_roles WHERE rolsuper AND pg_has_role(oid, 'MEMBER')
            ) AS is_superuser,
            EXISTS (
                SELECT FROM pg_roles WHERE rolbypassrls AND pg_has_role(oid, 'MEMBER')
            ) AS bypasses_rls,
            EXISTS (
                SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
                WHERE nspname = 'loquat' AND relkind IN ('r', 'p')
                    AND pg_has_role(relowner, 'MEMBER')
            ) AS is_owner,
            EXISTS (SELECT FROM pg_namespace WHERE nspname = 'loquat') AS has_schema,
            coalesce((
                SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace
                WHERE nspname = 'loquat'
            ), false) AS may_use_schema,
            current_setting('lc_messages') AS language",
    )
    .get_result(connection)
    .await
    .map_err(internal)
}

#[derive(Debug, QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

/// A later version's schema has this one's functions too: an old binary goes on while a new one
/// takes over.
async fn check_schema(
    connection: &mut AsyncPgConnection,
    circumstances: &Circumstances,
) -> Result<(), ConnectError> {
    if !circumstances.has_schema {
        return Err(ConnectError::NotMigrated);
    }
    if !circumstances.may_use_schema {
        return Err(ConnectError::NoAccess { role: circumstances.role.clone() });
    }
    let is_there = "SELECT '' AS version FROM pg_class
        WHERE oid = to_regclass('loquat.__diesel_schema_migrations')";
    let is_there: Vec<Applied> = sql_query(is_there).load(connection).await.map_err(internal)?;
    if is_there.is_empty() {
        return Err(ConnectError::NotMigrated);
    }
    let applied = "SELECT version::text AS version FROM loquat.__diesel_schema_migrations";
    let applied: Vec<Applied> = sql_query(applied).load(connection).await.map_err(internal)?;
    let applied: HashSet<String> = applied.into_iter().map(|step| step.version).collect();
    let known = migrations::versions().map_err(ConnectError::Internal)?;
    let lacks = known.iter().any(|step| !applied.contains(&step.to_string()));
    if lacks { Err(ConnectError::NotMigrated) } else { Ok(()) }
}

fn check_role(circumstances: Circumstances, unsafe_role: UnsafeRoleIs) -> Result<(), ConnectError> {
    let Circumstances { role, is_superuser, bypasses_rls, is_owner, language, .. } = circumstances;
    if !["C", "POSIX", "en"].iter().any(|known| language.starts_with(known)) {
        tracing::warn!(
            %role, lc_messages = language,
            "faults that pass are told from others by their English messages; \
             have a superuser run ALTER ROLE … SET lc_messages = 'C'"
        );
    }
    let bypass = if is_superuser {
        Bypass::Superuser
    } else if bypasses_rls {
        Bypass::BypassRls
    } else if is_owner {
        Bypass::Owner
    } else {
        return Ok(());
    };
    match unsafe_role {
        UnsafeRoleIs::Refused => Err(ConnectError::UnsafeRole { role, bypass }),
        UnsafeRoleIs::Allowed => {
            tracing::warn!(%role, %bypass, "row-level security does not bind the store's role");
            Ok(())
        }
    }
}

fn internal(error: diesel::result::Error) -> ConnectError {
    ConnectError::Internal(Box::new(error))
}
