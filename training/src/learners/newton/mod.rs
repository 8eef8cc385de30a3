//! The lowest point of a convex loss of weighted sums, by Newton's method: each step solves a parabola that has the slope and the
//! curvature of the loss, and is halved where the loss would not fall enough. An L1 penalty is kept out of the parabola, which is then
//! solved coordinate by coordinate (Friedman, Hastie and Tibshirani, "Regularization paths for generalized linear models via
//! coordinate descent", 2010; Lee, Sun and Saunders, "Proximal Newton-type methods", 2014). Rows are added up in pieces whose number is
//! always the same, so the result is the same to the bit on any number of threads.

mod add_up;
mod descent;
mod solve;
mod standard;
#[cfg(test)]
mod tests;

use scoring::model::Linear;

use self::add_up::{Sums, add_up};
pub(super) use self::standard::Standard;
use crate::matrix::Matrix;

/// Newton needs about ten steps; where weights run away, as in data that can be separated, each step goes on by about one.
const MAX_STEPS: usize = 100;
/// The search ends where a step promises less, in units of loss for a row of weight 1.
const LEAST_GAIN: f64 = 1e-14;
/// A step is halved until the loss falls by this share of what it promised (Armijo, 1966).
const SUFFICIENT: f64 = 1e-4;
/// Below this share a step is none.
const LEAST_SHARE: f64 = 1e-10;
/// The loss is known to this share of itself.
const ROUNDING: f64 = 1e-13;

/// A row's loss at its margin, with its first and second derivative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Local {
    pub(super) loss: f64,
    pub(super) slope: f64,
    /// Not below 0.
    pub(super) curvature: f64,
}

/// What is to be as low as possible: the losses of all rows, each as often as it counts, and the penalties on the weights.
pub(super) struct Problem<'a> {
    pub(super) matrix: &'a Matrix,
    pub(super) rows: Standard,
    /// The loss of a row by its margin and whether it is bad; convex.
    pub(super) loss: fn(f64, bool) -> Local,
    /// Half of this times the squared weights is added. Not below 0.
    pub(super) squares: f64,
    /// This times the absolute weights is added. Not below 0.
    pub(super) absolutes: f64,
    /// The margin to begin with, of all rows.
    pub(super) start: f64,
    /// How many threads add up.
    pub(super) threads: usize,
}

impl Problem<'_> {
    /// The weights that it finds, with the scale that they are on. Of columns that say the same, and have no penalty, one has a weight.
    pub(super) fn solve(self) -> Linear {
        let at = self.lowest();
        let Standard { means, deviations } = self.rows;
        Linear { intercept: at[0], weights: at[1..].to_vec(), means, deviations }
    }

    /// The intercept and the weights.
    fn lowest(&self) -> Vec<f64> {
        let mut at = vec![0.0; self.matrix.width() + 1];
        at[0] = self.start;
        let least = LEAST_GAIN * self.matrix.total_weight();
        let mut here = self.sums(&at);
        for _ in 0..MAX_STEPS {
            let step = match self.absolutes > 0.0 {
                true => descent::step(&here, &at, self.absolutes, least),
                false => solve::newton_step(&here),
            };
            let gain = -(dot(&here.gradient, &step) + self.absolutes * (length(&moved(&at, &step, 1.0)) - length(&at)));
            if gain.is_nan() || gain <= least {
                // The last step costs nothing, and takes weights to where they are exactly zero.
                return if gain >= 0.0 { moved(&at, &step, 1.0) } else { at };
            }
            let mut share = 1.0;
            let (next, there) = loop {
                let next = moved(&at, &step, share);
                let there = self.sums(&next);
                if there.loss <= here.loss - SUFFICIENT * share * gain + ROUNDING * here.loss.abs() {
                    break (next, there);
                }
                share /= 2.0;
                if share < LEAST_SHARE {
                    return at;
                }
            };
            (at, here) = (next, there);
        }
        at
    }

    /// Loss, slope and curvature at some weights, penalties included; those of the absolute weights have a place in the loss alone.
    fn sums(&self, at: &[f64]) -> Sums {
        let mut sums = add_up(self, at);
        let size = at.len();
        for (weight, place) in at.iter().zip(0..size).skip(1) {
            sums.loss += self.squares / 2.0 * weight * weight;
            sums.gradient[place] += self.squares * weight;
            sums.curvature[place * size + place] += self.squares;
        }
        sums.loss += self.absolutes * length(at);
        sums
    }
}

fn moved(at: &[f64], step: &[f64], share: f64) -> Vec<f64> {
    at.iter().zip(step).map(|(at, step)| at + share * step).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The sum of the absolute weights, without the intercept.
fn length(at: &[f64]) -> f64 {
    at[1..].iter().map(|weight| weight.abs()).sum()
}
