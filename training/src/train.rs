//! Training as a whole: a dataset, every learner fitted and evaluated on the same rows, and an artifact of each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use ingest::Duration;
use scoring::model::Calibration;
use scoring::profile::{Distribution, Profile};
use scoring::registry::{ARTIFACT_FORMAT, About, PROGRAM, Published};
use scoring::{Artifact, Pipeline, Scorer};

use crate::dataset::log::Passed;
use crate::dataset::{Rows, Source, Split, Unlabelled};
use crate::error::Error;
use crate::file::Training;
use crate::history::SetAside;
use crate::learners::{self, Learner};
use crate::{calibrate, card, leaks};
use evaluation::metrics::Metrics;

/// What came of training.
pub struct Done {
    /// The models in the order of the learners.
    pub trained: Vec<Trained>,
    /// Rows of the files that are no events.
    pub rejected: Vec<SetAside>,
    /// What was passed over in the log.
    pub passed: Passed,
    /// The rows that the models were tested on.
    pub test: Rows,
}

/// What is trained on what.
#[derive(Clone)]
pub struct Request<'a> {
    /// Where the events are.
    pub data: &'a Source,
    /// The pipeline that the models are for.
    pub pipeline: &'a Arc<Pipeline>,
    /// What is learned from and what is tested on.
    pub split: Split,
    /// How long after an event its label is known.
    pub delay: Duration,
    /// What learns.
    pub learners: &'a [Learner],
    /// How it learns.
    pub training: &'a Training,
    /// From fewer bad rows nothing is learned.
    pub least_bad_rows: u64,
    /// On how many threads; the models are the same on any number.
    pub threads: usize,
    /// Equal seeds give equal models.
    pub seed: u64,
    /// When the artifacts come to be, and through whom.
    pub published: Published,
}

/// A model that was fitted, with what was measured of it.
#[derive(Clone, Debug)]
pub struct Trained {
    /// What learned it.
    pub learner: Learner,
    /// The model with all that scoring needs.
    pub artifact: Artifact,
    /// On the test rows.
    pub metrics: Metrics,
    /// How long fitting took.
    pub fit_seconds: f64,
}

/// What training tells while it runs.
pub enum Progress {
    /// Events read so far.
    Events(u64),
    /// The dataset is there: rows learned from, rows tested on.
    Dataset {
        /// Rows learned from.
        train: usize,
        /// Rows tested on.
        test: usize,
    },
    /// A learner begins.
    Fitting(Learner),
}

/// Reads the events, lets every learner learn, and measures what came of it.
pub async fn train(request: Request<'_>, progress: &mut dyn FnMut(Progress)) -> Result<Done, Error> {
    let Request { data, pipeline, split, delay, .. } = request;
    let unlabelled = match request.learners.iter().any(|learner| learner.is_supervised()) {
        true => Unlabelled::LeftOut,
        false => Unlabelled::Good,
    };
    let read = &mut |events| progress(Progress::Events(events));
    let examples = data.examples(pipeline, request.training, split.whole(), delay, unlabelled, read).await?;
    let dataset = data.fingerprint(&examples, pipeline, request.training, split.whole(), delay)?;
    let (train, test) = examples.split(&split).await?;
    // Of few bad rows almost any feature seems to know the label.
    if unlabelled == Unlabelled::LeftOut && (train.matrix.bad() as u64) < request.least_bad_rows {
        return Err(Error::FewBadRows { bad: train.matrix.bad() as u64, wanted: request.least_bad_rows });
    }
    let leaks = leaks::leaks(&train.matrix, Some(&train.days), &leaks::Settings::default());
    if let Some(leaks) = leaks::refused(&leaks, &request.training.allowed_leaks) {
        return Err(Error::Leaks { leaks });
    }
    let share = request.training.settings.sample_good;
    let (train, dataset) = (train.sampled(share, request.seed), share.fingerprint(dataset, request.seed));
    progress(Progress::Dataset { train: train.matrix.rows(), test: test.matrix.rows() });
    let parts = Parts { request: &request, dataset, train, test };
    let mut trained = Vec::new();
    for learner in request.learners {
        progress(Progress::Fitting(*learner));
        let one = parts.learn(*learner).map_err(|source| Error::Learner { learner: learner.name(), source })?;
        trained.push(one);
    }
    Ok(Done { trained, rejected: examples.rejected, passed: examples.passed, test: parts.test })
}

