//! The wire's blocks.

use std::borrow::Cow;

use loquat_domain::Reasoning;
use loquat_provider::ProviderError;
use loquat_provider_http::Seal;
use serde::Serialize;
use serde_json::value::RawValue;

use super::INEXPRESSIBLE;

/// Where a part ends that later requests repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct CacheControl {
    r#type: &'static str,
}

impl CacheControl {
    /// For five minutes, which begin anew with each use.
    pub(super) const EPHEMERAL: Self = Self { r#type: "ephemeral" };
}

/// One block of a message or of the system prompt.
#[derive(Serialize)]
pub(super) struct Block<'a> {
    #[serde(flatten)]
    pub(super) content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_control: Option<CacheControl>,
}

impl<'a> From<Content<'a>> for Block<'a> {
    fn from(content: Content<'a>) -> Self {
        Self { content, cache_control: None }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Content<'a> {
    Text {
        text: Cow<'a, str>,
    },
    Image {
        source: ImageSource<'a>,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: Input<'a>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "str::is_empty")]
        content: &'a str,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
}

impl<'a> Content<'a> {
    /// Text; `None` where there is nothing but space, which the wire refuses.
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Option<Self> {
        let text = text.into();
        (!text.trim().is_empty()).then_some(Self::Text { text })
    }

    /// A thought that this endpoint has sealed; `None` for one that it cannot open.
    pub(super) fn thought(thought: &'a Reasoning, seal: &Seal) -> Option<Self> {
        let sealed = Sealed::read(thought.encrypted.as_deref()?, seal)?;
        Some(match sealed {
            Sealed::Signature(signature) => Self::Thinking { thinking: &thought.text, signature },
            Sealed::Redacted(data) => Self::RedactedThinking { data },
        })
    }

    pub(super) const fn is_thought(&self) -> bool {
        matches!(self, Self::Thinking { .. } | Self::RedactedThinking { .. })
    }
}

/// A thought's sealed form, as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sealed<'a> {
    /// Signed: the thought's text goes back beside it.
    Signature(&'a str),
    /// All of the thought, unreadable.
    Redacted(&'a str),
}

impl<'a> Sealed<'a> {
    const SIGNATURE: &'static str = "signature:";
    const REDACTED: &'static str = "redacted:";

    pub(crate) fn write(self, seal: &Seal) -> String {
        let (kind, sealed) = match self {
            Self::Signature(signature) => (Self::SIGNATURE, signature),
            Self::Redacted(data) => (Self::REDACTED, data),
        };
        seal.mark(&format!("{kind}{sealed}"))
    }

    fn read(marked: &'a str, seal: &Seal) -> Option<Self> {
        let own = seal.own(marked)?;
        let signature = own.strip_prefix(Self::SIGNATURE).map(Self::Signature);
        signature.or_else(|| own.strip_prefix(Self::REDACTED).map(Self::Redacted))
    }
}

/// A call's arguments, which the wire wants to be an object.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Input<'a> {
    Object(&'a RawValue),
    None {},
    /// What a model wrote that is none, for example because it was cut off.
    Text {
        arguments: &'a str,
    },
}

impl<'a> Input<'a> {
    pub(super) fn new(arguments: &'a str) -> Self {
        let arguments = arguments.trim();
        if arguments.is_empty() {
            return Self::None {};
        }
        match serde_json::from_str::<&RawValue>(arguments) {
            Ok(object) if object.get().starts_with('{') => Self::Object(object),
            _ => Self::Text { arguments },
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ImageSource<'a> {
    Url { url: &'a str },
    Base64 { media_type: &'a str, data: &'a str },
}

impl<'a> ImageSource<'a> {
    /// # Errors
    ///
    /// [`INEXPRESSIBLE`] for a `data:` URL that is not `data:MEDIA/TYPE;base64,…`.
    pub(super) fn new(url: &'a str) -> Result<Self, ProviderError> {
        let Some(data) = url.strip_prefix("data:") else { return Ok(Self::Url { url }) };
        let (head, data) = data.split_once(',').ok_or(INEXPRESSIBLE)?;
        let media_type = head.strip_suffix(";base64").ok_or(INEXPRESSIBLE)?;
        // Parameters, such as a name, are not part of the type.
        let media_type = media_type.split(';').next().unwrap_or_default();
        Ok(Self::Base64 { media_type, data })
    }
}
