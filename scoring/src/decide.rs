//! The decision itself: a plain function from an event, its vector and the champion to what is done. It reads no clock, does no
//! I/O and cannot fail; a model that gives no number is the operator's `on_failure`, said in the record.

use features::Plan;
use ingest::Event;
use ingest::Timestamp;
use ingest::log::Position;

use crate::decision::{Decision, EngineMode, FeatureState, ModelScore, TimingsUs, Verdict};
use crate::model::{Runnable, score};
use crate::pipeline::Pipeline;
use crate::registry::Artifact;

/// The model that decides, with its version in the registry.
#[derive(Clone, Debug)]
pub struct Champion {
    /// Its version.
    pub version: u32,
    /// The artifact.
    pub artifact: Artifact,
    /// The artifact's model made ready for the pipeline's vector.
    runnable: Runnable,
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
            return Ok(Self::ready(artifact, version, &(0..plan.definitions().len()).collect::<Vec<_>>()));
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
        Ok(Self::ready(artifact, version, &places))
    }

    /// `places` says where each of the model's features lies in the pipeline's vector.
    fn ready(artifact: Artifact, version: u32, places: &[usize]) -> Self {
        Self { version, runnable: Runnable::new(&artifact.scorer, places), artifact }
    }

    /// The probability, 0 to 1, that the event of a pipeline's vector is bad; NaN where the model gives no number.
    pub fn probability(&self, vector: &[f64]) -> f64 {
        self.runnable.probability(vector)
    }

    /// The probability of each row of the pipeline's features, a column each.
    pub fn probabilities(&self, columns: &[Vec<f64>]) -> Vec<f64> {
        self.runnable.probabilities(columns)
    }

    /// What each of the pipeline's features added to the model's output.
    fn contributions(&self, vector: &[f64]) -> Vec<f64> {
        self.runnable.contributions(vector)
    }
}

/// An event that wants a decision, with its place in the log and its vector.
#[derive(Clone, Debug)]
pub struct Case {
    /// The event.
    pub event: Event,
    /// Where it lies in the log.
    pub position: Position,
    /// When it came through the door.
    pub received_at: Timestamp,
    /// Its features.
    pub vector: Vec<f64>,
    /// How they came about.
    pub outcome: features::Outcome,
}

/// What the champion says of a case: a probability from 0 to 1, or `None` without a champion or a number.
pub fn probability(case: &Case, champion: Option<&Champion>) -> Option<f64> {
    champion.map(|champion| champion.probability(&case.vector)).filter(|probability| (0.0..=1.0).contains(probability))
}

/// The decision, from what the champion said. Its timings are left at zero for the shell, which has the clock.
pub fn decide(
    case: Case,
    probability: Option<f64>,
    champion: Option<&Champion>,
    pipeline: &Pipeline,
    decided_at: Timestamp,
) -> Decision {
    let score = probability.map(score);
    let verdict = match score {
        Some(score) => pipeline.policy.verdict(score),
        None => pipeline.policy.on_failure.verdict(),
    };
    let scored = champion.zip(probability);
    let reasons = match scored {
        Some((champion, _)) if verdict >= Verdict::Review => {
            pipeline.reasons.strongest(&case.vector, &champion.contributions(&case.vector))
        }
        _ => Vec::new(),
    };
    Decision {
        event_id: case.event.event_id,
        event_position: case.position,
        occurred_at: case.event.occurred_at,
        received_at: case.received_at,
        decided_at,
        amount_minor: case.event.amount.map(ingest::Amount::minor),
        decision: verdict,
        score,
        champion: scored.map(|(champion, probability)| ModelScore {
            name: champion.artifact.about.name.clone(),
            version: champion.version,
            probability,
        }),
        thresholds: pipeline.policy.thresholds(),
        vector: case.vector,
        features_version: pipeline.plan.version().to_owned(),
        reasons,
        engine_mode: if score.is_some() { EngineMode::Normal } else { EngineMode::Degraded },
        timings_us: TimingsUs::default(),
        feature_state: FeatureState::new(case.outcome, &pipeline.plan),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scorer;
    use crate::model::preparation::Filled;
    use crate::model::{Linear, Model, Preparation};
    use crate::registry::Published;

    const PIPELINE: &str = include_str!("../../pipelines/card_fraud_handbook.toml");

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
        let published = Published { at: Timestamp::from_micros(0), by: "tests".to_owned() };
        let artifact = Artifact::foreign("card_fraud", "tests", features.to_vec(), &pipeline.plan, scorer, published);
        let champion = Champion::new(artifact.expect("they are the plan's"), 1, &pipeline.plan).expect("it fits");
        let check = |of_amount: f64, of_late: f64, expect: [f64; 2]| {
            let mut vector = vec![0.0; width];
            (vector[amount], vector[late]) = (of_amount, of_late);
            let contributions = champion.contributions(&vector);
            assert_eq!((contributions.len(), [contributions[amount], contributions[late]]), (width, expect));
            let margin = -1.0 + contributions.iter().sum::<f64>();
            assert!((champion.probability(&vector) - crate::model::sigmoid(margin)).abs() < 1e-12);
        };
        check(8.0, 3.0, [1.0, 1.0 - 1.5]);
        check(1e9, f64::NAN, [24.0, 0.5 + 1.5]);
        check(f64::NAN, -5.0, [-0.5, -0.5 - 1.5]);
    }
}
