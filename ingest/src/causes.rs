//! Errors as they are told where nobody asks further: in a log line.

use std::error::Error;

/// The message of an error with those of its causes, each after a colon.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::num::ParseIntError;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("record {number} cannot be read")]
    struct Unreadable {
        number: u32,
        source: ParseIntError,
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        let source = "x".parse::<u32>().expect_err("no number");
        let told = with_causes(&Unreadable { number: 7, source });
        assert_eq!(told, "record 7 cannot be read: invalid digit found in string");
    }
}
