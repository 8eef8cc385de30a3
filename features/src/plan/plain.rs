//! Features of the event itself, which need no state, and ratios of others.

use jiff::tz::TimeZone;

use crate::definition::{Definition, Kind, Source};

/// A feature that needs no state.
#[derive(Clone, Debug)]
pub(crate) struct Plain {
    pub(crate) feature: usize,
    pub(crate) default: f64,
    pub(crate) what: PlainKind,
}

/// The zone of a calendar feature is `None` for UTC, which needs no look at a calendar.
#[derive(Clone, Debug)]
pub(crate) enum PlainKind {
    Value(Source),
    Category(usize, Vec<String>),
    Weekend(Option<TimeZone>),
    Night(Option<TimeZone>),
    Ratio(usize, usize),
}

impl Plain {
    pub(super) fn new((feature, definition): (usize, &Definition)) -> Option<Self> {
        let zone = |zone: &TimeZone| (*zone != TimeZone::UTC).then(|| zone.clone());
        let what = match &definition.kind {
            Kind::Value(source) => PlainKind::Value(*source),
            Kind::Category { of, words } => PlainKind::Category(*of, words.clone()),
            Kind::Weekend(of) => PlainKind::Weekend(zone(of)),
            Kind::Night(of) => PlainKind::Night(zone(of)),
            Kind::Ratio { numerator, denominator } => PlainKind::Ratio(*numerator, *denominator),
            Kind::Windowed(_) => return None,
        };
        Some(Self { feature, default: definition.default, what })
    }
}
