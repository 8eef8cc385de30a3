//! A model made ready to be run, once, where it is loaded. It gives the very numbers of the [`Scorer`] that it is made from, reads
//! its features where a pipeline's vector has them, and is stored nowhere.

use super::reasons::Reasons;
use super::{Calibration, CompiledTrees, Linear, Model, Network, Preparation, Scorer, by_rows, sigmoid};

/// A scorer made ready to be run.
#[derive(Clone, Debug)]
pub struct Runnable {
    prepared: Option<Prepared>,
    model: Ready,
    calibration: Calibration,
}

/// What is done to the features first.
#[derive(Clone, Debug)]
struct Prepared {
    preparation: Preparation,
    /// Where each feature that it reads lies in a vector.
    places: Vec<usize>,
}

#[derive(Clone, Debug)]
enum Ready {
    /// With where each of its features lies.
    Linear(Linear, Vec<usize>),
    Trees(CompiledTrees, Reasons),
    /// With where each of its features lies.
    Network(Network, Vec<usize>),
}

impl Runnable {
    /// From a scorer that passes [`Scorer::check`]. `places` says where each of its features lies in the vectors that will come.
    pub fn new(scorer: &Scorer, places: &[usize]) -> Self {
        let places = places.to_vec();
        let (prepared, model) = match &scorer.preparation {
            None => (None, Ready::new(&scorer.model, places)),
            Some(preparation) => {
                let prepared = Prepared { preparation: preparation.clone(), places };
                (Some(prepared), Ready::new(&scorer.model, (0..scorer.model.width()).collect()))
            }
        };
        Self { prepared, model, calibration: scorer.calibration.clone() }
    }

    /// The probability, 0 to 1, that the event is bad. `vector` has NaN where a value is missing. Nothing is allocated, but for what
    /// a preparation makes and a network needs.
    pub fn probability(&self, vector: &[f64]) -> f64 {
        self.raw_and_calibrated(vector).1
    }

    /// The probability as the model itself says it, and the calibrated one.
    pub fn raw_and_calibrated(&self, vector: &[f64]) -> (f64, f64) {
        let raw = match &self.prepared {
            None => self.model.probability(vector),
            Some(prepared) => self.model.probability(&prepared.row(vector)),
        };
        (raw, self.calibration.apply(raw))
    }

    /// The probability of each row of some columns, which lie as in a vector.
    pub fn probabilities(&self, columns: &[Vec<f64>]) -> Vec<f64> {
        let mut probabilities = Vec::with_capacity(columns.first().map_or(0, Vec::len));
        let mut add = |values: &[f64]| probabilities.push(self.calibration.apply(self.model.probability(values)));
        match &self.prepared {
            None => by_rows(columns, &mut add),
            Some(prepared) => by_rows(&prepared.columns(columns), &mut add),
        }
        probabilities
    }

    /// What each number of a vector adds to the model's output, as [`Scorer::contributions`] says; 0 where nothing reads it.
    pub fn contributions(&self, vector: &[f64]) -> Vec<f64> {
        match &self.prepared {
            None => self.model.contributions(vector),
            Some(prepared) => {
                let of_features = prepared.preparation.by_feature(&self.model.contributions(&prepared.row(vector)));
                let mut contributions = vec![0.0; vector.len()];
                prepared.places.iter().zip(of_features).for_each(|(&place, of_feature)| contributions[place] += of_feature);
                contributions
            }
        }
    }
}

impl Prepared {
    fn row(&self, vector: &[f64]) -> Vec<f64> {
        self.preparation.row(&picked(&self.places, vector))
    }

    fn columns(&self, columns: &[Vec<f64>]) -> Vec<Vec<f64>> {
        self.preparation.columns(&self.places.iter().map(|&place| columns[place].clone()).collect::<Vec<_>>())
    }
}

impl Ready {
    fn new(model: &Model, places: Vec<usize>) -> Self {
        let place = |feature: u16| places[usize::from(feature)];
        match model {
            Model::Linear(linear) => Self::Linear(linear.clone(), places),
            Model::Trees(trees) => Self::Trees(CompiledTrees::new(trees, place), Reasons::new(trees, place)),
            Model::Network(network) => Self::Network(network.clone(), places),
        }
    }

    fn probability(&self, values: &[f64]) -> f64 {
        match self {
            Self::Linear(linear, places) => sigmoid(linear.margin_of(|feature| values[places[feature]])),
            Self::Trees(trees, _) => trees.probability(values),
            Self::Network(network, places) => network.probability(&picked(places, values)),
        }
    }

    fn contributions(&self, values: &[f64]) -> Vec<f64> {
        match self {
            Self::Trees(_, reasons) => reasons.contributions(values),
            Self::Linear(linear, places) => {
                let mut contributions = vec![0.0; values.len()];
                for (feature, &place) in places.iter().enumerate() {
                    contributions[place] += linear.contribution(feature, values[place]);
                }
                contributions
            }
            Self::Network(network, places) => {
                let mut contributions = vec![0.0; values.len()];
                let of_features = network.contributions(&picked(places, values));
                places.iter().zip(of_features).for_each(|(&place, of_feature)| contributions[place] += of_feature);
                contributions
            }
        }
    }
}

fn picked(places: &[usize], values: &[f64]) -> Vec<f64> {
    places.iter().map(|&place| values[place]).collect()
}
