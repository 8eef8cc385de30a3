//! What was trained, judged on the test days as `riskflow evaluate` judges: a report that waits beside the candidate.

use std::path::Path;

use anyhow::Context;
use scoring::LoadedModel;
use training::Trained;
use training::dataset::Rows;
use training::report::About;

use super::Args;
use crate::commands::evaluate::{self, How};
use crate::commands::history::History;

/// How many events people look at in a day, where nobody says: as `riskflow evaluate` takes it.
const CAPACITY: usize = 100;

/// What every report of a training has in common.
pub(super) struct Report<'a> {
    pub(super) args: &'a Args,
    pub(super) history: &'a History,
    /// What was tested on.
    pub(super) rows: &'a Rows,
}

impl Report<'_> {
    /// Writes the evaluation of a version into `folder`, in a folder of its own.
    pub(super) fn write(&self, trained: &Trained, version: u32, folder: &Path) -> anyhow::Result<()> {
        let Self { args, history, rows } = self;
        let pipeline = &*history.pipeline;
        let model = LoadedModel::new(trained.artifact.clone(), version, pipeline)?;
        let how = How { capacity: CAPACITY, seed: args.seed, threads: args.threads.unwrap_or_else(crate::commands::cores) };
        let evaluation = evaluate::judge(&how, pipeline, &history.training, rows, &model, None)?;
        let about = About {
            model: pipeline.model.name.clone(),
            version: version.to_string(),
            learner: trained.learner.name().to_owned(),
            data: history.name.clone(),
            period: format!("{} to {}", args.test.from.date(), args.test.until.date()),
            currency: evaluate::currency(pipeline),
            other_currency: evaluate::other_currency(rows),
            ..About::default()
        };
        let out = folder.join(format!("{}-{version}", pipeline.model.name));
        std::fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
        evaluate::write(&out, &evaluation, &about)
    }
}
