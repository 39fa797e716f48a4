//! One configured provider, made.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use loquat_provider::{ChatProvider, EchoProvider};
use loquat_provider_anthropic::{AnthropicOptions, AnthropicProvider, PromptCache};
use loquat_provider_http::Limits;
use loquat_provider_openai::{
    Auth, ModelOptions, OpenAiOptions, OpenAiProvider, OptionsError, OutputLimitField, Thoughts,
    TokenFile, UsageRequest, WireKind,
};

use secrecy::SecretString;

use crate::{
    config::{
        AnthropicSection, AuthStyle, EchoSection, Environment, Faults, MaxTokensField,
        ModelSection, OpenAiSection, Patience, ProviderSection, ThoughtsStyle, WireStyle,
    },
    secret,
};

/// Who answers, and whether with OpenAI's own models.
pub(super) struct Provider {
    pub(super) port: Arc<dyn ChatProvider>,
    pub(super) is_openais: bool,
}

/// The provider of this name. `models` are those that name it.
pub(super) fn provider<'a>(
    name: &str,
    section: &ProviderSection,
    models: impl Iterator<Item = (&'a String, &'a ModelSection)>,
    environment: &Environment,
    faults: &mut Faults,
) -> Option<Provider> {
    let path = format!("providers.{name}");
    match section {
        ProviderSection::Echo(section) => Some(echo(section)),
        ProviderSection::OpenAi(section) => openai(&path, section, models, environment, faults),
        ProviderSection::Anthropic(section) => anthropic(&path, section, environment, faults),
    }
}

fn echo(section: &EchoSection) -> Provider {
    let echo = EchoProvider::new(
        Duration::from_millis(section.first_token_delay_ms),
        Duration::from_millis(section.inter_token_delay_ms),
    );
    Provider { port: Arc::new(echo), is_openais: false }
}

fn openai<'a>(
    path: &str,
    section: &OpenAiSection,
    models: impl Iterator<Item = (&'a String, &'a ModelSection)>,
    environment: &Environment,
    faults: &mut Faults,
) -> Option<Provider> {
    let auth = openai_auth(path, section, environment, faults)?;
    let mut options = openai_options(section, auth);
    for (upstream, model) in by_upstream(models, faults)? {
        options = options.with_model(upstream, model);
    }
    let provider = made(path, OpenAiProvider::new(options), faults)?;
    let is_openais = provider.is_openais();
    Some(Provider { port: Arc::new(provider), is_openais })
}

fn anthropic(
    path: &str,
    section: &AnthropicSection,
    environment: &Environment,
    faults: &mut Faults,
) -> Option<Provider> {
    let cache = if section.prompt_cache { PromptCache::Marked } else { PromptCache::Unmarked };
    let options = AnthropicOptions::new(&section.base_url)
        .with_auth(anthropic_auth(path, section, environment, faults)?)
        .with_betas(section.betas.iter().cloned())
        .with_prompt_cache(cache)
        .with_limits(limits(section.patience()));
    let provider = made(path, AnthropicProvider::new(options), faults)?;
    Some(Provider { port: Arc::new(provider), is_openais: false })
}

/// The provider, or the fault of the key because of which there is none.
fn made<T>(path: &str, made: Result<T, OptionsError>, faults: &mut Faults) -> Option<T> {
    let error = match made {
        Ok(provider) => return Some(provider),
        Err(error) => error,
    };
    let key = match &error {
        OptionsError::NotAUrl | OptionsError::Scheme | OptionsError::CredentialsInUrl => {
            format!("{path}.base_url")
        }
        OptionsError::Key => format!("{path}.api_key_env"),
        OptionsError::Client(_) => path.to_owned(),
    };
    faults.add(&key, error.to_string());
    None
}

/// The key, and how it is sent.
fn openai_auth(
    path: &str,
    section: &OpenAiSection,
    environment: &Environment,
    faults: &mut Faults,
) -> Option<Auth> {
    if let Some(file) = &section.token_file {
        return token_file(path, file, faults).map(Auth::TokenFile);
    }
    let default = match section.azure_api_version {
        Some(_) => AuthStyle::ApiKey,
        None => AuthStyle::Bearer,
    };
    let style = section.auth;
    Some(match key(path, section.api_key_env.as_deref(), style, environment, faults)? {
        Key::Unneeded => Auth::None,
        Key::Given(key) if style.unwrap_or(default) == AuthStyle::ApiKey => Auth::AzureKey(key),
        Key::Given(key) => Auth::Bearer(key),
    })
}

fn anthropic_auth(
    path: &str,
    section: &AnthropicSection,
    environment: &Environment,
    faults: &mut Faults,
) -> Option<loquat_provider_anthropic::Auth> {
    use loquat_provider_anthropic::Auth;

    let style = section.auth;
    Some(match key(path, section.api_key_env.as_deref(), style, environment, faults)? {
        Key::Unneeded => Auth::None,
        Key::Given(key) if style == Some(AuthStyle::Bearer) => Auth::Bearer(key),
        Key::Given(key) => Auth::ApiKey(key),
    })
}

