//! What a model of the graph gives: a sum over trees or features that has yet to become a probability.

use scoring::model::trees::Combine;
use scoring::model::{Linear, Preparation};
use scoring::{Model, Scorer};

use super::FORMAT;
use crate::import::Error;
use crate::import::grow::Grove;

/// The output of a model of the graph, one number or one for each of two classes.
#[derive(Clone, Debug)]
pub(super) struct Score {
    pub(super) sum: Sum,
    /// What has been applied to the sum.
    pub(super) link: Link,
    pub(super) shape: Shape,
}

/// What makes a number from 0 to 1 of a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Nothing yet.
    None,
    /// The logistic function.
    Logistic,
    /// Two to the power of it.
    PowerOfTwo,
}

/// What adds up to the number of the second class.
#[derive(Clone, Debug)]
pub(super) enum Sum {
    /// Trees and what is added to their sum or mean.
    Trees { grove: Grove, base: f64, mean: bool },
    /// With what becomes of the features before.
    Linear(Linear, Option<Preparation>),
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
    /// After a function of the sum, at most one.
    pub(super) fn linked(self, link: Link) -> Option<Self> {
        (self.link == Link::None).then_some(Self { link, ..self })
    }

    /// With a number added to the only one.
    pub(super) fn plus(mut self, number: f64) -> Option<Self> {
        if self.link != Link::None || self.shape != Shape::One {
            return None;
        }
        match &mut self.sum {
            Sum::Trees { base, .. } => *base += number,
            Sum::Linear(linear, _) => linear.intercept += number,
        }
        Some(self)
    }

    /// The model that this is, with what is done to the features before, and whether it has covers.
    pub(super) fn finish(self) -> Result<(Scorer, bool), Error> {
        match (self.sum, self.link) {
            (Sum::Linear(linear, preparation), Link::Logistic) => {
                Ok((Scorer { preparation, ..Scorer::plain(Model::Linear(linear)) }, true))
            }
            (Sum::Linear(..), Link::None | Link::PowerOfTwo) => {
                Err(FORMAT.unsupported("a linear model whose output is no probability"))
            }
            (Sum::Trees { grove, base, mean }, link) => {
                let trees = grove.len().max(1) as f64;
                let (model, has_cover) = match (link, mean) {
                    (Link::Logistic, false) => grove.finish(Combine::LogisticSum, base, 1.0),
                    (Link::Logistic, true) => grove.finish(Combine::LogisticSum, base, 1.0 / trees),
                    (Link::None, true) => grove.finish(Combine::Mean, base, 1.0),
                    (Link::None, false) => grove.finish(Combine::Mean, base, trees),
                    (Link::PowerOfTwo, true) => grove.finish(Combine::PathLength, base, 1.0),
                    (Link::PowerOfTwo, false) => grove.finish(Combine::PathLength, base, trees),
                };
                Ok((Scorer::plain(model), has_cover))
            }
        }
    }
}
