//! One connection: its requests, one after the other, and an eye on whether the client is there.

use std::sync::Arc;

use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    Mock,
    answer::{Answer, Played},
    frame::{Frames, Label},
    record::{Ending, Phase},
    request::{ChatRequest, NoRequest, Request},
    script::{Fault, Script},
};
use crate::{clock::epoch_micros, http1::Buffer};

/// What a client may send ahead while its answer runs.
const MAX_AHEAD_BYTES: usize = 1024 * 1024;

/// Longest answer that is made in one piece, without a stream.
const MAX_WHOLE_BYTES: usize = 64 * 1024 * 1024;

/// What happens to the connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Keep,
    Close,
    Reset,
}

/// Serves one connection to its end.
pub(crate) async fn serve(mut stream: TcpStream, mock: Arc<Mock>) {
    // Without it a token would wait for the acknowledgement of the one before.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    if requests(&mut stream, &mock).await == Next::Reset {
        // Makes the close a reset. When it fails, the socket is broken already.
        let _ = stream.set_zero_linger();
    }
}

async fn requests(stream: &mut TcpStream, mock: &Mock) -> Next {
    let (mut reader, mut writer) = stream.split();
    let mut buffer = Buffer::default();
    loop {
        let next = match Request::read(&mut reader, &mut writer, &mut buffer).await {
            Ok(request) => {
                let close = request.close;
                match answer(mock, &request, &mut reader, &mut writer, &mut buffer).await {
                    Next::Keep if close => Next::Close,
                    next => next,
                }
            }
            Err(NoRequest::Gone) => Next::Close,
            Err(NoRequest::Refused(status, message)) => {
                refuse(&mut writer, status, None, &message).await;
                Next::Close
            }
        };
        if next != Next::Keep {
            return next;
        }
    }
}

async fn answer<R, W>(
    mock: &Mock,
    request: &Request,
    reader: &mut R,
    writer: &mut W,
    buffer: &mut Buffer,
) -> Next
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/v1/chat/completions") => chat(mock, &request.body, reader, writer, buffer).await,
        ("GET", "/v1/models") => send(writer, 200, None, &models()).await,
        ("GET", "/record") => {
            let record = serde_json::to_string(&mock.recorder.record()).unwrap_or_default();
            send(writer, 200, None, &record).await
        }
        ("POST", "/record/reset") => {
            mock.recorder.reset();
            send(writer, 200, None, "{}").await
        }
        _ => refuse(writer, 404, None, "there is no such page").await,
    }
}

fn models() -> String {
    let model = json!({"id": "mock", "object": "model", "created": 0, "owned_by": "loquat-bench"});
    json!({"object": "list", "data": [model]}).to_string()
}

async fn chat<R, W>(
    mock: &Mock,
    body: &[u8],
    reader: &mut R,
    writer: &mut W,
    buffer: &mut Buffer,
) -> Next
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let asked = ChatRequest::parse(body).and_then(|request| {
        let script = mock.defaults.with_model(&request.model)?;
        Ok((request, script))
    });
    let (request, script) = match asked {
        Ok(asked) => asked,
        Err(message) => return refuse(writer, 400, None, &message).await,
    };
    let ticket = mock.recorder.started(request.messages);
    let ended = |tokens, ending| {
        mock.recorder.ended(ticket, &request.last_text, tokens, ending);
    };
    if let Some(Fault::Status(status)) = script.fault {
        ended(0, Ending::Faulted);
        return refuse(writer, status, script.retry_after, "this model fails as it was told").await;
    }
    let created = epoch_micros() / 1_000_000;
    let frames = Frames::new(mock.next_answer(), &request, created, script.token_bytes());
    if !request.stream {
        let whole = whole(script, frames, request.messages, writer);
        let (tokens, ending, next) = tokio::select! {
            biased;
            () = gone(reader, buffer) => (0, Ending::Cancelled(Phase::BeforeHeaders), Next::Close),
            done = whole => done,
        };
        ended(tokens, ending);
        return next;
    }
    let mut answer = Answer::new(script, frames, request.messages);
    // Reading meanwhile is the only way to learn of a client that leaves while nothing is written.
    let played = tokio::select! {
        biased;
        () = gone(reader, buffer) => None,
        played = answer.play(writer) => played.ok(),
    };
    let (ending, next) = match played {
        Some(Played::Whole) => (Ending::Completed, Next::Keep),
        Some(Played::Cut) => (Ending::Faulted, Next::Close),
        Some(Played::Reset) => (Ending::Faulted, Next::Reset),
        None => (Ending::Cancelled(answer.phase()), Next::Close),
    };
    ended(answer.tokens_sent(), ending);
    next
}

