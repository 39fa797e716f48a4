//! Every source and every rule, without a process around them.

use super::*;

fn load_file(text: &str, environment: &Environment) -> (Config, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("loquat.toml");
    std::fs::write(&path, text).unwrap();
    let flags = Flags { config: Some(path), ..Flags::default() };
    let (config, faults) = Config::load(&flags, environment);
    (config, faults.to_string().replace(&*directory.path().to_string_lossy(), "DIR"))
}

fn file(text: &str) -> (Config, String) {
    load_file(text, &Environment::of([]))
}

fn sound(text: &str) -> Config {
    let (config, faults) = file(text);
    assert_eq!(faults, "");
    config
}

const LLAMA: &str = r#"
    [providers.local]
    kind = "openai"
    base_url = "http://127.0.0.1:11434/v1"
    [models.llama]
    provider = "local"
    upstream = "llama3.2"
    context_window = 8192
    max_output_tokens = 1024
"#;

#[test]
fn nothing_configured_is_a_configuration() {
    let config = sound("");
    assert_eq!(config.server, ServerSection::default());
    assert_eq!(config.default_model, "echo");
    assert_eq!(config.models.keys().collect::<Vec<_>>(), ["echo"]);
    assert!(config.auth.keys.is_empty());
}

#[test]
fn flags_outdo_the_environment_which_outdoes_the_file() {
    let environment =
        Environment::of([("LOQUAT_LISTEN", "127.0.0.1:2"), ("LOQUAT_HTTP_WORKERS", "3")]);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("loquat.toml");
    let text = "[server]\nlisten = \"127.0.0.1:1\"\nhttp_workers = 7\nruntime_threads = 5\n";
    std::fs::write(&path, text).unwrap();
    let flags =
        Flags { config: Some(path), listen: Some("127.0.0.1:4".to_owned()), ..Flags::default() };
    let (config, faults) = Config::load(&flags, &environment);
    assert_eq!(faults.to_string(), "");
    assert_eq!(config.server.listen.port(), 4);
    assert_eq!(config.server.http_workers, 3);
    assert_eq!(config.server.runtime_threads, 5);
}

#[test]
fn the_variable_names_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("other.toml");
    std::fs::write(&path, "[server]\nmax_connections = 12\n").unwrap();
    let environment = Environment::of([("LOQUAT_CONFIG", path.to_str().unwrap())]);
    let (config, faults) = Config::load(&Flags::default(), &environment);
    assert_eq!((config.server.max_connections, faults.to_string()), (12, String::new()));
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let environment = Environment::of([("LOQUAT_CONFIG", "/nowhere/loquat.toml")]);
    let (_, faults) = Config::load(&Flags::default(), &environment);
    let told = faults.to_string();
    let start = "loquat: LOQUAT_CONFIG: the file /nowhere/loquat.toml cannot be read: ";
    assert!(told.starts_with(start), "{told}");
}

#[test]
fn a_line_that_is_no_toml_is_named_by_its_number_and_not_repeated() {
    let (_, faults) = file("default_model = \"echo\"\n\nsecret = canary\n");
    assert!(faults.starts_with("loquat: DIR/loquat.toml, line 3: "), "{faults}");
    assert!(!faults.contains("canary"), "{faults}");
}

#[test]
fn faults_of_all_tables_are_told_together() {
    let (_, faults) = file(
        r#"
        colour = "red"
        default_model = 7
        server = 3
        [log]
        filter = "=canary="
        format = "canary"
        [limits]
        lease_ms = 900
        max_item_bytes = "canary"
        [providers.p]
        kind = "canary"
        [providers.q]
        kind = "openai"
        api_key = "canary"
        retries = 11
        [models.m]
        provider = "p"
        context_window = 8
        max_output_tokens = 8
        [models.n]
        provider = "nobody"
        [[auth.keys]]
        algorithm = "HS256"
        secret = "canary"
        "#,
    );
    let keys: Vec<_> = faults.lines().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(
        keys,
        [
            "auth.keys[0].secret",
            "server",
            "log.format",
            "limits.max_item_bytes",
            "providers.p.kind",
            "providers.q.api_key",
            "default_model",
            "colour",
            "log.filter",
            "limits.lease_ms",
            "providers.q.retries",
            "models.m.max_output_tokens",
            "models.n.context_window",
            "models.n.max_output_tokens",
            "models.n.provider",
        ],
        "{faults}"
    );
    assert!(!faults.contains("canary"), "{faults}");
}

