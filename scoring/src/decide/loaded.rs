use std::sync::Arc;

use features::Plan;

use super::tally::{Figures, Tally};
use crate::decision::{Decision, Verdict};
use crate::error::Error;
use crate::model::{Runnable, Scale};
use crate::pipeline::Pipeline;
use crate::registry::{Artifact, Registry};

/// A version of a model, made ready to score the events of a pipeline; a champion, a challenger or one that is tried.
#[derive(Clone, Debug)]
pub struct LoadedModel {
    /// Its version.
    pub version: u32,
    /// The artifact.
    pub artifact: Artifact,
    /// The artifact's model made ready for the pipeline's vector.
    runnable: Runnable,
    /// What each of the pipeline's features usually is; NaN where that is not known.
    usual: Vec<f64>,
    /// What it has decided.
    tally: Arc<Tally>,
}

/// Why a model cannot score a pipeline's events.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Mismatch {
    /// It reads other features.
    #[error(
        "model {name} {version} was trained on features {trained}, the pipeline has {present}{missing}: train it again, or use the pipeline that it was trained with"
    )]
    Features {
        /// The model.
        name: String,
        /// Its version.
        version: u32,
        /// The definitions that it was trained on.
        trained: String,
        /// The definitions of the pipeline.
        present: String,
        /// Which feature is not there, as words to go on with; empty where that is not known.
        missing: String,
    },
    /// Its points mean something else.
    #[error(
        "the points of model {name} {version} are {trained:?}, those of [credit] are {present:?}: train it again, or leave [credit] as it was"
    )]
    Scale {
        /// The model.
        name: String,
        /// Its version.
        version: u32,
        /// The points that it was trained for.
        trained: Scale,
        /// The points of the pipeline.
        present: Scale,
    },
    /// What its features add is no part of log-odds, and so of no points.
    #[error(
        "model {name} {version} does not add up log-odds, so that no reason of a credit decision could be told in points: take another learner"
    )]
    NoPoints {
        /// The model.
        name: String,
        /// Its version.
        version: u32,
    },
}

impl LoadedModel {
    /// Refuses an artifact that reads features which the pipeline has not, or defines in another way. Features that the pipeline has
    /// beside them do no harm: they can be warmed while a model that does not know them decides. A pipeline that tells points refuses
    /// one whose points mean something else, and one that has none.
    pub fn new(artifact: Artifact, version: u32, pipeline: &Pipeline) -> Result<Self, Mismatch> {
        let plan = &*pipeline.plan;
        let name = || artifact.about.name.clone();
        if let Some(present) = pipeline.credit {
            if !artifact.has_points() {
                return Err(Mismatch::NoPoints { name: name(), version });
            }
            if let Some(trained) = artifact.about.scale.filter(|trained| *trained != present) {
                return Err(Mismatch::Scale { name: name(), version, trained, present });
            }
        }
        let same = artifact.about.features_version == plan.version()
            && artifact.about.features.iter().eq(plan.definitions().iter().map(|definition| &definition.name));
        if same {
            return Ok(Self::ready(artifact, version, plan, &(0..plan.definitions().len()).collect::<Vec<_>>()));
        }
        let mismatch = |artifact: &Artifact, missing: String| Mismatch::Features {
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
        Ok(Self::ready(artifact, version, plan, &places))
    }

    /// The same, of a version as the registry has it.
    pub fn load(registry: &dyn Registry, name: &str, version: u32, pipeline: &Pipeline) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self::new(registry.load(name, version)?, version, pipeline)?))
    }

    /// `places` says where each of the model's features lies in the pipeline's vector.
    fn ready(artifact: Artifact, version: u32, plan: &Plan, places: &[usize]) -> Self {
        Self {
            version,
            runnable: Runnable::new(&artifact.scorer, places),
            usual: usual(&artifact, plan),
            artifact,
            tally: Arc::default(),
        }
    }

    /// Counts a decision about an event that was this model's to score.
    pub(crate) fn count(&self, decision: &Decision) {
        self.tally.count(decision.decision == Verdict::Approve, decision.degradation.is_some(), decision.timings_us.total());
    }

    /// What it has decided since it was loaded.
    pub fn figures(&self) -> Figures {
        self.tally.figures()
    }

    /// The probability, 0 to 1, that the event of a pipeline's vector is bad; NaN where the model gives no number.
    pub fn probability(&self, vector: &[f64]) -> f64 {
        self.runnable.probability(vector)
    }

    /// The probability before calibration and after it.
    pub fn probabilities_of(&self, vector: &[f64]) -> (f64, f64) {
        self.runnable.raw_and_calibrated(vector)
    }

    /// What each of the pipeline's features usually is, in its order: the mean over the rows that were learned from, NaN where that is
    /// not known.
    pub fn usual(&self) -> &[f64] {
        &self.usual
    }

    /// The probability of each row of the pipeline's features, a column each.
    pub fn probabilities(&self, columns: &[Vec<f64>]) -> Vec<f64> {
        self.runnable.probabilities(columns)
    }

    /// What each of the pipeline's features added to the model's output.
    pub fn contributions(&self, vector: &[f64]) -> Vec<f64> {
        self.runnable.contributions(vector)
    }
}

