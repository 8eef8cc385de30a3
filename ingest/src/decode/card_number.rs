//! Card numbers: where a token is expected they are refused at the door, so that none reaches the log, and what is said of what somebody sent
//! does without them.

use std::borrow::Cow;
use std::ops::Range;

/// Whether a text is a card number (primary account number): 13 to 19 digits, also in groups with spaces or hyphens between them, whose
/// check digit is right by the formula of Luhn (ISO/IEC 7812-1, annex B). One random number of that length in ten is taken for one.
pub fn is_card_number(text: &str) -> bool {
    let mut digits = [0_u8; 19];
    let mut count = 0;
    for letter in text.bytes().filter(|letter| !matches!(letter, b' ' | b'-')) {
        if !letter.is_ascii_digit() || count == digits.len() {
            return false;
        }
        digits[count] = letter - b'0';
        count += 1;
    }
    count >= 13 && luhn(&digits[..count])
}

/// A text without the card numbers in it, whatever lies around them.
pub fn without_card_numbers(text: &str) -> Cow<'_, str> {
    let groups = digit_groups(text);
    let (mut safe, mut copied, mut at) = (String::new(), 0, 0);
    while at < groups.len() {
        // A number may be written in groups, with one space or hyphen between two of them; the longest is taken.
        let follows = |next: &usize| {
            groups[next - 1].end + 1 == groups[*next].start && [b' ', b'-'].contains(&text.as_bytes()[groups[next - 1].end])
        };
        let last = (at + 1..groups.len()).take_while(follows).last().unwrap_or(at);
        let number = (at..=last).rev().find(|end| is_card_number(&text[groups[at].start..groups[*end].end]));
        if let Some(end) = number {
            safe.push_str(&text[copied..groups[at].start]);
            safe.push_str("[a card number]");
            copied = groups[end].end;
        }
        at = number.unwrap_or(at) + 1;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    safe.push_str(&text[copied..]);
    Cow::Owned(safe)
}

/// Whether there is a card number in a text.
pub fn has_card_number(text: &str) -> bool {
    matches!(without_card_numbers(text), Cow::Owned(_))
}

/// Where digits lie, without a gap.
fn digit_groups(text: &str) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.bytes().enumerate().filter(|(_, letter)| letter.is_ascii_digit()) {
        match groups.last_mut() {
            Some(last) if last.end == at => last.end += 1,
            _ => groups.push(at..at + 1),
        }
    }
    groups
}

fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit < 5 { 2 * digit } else { 2 * digit - 9 };
    let weighted = digits.iter().rev().enumerate().map(|(place, digit)| if place % 2 == 1 { doubled(*digit) } else { *digit });
    weighted.map(u32::from).sum::<u32>() % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_are_known() {
        let check = |text: &str, expect: bool| assert_eq!(is_card_number(text), expect, "{text}");
        // Numbers that payment networks publish for tests.
        check("4111111111111111", true);
        check("4111 1111 1111 1111", true);
        check("3782-822463-10005", true);
        check("6011000990139424", true);
        check("4222222222222", true);
        check("4111111111111112", false);
        check("tok_4111111111111111", false);
        check("411111111111", false);
        check("41111111111111111111", false);
        check("", false);
        check("４１１１１１１１１１１１１１１１", false);
    }

    #[test]
    fn what_is_said_has_no_card_numbers() {
        let check = |text: &str, expect: &str| assert_eq!(without_card_numbers(text), expect, "{text}");
        check("nothing of 4111111111111112 and 12", "nothing of 4111111111111112 and 12");
        check("string \"4111111111111111\", expected", "string \"[a card number]\", expected");
        check("é1 4111 1111 1111 1111 2", "é1 [a card number] 2");
        check("3782-822463-10005", "[a card number]");
        check("tok_4111111111111111, 6011000990139424", "tok_[a card number], [a card number]");
        check("4111  1111 1111 1111", "4111  1111 1111 1111");
        check("", "");
    }
}