#[test]
fn a_fault_names_the_variable_or_flag_that_it_came_from() {
    let environment = Environment::of([("LOQUAT_HTTP_WORKERS", "many")]);
    let flags = Flags { listen: Some("here".to_owned()), ..Flags::default() };
    let (_, faults) = Config::load(&flags, &environment);
    assert_eq!(
        faults.to_string(),
        "loquat: LOQUAT_HTTP_WORKERS (server.http_workers): must be a whole number that is not \
         negative\n\
         loquat: --listen (server.listen): must be an IP address and a port, such as \
         127.0.0.1:8080 or 0.0.0.0:8080\n"
    );
}

#[test]
fn numbers_out_of_bounds_are_told_the_bounds() {
    let (_, faults) = file("[server]\nhttp_workers = 0\nruntime_threads = -1\n");
    assert_eq!(
        faults,
        "loquat: server.runtime_threads: must be a whole number that is not negative\n\
         loquat: server.http_workers: must be from 1 to 1024\n"
    );
}

#[test]
fn the_only_configured_model_is_the_default() {
    assert_eq!(sound(LLAMA).default_model, "llama");
    let second =
        "[models.other]\nprovider = \"local\"\ncontext_window = 2\nmax_output_tokens = 1\n";
    assert_eq!(sound(&format!("{LLAMA}{second}")).default_model, "echo");
    let named = sound(&format!("default_model = \"other\"\n{LLAMA}{second}"));
    assert_eq!(named.default_model, "other");
}

#[test]
fn the_default_model_must_exist() {
    let (_, faults) = file("default_model = \"gpt-9\"");
    assert!(faults.starts_with("loquat: default_model: there is no model"), "{faults}");
}

#[test]
fn a_key_of_openai_alone_is_enough_to_chat_with_openai() {
    let (config, faults) = load_file("", &Environment::of([("OPENAI_API_KEY", "canary")]));
    assert_eq!(faults, "");
    assert_eq!(config.default_model, "gpt-5-mini");
    let ProviderSection::OpenAi(openai) = &config.providers["openai"] else { panic!() };
    assert_eq!(openai.base_url, "https://api.openai.com/v1");
    assert_eq!(openai.api_key_env.as_deref(), Some("OPENAI_API_KEY"));
    assert_eq!(config.models["gpt-5"].context_window, 400_000);
    assert_eq!(config.models.len(), 7, "OpenAI's and echo");
    assert!(!config.to_toml().unwrap().contains("canary"));
}

#[test]
fn a_base_url_and_a_models_name_are_enough_for_a_local_server() {
    let environment = Environment::of([
        ("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1"),
        ("OPENAI_MODEL", "llama3.2"),
    ]);
    let (config, faults) = load_file("", &environment);
    assert_eq!(faults, "");
    assert_eq!(config.default_model, "llama3.2");
    assert_eq!(config.models["llama3.2"].context_window, 4_096);
    let ProviderSection::OpenAi(local) = &config.providers["openai"] else { panic!() };
    assert_eq!((local.base_url.as_str(), &local.api_key_env), ("http://127.0.0.1:11434/v1", &None));
}

#[test]
fn a_base_url_without_any_model_is_told_how_to_name_one() {
    let environment = Environment::of([("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1")]);
    let (_, faults) = load_file("", &environment);
    assert!(faults.starts_with("loquat: OPENAI_BASE_URL: no model of that server"), "{faults}");
    let model = "[models.m]\nprovider = \"openai\"\ncontext_window = 9\nmax_output_tokens = 1\n";
    let (config, faults) = load_file(model, &environment);
    assert_eq!((config.default_model.as_str(), faults.as_str()), ("m", ""));
}

#[test]
fn openais_variables_add_nothing_to_a_file_that_names_its_providers() {
    let (config, faults) = load_file(LLAMA, &Environment::of([("OPENAI_API_KEY", "canary")]));
    assert_eq!(faults, "");
    assert_eq!(config.models.keys().collect::<Vec<_>>(), ["echo", "llama"]);
}

