//! What the values of a feature are in. It follows from the definition alone, so that nobody has to say it and nobody can say it wrongly.

use super::{Aggregate, Definition, Kind, Source};

/// What a value counts or measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Minor units of money, in the currency that amounts come in: cents of euros.
    MinorUnits,
    /// Events.
    Events,
    /// Different texts, whole numbers, flags or keys.
    Values,
    /// Seconds.
    Seconds,
    /// A part of all, 0 to 1.
    Share,
    /// Bits.
    Bits,
    /// Kilometres an hour.
    KilometresAnHour,
    /// Standard deviations.
    Deviations,
    /// How many times as much as something else in the same unit.
    Times,
    /// 1 for yes, 0 for no.
    Flag,
}

impl Unit {
    /// Its word in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MinorUnits => "minor_units",
            Self::Events => "events",
            Self::Values => "values",
            Self::Seconds => "seconds",
            Self::Share => "share",
            Self::Bits => "bits",
            Self::KilometresAnHour => "kilometres_an_hour",
            Self::Deviations => "deviations",
            Self::Times => "times",
            Self::Flag => "flag",
        }
    }
}

impl Definition {
    /// What its values are in; a ratio divides two of `all`. `None` where only who declared an attribute knows, where values stand for words, and
    /// where a unit has no name of its own, as that of a variance.
    pub fn unit(&self, all: &[Self]) -> Option<Unit> {
        match &self.kind {
            Kind::Value(of) => of_source(*of),
            Kind::Category { .. } => None,
            Kind::Weekend(_) | Kind::Night(_) => Some(Unit::Flag),
            Kind::Windowed(window) => of_aggregate(window.aggregate),
            Kind::Ratio { numerator, denominator } => {
                let unit = |feature: usize| all.get(feature)?.unit(all);
                (unit(*numerator)? == unit(*denominator)?).then_some(Unit::Times)
            }
        }
    }
}

const fn of_source(source: Source) -> Option<Unit> {
    match source {
        Source::Amount => Some(Unit::MinorUnits),
        Source::Integer(_) | Source::Number(_) => None,
    }
}

const fn of_aggregate(aggregate: Aggregate) -> Option<Unit> {
    match aggregate {
        Aggregate::Count | Aggregate::DecayedCount(_) | Aggregate::LabelCount => Some(Unit::Events),
        Aggregate::Sum(of)
        | Aggregate::Mean(of)
        | Aggregate::Std(of)
        | Aggregate::Min(of)
        | Aggregate::Max(of)
        | Aggregate::Last(of)
        | Aggregate::Quantile(of, _)
        | Aggregate::DecayedSum(of, _) => of_source(of),
        Aggregate::Variance(_) => None,
        Aggregate::TimeSinceLast => Some(Unit::Seconds),
        Aggregate::Distinct(_) => Some(Unit::Values),
        Aggregate::TopShare(_) | Aggregate::LabelRate => Some(Unit::Share),
        Aggregate::Entropy(_) => Some(Unit::Bits),
        Aggregate::FirstSeen(_) => Some(Unit::Flag),
        Aggregate::ZScore(_) => Some(Unit::Deviations),
        Aggregate::Speed { .. } => Some(Unit::KilometresAnHour),
    }
}
