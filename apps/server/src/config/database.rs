//! `[database]`: where the conversations lie.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use loquat_store_postgres::{
    DEFAULT_CREATE_TIMEOUT, DEFAULT_POOL_SIZE, DEFAULT_STATEMENT_TIMEOUT, DEFAULT_WAIT_TIMEOUT,
    PostgresOptions,
};
use serde::{Deserialize, Serialize, Serializer};

use super::Faults;

/// `[database]`: where the conversations lie. All but the URL is about Postgres.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DatabaseSection {
    /// `sqlite://` and the path of the file, relative (`sqlite://loquat.db`) or absolute
    /// (`sqlite:///var/lib/loquat/loquat.db`); or the `postgres://` URL of a database, whose
    /// password is never shown. Default: `loquat.db` in the data directory.
    pub(crate) url: Option<DatabaseUrl>,
    /// Most connections at a time. Default 16: a turn holds one for a few milliseconds at its start
    /// and at its end.
    pub(crate) max_connections: usize,
    /// How long a call waits for a free connection, in milliseconds. Default 2,000: a caller who is
    /// told later has given up.
    pub(crate) wait_timeout_ms: u64,
    /// How long connecting may take, in milliseconds. Default 5,000.
    pub(crate) connect_timeout_ms: u64,
    /// How long a statement may take, in milliseconds. Default 10,000: every statement of ours takes
    /// milliseconds, but for the deletion of very long conversations.
    pub(crate) statement_timeout_ms: u64,
    /// The role that `loquat migrate` grants what serving takes. Default: `loquat_app`, where there
    /// is such a role.
    pub(crate) runtime_role: Option<String>,
    /// Lets the server run with a role that row-level security does not bind: a superuser, one that
    /// bypasses it, or the tables' owner. Default false.
    pub(crate) allow_unsafe_role: bool,
}

impl Default for DatabaseSection {
    fn default() -> Self {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            url: None,
            max_connections: DEFAULT_POOL_SIZE.get(),
            wait_timeout_ms: millis(DEFAULT_WAIT_TIMEOUT),
            connect_timeout_ms: millis(DEFAULT_CREATE_TIMEOUT),
            statement_timeout_ms: millis(DEFAULT_STATEMENT_TIMEOUT),
            runtime_role: None,
            allow_unsafe_role: false,
        }
    }
}

/// A database's URL. It may hold a password, and does not show it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The URL with three stars for a password. Whatever may be a part of one is taken for it: from
    /// the first colon to the last `@`, wherever that stands.
    fn redacted(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else { return "***".to_owned() };
        if scheme == "sqlite" {
            return self.0.clone();
        }
        let (user, place) = match rest.rsplit_once('@') {
            None => (String::new(), rest),
            Some((who, place)) => match who.split_once(':') {
                None if who.contains(['/', '?', '=']) => ("***@".to_owned(), place),
                None => (format!("{who}@"), place),
                Some((user, _)) => (format!("{user}:***@"), place),
            },
        };
        let (place, settings) = place.split_once('?').unwrap_or((place, ""));
        let is_shown = |setting: &&str| match setting.split_once('=') {
            None => false,
            Some((name, _)) => !name.contains("pass") && !name.contains('%'),
        };
        match settings.split('&').filter(is_shown).collect::<Vec<_>>().join("&") {
            none if none.is_empty() => format!("{scheme}://{user}{place}"),
            settings => format!("{scheme}://{user}{place}?{settings}"),
        }
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.redacted())
    }
}

/// The database that a URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// A file.
    Sqlite(PathBuf),
    /// The URL of a Postgres database, not looked at yet.
    Postgres(&'a str),
}

/// The URL names no database that this build has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlError {
    #[error(
        "must begin with sqlite:// or postgres://, such as sqlite://loquat.db or \
         postgres://loquat_app@localhost/loquat"
    )]
    Scheme,
    #[error("must name a file after sqlite://, such as sqlite://loquat.db")]
    NoFile,
}

