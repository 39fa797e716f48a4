//! Which rule matches, and whom it names.

use super::*;
use std::collections::BTreeMap;

use loquat_domain::{ImageDetail, Metadata, Part, RawJson, ReasoningEffort, TextFormat, Tool};
use loquat_provider::Choice;
use loquat_provider_router::{Conditions, RouteError};

/// A model whose requests go to `special` when these conditions hold, else to `usual`.
fn special(when: Conditions) -> RoutedModel {
    let rule =
        Rule { name: "special".to_owned(), when, route: chain([model("special", &willing())]) };
    ruled(chain([model("usual", &willing())]), vec![rule])
}

fn chosen(model: &RoutedModel, request: &ChatRequest) -> String {
    model.choose(request).expect("somebody is chosen").models[0].clone()
}

fn is_special(when: Conditions, request: &ChatRequest) -> bool {
    chosen(&special(when), request) == "special"
}

fn with_tool(mut request: ChatRequest) -> ChatRequest {
    request.settings.tools.push(Tool {
        name: "weather".to_owned(),
        description: None,
        parameters: None,
        strict: None,
    });
    request
}

fn with_image(mut request: ChatRequest) -> ChatRequest {
    let image =
        Part::Image { url: "data:image/png;base64,AA".to_owned(), detail: ImageDetail::Auto };
    if let Some(ItemContent::Message(message)) = request.input.last_mut() {
        message.parts.push(image);
    }
    request
}

fn with_schema(mut request: ChatRequest) -> ChatRequest {
    request.settings.text_format = TextFormat::JsonSchema {
        name: "answer".to_owned(),
        description: None,
        schema: RawJson::from_checked("{}".to_owned()),
        strict: None,
    };
    request
}

fn thinking(effort: ReasoningEffort) -> ChatRequest {
    let mut request = request("hello");
    request.settings.reasoning_effort = Some(effort);
    request
}

fn of_tokens(tokens: u32) -> ChatRequest {
    let mut request = request("hello");
    request.about.input_tokens = tokens;
    request
}

fn carrying(key: &str, value: &str) -> ChatRequest {
    let mut request = request("hello");
    let pairs = BTreeMap::from([(key.to_owned(), value.to_owned())]);
    request.about.metadata = Metadata::new(pairs).unwrap();
    request
}

#[test]
fn the_number_of_tokens_has_a_lower_and_an_upper_bound() {
    let least = Conditions { input_tokens_at_least: Some(1_000), ..Conditions::default() };
    assert!(is_special(least.clone(), &of_tokens(1_000)));
    assert!(!is_special(least, &of_tokens(999)));
    let most = Conditions { input_tokens_at_most: Some(1_000), ..Conditions::default() };
    assert!(is_special(most.clone(), &of_tokens(1_000)));
    assert!(!is_special(most, &of_tokens(1_001)));
}

#[test]
fn tokens_that_nobody_has_counted_are_estimated() {
    let least = Conditions { input_tokens_at_least: Some(1_000), ..Conditions::default() };
    assert!(is_special(least.clone(), &request(&"word ".repeat(1_000))));
    assert!(!is_special(least, &request("word")));
}

#[test]
fn tools_images_and_schemas_are_seen() {
    let tools = Conditions { tools: Some(true), ..Conditions::default() };
    assert!(is_special(tools.clone(), &with_tool(request("hello"))));
    assert!(!is_special(tools, &request("hello")));
    let images = Conditions { images: Some(true), ..Conditions::default() };
    assert!(is_special(images.clone(), &with_image(request("hello"))));
    assert!(!is_special(images, &request("hello")));
    let schema = Conditions { json_schema: Some(true), ..Conditions::default() };
    assert!(is_special(schema.clone(), &with_schema(request("hello"))));
    assert!(!is_special(schema, &request("hello")));
    let without = Conditions { tools: Some(false), ..Conditions::default() };
    assert!(is_special(without, &request("hello")));
}

