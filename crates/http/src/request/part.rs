//! One part of an item's content.

use loquat_domain::{ImageDetail, Part, Role};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::ApiError;

/// A part of a message, of a function's output or of a model's thoughts. `type` says which of the
/// other fields count.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = InputPart)]
pub(crate) struct PartBody {
    /// `input_text`, `output_text` or `text` (with `text`), `refusal`, `input_image` (with
    /// `image_url` and `detail`), `reasoning_text` or `summary_text` (with `text`).
    #[serde(rename = "type")]
    #[schema(example = "input_text")]
    kind: String,
    text: Option<String>,
    refusal: Option<String>,
    /// `https:`, `http:` or `data:`.
    image_url: Option<String>,
    detail: Option<DetailBody>,
}

/// How closely a model should look at an image.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ImageDetail)]
pub(crate) enum DetailBody {
    Low,
    High,
    Auto,
}

impl From<DetailBody> for ImageDetail {
    fn from(detail: DetailBody) -> Self {
        match detail {
            DetailBody::Low => Self::Low,
            DetailBody::High => Self::High,
            DetailBody::Auto => Self::Auto,
        }
    }
}

impl PartBody {
    /// The part of a message that `role` said.
    pub(crate) fn of_message(self, role: Role, at: &str) -> Result<Part, ApiError> {
        match (self.kind.as_str(), role) {
            ("input_text" | "output_text" | "text", _) => self.into_text(at).map(Part::Text),
            ("refusal", Role::Assistant) => {
                let refusal = self.refusal.ok_or_else(|| missing(at, "refusal"))?;
                Ok(Part::Refusal(refusal))
            }
            ("input_image", Role::User) => {
                let url = self.image_url.ok_or_else(|| missing(at, "image_url"))?;
                image(url, self.detail, format!("{at}.image_url"))
            }
            _ => Err(ApiError::unsupported(format!("{at}.type"))),
        }
    }

    /// The text of a part, where only text can be.
    pub(crate) fn only_text(self, at: &str) -> Result<String, ApiError> {
        match self.kind.as_str() {
            "input_text" | "output_text" | "text" | "reasoning_text" | "summary_text" => {
                self.into_text(at)
            }
            _ => Err(ApiError::unsupported(format!("{at}.type"))),
        }
    }

    fn into_text(self, at: &str) -> Result<String, ApiError> {
        self.text.ok_or_else(|| missing(at, "text"))
    }
}

/// An image by an address that cannot mean a file of whoever looks at it.
pub(crate) fn image(
    url: String,
    detail: Option<DetailBody>,
    param: String,
) -> Result<Part, ApiError> {
    let scheme = url.split(':').next().unwrap_or_default();
    if ["https", "http", "data"].iter().any(|it| scheme.eq_ignore_ascii_case(it)) {
        Ok(Part::Image { url, detail: detail.map_or(ImageDetail::Auto, Into::into) })
    } else {
        let message = format!("{param} is an https:, http: or data: address");
        Err(ApiError::invalid(param, message))
    }
}

fn missing(at: &str, field: &str) -> ApiError {
    ApiError::missing(format!("{at}.{field}"))
}