/// Returns when the client has closed its side. Requests that it sends ahead are kept.
async fn gone<R: AsyncRead + Unpin>(reader: &mut R, buffer: &mut Buffer) {
    while let Ok(1..) = buffer.fill(reader).await {
        if buffer.unread().len() > MAX_AHEAD_BYTES {
            return;
        }
    }
}

/// An answer in one piece, as late as the last token of a stream would be.
async fn whole<W: AsyncWrite + Unpin>(
    script: Script,
    frames: Frames,
    prompt_tokens: usize,
    writer: &mut W,
) -> (u64, Ending, Next) {
    let bytes = usize::try_from(script.tokens)
        .ok()
        .and_then(|tokens| tokens.checked_mul(script.token_bytes()))
        .filter(|bytes| *bytes <= MAX_WHOLE_BYTES);
    if bytes.is_none() {
        let next = refuse(writer, 400, None, "so long an answer needs a stream").await;
        return (0, Ending::Faulted, next);
    }
    let after = script.gap.saturating_mul(script.tokens.saturating_sub(1));
    tokio::time::sleep(script.headers.max(script.ttft + after)).await;
    match script.fault {
        Some(Fault::StallAtHeaders | Fault::Stall(_)) => std::future::pending().await,
        Some(Fault::Cut(_)) => return (0, Ending::Faulted, Next::Close),
        Some(Fault::Reset(_)) => return (0, Ending::Faulted, Next::Reset),
        Some(Fault::Status(_)) | None => {}
    }
    let label = |number| {
        if script.stamp { Label::Stamp(epoch_micros()) } else { Label::Number(number) }
    };
    let labels: Vec<Label> = (0..script.tokens).map(label).collect();
    let next = send(writer, 200, None, &frames.whole(prompt_tokens, &labels)).await;
    match next {
        Next::Keep => (script.tokens.into(), Ending::Completed, next),
        Next::Close | Next::Reset => (0, Ending::Cancelled(Phase::BeforeHeaders), next),
    }
}

/// Answers with an error object of OpenAI's shape.
async fn refuse<W: AsyncWrite + Unpin>(
    writer: &mut W,
    status: u16,
    retry_after: Option<u32>,
    message: &str,
) -> Next {
    let (kind, code) = match status {
        429 => ("rate_limit_error", "rate_limit_exceeded"),
        500.. => ("server_error", "server_error"),
        _ => ("invalid_request_error", "invalid_request"),
    };
    let error = json!({"message": message, "type": kind, "param": null, "code": code});
    send(writer, status, retry_after, &json!({ "error": error }).to_string()).await
}

async fn send<W: AsyncWrite + Unpin>(
    writer: &mut W,
    status: u16,
    retry_after: Option<u32>,
    body: &str,
) -> Next {
    let retry = retry_after.map(|secs| format!("retry-after: {secs}\r\n")).unwrap_or_default();
    let message = format!(
        "HTTP/1.1 {status} {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         {retry}\r\n{body}",
        reason(status),
        body.len(),
    );
    match writer.write_all(message.as_bytes()).await {
        Ok(()) => Next::Keep,
        Err(_) => Next::Close,
    }
}

/// The words after a status, which nobody reads but people.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Error",
    }
}
