//! What there is to choose, where the choice comes from, and whether it can work.
//!
//! [`Config`] is everything that can be configured. Its sources, in rising order: the defaults, the
//! file `loquat.toml`, the environment, the flags. It holds no secret, only the names of variables
//! and files that do, so that it may be printed.

mod auth;
mod context;
mod database;
#[cfg(test)]
mod documentation;
mod environment;
mod fault;
mod flags;
mod guard;
mod limits;
mod models;
mod money;
mod providers;
mod quotas;
mod reader;
mod routes;
mod server;
mod settings;
#[cfg(test)]
mod tests;
mod well_known;

use std::{
    collections::BTreeMap,
    fmt::Display,
    io,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use loquat_context::Policy;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

pub(crate) use auth::{AuthSection, IdentitySection, KeySection, SECRET_VARIABLE};
pub(crate) use context::ContextSection;
pub(crate) use database::{DatabaseSection, Target};
pub(crate) use environment::Environment;
pub(crate) use fault::Faults;
pub(crate) use flags::Flags;
pub(crate) use guard::GuardSection;
pub(crate) use limits::LimitsSection;
pub(crate) use models::{Ability, ModelSection, ThoughtsStyle, Tokenizer};
pub(crate) use providers::{
    AnthropicSection, AuthStyle, EchoSection, MaxTokensField, OpenAiSection, Patience,
    ProviderSection, WireStyle,
};
pub(crate) use quotas::QuotaSection;
pub(crate) use routes::{Effort, RouteSection, RuleSection, Step};
pub(crate) use server::{LogFormat, LogSection, ServerSection};

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The model that answers callers who name none. Default: `OPENAI_MODEL`, or `gpt-5-mini` when
    /// there is an `OPENAI_API_KEY`, or `claude-haiku-5-5` when there is an `ANTHROPIC_API_KEY`; else
    /// the only configured model; else `echo`.
    pub(crate) default_model: String,
    pub(crate) server: ServerSection,
    pub(crate) log: LogSection,
    pub(crate) database: DatabaseSection,
    pub(crate) auth: AuthSection,
    pub(crate) limits: LimitsSection,
    pub(crate) context: ContextSection,
    pub(crate) providers: BTreeMap<String, ProviderSection>,
    pub(crate) guards: BTreeMap<String, GuardSection>,
    pub(crate) models: BTreeMap<String, ModelSection>,
    pub(crate) routes: BTreeMap<String, RouteSection>,
    pub(crate) quotas: Vec<QuotaSection>,
}

/// The variable that names the file.
const FILE_VARIABLE: &str = "LOQUAT_CONFIG";

/// The file that is read when it is there and none is named.
const DEFAULT_FILE: &str = "loquat.toml";

impl Config {
    /// Reads all sources. What is faulty keeps its default, so that whatever depends on the rest
    /// can be checked too; nothing may be started while there are faults.
    pub(crate) fn load(flags: &Flags, environment: &Environment) -> (Self, Faults) {
        let mut faults = Faults::default();
        let mut table = read_file(flags, environment, &mut faults);
        settings::overlay(&mut table, environment, flags, &mut faults);
        let mut config = Self::of_table(table, &mut faults);
        config.add_secret_of_environment(environment, &mut faults);
        well_known::add(&mut config, environment, &mut faults);
        config.check(&mut faults);
        (config, faults)
    }

