//! The words of a row: every value that a window needs, as 64 bits that compare and add as the value does.

/// The word of a value that an event lacks. No value has it.
pub(crate) const ABSENT: i64 = i64::MIN;

/// The largest whole number that is summed. A larger one counts as absent: with this bound the sums over a window, and their
/// squares, are exact for ten million events.
pub const MAX_WHOLE: i64 = 1_000_000_000_000;

/// A whole number, [`ABSENT`] beyond the bound.
pub(crate) const fn whole(number: i64) -> i64 {
    if number >= -MAX_WHOLE && number <= MAX_WHOLE { number } else { ABSENT }
}

/// A finite number, in a code that keeps the order.
pub(crate) const fn of_number(number: f64) -> i64 {
    // Zero has two signs and one meaning.
    let bits = (number + 0.0).to_bits() as i64;
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

/// The number of a code.
pub(crate) const fn to_number(word: i64) -> f64 {
    f64::from_bits((if word < 0 { word ^ i64::MAX } else { word }) as u64)
}

/// 64 bits that stand for a text.
pub(crate) fn of_text(text: &str) -> i64 {
    present(xxhash_rust::xxh3::xxh3_64(text.as_bytes()) as i64)
}

/// 64 bits that stand for a whole number as a category, spread like those of texts.
pub(crate) fn of_whole(number: i64) -> i64 {
    present(xxhash_rust::xxh3::xxh3_64(&number.to_le_bytes()) as i64)
}

const fn present(word: i64) -> i64 {
    if word == ABSENT { ABSENT + 1 } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_order_and_come_back() {
        let ascending = [f64::MIN, -1.5, -1.0, -f64::MIN_POSITIVE, 0.0, 1e-300, 0.5, 1.0, 1e300, f64::MAX];
        for pair in ascending.windows(2) {
            assert!(of_number(pair[0]) < of_number(pair[1]), "{pair:?}");
        }
        for number in ascending {
            assert_eq!(to_number(of_number(number)), number);
            assert_ne!(of_number(number), ABSENT);
        }
        assert_eq!(of_number(-0.0), of_number(0.0));
    }
}
