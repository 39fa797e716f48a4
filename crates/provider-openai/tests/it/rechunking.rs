//! However the network cuts an answer, it is the same answer.

use loquat_testkit::{ScriptedUpstream, UpstreamScript};
use proptest::prelude::*;

use crate::{hear, options, provider, said};

/// An answer with everything in it: characters of one to four bytes, escapes, thoughts, two calls.
fn transcript() -> UpstreamScript {
    let half = |half: &str| format!(r#"{{"choices":[{{"delta":{{"content":"{half}"}}}}]}}"#);
    UpstreamScript::sse()
        .body(": a comment\r\n\r\n")
        .role()
        .reasoning("hm… \u{1F914}")
        .text("Grüße, \u{1F600}\n\"你好\"")
        .data_text(&half("\\ud83d"))
        .data_text(&half("\\ude00"))
        .body("id: 7\rdata:{\"choices\":[{\"delta\":\rdata: {\"content\":\"!\"}}]}\r\r")
        .tool_call(0, "a", "f")
        .arguments(0, "{\"x\":\"é\"}")
        .tool_call(1, "b", "g")
        .finish("tool_calls")
        .usage(3, 4)
        .done()
}

proptest! {
    // Each case is an answer over a real connection, about 2 ms.
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_transcript_cut_anywhere_gives_the_same_events(
        sizes in prop::collection::vec(1_usize..200, 1..20),
        until_close in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut cut = transcript().rechunked(&sizes);
            if until_close {
                cut = cut.until_close();
            }
            let upstream = ScriptedUpstream::queue([transcript(), cut]).await.unwrap();
            let provider = provider(options(&upstream));
            let (whole, error) = hear(&provider).await;
            assert!(error.is_none(), "{error:?}");
            let (again, error) = hear(&provider).await;
            assert!(error.is_none(), "{error:?}");
            assert_eq!(again, whole);
        });
    }
}

#[tokio::test]
async fn every_byte_in_a_packet_of_its_own_gives_the_same_events() {
    let scripts = [transcript(), transcript().rechunked(&[1])];
    let upstream = ScriptedUpstream::queue(scripts).await.unwrap();
    let provider = provider(options(&upstream));
    let (whole, _) = hear(&provider).await;
    let (again, error) = hear(&provider).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(again, whole);
    assert_eq!(said(&whole), "Grüße, \u{1F600}\n\"你好\"\u{1F600}!");
}

#[tokio::test]
async fn a_character_cut_at_each_of_its_bytes_stays_whole() {
    let event = "data: {\"choices\":[{\"delta\":{\"content\":\"a\u{1F600}b\"}}]}\n\n";
    let character = event.find('\u{1F600}').unwrap();
    for inside in 1..4 {
        let (start, end) = event.as_bytes().split_at(character + inside);
        let (start, end) = (start.to_vec(), end.to_vec());
        let script = UpstreamScript::sse().body(start).body(end).finish("stop").done();
        let upstream = ScriptedUpstream::queue([script]).await.unwrap();
        let (events, error) = hear(&provider(options(&upstream))).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(said(&events), "a\u{1F600}b");
    }
}
