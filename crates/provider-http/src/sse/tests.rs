//! The corpus of hostile and of merely unusual event streams.

use proptest::prelude::*;

use super::*;

const MAX_EVENT_BYTES: usize = 64 * 1024;

/// What a stream gives: its events as name and data, and whether it was refused at the end.
type Read = (Vec<(String, String)>, bool);

fn read<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let mut reader = SseReader::new(MAX_EVENT_BYTES);
    let mut frames = Vec::new();
    for chunk in chunks {
        reader.push(Bytes::copy_from_slice(chunk));
        loop {
            match reader.next() {
                Ok(Some(frame)) => {
                    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
                    frames.push((text(&frame.name), text(&frame.data)));
                }
                Ok(None) => break,
                Err(TooLarge) => return (frames, true),
            }
        }
    }
    (frames, false)
}

fn data(stream: &str) -> Vec<String> {
    read([stream.as_bytes()]).0.into_iter().map(|(_, data)| data).collect()
}

#[test]
fn lines_end_with_lf_crlf_or_cr_in_any_mixture() {
    for stream in ["data: a\n\ndata: b\n\n", "data: a\r\n\r\ndata: b\r\n\r\n"] {
        assert_eq!(data(stream), ["a", "b"]);
    }
    assert_eq!(data("data: a\r\rdata: b\r\n\rdata: c\n\r\n"), ["a", "b", "c"]);
}

#[test]
fn an_event_that_ends_with_a_lone_cr_does_not_wait_for_more() {
    assert_eq!(data("data: a\r\r"), ["a"]);
}

#[test]
fn a_value_may_follow_its_colon_without_a_space_and_keeps_all_but_one() {
    assert_eq!(data("data:a\n\ndata:  b\n\n"), ["a", " b"]);
}

#[test]
fn data_lines_are_joined_with_a_line_feed() {
    assert_eq!(data("data: a\ndata:\ndata: c\n\n"), ["a\n\nc"]);
    assert_eq!(data("data\ndata\n\n"), ["\n"]);
}

#[test]
fn comments_ids_retries_and_unknown_fields_are_passed_over() {
    assert_eq!(data(": ping\n\nid: 7\nretry: 10\nfoo: bar\ndata: a\n:x\n\n"), ["a"]);
}

#[test]
fn a_name_belongs_to_its_own_event_only() {
    let (frames, _) = read([b"event: x\ndata: a\n\nevent: y\n\ndata: b\n\n".as_slice()]);
    assert_eq!(frames, [("x".to_owned(), "a".to_owned()), (String::new(), "b".to_owned())]);
}

#[test]
fn a_byte_order_mark_is_passed_over_at_the_start_only() {
    assert_eq!(data("\u{FEFF}data: a\n\n\u{FEFF}data: b\n\n"), ["a"]);
    let (frames, _) = read("\u{FEFF}data: a\n\n".as_bytes().chunks(1));
    assert_eq!(frames.len(), 1);
}

#[test]
fn an_event_without_its_blank_line_does_not_count() {
    assert_eq!(data("data: a\n\ndata: b\n"), ["a"]);
    assert_eq!(data("data: a\n\ndata: b"), ["a"]);
}

#[test]
fn line_separators_of_unicode_end_no_line() {
    assert_eq!(data("data: a\u{2028}b\u{85}c\u{B}d\n\n"), ["a\u{2028}b\u{85}c\u{B}d"]);
}

#[test]
fn an_event_at_the_limit_is_read_and_one_byte_more_is_refused() {
    let largest = "x".repeat(MAX_EVENT_BYTES - "data: ".len());
    let (frames, refused) = read([format!("data: {largest}\n\n").as_bytes()]);
    assert_eq!((frames.len(), refused), (1, false));
    let (frames, refused) = read([format!("data: {largest}x\n\n").as_bytes()]);
    assert_eq!((frames.len(), refused), (0, true));
}

#[test]
fn a_line_that_never_ends_is_refused_at_the_limit_whatever_it_is() {
    for start in ["data: ", ": ", "foo: ", ""] {
        let mut reader = SseReader::new(MAX_EVENT_BYTES);
        reader.push(Bytes::copy_from_slice(start.as_bytes()));
        assert_eq!(reader.next(), Ok(None));
        let chunk = Bytes::from(vec![b'x'; 1400]);
        let mut taken = 0;
        let refused = loop {
            reader.push(chunk.clone());
            taken += chunk.len();
            match reader.next() {
                Ok(frame) => assert_eq!(frame, None),
                Err(TooLarge) => break taken,
            }
        };
        assert!(refused <= MAX_EVENT_BYTES + chunk.len(), "{start}: {refused}");
        assert!(reader.partial.capacity() <= 2 * MAX_EVENT_BYTES);
    }
}

#[test]
fn data_lines_without_an_end_are_refused_at_the_limit() {
    let line = format!("data: {}\n", "x".repeat(1000));
    let lines = line.repeat(MAX_EVENT_BYTES / 1000 + 2);
    assert_eq!(read(lines.as_bytes().chunks(1400)), (vec![], true));
}

#[test]
fn comments_may_go_on_for_ever() {
    let comments = ": still here\n".repeat(MAX_EVENT_BYTES / 10);
    let (frames, refused) = read(comments.as_bytes().chunks(1400));
    assert_eq!((frames.len(), refused), (0, false));
}

#[test]
fn an_event_within_one_chunk_is_not_copied() {
    let chunk = Bytes::from_static(b"data: abc\n\n");
    let mut reader = SseReader::new(MAX_EVENT_BYTES);
    reader.push(chunk.clone());
    let frame = reader.next().unwrap().unwrap();
    assert_eq!(frame.data.as_ptr(), chunk.slice(6..).as_ptr());
}

/// Pieces of which streams are made: every byte that means something, and some that do not.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("data: "),
        Just("data:"),
        Just("data"),
        Just("event: error"),
        Just(": comment"),
        Just("id: 1"),
        Just("\n"),
        Just("\r"),
        Just("\r\n"),
        Just("\n\n"),
        Just("\u{FEFF}"),
        Just("{\"a\":\"\u{1F600}\"}"),
        Just("[DONE]"),
        Just(":"),
        Just(" "),
        Just("\u{2028}"),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn the_events_do_not_depend_on_how_the_bytes_are_cut(
        bytes in stream(),
        sizes in prop::collection::vec(1_usize..9, 1..12),
    ) {
        let whole = read([bytes.as_slice()]);
        let mut rest = bytes.as_slice();
        let mut chunks = Vec::new();
        for size in sizes.iter().cycle() {
            let (chunk, tail) = rest.split_at((*size).min(rest.len()));
            chunks.push(chunk);
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(read(chunks), whole);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(chunks in prop::collection::vec(any::<Vec<u8>>(), 0..8)) {
        read(chunks.iter().map(Vec::as_slice));
    }
}