#[test]
fn a_key_of_anthropic_alone_is_enough_to_chat() {
    let (config, faults) = load_file("", &Environment::of([("ANTHROPIC_API_KEY", "canary")]));
    assert_eq!(faults, "");
    assert_eq!(config.default_model, "claude-haiku-5-5");
    let names: Vec<_> = config.models.keys().collect();
    assert_eq!(names, ["claude-haiku-5-5", "claude-opus-5-5", "claude-sonnet-5-5", "echo"]);
    let ProviderSection::Anthropic(section) = &config.providers["anthropic"] else { panic!() };
    assert_eq!(section.api_key_env.as_deref(), Some("ANTHROPIC_API_KEY"));
    assert!(!config.to_toml().unwrap().contains("canary"));
}

#[test]
fn with_keys_of_both_all_models_are_there_and_openai_s_is_the_default() {
    let environment = Environment::of([("ANTHROPIC_API_KEY", "a"), ("OPENAI_API_KEY", "b")]);
    let (config, faults) = load_file("", &environment);
    assert_eq!((config.default_model.as_str(), faults.as_str()), ("gpt-5-mini", ""));
    assert!(config.models.contains_key("claude-sonnet-5-5"));
    let (again, faults) = load_file(&config.to_toml().unwrap(), &environment);
    assert_eq!((again, faults.as_str()), (config, ""));
}

#[test]
fn a_file_that_names_its_providers_sends_nothing_to_others() {
    let anthropic = "[providers.claude]\nkind = \"anthropic\"\n[models.c]\nprovider = \"claude\"\n\
                     context_window = 9\nmax_output_tokens = 1\n";
    let environment = Environment::of([("ANTHROPIC_API_KEY", "a"), ("OPENAI_API_KEY", "b")]);
    for (file, model) in [(LLAMA, "llama"), (anthropic, "c")] {
        let (config, faults) = load_file(file, &environment);
        assert_eq!((config.default_model.as_str(), faults.as_str()), (model, ""));
        assert_eq!(config.models.len(), 2);
    }
}

#[test]
fn a_model_says_its_wire_and_what_is_wanted_of_its_thoughts() {
    let config = sound(&format!("{LLAMA}wire = \"responses\"\nthoughts = \"summarised\"\n"));
    let model = &config.models["llama"];
    assert_eq!(model.wire, Some(WireStyle::Responses));
    assert_eq!(model.thoughts, Some(ThoughtsStyle::Summarised));
    let of_all = LLAMA.replace("kind = \"openai\"", "kind = \"openai\"\nwire = \"responses\"");
    sound(&format!("{of_all}thoughts = \"unasked\"\n"));
}

#[test]
fn a_wire_that_is_none_is_named_with_its_key() {
    let echo = LLAMA.replace("kind = \"openai\"", "kind = \"echo\"").replace("base_url", "#");
    for (file, fault) in [
        (format!("{LLAMA}wire = \"canary\""), "models.llama.wire: "),
        (format!("{LLAMA}thoughts = \"sealed\""), "models.llama.thoughts: has a meaning on one"),
        (format!("{echo}wire = \"responses\""), "models.llama.wire: is only for a model whose"),
        (format!("{echo}thoughts = \"sealed\""), "models.llama.thoughts: is only for a model"),
    ] {
        let (_, faults) = load_file(&file, &Environment::of([]));
        assert!(faults.starts_with(&format!("loquat: {fault}")), "{faults}");
        assert_eq!(faults.lines().count(), 1, "{faults}");
        assert!(!faults.contains("canary"), "{faults}");
    }
}

#[test]
fn a_token_takes_a_key_s_place_and_is_sent_as_one() {
    let token = "[providers.p]\nkind = \"openai\"\ntoken_file = \"/run/token\"\n";
    sound(&format!("{token}auth = \"bearer\"\n"));
    for (text, fault) in [
        ("api_key_env = \"KEY\"", "providers.p.token_file: must not stand beside api_key_env"),
        ("auth = \"api-key\"", "providers.p.auth: must be \"bearer\", since token_file"),
        ("auth = \"none\"", "providers.p.auth: must be \"bearer\", since token_file"),
    ] {
        let (_, faults) = file(&format!("{token}{text}\n"));
        assert!(faults.starts_with(&format!("loquat: {fault}")), "{faults}");
        assert_eq!(faults.lines().count(), 1, "{faults}");
    }
}

