//! Small changes of a transcript.

use serde_json::{Value, json};

/// Every transcript that differs from `events` by one event that is left out, comes twice or has
/// changed places with the next, with what was done.
pub(super) fn reordered(events: &[Value]) -> Vec<(String, Vec<Value>)> {
    let mut changed = Vec::new();
    for at in 0..events.len() {
        let mut dropped = events.to_vec();
        dropped.remove(at);
        changed.push((format!("without event {at}"), dropped));
        let mut doubled = events.to_vec();
        doubled.insert(at, events[at].clone());
        changed.push((format!("event {at} twice"), doubled));
        if at + 1 < events.len() {
            let mut swapped = events.to_vec();
            swapped.swap(at, at + 1);
            changed.push((format!("event {at} after the next"), swapped));
        }
    }
    changed
}

/// Every transcript that lacks one field anywhere.
pub(super) fn without_a_field(events: &[Value]) -> Vec<(String, Vec<Value>)> {
    changes(events, |object, key| {
        object.as_object_mut().unwrap().remove(key);
    })
}

/// Every transcript in which one field that is no object or array has another value of its type,
/// or a value where it had none.
pub(super) fn with_another_value(events: &[Value]) -> Vec<(String, Vec<Value>)> {
    changes(events, |object, key| {
        let value = &mut object[key];
        *value = match &*value {
            Value::Bool(it) => json!(!it),
            Value::Number(it) => json!(it.as_f64().unwrap() + 1.0),
            Value::String(it) => json!(format!("{it}x")),
            Value::Array(it) => json!([it.as_slice(), &[json!(0)]].concat()),
            Value::Null | Value::Object(_) => json!([]),
        };
    })
}

fn changes(events: &[Value], change: impl Fn(&mut Value, &str)) -> Vec<(String, Vec<Value>)> {
    let mut changed = Vec::new();
    for at in 0..events.len() {
        for (object, key) in fields(&events[at], "") {
            let mut copy = events.to_vec();
            change(copy[at].pointer_mut(&object).unwrap(), &key);
            changed.push((format!("{at} {object}/{key}"), copy));
        }
    }
    changed
}

/// Every field of every object in a value, as the object's JSON pointer and the field's name.
fn fields(value: &Value, pointer: &str) -> Vec<(String, String)> {
    match value {
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, inner)| {
                let below = fields(inner, &format!("{pointer}/{key}"));
                std::iter::once((pointer.to_owned(), key.clone())).chain(below)
            })
            .collect(),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .flat_map(|(at, inner)| fields(inner, &format!("{pointer}/{at}")))
            .collect(),
        _ => vec![],
    }
}
