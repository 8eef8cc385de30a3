//! What happens to a feature on its way through the graph, before trees or weights get it: rounding, scaling, filling in, encoding.

use super::super::threshold::last;

/// A feature on its way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    /// Its place in the vector.
    pub(super) feature: usize,
    /// Whether it is in single precision by now.
    pub(super) single: bool,
    steps: Vec<Step>,
}

/// One thing that happens to it, and whether the result is rounded to single precision.
#[derive(Clone, Debug, PartialEq)]
struct Step {
    change: Change,
    single: bool,
}

/// A change of a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    /// None, but for rounding.
    Keep,
    Add(f64),
    Multiply(f64),
    Divide(f64),
    /// A missing value becomes this one.
    Fill(f64),
    /// The decimals are cut off; a missing value becomes the lowest whole number, as in ONNX Runtime.
    Truncate,
    Encode(Codes),
}

/// What some values become, and what all others do.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Codes {
    /// A value and its code, by rising values.
    table: Vec<(f64, f64)>,
    otherwise: f64,
    /// What a missing value becomes.
    missing: f64,
}

/// A column that is encoded on its way: one number for each of some pieces of the feature's values, and one for all others.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Coded {
    /// The last value before a piece, the last one in it, and what becomes of those between; the pieces rise. `None` where no value
    /// is low enough.
    pub(super) pieces: Vec<(Option<f64>, Option<f64>, f64)>,
    pub(super) otherwise: f64,
    pub(super) missing: f64,
}

/// A column as (value - mean) / deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine {
    pub(super) mean: f64,
    pub(super) deviation: f64,
    /// The value that a missing one counts as, if it was filled in.
    pub(super) missing: Option<f64>,
}

impl Column {
    /// A feature as it comes in.
    pub(super) fn new(feature: usize, single: bool) -> Self {
        Self { feature, single, steps: vec![Step { change: Change::Keep, single }] }
    }

    /// After one more change.
    pub(super) fn then(mut self, change: Change) -> Self {
        self.steps.push(Step { change, single: self.single });
        self
    }

    /// From here on in single or double precision.
    pub(super) fn cast(mut self, single: bool) -> Self {
        self.single = single;
        self.then(Change::Keep)
    }

    /// Whether it keeps the order of values.
    pub(super) fn keeps_order(&self) -> bool {
        self.steps.iter().all(|step| match step.change {
            Change::Keep | Change::Fill(_) | Change::Truncate => true,
            Change::Add(number) => number.is_finite(),
            Change::Multiply(number) | Change::Divide(number) => number > 0.0 && number.is_finite(),
            Change::Encode(_) => false,
        })
    }

    /// Whether it is a multiple of the feature with something added.
    pub(super) fn is_affine(&self) -> bool {
        self.keeps_order() && self.steps.iter().all(|step| step.change != Change::Truncate)
    }

    /// What the column is where it is encoded, after steps that keep the order of values.
    pub(super) fn coded(&self) -> Option<Coded> {
        let (at, codes) = self.steps.iter().enumerate().find_map(|(at, step)| match &step.change {
            Change::Encode(codes) => Some((at, codes)),
            _ => None,
        })?;
        let before = Self { steps: self.steps[..at].to_vec(), ..*self };
        if !before.keeps_order() {
            return None;
        }
        let rest = |code: f64| run(&self.steps[at + 1..], rounded(code, self.steps[at].single));
        let piece = |&(value, code): &(f64, f64)| {
            (last(|number| before.apply(number) < value), last(|number| before.apply(number) <= value), rest(code))
        };
        Some(Coded {
            pieces: codes.table.iter().map(piece).collect(),
            otherwise: rest(codes.otherwise),
            missing: self.apply(f64::NAN),
        })
    }

    /// What becomes of a value, to the bit. Singles are added and multiplied as doubles and rounded after, which gives what single
    /// precision gives: a double has more than twice the digits.
    pub(super) fn apply(&self, value: f64) -> f64 {
        run(&self.steps, value)
    }

    /// A column that [is affine](Self::is_affine) as one formula, without rounding.
    pub(super) fn affine(&self) -> Affine {
        let mut affine = Affine { mean: 0.0, deviation: 1.0, missing: None };
        for step in &self.steps {
            match step.change {
                Change::Keep | Change::Truncate | Change::Encode(_) => {}
                Change::Add(number) => affine.mean -= number * affine.deviation,
                Change::Multiply(number) => affine.deviation /= number,
                Change::Divide(number) => affine.deviation *= number,
                Change::Fill(number) => {
                    affine.missing.get_or_insert(affine.mean + number * affine.deviation);
                }
            }
        }
        affine
    }
}

