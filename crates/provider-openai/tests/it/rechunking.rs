//! However the network cuts an answer, at random, it is the same answer.

use loquat_testkit::{ScriptedUpstream, UpstreamScript};
use proptest::prelude::*;

use crate::{hear, options, provider};

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