/// What every learner gets.
struct Parts<'a> {
    request: &'a Request<'a>,
    dataset: String,
    train: Rows,
    test: Rows,
}

impl Parts<'_> {
    fn learn(&self, learner: Learner) -> Result<Trained, learners::Error> {
        let Request { training, seed, threads, .. } = *self.request;
        let (settings, matrix) = (&training.settings, &self.train.matrix);
        let started = Instant::now();
        let learned = learner.learn(matrix, settings, seed, threads)?;
        let fit_seconds = started.elapsed().as_secs_f64();
        let plain = match learner.is_supervised() {
            true => calibrate::without_weight(settings.bad_weight.times(matrix)),
            false => Calibration::Identity,
        };
        let calibration = match learner {
            // Its probability is what its points add up to; nothing stands between them.
            Learner::Scorecard => plain.clone(),
            _ => {
                let folds = self.train.folds();
                let held = calibrate::out_of_fold(learner, matrix, &folds, settings, seed, threads)?;
                held.map_or_else(
                    || plain.clone(),
                    |held| calibrate::choose(&held, matrix.labels(), matrix.weights(), &folds, &plain),
                )
            }
        };
        if learner == Learner::Svm && calibration == plain {
            return Err(learners::Error::Uncalibrated { learner: learner.name() });
        }
        let distribution = |name: &str, values: &[f64]| Distribution::weighted(name, values, matrix.weights());
        let features = matrix.names().iter().zip(matrix.columns()).map(|(name, column)| distribution(name, column)).collect();
        let scorer = Scorer { calibration, ..learned };
        let scorer = if learner == Learner::Scorecard { calibrate::folded(scorer) } else { scorer };
        // Of this very model, and of rows that it has not learned from: of those it did it is surer, and models of folds speak in another way.
        let unseen = scorer.probabilities(self.test.matrix.columns());
        let score = (!unseen.is_empty()).then(|| Distribution::new("probability", &unseen));
        let profile = Profile { features, score };
        let metrics = self.test.metrics(&unseen);
        let about = self.about(learner, metrics);
        let card = card::write(&about, &profile, &scorer, &self.request.split, &training.card, &self.request.published.by);
        let artifact = Artifact { about, scorer, profile, card, published: self.request.published.clone() };
        Ok(Trained { learner, artifact, metrics, fit_seconds })
    }

    fn about(&self, learner: Learner, metrics: Metrics) -> About {
        let Request { pipeline, split, training, seed, delay, .. } = self.request;
        About {
            format: ARTIFACT_FORMAT,
            name: pipeline.model.name.clone(),
            learner: learner.name().to_owned(),
            settings: training.settings.of(learner, *seed, training.condition.as_ref().map(|sql| sql.text.as_str())),
            features_version: pipeline.plan.version().to_owned(),
            features: self.train.matrix.names().to_vec(),
            feature_versions: pipeline.plan.definitions().iter().map(|definition| definition.version.clone()).collect(),
            trained_on: (split.train.from, split.train.until),
            label_delay: Some(*delay),
            dataset: self.dataset.clone(),
            rows: self.train.matrix.rows() as u64,
            bad_rows: self.train.matrix.bad() as u64,
            metrics: named(metrics),
            program: PROGRAM.to_owned(),
            scale: pipeline.credit,
        }
    }
}

fn named(metrics: Metrics) -> BTreeMap<String, f64> {
    let all = [
        ("auc", metrics.auc),
        ("average_precision", metrics.average_precision),
        ("card_precision_100", metrics.card_precision_100),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
