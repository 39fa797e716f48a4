//! What providers may say of usage, right or wrong, and what must hold of what is made of it.

use loquat_domain::{TokenParts, Usage};
use proptest::{collection::vec, prelude::*};
use serde_json::{Map, Value, json};

/// An object with counts of these names, of which any may be missing, nothing, too great or
/// nonsense; and with such objects of details under theirs.
pub fn usage_object(
    counts: &'static [&'static str],
    details: &'static [(&'static str, &'static [&'static str])],
) -> impl Strategy<Value = Value> {
    let details: Vec<_> = details
        .iter()
        .map(|&(name, counts)| some_of(counts).prop_map(|it| (name.to_owned(), Value::Object(it))))
        .collect();
    (some_of(counts), details).prop_map(|(mut usage, details)| {
        usage.extend(details);
        Value::Object(usage)
    })
}

fn some_of(names: &'static [&'static str]) -> impl Strategy<Value = Map<String, Value>> {
    let counts = vec(proptest::option::weighted(0.8, count()), names.len());
    counts.prop_map(|counts| {
        let fields = names.iter().zip(counts);
        fields.filter_map(|(name, count)| Some(((*name).to_owned(), count?))).collect()
    })
}

fn count() -> impl Strategy<Value = Value> {
    prop_oneof![
        12 => (0..200_000_u64).prop_map(Value::from),
        2 => any::<u64>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => prop::sample::select(vec![json!(-1), json!(1.5), json!("7"), json!([7]), json!(true)]),
    ]
}

/// Whether it holds nothing that is no count.
pub fn is_readable(usage: &Value) -> bool {
    match usage {
        Value::Null => true,
        Value::Number(number) => number.is_u64(),
        Value::Object(fields) => fields.values().all(is_readable),
        Value::Bool(_) | Value::String(_) | Value::Array(_) => false,
    }
}

/// The count of that name, 0 when it is missing.
pub fn count_of(usage: &Value, name: &str) -> u64 {
    usage[name].as_u64().unwrap_or(0)
}

/// Checks that each token is in exactly one part: the parts add up to the totals, and none is
/// greater than the provider said.
///
/// # Panics
///
/// When they do not.
pub fn check_parts(usage: Usage) {
    let TokenParts { input, cached, cache_write, output, reasoning } = TokenParts::from(usage);
    // Wide, so that what wraps around is seen.
    let sum = |parts: &[u64]| parts.iter().copied().map(u128::from).sum::<u128>();
    assert_eq!(sum(&[input, cached, cache_write]), u128::from(usage.input_tokens), "{usage:?}");
    assert_eq!(sum(&[output, reasoning]), u128::from(usage.output_tokens), "{usage:?}");
    assert!(cached <= usage.cached_tokens, "{usage:?}");
    assert!(cache_write <= usage.cache_write_tokens, "{usage:?}");
    assert!(reasoning <= usage.reasoning_tokens, "{usage:?}");
}