/// What an endpoint is to be shown.
enum Key {
    Unneeded,
    Given(SecretString),
}

/// The key, if one is named.
fn key(
    path: &str,
    variable: Option<&str>,
    style: Option<AuthStyle>,
    environment: &Environment,
    faults: &mut Faults,
) -> Option<Key> {
    match (variable, style) {
        (None, None | Some(AuthStyle::None)) => Some(Key::Unneeded),
        (None, Some(AuthStyle::Bearer | AuthStyle::ApiKey)) => {
            let text = "is missing, although auth says how to send a key: name its variable";
            faults.add(&format!("{path}.api_key_env"), text);
            None
        }
        (Some(_), Some(AuthStyle::None)) => {
            let text = "must be \"bearer\" or \"api-key\", since api_key_env names a key";
            faults.add(&format!("{path}.auth"), text);
            None
        }
        (Some(variable), None | Some(AuthStyle::Bearer | AuthStyle::ApiKey)) => {
            let key = format!("{path}.api_key_env");
            secret::of_variable(&key, variable, environment, faults).map(Key::Given)
        }
    }
}

/// A file that is not there yet would make every answer fail: better to be told now.
fn token_file(path: &str, file: &Path, faults: &mut Faults) -> Option<TokenFile> {
    let opened = std::fs::File::open(file).map_err(|error| {
        format!("the file cannot be read: {error}; it must be there before the server is started")
    });
    faults.take(&format!("{path}.token_file"), opened)?;
    Some(TokenFile::new(file))
}

fn openai_options(section: &OpenAiSection, auth: Auth) -> OpenAiOptions {
    let options = OpenAiOptions::new(&section.base_url)
        .with_auth(auth)
        .with_wire(wire(section.wire))
        .with_usage_request(if section.ask_for_usage {
            UsageRequest::StreamOptions
        } else {
            UsageRequest::Unasked
        })
        .with_limits(limits(section.patience()));
    let options = match section.max_tokens_field {
        None => options,
        Some(MaxTokensField::MaxTokens) => {
            options.with_output_limit_field(OutputLimitField::MaxTokens)
        }
        Some(MaxTokensField::MaxCompletionTokens) => {
            options.with_output_limit_field(OutputLimitField::MaxCompletionTokens)
        }
    };
    match &section.azure_api_version {
        Some(version) => options.with_azure_deployments(version),
        None => options,
    }
}

/// What the models say of themselves, by their names at the provider, which knows no others: two of
/// one name there must say the same.
fn by_upstream<'a>(
    models: impl Iterator<Item = (&'a String, &'a ModelSection)>,
    faults: &mut Faults,
) -> Option<BTreeMap<&'a str, ModelOptions>> {
    let mut by_upstream = BTreeMap::new();
    let mut agree = true;
    for (name, section) in models {
        let model =
            ModelOptions { wire: section.wire.map(wire), thoughts: section.thoughts.map(thoughts) };
        let upstream = section.upstream(name);
        if *by_upstream.entry(upstream).or_insert(model) != model {
            agree = false;
            let key = format!("models.{name}.wire");
            faults.add(
                &key,
                "another model has the same upstream at the same provider: say the same of wire and \
                 thoughts there and here, or configure the provider twice",
            );
        }
    }
    agree.then_some(by_upstream)
}

const fn wire(style: WireStyle) -> WireKind {
    match style {
        WireStyle::ChatCompletions => WireKind::ChatCompletions,
        WireStyle::Responses => WireKind::Responses,
    }
}

const fn thoughts(style: ThoughtsStyle) -> Thoughts {
    match style {
        ThoughtsStyle::Unasked => Thoughts::Unasked,
        ThoughtsStyle::Sealed => Thoughts::Sealed,
        ThoughtsStyle::Summarised => Thoughts::Summarised,
    }
}