fn usual(artifact: &Artifact, plan: &Plan) -> Vec<f64> {
    let mean =
        |name: &String| artifact.profile.features.iter().find(|known| known.name == *name).map_or(f64::NAN, |known| known.mean);
    plan.definitions().iter().map(|definition| mean(&definition.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::preparation::Filled;
    use crate::model::trees::{Combine, Node, Trees};
    use crate::model::{Linear, Model, Network, Preparation};
    use crate::registry::{Published, SVM};
    use crate::{Pipeline, Scorer};

    const PIPELINE: &str = include_str!("../../../pipelines/card_fraud_handbook.toml");

    #[test]
    fn reasons_are_of_the_pipelines_features_whatever_the_model_reads() {
        let pipeline = Pipeline::parse(PIPELINE, "p.toml").expect("it ships with the program");
        let width = pipeline.plan.width();
        // Two features of the pipeline, the later one first; of that one a flag is read, too.
        let (amount, late) = (0, width - 1);
        let features = [late, amount].map(|place| pipeline.plan.definitions()[place].name.clone());
        let filled = |flag| Filled { median: 2.0, range: (0.0, 100.0), flag };
        let scorer = Scorer {
            preparation: Some(Preparation::Linear(vec![filled(true), filled(false)])),
            ..Scorer::plain(Model::Linear(Linear {
                intercept: -1.0,
                weights: vec![0.5, 3.0, 0.25],
                means: vec![1.0, 0.5, 4.0],
                deviations: vec![1.0; 3],
            }))
        };
        assert_eq!(scorer.check(), Ok(()));
        let published = Published { at: ingest::Timestamp::from_micros(0), by: "tests".to_owned() };
        let artifact = Artifact::foreign("card_fraud", "tests", features.to_vec(), &pipeline.plan, scorer, published);
        let model = LoadedModel::new(artifact.expect("they are the plan's"), 1, &pipeline).expect("it fits");
        let check = |of_amount: f64, of_late: f64, expect: [f64; 2]| {
            let mut vector = vec![0.0; width];
            (vector[amount], vector[late]) = (of_amount, of_late);
            let contributions = model.contributions(&vector);
            assert_eq!((contributions.len(), [contributions[amount], contributions[late]]), (width, expect));
            let margin = -1.0 + contributions.iter().sum::<f64>();
            assert!((model.probability(&vector) - crate::model::sigmoid(margin)).abs() < 1e-12);
        };
        check(8.0, 3.0, [1.0, 1.0 - 1.5]);
        check(1e9, f64::NAN, [24.0, 0.5 + 1.5]);
        check(f64::NAN, -5.0, [-0.5, -0.5 - 1.5]);
    }

    #[test]
    fn what_adds_up_no_log_odds_has_no_points() {
        let pipeline =
            Pipeline::parse(include_str!("../../../pipelines/credit.toml"), "p.toml").expect("it ships with the program");
        let feature = pipeline.plan.definitions()[0].name.clone();
        let leaf = |combine| Trees { width: 1, combine, base: 0.0, roots: vec![0], nodes: vec![Node::leaf(0, 0.2, 1.0)] };
        let linear = || Model::Linear(Linear { intercept: -2.0, weights: vec![1.0], means: vec![0.0], deviations: vec![1.0] });
        let check = |learner: &str, model: Model, expect: Result<(), Mismatch>| {
            let published = Published { at: ingest::Timestamp::from_micros(0), by: "tests".to_owned() };
            let scorer = Scorer::plain(model);
            let artifact = Artifact::foreign("credit", learner, vec![feature.clone()], &pipeline.plan, scorer, published);
            let model = LoadedModel::new(artifact.expect("they are the plan's"), 1, &pipeline);
            assert_eq!(model.map(drop), expect, "{learner}");
        };
        let refused = || Err(Mismatch::NoPoints { name: "credit".to_owned(), version: 1 });
        check("forest", Model::Trees(leaf(Combine::Mean)), refused());
        check("boosting", Model::Trees(leaf(Combine::LogisticSum)), Ok(()));
        check("logistic", linear(), Ok(()));
        check(SVM, linear(), refused());
        check("onnx", Model::Network(Network::new(Vec::new(), "y".to_owned(), 1)), refused());
    }
}
