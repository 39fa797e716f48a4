//! Where requests go.

use http::Uri;
use url::Url;

use crate::options::{OptionsError, OutputLimitField};

/// A checked address.
pub(crate) struct Endpoint {
    base: Url,
    azure_api_version: Option<String>,
}

impl Endpoint {
    /// With `azure_api_version`, Azure's URL form with the deployment in the path.
    pub(crate) fn new(
        base_url: &str,
        azure_api_version: Option<String>,
    ) -> Result<Self, OptionsError> {
        let mut base = Url::parse(base_url).map_err(|_| OptionsError::NotAUrl)?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(OptionsError::Scheme);
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(OptionsError::CredentialsInUrl);
        }
        base.set_fragment(None);
        let endpoint = Self { base, azure_api_version };
        endpoint.uri("model").ok_or(OptionsError::NotAUrl)?;
        Ok(endpoint)
    }

    pub(crate) fn is_https(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// True when it is OpenAI itself, or Azure.
    pub(crate) fn is_openais(&self) -> bool {
        let host = self.base.host_str().unwrap_or_default();
        let is_azure = self.azure_api_version.is_some() || host.ends_with(".openai.azure.com");
        is_azure || host == "api.openai.com"
    }

    /// The field that this host wants when the operator does not say.
    pub(crate) fn output_limit_field(&self) -> OutputLimitField {
        if self.is_openais() {
            OutputLimitField::MaxCompletionTokens
        } else {
            OutputLimitField::MaxTokens
        }
    }

    /// The URL of the call for this model; `None` when a name as long as this fits into none.
    pub(crate) fn uri(&self, model: &str) -> Option<Uri> {
        let mut url = self.base.clone();
        // An http or https URL always has segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty();
            if self.azure_api_version.is_some() {
                segments.extend(["openai", "deployments", model]);
            }
            segments.extend(["chat", "completions"]);
        }
        if let Some(version) = &self.azure_api_version {
            url.query_pairs_mut().append_pair("api-version", version);
        }
        Uri::try_from(url.as_str()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(base_url: &str) -> Endpoint {
        Endpoint::new(base_url, None).unwrap()
    }

    #[test]
    fn the_path_follows_the_base_with_and_without_a_slash_at_its_end() {
        for base in ["http://localhost:11434/v1", "http://localhost:11434/v1/"] {
            let url = endpoint(base).uri("m").unwrap().to_string();
            assert_eq!(url, "http://localhost:11434/v1/chat/completions");
        }
        let bare = endpoint("https://example.org").uri("m").unwrap().to_string();
        assert_eq!(bare, "https://example.org/chat/completions");
    }

    #[test]
    fn azure_names_the_deployment_in_the_path() {
        let version = Some("2024-10-21".to_owned());
        let endpoint = Endpoint::new("https://res.openai.azure.com/", version).unwrap();
        let url = endpoint.uri("a/b c").unwrap().to_string();
        assert_eq!(
            url,
            "https://res.openai.azure.com/openai/deployments/a%2Fb%20c/chat/completions\
             ?api-version=2024-10-21"
        );
    }

    #[test]
    fn the_limit_field_follows_the_host() {
        for (base, field) in [
            ("https://api.openai.com/v1", OutputLimitField::MaxCompletionTokens),
            ("https://r.openai.azure.com/openai/v1", OutputLimitField::MaxCompletionTokens),
            ("http://127.0.0.1:8000/v1", OutputLimitField::MaxTokens),
            ("https://api.openai.com.example.org/v1", OutputLimitField::MaxTokens),
        ] {
            assert_eq!(endpoint(base).output_limit_field(), field, "{base}");
        }
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
        for (base, message) in table {
            let error = Endpoint::new(base, None).map(drop).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert!(!format!("{error:?}").contains("secret"));
        }
    }
}