    /// The configuration as a file. It holds no secret.
    pub(crate) fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    fn of_table(mut table: Table, faults: &mut Faults) -> Self {
        let mut config = Self::default();
        let auth = reader::table(&mut table, "auth", faults);
        config.auth = read_auth(auth, faults);
        config.server = read(&mut table, "server", faults);
        config.log = read(&mut table, "log", faults);
        config.database = read(&mut table, "database", faults);
        config.limits = read(&mut table, "limits", faults);
        config.context = read(&mut table, "context", faults);
        for (name, table) in reader::tables(&mut table, "providers", faults) {
            let path = format!("providers.{name}");
            // A faulty provider stays known, so that its models are not at fault too.
            let provider = reader::section(&path, table, Some("kind"), faults)
                .unwrap_or(ProviderSection::Echo(EchoSection::default()));
            config.providers.insert(name, provider);
        }
        for (name, table) in reader::tables(&mut table, "models", faults) {
            let path = format!("models.{name}");
            let model = reader::section(&path, table, None, faults).unwrap_or_default();
            config.models.insert(name, model);
        }
        for (name, table) in reader::tables(&mut table, "guards", faults) {
            let path = format!("guards.{name}");
            let guard = reader::section(&path, table, None, faults).unwrap_or_default();
            config.guards.insert(name, guard);
        }
        for (name, mut table) in reader::tables(&mut table, "routes", faults) {
            let path = format!("routes.{name}");
            let rules = reader::list(&mut table, &format!("{path}.rules"), faults);
            let mut route: RouteSection =
                reader::section(&path, table, None, faults).unwrap_or_default();
            route.rules = rules;
            config.routes.insert(name, route);
        }
        config.quotas = reader::list(&mut table, "quotas", faults);
        match table.remove("default_model") {
            Some(Value::String(model)) => config.default_model = model,
            Some(_) => faults.add("default_model", "must be text in quotes"),
            None => {}
        }
        for key in table.keys() {
            faults.add(
                key,
                "there is no such key; the keys here are `default_model`, `server`, `log`, \
                 `database`, `auth`, `limits`, `context`, `providers`, `guards`, `models`, `routes`, \
                 `quotas`",
            );
        }
        config
    }

    /// A secret in the environment is the one key of an installation that configures no other.
    fn add_secret_of_environment(&mut self, environment: &Environment, faults: &mut Faults) {
        match faults.take(SECRET_VARIABLE, environment.variable(SECRET_VARIABLE)) {
            None | Some(None) => {}
            Some(Some(_)) if self.auth.keys.is_empty() => {
                faults.note_origin("auth.keys[0].secret_env", SECRET_VARIABLE);
                self.auth.keys.push(KeySection::of_environment());
            }
            Some(Some(_)) => {
                let is_named =
                    |key: &KeySection| key.secret_env.as_deref() == Some(SECRET_VARIABLE);
                if !self.auth.keys.iter().any(is_named) {
                    faults.add(
                        SECRET_VARIABLE,
                        "is set, but [[auth.keys]] configures other keys: unset it, or name it \
                         there as secret_env",
                    );
                }
            }
        }
    }

    /// A model's policy, of its own or that of all.
    fn policy(
        &self,
        path: &str,
        own: Option<&context::PolicyChoice>,
        faults: &mut Faults,
    ) -> Policy {
        match own {
            Some(choice) => choice.policy(&format!("{path}.context"), faults),
            None => self.context.policy.policy("context.policy", faults),
        }
    }

    /// The policy of a model or route that has this one of its own, which was checked.
    pub(crate) fn policy_of(&self, own: Option<&context::PolicyChoice>) -> Policy {
        self.policy("models", own, &mut Faults::default())
    }

    /// Checks what can be checked without looking at anything outside, and that no secret stands in
    /// a place that [`Config::to_toml`] shows.
    fn check(&self, faults: &mut Faults) {
        self.server.check(faults);
        self.log.check(faults);
        self.limits.check(faults);
        self.context.check(faults);
        self.auth.check(faults);
        self.database.check(&self.server.data_dir, faults);
        for (name, provider) in &self.providers {
            let path = format!("providers.{name}");
            check_name(&path, name, faults);
            provider.check(&path, faults);
        }
        for (name, model) in &self.models {
            let path = format!("models.{name}");
            check_name(&path, name, faults);
            model.check(&path, faults);
            match self.providers.get(&model.provider) {
                Some(provider) => model.check_wire(&path, provider, faults),
                None if model.provider.is_empty() => {}
                None => faults.add(
                    &format!("{path}.provider"),
                    "there is no provider of that name: configure [providers.NAME]",
                ),
            }
            self.policy(&path, model.context.as_ref(), faults);
        }
        for (name, guard) in &self.guards {
            let path = format!("guards.{name}");
            guard.check(&path, faults);
            if !self.providers.contains_key(name) {
                faults.add(&path, "there is no provider of that name: configure [providers.NAME]");
            }
        }
        for (name, route) in &self.routes {
            let path = format!("routes.{name}");
            check_name(&path, name, faults);
            route.check(&path, &|name| self.models.contains_key(name), faults);
            if self.models.contains_key(name) {
                faults.add(&path, "a model has that name: callers could not tell them apart");
            }
            if let Some(choice) = &route.context {
                choice.policy(&format!("{path}.context"), faults);
            }
        }
        quotas::check(&self.quotas, &|name| self.is_offered(name), faults);
        let summariser = self.context.summariser.as_ref();
        if summariser.is_some_and(|name| !self.is_offered(name)) {
            faults.add(
                "context.summariser",
                "there is no model of that name: configure [models.NAME], or name another",
            );
        }
        if self.auth.is_development() && !self.server.listen.ip().is_loopback() {
            faults.add(
                "server.listen",
                "would serve other machines, but tokens are signed with the generated development \
                 secret: put a secret of your own into LOQUAT_AUTH_SECRET, configure [[auth.keys]] or \
                 [auth.providers.NAME], or listen on 127.0.0.1",
            );
        }
        if !self.is_offered(&self.default_model) {
            faults.add(
                "default_model",
                "there is no model of that name: configure [models.NAME], or name another",
            );
        }
    }

