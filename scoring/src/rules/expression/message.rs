//! What the grammar's parser says of an expression that it cannot read, in words for an analyst.

use cel::ParseErrors;

use super::MAX_NESTING;
use super::error::ExpressionError;

/// The first of its errors; the others mostly follow from it.
pub(super) fn syntax_error(text: &str, errors: &ParseErrors) -> ExpressionError {
    let Some(first) = errors.errors.first() else {
        return ExpressionError::at(text, 0..text.len(), "this expression cannot be read");
    };
    let line = usize::try_from(first.pos.0).unwrap_or(1).max(1);
    let column = usize::try_from(first.pos.1).unwrap_or(1).max(1);
    let Some(said) = first.msg.strip_prefix("Syntax error: ") else {
        let start = line_start(text, line) + column - 1;
        return ExpressionError::at(text, start..start + 1, first.msg.clone());
    };
    // Here columns count characters.
    let line_start = line_start(text, line);
    let start = text[line_start..].char_indices().nth(column - 1).map_or(text.len(), |(at, _)| line_start + at);
    if said.contains("Recursion limit") {
        let message = format!("an expression may be nested {MAX_NESTING} deep, this one is deeper");
        return ExpressionError::at(text, start..start, message);
    }
    let word = said.split('\'').nth(1).unwrap_or("").trim();
    if word == "<EOF>" {
        return ExpressionError::at(text, text.len()..text.len(), "the expression ends where something is still missing");
    }
    let message = match word {
        "" => "this cannot be read".to_owned(),
        "=" => "`=` is not an operator: write `==`".to_owned(),
        "and" | "AND" => format!("`{word}` is not an operator: write `&&`"),
        "or" | "OR" => format!("`{word}` is not an operator: write `||`"),
        "not" | "NOT" => format!("`{word}` is not an operator: write `!`, and `!(a in b)` for `a not in b`"),
        _ if word.starts_with(['"', '\\']) => "this text has no end, or an escape in it is unknown".to_owned(),
        _ => format!("`{word}` is not expected here"),
    };
    ExpressionError::at(text, start..start + word.len().max(1), message)
}

fn line_start(text: &str, line: usize) -> usize {
    text.split_inclusive('\n').take(line - 1).map(str::len).sum()
}
