//! What a scripted upstream does with a request.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::Semaphore;

/// How the client knows where a response's body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Chunked transfer coding; each body step is one chunk.
    Chunked,
    /// By the end of the connection.
    UntilClose,
    /// By the `content-length` header that the script gives.
    Sized,
}

/// One thing that a scripted upstream does.
#[derive(Debug, Clone)]
pub enum UpstreamStep {
    /// Writes a status line and headers, and says how the body is framed.
    Head {
        /// The status code.
        status: u16,
        /// Headers beside those of the framing.
        headers: Vec<(String, String)>,
        /// How the body that follows is framed.
        framing: Framing,
    },
    /// Writes a piece of the body, framed, in a write of its own.
    Body(Bytes),
    /// Writes bytes as they are: a head, a half of a chunk, anything.
    Raw(Bytes),
    /// Waits.
    Delay(Duration),
    /// Waits until the test opens the gate.
    Wait(Gate),
    /// Does nothing until the client goes away.
    Stall,
    /// Closes the connection in order (FIN).
    CutFin,
    /// Tears the connection down (RST).
    CutRst,
    /// Ends the body as its framing demands. Steps may follow, for example a cut.
    End,
}

/// Holds a script back until the test lets it go on. Clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Gate {
    /// Lets one step pass: the one that waits, or the next one that comes.
    pub fn open(&self) {
        self.0.add_permits(1);
    }

    pub(super) async fn pass(&self) {
        if let Ok(permit) = self.0.acquire().await {
            permit.forget();
        }
    }
}

/// The answer to one request, as steps. A script that does not cut or end its body is ended.
#[derive(Debug, Clone)]
pub struct UpstreamScript {
    steps: Arc<Vec<UpstreamStep>>,
}

impl UpstreamScript {
    /// A script of these steps and nothing else.
    pub fn new(steps: impl IntoIterator<Item = UpstreamStep>) -> Self {
        Self { steps: Arc::new(steps.into_iter().collect()) }
    }

    /// Status 200 and the head of an event stream, chunked.
    pub fn sse() -> Self {
        Self::new([UpstreamStep::Head {
            status: 200,
            headers: vec![("content-type".to_owned(), "text/event-stream".to_owned())],
            framing: Framing::Chunked,
        }])
    }

    /// A whole JSON response.
    pub fn json(status: u16, body: &Value) -> Self {
        let body = body.to_string();
        let headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("content-length".to_owned(), body.len().to_string()),
        ];
        Self::new([UpstreamStep::Head { status, headers, framing: Framing::Sized }]).body(body)
    }

    /// Nothing at all until the client goes away.
    pub fn silence() -> Self {
        Self::new([UpstreamStep::Stall])
    }

    /// The steps in order.
    pub fn steps(&self) -> &[UpstreamStep] {
        &self.steps
    }

    /// Adds a step.
    #[must_use]
    pub fn step(mut self, step: UpstreamStep) -> Self {
        Arc::make_mut(&mut self.steps).push(step);
        self
    }

    /// Adds a header to the head.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        for step in Arc::make_mut(&mut self.steps) {
            if let UpstreamStep::Head { headers, .. } = step {
                headers.push((name.to_owned(), value.to_owned()));
            }
        }
        self
    }

    /// Lets the end of the connection end the body.
    #[must_use]
    pub fn until_close(mut self) -> Self {
        for step in Arc::make_mut(&mut self.steps) {
            if let UpstreamStep::Head { framing, .. } = step {
                *framing = Framing::UntilClose;
            }
        }
        self
    }

    /// Adds a piece of the body, one write.
    #[must_use]
    pub fn body(self, bytes: impl Into<Bytes>) -> Self {
        self.step(UpstreamStep::Body(bytes.into()))
    }

    /// Adds an event whose data is this text.
    #[must_use]
    pub fn data_text(self, data: &str) -> Self {
        self.body(format!("data: {data}\n\n"))
    }

    /// Adds an event whose data is this JSON.
    #[must_use]
    pub fn data(self, data: &Value) -> Self {
        self.data_text(&data.to_string())
    }

    /// Adds a pause.
    #[must_use]
    pub fn delay(self, pause: Duration) -> Self {
        self.step(UpstreamStep::Delay(pause))
    }

    /// Adds a wait until the test opens the gate.
    #[must_use]
    pub fn wait(self, gate: &Gate) -> Self {
        self.step(UpstreamStep::Wait(gate.clone()))
    }

    /// Adds silence until the client goes away.
    #[must_use]
    pub fn stall(self) -> Self {
        self.step(UpstreamStep::Stall)
    }

    /// Adds an orderly close of the connection.
    #[must_use]
    pub fn cut_fin(self) -> Self {
        self.step(UpstreamStep::CutFin)
    }

    /// Adds a reset of the connection.
    #[must_use]
    pub fn cut_rst(self) -> Self {
        self.step(UpstreamStep::CutRst)
    }

    /// Adds the end of the body; only needed when steps follow it.
    #[must_use]
    pub fn end(self) -> Self {
        self.step(UpstreamStep::End)
    }

    /// Cuts the body anew: neighbouring pieces are joined and written in pieces of the given
    /// sizes, used in turn. Sizes of 0 count as 1; without sizes each run of pieces is one write.
    #[must_use]
    pub fn rechunked(self, sizes: &[usize]) -> Self {
        let mut sizes = sizes.iter().copied().cycle();
        let mut steps = Vec::new();
        let mut body = Vec::new();
        for step in self.steps.iter() {
            if let UpstreamStep::Body(piece) = step {
                body.extend_from_slice(piece);
            } else {
                split(&mut body, &mut sizes, &mut steps);
                steps.push(step.clone());
            }
        }
        split(&mut body, &mut sizes, &mut steps);
        Self::new(steps)
    }

    /// Everything that the script writes to the socket, framing included, as one run of bytes:
    /// what a test cuts at every place. Pauses and cuts are left out.
    pub fn wire_bytes(&self) -> Vec<u8> {
        let mut writer = Wire::default();
        let mut wire: Vec<u8> = self.steps.iter().flat_map(|step| writer.bytes(step)).collect();
        wire.extend(writer.end());
        wire
    }
}