    /// Whether callers may name it: a model, or a route.
    fn is_offered(&self, name: &str) -> bool {
        self.models.contains_key(name) || self.routes.contains_key(name)
    }

    /// The limits that are configured.
    pub(crate) fn configured_limits(&self) -> loquat_limits::ConfiguredLimits {
        quotas::configured(&self.quotas)
    }
}

impl Faults {
    /// A number must lie within bounds.
    fn check_range<T: PartialOrd + Display + Copy>(
        &mut self,
        key: &str,
        value: T,
        range: RangeInclusive<T>,
    ) {
        if !range.contains(&value) {
            self.add(key, format!("must be from {} to {}", range.start(), range.end()));
        }
    }
}

/// What shall name a variable must look like it.
fn check_variable(key: &str, name: Option<&String>, faults: &mut Faults) {
    if name.is_some_and(|name| !environment::is_variable_name(name)) {
        faults.add(key, "must be the name of an environment variable, in capital letters");
    }
}

/// Names of models and providers travel in URLs and logs.
fn check_name(path: &str, name: &str, faults: &mut Faults) {
    let fits = (1..=128).contains(&name.len());
    if !fits || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        faults.add(path, "a name has 1 to 128 printable ASCII characters without spaces");
    }
}

/// What the file says, as one table; empty when there is no file.
fn read_file(flags: &Flags, environment: &Environment, faults: &mut Faults) -> Table {
    let of_environment = faults.take(FILE_VARIABLE, environment.variable(FILE_VARIABLE)).flatten();
    let (path, key) = match (&flags.config, of_environment) {
        (Some(path), _) => (path.clone(), "--config"),
        (None, Some(path)) => (PathBuf::from(path), FILE_VARIABLE),
        (None, None) => (PathBuf::from(DEFAULT_FILE), DEFAULT_FILE),
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text, &path, faults),
        Err(error) if error.kind() == io::ErrorKind::NotFound && key == DEFAULT_FILE => {
            Table::new()
        }
        Err(error) => {
            faults.add(key, format!("the file {} cannot be read: {error}", path.display()));
            Table::new()
        }
    }
}

fn parse(text: &str, path: &Path, faults: &mut Faults) -> Table {
    text.parse().unwrap_or_else(|error: toml::de::Error| {
        // The parser's own text repeats the line, which may hold a secret in the wrong place.
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let what = reader::explain(error.message());
        faults.add(&format!("{}, line {line}", path.display()), what);
        Table::new()
    })
}

fn read<T: Default + serde::de::DeserializeOwned>(
    table: &mut Table,
    key: &str,
    faults: &mut Faults,
) -> T {
    let section = reader::table(table, key, faults);
    reader::section(key, section, None, faults).unwrap_or_default()
}

fn read_auth(mut table: Table, faults: &mut Faults) -> AuthSection {
    let keys = reader::list(&mut table, "auth.keys", faults);
    let providers = reader::tables(&mut table, "auth.providers", faults);
    let mut auth: AuthSection = reader::section("auth", table, None, faults).unwrap_or_default();
    auth.keys = keys;
    for (name, mut table) in providers {
        let path = format!("auth.providers.{name}");
        let keys = reader::list(&mut table, &format!("{path}.keys"), faults);
        let mut provider: IdentitySection =
            reader::section(&path, table, None, faults).unwrap_or_default();
        provider.keys = keys;
        auth.providers.insert(name, provider);
    }
    auth
}
