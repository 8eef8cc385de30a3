//! Card numbers where a token is expected: they are refused at the door, so that none reaches the log.

/// Whether a text is a card number (primary account number): 13 to 19 digits, also in groups with spaces or hyphens between them, whose
/// check digit is right by the formula of Luhn (ISO/IEC 7812-1, annex B). One random number of that length in ten is taken for one.
pub(super) fn is_card_number(text: &str) -> bool {
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
}
