//! Where the events of a dataset come from.

use std::path::PathBuf;
use std::sync::Arc;

use ingest::Duration;
use scoring::Pipeline;

use super::log::LogSource;
use super::{Examples, Period};
use crate::error::Error;
use crate::file::Training;
use crate::fingerprint::fingerprint;

/// Where events are.
#[derive(Clone)]
pub enum Source {
    /// In a file of historical events: Parquet or CSV.
    File(PathBuf),
    /// In the log of a program that decided them.
    Log(LogSource),
}

impl Source {
    /// The examples of a period: those that `[training]` wants. `delay` is how long after an event its label is known. `progress` is told
    /// the events read so far.
    pub async fn examples(
        &self,
        pipeline: &Arc<Pipeline>,
        training: &Training,
        period: Period,
        delay: Duration,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Examples, Error> {
        let examples = match self {
            Self::File(path) => Examples::replay(path, pipeline, period, delay, progress).await?,
            Self::Log(log) => Examples::from_log(log, pipeline, period, delay, progress)?,
        };
        if let Some(condition) = &training.condition {
            examples.keep_only(condition).await?;
        }
        Ok(examples)
    }

    /// The hash that says what the examples of a period were made of, 64 hexadecimal digits: that of the file, or of the rows that the log
    /// gave.
    pub fn fingerprint(
        &self,
        examples: &Examples,
        pipeline: &Pipeline,
        period: Period,
        delay: Duration,
    ) -> Result<String, Error> {
        match self {
            Self::File(path) => fingerprint(path, pipeline, period, delay),
            Self::Log(_) => Ok(examples.fingerprint.clone()),
        }
    }
}
