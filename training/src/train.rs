//! Training as a whole: a dataset, every learner fitted and evaluated on the same rows, and an artifact of each.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::Instant;

use ingest::decode::Rejected;
use ingest::{Duration, Timestamp};
use scoring::registry::ARTIFACT_FORMAT;
use scoring::{Artifact, Pipeline};

use crate::dataset::{Examples, Split};
use crate::error::Error;
use crate::learners::{Learner, Settings};
use crate::metrics::Metrics;

/// What is trained on what.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The historical events: Parquet or CSV.
    pub data: &'a Path,
    /// The pipeline that the models are for.
    pub pipeline: &'a Pipeline,
    /// What is learned from and what is tested on.
    pub split: Split,
    /// How long after an event its label is known.
    pub delay: Duration,
    /// What learns.
    pub learners: &'a [Learner],
    /// How it learns.
    pub settings: &'a Settings,
    /// Equal seeds give equal models.
    pub seed: u64,
    /// The time that the artifacts are given.
    pub now: Timestamp,
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

/// The models in the order of the learners, and the rows of the file that are no events.
pub async fn train(request: Request<'_>, progress: &mut dyn FnMut(Progress)) -> Result<(Vec<Trained>, Vec<Rejected>), Error> {
    let Request { data, pipeline, split, delay, learners, settings, seed, now } = request;
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let examples =
        Examples::replay(data, pipeline, split.whole(), delay, &mut |events| progress(Progress::Events(events))).await?;
    let (train, test) = examples.split(&split).await?;
    progress(Progress::Dataset { train: train.matrix.rows(), test: test.matrix.rows() });
    let mut trained = Vec::new();
    for learner in learners {
        progress(Progress::Fitting(*learner));
        let started = Instant::now();
        let model = learner
            .fit(&train.matrix, settings, seed, threads)
            .map_err(|source| Error::Learner { learner: learner.name(), source })?;
        let fit_seconds = started.elapsed().as_secs_f64();
        let metrics = test.judge(&model);
        let artifact = Artifact {
            format: ARTIFACT_FORMAT,
            name: pipeline.model.name.clone(),
            learner: learner.name().to_owned(),
            trained_at: now,
            features_version: pipeline.plan.version().to_owned(),
            features: train.matrix.names().to_vec(),
            feature_versions: pipeline.plan.definitions().iter().map(|definition| definition.version.clone()).collect(),
            trained_on: (split.train.from, split.train.until),
            rows: train.matrix.rows() as u64,
            bad_rows: train.matrix.bad() as u64,
            metrics: named(metrics),
            model,
        };
        trained.push(Trained { learner: *learner, artifact, metrics, fit_seconds });
    }
    Ok((trained, examples.rejected))
}

fn named(metrics: Metrics) -> BTreeMap<String, f64> {
    let all = [
        ("auc", metrics.auc),
        ("average_precision", metrics.average_precision),
        ("card_precision_100", metrics.card_precision_100),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
