//! What a model has learned from, as far as it is known: its own profile in the registry, with the places of its features in the vector.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::drift::Bins;
use scoring::Registry;
use scoring::pipeline::Pipeline;
use scoring::profile::Distribution;
use scoring::registry::Error as RegistryError;

use super::histogram::Histogram;

/// What one model has learned from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reference {
    /// The definitions that the places are of.
    pub features_version: String,
    /// Its features; none for a model that was not trained here.
    pub features: Vec<Feature>,
    /// Its calibrated probability, of rows that it did not learn from; `None` where that is not known.
    pub score: Option<Distribution>,
}

/// A feature of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    /// Where it lies in the vector.
    pub place: usize,
    /// How it was distributed.
    pub distribution: Distribution,
    /// Whether it says only when the event was, so that a day is not like the weeks of training whatever happens.
    pub is_of_the_calendar: bool,
}

/// Where probabilities are cut whose distribution in training is not known.
const CUT: [f64; 7] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5];

impl Reference {
    /// An empty histogram of the probability.
    pub(super) fn score(&self) -> Histogram {
        match &self.score {
            Some(score) => Histogram::like(score),
            None => Histogram::new(Bins::new(CUT.to_vec()).expect("they rise"), None),
        }
    }

    /// Whether a feature says only when the event was.
    pub(crate) fn is_of_the_calendar(&self, feature: &str) -> bool {
        self.features.iter().any(|known| known.is_of_the_calendar && known.distribution.name == feature)
    }

    /// How often each bin of a feature was filled in training, the missing bin last; `None` where that is not known.
    pub fn counts(&self, feature: &str) -> Option<Vec<u64>> {
        self.features.iter().find(|known| known.distribution.name == feature).map(|known| counts(&known.distribution))
    }
}

/// Rows by bin, the missing ones last.
pub(crate) fn counts(distribution: &Distribution) -> Vec<u64> {
    distribution.counts.iter().copied().chain([distribution.missing]).collect()
}

/// The references of all models that come up, read once.
pub struct References {
    registry: Arc<dyn Registry>,
    pipeline: Arc<Pipeline>,
    known: BTreeMap<(String, u32), Arc<Reference>>,
}

impl References {
    /// Of a registry's models, with the places of their features in a pipeline's vector.
    pub fn new(registry: Arc<dyn Registry>, pipeline: Arc<Pipeline>) -> Self {
        Self { registry, pipeline, known: BTreeMap::new() }
    }

    /// What a model has learned from. A version that the registry does not have any more is one of which nothing is known.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn of(&mut self, model: Option<&(String, u32)>) -> Result<Arc<Reference>, RegistryError> {
        let features_version = self.pipeline.plan.version().to_owned();
        let nothing = Reference { features_version, ..Reference::default() };
        let Some((name, version)) = model else { return Ok(Arc::new(nothing)) };
        if let Some(known) = self.known.get(&(name.clone(), *version)) {
            return Ok(Arc::clone(known));
        }
        let reference = match self.registry.load(name, *version) {
            Ok(artifact) => {
                let feature = |distribution: Distribution| {
                    let place = self.pipeline.plan.feature(&distribution.name)?;
                    let is_of_the_calendar = self.pipeline.plan.is_of_the_calendar(place);
                    Some(Feature { place, distribution, is_of_the_calendar })
                };
                let features = artifact.profile.features.into_iter().filter_map(feature).collect();
                Reference { features, score: artifact.profile.score, ..nothing }
            }
            Err(RegistryError::NotFound { .. }) => nothing,
            Err(error) => return Err(error),
        };
        Ok(Arc::clone(self.known.entry((name.clone(), *version)).or_insert(Arc::new(reference))))
    }
}
