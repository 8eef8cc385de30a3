//! What people say for others to read later. It comes into the log and into the audit, so that no card number may be in it.

use ingest::decode::has_card_number;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest text, in characters.
const LONGEST: usize = 4_000;

/// A text that may be left unsaid: at most 4,000 characters, and no card number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, max_length = 4000)]
pub(super) struct Words(pub(super) String);

/// A text that has to be said: 1 to 4,000 characters, and no card number.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(as = WhyText, value_type = String, min_length = 1, max_length = 4000)]
pub(super) struct Reason(pub(super) String);

impl TryFrom<String> for Words {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let text = text.trim();
        match text.chars().count() {
            length if length > LONGEST => Err(format!("it has {length} characters: at most {LONGEST} are kept")),
            _ if has_card_number(text) => {
                Err("it has what looks like a card number in it: write the token that stands for it".to_owned())
            }
            _ => Ok(Self(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Reason {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let Words(text) = text.try_into()?;
        if text.is_empty() { Err("it is empty: say why".to_owned()) } else { Ok(Self(text)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_said() {
        let check = |text: &str, words: Result<&str, &str>, reason: Result<&str, &str>| {
            let found =
                (Words::try_from(text.to_owned()).map(|words| words.0), Reason::try_from(text.to_owned()).map(|said| said.0));
            let owned = |expect: Result<&str, &str>| expect.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(found, (owned(words), owned(reason)), "{text}");
        };
        check(" seen twice ", Ok("seen twice"), Ok("seen twice"));
        check(" ", Ok(""), Err("it is empty: say why"));
        let number = Err("it has what looks like a card number in it: write the token that stands for it");
        check("of 4111 1111 1111 1111", number, number);
        let long = Err("it has 4001 characters: at most 4000 are kept");
        check(&"é".repeat(4_001), long, long);
        check(&"é".repeat(4_000), Ok(&"é".repeat(4_000)), Ok(&"é".repeat(4_000)));
    }
}