fn limits(patience: Patience) -> Limits {
    Limits::default()
        .with_connect_timeout(Duration::from_millis(patience.connect_timeout_ms))
        .with_first_token_timeout(Duration::from_millis(patience.first_token_timeout_ms))
        .with_idle_timeout(Duration::from_millis(patience.idle_timeout_ms))
        .with_retries(patience.retries)
        .with_retry_delay(Duration::from_millis(patience.retry_delay_ms))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::config::Config;
    use crate::config::Flags;

    const KEY: (&str, &str) = ("AZURE_OPENAI_API_KEY", "canary");

    /// What is wrong with the providers of this file, each of which is made.
    fn faults(text: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("loquat.toml");
        std::fs::write(&path, text).unwrap();
        let flags = Flags { config: Some(path), ..Flags::default() };
        let environment = Environment::of([KEY]);
        let (config, mut faults) = Config::load(&flags, &environment);
        if faults.to_string().is_empty() {
            for (name, section) in &config.providers {
                provider(name, section, config.models.iter(), &environment, &mut faults);
            }
        }
        faults.to_string()
    }

    /// How the endpoint in this file, the provider `p`, is told who asks.
    fn auth(text: &str) -> Auth {
        let section: OpenAiSection = toml::from_str(text).unwrap();
        let mut faults = Faults::default();
        let auth = openai_auth("providers.p", &section, &Environment::of([KEY]), &mut faults);
        assert_eq!(faults.to_string(), "");
        auth.unwrap()
    }

    #[test]
    fn a_key_is_sent_as_a_bearer_and_to_azure_s_older_form_as_a_key() {
        let key = "api_key_env = \"AZURE_OPENAI_API_KEY\"\n";
        let bearer = auth(key);
        assert!(matches!(bearer, Auth::Bearer(key) if key.expose_secret() == "canary"));
        let azure = auth(&format!("{key}azure_api_version = \"2024-10-21\"\n"));
        assert!(matches!(azure, Auth::AzureKey(key) if key.expose_secret() == "canary"));
        assert!(matches!(auth(&format!("{key}auth = \"api-key\"")), Auth::AzureKey(_)));
        assert!(matches!(auth(""), Auth::None));
    }

    #[test]
    fn a_token_of_entra_is_read_from_its_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().display();
        let entra = format!("token_file = \"{path}\"\nazure_api_version = \"2024-10-21\"\n");
        assert!(matches!(auth(&entra), Auth::TokenFile(_)));
        assert!(matches!(auth(&format!("{entra}auth = \"bearer\"\n")), Auth::TokenFile(_)));
    }

    #[test]
    fn anthropic_is_sent_a_key_and_a_gateway_in_front_of_it_a_bearer() {
        let auth = |text: &str| {
            let section: AnthropicSection = toml::from_str(text).unwrap();
            let mut faults = Faults::default();
            let environment = Environment::of([KEY]);
            let auth = anthropic_auth("providers.p", &section, &environment, &mut faults);
            assert_eq!(faults.to_string(), "");
            auth.unwrap()
        };
        let key = "api_key_env = \"AZURE_OPENAI_API_KEY\"\n";
        let sent = auth(key);
        let is_key = |key: &SecretString| key.expose_secret() == "canary";
        assert!(matches!(sent, loquat_provider_anthropic::Auth::ApiKey(key) if is_key(&key)));
        let sent = auth(&format!("{key}auth = \"bearer\""));
        assert!(matches!(sent, loquat_provider_anthropic::Auth::Bearer(key) if is_key(&key)));
        assert!(matches!(auth(""), loquat_provider_anthropic::Auth::None));
    }

    #[test]
    fn what_is_wrong_with_anthropic_is_told_by_its_key() {
        let anthropic = "[providers.a]\nkind = \"anthropic\"\n";
        for (text, fault) in [
            ("api_key_env = \"NOT_THERE\"", "api_key_env: there is no environment variable"),
            ("auth = \"api-key\"", "api_key_env: is missing, although auth says"),
            ("base_url = \"api.anthropic.com\"", "base_url: the base URL is not a URL"),
            ("retries = 11", "retries: must be from 0 to 10"),
            ("wire = \"responses\"", "wire: there is no such key"),
        ] {
            let told = faults(&format!("{anthropic}{text}\n"));
            assert!(told.starts_with(&format!("loquat: providers.a.{fault}")), "{told}");
            assert_eq!(told.lines().count(), 1, "{told}");
        }
    }

    #[test]
    fn a_token_s_file_that_is_not_there_is_a_fault_of_its_key() {
        let text = "[providers.azure]\nkind = \"openai\"\ntoken_file = \"/nowhere/canary\"\n";
        let faults = faults(text);
        assert!(faults.starts_with("loquat: providers.azure.token_file: the file"), "{faults}");
        assert!(!faults.contains("canary"), "{faults}");
    }

    #[test]
    fn two_models_of_one_upstream_must_say_the_same() {
        let model = |name: &str, wire: &str| {
            format!(
                "[models.{name}]\nprovider = \"p\"\nupstream = \"gpt-5\"\nwire = \"{wire}\"\n\
                 context_window = 9\nmax_output_tokens = 1\n"
            )
        };
        let provider = "[providers.p]\nkind = \"openai\"\n";
        let same = [model("a", "responses"), model("b", "responses")].concat();
        assert_eq!(faults(&format!("{provider}{same}")), "");
        let other = [model("a", "responses"), model("b", "chat-completions")].concat();
        let faults = faults(&format!("{provider}{other}"));
        assert!(faults.starts_with("loquat: models.b.wire: another model"), "{faults}");
    }
}
