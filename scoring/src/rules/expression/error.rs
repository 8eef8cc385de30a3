//! What is wrong with an expression, and where.

use std::ops::Range;

/// An expression that was refused. Its message is about `text[span]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct ExpressionError {
    /// What is wrong, what was expected, and where there is something near it, what may have been meant.
    pub message: String,
    /// The bytes of the expression that it is about.
    pub span: Range<usize>,
    /// The line in the expression, from 1.
    pub line: usize,
    /// The column in that line, in characters from 1.
    pub column: usize,
}

impl ExpressionError {
    /// An error about a part of a text. A span that the text does not have becomes its end.
    pub(super) fn at(text: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        let start = boundary(text, span.start);
        let end = boundary(text, span.end.max(start));
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            message: message.into(),
            span: start..end,
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// The character boundary at or before a byte.
fn boundary(text: &str, byte: usize) -> usize {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}
