//! Functions that a model may ask for, and whether it may.

use loquat_domain::{Tool, ToolChoice};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::value;
use crate::{error::ApiError, text_or::TextOr};

/// The most functions of one request, as at OpenAI.
const MAX_TOOLS: usize = 128;

/// A function, as `/v1/responses` is told of it.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = InputTool)]
pub(crate) struct ToolBody {
    /// `function`.
    #[serde(rename = "type")]
    #[schema(example = "function")]
    kind: String,
    #[schema(min_length = 1, max_length = 64)]
    name: Option<String>,
    description: Option<String>,
    /// JSON Schema of the arguments.
    #[schema(value_type = Option<Object>)]
    parameters: Option<Box<RawValue>>,
    strict: Option<bool>,
}

/// A function, as `/v1/chat/completions` is told of it.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = CompletionTool)]
pub(crate) struct CompletionToolBody {
    /// `function`.
    #[serde(rename = "type")]
    #[schema(example = "function")]
    kind: String,
    function: Option<FunctionBody>,
}

/// What there is to know of a function.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = CompletionFunction)]
pub(crate) struct FunctionBody {
    #[schema(min_length = 1, max_length = 64)]
    name: Option<String>,
    description: Option<String>,
    /// JSON Schema of the arguments.
    #[schema(value_type = Option<Object>)]
    parameters: Option<Box<RawValue>>,
    strict: Option<bool>,
}

impl FunctionBody {
    fn tool(self, at: &str) -> Result<Tool, ApiError> {
        let parameters = self.parameters.as_deref();
        Ok(Tool {
            name: value::name(self.name, format!("{at}.name"))?,
            description: self.description,
            parameters: parameters
                .map(|json| value::schema(json, format!("{at}.parameters")))
                .transpose()?,
            strict: self.strict,
        })
    }
}

/// The functions of a response's request.
pub(crate) fn tools(bodies: Option<Vec<ToolBody>>) -> Result<Vec<Tool>, ApiError> {
    each(bodies.unwrap_or_default(), |body, at| {
        only_functions(&body.kind, at)?;
        let ToolBody { name, description, parameters, strict, .. } = body;
        FunctionBody { name, description, parameters, strict }.tool(at)
    })
}

/// The functions of a chat completion's request.
pub(crate) fn completion_tools(
    bodies: Option<Vec<CompletionToolBody>>,
) -> Result<Vec<Tool>, ApiError> {
    each(bodies.unwrap_or_default(), |body, at| {
        only_functions(&body.kind, at)?;
        let at = format!("{at}.function");
        match body.function {
            Some(function) => function.tool(&at),
            None => Err(ApiError::missing(at)),
        }
    })
}

fn each<T>(
    bodies: Vec<T>,
    read: impl Fn(T, &str) -> Result<Tool, ApiError>,
) -> Result<Vec<Tool>, ApiError> {
    if bodies.len() > MAX_TOOLS {
        return Err(ApiError::invalid("tools", format!("tools has at most {MAX_TOOLS} entries")));
    }
    let numbered = bodies.into_iter().enumerate();
    numbered.map(|(index, body)| read(body, &format!("tools[{index}]"))).collect()
}

fn only_functions(kind: &str, at: &str) -> Result<(), ApiError> {
    if kind == "function" { Ok(()) } else { Err(ApiError::unsupported(format!("{at}.type"))) }
}

/// The one function that a model must ask for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NamedToolChoice)]
pub(crate) struct NamedChoiceBody {
    /// `function`.
    #[serde(rename = "type")]
    #[schema(example = "function")]
    kind: String,
    /// The function's name on `/v1/responses`.
    name: Option<String>,
    /// The function on `/v1/chat/completions`.
    function: Option<FunctionName>,
}

/// A function by its name.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct FunctionName {
    name: Option<String>,
}

/// Whether a model may ask for one of these functions.
pub(crate) fn tool_choice(
    body: Option<TextOr<NamedChoiceBody>>,
    tools: &[Tool],
) -> Result<ToolChoice, ApiError> {
    let named = match body {
        None => return Ok(ToolChoice::default()),
        Some(TextOr::Other(named)) => named,
        Some(TextOr::Text(text)) => {
            return match text.as_str() {
                "none" => Ok(ToolChoice::None),
                "auto" => Ok(ToolChoice::Auto),
                "required" => Ok(ToolChoice::Required),
                _ => {
                    let message = "tool_choice is none, auto, required, or names a function";
                    Err(ApiError::invalid("tool_choice", message))
                }
            };
        }
    };
    if named.kind != "function" {
        return Err(ApiError::unsupported("tool_choice.type"));
    }
    let name = named.name.or_else(|| named.function.and_then(|function| function.name));
    let name = value::name(name, "tool_choice.name".to_owned())?;
    if tools.iter().any(|tool| tool.name == name) {
        Ok(ToolChoice::Function(name))
    } else {
        Err(ApiError::invalid("tool_choice", "tool_choice names none of the tools"))
    }
}
