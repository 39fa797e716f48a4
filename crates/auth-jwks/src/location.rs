//! Where an issuer publishes its keys.

use std::net::IpAddr;

use loquat_outbound::{BaseUrl, OptionsError};

/// A place that keys cannot come from. The texts never repeat it.
#[derive(Debug, thiserror::Error)]
pub enum LocationError {
    /// Not an address that can be asked at all.
    #[error("give a URL that begins with https:// and has no user name and no password in it")]
    NotAUrl(#[source] OptionsError),
    /// Whoever is on the way could hand out keys of his own.
    #[error("keys must come by https://; http:// is for this machine's own addresses only")]
    NotEncrypted,
    /// Discovery knows no such issuers.
    #[error("an issuer whose keys are to be found by itself has no `?` and no `#` in its name")]
    NotAnIssuer,
}

/// Where an issuer publishes its keys.
#[derive(Debug, Clone)]
pub struct KeyLocation(pub(crate) Place);

#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// The keys are at this address.
    At(BaseUrl),
    /// The document at this address says where, and whose they are.
    Discovered { document: BaseUrl, issuer: String },
}

impl KeyLocation {
    /// The set of keys is at this URL.
    ///
    /// # Errors
    ///
    /// [`LocationError::NotAUrl`], [`LocationError::NotEncrypted`].
    pub fn at(url: &str) -> Result<Self, LocationError> {
        checked(url).map(|url| Self(Place::At(url)))
    }

    /// The issuer's own document, at its name with `/.well-known/openid-configuration` behind it,
    /// says where. It must name the very same issuer.
    ///
    /// # Errors
    ///
    /// [`LocationError`] when the issuer's name is not such a URL.
    pub fn discovered(issuer: &str) -> Result<Self, LocationError> {
        if issuer.contains(['?', '#']) {
            return Err(LocationError::NotAnIssuer);
        }
        // Discovery 1.0 §4.1: a slash at the end is dropped first.
        let base = issuer.strip_suffix('/').unwrap_or(issuer);
        let document = checked(&format!("{base}/.well-known/openid-configuration"))?;
        Ok(Self(Place::Discovered { document, issuer: issuer.to_owned() }))
    }
}

/// An address by https, or one of this machine.
pub(crate) fn checked(url: &str) -> Result<BaseUrl, LocationError> {
    let url = BaseUrl::new(url).map_err(LocationError::NotAUrl)?;
    if url.is_https() || is_this_machine(url.host()) {
        Ok(url)
    } else {
        Err(LocationError::NotEncrypted)
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_encrypted_or_from_this_machine() {
        for url in [
            "https://id.example/keys",
            "http://127.0.0.1:8080/keys",
            "http://127.9.9.9/keys",
            "http://localhost/keys",
            "http://[::1]:8080/keys",
        ] {
            assert!(KeyLocation::at(url).is_ok(), "{url}");
        }
        for url in [
            "http://id.example/keys",
            "http://10.0.0.1/keys",
            "http://169.254.169.254/keys",
            "http://localhost.example/keys",
            "http://127.0.0.1.example/keys",
            "http://[::ffff:10.0.0.1]/keys",
        ] {
            assert!(matches!(KeyLocation::at(url), Err(LocationError::NotEncrypted)), "{url}");
        }
        for url in ["", "id.example", "file:///keys", "https://me:secret@id.example/keys"] {
            let error = KeyLocation::at(url).unwrap_err();
            assert!(matches!(error, LocationError::NotAUrl(_)), "{url}");
            assert!(!error.to_string().contains("secret"));
        }
    }

    #[test]
    fn the_document_is_beneath_the_name_of_the_issuer() {
        let table = [
            ("https://id.example", "https://id.example/.well-known/openid-configuration"),
            ("https://id.example/", "https://id.example/.well-known/openid-configuration"),
            ("https://id.example/r/a", "https://id.example/r/a/.well-known/openid-configuration"),
        ];
        for (issuer, expected) in table {
            let Place::Discovered { document, .. } = KeyLocation::discovered(issuer).unwrap().0
            else {
                panic!("{issuer}");
            };
            assert_eq!(document.as_str(), expected);
        }
        for issuer in ["https://id.example?a", "https://id.example#a"] {
            assert!(matches!(KeyLocation::discovered(issuer), Err(LocationError::NotAnIssuer)));
        }
    }
}
