//! Which files of a warehouse count, by its layout: `<table>/day=<date>/part-<first>-<last>.parquet`, where the numbers are positions of
//! the log, and `checkpoint.json`, which says how far the tables are complete.

use std::cmp::Reverse;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use ingest::Timestamp;
use serde::Deserialize;

use crate::error::Error;

/// A table of the warehouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Decisions,
    Labels,
    Events,
}

impl Table {
    pub(super) const ALL: [Self; 3] = [Self::Decisions, Self::Labels, Self::Events];

    /// Its name in SQL and on disk.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Decisions => "decisions",
            Self::Labels => "labels",
            Self::Events => "events",
        }
    }

    /// The columns that training asks for, for a table that has no rows yet.
    pub(super) fn columns(self) -> SchemaRef {
        let column = |name: &str, kind: DataType| Field::new(name, kind, true);
        let time = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let map = || {
            let entry = vec![Field::new("keys", DataType::Utf8, false), Field::new("values", DataType::Utf8, true)];
            DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry.into()), false)), false)
        };
        let columns = match self {
            Self::Decisions => vec![
                column("event_position", DataType::UInt64),
                column("event_id", DataType::Utf8View),
                column("occurred_at", time()),
                column("features_version", DataType::Utf8View),
                column("vector", DataType::List(Arc::new(Field::new("item", DataType::Float64, true)))),
            ],
            Self::Labels => vec![
                column("log_position", DataType::UInt64),
                column("event_id", DataType::Utf8View),
                column("label", DataType::Utf8View),
                column("observed_at", time()),
                column("standing", DataType::Decimal128(38, 0)),
            ],
            Self::Events => vec![
                column("log_position", DataType::UInt64),
                column("amount_minor", DataType::Int64),
                column("currency", DataType::Utf8View),
                column("entities", map()),
                column("attributes", map()),
            ],
        };
        Arc::new(Schema::new(columns))
    }
}

/// The files that count at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parts(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    table: &'static str,
    day: i64,
    path: PathBuf,
}

/// What is read of a checkpoint.
#[derive(Deserialize, PartialEq)]
struct Checkpoint {
    version: u64,
    reached: u64,
}

/// The newest version of the tables that is read; what training asks for has been in all of them.
const NEWEST: u64 = 3;

/// So often the folders are listed until nobody writes meanwhile.
const ATTEMPTS: usize = 10;

impl Parts {
    /// Lists the folders of a warehouse.
    pub(super) fn find(folder: &Path) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Warehouse { path: folder.display().to_string(), reason };
        for _ in 0..ATTEMPTS {
            let checkpoint = checkpoint(folder).map_err(wrong)?;
            let parts = list(folder, checkpoint.reached);
            // The same checkpoint before and after: all that counted by it was there in between.
            if self::checkpoint(folder).map_err(wrong)? == checkpoint {
                return parts.map_err(|error| wrong(error.to_string()));
            }
        }
        Err(wrong("it changes faster than it can be listed".to_owned()))
    }

    /// The files of a table, of some days only where they are given.
    pub(super) fn of(&self, table: Table, days: Option<&RangeInclusive<i64>>) -> Vec<String> {
        let wanted = |part: &&Part| part.table == table.name() && days.is_none_or(|days| days.contains(&part.day));
        self.0.iter().filter(wanted).map(|part| part.path.display().to_string()).collect()
    }
}

fn checkpoint(folder: &Path) -> Result<Checkpoint, String> {
    let text = fs::read(folder.join("checkpoint.json")).map_err(|error| format!("checkpoint.json: {error}"))?;
    let checkpoint: Checkpoint = serde_json::from_slice(&text).map_err(|error| format!("checkpoint.json: {error}"))?;
    match checkpoint.version {
        1..=NEWEST => Ok(checkpoint),
        version => Err(format!("its tables have version {version}, this program reads up to {NEWEST}")),
    }
}

fn list(folder: &Path, reached: u64) -> std::io::Result<Parts> {
    let mut parts = Vec::new();
    for table in Table::ALL.map(Table::name) {
        let at = folder.join(table);
        if !at.exists() {
            continue;
        }
        let mut days: Vec<(i64, PathBuf)> = entries(&at)?.filter_map(|(name, path)| Some((day_of(&name)?, path))).collect();
        days.sort();
        for (day, at) in days {
            let mut found: Vec<(u64, Reverse<u64>, PathBuf)> = entries(&at)?
                .filter_map(|(name, path)| range_of(&name).map(|(first, last)| (first, Reverse(last), path)))
                // One that reaches to the checkpoint or beyond was not finished.
                .filter(|(_, Reverse(last), _)| *last < reached)
                .collect();
            found.sort();
            let mut until = None;
            for (_, Reverse(last), path) in found {
                // One that lies within another was merged into it.
                if until.is_none_or(|until| last > until) {
                    until = Some(last);
                    parts.push(Part { table, day, path });
                }
            }
        }
    }
    Ok(Parts(parts))
}

fn entries(folder: &Path) -> std::io::Result<impl Iterator<Item = (String, PathBuf)>> {
    let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    Ok(entries.into_iter().map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path())))
}

/// `day=2018-08-01`, as a number of days since 1970-01-01.
fn day_of(name: &str) -> Option<i64> {
    let time: Timestamp = name.strip_prefix("day=")?.parse().ok()?;
    Some(time.day())
}

/// `part-<first>-<last>.parquet`
fn range_of(name: &str) -> Option<(u64, u64)> {
    let (first, last) = name.strip_prefix("part-")?.strip_suffix(".parquet")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}
