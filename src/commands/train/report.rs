//! What was trained, judged on the test days as `riskflow evaluate` judges: a report that waits beside the candidate.

use std::path::Path;

use anyhow::Context;
use scoring::{Champion, Pipeline};
use training::dataset::Rows;
use training::evaluation::report::About;
use training::{Trained, Training};

use super::Args;
use crate::commands::evaluate::{self, How};

/// How many events people look at in a day, where nobody says: as `riskflow evaluate` takes it.
const CAPACITY: usize = 100;

/// What every report of a training has in common.
pub(super) struct Report<'a> {
    pub(super) args: &'a Args,
    pub(super) pipeline: &'a Pipeline,
    pub(super) training: &'a Training,
    /// What was tested on.
    pub(super) rows: &'a Rows,
}

impl Report<'_> {
    /// Writes the evaluation of a version into `folder`, in a folder of its own.
    pub(super) fn write(&self, trained: &Trained, version: u32, folder: &Path) -> anyhow::Result<()> {
        let Self { args, pipeline, training, rows } = self;
        let model = Champion::new(trained.artifact.clone(), version, &pipeline.plan)?;
        let how = How { capacity: CAPACITY, seed: args.seed, threads: args.threads.unwrap_or_else(crate::commands::cores) };
        let evaluation = evaluate::judge(&how, pipeline, training, rows, &model, None)?;
        let file = args.data.as_deref().and_then(Path::file_name);
        let about = About {
            model: pipeline.model.name.clone(),
            version: version.to_string(),
            learner: trained.learner.name().to_owned(),
            data: file.map_or_else(|| "the log".to_owned(), |name| name.to_string_lossy().into_owned()),
            period: format!("{} to {}", args.test.from.date(), args.test.until.date()),
            currency: evaluate::currency(pipeline),
            ..About::default()
        };
        let out = folder.join(format!("{}-{version}", pipeline.model.name));
        std::fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
        evaluate::write(&out, &evaluation, &about)
    }
}
