use std::collections::VecDeque;

use http::{HeaderMap, header::AUTHORIZATION};
use loquat_domain::Usage;
use loquat_outbound::{BaseUrl, OptionsError, secret_header};
use loquat_provider::{ChatRequest, FinishReason, ProviderError, ProviderEvent};
use loquat_provider_http::{
    Channel, ErrorReport, Frame, HttpProvider, Limits, Outgoing, Pieces, Said, Translator, Wire,
    WireText,
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::json;

/// A server that is asked by `POST {base}/generate` and streams `{"token": "…"}` again and again,
/// and at the end `{"stop": "eos", "used": [TOKENS_OF_THE_PROMPT, TOKENS_OF_THE_ANSWER]}`.
pub struct Generate {
    base: BaseUrl,
}

/// A provider for the server at this address.
pub fn generate(
    base_url: &str,
    key: &str,
    limits: Limits,
) -> Result<HttpProvider<Generate>, OptionsError> {
    let base = BaseUrl::new(base_url)?;
    let key = secret_header("Bearer ", &key.to_owned().into())?;
    let headers = HeaderMap::from_iter([(AUTHORIZATION, key)]);
    HttpProvider::new(Generate { base: base.clone() }, base, headers, limits)
}

impl Wire for Generate {
    type Translator = Tokens;

    fn write(&self, request: &ChatRequest) -> Result<Outgoing, ProviderError> {
        let said: Vec<_> = request.input.iter().map(|item| item.texts().concat()).collect();
        let most = request.settings.max_output_tokens;
        let body = json!({"model": request.model, "prompt": said.join("\n"), "most": most});
        let uri = self.base.uri(["generate"], None).ok_or(ProviderError::Inexpressible)?;
        Ok(Outgoing { uri, body: body.to_string().into_bytes() })
    }

    fn translator(&self) -> Tokens {
        Tokens::default()
    }
}

#[derive(Default)]
pub struct Tokens {
    pieces: Pieces,
    usage: Option<Usage>,
    finished: bool,
}

/// `WireText` is text as models send it, which is not always text; `Pieces` mends it.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, default)]
    token: WireText<'a>,
    stop: Option<&'a str>,
    used: Option<(u64, u64)>,
    error: Option<IgnoredAny>,
}

impl Translator for Tokens {
    fn frame(
        &mut self,
        frame: &Frame,
        out: &mut VecDeque<ProviderEvent>,
    ) -> Result<Said, ProviderError> {
        if !frame.name.is_empty() {
            return Ok(Said::More);
        }
        let event = serde_json::from_slice::<Event<'_>>(&frame.data)
            .map_err(|_| ProviderError::Protocol("an event that is none of this wire"))?;
        if event.error.is_some() {
            return Err(ErrorReport::read(&frame.data).into_error());
        }
        if let Some((input_tokens, output_tokens)) = event.used {
            self.usage = Some(Usage { input_tokens, output_tokens, ..Usage::default() });
        }
        self.pieces.push(Channel::Text, event.token, out);
        let Some(stop) = event.stop else { return Ok(Said::More) };
        self.pieces.close(out);
        self.finished = true;
        out.push_back(ProviderEvent::Finished(match stop {
            "limit" => FinishReason::Length,
            "filter" => FinishReason::ContentFilter,
            _ => FinishReason::Stop,
        }));
        Ok(Said::All)
    }

    fn is_finished(&self) -> bool {
        self.finished
    }

    fn usage(&self) -> Option<Usage> {
        self.usage
    }
}
