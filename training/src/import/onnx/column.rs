//! What happens to a feature on its way through the graph, before trees or weights get it: rounding, scaling, filling in.

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
#[derive(Clone, Copy, Debug, PartialEq)]
struct Step {
    change: Change,
    single: bool,
}

/// A change of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Change {
    /// None, but for rounding.
    Keep,
    Add(f64),
    Multiply(f64),
    Divide(f64),
    /// A missing value becomes this one.
    Fill(f64),
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
            Change::Keep | Change::Fill(_) => true,
            Change::Add(number) => number.is_finite(),
            Change::Multiply(number) | Change::Divide(number) => number > 0.0 && number.is_finite(),
        })
    }

    /// What becomes of a value, to the bit. Singles are added and multiplied as doubles and rounded after, which gives what single
    /// precision gives: a double has more than twice the digits.
    pub(super) fn apply(&self, value: f64) -> f64 {
        self.steps.iter().fold(value, |value, step| {
            let value = match step.change {
                Change::Keep => value,
                Change::Add(number) => value + number,
                Change::Multiply(number) => value * number,
                Change::Divide(number) => value / number,
                Change::Fill(number) if value.is_nan() => number,
                Change::Fill(_) => value,
            };
            if step.single { f64::from(value as f32) } else { value }
        })
    }

    /// The column as one formula, without rounding.
    pub(super) fn affine(&self) -> Affine {
        let mut affine = Affine { mean: 0.0, deviation: 1.0, missing: None };
        for step in &self.steps {
            match step.change {
                Change::Keep => {}
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
}
