//! The wire's chunk, as far as it is used. Everything is optional and everything else is passed
//! over, because no two servers send the same.

use std::{borrow::Cow, fmt};

use loquat_domain::Usage;
use loquat_provider_http::WireText;
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// One chunk of a streamed answer; text is borrowed from its bytes where it can be.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Chunk<'a> {
    /// The one choice that we ask for.
    #[serde(borrow, rename = "choices", deserialize_with = "first_choice")]
    pub(crate) choice: Option<Choice<'a>>,
    #[serde(borrow)]
    pub(crate) usage: Option<&'a RawValue>,
    /// There when the provider reports an error instead of going on.
    #[serde(borrow)]
    pub(crate) error: Option<&'a RawValue>,
    /// `error` is how vLLM marks an error that has no object of its own.
    #[serde(borrow)]
    pub(crate) object: Option<WireText<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Choice<'a> {
    pub(crate) index: Option<u32>,
    #[serde(borrow)]
    pub(crate) delta: Option<Delta<'a>>,
    #[serde(borrow)]
    pub(crate) finish_reason: Option<WireText<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Delta<'a> {
    #[serde(borrow)]
    pub(crate) content: Option<Content<'a>>,
    #[serde(borrow)]
    pub(crate) refusal: Option<WireText<'a>>,
    /// `DeepSeek`'s name for thoughts, which vLLM, llama.cpp and others took over.
    #[serde(borrow)]
    pub(crate) reasoning_content: Option<WireText<'a>>,
    /// The name that `OpenRouter`, Ollama and newer vLLM use; some servers send both.
    #[serde(borrow)]
    pub(crate) reasoning: Option<WireText<'a>>,
    #[serde(borrow)]
    pub(crate) tool_calls: Option<Vec<ToolCallDelta<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ToolCallDelta<'a> {
    pub(crate) index: Option<u32>,
    #[serde(borrow)]
    pub(crate) id: Option<WireText<'a>>,
    #[serde(borrow)]
    pub(crate) function: Option<FunctionDelta<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FunctionDelta<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<WireText<'a>>,
    #[serde(borrow)]
    pub(crate) arguments: Option<WireText<'a>>,
}

/// A delta's content: a string, or the list of parts in which Mistral's thinking models answer.
#[derive(Debug, Default)]
pub(crate) struct Content<'a> {
    pub(crate) text: WireText<'a>,
    pub(crate) thinking: WireText<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(ContentVisitor)
    }
}

struct ContentVisitor;

#[derive(Default, Deserialize)]
#[serde(default)]
struct ContentPart<'a> {
    #[serde(borrow)]
    text: Option<WireText<'a>>,
    #[serde(borrow)]
    thinking: Option<Vec<ThinkingPart<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ThinkingPart<'a> {
    #[serde(borrow)]
    text: Option<WireText<'a>>,
}

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of parts")
    }

    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        Ok(Content { text: WireText(Cow::Borrowed(bytes)), ..Content::default() })
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(Content { text: WireText(Cow::Owned(bytes.to_vec())), ..Content::default() })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
        let (mut text, mut thinking) = (Vec::new(), Vec::new());
        while let Some(part) = parts.next_element::<ContentPart<'de>>()? {
            text.extend(part.text.iter().flat_map(|text| &*text.0));
            let thoughts = part.thinking.iter().flatten().filter_map(|part| part.text.as_ref());
            thinking.extend(thoughts.flat_map(|text| &*text.0));
        }
        Ok(Content { text: WireText(text.into()), thinking: WireText(thinking.into()) })
    }
}

/// Keeps the choice with index 0 of a list that may be null, without making a list of its own.
fn first_choice<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Choice<'de>>, D::Error> {
    deserializer.deserialize_any(ChoicesVisitor)
}

struct ChoicesVisitor;

impl<'de> Visitor<'de> for ChoicesVisitor {
    type Value = Option<Choice<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of choices")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut choices: A) -> Result<Self::Value, A::Error> {
        while let Some(choice) = choices.next_element::<Choice<'de>>()? {
            if choice.index.unwrap_or(0) == 0 {
                while choices.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(Some(choice));
            }
        }
        Ok(None)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
    /// `DeepSeek`'s name for cached tokens.
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

/// Reads a usage object. One that cannot be read counts as none: an answer must not fail because
/// of its bill, and whoever needs one counts for himself.
pub(crate) fn read_usage(raw: &RawValue) -> Option<Usage> {
    let usage: WireUsage = serde_json::from_str(raw.get()).ok()?;
    if usage.prompt_tokens.is_none() && usage.completion_tokens.is_none() {
        return None;
    }
    let prompt = usage.prompt_tokens_details.unwrap_or_default();
    let completion = usage.completion_tokens_details.unwrap_or_default();
    Some(Usage {
        input_tokens: usage.prompt_tokens.unwrap_or(0),
        cached_tokens: prompt.cached_tokens.or(usage.prompt_cache_hit_tokens).unwrap_or(0),
        cache_write_tokens: prompt.cache_write_tokens.unwrap_or(0),
        output_tokens: usage.completion_tokens.unwrap_or(0),
        reasoning_tokens: completion.reasoning_tokens.unwrap_or(0),
        estimated: false,
    })
}
