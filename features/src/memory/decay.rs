//! Sums whose parts fade: each counts half after every half-life.

use crate::plan::DecayPlan;

/// A sum as of the time of its newest part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Decayed {
    pub(super) sum: f64,
    pub(super) at: i64,
}

impl Decayed {
    pub(super) const NOTHING: Self = Self { sum: 0.0, at: i64::MIN };

    /// Takes a value of `time`, which may be late.
    pub(super) fn enter(&mut self, plan: &DecayPlan, time: i64, value: f64) {
        if time >= self.at {
            *self = Self { sum: self.as_of(plan, time) + value, at: time };
        } else {
            self.sum += value * faded(plan, self.at.saturating_sub(time));
        }
    }

    /// What is left of it at `now`.
    pub(super) fn as_of(&self, plan: &DecayPlan, now: i64) -> f64 {
        if self.sum == 0.0 { 0.0 } else { self.sum * faded(plan, now.saturating_sub(self.at)) }
    }
}

/// What is left of one after a length of time. `libm` gives the same bits on every machine.
fn faded(plan: &DecayPlan, micros: i64) -> f64 {
    libm::exp2(-(micros as f64) / plan.half_life)
}
