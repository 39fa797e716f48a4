//! A database URL as libpq reads it: what tokio-postgres does not know of it is read here.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};

use super::OptionsError;
use crate::tls::Tls;

const SSL_MODES: &str = "must be disable, prefer, require, verify-ca or verify-full";

/// The settings that are not for tokio-postgres.
#[derive(Debug, Default)]
struct Own {
    mode: Option<String>,
    root: Option<String>,
}

pub(super) fn parse(url: &str) -> Result<(Config, Tls), OptionsError> {
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(OptionsError::Scheme);
    }
    let (rest, own) = split(url)?;
    let mut config: Config = rest.parse().map_err(unreadable)?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(OptionsError::NoHost);
    }
    let tls = tls(&own, all_local(&config))?;
    config.ssl_mode(match tls {
        Tls::Off => SslMode::Disable,
        Tls::Preferred => SslMode::Prefer,
        Tls::Unverified | Tls::Authority(_) | Tls::Full(_) => SslMode::Require,
    });
    Ok((config, tls))
}

/// Takes our own settings out of the URL.
fn split(url: &str) -> Result<(String, Own), OptionsError> {
    // A password may have a question mark in it, which only the first `@` ends.
    let authority = url.find('@').unwrap_or_default();
    let Some((before, settings)) = url.split_at_checked(authority).and_then(|(user, rest)| {
        rest.split_once('?').map(|(place, settings)| (format!("{user}{place}"), settings))
    }) else {
        return Ok((url.to_owned(), Own::default()));
    };
    let mut own = Own::default();
    let mut others = Vec::new();
    for setting in settings.split('&') {
        match setting.split_once('=') {
            Some(("sslmode", value)) => own.mode = Some(decoded("sslmode", value)?),
            Some(("sslrootcert", value)) => own.root = Some(decoded("sslrootcert", value)?),
            _ => others.push(setting),
        }
    }
    let others = others.join("&");
    let url = if others.is_empty() { before } else { format!("{before}?{others}") };
    Ok((url, own))
}

fn decoded(name: &'static str, value: &str) -> Result<String, OptionsError> {
    let decoded = percent_decode_str(value).decode_utf8();
    decoded.map(Into::into).map_err(|_| OptionsError::Setting { name, must: "must be UTF-8" })
}

fn all_local(config: &Config) -> bool {
    config.get_hostaddrs().is_empty()
        && config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)))
}

fn tls(own: &Own, is_local: bool) -> Result<Tls, OptionsError> {
    let root = match own.root.as_deref() {
        None | Some("system") => None,
        Some(path) => Some(PathBuf::from(path)),
    };
    let tls = match (own.mode.as_deref().unwrap_or("prefer"), root) {
        ("disable", _) => Tls::Off,
        ("prefer", _) => Tls::Preferred,
        ("require" | "verify-ca", Some(root)) => Tls::Authority(root),
        ("require", None) => Tls::Unverified,
        // Whoever has a name of his own has a certificate from the system's authorities.
        ("verify-ca", None) => {
            return Err(OptionsError::Setting {
                name: "sslrootcert",
                must: "must name a file when `sslmode` is verify-ca",
            });
        }
        ("verify-full", root) => Tls::Full(root),
        _ => return Err(OptionsError::Setting { name: "sslmode", must: SSL_MODES }),
    };
    // Like libpq: there is no TLS on a Unix socket, and nobody in between.
    Ok(if is_local { Tls::Off } else { tls })
}

