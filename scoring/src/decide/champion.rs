use std::borrow::Cow;

use features::Plan;

use crate::model::Scorer;
use crate::registry::Artifact;

/// The model that decides, with its version in the registry.
#[derive(Clone, Debug)]
pub struct Champion {
    /// Its version.
    pub version: u32,
    /// The artifact.
    pub artifact: Artifact,
    /// Where each of the model's features lies in the pipeline's vector; `None` when both are the same.
    places: Option<Vec<usize>>,
    /// What each of the pipeline's features usually is; NaN where that is not known.
    usual: Vec<f64>,
}

/// Why a model cannot score a pipeline's events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "model {name} {version} was trained on features {trained}, the pipeline has {present}{missing}: train it again, or use the pipeline that it was trained with"
)]
pub struct Mismatch {
    name: String,
    version: u32,
    trained: String,
    present: String,
    missing: String,
}

impl Champion {
    /// Refuses an artifact that reads features which the pipeline has not, or defines in another way. Features that the pipeline has
    /// beside them do no harm: they can be warmed while a model that does not know them decides.
    pub fn new(artifact: Artifact, version: u32, plan: &Plan) -> Result<Self, Mismatch> {
        let same = artifact.about.features_version == plan.version()
            && artifact.about.features.iter().eq(plan.definitions().iter().map(|definition| &definition.name));
        if same {
            let usual = usual(&artifact, plan);
            return Ok(Self { version, artifact, places: None, usual });
        }
        let mismatch = |artifact: &Artifact, missing: String| Mismatch {
            name: artifact.about.name.clone(),
            version,
            trained: artifact.about.features_version.clone(),
            present: plan.version().to_owned(),
            missing,
        };
        if artifact.about.feature_versions.is_empty() {
            return Err(mismatch(&artifact, String::new()));
        }
        let mut places = Vec::new();
        for (name, version) in artifact.about.features.iter().zip(&artifact.about.feature_versions) {
            let place = plan.feature(name).filter(|place| plan.definitions()[*place].version == *version);
            let Some(place) = place else {
                return Err(mismatch(&artifact, format!(" and lacks {name} as it was then")));
            };
            places.push(place);
        }
        let usual = usual(&artifact, plan);
        Ok(Self { version, artifact, places: Some(places), usual })
    }

    /// The probability, 0 to 1, that the event of a pipeline's vector is bad; NaN where the model gives no number.
    pub fn probability(&self, vector: &[f64]) -> f64 {
        self.artifact.scorer.probability(&self.values(vector))
    }

    /// The probability before calibration and after it.
    pub fn probabilities_of(&self, vector: &[f64]) -> (f64, f64) {
        let Scorer { model, calibration } = &self.artifact.scorer;
        let raw = model.probability(&self.values(vector));
        (raw, calibration.apply(raw))
    }

    /// What each of the pipeline's features usually is, in its order: the mean over the rows that were learned from, NaN where that is
    /// not known.
    pub fn usual(&self) -> &[f64] {
        &self.usual
    }

    /// The probability of each row of the pipeline's features, a column each.
    pub fn probabilities(&self, columns: &[Vec<f64>]) -> Vec<f64> {
        match &self.places {
            None => self.artifact.scorer.probabilities(columns),
            Some(places) => {
                let read: Vec<Vec<f64>> = places.iter().map(|place| columns[*place].clone()).collect();
                self.artifact.scorer.probabilities(&read)
            }
        }
    }

    /// What the model reads of the pipeline's vector.
    fn values<'a>(&self, vector: &'a [f64]) -> Cow<'a, [f64]> {
        match &self.places {
            None => Cow::Borrowed(vector),
            Some(places) => places.iter().map(|place| vector[*place]).collect(),
        }
    }

    /// What each of the pipeline's features added to the model's output.
    pub fn contributions(&self, vector: &[f64]) -> Vec<f64> {
        let contributions = self.artifact.scorer.model.contributions(&self.values(vector));
        let Some(places) = &self.places else { return contributions };
        let mut all = vec![0.0; vector.len()];
        for (place, contribution) in places.iter().zip(contributions) {
            all[*place] = contribution;
        }
        all
    }
}

fn usual(artifact: &Artifact, plan: &Plan) -> Vec<f64> {
    let mean =
        |name: &String| artifact.profile.features.iter().find(|known| known.name == *name).map_or(f64::NAN, |known| known.mean);
    plan.definitions().iter().map(|definition| mean(&definition.name)).collect()
}
