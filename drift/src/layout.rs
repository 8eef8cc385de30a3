//! Narrow cells for numbers that nobody has sorted: as many where values are many, and any order of size.

/// Which cell a value lies in. The leading digit of its key, its sign, exponent and four bits of its fraction, has as many cells as it has a
/// share of the sample, and the digits between those that the sample knows share one.
pub(crate) struct Layout {
    digits: Vec<Digit>,
    cells: usize,
}

#[derive(Clone, Copy)]
struct Digit {
    first: u32,
    /// Of the bits below the digit so many do not matter.
    shift: u32,
}

const BELOW_DIGIT: u32 = 48;

const fn digit(key: u64) -> usize {
    (key >> BELOW_DIGIT) as usize
}

impl Layout {
    /// For columns whose keys are such, with so many cells for each of them.
    pub(crate) fn new(mut sample: Vec<u64>, cells_each: usize) -> Self {
        sample.sort_unstable();
        let mut digits = vec![Digit { first: 0, shift: BELOW_DIGIT }; 1 << 16];
        let (mut cells, mut from) = (0_u32, 0);
        for alike in sample.chunk_by(|a, b| digit(*a) == digit(*b)) {
            let at = digit(alike[0]);
            digits[from..at].fill(Digit { first: cells, shift: BELOW_DIGIT });
            let bits = (alike.len() * cells_each).next_power_of_two().ilog2();
            digits[at] = Digit { first: cells + 1, shift: BELOW_DIGIT - bits };
            cells += 1 + (1 << bits);
            from = at + 1;
        }
        digits[from..].fill(Digit { first: cells, shift: BELOW_DIGIT });
        Self { digits, cells: cells as usize + 1 }
    }

    /// The cell of a key: keys that rise have cells that do not fall.
    pub(crate) fn place(&self, key: u64) -> usize {
        let Digit { first, shift } = self.digits[digit(key)];
        first as usize + ((key & ((1 << BELOW_DIGIT) - 1)) >> shift) as usize
    }

    /// How many there are.
    pub(crate) const fn cells(&self) -> usize {
        self.cells
    }
}
