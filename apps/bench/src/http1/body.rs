//! A body's bytes, out of whatever framing they travel in.

use super::Malformed;

/// Longest line of a trailer or of a chunk's extension that is still read.
const MAX_LINE_BYTES: u64 = 8 * 1024;

/// Takes a body's framing off, as its bytes come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body(Framing);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Framing {
    Length(u64),
    UntilClose,
    Chunked(Chunked),
}

/// Where in the chunks the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chunked {
    Size { size: u64, digits: u8 },
    Extension { size: u64, length: u64 },
    SizeEnd { size: u64 },
    Data { left: u64 },
    DataReturn,
    DataEnd,
    Trailer { length: u64 },
    Done,
}

/// What [`Body::next`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Bytes of the body, never none.
    Data(&'a [u8]),
    /// The input is used up and the body goes on.
    More,
    /// The body is whole. What is left of the input is the next message's.
    End,
}

impl Body {
    pub(crate) const fn length(bytes: u64) -> Self {
        Self(Framing::Length(bytes))
    }

    pub(crate) const fn chunked() -> Self {
        Self(Framing::Chunked(Chunked::Size { size: 0, digits: 0 }))
    }

    pub(crate) const fn until_close() -> Self {
        Self(Framing::UntilClose)
    }

    /// True when the end of the connection is the end of the body, and not a cut.
    pub(crate) fn ends_with_connection(&self) -> bool {
        self.0 == Framing::UntilClose
    }

    /// Takes the next piece off the front of `input`.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when the chunks are not chunks.
    pub(crate) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Piece<'a>, Malformed> {
        match &mut self.0 {
            Framing::UntilClose => Ok(take(input, u64::MAX).map_or(Piece::More, Piece::Data)),
            Framing::Length(0) => Ok(Piece::End),
            Framing::Length(left) => Ok(counted(input, left)),
            Framing::Chunked(state) => state.next(input),
        }
    }
}

impl Chunked {
    fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Piece<'a>, Malformed> {
        loop {
            match self {
                Self::Done => return Ok(Piece::End),
                Self::Data { left: 0 } => *self = Self::DataReturn,
                Self::Data { left } => return Ok(counted(input, left)),
                _ => {
                    let Some((&byte, rest)) = input.split_first() else { return Ok(Piece::More) };
                    *input = rest;
                    *self = self.after(byte)?;
                }
            }
        }
    }

    /// The state after one byte that is not data.
    fn after(self, byte: u8) -> Result<Self, Malformed> {
        match (self, byte) {
            (Self::Size { size, digits: 1.. } | Self::Extension { size, .. }, b'\r') => {
                Ok(Self::SizeEnd { size })
            }
            (Self::Size { size, digits: 1.. }, b';' | b' ' | b'\t') => {
                Ok(Self::Extension { size, length: 0 })
            }
            (Self::Size { size, digits: digits @ 0..=14 }, _) => {
                let digit = char::from(byte).to_digit(16);
                let digit = digit.ok_or(Malformed("a chunk's size is not a number"))?;
                Ok(Self::Size { size: size * 16 + u64::from(digit), digits: digits + 1 })
            }
            (Self::Extension { size, length }, _) if length < MAX_LINE_BYTES => {
                Ok(Self::Extension { size, length: length + 1 })
            }
            (Self::SizeEnd { size: 0 }, b'\n') => Ok(Self::Trailer { length: 0 }),
            (Self::SizeEnd { size }, b'\n') => Ok(Self::Data { left: size }),
            (Self::DataReturn, b'\r') => Ok(Self::DataEnd),
            (Self::DataEnd, b'\n') => Ok(Self::Size { size: 0, digits: 0 }),
            (Self::Trailer { length: 0 }, b'\n') => Ok(Self::Done),
            (Self::Trailer { .. }, b'\n') => Ok(Self::Trailer { length: 0 }),
            (Self::Trailer { length }, b'\r') => Ok(Self::Trailer { length }),
            (Self::Trailer { length }, _) if length < MAX_LINE_BYTES => {
                Ok(Self::Trailer { length: length + 1 })
            }
            _ => Err(Malformed("a chunk does not end where its size says")),
        }
    }
}