#[test]
fn who_does_not_say_how_hard_to_think_asks_for_nothing() {
    let medium =
        Conditions { reasoning_at_least: Some(ReasoningEffort::Medium), ..Conditions::default() };
    assert!(is_special(medium.clone(), &thinking(ReasoningEffort::Medium)));
    assert!(is_special(medium.clone(), &thinking(ReasoningEffort::ExtraHigh)));
    assert!(!is_special(medium.clone(), &thinking(ReasoningEffort::Low)));
    assert!(!is_special(medium, &request("hello")));
}

#[test]
fn metadata_is_compared_by_key_or_by_key_and_value() {
    let when = |condition: &str| Conditions {
        metadata: vec![condition.parse().unwrap()],
        ..Conditions::default()
    };
    assert!(is_special(when("team"), &carrying("team", "legal")));
    assert!(is_special(when("team=legal"), &carrying("team", "legal")));
    assert!(!is_special(when("team=legal"), &carrying("team", "sales")));
    assert!(!is_special(when("team"), &request("hello")));
}

#[test]
fn a_rule_for_tenants_is_for_no_other_and_not_for_nobody() {
    let when = Conditions { tenants: vec![tenant_id("acme")], ..Conditions::default() };
    assert!(is_special(when.clone(), &on_behalf_of("acme")));
    assert!(!is_special(when.clone(), &on_behalf_of("other")));
    assert!(!is_special(when, &request("hello")));
}

#[test]
fn all_conditions_of_a_rule_must_hold() {
    let when =
        Conditions { tools: Some(true), tenants: vec![tenant_id("acme")], ..Conditions::default() };
    assert!(is_special(when.clone(), &with_tool(on_behalf_of("acme"))));
    assert!(!is_special(when.clone(), &on_behalf_of("acme")));
    assert!(!is_special(when, &with_tool(request("hello"))));
}

#[test]
fn the_first_rule_that_matches_decides() {
    let rule = |name: &str, tokens| Rule {
        name: name.to_owned(),
        when: Conditions { input_tokens_at_least: Some(tokens), ..Conditions::default() },
        route: chain([model(name, &willing())]),
    };
    let route = chain([model("usual", &willing())]);
    let routed = ruled(route, vec![rule("first", 100), rule("second", 50), rule("third", 0)]);
    assert_eq!(chosen(&routed, &of_tokens(100)), "first");
    assert_eq!(chosen(&routed, &of_tokens(50)), "second");
    assert_eq!(chosen(&routed, &of_tokens(1)), "third");
}

#[test]
fn a_choice_says_which_rule_matched_and_what_it_knows() {
    let when = Conditions { complexity_at_least: Some(0), ..Conditions::default() };
    let choice = special(when).choose(&request("hello")).unwrap();
    let Choice { models, rule, complexity, why } = choice;
    assert_eq!(models, ["special"]);
    assert_eq!(rule.as_deref(), Some("special"));
    assert!(complexity.is_some());
    assert_eq!(why[0], "rule special matches");
}

#[test]
fn a_complexity_that_no_rule_asks_for_is_not_worked_out() {
    let choice = special(Conditions::default()).choose(&request("hello")).unwrap();
    assert_eq!(choice.complexity, None);
}

#[test]
fn no_statement_repeats_anything_of_the_request() {
    let when = Conditions { complexity_at_least: Some(0), ..Conditions::default() };
    let choice = special(when).choose(&request("my secret is xyzzy, prove it")).unwrap();
    assert!(!format!("{choice:?}").contains("xyzzy"));
}

#[test]
fn a_model_that_cannot_is_left_out() {
    let blind = Target {
        capabilities: Capabilities { images: false, ..Capabilities::default() },
        ..model("blind", &willing())
    };
    let routed = routed([blind, model("seeing", &willing())]);
    assert_eq!(chosen(&routed, &request("hello")), "blind");
    let choice = routed.choose(&with_image(request("hello"))).unwrap();
    assert_eq!(choice.models, ["seeing"]);
    assert!(choice.why.contains(&"blind cannot do images".to_owned()));
}

