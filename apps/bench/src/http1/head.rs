//! The first lines of a request or an answer.

use super::{Body, Malformed};

/// Larger heads are refused. Servers' own limits are 8 to 64 KiB.
const MAX_BYTES: usize = 64 * 1024;

/// The start line, and the headers that decide how the rest is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    start: String,
    length: Option<u64>,
    chunked: bool,
    /// The connection ends after this message.
    pub(crate) close: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub(crate) expects_continue: bool,
}

impl Head {
    /// Reads a head from the start of `bytes`, and how many bytes it took. `None` until it is whole.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when it can never become a head.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Malformed> {
        const END: &[u8] = b"\r\n\r\n";
        let Some(end) = bytes.windows(END.len()).position(|window| window == END) else {
            let fits = bytes.len() <= MAX_BYTES;
            return if fits { Ok(None) } else { Err(Malformed("the head is too large")) };
        };
        let text = bytes.get(..end).and_then(|head| std::str::from_utf8(head).ok());
        let text = text.ok_or(Malformed("the head is not text"))?;
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let close = start.contains("HTTP/1.0");
        let mut head = Self { start, length: None, chunked: false, close, expects_continue: false };
        for line in lines {
            let (name, value) = line.split_once(':').ok_or(Malformed("a header has no colon"))?;
            head.header(name, value.trim())?;
        }
        Ok(Some((head, end + END.len())))
    }

    fn header(&mut self, name: &str, value: &str) -> Result<(), Malformed> {
        if name.eq_ignore_ascii_case("content-length") {
            let length = value.parse().map_err(|_| Malformed("the length is not a number"))?;
            self.length = Some(length);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            self.chunked = value.to_ascii_lowercase().ends_with("chunked");
        } else if name.eq_ignore_ascii_case("connection") {
            if value.eq_ignore_ascii_case("close") {
                self.close = true;
            } else if value.eq_ignore_ascii_case("keep-alive") {
                self.close = false;
            }
        } else if name.eq_ignore_ascii_case("expect") {
            self.expects_continue = value.eq_ignore_ascii_case("100-continue");
        }
        Ok(())
    }

    /// Method and target of a request.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when the first line is not a request's.
    pub(crate) fn request(&self) -> Result<(&str, &str), Malformed> {
        let mut words = self.start.split(' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some(method), Some(target), Some(version), None) if version.starts_with("HTTP/1.") => {
                Ok((method, target))
            }
            _ => Err(Malformed("the first line is not a request")),
        }
    }

    /// Status of an answer.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when the first line is not an answer's.
    pub(crate) fn status(&self) -> Result<u16, Malformed> {
        let mut words = self.start.split(' ');
        let version = words.next().unwrap_or_default();
        let status = words.next().and_then(|status| status.parse().ok());
        status
            .filter(|_| version.starts_with("HTTP/1."))
            .ok_or(Malformed("the first line is not an answer"))
    }

    /// How the body of a request is read.
    pub(crate) fn request_body(&self) -> Body {
        if self.chunked { Body::chunked() } else { Body::length(self.length.unwrap_or(0)) }
    }

    /// How the body of an answer of that status is read.
    pub(crate) fn answer_body(&self, status: u16) -> Body {
        match (status, self.chunked, self.length) {
            (100..=199 | 204 | 304, ..) => Body::length(0),
            (_, true, _) => Body::chunked(),
            (_, false, Some(length)) => Body::length(length),
            (_, false, None) => Body::until_close(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_none_until_its_last_byte() {
        let whole = b"POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
        let end = whole.len() - 5;
        for length in 0..end {
            assert_eq!(Head::parse(&whole[..length]), Ok(None), "at {length}");
        }
        let (head, used) = Head::parse(whole).unwrap().unwrap();
        assert_eq!(used, end);
        assert_eq!(head.request(), Ok(("POST", "/v1/x")));
        assert_eq!(head.request_body(), Body::length(5));
        assert!(!head.close);
    }

    #[test]
    fn an_answer_without_a_length_ends_with_the_connection() {
        let (head, _) = Head::parse(b"HTTP/1.1 200 OK\r\n\r\n").unwrap().unwrap();
        assert_eq!(head.status(), Ok(200));
        assert_eq!(head.answer_body(200), Body::until_close());
        assert_eq!(head.answer_body(204), Body::length(0));
    }

    #[test]
    fn header_names_and_values_are_read_in_any_case() {
        let text = b"HTTP/1.1 200 OK\r\nTRANSFER-encoding: Chunked\r\nconnection: Close\r\n\r\n";
        let (head, _) = Head::parse(text).unwrap().unwrap();
        assert_eq!(head.answer_body(200), Body::chunked());
        assert!(head.close);
    }

    #[test]
    fn what_is_not_http_is_refused() {
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n").is_err());
        assert!(Head::parse(b"POST / HTTP/1.1\r\ncontent-length: many\r\n\r\n").is_err());
        assert!(Head::parse(&vec![b'x'; MAX_BYTES + 1]).is_err());
        let (head, _) = Head::parse(b"SSH-2.0-OpenSSH\r\n\r\n").unwrap().unwrap();
        assert!(head.status().is_err() && head.request().is_err());
    }
}
