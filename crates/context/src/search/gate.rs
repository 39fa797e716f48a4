//! Whether a message looks back.
//!
//! How well a message's words match old turns does not part questions from small talk; its form
//! does. A message that matches this form, and has at least two content terms that the
//! conversation's index knows, is worth a search (what `Recall` asks for); without a content term
//! there is never one.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::terms::{has_question_mark, words};

/// Words that begin a question which may lack its mark, without diacritics.
const QUESTION_WORDS: &[&str] = &[
    // English, without "do" and "have", which begin as many requests and wishes.
    "what", "when", "where", "which", "who", "whom", "whose", "why", "how", "did", "does", "can",
    "could", "was", "were", "is", "are", "whats", "whos", "wheres", // German, Dutch
    "wer", "wann", "wo", "warum", "wieso", "welche", "welcher", "welches", "wie", "wem", "wen",
    "weisst", "wat", "wanneer", "waar", "waarom", "welke", "hoe", // French
    "qui", "quand", "pourquoi", "comment", "combien", "quel", "quelle", "quels", "quelles", "qu",
    // Spanish, Portuguese, Italian
    "quien", "quienes", "cuando", "donde", "cual", "cuales", "cuanto", "cuantos", "quem", "quando",
    "onde", "qual", "quais", "quanto", "quantos", "chi", "dove", "perche", "quale", "quali",
];

/// Words and sentences' parts that refer to what was said, lower case and without diacritics; they
/// match whole words.
const CUES: &[&str] = &[
    // English
    "remember",
    "remembered",
    "remind",
    "reminded",
    "recall",
    "earlier",
    "previously",
    "again",
    "last time",
    "last week",
    "last month",
    "last year",
    "last night",
    "last session",
    "the other day",
    "back when",
    "back then",
    "a while ago",
    "days ago",
    "weeks ago",
    "months ago",
    "years ago",
    "yesterday",
    "we discussed",
    "we talked",
    "we spoke",
    "we agreed",
    "we decided",
    "you said",
    "you told",
    "you mentioned",
    "you recommended",
    "you suggested",
    "you wrote",
    "i said",
    "i told",
    "i mentioned",
    "as before",
    "like before",
    "as discussed",
    "same as",
    "our conversation",
    "our discussion",
    "do you",
    "have you",
    "tell me about",
    "forgot",
    // German
    "erinnere",
    "erinnerst",
    "erinnern",
    "vorhin",
    "fruher",
    "neulich",
    "letztes mal",
    "letzte woche",
    "letzten monat",
    "letztes jahr",
    "gestern",
    "haben wir besprochen",
    "hast du gesagt",
    "hattest du gesagt",
    "du sagtest",
    "du hast gesagt",
    "wie besprochen",
    "noch einmal",
    "nochmal",
    "wieder",
    // French
    "rappelle",
    "rappelles",
    "souviens",
    "souvenez",
    "la derniere fois",
    "la semaine derniere",
    "le mois dernier",
    "l annee derniere",
    "hier",
    "tu as dit",
    "tu m as dit",
    "vous avez dit",
    "on a parle",
    "nous avons parle",
    "comme avant",
    "encore une fois",
    "a nouveau",
    // Spanish
    "recuerda",
    "recuerdas",
    "recuerdo",
    "acuerdas",
    "la ultima vez",
    "semana pasada",
    "mes pasado",
    "ano pasado",
    "ayer",
    "dijiste",
    "me dijiste",
    "hablamos",
    "como antes",
    "otra vez",
    "de nuevo",
    // Portuguese
    "lembra",
    "lembras",
    "lembrar",
    "a ultima vez",
    "da ultima vez",
    "semana passada",
    "mes passado",
    "ano passado",
    "ontem",
    "voce disse",
    "tu disseste",
    "falamos",
    "como antes",
    "outra vez",
    "de novo",
    // Italian
    "ricorda",
    "ricordi",
    "ricordare",
    "l ultima volta",
    "la settimana scorsa",
    "il mese scorso",
    "l anno scorso",
    "ieri",
    "hai detto",
    "mi hai detto",
    "abbiamo parlato",
    "come prima",
    "di nuovo",
    "un altra volta",
];

