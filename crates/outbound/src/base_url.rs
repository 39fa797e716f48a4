//! Where requests go.

use http::Uri;
use url::Url;

use crate::OptionsError;

/// A checked address: `http` or `https`, without credentials. Its text is not in its `Debug` form,
/// because a query may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// Checks an address. Its fragment, if any, is dropped; its query is kept for every request.
    ///
    /// # Errors
    ///
    /// [`OptionsError::NotAUrl`], [`OptionsError::Scheme`] or [`OptionsError::CredentialsInUrl`];
    /// none of them repeats the address.
    pub fn new(url: &str) -> Result<Self, OptionsError> {
        let mut url = Url::parse(url).map_err(|_| OptionsError::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(OptionsError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OptionsError::CredentialsInUrl);
        }
        url.set_fragment(None);
        let base = Self(url);
        base.uri([], None).ok_or(OptionsError::NotAUrl)?;
        Ok(base)
    }

    /// True when connections are encrypted and the endpoint shows a certificate.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The name or address of the host, in lower case.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The path, `/` at least.
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// The whole address as text: for what has to tell endpoints apart, not for a log.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The address with these segments after its path, each percent-encoded, and one more pair in
    /// its query; `None` when the result is longer than a request line may be.
    pub fn uri<'a>(
        &self,
        segments: impl IntoIterator<Item = &'a str>,
        query: Option<(&str, &str)>,
    ) -> Option<Uri> {
        let mut url = self.0.clone();
        // An http or https URL always has segments.
        if let Ok(mut path) = url.path_segments_mut() {
            let mut segments = segments.into_iter().peekable();
            if segments.peek().is_some() {
                path.pop_if_empty();
            }
            path.extend(segments);
        }
        if let Some((name, value)) = query {
            url.query_pairs_mut().append_pair(name, value);
        }
        Uri::try_from(url.as_str()).ok()
    }

    /// True when a request to this address goes to the same scheme, host and port.
    pub(crate) fn is_home_of(&self, uri: &Uri) -> bool {
        let scheme = uri.scheme_str();
        let port = uri.port_u16().or(match scheme {
            Some("https") => Some(443),
            Some("http") => Some(80),
            _ => None,
        });
        let host = uri.host().is_some_and(|host| host.eq_ignore_ascii_case(self.host()));
        scheme == Some(self.0.scheme()) && host && port == self.0.port_or_known_default()
    }
}

impl std::fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BaseUrl").field("is_https", &self.is_https()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(url: &str) -> BaseUrl {
        BaseUrl::new(url).unwrap()
    }

    #[test]
    fn segments_follow_the_base_with_and_without_a_slash_at_its_end() {
        for url in ["http://localhost:11434/v1", "http://localhost:11434/v1/"] {
            let uri = base(url).uri(["chat", "completions"], None).unwrap().to_string();
            assert_eq!(uri, "http://localhost:11434/v1/chat/completions");
        }
        let bare = base("https://example.org").uri(["a b", "c/d"], Some(("v", "1&2"))).unwrap();
        assert_eq!(bare.to_string(), "https://example.org/a%20b/c%2Fd?v=1%262");
    }

    #[test]
    fn without_segments_the_address_is_as_it_was_given() {
        for url in ["https://example.org/a/?q=1", "https://example.org/a?q=1"] {
            assert_eq!(base(url).uri([], None).unwrap().to_string(), url);
        }
    }

    #[test]
    fn only_the_same_scheme_host_and_port_are_home() {
        let home = base("https://example.org/v1");
        for same in ["https://example.org/x", "https://EXAMPLE.org:443/", "https://example.org?q"] {
            assert!(home.is_home_of(&same.parse().unwrap()), "{same}");
        }
        for other in [
            "http://example.org/v1",
            "https://example.org:8443/v1",
            "https://example.com/v1",
            "https://sub.example.org/v1",
            "/v1",
        ] {
            assert!(!home.is_home_of(&other.parse().unwrap()), "{other}");
        }
        let local = base("http://[::1]:8080");
        assert!(local.is_home_of(&local.uri(["a"], None).unwrap()));
    }

    #[test]
    fn bad_urls_are_refused_without_being_repeated() {
        let table = [
            ("secret", "the base URL is not a URL"),
            ("ftp://secret/v1", "the base URL must begin with http:// or https://"),
            (
                "https://user:secret@example.org/v1",
                "the base URL must not contain credentials; configure the key instead",
            ),
        ];
        for (url, message) in table {
            let error = BaseUrl::new(url).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert!(!format!("{error:?}").contains("secret"));
        }
    }
}
