//! `[database]`: where the conversations lie.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// `[database]`: where the conversations lie.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DatabaseSection {
    /// `sqlite://` and the path of the file, relative (`sqlite://loquat.db`) or absolute
    /// (`sqlite:///var/lib/loquat/loquat.db`). Default: `loquat.db` in the data directory.
    pub(crate) url: Option<String>,
}

/// The URL names no database that this build has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlError {
    #[error("this build has SQLite only: give a URL such as sqlite://loquat.db")]
    Postgres,
    #[error("must begin with sqlite://, such as sqlite://loquat.db")]
    Scheme,
    #[error("must name a file after sqlite://, such as sqlite://loquat.db")]
    NoFile,
}

impl DatabaseSection {
    /// The file of the database.
    pub(crate) fn file(&self, data_dir: &Path) -> Result<PathBuf, UrlError> {
        let Some(url) = &self.url else { return Ok(data_dir.join("loquat.db")) };
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Err(UrlError::Postgres);
        }
        let file = url.strip_prefix("sqlite://").ok_or(UrlError::Scheme)?;
        // In memory, every connection would have a database of its own. SQLite takes a name that
        // begins with `file:` for options.
        if file.is_empty() || file == ":memory:" || file.starts_with("file:") || file.ends_with('/')
        {
            return Err(UrlError::NoFile);
        }
        Ok(PathBuf::from(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(url: &str) -> Result<PathBuf, UrlError> {
        DatabaseSection { url: Some(url.to_owned()) }.file(Path::new("data"))
    }

    #[test]
    fn a_url_names_a_file_relative_or_absolute() {
        assert_eq!(file("sqlite://a/b.db"), Ok("a/b.db".into()));
        assert_eq!(file("sqlite:///a/b.db"), Ok("/a/b.db".into()));
        let default = DatabaseSection::default().file(Path::new("data"));
        assert_eq!(default, Ok("data/loquat.db".into()));
    }

    #[test]
    fn what_names_no_file_is_refused_without_being_repeated() {
        assert_eq!(file("postgres://u:canary@host/db"), Err(UrlError::Postgres));
        assert_eq!(file("mysql://canary"), Err(UrlError::Scheme));
        assert_eq!(file("loquat.db"), Err(UrlError::Scheme));
        assert_eq!(file(""), Err(UrlError::Scheme));
        for url in ["sqlite://", "sqlite://:memory:", "sqlite://file:x?mode=memory", "sqlite://a/"]
        {
            assert_eq!(file(url), Err(UrlError::NoFile), "{url}");
        }
    }
}
