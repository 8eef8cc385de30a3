//! What a model of the graph gives: a sum over trees or features that has yet to become a probability.

use scoring::Model;
use scoring::model::Linear;
use scoring::model::trees::Combine;

use super::FORMAT;
use crate::import::Error;
use crate::import::grow::Grove;

/// The output of a model of the graph, one number or one for each of two classes.
#[derive(Clone, Debug)]
pub(super) struct Score {
    pub(super) sum: Sum,
    /// Whether the logistic function has been applied.
    pub(super) logistic: bool,
    pub(super) shape: Shape,
}

/// What adds up to the number of the second class.
#[derive(Clone, Debug)]
pub(super) enum Sum {
    /// Trees and what is added to their sum or mean.
    Trees {
        grove: Grove,
        base: f64,
        mean: bool,
    },
    Linear(Linear),
}

/// How many numbers there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    One,
    /// Of two classes.
    Two,
    /// Of two classes, and they add up to 1 once they are probabilities.
    Complementary,
}

impl Score {
    /// After the logistic function, at most once.
    pub(super) fn sigmoid(self) -> Option<Self> {
        (!self.logistic).then_some(Self { logistic: true, ..self })
    }

    /// With a number added to the only one.
    pub(super) fn plus(mut self, number: f64) -> Option<Self> {
        if self.logistic || self.shape != Shape::One {
            return None;
        }
        match &mut self.sum {
            Sum::Trees { base, .. } => *base += number,
            Sum::Linear(linear) => linear.intercept += number,
        }
        Some(self)
    }

    /// The model that this is, and whether it has covers.
    pub(super) fn finish(self) -> Result<(Model, bool), Error> {
        match (self.sum, self.logistic) {
            (Sum::Linear(linear), true) => Ok((Model::Linear(linear), true)),
            (Sum::Linear(_), false) => Err(FORMAT.unsupported("a linear model whose output is no probability")),
            (Sum::Trees { grove, base, mean }, logistic) => {
                let trees = grove.len().max(1) as f64;
                Ok(match (logistic, mean) {
                    (true, false) => grove.finish(Combine::LogisticSum, base, 1.0),
                    (true, true) => grove.finish(Combine::LogisticSum, base, 1.0 / trees),
                    (false, true) => grove.finish(Combine::Mean, base, 1.0),
                    (false, false) => grove.finish(Combine::Mean, base, trees),
                })
            }
        }
    }
}
