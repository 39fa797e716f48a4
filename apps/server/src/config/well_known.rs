//! What the environment adds without a file: OpenAI's variables, and the model that is always
//! there.

use super::{
    Config, Environment, Faults,
    models::ModelSection,
    providers::{EchoSection, OpenAiSection, ProviderSection},
};

/// The provider that OpenAI's variables add.
const OPENAI: &str = "openai";

/// The model, and the provider, that need nothing.
const ECHO: &str = "echo";

/// OpenAI's variables, as its own clients read them, and the model's, as many programs do.
pub(crate) const KEY_VARIABLE: &str = "OPENAI_API_KEY";
pub(crate) const URL_VARIABLE: &str = "OPENAI_BASE_URL";
pub(crate) const MODEL_VARIABLE: &str = "OPENAI_MODEL";

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

/// Window and longest answer of a model of which only the name is known. Ollama runs models with
/// 4,096 tokens unless it is told otherwise or has much video memory (its page on context length),
/// and cuts longer prompts silently.
const UNKNOWN_MODEL: (u32, u32) = (4_096, 1_024);

/// Adds what the file leaves out. OpenAI's variables count when no provider of that kind is
/// configured: an operator who names providers names all of them.
pub(crate) fn add(config: &mut Config, environment: &Environment, faults: &mut Faults) {
    let configured: Vec<String> = config.models.keys().cloned().collect();
    let of_openai = add_openai(config, environment, faults);
    add_echo(config);
    if config.default_model.is_empty() {
        config.default_model = match (of_openai, configured.as_slice()) {
            (Some(model), _) => model,
            (None, [only]) => only.clone(),
            (None, _) => ECHO.to_owned(),
        };
    }
}

/// Adds OpenAI, or whoever is at the base URL, and returns its default model.
fn add_openai(
    config: &mut Config,
    environment: &Environment,
    faults: &mut Faults,
) -> Option<String> {
    let key = environment.shared(KEY_VARIABLE);
    let url = environment.shared(URL_VARIABLE);
    let is_openai = |it: &ProviderSection| matches!(it, ProviderSection::OpenAi(_));
    let is_taken = config.providers.contains_key(OPENAI);
    if (key.is_none() && url.is_none()) || is_taken || config.providers.values().any(is_openai) {
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
        for (name, ..) in OPENAI_MODELS {
            add_model(config, name);
        }
    }
    let named = environment.shared(MODEL_VARIABLE);
    if let Some(name) = &named {
        add_model(config, name);
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

/// Adds a model of the provider `openai`, unless the file has one of that name.
fn add_model(config: &mut Config, name: &str) {
    let known = OPENAI_MODELS.iter().find(|(known, ..)| *known == name);
    let (context_window, max_output_tokens) =
        known.map_or(UNKNOWN_MODEL, |(_, window, output)| (*window, *output));
    config.models.entry(name.to_owned()).or_insert_with(|| ModelSection {
        provider: OPENAI.to_owned(),
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
