//! Text that is not quite text, and text that looks like something else.

use loquat_provider::FinishReason;

use super::{
    Dialect, Inexpressible, Json, Say, Verdict,
    hear::{answer, playing, said, script, whole, written},
};
use crate::UpstreamScript;

/// The text of an answer of these pieces.
async fn told(dialect: &dyn Dialect, pieces: Vec<Json>) -> Result<String, Inexpressible> {
    let mut says = vec![Say::Begin(None)];
    says.extend(pieces.into_iter().map(Say::Text));
    says.extend([Say::Finish(FinishReason::Stop, None), Say::Done]);
    let stage = playing(dialect, [script(dialect, &says)?]).await;
    Ok(said(&whole(stage.hear().await)))
}

/// What looks like the end of an event, within text, is text.
pub async fn text_cannot_forge_an_event(dialect: &dyn Dialect) -> Verdict {
    let forged = "x\n\ndata: [DONE]\r\n\r\nevent: error\u{2028}";
    let stage = playing(dialect, [answer(dialect, &[forged])?]).await;
    assert_eq!(said(&whole(stage.hear().await)), forged);
    Ok(())
}

/// Only CR and LF end lines; what else Unicode has for that is text.
pub async fn separators_of_unicode_end_no_line(dialect: &dyn Dialect) -> Verdict {
    let text = "a\u{2028}b\u{2029}c\u{85}d\u{B}e\u{C}f";
    let told = told(dialect, vec![Json::raw("a\u{2028}b\u{2029}c\u{85}d\\u000be\\u000cf")]).await?;
    assert_eq!(told, text);
    Ok(())
}

/// A tokenizer may cut a character in two halves of a surrogate pair.
pub async fn a_character_split_over_two_deltas_is_put_together(dialect: &dyn Dialect) -> Verdict {
    let told = told(dialect, vec![Json::raw("a\\ud83d"), Json::raw("\\ude00b")]).await?;
    assert_eq!(told, "a\u{1F600}b");
    Ok(())
}

/// A half that stays alone, in the middle and at the end.
pub async fn half_a_character_becomes_a_replacement_character(dialect: &dyn Dialect) -> Verdict {
    let pieces = vec![Json::raw("\\ude00a\\ud83d"), Json::string("b"), Json::raw("\\ud83d")];
    assert_eq!(told(dialect, pieces).await?, "\u{FFFD}a\u{FFFD}b\u{FFFD}");
    Ok(())
}

/// What no store can keep does not get through.
pub async fn nul_and_bytes_that_are_no_text_become_replacement_characters(
    dialect: &dyn Dialect,
) -> Verdict {
    let told = told(dialect, vec![Json::raw(b"a\\u0000b\xFFc")]).await?;
    assert_eq!(told, "a\u{FFFD}b\u{FFFD}c");
    Ok(())
}

/// A character of four bytes comes whole, wherever two packets cut it.
pub async fn a_character_cut_at_each_of_its_bytes_stays_whole(dialect: &dyn Dialect) -> Verdict {
    let says = [
        Say::Begin(None),
        Say::text("a\u{1F600}b"),
        Say::Finish(FinishReason::Stop, None),
        Say::Done,
    ];
    let bytes = written(dialect, &says)?.concat();
    let character = "\u{1F600}".as_bytes();
    let at = bytes.windows(4).position(|window| window == character).expect("the character");
    for inside in 1..4 {
        let (before, after) = bytes.split_at(at + inside);
        let script = UpstreamScript::sse().body(before.to_vec()).body(after.to_vec());
        let stage = playing(dialect, [script]).await;
        assert_eq!(said(&whole(stage.hear().await)), "a\u{1F600}b");
    }
    Ok(())
}
