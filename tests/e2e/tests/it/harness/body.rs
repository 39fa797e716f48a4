//! An answer's body, and how it is framed.

/// What has come of a body, and where its chunks end: each is one write of the server.
#[derive(Debug, Default)]
pub(crate) struct Body {
    bytes: Vec<u8>,
    chunk_ends: Vec<usize>,
}

impl Body {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Every chunk that has come whole.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(&0).chain(&self.chunk_ends);
        starts.zip(&self.chunk_ends).map(|(start, end)| &self.bytes[*start..*end])
    }
}

/// Where in its framing a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// So many bytes are still to come, in no chunks.
    Length(usize),
    BetweenChunks,
    /// So many bytes of a chunk are still to come.
    InChunk(usize),
    End,
}

impl Framing {
    /// True when the whole body has come.
    pub(crate) fn is_whole(self) -> bool {
        matches!(self, Self::End | Self::Length(0))
    }

    /// Moves what is body from `wire` to `body`, as far as it has come.
    pub(crate) fn decode(&mut self, wire: &mut Vec<u8>, body: &mut Body) {
        while let Some(next) = self.step(wire, body) {
            *self = next;
        }
    }

    /// Where the body is after what is at the front of `wire`; `None` when more must come first.
    fn step(self, wire: &mut Vec<u8>, body: &mut Body) -> Option<Self> {
        let (Self::Length(left) | Self::InChunk(left)) = self else {
            return (self == Self::BetweenChunks).then(|| take_size(wire))?;
        };
        if left == 0 || wire.is_empty() {
            return None;
        }
        let here = left.min(wire.len());
        body.bytes.extend(wire.drain(..here));
        Some(match self {
            Self::Length(left) => Self::Length(left - here),
            _ if here == left => {
                body.chunk_ends.push(body.bytes.len());
                Self::BetweenChunks
            }
            _ => Self::InChunk(left - here),
        })
    }
}

/// Takes the line that begins a chunk, with the end of the chunk before it.
fn take_size(wire: &mut Vec<u8>) -> Option<Framing> {
    let start = if wire.starts_with(b"\r\n") { 2 } else { 0 };
    let length = wire[start..].windows(2).position(|bytes| bytes == b"\r\n")?;
    let line = String::from_utf8(wire[start..start + length].to_vec()).unwrap();
    let size = usize::from_str_radix(line.trim(), 16).expect("a chunk begins with its size");
    // The last chunk is followed by an empty line.
    let end = start + length + if size == 0 { 4 } else { 2 };
    if wire.len() < end {
        return None;
    }
    wire.drain(..end);
    Some(if size == 0 { Framing::End } else { Framing::InChunk(size) })
}
