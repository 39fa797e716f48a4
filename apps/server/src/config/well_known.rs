//! What the environment adds without a file: OpenAI's variables, Anthropic's, and the model that is
//! always there.

use super::{
    Config, Environment, Faults,
    models::ModelSection,
    providers::{AnthropicSection, EchoSection, OpenAiSection, ProviderSection},
};

/// The providers that OpenAI's and Anthropic's variables add.
const OPENAI: &str = "openai";
const ANTHROPIC: &str = "anthropic";

/// The model, and the provider, that need nothing.
const ECHO: &str = "echo";

/// OpenAI's variables, as its own clients read them, and the model's, as many programs do.
pub(crate) const KEY_VARIABLE: &str = "OPENAI_API_KEY";
pub(crate) const URL_VARIABLE: &str = "OPENAI_BASE_URL";
pub(crate) const MODEL_VARIABLE: &str = "OPENAI_MODEL";

/// Anthropic's variable, as its own clients read it.
pub(crate) const ANTHROPIC_KEY_VARIABLE: &str = "ANTHROPIC_API_KEY";

/// The default among OpenAI's models: the newest of the cheap ones.
const OPENAI_DEFAULT: &str = "gpt-5-mini";

/// OpenAI's models with their context window and longest answer, in tokens, as public catalogues of
/// models agree (November 2026). The first two take at most the difference, 272,000 tokens, as a
/// prompt.
const OPENAI_MODELS: [(&str, u32, u32); 6] = [
    ("gpt-5", 400_000, 128_000),
    (OPENAI_DEFAULT, 400_000, 128_000),
    ("gpt-4.1", 1_047_576, 32_768),
    ("gpt-4.1-mini", 1_047_576, 32_768),
    ("gpt-4o", 128_000, 16_384),
    ("gpt-4o-mini", 128_000, 16_384),
];

/// The default among Anthropic's models: the newest of the cheap ones.
const ANTHROPIC_DEFAULT: &str = "claude-haiku-5-5";

/// Anthropic's models with their context window and longest answer, in tokens, as the models' own
/// pages at platform.claude.com say (November 2026).
const ANTHROPIC_MODELS: [(&str, u32, u32); 3] = [
    ("claude-opus-5-5", 1_000_000, 128_000),
    ("claude-sonnet-5-5", 1_000_000, 128_000),
    (ANTHROPIC_DEFAULT, 1_000_000, 128_000),
];

/// Window and longest answer of a model of which only the name is known. Ollama runs models with
/// 4,096 tokens unless it is told otherwise or has much video memory (its page on context length),
/// and cuts longer prompts silently.
const UNKNOWN_MODEL: (u32, u32) = (4_096, 1_024);

/// Adds what the file leaves out. The variables of OpenAI and Anthropic count when the file names no
/// provider but the echo: an operator who names providers names all of them, and nobody else is sent
/// anything.
pub(crate) fn add(config: &mut Config, environment: &Environment, faults: &mut Faults) {
    let configured: Vec<String> = config.models.keys().cloned().collect();
    let is_echo = |it: &ProviderSection| matches!(it, ProviderSection::Echo(_));
    let (of_openai, of_anthropic) = if config.providers.values().all(is_echo) {
        (add_openai(config, environment, faults), add_anthropic(config, environment))
    } else {
        (None, None)
    };
    add_echo(config);
    if config.default_model.is_empty() {
        let of_environment = of_openai.or(of_anthropic);
        config.default_model = match (of_environment, configured.as_slice()) {
            (Some(model), _) => model,
            (None, [only]) => only.clone(),
            (None, _) => ECHO.to_owned(),
        };
    }
}

/// Adds Anthropic, and returns its default model.
fn add_anthropic(config: &mut Config, environment: &Environment) -> Option<String> {
    environment.shared(ANTHROPIC_KEY_VARIABLE)?;
    if config.providers.contains_key(ANTHROPIC) {
        return None;
    }
    let provider = AnthropicSection {
        api_key_env: Some(ANTHROPIC_KEY_VARIABLE.to_owned()),
        ..AnthropicSection::default()
    };
    config.providers.insert(ANTHROPIC.to_owned(), ProviderSection::Anthropic(provider));
    for (name, window, output) in ANTHROPIC_MODELS {
        add_model(config, ANTHROPIC, name, (window, output));
    }
    Some(ANTHROPIC_DEFAULT.to_owned())
}

/// Adds OpenAI, or whoever is at the base URL, and returns its default model.
fn add_openai(
    config: &mut Config,
    environment: &Environment,
    faults: &mut Faults,
) -> Option<String> {
    let key = environment.shared(KEY_VARIABLE);
    let url = environment.shared(URL_VARIABLE);
    if (key.is_none() && url.is_none()) || config.providers.contains_key(OPENAI) {
        return None;
    }
    let is_openai_itself = url.is_none();
    let mut provider = OpenAiSection {
        api_key_env: key.map(|_| KEY_VARIABLE.to_owned()),
        ..OpenAiSection::default()
    };
    if let Some(url) = url {
        faults.note_origin("providers.openai.base_url", URL_VARIABLE);
        provider.base_url = url;
    }
    config.providers.insert(OPENAI.to_owned(), ProviderSection::OpenAi(provider));
    if is_openai_itself {
        for (name, window, output) in OPENAI_MODELS {
            add_model(config, OPENAI, name, (window, output));
        }
    }
    let named = environment.shared(MODEL_VARIABLE);
    if let Some(name) = &named {
        let known = OPENAI_MODELS.iter().find(|(known, ..)| known == name);
        let size = known.map_or(UNKNOWN_MODEL, |(_, window, output)| (*window, *output));
        add_model(config, OPENAI, name, size);
    }
    let has_model = config.models.values().any(|model| model.provider == OPENAI);
    if !has_model {
        faults.add(
            URL_VARIABLE,
            "no model of that server is known: name one in OPENAI_MODEL, for example \
             OPENAI_MODEL=llama3.2, or configure [models.NAME] with provider = \"openai\"",
        );
    }
    named.or_else(|| is_openai_itself.then(|| OPENAI_DEFAULT.to_owned()))
}

/// Adds a model with its window and longest answer, unless the file has one of that name.
fn add_model(
    config: &mut Config,
    provider: &str,
    name: &str,
    (context_window, max_output_tokens): (u32, u32),
) {
    config.models.entry(name.to_owned()).or_insert_with(|| ModelSection {
        provider: provider.to_owned(),
        upstream: None,
        context_window,
        max_output_tokens,
        ..ModelSection::default()
    });
}

/// Adds the model that needs nothing, unless the file has one of that name.
fn add_echo(config: &mut Config) {
    if config.models.contains_key(ECHO) {
        return;
    }
    let echo = ProviderSection::Echo(EchoSection::default());
    let provider = config.providers.entry(ECHO.to_owned()).or_insert(echo);
    if matches!(provider, ProviderSection::Echo(_)) {
        config.models.insert(
            ECHO.to_owned(),
            ModelSection {
                provider: ECHO.to_owned(),
                upstream: None,
                // As large as that of common models, so that what works with it works with them.
                context_window: 128_000,
                max_output_tokens: 16_384,
                ..ModelSection::default()
            },
        );
    }
}
