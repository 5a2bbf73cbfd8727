//! Bounds on what `sqlparser` is given, counted on the text and its tokens.

use sqlparser::tokenizer::Token;

use super::{ParseError, ParseLimits, refused, too_large, unsupported};

/// Bounds on the tokens of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) bytes: usize,
    /// Bytes outside of quotes, and so tokens.
    pub(super) code: usize,
    /// Parentheses inside one another.
    nesting: usize,
    /// How deep a tree these tokens can make at worst.
    pub(super) tree: usize,
}

impl Bounds {
    pub(super) fn new(limits: &ParseLimits, nodes: usize) -> Self {
        Self {
            bytes: limits.bytes,
            code: nodes.saturating_mul(64),
            nesting: limits.depth.saturating_mul(2).saturating_add(8),
            tree: limits.depth.saturating_mul(20),
        }
    }

    /// `sqlparser`'s own bound on recursion: two levels for every parenthesis.
    pub(super) fn recursion(&self) -> usize {
        self.nesting.saturating_mul(2)
    }
}

/// A comment is left out, but not one that some server would run or end elsewhere.
pub(super) fn check_comment(comment: &str) -> Result<(), ParseError> {
    if comment.starts_with('!') || comment.starts_with("M!") {
        return Err(unsupported("comments that a server runs are not allowed"));
    }
    if comment.contains("/*") {
        return Err(unsupported("comments inside one another are not allowed"));
    }
    Ok(())
}

/// Where a text is read.
#[derive(Clone, Copy)]
enum Reading {
    Code,
    Quotation(u8),
    Line,
    Block,
}

/// Whether there are more bytes outside of quotes than allowed, every quotation counted as one and every comment in full: a
/// mark in it opens nothing.
pub(super) fn has_more_code(text: &str, most: usize) -> bool {
    let mut reading = Reading::Code;
    let (mut count, mut before) = (0_usize, 0_u8);
    for byte in text.bytes() {
        let last = std::mem::replace(&mut before, byte);
        reading = match (reading, last, byte) {
            (Reading::Quotation(mark), ..) => {
                if byte != mark {
                    continue;
                }
                Reading::Code
            }
            (Reading::Code, _, b'\'' | b'"' | b'`') => Reading::Quotation(byte),
            (Reading::Code, b'-', b'-') => Reading::Line,
            (Reading::Code, b'/', b'*') => {
                // Its star closes nothing.
                before = 0;
                Reading::Block
            }
            (Reading::Line, _, b'\n') | (Reading::Block, b'*', b'/') => {
                before = 0;
                Reading::Code
            }
            (same, ..) => same,
        };
        count += 1;
        if count > most {
            return true;
        }
    }
    false
}

/// How deep a tree the tokens so far can make: every token may be one level above what stands in the
/// parentheses beside it; a comma begins anew.
#[derive(Default)]
pub(super) struct Depth {
    /// For every open parenthesis: tokens since the last comma, depth inside, depth before that comma.
    outer: Vec<(usize, usize, usize)>,
    run: usize,
    inside: usize,
    before: usize,
}

impl Depth {
    pub(super) fn take(&mut self, token: &Token, bounds: &Bounds) -> Result<(), ParseError> {
        match token {
            Token::LParen | Token::LBracket => {
                if self.outer.len() >= bounds.nesting {
                    return Err(too_large("the text has too many parentheses inside one another"));
                }
                self.outer.push((self.run, self.inside, self.before));
                (self.run, self.inside, self.before) = (0, 0, 0);
            }
            Token::RParen | Token::RBracket => {
                let depth = self.depth() + 1;
                let Some((run, inside, before)) = self.outer.pop() else {
                    return Err(refused("there is a parenthesis too many"));
                };
                (self.run, self.inside, self.before) = (run, inside.max(depth), before);
            }
            Token::Comma => {
                self.before = self.depth();
                (self.run, self.inside) = (0, 0);
            }
            _ => self.run += 1,
        }
        if self.depth() > bounds.tree {
            return Err(too_large("the text is nested too deeply"));
        }
        Ok(())
    }

    fn depth(&self) -> usize {
        self.before.max(self.run + self.inside)
    }
}
