//! What holds of every choice.

use super::*;
use loquat_provider_router::Conditions;
use proptest::prelude::*;

/// Models `m0` to `m7`, of which a bit each says whether the tenant "acme" may use it.
fn models(allowed: u8) -> Vec<Arc<Target>> {
    let provider = upstream(&willing(), GuardOptions::default());
    (0..8)
        .map(|number| {
            let owner = if allowed >> number & 1 == 1 { "acme" } else { "other" };
            Arc::new(Target {
                tenants: Some(vec![tenant_id(owner)]),
                ..target(&format!("m{number}"), &provider)
            })
        })
        .collect()
}

fn named(models: &[Arc<Target>], numbers: &[usize]) -> Vec<Replicas> {
    numbers.iter().map(|number| Arc::clone(&models[*number]).into()).collect()
}

fn route() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0_usize..8, 1..6)
}

proptest! {
    #[test]
    fn a_choice_names_only_models_of_the_route_in_its_order_that_the_tenant_may_use(
        allowed in any::<u8>(),
        usual in route(),
        rules in prop::collection::vec((0_u32..1_000, route()), 0..6),
        tokens in 1_u32..1_000,
        number in any::<u128>(),
    ) {
        let models = models(allowed);
        let made = rules.iter().enumerate().map(|(at, (least, route))| Rule {
            name: format!("r{at}"),
            when: Conditions { input_tokens_at_least: Some(*least), ..Conditions::default() },
            route: named(&models, route),
        });
        let routed = ruled(named(&models, &usual), made.collect());
        let mut request = on_behalf_of("acme");
        request.about.input_tokens = tokens;
        request.about.conversation = Some(conversation(number));

        let matching = rules.iter().position(|(least, _)| tokens >= *least);
        let route = matching.map_or(&usual, |at| &rules[at].1);
        let mut expected: Vec<String> = Vec::new();
        for number in route {
            let name = format!("m{number}");
            if allowed >> number & 1 == 1 && !expected.contains(&name) {
                expected.push(name);
            }
        }

        let choice = routed.choose(&request);
        prop_assert_eq!(&choice, &routed.choose(&request), "a choice is made twice alike");
        match choice {
            None => prop_assert!(expected.is_empty()),
            Some(choice) => {
                prop_assert_eq!(choice.models, expected);
                prop_assert_eq!(choice.rule, matching.map(|at| format!("r{at}")));
            }
        }
    }
}