#[test]
fn empty_variables_of_openai_are_as_good_as_none() {
    let environment = Environment::of([("OPENAI_API_KEY", ""), ("OPENAI_BASE_URL", "")]);
    let (config, faults) = load_file("", &environment);
    assert_eq!((config.models.len(), faults.as_str()), (1, ""));
}

#[test]
fn the_model_echo_may_be_configured_otherwise() {
    let config = sound("[providers.echo]\nkind = \"echo\"\ninter_token_delay_ms = 5\n");
    let ProviderSection::Echo(echo) = &config.providers["echo"] else { panic!() };
    assert_eq!(echo.inter_token_delay_ms, 5);
    assert_eq!(config.models["echo"].provider, "echo");
}

#[test]
fn a_secret_in_the_environment_is_the_only_key() {
    let environment = Environment::of([("LOQUAT_AUTH_SECRET", "canary")]);
    let (config, faults) = load_file("", &environment);
    assert_eq!(faults, "");
    assert_eq!(config.auth.keys[0].secret_env.as_deref(), Some("LOQUAT_AUTH_SECRET"));
    assert_eq!(config.auth.keys[0].algorithm, "HS256");
}

#[test]
fn a_secret_in_the_environment_beside_other_keys_is_a_fault() {
    let environment = Environment::of([("LOQUAT_AUTH_SECRET", "canary")]);
    let key = "[[auth.keys]]\nalgorithm = \"HS256\"\nsecret_env = \"OTHER\"\n";
    let (_, faults) = load_file(key, &environment);
    assert!(faults.starts_with("loquat: LOQUAT_AUTH_SECRET: is set, but"), "{faults}");
    let (_, faults) = load_file(&key.replace("OTHER", "LOQUAT_AUTH_SECRET"), &environment);
    assert_eq!(faults, "");
}

#[test]
fn the_effective_configuration_is_itself_a_file() {
    let environment =
        Environment::of([("OPENAI_API_KEY", "canary"), ("LOQUAT_AUTH_SECRET", "canary")]);
    let (config, faults) = load_file("[server]\nmax_connections = 12\n", &environment);
    assert_eq!(faults, "");
    let (again, faults) = load_file(&config.to_toml().unwrap(), &environment);
    assert_eq!((again, faults.as_str()), (config, ""));
}

#[test]
fn a_model_sees_what_its_own_policy_says_or_else_that_of_all() {
    let config = sound(&format!(
        "[context]\npolicy = \"economy\"\n{LLAMA}
        context = {{ high = 900, recall = 0 }}\n"
    ));
    assert_eq!(config.policy_of(config.models["echo"].context.as_ref()), Policy::economy());
    let own = config.policy_of(config.models["llama"].context.as_ref());
    assert_eq!(own.window, loquat_context::Window::Marks { high: 900, low: 450 });
    assert_eq!((own.recall, own.summary), (None, Policy::balanced().summary));
}

#[test]
fn a_policy_that_is_none_is_named_with_its_part() {
    for (text, fault) in [
        ("[context]\npolicy = \"frugal\"", "context.policy: must be \"economy\", \"balanced\" or"),
        ("[context]\npolicy = 7", "context.policy: must be the name of a policy in quotes, or a"),
        ("[context.policy]\nhigh = 5\nlow = 6", "context.policy.low: must not be more than `high`"),
        ("[context.policy]\nlast = 5\nhigh = 6", "context.policy.high: cannot be set beside"),
        (
            "[context.policy]\nhihg = 5",
            "context.policy: there is no such key; the keys here are `l",
        ),
        ("[context]\nsummary_tokens = 7", "context.summary_tokens: must be from 32 to 8192"),
        ("[context]\nsummarizer = \"m\"", "context.summarizer: there is no such key"),
        ("[context]\nsummariser = \"gpt-9\"", "context.summariser: there is no model of that name"),
    ] {
        let (_, faults) = file(text);
        assert!(faults.starts_with(&format!("loquat: {fault}")), "{faults}");
        assert_eq!(faults.lines().count(), 1, "{faults}");
    }
    let (_, faults) = file(&format!("{LLAMA}\ncontext = \"canary\"\ntokenizer = \"canary\""));
    let keys: Vec<_> = faults.lines().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(keys, ["models.llama.tokenizer", "models.llama.context"], "{faults}");
    assert!(!faults.contains("canary"), "{faults}");
}

