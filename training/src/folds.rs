//! Folds by a stable hash: in which fold something lies depends on its name alone, so that it is the same in every program, on every day,
//! and whatever else there is.

/// The fold of an entity, from 0: `crc32(key) mod folds`. All rows of an entity lie in one fold, so that no model is judged on a card that it
/// learned from.
///
/// # Panics
/// When there are no folds.
pub fn fold_of_entity(key: &str, folds: u32) -> u32 {
    crc32fast::hash(key.as_bytes()) % folds
}

/// The fold of a row, from 0, by its number from 0: `crc32(decimal of the number) mod folds`. For tables without entities.
///
/// # Panics
/// When there are no folds.
pub fn fold_of_row(row: usize, folds: u32) -> u32 {
    fold_of_entity(&row.to_string(), folds)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn folds_are_those_of_any_crc32() {
        // Python: [zlib.crc32(str(i).encode()) % 5 for i in range(12)]
        let folds: Vec<u32> = (0..12).map(|row| fold_of_row(row, 5)).collect();
        assert_eq!(folds, [4, 3, 2, 1, 3, 1, 0, 1, 1, 4, 1, 4]);
        assert_eq!(fold_of_entity("11", 5), 4);
        // The check value of CRC-32 (ISO-HDLC) is 0xcbf43926.
        assert_eq!(fold_of_entity("123456789", u32::MAX), 0xcbf4_3926);
    }

    #[test]
    fn every_fold_has_its_share() {
        for folds in [2, 3, 5, 10] {
            let mut counts = vec![0_u32; folds as usize];
            (0..10_000).for_each(|card| counts[fold_of_entity(&format!("card_{card}"), folds) as usize] += 1);
            let share = 10_000 / folds;
            assert!(counts.iter().all(|count| count.abs_diff(share) < share / 8), "{counts:?}");
        }
    }

    proptest! {
        #[test]
        fn a_fold_is_one_of_those_that_there_are(key in ".{0,40}", folds in 1..50_u32) {
            prop_assert!(fold_of_entity(&key, folds) < folds);
        }
    }
}