impl Codes {
    /// With pairs of a value, which may be missing, and its code. The first of equal ones counts.
    pub(super) fn new(pairs: impl IntoIterator<Item = (f64, f64)>, otherwise: f64) -> Self {
        let (missing, mut table): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|pair| pair.0.is_nan());
        table.sort_by(|a, b| a.0.total_cmp(&b.0));
        table.dedup_by(|later, first| later.0 == first.0);
        Self { table, otherwise, missing: missing.first().map_or(otherwise, |pair| pair.1) }
    }

    fn code(&self, value: f64) -> f64 {
        let found = self.table.iter().find(|pair| pair.0 == value);
        if value.is_nan() { self.missing } else { found.map_or(self.otherwise, |pair| pair.1) }
    }
}

fn run(steps: &[Step], value: f64) -> f64 {
    steps.iter().fold(value, |value, step| rounded(step.change.of(value), step.single))
}

fn rounded(value: f64, single: bool) -> f64 {
    if single { f64::from(value as f32) } else { value }
}

impl Change {
    fn of(&self, value: f64) -> f64 {
        match self {
            Self::Keep => value,
            Self::Add(number) => value + number,
            Self::Multiply(number) => value * number,
            Self::Divide(number) => value / number,
            Self::Fill(number) => {
                if value.is_nan() {
                    *number
                } else {
                    value
                }
            }
            Self::Truncate => {
                if value.is_nan() {
                    i64::MIN as f64
                } else {
                    value.trunc()
                }
            }
            Self::Encode(codes) => codes.code(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_applies_its_steps() {
        let scaled = || Column::new(0, true).then(Change::Add(-10.0)).then(Change::Multiply(0.5));
        let check = |column: Column, value: f64, expect: f64| assert_eq!(column.apply(value).to_bits(), expect.to_bits());
        check(scaled(), 12.0, 1.0);
        check(scaled(), 0.1, f64::from((0.1f32 - 10.0) * 0.5));
        check(scaled().then(Change::Fill(3.0)), f64::NAN, 3.0);
        check(Column::new(0, false).cast(true), 0.1, f64::from(0.1f32));
        check(Column::new(0, false).then(Change::Divide(3.0)), 0.1, 0.1 / 3.0);
        let affine = Affine { mean: 10.0, deviation: 2.0, missing: Some(16.0) };
        assert_eq!(scaled().then(Change::Fill(3.0)).affine(), affine);
        assert!(scaled().keeps_order() && !scaled().then(Change::Multiply(-1.0)).keeps_order());
    }

    #[test]
    fn an_encoded_column_is_pieces_of_the_features_values() {
        let codes = |pairs: &[(f64, f64)]| Change::Encode(Codes::new(pairs.iter().copied(), -1.0));
        let check = |column: Column, missing: f64, expect: &[(f64, f64)]| {
            let coded = column.coded().unwrap();
            assert_eq!((coded.otherwise, coded.missing.to_bits()), (column.apply(1e9), missing.to_bits()));
            for &(value, code) in expect {
                assert_eq!(column.apply(value), code, "{value}");
                let is_in = |piece: &&(Option<f64>, Option<f64>, f64)| {
                    piece.0.is_none_or(|before| before < value) && piece.1.is_some_and(|end| value <= end)
                };
                assert_eq!(coded.pieces.iter().find(is_in).map_or(coded.otherwise, |piece| piece.2), code, "{value}");
            }
        };
        let exact = Column::new(0, false).then(codes(&[(2.0, 20.0), (1.0, 10.0), (f64::NAN, 30.0)]));
        check(exact.clone(), 30.0, &[(1.0, 10.0), (2.0, 20.0), (1.5, -1.0), (2.0_f64.next_up(), -1.0)]);
        let cut = Column::new(0, true).then(Change::Truncate).then(codes(&[(0.0, 5.0), (1.0, 10.0)])).then(Change::Add(0.5));
        check(cut, -0.5, &[(-0.9, 5.5), (0.9, 5.5), (1.9, 10.5), (1.0 - 1e-12, 10.5), (-1.0, -0.5), (2.0, -0.5)]);
        assert_eq!(Column::new(0, false).then(Change::Multiply(-1.0)).then(codes(&[(1.0, 1.0)])).coded(), None);
        assert_eq!(scaled_by(2.0).coded(), None);
        assert!(!exact.is_affine() && !Column::new(0, false).then(Change::Truncate).is_affine() && scaled_by(2.0).is_affine());
    }

    fn scaled_by(number: f64) -> Column {
        Column::new(0, false).then(Change::Multiply(number))
    }
}
