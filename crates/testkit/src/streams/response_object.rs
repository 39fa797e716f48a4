//! The response object: what the Open Responses schema demands, and what OpenAI's SDKs read.

use serde_json::Value;

use super::{Rule, Violation, fields::Fields, items::check_item, rule};

/// Checks a response object as a client gets it outside a stream.
///
/// # Errors
///
/// The first [`Violation`].
pub fn check_response_object(response: &Value) -> Result<(), Violation> {
    check(response).map(drop).map_err(|what| Violation { at: 0, what })
}

/// Checks every field, and those that depend on the status.
pub(super) fn check(response: &Value) -> Rule<Fields<'_>> {
    let object = Fields::of(response, "the response")?;
    check_identity(object)?;
    check_echo(object)?;
    check_sampling(object)?;
    check_tools(object)?;
    check_output(object)?;
    if let Some(usage) = object.nullable_object("usage")? {
        check_usage(usage)?;
    }
    check_status(object)?;
    Ok(object)
}

fn check_identity(object: Fields<'_>) -> Rule {
    object.exactly("object", "response")?;
    let id = object.string("id")?;
    rule(id.starts_with("resp_"), || format!("a response's id begins with `resp_`: {id}"))?;
    object.text("model")?;
    object.integer("created_at")?;
    object.object("metadata")?;
    Ok(())
}

/// What the request said comes back.
fn check_echo(object: Fields<'_>) -> Rule {
    for key in ["previous_response_id", "instructions", "safety_identifier", "prompt_cache_key"] {
        object.nullable_string(key)?;
    }
    for key in ["max_output_tokens", "max_tool_calls"] {
        object.nullable_integer(key)?;
    }
    if let Some(reasoning) = object.nullable_object("reasoning")? {
        reasoning.nullable_string("effort")?;
        reasoning.nullable_string("summary")?;
    }
    object.object("text")?.object("format")?.text("type")?;
    object.one_of("truncation", &["auto", "disabled"])?;
    for key in ["parallel_tool_calls", "store", "background"] {
        object.boolean(key)?;
    }
    object.text("service_tier").map(drop)
}

fn check_sampling(object: Fields<'_>) -> Rule {
    for key in ["temperature", "top_p", "presence_penalty", "frequency_penalty"] {
        object.number(key)?;
    }
    object.integer("top_logprobs").map(drop)
}

fn check_tools(object: Fields<'_>) -> Rule {
    for tool in object.array("tools")? {
        let tool = Fields::of(tool, "a tool")?;
        tool.exactly("type", "function")?;
        tool.text("name")?;
        tool.nullable_string("description")?;
        tool.nullable_object("parameters")?;
        tool.nullable("strict")?;
    }
    match object.map.get("tool_choice") {
        Some(Value::Object(_)) => object.object("tool_choice")?.text("type").map(drop),
        _ => object.one_of("tool_choice", &["none", "auto", "required"]).map(drop),
    }
}

fn check_output(object: Fields<'_>) -> Rule {
    let output = object.array("output")?;
    for (at, item) in output.iter().enumerate() {
        let status = check_item(item)?;
        rule(status != "in_progress", || format!("an item of the output is in progress: {item}"))?;
        let is_last = at + 1 == output.len();
        rule(status == "completed" || is_last, || {
            format!("only the last item may be incomplete: {item}")
        })?;
        rule(status == "completed" || object.string("status") != Ok("completed"), || {
            format!("a completed response has an incomplete item: {item}")
        })?;
    }
    Ok(())
}

fn check_usage(usage: Fields<'_>) -> Rule {
    let input = usage.integer("input_tokens")?;
    let output = usage.integer("output_tokens")?;
    let cached = usage.object("input_tokens_details")?;
    let read = cached.integer("cached_tokens")?;
    cached.integer("cache_write_tokens")?;
    let reasoning = usage.object("output_tokens_details")?.integer("reasoning_tokens")?;
    usage.exactly("total_tokens", input + output)?;
    rule(read <= input && reasoning <= output, || {
        format!("the details of the usage are more than the whole: {:?}", usage.map)
    })
}

fn check_status(object: Fields<'_>) -> Rule {
    const ALL: &[&str] =
        &["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"];
    let status = object.one_of("status", ALL)?;
    let completed_at = object.nullable_integer("completed_at")?;
    let details = object.nullable_object("incomplete_details")?;
    let error = object.nullable_object("error")?;
    if let Some(details) = details {
        details.text("reason")?;
    }
    if let Some(error) = error {
        error.text("code")?;
        error.text("message")?;
    }
    let wrong = |what: &str| format!("a response that is {status} {what}");
    let runs = matches!(status, "queued" | "in_progress");
    rule(!runs || completed_at.is_none(), || wrong("has `completed_at`"))?;
    rule(!runs || !object.has("usage"), || wrong("has `usage`"))?;
    rule(status != "completed" || completed_at.is_some(), || wrong("lacks `completed_at`"))?;
    rule((status == "failed") == error.is_some(), || wrong("has a wrong `error`"))?;
    let explained = details.is_some() == (status == "incomplete");
    rule(explained || status == "cancelled", || wrong("has wrong `incomplete_details`"))
}