impl DatabaseSection {
    /// The database that is meant.
    pub(crate) fn target(&self, data_dir: &Path) -> Result<Target<'_>, UrlError> {
        let Some(DatabaseUrl(url)) = &self.url else {
            return Ok(Target::Sqlite(data_dir.join("loquat.db")));
        };
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Target::Postgres(url));
        }
        let file = url.strip_prefix("sqlite://").ok_or(UrlError::Scheme)?;
        // In memory, every connection would have a database of its own. SQLite takes a name that
        // begins with `file:` for options.
        if file.is_empty() || file == ":memory:" || file.starts_with("file:") || file.ends_with('/')
        {
            return Err(UrlError::NoFile);
        }
        Ok(Target::Sqlite(PathBuf::from(file)))
    }

    /// The URL without a password; empty when there is none.
    pub(crate) fn shown(&self) -> String {
        self.url.as_ref().map(DatabaseUrl::redacted).unwrap_or_default()
    }

    pub(super) fn check(&self, data_dir: &Path, faults: &mut Faults) {
        if let Some(Target::Postgres(url)) = faults.take("database.url", self.target(data_dir)) {
            // What cannot be read cannot be shown without its password either.
            faults.take("database.url", PostgresOptions::new(url));
        }
        faults.check_range("database.max_connections", self.max_connections, 1..=1_000);
        for (key, value) in [
            ("database.wait_timeout_ms", self.wait_timeout_ms),
            ("database.connect_timeout_ms", self.connect_timeout_ms),
            ("database.statement_timeout_ms", self.statement_timeout_ms),
        ] {
            faults.check_range(key, value, 1..=3_600_000);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(url: &str) -> DatabaseSection {
        let url = Some(DatabaseUrl(url.to_owned()));
        DatabaseSection { url, ..DatabaseSection::default() }
    }

    #[test]
    fn a_url_names_a_file_relative_or_absolute() {
        for (url, file) in [("sqlite://a/b.db", "a/b.db"), ("sqlite:///a/b.db", "/a/b.db")] {
            let target = section(url);
            assert_eq!(target.target(Path::new("data")), Ok(Target::Sqlite(file.into())));
        }
        let default = DatabaseSection::default();
        let target = default.target(Path::new("data"));
        assert_eq!(target, Ok(Target::Sqlite("data/loquat.db".into())));
    }

    #[test]
    fn a_url_names_a_postgres_database() {
        for url in ["postgres://u@host/db", "postgresql://u@host/db"] {
            assert_eq!(section(url).target(Path::new("data")), Ok(Target::Postgres(url)));
        }
    }

    #[test]
    fn what_names_no_database_is_refused() {
        for url in ["mysql://canary", "loquat.db", ""] {
            assert_eq!(section(url).target(Path::new("data")), Err(UrlError::Scheme), "{url}");
        }
        for url in ["sqlite://", "sqlite://:memory:", "sqlite://file:x?mode=memory", "sqlite://a/"]
        {
            assert_eq!(section(url).target(Path::new("data")), Err(UrlError::NoFile), "{url}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        for (url, shown) in [
            (
                "postgres://u:canary@host:1/db?sslmode=require",
                "postgres://u:***@host:1/db?sslmode=require",
            ),
            ("postgres://u:can@ary@host/db", "postgres://u:***@host/db"),
            ("postgres://host/db?password=can@ary", "postgres://***@ary"),
            ("postgres://u@host/db?password=canary&user=u", "postgres://u@host/db?user=u"),
            ("postgres://host/db", "postgres://host/db"),
            (
                "postgres://u:ca?nary@host/db?sslmode=require",
                "postgres://u:***@host/db?sslmode=require",
            ),
            ("postgres://u:ca/nary?canary=@host/db", "postgres://u:***@host/db"),
            ("postgres://u@host/db?pass%77ord=canary", "postgres://u@host/db"),
            (
                "postgres://u@host/db?sslpassword=canary&sslmode=disable",
                "postgres://u@host/db?sslmode=disable",
            ),
            ("sqlite:///a/b.db", "sqlite:///a/b.db"),
            ("canary", "***"),
        ] {
            let url = DatabaseUrl(url.to_owned());
            assert_eq!(format!("{url:?}"), shown);
            assert_eq!(toml::Value::try_from(&url).unwrap().as_str(), Some(shown));
        }
    }
}
