//! docs/configuration.md says what there is, all of it and nothing else.

use std::{collections::BTreeMap, path::Path};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, Visitor, value::Error},
    forward_to_deserialize_any,
};
use toml::{Table, Value};

use super::{
    auth::SECRET_VARIABLE, context::PolicySection, money::PriceSection, settings::SETTINGS,
    well_known, *,
};

/// What the page says of one key: its row, without the cell of the key.
type Rows = BTreeMap<String, Vec<String>>;

fn repository(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
    std::fs::read_to_string(path).unwrap()
}

/// The section of the file that a heading of the page stands for.
fn section(heading: &str) -> Option<&'static str> {
    Some(match heading {
        "## At the top" => "",
        "## `[server]`" => "server",
        "## `[log]`" => "log",
        "## `[database]`" => "database",
        "## `[auth]`" => "auth",
        "### `[[auth.keys]]`" => "auth.keys",
        "### `[auth.providers.NAME]`" => "auth.provider",
        "## `[limits]`" => "limits",
        "## `[context]`" => "context",
        "### A policy in parts" => "policy",
        "## `[providers.NAME]`" => "provider",
        "### `kind = \"openai\"`" => "openai",
        "### `kind = \"anthropic\"`" => "anthropic",
        "### `kind = \"echo\"`" => "echo",
        "## `[models.NAME]`" => "model",
        "### `[models.NAME.price]`" => "price",
        "## `[guards.NAME]`" => "guard",
        "## `[routes.NAME]`" => "route",
        "### `[[routes.NAME.rules]]`" => "rule",
        "## `[[quotas]]`" => "quota",
        "## Variables of OpenAI and Anthropic" => "environment",
        _ => return None,
    })
}

fn documented() -> Rows {
    let mut rows = Rows::new();
    let mut current = None;
    for line in repository("docs/configuration.md").lines() {
        if line.starts_with('#') {
            current = section(line);
        } else if let Some(section) = current
            && let Some(row) = line.strip_prefix("| `")
        {
            let row = row.trim_end().trim_end_matches('|');
            let mut cells = row.split('|').map(|cell| cell.trim().to_owned());
            let key = cells.next().unwrap().trim_end_matches('`').to_owned();
            let earlier = rows.insert(format!("{section}.{key}"), cells.collect());
            assert_eq!(earlier, None, "{key} is there twice");
        }
    }
    rows
}

