//! A provider like the first that anybody writes, over a wire of its own that can say everything: it
//! decodes each packet by itself, splits text where Python would, knows one form of event, keeps what
//! is not over for ever, follows redirects with the key, and passes on what the endpoint says.

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{HeaderMap, Uri, header::LOCATION};
use loquat_domain::Usage;
use loquat_outbound::{BaseUrl, Body, HttpClient, secret_header};
use loquat_provider::{
    AnswerStream, ChatProvider, ChatRequest, FinishReason, ProviderError, ProviderEvent,
};
use loquat_testkit::provider_conformance::{Dialect, Endpoint, Json, Pen, Say, UpstreamFault};
use serde_json::{Value, json};

pub(super) struct Naive;

impl Dialect for Naive {
    fn provider(&self, endpoint: &Endpoint) -> Box<dyn ChatProvider> {
        Box::new(NaiveProvider(endpoint.clone()))
    }

    fn pen(&self) -> Box<dyn Pen> {
        Box::new(NaivePen)
    }

    fn error_document(&self, _: UpstreamFault, words: &str) -> Value {
        json!({"error": words})
    }
}

struct NaivePen;

impl Pen for NaivePen {
    fn write(&mut self, say: &Say) -> Option<Vec<u8>> {
        let named = |name: &str, text: &Json| text.within(&format!(r#"{{"{name}":$}}"#));
        let data = match say {
            Say::Begin(_) => b"{}".to_vec(),
            Say::Nothing => br#"{"text":""}"#.to_vec(),
            Say::Text(text) => named("text", text),
            Say::Refusal(text) => named("refusal", text),
            Say::Reasoning(text) => named("reasoning", text),
            Say::Summary(_, text) => named("summary", text),
            Say::Sealed(sealed) => named("sealed", &Json::string(sealed)),
            Say::Call { index, id, name } => {
                json!({"call": index, "id": id, "name": name}).to_string().into_bytes()
            }
            Say::Arguments(index, text) => {
                text.within(&format!(r#"{{"of":{index},"arguments":$}}"#))
            }
            Say::Finish(..) => br#"{"finish":true}"#.to_vec(),
            Say::Done => b"[DONE]".to_vec(),
            Say::Error(_) => br#"{"error":"x"}"#.to_vec(),
        };
        Some([b"data: ", &*data, b"\n\n"].concat())
    }
}

struct NaiveProvider(Endpoint);

impl NaiveProvider {
    async fn post(&self, uri: &Uri, request: &ChatRequest) -> Result<Body, ProviderError> {
        let key = secret_header("Bearer ", &self.0.key.clone().into()).expect("a key");
        let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, key)]);
        let base = BaseUrl::new(&uri.to_string()).expect("a URL");
        let client = HttpClient::new(base, headers, self.0.patience.connect).expect("a client");
        let question = json!({"model": request.model, "input": format!("{:?}", request.input)});
        let body = Bytes::from(question.to_string());
        let response = client.post(uri, &HeaderMap::new(), body).await;
        let response = response.map_err(|error| ProviderError::Unavailable(Some(error.into())))?;
        if let Some(target) = response.headers().get(LOCATION) {
            let target = target.to_str().unwrap_or_default().parse().expect("a URL");
            return Box::pin(self.post(&target, request)).await;
        }
        let (head, mut body) = response.into_parts();
        if head.status.is_success() {
            return Ok(body);
        }
        let mut words = Vec::new();
        while let Ok(Some(chunk)) = body.chunk().await {
            words.extend_from_slice(&chunk);
        }
        let words = String::from_utf8_lossy(&words).into_owned();
        Err(ProviderError::Unavailable(Some(words.into())))
    }
}

#[async_trait]
impl ChatProvider for NaiveProvider {
    async fn start(&self, request: ChatRequest) -> Result<AnswerStream, ProviderError> {
        let uri = self.0.base_url.parse().expect("a URL");
        let body = self.post(&uri, &request).await?;
        let events = stream::unfold(Some((body, String::new())), async |state| {
            let (mut body, mut text) = state?;
            let mut may_be_whole = true;
            loop {
                let event = Some(()).filter(|()| may_be_whole);
                if let Some((event, rest)) = event.and_then(|()| text.split_once("\n\n")) {
                    let read = read(event);
                    text = rest.to_owned();
                    let goes_on = read.is_ok();
                    return Some((read, goes_on.then_some((body, text))));
                }
                match body.chunk().await {
                    Ok(Some(chunk)) => {
                        may_be_whole = chunk.contains(&b'\n');
                        text.push_str(&String::from_utf8_lossy(&chunk));
                    }
                    Ok(None) if text.is_empty() => return None,
                    Ok(None) => return Some((read(&text), None)),
                    Err(error) => {
                        return Some((Err(ProviderError::Disconnected(Some(error.into()))), None));
                    }
                }
            }
        });
        let events = events.flat_map(|read| match read {
            Ok(events) => stream::iter(events.into_iter().map(Ok).collect::<Vec<_>>()),
            Err(error) => stream::iter(vec![Err(error)]),
        });
        Ok(events.boxed())
    }
}

/// What Python's `splitlines` takes for an end of a line.
const ENDS: [char; 7] = ['\n', '\r', '\u{B}', '\u{C}', '\u{85}', '\u{2028}', '\u{2029}'];

fn read(event: &str) -> Result<Vec<ProviderEvent>, ProviderError> {
    let mut events = Vec::new();
    for line in event.split(ENDS) {
        let Some(data) = line.strip_prefix("data: ").filter(|data| *data != "[DONE]") else {
            continue;
        };
        let json: Value =
            serde_json::from_str(data).map_err(|_| ProviderError::Protocol("no JSON"))?;
        if json.get("error").is_some() {
            return Err(ProviderError::Failed);
        }
        let text = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| {
            let number = json.get(name).and_then(Value::as_u64)?;
            u32::try_from(number).ok()
        };
        events.extend(text("text").map(ProviderEvent::Text));
        events.extend(text("refusal").map(ProviderEvent::Refusal));
        events.extend(text("reasoning").map(ProviderEvent::Reasoning));
        events.extend(text("sealed").map(ProviderEvent::ReasoningSealed));
        let summary = |delta| ProviderEvent::ReasoningSummary { part: 0, delta };
        events.extend(text("summary").map(summary));
        if let (Some(index), Some(call_id), Some(name)) = (number("call"), text("id"), text("name"))
        {
            events.push(ProviderEvent::ToolCallStarted { index, call_id, name });
        }
        if let (Some(index), Some(delta)) = (number("of"), text("arguments")) {
            events.push(ProviderEvent::ToolCallArguments { index, delta });
        }
        if json.get("finish").is_some() {
            events.push(ProviderEvent::Finished(FinishReason::Stop));
            events.push(ProviderEvent::Usage(Usage::default()));
        }
    }
    Ok(events)
}