/// The parser's words name settings, never their values.
fn unreadable(error: tokio_postgres::Error) -> OptionsError {
    let source = error.into_source();
    OptionsError::Unreadable(source.map_or_else(String::new, |source| source.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls_of(url: &str) -> Result<Tls, OptionsError> {
        parse(url).map(|(_, tls)| tls)
    }

    #[test]
    fn sslmode_means_what_it_means_to_libpq() {
        let root = || PathBuf::from("/etc/ca 1.pem");
        for (settings, expected) in [
            ("", Tls::Preferred),
            ("?sslmode=disable", Tls::Off),
            ("?sslmode=prefer", Tls::Preferred),
            ("?sslmode=require", Tls::Unverified),
            ("?sslmode=require&sslrootcert=/etc/ca%201.pem", Tls::Authority(root())),
            ("?sslrootcert=/etc/ca%201.pem&sslmode=verify-ca", Tls::Authority(root())),
            ("?sslmode=verify-full", Tls::Full(None)),
            ("?sslmode=verify-full&sslrootcert=system", Tls::Full(None)),
            ("?sslmode=verify-full&sslrootcert=/etc/ca%201.pem", Tls::Full(Some(root()))),
        ] {
            assert_eq!(
                tls_of(&format!("postgres://u:p@h/d{settings}")),
                Ok(expected),
                "{settings}"
            );
        }
        for wrong in ["allow", "on", ""] {
            let error = tls_of(&format!("postgres://h/d?sslmode={wrong}")).unwrap_err();
            assert_eq!(error, OptionsError::Setting { name: "sslmode", must: SSL_MODES });
        }
        let error = tls_of("postgres://h/d?sslmode=verify-ca").unwrap_err();
        assert!(error.to_string().contains("sslrootcert"), "{error}");
    }

    #[test]
    fn the_rest_is_kept() {
        let url = "postgresql://u%40x:p%3F%26@one,two:5433/d%20b\
            ?connect_timeout=3&sslmode=require&channel_binding=require&application_name=x";
        let (config, _) = parse(url).unwrap();
        assert_eq!(config.get_user(), Some("u@x"));
        assert_eq!(config.get_password(), Some(b"p?&".as_slice()));
        assert_eq!(config.get_hosts().len(), 2);
        assert_eq!(config.get_ports(), [5432, 5433]);
        assert_eq!(config.get_dbname(), Some("d b"));
        assert_eq!(config.get_application_name(), Some("x"));
        assert_eq!(config.get_ssl_mode(), SslMode::Require);
        assert_eq!(config.get_channel_binding(), tokio_postgres::config::ChannelBinding::Require);
    }

    #[test]
    fn a_password_may_have_a_question_mark() {
        let (config, tls) = parse("postgres://u:a?sslmode=disable@h/d?sslmode=require").unwrap();
        assert_eq!(config.get_password(), Some(b"a?sslmode=disable".as_slice()));
        assert_eq!(tls, Tls::Unverified);
    }

    #[test]
    fn a_unix_socket_has_no_tls() {
        for url in [
            "postgres:///d?host=/run/postgresql&sslmode=require",
            "postgres://u@%2Frun%2Fpostgresql/d?sslmode=verify-full",
        ] {
            let (config, tls) = parse(url).unwrap();
            assert_eq!(config.get_hosts(), [Host::Unix("/run/postgresql".into())], "{url}");
            assert_eq!(tls, Tls::Off);
        }
    }

    #[test]
    fn what_is_wrong_is_named_without_the_secret() {
        for (url, named) in [
            ("sqlite:secret", "postgres://"),
            ("postgres:///d?user=secret", "host"),
            ("postgres://u:secret@h:port/d", "port"),
            ("postgres://u:secret@h/d?sslkey=secret", "sslkey"),
            ("postgres://u:secret@h/d?sslmode=secret", "sslmode"),
            ("postgres://u:secret@h/d?channel_binding=secret", "channel_binding"),
            ("postgres://u:secret@h/d?connect_timeout=secret", "connect_timeout"),
        ] {
            let error = parse(url).unwrap_err();
            let said = format!("{error} {error:?}");
            assert!(error.to_string().contains(named), "{url}: {error}");
            assert!(!said.contains("secret"), "{said}");
        }
    }

    #[test]
    fn options_do_not_show_the_password() {
        let options = crate::PostgresOptions::new("postgres://ada:secret@h/d?sslmode=require");
        let shown = format!("{:?}", options.unwrap());
        assert!(shown.contains("ada") && !shown.contains("secret"), "{shown}");
    }
}
