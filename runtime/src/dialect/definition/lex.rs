//! The tokens of a CREATE TABLE as SQLite reads them: just enough to tell names, texts and parentheses apart,
//! each with its place, so that a definition can be changed where it is meant and nowhere else.

use std::ops::Range;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or keyword without quotes.
    Word,
    /// A name between double quotes, backticks or brackets.
    Quoted,
    /// A text between single quotes.
    Text,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// A number or an operator.
    Other,
}

/// A token and where it stands, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

/// The tokens of a statement, without spaces and comments; none if something in it is not closed.
pub(super) fn tokens(sql: &str) -> Option<Vec<Token>> {
    let bytes = sql.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&first) = bytes.get(at) {
        let rest = bytes.get(at..)?;
        let (kind, length) = match first {
            b' ' | b'\t' | b'\n' | b'\r' | b'\x0c' => {
                at += 1;
                continue;
            }
            b'-' if rest.starts_with(b"--") => {
                at += rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
                continue;
            }
            b'/' if rest.starts_with(b"/*") => {
                // SQLite closes an open comment at the end.
                let end = rest.windows(2).skip(2).position(|pair| pair == b"*/").map(|end| end + 4);
                at += end.unwrap_or(rest.len());
                continue;
            }
            b'"' | b'`' => (Kind::Quoted, quoted(rest, first)?),
            b'[' => (Kind::Quoted, rest.iter().position(|&byte| byte == b']')? + 1),
            b'\'' => (Kind::Text, quoted(rest, b'\'')?),
            b'(' => (Kind::Open, 1),
            b')' => (Kind::Close, 1),
            b',' => (Kind::Comma, 1),
            // X'00' is one constant.
            b'x' | b'X' if rest.get(1) == Some(&b'\'') => (Kind::Other, quoted(rest.get(1..)?, b'\'')? + 1),
            b'0'..=b'9' => (Kind::Other, number(rest)),
            b'.' if rest.get(1).is_some_and(u8::is_ascii_digit) => (Kind::Other, number(rest)),
            _ if in_word(first) => (Kind::Word, rest.iter().position(|&byte| !in_word(byte)).unwrap_or(rest.len())),
            _ => (Kind::Other, 1),
        };
        tokens.push(Token { kind, span: at..at + length });
        at += length;
    }
    Some(tokens)
}

fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// The length of what stands between two marks, a doubled mark inside being one of the text.
fn quoted(rest: &[u8], mark: u8) -> Option<usize> {
    let mut at = 1;
    loop {
        at += rest.get(at..)?.iter().position(|&byte| byte == mark)? + 1;
        match rest.get(at) {
            Some(&next) if next == mark => at += 1,
            _ => return Some(at),
        }
    }
}

fn number(rest: &[u8]) -> usize {
    let hexadecimal = rest.starts_with(b"0x") || rest.starts_with(b"0X");
    let mut length = 0;
    for (at, &byte) in rest.iter().enumerate() {
        let exponent = at > 0 && !hexadecimal && matches!(rest.get(at - 1), Some(b'e' | b'E'));
        if !(in_word(byte) || byte == b'.' || (exponent && matches!(byte, b'+' | b'-'))) {
            break;
        }
        length = at + 1;
    }
    length
}

/// The name that a token stands for; none if it is no name.
pub(super) fn name(sql: &str, token: &Token) -> Option<String> {
    let text = sql.get(token.span.clone())?;
    let inner = || text.get(1..text.len().checked_sub(1)?);
    match token.kind {
        Kind::Word => Some(text.to_owned()),
        Kind::Quoted if text.starts_with('[') => inner().map(str::to_owned),
        Kind::Quoted | Kind::Text => {
            let mark = text.get(..1)?;
            inner().map(|inner| inner.replace(&mark.repeat(2), mark))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    fn texts(sql: &str) -> Vec<(Kind, &str)> {
        tokens(sql).unwrap().into_iter().map(|token| (token.kind, &sql[token.span])).collect()
    }

    #[test]
    fn names_texts_numbers_and_comments_are_told_apart() {
        use Kind::{Close, Comma, Open, Other, Quoted, Text, Word};
        let sql = "a \"b\"\"(\" `c,` [d)] 'e''(' -- (\n/* ) */ ( , ) 1.5e-3 0x1F x'00' f$ü .5 -1";
        let expected = [
            (Word, "a"),
            (Quoted, "\"b\"\"(\""),
            (Quoted, "`c,`"),
            (Quoted, "[d)]"),
            (Text, "'e''('"),
            (Open, "("),
            (Comma, ","),
            (Close, ")"),
            (Other, "1.5e-3"),
            (Other, "0x1F"),
            (Other, "x'00'"),
            (Word, "f$ü"),
            (Other, ".5"),
            (Other, "-"),
            (Other, "1"),
        ];
        assert_eq!(texts(sql), expected);
        for open in ["'a", "\"a\"\"", "[a", "x'0"] {
            assert_eq!(tokens(open), None);
        }
    }

    #[test]
    fn a_name_is_what_stands_between_its_marks() {
        for (sql, expected) in [("ab", "ab"), ("\"a\"\"b\"", "a\"b"), ("`a``b`", "a`b"), ("[a b]", "a b"), ("'a'", "a")]
        {
            assert_eq!(name(sql, &tokens(sql).unwrap()[0]).as_deref(), Some(expected));
        }
    }
}
