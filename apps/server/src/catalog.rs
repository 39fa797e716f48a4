//! The configured providers and models, made.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use loquat_chat::{Clock as _, Model, ModelCatalog, ModelSummariser, Summariser, SystemClock};
use loquat_provider::{ChatProvider, EchoProvider};
use loquat_provider_http::Limits;
use loquat_provider_openai::{
    Auth, OpenAiOptions, OpenAiProvider, OptionsError, OutputLimitField, UsageRequest,
};

use crate::{
    config::{
        AuthStyle, Config, Environment, Faults, MaxTokensField, ModelSection, OpenAiSection,
        ProviderSection, Tokenizer,
    },
    secret,
    tokenizer::Counters,
};

/// Who answers, and whether with OpenAI's own models.
struct Provider {
    port: Arc<dyn ChatProvider>,
    is_openais: bool,
}

/// Makes every provider, also those that no model names, so that all faults are found.
pub(crate) fn catalog(
    config: &Config,
    environment: &Environment,
    faults: &mut Faults,
) -> Option<ModelCatalog> {
    let mut providers: BTreeMap<&str, Provider> = BTreeMap::new();
    for (name, section) in &config.providers {
        if let Some(provider) = provider(name, section, environment, faults) {
            providers.insert(name, provider);
        }
    }
    let now = SystemClock.now();
    let counters = Counters::new();
    let model = |(name, section): (&String, &ModelSection)| {
        let provider = providers.get(section.provider.as_str())?;
        let upstream = section.upstream.clone().unwrap_or_else(|| name.clone());
        let tokenizer = section.tokenizer.unwrap_or_else(|| {
            if provider.is_openais { Tokenizer::of_openais(&upstream) } else { Tokenizer::Estimate }
        });
        Some(Model {
            id: name.clone(),
            owner: section.provider.clone(),
            upstream,
            provider: Arc::clone(&provider.port),
            context_window: section.context_window,
            max_output_tokens: section.max_output_tokens,
            counter: counters.get(tokenizer),
            policy: config.policy_of(section),
            created_at: now,
        })
    };
    // A model without its provider is a fault that has been told.
    let models = config.models.iter().map(model).collect::<Option<Vec<_>>>()?;
    faults.take("default_model", ModelCatalog::new(models, &config.default_model))
}

/// Who writes summaries, if somebody is configured.
pub(crate) fn summariser(config: &Config, catalog: &ModelCatalog) -> Option<Arc<dyn Summariser>> {
    // A name that no model has is a fault that has been told.
    let model = catalog.get(config.context.summariser.as_deref()?)?;
    Some(Arc::new(ModelSummariser::new(Arc::clone(model))))
}

fn provider(
    name: &str,
    section: &ProviderSection,
    environment: &Environment,
    faults: &mut Faults,
) -> Option<Provider> {
    match section {
        ProviderSection::Echo(echo) => {
            let echo = EchoProvider::new(
                Duration::from_millis(echo.first_token_delay_ms),
                Duration::from_millis(echo.inter_token_delay_ms),
            );
            Some(Provider { port: Arc::new(echo), is_openais: false })
        }
        ProviderSection::OpenAi(section) => {
            let path = format!("providers.{name}");
            let auth = auth(&path, section, environment, faults)?;
            match OpenAiProvider::new(options(section, auth)) {
                Ok(provider) => {
                    let is_openais = provider.is_openais();
                    Some(Provider { port: Arc::new(provider), is_openais })
                }
                Err(error) => {
                    let key = match &error {
                        OptionsError::NotAUrl
                        | OptionsError::Scheme
                        | OptionsError::CredentialsInUrl => format!("{path}.base_url"),
                        OptionsError::Key => format!("{path}.api_key_env"),
                        OptionsError::Client(_) => path,
                    };
                    faults.add(&key, error.to_string());
                    None
                }
            }
        }
    }
}

/// The key, and how it is sent.
fn auth(
    path: &str,
    section: &OpenAiSection,
    environment: &Environment,
    faults: &mut Faults,
) -> Option<Auth> {
    let Some(variable) = &section.api_key_env else {
        return match section.auth {
            None | Some(AuthStyle::None) => Some(Auth::None),
            Some(AuthStyle::Bearer | AuthStyle::ApiKey) => {
                let text = "is missing, although auth says how to send a key: name its variable";
                faults.add(&format!("{path}.api_key_env"), text);
                None
            }
        };
    };
    let style = section.auth.unwrap_or(match section.azure_api_version {
        Some(_) => AuthStyle::ApiKey,
        None => AuthStyle::Bearer,
    });
    let key = secret::of_variable(&format!("{path}.api_key_env"), variable, environment, faults)?;
    match style {
        AuthStyle::Bearer => Some(Auth::Bearer(key)),
        AuthStyle::ApiKey => Some(Auth::AzureKey(key)),
        AuthStyle::None => {
            let text = "must be \"bearer\" or \"api-key\", since api_key_env names a key";
            faults.add(&format!("{path}.auth"), text);
            None
        }
    }
}

fn options(section: &OpenAiSection, auth: Auth) -> OpenAiOptions {
    let limits = Limits::default()
        .with_connect_timeout(Duration::from_millis(section.connect_timeout_ms))
        .with_first_token_timeout(Duration::from_millis(section.first_token_timeout_ms))
        .with_idle_timeout(Duration::from_millis(section.idle_timeout_ms))
        .with_retries(section.retries)
        .with_retry_delay(Duration::from_millis(section.retry_delay_ms));
    let options = OpenAiOptions::new(&section.base_url)
        .with_auth(auth)
        .with_usage_request(if section.ask_for_usage {
            UsageRequest::StreamOptions
        } else {
            UsageRequest::Unasked
        })
        .with_limits(limits);
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