/// As much as there is of the `left` bytes that are still to come.
fn counted<'a>(input: &mut &'a [u8], left: &mut u64) -> Piece<'a> {
    let Some(data) = take(input, *left) else { return Piece::More };
    *left -= u64::try_from(data.len()).unwrap_or(*left);
    Piece::Data(data)
}

/// Up to `most` bytes off the front, or `None` when there are none.
fn take<'a>(input: &mut &'a [u8], most: u64) -> Option<&'a [u8]> {
    let most = usize::try_from(most).unwrap_or(usize::MAX).min(input.len());
    let (data, rest) = input.split_at_checked(most)?;
    *input = rest;
    (!data.is_empty()).then_some(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `parts` one after the other; the body's bytes, whether it ended, and what was left.
    fn read(mut body: Body, parts: &[&[u8]]) -> Result<(Vec<u8>, bool, Vec<u8>), Malformed> {
        let mut data = Vec::new();
        let mut left = Vec::new();
        let mut ended = false;
        for part in parts {
            let mut input = *part;
            while !ended {
                match body.next(&mut input)? {
                    Piece::Data(piece) => data.extend_from_slice(piece),
                    Piece::More => break,
                    Piece::End => ended = true,
                }
            }
            left.extend_from_slice(input);
        }
        Ok((data, ended, left))
    }

    const CHUNKS: &[u8] =
        b"5\r\nhello\r\n1;name=value\r\n \r\nB\r\nwide\r\nworld\r\n0\r\nTrailer: x\r\n\r\nHTTP";

    #[test]
    fn chunks_are_read_the_same_wherever_they_are_cut_in_two() {
        for at in 0..=CHUNKS.len() {
            let (front, back) = CHUNKS.split_at(at);
            let (data, ended, left) = read(Body::chunked(), &[front, back]).unwrap();
            assert_eq!(data, b"hello wide\r\nworld", "cut at {at}");
            assert!(ended, "cut at {at}");
            assert_eq!(left, b"HTTP", "cut at {at}");
        }
    }

    #[test]
    fn chunks_are_read_the_same_in_parts_of_any_size() {
        for size in 1..CHUNKS.len() {
            let parts: Vec<&[u8]> = CHUNKS.chunks(size).collect();
            let (data, ended, _) = read(Body::chunked(), &parts).unwrap();
            assert_eq!(data, b"hello wide\r\nworld", "parts of {size}");
            assert!(ended, "parts of {size}");
        }
    }

    #[test]
    fn a_body_that_is_cut_off_does_not_end() {
        let end = CHUNKS.len() - b"\r\nHTTP".len();
        for at in 0..end {
            let (_, ended, _) = read(Body::chunked(), &[&CHUNKS[..at]]).unwrap();
            assert!(!ended, "ended at {at}");
        }
        let (data, ended, _) = read(Body::length(6), &[b"hel", b"lo"]).unwrap();
        assert!(!ended && data == b"hello");
    }

    #[test]
    fn what_is_not_a_chunk_is_refused() {
        assert!(read(Body::chunked(), &[b"xyz\r\n"]).is_err());
        assert!(read(Body::chunked(), &[b"\r\n"]).is_err());
        assert!(read(Body::chunked(), &[b"2\r\nabc\r\n"]).is_err());
        assert!(read(Body::chunked(), &[b"1111111111111111\r\n"]).is_err());
    }

    #[test]
    fn a_counted_body_leaves_the_next_message_alone() {
        let (data, ended, left) = read(Body::length(5), &[b"he", b"lloGET"]).unwrap();
        assert_eq!((data.as_slice(), ended, left.as_slice()), (&b"hello"[..], true, &b"GET"[..]));
    }

    #[test]
    fn a_body_without_a_frame_goes_on_until_the_connection_ends() {
        let (data, ended, _) = read(Body::until_close(), &[b"a", b"b"]).unwrap();
        assert_eq!((data.as_slice(), ended), (&b"ab"[..], false));
        assert!(Body::until_close().ends_with_connection());
    }
}