fn split(
    body: &mut Vec<u8>,
    sizes: &mut impl Iterator<Item = usize>,
    steps: &mut Vec<UpstreamStep>,
) {
    let mut rest = Bytes::from(std::mem::take(body));
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(rest.len()).clamp(1, rest.len());
        steps.push(UpstreamStep::Body(rest.split_to(size)));
    }
}

/// Turns steps into the bytes that they write.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// The framing of the body that is open.
    open: Option<Framing>,
}

impl Wire {
    /// What the step writes; nothing for a step that only waits or cuts.
    pub(super) fn bytes(&mut self, step: &UpstreamStep) -> Vec<u8> {
        match step {
            UpstreamStep::Head { status, headers, framing } => {
                self.open = Some(*framing);
                head(*status, headers, *framing)
            }
            UpstreamStep::Body(piece) if self.open == Some(Framing::Chunked) => chunk(piece),
            UpstreamStep::Body(piece) | UpstreamStep::Raw(piece) => piece.to_vec(),
            UpstreamStep::End => self.end(),
            UpstreamStep::Delay(_)
            | UpstreamStep::Wait(_)
            | UpstreamStep::Stall
            | UpstreamStep::CutFin
            | UpstreamStep::CutRst => Vec::new(),
        }
    }

    /// What ends the open body.
    pub(super) fn end(&mut self) -> Vec<u8> {
        match self.open.take() {
            Some(Framing::Chunked) => b"0\r\n\r\n".to_vec(),
            _ => Vec::new(),
        }
    }

    /// True when only the end of the connection can end the open body.
    pub(super) fn needs_close(&self) -> bool {
        self.open == Some(Framing::UntilClose)
    }
}

fn head(status: u16, headers: &[(String, String)], framing: Framing) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
    match framing {
        Framing::Chunked => head.push_str("transfer-encoding: chunked\r\n"),
        Framing::UntilClose => head.push_str("connection: close\r\n"),
        Framing::Sized => {}
    }
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// An empty chunk would end the body, so an empty piece writes nothing.
fn chunk(piece: &[u8]) -> Vec<u8> {
    if piece.is_empty() {
        return Vec::new();
    }
    let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
    chunk.extend_from_slice(piece);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rechunked_script_has_the_same_body_in_other_pieces() {
        let script = UpstreamScript::new([]).body("abc").body("defg").stall().body("hi");
        let pieces: Vec<String> = script
            .rechunked(&[2, 3])
            .steps()
            .iter()
            .map(|step| match step {
                UpstreamStep::Body(piece) => String::from_utf8(piece.to_vec()).unwrap(),
                _ => "|".to_owned(),
            })
            .collect();
        assert_eq!(pieces, ["ab", "cde", "fg", "|", "hi"]);
    }

    #[test]
    fn the_wire_bytes_are_a_whole_response() {
        let script = UpstreamScript::new([UpstreamStep::Head {
            status: 200,
            headers: vec![],
            framing: Framing::Chunked,
        }]);
        let wire = script.body("hello world").body("").wire_bytes();
        let text = String::from_utf8(wire).unwrap();
        assert_eq!(
            text,
            "HTTP/1.1 200 Scripted\r\ntransfer-encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n"
        );
    }
}