#[test]
fn a_model_whose_window_is_too_small_is_left_out() {
    let small = Target { context_window: 8_000, ..model("small", &willing()) };
    let routed = routed([small, model("large", &willing())]);
    assert_eq!(chosen(&routed, &of_tokens(7_000)), "small");
    assert_eq!(chosen(&routed, &of_tokens(7_001)), "large");
}

#[tokio::test(start_paused = true)]
async fn when_nobody_can_nobody_is_asked() {
    let provider = willing();
    let blind = Target {
        capabilities: Capabilities { images: false, ..Capabilities::default() },
        context_window: 8_000,
        ..model("blind", &provider)
    };
    let routed = routed([blind]);
    assert_eq!(routed.choose(&with_image(request("hello"))), None);
    let (_, end) = answer(&routed, with_image(request("hello"))).await;
    assert!(matches!(end, Err(ProviderError::Inexpressible)), "{end:?}");
    let (_, end) = answer(&routed, of_tokens(8_000)).await;
    assert!(matches!(end, Err(ProviderError::ContextLengthExceeded)), "{end:?}");
    assert!(provider.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_model_of_another_tenant_is_never_asked_also_when_all_others_fail() {
    let private = willing();
    let private_model =
        Target { tenants: Some(vec![tenant_id("acme")]), ..model("private", &private) };
    let routed = routed([model("dead", &dead()), private_model]);
    let stranger = on_behalf_of("other");
    let (_, end) = answer(&routed, stranger.clone()).await;
    assert!(matches!(end, Err(ProviderError::Unavailable(_))));
    assert!(private.calls().is_empty());
    let choice = stranger.trail.choice().unwrap();
    assert!(!format!("{choice:?} {:?}", stranger.trail.attempts()).contains("private"));

    let (text, _) = answer(&routed, on_behalf_of("acme")).await;
    assert_eq!(text, "hello");
}

#[test]
fn a_model_is_for_a_tenant_when_anybody_on_any_route_is() {
    let private = Target { tenants: Some(vec![tenant_id("acme")]), ..model("private", &willing()) };
    let only = RoutedModel::only(Arc::new(private.clone()));
    assert!(only.is_for(Some(&tenant_id("acme"))));
    assert!(!only.is_for(Some(&tenant_id("other"))));
    assert!(!only.is_for(None));
    assert!(routed([private, model("public", &willing())]).is_for(None));
}

#[test]
fn a_dry_run_says_what_a_call_would_do_and_asks_nobody() {
    let provider = willing();
    let routed = routed([model("first", &provider), model("second", &provider)]);
    let request = of(7, "hello");
    assert_eq!(routed.choose(&request).unwrap().models, ["first", "second"]);
    assert!(provider.calls().is_empty());
    assert_eq!(request.trail.choice(), None);
}

#[test]
fn routes_that_make_no_sense_are_refused() {
    let options = RouteOptions::default();
    let new = |route, rules| RoutedModel::new(route, rules, options).map(drop);
    let usual = || chain([model("usual", &willing())]);
    let rule = |route, when| Rule { name: "odd".to_owned(), when, route };
    assert_eq!(new(Vec::new(), Vec::new()), Err(RouteError::NoModel));
    let without = rule(Vec::new(), Conditions::default());
    assert_eq!(new(usual(), vec![without]), Err(RouteError::RuleWithoutModel("odd".to_owned())));
    let crossed = Conditions {
        complexity_at_least: Some(60),
        complexity_at_most: Some(50),
        ..Conditions::default()
    };
    let never = RouteError::NeverMatches("odd".to_owned());
    assert_eq!(new(usual(), vec![rule(usual(), crossed)]), Err(never));
    let above = Conditions { complexity_at_least: Some(101), ..Conditions::default() };
    let above = new(usual(), vec![rule(usual(), above)]);
    assert_eq!(above, Err(RouteError::Complexity("odd".to_owned())));
    let spare = Replicas::weighted(vec![(Arc::new(model("spare", &willing())), 0)]);
    assert_eq!(new(vec![spare], Vec::new()), Err(RouteError::NoWeight));
}
