//! What is seen of drift, out of the warehouse: profiles are read, and held against what each has to be held against.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use ingest::{Duration, Timestamp};
use scoring::{Pipeline, Registry};

use crate::drift::{Against, Asked, Moved, length, moved, window_start};
use crate::error::Error;
use crate::file::Monitoring;
use crate::points;
use crate::profile::{Hour, ProfilePoint, Reference, References};
use crate::questions::Days;
use crate::tables::Window;
use crate::warehouse::Warehouse;

/// The warehouse with what its decisions are held against.
pub struct Watch {
    warehouse: Arc<dyn Warehouse>,
    references: Mutex<References>,
    pipeline: Arc<Pipeline>,
    monitoring: Monitoring,
}

impl Watch {
    /// Of a warehouse, with the models of a registry as they read a pipeline's vectors.
    pub fn new(
        warehouse: Arc<dyn Warehouse>,
        registry: Arc<dyn Registry>,
        pipeline: Arc<Pipeline>,
        monitoring: Monitoring,
    ) -> Self {
        let references = Mutex::new(References::new(registry, Arc::clone(&pipeline)));
        Self { warehouse, references, pipeline, monitoring }
    }

    /// Where everything is kept.
    pub fn warehouse(&self) -> &dyn Warehouse {
        &*self.warehouse
    }

    /// What is scored and how.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// What the pipeline says of monitoring.
    pub const fn monitoring(&self) -> &Monitoring {
        &self.monitoring
    }

    /// What a model has learned from.
    pub(crate) fn reference(&self, model: Option<&(String, u32)>) -> Result<Arc<Reference>, Error> {
        Ok(self.references.lock().unwrap_or_else(PoisonError::into_inner).of(model)?)
    }

    /// The profiles of the hours that begin on some days.
    pub(crate) async fn hours(&self, days: Days) -> Result<BTreeMap<Timestamp, Hour>, Error> {
        let mut rows: BTreeMap<Timestamp, Vec<ProfilePoint>> = BTreeMap::new();
        for filed in points::read::<ProfilePoint>(self.warehouse(), days).await? {
            if filed.series == SERIES {
                rows.entry(filed.window_start).or_default().push(filed.point);
            }
        }
        rows.into_iter().map(|(start, rows)| Ok((start, Hour::of_points(&rows)?))).collect()
    }

    /// How far everything has moved in the windows that begin on some days, oldest first, with the segments that these days have.
    pub async fn drift(&self, window: Window, against: Against, segment: &str, days: Days) -> Result<Drift, Error> {
        let first = window_start(window, Timestamp::start_of_day(i64::from(days.first())));
        let hours = self.hours(earlier(days, window)).await?;
        let segments: BTreeSet<&str> =
            hours.range(first..).flat_map(|(_, hour)| hour.profiles.keys()).map(|key| key.segment.as_str()).collect();
        let segments = segments.into_iter().filter(|segment| !segment.is_empty()).map(str::to_owned).collect();
        let asked_for = first..Timestamp::start_of_day(i64::from(days.last()) + 1);
        let mut moved = self.moved(&hours, window, against, segment)?;
        moved.retain(|moved| asked_for.contains(&moved.window_start));
        Ok(Drift { segments, moved })
    }

    /// The same of hours that were read.
    pub(crate) fn moved(
        &self,
        hours: &BTreeMap<Timestamp, Hour>,
        window: Window,
        against: Against,
        segment: &str,
    ) -> Result<Vec<Moved>, Error> {
        let mut known = BTreeMap::new();
        for key in hours.values().flat_map(|hour| hour.profiles.keys()) {
            if !known.contains_key(&key.model) {
                known.insert(key.model.clone(), self.reference(key.model.as_ref())?);
            }
        }
        let reference = |model: Option<&(String, u32)>| Arc::clone(&known[&model.cloned()]);
        let (rules, hysteresis) = (self.monitoring.rules, self.monitoring.hysteresis);
        Ok(moved(hours, reference, &Asked { window, against, segment: segment.to_owned(), rules, hysteresis }))
    }
}

/// What moved.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    /// The segments that there are, as `channel=ecom`.
    pub segments: Vec<String>,
    /// Each thing of each window.
    pub moved: Vec<Moved>,
}

/// What the hours of the table of profiles are filed under.
pub(crate) const SERIES: &str = "hours";

/// Windows before the first that is asked for, so that what they say is known when it begins.
const WINDOWS_BEFORE: i64 = 8;

/// The days that have to be read for windows that begin on some days: a week more to be held against, and some windows that may agree.
pub(crate) fn earlier(days: Days, window: Window) -> Days {
    let before = Duration::from_micros(length(window).micros() * WINDOWS_BEFORE) + Duration::days(7);
    let first = window_start(window, Timestamp::start_of_day(i64::from(days.first()))) - before;
    let last = Timestamp::start_of_day(i64::from(days.last()));
    Days::between(Some(first), Some(last + length(window)))
}
