//! A CREATE INDEX taken apart: the texts of its parts, and which rows it is over.

use std::ops::Range;

use super::Parser;
use super::lex::{self, Kind};

/// An index taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::dialect) struct IndexText {
    /// What each part is over, without its order.
    pub(in crate::dialect) parts: Vec<Range<usize>>,
    /// The condition on its rows.
    pub(in crate::dialect) predicate: Option<Range<usize>>,
}

impl IndexText {
    /// Takes the text of a CREATE INDEX apart; none where it is not what is understood here.
    pub(in crate::dialect) fn parse(sql: &str) -> Option<Self> {
        let tokens = lex::tokens(sql)?;
        let mut parser = Parser { sql, tokens: &tokens, at: 0 };
        parser.words(&["CREATE"])?;
        parser.word("UNIQUE");
        parser.words(&["INDEX"])?;
        parser.name()?;
        parser.words(&["ON"])?;
        parser.name()?;
        let first = parser.at + 1;
        parser.group()?;
        let last = parser.at.checked_sub(1)?;
        let (mut parts, mut start, mut depth) = (Vec::new(), first, 0_usize);
        for at in first..=last {
            match tokens.get(at)?.kind {
                Kind::Open => depth += 1,
                Kind::Close if depth > 0 => depth -= 1,
                Kind::Comma if depth > 0 => {}
                Kind::Comma | Kind::Close => {
                    parts.push(part(&parser, start, at)?);
                    start = at + 1;
                }
                _ => {}
            }
        }
        let predicate = match parser.peek() {
            Some(_) => {
                parser.words(&["WHERE"])?;
                let start = parser.peek()?.span.start;
                Some(start..tokens.last()?.span.end)
            }
            None => None,
        };
        Some(Self { parts, predicate })
    }
}

/// The place of the part whose tokens are these, without its order.
fn part(parser: &Parser<'_>, start: usize, end: usize) -> Option<Range<usize>> {
    let ordered = |word| Parser { sql: parser.sql, tokens: parser.tokens, at: end.saturating_sub(1) }.is_word(word);
    let end = if end > start + 1 && (ordered("ASC") || ordered("DESC")) { end - 1 } else { end };
    let (first, last) = (parser.tokens.get(start)?, parser.tokens.get(end.checked_sub(1)?)?);
    (start < end).then_some(first.span.start..last.span.end)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    fn parts(sql: &str) -> Option<Vec<&str>> {
        let text = IndexText::parse(sql)?;
        let mut found: Vec<&str> = text.parts.iter().map(|part| &sql[part.clone()]).collect();
        found.extend(text.predicate.map(|place| &sql[place]));
        Some(found)
    }

    #[test]
    fn every_part_and_the_condition_have_their_place() {
        for (sql, expected) in [
            ("CREATE INDEX i ON t (a)", vec!["a"]),
            ("create unique index \"i (,\" on [t)] (\"a\" desc, b ASC)", vec!["\"a\"", "b"]),
            (
                "CREATE INDEX i ON t (substr(a, 1, 2) DESC, (b || ',)'), desc) WHERE a > ')' AND (b)  ",
                vec!["substr(a, 1, 2)", "(b || ',)')", "desc", "a > ')' AND (b)"],
            ),
            ("CREATE INDEX i ON t (a + 1 /* , */ DESC) where b -- c", vec!["a + 1", "b"]),
        ] {
            assert_eq!(parts(sql), Some(expected), "{sql}");
        }
    }

    #[test]
    fn what_is_not_understood_is_not_taken_apart() {
        for sql in [
            "CREATE INDEX i ON t",
            "CREATE INDEX i ON t ()",
            "CREATE INDEX i ON t (a,)",
            "CREATE INDEX i ON t (a",
            "CREATE INDEX i ON t (a) WHERE",
            "CREATE INDEX i ON t (a) USING b",
            "CREATE TABLE i (a)",
        ] {
            assert_eq!(parts(sql), None, "{sql}");
        }
    }
}
