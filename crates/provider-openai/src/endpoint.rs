//! Where requests go.

use http::Uri;
use loquat_outbound::{BaseUrl, OptionsError};

use crate::options::OutputLimitField;

/// A checked address.
pub(crate) struct Endpoint {
    base: BaseUrl,
    azure_api_version: Option<String>,
}

impl Endpoint {
    /// With `azure_api_version`, Azure's URL form with the deployment in the path.
    pub(crate) fn new(
        base_url: &str,
        azure_api_version: Option<String>,
    ) -> Result<Self, OptionsError> {
        let base = BaseUrl::new(base_url)?;
        let endpoint = Self { base, azure_api_version };
        endpoint.chat_uri("model").ok_or(OptionsError::NotAUrl)?;
        Ok(endpoint)
    }

    pub(crate) fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// True when it is OpenAI itself, or Azure.
    pub(crate) fn is_openais(&self) -> bool {
        let host = self.base.host();
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

    /// The URL of the Responses wire. There a model is named in the body only, at Azure too.
    pub(crate) fn responses_uri(&self) -> Option<Uri> {
        let version = self.azure_api_version.as_deref();
        let path = version.map(|_| "openai").into_iter().chain(["responses"]);
        self.base.uri(path, version.map(|version| ("api-version", version)))
    }

    /// The URL of the Chat Completions wire for this model; `None` when a name as long as this fits
    /// into none.
    pub(crate) fn chat_uri(&self, model: &str) -> Option<Uri> {
        let version = self.azure_api_version.as_deref();
        let deployment = version.map(|_| ["openai", "deployments", model]);
        let path = deployment.into_iter().flatten().chain(["chat", "completions"]);
        self.base.uri(path, version.map(|version| ("api-version", version)))
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
            let url = endpoint(base).chat_uri("m").unwrap().to_string();
            assert_eq!(url, "http://localhost:11434/v1/chat/completions");
        }
        let bare = endpoint("https://example.org").chat_uri("m").unwrap().to_string();
        assert_eq!(bare, "https://example.org/chat/completions");
    }

    #[test]
    fn azure_names_the_deployment_in_the_path() {
        let version = Some("2024-10-21".to_owned());
        let endpoint = Endpoint::new("https://res.openai.azure.com/", version).unwrap();
        let url = endpoint.chat_uri("a/b c").unwrap().to_string();
        assert_eq!(
            url,
            "https://res.openai.azure.com/openai/deployments/a%2Fb%20c/chat/completions\
             ?api-version=2024-10-21"
        );
    }

    #[test]
    fn responses_have_one_address_for_all_models() {
        let url = |base, version: Option<&str>| {
            let endpoint = Endpoint::new(base, version.map(str::to_owned)).unwrap();
            endpoint.responses_uri().unwrap().to_string()
        };
        assert_eq!(url("https://example.org/v1/", None), "https://example.org/v1/responses");
        assert_eq!(
            url("https://res.openai.azure.com", Some("2025-04-01-preview")),
            "https://res.openai.azure.com/openai/responses?api-version=2025-04-01-preview"
        );
        assert_eq!(
            url("https://res.openai.azure.com/openai/v1", None),
            "https://res.openai.azure.com/openai/v1/responses"
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
}