/// Notes the names of a struct's fields, as serde knows them, and reads nothing.
struct FieldNames<'a>(&'a mut Vec<&'static str>);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("only structs have fields"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        self.0.extend(fields);
        Err(Error::custom("noted"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// The keys of one section.
fn keys<'de, T: Deserialize<'de>>(section: &str) -> Vec<String> {
    let mut names = Vec::new();
    assert!(T::deserialize(FieldNames(&mut names)).is_err());
    names.iter().map(|name| format!("{section}.{name}")).collect()
}

fn configurable() -> Vec<String> {
    let sections = [
        "server",
        "log",
        "database",
        "auth",
        "limits",
        "context",
        "providers",
        "guards",
        "models",
        "routes",
        "quotas",
    ];
    let top = keys::<Config>("");
    let is_section =
        |key: &str| sections.iter().any(|section| key.strip_prefix('.') == Some(section));
    let top = top.into_iter().filter(|key| !is_section(key));
    let variables = [
        well_known::KEY_VARIABLE,
        well_known::URL_VARIABLE,
        well_known::MODEL_VARIABLE,
        well_known::ANTHROPIC_KEY_VARIABLE,
    ];
    let mut all: Vec<String> = top
        .chain(keys::<ServerSection>("server"))
        .chain(keys::<LogSection>("log"))
        .chain(keys::<DatabaseSection>("database"))
        .chain(keys::<AuthSection>("auth"))
        .chain(keys::<KeySection>("auth.keys"))
        .chain(keys::<IdentitySection>("auth.provider"))
        .chain(keys::<LimitsSection>("limits"))
        .chain(keys::<ContextSection>("context"))
        .chain(keys::<PolicySection>("policy"))
        .chain(["provider.kind".to_owned()])
        .chain(keys::<OpenAiSection>("openai"))
        .chain(keys::<AnthropicSection>("anthropic"))
        .chain(keys::<EchoSection>("echo"))
        .chain(keys::<ModelSection>("model"))
        .chain(keys::<PriceSection>("price"))
        .chain(keys::<GuardSection>("guard"))
        .chain(keys::<RouteSection>("route"))
        .chain(keys::<RuleSection>("rule"))
        .chain(keys::<QuotaSection>("quota"))
        .chain(variables.map(|variable| format!("environment.{variable}")))
        .collect();
    all.sort();
    all
}

#[test]
fn every_key_is_documented_and_nothing_else_is() {
    let documented: Vec<String> = documented().into_keys().collect();
    assert_eq!(documented, configurable());
}

#[test]
fn every_variable_and_flag_is_documented_beside_its_key() {
    let with_variables = documented().into_iter().filter(|(_, cells)| cells.len() == 3);
    let of_page: BTreeMap<String, String> = with_variables
        .map(|(key, cells)| (key, cells[0].clone()))
        .filter(|(_, variables)| !variables.is_empty())
        .collect();
    let mut of_program = BTreeMap::from([("auth.keys".to_owned(), format!("`{SECRET_VARIABLE}`"))]);
    for setting in &SETTINGS {
        let top = if setting.key.contains('.') { "" } else { "." };
        let variables = format!("`{}`, `{}`", setting.variable, setting.flag);
        of_program.insert(format!("{top}{}", setting.key), variables);
    }
    assert_eq!(of_page, of_program);
    assert!(repository("docs/configuration.md").contains(FILE_VARIABLE));
}

#[test]
fn every_default_is_documented_as_it_is() {
    fn defaults(section: &str, value: impl Serialize) -> Vec<(String, Value)> {
        let table = Table::try_from(value).unwrap();
        table.into_iter().map(|(key, value)| (format!("{section}.{key}"), value)).collect()
    }
    let documented = documented();
    let known = [
        defaults("server", ServerSection::default()),
        defaults("log", LogSection::default()),
        defaults("auth", AuthSection::default()),
        defaults("auth.provider", IdentitySection::default()),
        defaults("limits", LimitsSection::default()),
        defaults("context", ContextSection::default()),
        defaults("openai", OpenAiSection::default()),
        defaults("anthropic", AnthropicSection::default()),
        defaults("echo", EchoSection::default()),
        defaults("price", PriceSection::default()),
        defaults("guard", GuardSection::default()),
    ];
    for (key, value) in known.into_iter().flatten() {
        let cells = &documented[&key];
        let default = &cells[cells.len() - 2];
        match key.as_str() {
            "server.http_workers" | "server.runtime_threads" => {
                assert_eq!(default, "number of cores");
            }
            "auth.provider.issuer" | "auth.provider.audiences" => {
                assert_eq!(default, "must be given");
            }
            "auth.keys"
            | "auth.providers"
            | "auth.provider.keys"
            | "auth.provider.permissions"
            | "auth.provider.required_claims"
            | "auth.provider.required_scopes" => assert_eq!(default, "none", "{key}"),
            _ => assert_eq!(*default, format!("`{value}`"), "{key}"),
        }
    }
}

#[test]
fn the_example_is_a_configuration() {
    let flags = Flags {
        config: Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../loquat.example.toml")),
        ..Flags::default()
    };
    let (config, faults) = Config::load(&flags, &Environment::of([]));
    assert_eq!(faults.to_string(), "");
    assert_eq!(config.default_model, "llama");
    assert_eq!(config.server, ServerSection::default());
}

#[test]
fn what_the_example_comments_out_is_a_configuration_too() {
    let text = repository("loquat.example.toml");
    let is_setting = |line: &str| line.contains(" = ") || line.starts_with('[');
    let uncommented = text.lines().map(|line| match line.strip_prefix("# ") {
        Some(setting) if is_setting(setting) => setting,
        _ => line,
    });
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("loquat.toml");
    std::fs::write(&path, uncommented.collect::<Vec<_>>().join("\n")).unwrap();
    let flags = Flags { config: Some(path), ..Flags::default() };
    let (config, faults) = Config::load(&flags, &Environment::of([]));
    assert_eq!(faults.to_string(), "");
    let names: Vec<_> = config.providers.keys().map(String::as_str).collect();
    assert_eq!(names, ["anthropic", "azure", "echo", "ollama", "openai", "slow"]);
    assert_eq!(config.auth.keys[0].algorithm, "RS256");
    assert_eq!(config.auth.providers["keycloak"].audiences, ["loquat"]);
}

#[test]
fn what_the_guide_to_providers_shows_are_configurations() {
    let page = repository("docs/how-to/providers.md");
    let blocks = page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut kinds = Vec::new();
    for block in blocks {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("loquat.toml");
        std::fs::write(&path, block).unwrap();
        let flags = Flags { config: Some(path), ..Flags::default() };
        let (config, faults) = Config::load(&flags, &Environment::of([]));
        assert_eq!(faults.to_string(), "", "{block}");
        kinds.extend(config.providers.into_keys().filter(|name| name != "echo"));
    }
    let expected = ["openai", "azure", "azure-older", "azure-entra", "anthropic", "ollama"];
    assert_eq!(kinds, expected);
}
