//! Comma-separated values, RFC 4180.

use std::fmt::Write as _;

/// One value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell<'a> {
    Text(&'a str),
    Number(u64),
    Nothing,
}

/// What makes a spreadsheet take a text for a formula (OWASP, "CSV Injection").
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Appends a line.
///
/// Texts stand in quotation marks, and before one that a spreadsheet would execute stands an
/// apostrophe: names are their owners' to choose, and whoever opens the file is another.
pub(crate) fn line<'a>(cells: impl IntoIterator<Item = Cell<'a>>, out: &mut String) {
    for (at, cell) in cells.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        match cell {
            Cell::Text(text) => {
                let apostrophe = if text.starts_with(FORMULA) { "'" } else { "" };
                // Writing to a string cannot fail.
                let _ = write!(out, "\"{apostrophe}{}\"", text.replace('"', "\"\""));
            }
            Cell::Number(number) => {
                let _ = write!(out, "{number}");
            }
            Cell::Nothing => {}
        }
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(cells: &[Cell<'_>]) -> String {
        let mut out = String::new();
        line(cells.iter().copied(), &mut out);
        out
    }

    #[test]
    fn a_text_comes_through_whatever_is_in_it() {
        let cells = [Cell::Text("a,b"), Cell::Number(7), Cell::Nothing, Cell::Text("say \"x\"\n")];
        assert_eq!(written(&cells), "\"a,b\",7,,\"say \"\"x\"\"\n\"\r\n");
        assert_eq!(written(&[]), "\r\n");
    }

    #[test]
    fn no_text_is_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(written(&[Cell::Text(text)]), format!("\"'{text}\"\r\n"));
        }
        assert_eq!(written(&[Cell::Text("a=1")]), "\"a=1\"\r\n");
    }
}
