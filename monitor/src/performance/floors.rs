//! Below which figures a model is to be trained anew. It is asked for when chance does not explain it, and when labels are in.

use evaluation::Figure;
use serde::Deserialize;

use super::cohort::{Cohort, State};

/// The table `[monitoring.performance.retrain_below]`: figures, 0 to 1, that a model's decisions may not fall below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Floors {
    /// The area under the curve.
    pub auc: Option<f64>,
    /// The average precision.
    pub average_precision: Option<f64>,
}

impl Floors {
    /// What is wrong with them, if anything.
    pub(super) fn check(&self) -> Result<(), evaluation::Error> {
        for (figure, floor) in [("auc", self.auc), ("average_precision", self.average_precision)] {
            if let Some(floor) = floor.filter(|floor| !(*floor > 0.0 && *floor < 1.0)) {
                return Err(evaluation::Error::Floor { figure: figure.to_owned(), floor });
            }
        }
        Ok(())
    }

    /// Why decisions call for a training, if they do: enough of their labels are known, and the whole interval of a figure lies below its floor.
    pub fn broken(&self, cohort: &Cohort) -> Option<String> {
        if cohort.state != State::Mature {
            return None;
        }
        let figures = &cohort.scores.figures;
        let of = |name: &str, figure: &Figure, floor: Option<f64>| {
            let (floor, Figure::Known(known)) = (floor?, figure) else { return None };
            let interval = known.interval.filter(|interval| interval.upper < floor)?;
            let between = format!("{:.3} ({:.3} to {:.3})", known.point, interval.lower, interval.upper);
            Some(format!("{name} {between} is below {floor}"))
        };
        let broken =
            [of("AUC", &figures.auc, self.auc), of("average precision", &figures.average_precision, self.average_precision)];
        let broken: Vec<String> = broken.into_iter().flatten().collect();
        (!broken.is_empty()).then(|| format!("{} over {} judged events", broken.join(", "), cohort.outcomes.judged()))
    }
}