const AUTO: &str = r#"
    [routes.auto]
    models = ["llama", [{ model = "echo", weight = 2 }, { model = "llama" }]]
    [[routes.auto.rules]]
    name = "hard"
    complexity_at_least = 60
    metadata = ["urgent", "team=legal"]
    reasoning_at_least = "high"
    models = ["echo"]
"#;

#[test]
fn a_route_names_models_and_replicas_and_may_be_the_default() {
    let config = sound(&format!("default_model = \"auto\"\n{LLAMA}{AUTO}"));
    let route = &config.routes["auto"];
    assert_eq!(route.models[0], Step::Model("llama".to_owned()));
    assert_eq!(route.models[1].models(), ["echo", "llama"]);
    assert_eq!(route.rules[0].complexity_at_least, Some(60));
    assert_eq!(config.default_model, "auto");
}

#[test]
fn a_faulty_route_is_named_with_its_key() {
    for (text, fault) in [
        ("[routes.a]", "routes.a.models: must name at least one"),
        ("[routes.a]\nmodels = [\"canary\"]", "routes.a.models: names a model that"),
        ("[routes.a]\nmodels = [7]", "routes.a.models: must be the name of a model in quotes, or"),
        ("[routes.echo]\nmodels = [\"echo\"]", "routes.echo: a model has that name"),
        ("[routes.a]\nmodels = [\"echo\"]\nmargin = 101", "routes.a.margin: must be from 0 to 100"),
        (
            "[routes.a]\nmodels = [\"echo\"]\n[[routes.a.rules]]\nmodels = [\"echo\"]",
            "routes.a.rules[0].name: is missing",
        ),
        ("[guards.canary]\nfailures = 2", "guards.canary: there is no provider of that name"),
        ("[guards.echo]\nfailures = 0", "guards.echo.failures: must be from 1 to"),
    ] {
        let (_, faults) = file(text);
        assert!(faults.starts_with(&format!("loquat: {fault}")), "{faults}");
        assert_eq!(faults.lines().count(), 1, "{faults}");
    }
}

#[test]
fn quotas_are_limits_of_every_tenant_or_of_one() {
    let config = sound(
        "[[quotas]]\nwhom = \"each-user\"\nstreams = 3\n[[quotas]]\ntenant = \"acme\"\n\
         money_per_month = 12.5\nrequests_per_minute = 7\n",
    );
    let limits = config.configured_limits();
    assert_eq!(limits.every_tenant.len(), 1);
    let acme = &limits.tenants[&loquat_domain::TenantId::new("acme").unwrap()];
    let money = acme.iter().find(|it| it.key.meter == loquat_domain::Meter::MicrosPerMonth);
    assert_eq!(money.unwrap().most, Some(12_500_000));
}

#[test]
fn a_faulty_quota_is_named_with_its_place() {
    for (text, fault) in [
        ("[[quotas]]\n", "quotas[0]: limits nothing"),
        ("[[quotas]]\nstreams = 1\nuser = \"anna\"", "quotas[0].user: names a user with"),
        ("[[quotas]]\nstreams = 1\nwhom = \"user\"", "quotas[0].user: names a user with"),
        ("[[quotas]]\nstreams = 1\nmodel = \"canary\"", "quotas[0].model: there is no model or"),
        ("[[quotas]]\nstreams = 1\n[[quotas]]\nstreams = 2", "quotas[1]: streams of the same is"),
        ("[[quotas]]\nmoney_per_month = -1.0", "quotas[0].money_per_month: must be an amount of"),
        ("quotas = 3", "quotas: must be a list of tables"),
    ] {
        let (_, faults) = file(text);
        assert!(faults.starts_with(&format!("loquat: {fault}")), "{faults}");
    }
}
