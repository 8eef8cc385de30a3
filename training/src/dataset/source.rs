//! Where the events of a dataset come from.

use std::sync::Arc;

use ingest::Duration;
use scoring::Pipeline;

use super::log::LogSource;
use super::warehouse::WarehouseSource;
use super::{Examples, Period, Unlabelled};
use crate::error::Error;
use crate::file::Training;
use crate::files::Files;
use crate::fingerprint::{fingerprint, with_tables};

/// Where events are.
#[derive(Clone)]
pub enum Source {
    /// In files of historical events.
    Files(Files),
    /// In the log of a program that decided them.
    Log(LogSource),
    /// In the warehouse that such a log was projected into.
    Warehouse(WarehouseSource),
}

impl Source {
    /// The examples of a period: those that `[training]` wants. `delay` is how long after an event its label is known. `unlabelled` says what
    /// files' events without a label are; the log and the warehouse know by their maturity. `progress` is told the events read so far.
    pub async fn examples(
        &self,
        pipeline: &Arc<Pipeline>,
        training: &Training,
        period: Period,
        delay: Duration,
        unlabelled: Unlabelled,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Examples, Error> {
        let examples = match self {
            Self::Files(files) => Examples::replay(files, pipeline, period, delay, unlabelled, progress).await?,
            Self::Log(log) => Examples::from_log(log, pipeline, period, delay, progress)?,
            Self::Warehouse(warehouse) => Examples::from_warehouse(warehouse, pipeline, period, delay, progress).await?,
        };
        examples.select(training).await?;
        Ok(examples)
    }

    /// The hash that says what the examples of a period were made of, 64 hexadecimal digits: that of the files, or of the rows that the log
    /// or the warehouse gave, with the tables that SQL in `[training]` may ask.
    pub fn fingerprint(
        &self,
        examples: &Examples,
        pipeline: &Pipeline,
        training: &Training,
        period: Period,
        delay: Duration,
    ) -> Result<String, Error> {
        let rows = match self {
            Self::Files(files) => fingerprint(files, pipeline, period, delay)?,
            Self::Log(_) | Self::Warehouse(_) => examples.fingerprint.clone(),
        };
        with_tables(rows, &training.tables)
    }
}
