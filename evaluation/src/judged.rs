//! The rows of an evaluation: what a model said of each, and how it turned out. Everything is checked here once; the rest of the
//! evaluation trusts it.

use std::collections::HashMap;

use super::Error;

/// The most that amounts may add up to: whole numbers are exact in an `f64` up to here.
pub(super) const MOST_MINOR: u64 = 1 << 53;

/// Rows with their scores and labels, and what else is known of them.
#[derive(Clone, Debug)]
pub struct Judged<'a> {
    pub(super) scores: &'a [f64],
    pub(super) labels: &'a [bool],
    pub(super) minor: Option<&'a [i64]>,
    pub(super) days: Option<&'a [i32]>,
    pub(super) entities: Option<Levels>,
    pub(super) segments: Vec<Attribute>,
    pub(super) protected: Vec<Attribute>,
    pub(super) champion: Option<&'a [f64]>,
}

/// What rows are grouped by.
#[derive(Clone, Debug)]
pub(super) struct Attribute {
    pub name: String,
    pub levels: Levels,
}

/// Texts as numbers into the sorted list of those that differ.
#[derive(Clone, Debug)]
pub(super) struct Levels {
    pub names: Vec<String>,
    pub codes: Vec<u32>,
}

impl<'a> Judged<'a> {
    /// From each row's score, a calibrated probability from 0 to 1 of being bad, and its label, true for bad.
    ///
    /// # Errors
    /// [`Error::Rows`] where there are more than are counted, [`Error::Length`] where there is not a score for each label, and
    /// [`Error::Score`] where a score is no probability.
    pub fn new(scores: &'a [f64], labels: &'a [bool]) -> Result<Self, Error> {
        let most = u32::MAX as usize;
        if labels.len() > most {
            return Err(Error::Rows { rows: labels.len(), most });
        }
        check_scores("scores", scores, labels.len())?;
        let (segments, protected) = (Vec::new(), Vec::new());
        Ok(Self { scores, labels, minor: None, days: None, entities: None, segments, protected, champion: None })
    }

    /// With each row's amount of money, in minor units; not below zero.
    ///
    /// # Errors
    /// [`Error::Length`] where there is not one for each row, [`Error::Amount`] where one is below zero, and [`Error::Money`] where their
    /// sum is no longer exact in an `f64`.
    pub fn with_amounts(mut self, minor: &'a [i64]) -> Result<Self, Error> {
        self.check_length("amounts", minor.len())?;
        let mut sum = 0_u64;
        for (row, &minor) in minor.iter().enumerate() {
            let minor = u64::try_from(minor).map_err(|_| Error::Amount { row: row + 1 })?;
            sum = sum.checked_add(minor).filter(|sum| *sum <= MOST_MINOR).ok_or(Error::Money)?;
        }
        self.minor = Some(minor);
        Ok(self)
    }

    /// With each row's day, counted from 1970-01-01.
    ///
    /// # Errors
    /// [`Error::Length`] where there is not one for each row.
    pub fn with_days(mut self, days: &'a [i32]) -> Result<Self, Error> {
        self.check_length("days", days.len())?;
        self.days = Some(days);
        Ok(self)
    }

    /// With each row's entity: the card, the customer. Rows of one entity are resampled together.
    ///
    /// # Errors
    /// [`Error::Length`] where there is not one for each row.
    pub fn with_entities<S: AsRef<str>>(mut self, entities: &[S]) -> Result<Self, Error> {
        self.check_length("entities", entities.len())?;
        self.entities = Some(Levels::new(entities));
        Ok(self)
    }

    /// With an attribute whose values are looked at one by one: the channel, the country.
    ///
    /// # Errors
    /// [`Error::Length`] where there is not a value for each row, and [`Error::Twice`] where there is a segment of that name already.
    pub fn with_segment<S: AsRef<str>>(mut self, name: &str, values: &[S]) -> Result<Self, Error> {
        let attribute = self.attribute(name, values, &self.segments)?;
        self.segments.push(attribute);
        Ok(self)
    }

    /// With an attribute by which nobody may be treated worse: an age band, a sex.
    ///
    /// # Errors
    /// [`Error::Length`] where there is not a value for each row, and [`Error::Twice`] where there is a protected one of that name already.
    pub fn with_protected<S: AsRef<str>>(mut self, name: &str, values: &[S]) -> Result<Self, Error> {
        let attribute = self.attribute(name, values, &self.protected)?;
        self.protected.push(attribute);
        Ok(self)
    }

    /// With the score that another model gives each row, to compare with.
    ///
    /// # Errors
    /// [`Error::Length`] where there is not one for each row, and [`Error::Score`] where one is no probability from 0 to 1.
    pub fn with_champion(mut self, scores: &'a [f64]) -> Result<Self, Error> {
        check_scores("champion scores", scores, self.labels.len())?;
        self.champion = Some(scores);
        Ok(self)
    }

    fn attribute<S: AsRef<str>>(&self, name: &str, values: &[S], given: &[Attribute]) -> Result<Attribute, Error> {
        self.check_length(name, values.len())?;
        match given.iter().any(|other| other.name == name) {
            true => Err(Error::Twice { attribute: name.to_owned() }),
            false => Ok(Attribute { name: name.to_owned(), levels: Levels::new(values) }),
        }
    }

    pub(super) fn check_length(&self, column: &str, rows: usize) -> Result<(), Error> {
        check_length(column, rows, self.labels.len())
    }
}

impl Levels {
    pub(super) fn new<S: AsRef<str>>(values: &[S]) -> Self {
        let mut places = HashMap::<&str, u32>::new();
        let mut names = Vec::<&str>::new();
        let mut codes = Vec::with_capacity(values.len());
        for value in values {
            let code = *places.entry(value.as_ref()).or_insert_with_key(|name| {
                names.push(name);
                names.len() as u32 - 1
            });
            codes.push(code);
        }
        // In the order of the alphabet, not of appearance, so that the order of rows does not matter.
        let mut sorted: Vec<u32> = (0..names.len() as u32).collect();
        sorted.sort_unstable_by_key(|code| names[*code as usize]);
        let mut ranks = vec![0; names.len()];
        for (rank, code) in sorted.iter().enumerate() {
            ranks[*code as usize] = rank as u32;
        }
        codes.iter_mut().for_each(|code| *code = ranks[*code as usize]);
        Self { names: sorted.iter().map(|code| names[*code as usize].to_owned()).collect(), codes }
    }
}

pub(super) fn check_length(column: &str, rows: usize, labels: usize) -> Result<(), Error> {
    match rows == labels {
        true => Ok(()),
        false => Err(Error::Length { column: column.to_owned(), rows, labels }),
    }
}

/// A probability for each label.
pub(super) fn check_scores(column: &str, scores: &[f64], labels: usize) -> Result<(), Error> {
    check_length(column, scores.len(), labels)?;
    match scores.iter().position(|score| !(0.0..=1.0).contains(score)) {
        Some(row) => Err(Error::Score { column: column.to_owned(), row: row + 1, score: scores[row] }),
        None => Ok(()),
    }
}