/// Cues in scripts that part no words.
const UNSPACED_CUES: &[&str] = &[
    // Chinese
    "记得",
    "記得",
    "上次",
    "之前",
    "以前",
    "昨天",
    "去年",
    "上周",
    "吗",
    "嗎",
    "什么",
    "什麼",
    "哪",
    "谁",
    "誰",
    "几",
    "怎么",
    // Japanese
    "覚え",
    "前回",
    "以前",
    "先週",
    "昨日",
    "去年",
    "ですか",
    "ますか",
    "何",
    "誰",
    "いつ",
    "どこ",
    // Korean
    "기억",
    "지난",
    "어제",
    "작년",
    "뭐",
    "누구",
    "언제",
    "어디",
];

/// All cues at once, as whole words. Looked for one by one, they were 4 % of what a short turn costs.
static SPACED: LazyLock<AhoCorasick> =
    LazyLock::new(|| automaton(CUES.iter().map(|cue| format!(" {cue} "))));

static UNSPACED: LazyLock<AhoCorasick> = LazyLock::new(|| automaton(UNSPACED_CUES));

#[expect(clippy::expect_used, reason = "two hundred cues are far below any limit of the matcher")]
fn automaton<C: AsRef<[u8]>>(cues: impl IntoIterator<Item = C>) -> AhoCorasick {
    AhoCorasick::new(cues).expect("a matcher of cues")
}

/// Whether a message has the form of one that looks back: a question mark, a question word at the
/// beginning of a sentence, or a cue that refers to what was said (*remember*, *last week*, *you
/// told me*, *as before*; also in German, French, Spanish, Portuguese and Italian).
///
/// This is the gate's part that needs no index. The other is that the index knows at least two of
/// the message's terms ([`Search::known_terms`](crate::Search::known_terms)).
pub fn asks(text: &str) -> bool {
    if has_question_mark(text) || UNSPACED.is_match(text) {
        return true;
    }
    // The words with single spaces, so that a cue of several words is found across whatever parts
    // them, and only as whole words.
    let mut spaced = String::with_capacity(text.len().saturating_add(2));
    let mut begins_with_question_word = false;
    spaced.push(' ');
    words(text, |word| {
        begins_with_question_word |=
            word.starts_sentence && QUESTION_WORDS.contains(&word.folded.as_str());
        spaced.push_str(&word.folded);
        spaced.push(' ');
    });
    begins_with_question_word || SPACED.is_match(&spaced)
}

#[cfg(test)]
mod tests {
    use super::{super::terms::fold, *};

    #[test]
    fn a_question_asks_in_any_script() {
        for text in [
            "When did Caroline go to the support group?",
            "which restaurant was it",
            "Nice. where did we leave off",
            "¿Qué color te gusta?",
            "你好？",
            "متى؟",
            "Wann kommt der Zug",
            "pourquoi pas ce soir",
            "我们上次说到哪里了",
        ] {
            assert!(asks(text), "{text}");
        }
    }

    #[test]
    fn a_cue_asks_without_a_question_mark() {
        for text in [
            "Reference the contract from last year.",
            "Do it as before",
            "I forgot the name of your dentist",
            "Use the recipe you told me about",
            "Nimm das Rezept, wie besprochen.",
            "Erzähl, was du früher gesagt hast",
            "comme la semaine dernière",
            "El restaurante del año pasado",
            "o filme da semana passada",
            "il libro dell'anno scorso, come l'anno scorso",
        ] {
            assert!(asks(text), "{text}");
        }
    }

    #[test]
    fn small_talk_and_statements_do_not_ask() {
        for text in [
            "Hello",
            "Thanks, that is great!",
            "I went for a run this morning.",
            "Write a poem about the sea.",
            "Das ist schön.",
            "Against the wind",
            "",
        ] {
            assert!(!asks(text), "{text}");
        }
    }

    #[test]
    fn cues_are_written_as_they_are_compared() {
        for cue in CUES.iter().chain(QUESTION_WORDS) {
            assert_eq!(fold(cue), *cue);
        }
    }
}
