//! From a score to a decision, and from a feature's part in it to a sentence: the operator's words, as pure functions.

use std::fmt;
use std::ops::Range;

use features::{Definition, Plan};
use ingest::Currency;
use ingest::decode::has_card_number;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::decision::{Reason, Thresholds, Verdict};

/// The `[policy]` table: thresholds, and what holds when no model can score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Policy {
    /// Reviewed from this score on, 0 to 1000.
    pub review: u16,
    /// Declined from this score on, 0 to 1000, not below `review`.
    pub decline: u16,
    /// What to answer when no model could score.
    pub on_failure: OnFailure,
    /// When so many milliseconds have passed since an event came in, no model is run any more: lists, rules and `on_failure` decide.
    #[serde(default = "one_second")]
    pub model_within_ms: u32,
}

const fn one_second() -> u32 {
    1_000
}

/// What to answer when no model could score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub enum OnFailure {
    /// Accept no event: the caller gets an error and decides itself. An event that was accepted already is reviewed.
    Refuse,
    /// Have a person look at it.
    Review,
    /// Let it pass.
    Approve,
    /// Refuse the event.
    Decline,
}

impl OnFailure {
    /// Its word in pipeline files and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Review => "review",
            Self::Approve => "approve",
            Self::Decline => "decline",
        }
    }

    /// The decision about an event that was accepted.
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Refuse | Self::Review => Verdict::Review,
            Self::Approve => Verdict::Approve,
            Self::Decline => Verdict::Decline,
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { review, decline, on_failure, model_within_ms } = self;
        let on_failure = on_failure.name();
        write!(f, "review from {review}, decline from {decline}, on failure {on_failure}, models within {model_within_ms} ms")
    }
}

impl Policy {
    /// What is wrong with it, if anything.
    pub fn check(&self) -> Result<(), String> {
        if self.review > 1000 || self.decline > 1000 {
            return Err("thresholds are scores from 0 to 1000".to_owned());
        }
        if self.model_within_ms == 0 {
            return Err("model_within_ms = 0 leaves no model any time".to_owned());
        }
        if self.decline < self.review {
            return Err(format!("decline = {} is below review = {}: nothing would be reviewed", self.decline, self.review));
        }
        Ok(())
    }

    /// Whether whoever is declined can be told why, or what is wrong.
    pub fn gives_reasons(&self) -> Result<(), String> {
        match self.on_failure {
            OnFailure::Decline => {
                Err("on_failure = \"decline\" gives an applicant no reason: have a person look (`review`)".to_owned())
            }
            OnFailure::Refuse | OnFailure::Review | OnFailure::Approve => Ok(()),
        }
    }

    /// The decision at a score.
    pub const fn verdict(&self, score: u16) -> Verdict {
        if score >= self.decline {
            Verdict::Decline
        } else if score >= self.review {
            Verdict::Review
        } else {
            Verdict::Approve
        }
    }

    /// The thresholds as a decision record keeps them.
    pub const fn thresholds(&self) -> Thresholds {
        Thresholds { review: self.review, decline: self.decline }
    }
}

/// A `[[reasons]]` table: the code and the sentence of a feature.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReasonFile {
    feature: Spanned<String>,
    code: String,
    text: String,
}

/// What is said of a feature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonLine {
    feature: String,
    code: String,
    text: String,
}

/// For each feature its code and sentence.
#[derive(Clone, Debug)]
pub struct ReasonTable {
    entries: Vec<Entry>,
    /// What features of money are in.
    currency: Currency,
}

#[derive(Clone, Debug)]
struct Entry {
    feature: String,
    code: String,
    text: String,
    /// What its values stand for, where they are no numbers.
    words: Vec<String>,
}

/// How many reasons a decision carries.
const MOST_REASONS: usize = 4;

impl ReasonTable {
    /// Every feature gets an entry; one that the file does not mention speaks for itself. `currency` is what money is in.
    pub fn check(files: Vec<ReasonFile>, plan: &Plan, currency: Currency) -> Result<Self, (String, Range<usize>)> {
        let plain = |definition: &Definition| Entry {
            feature: definition.name.clone(),
            code: definition.name.to_uppercase(),
            text: format!("{} is {{value}}", definition.name),
            words: definition.words().to_vec(),
        };
        let mut entries: Vec<Entry> = plan.definitions().iter().map(plain).collect();
        for file in files {
            let Some(feature) = plan.feature(file.feature.as_ref()) else {
                return Err((format!("reason for `{}`: there is no such feature", file.feature.as_ref()), file.feature.span()));
            };
            if has_card_number(&file.code) || has_card_number(&file.text) {
                let message = format!("reason for `{}`: it has what looks like a card number in it", file.feature.as_ref());
                return Err((message, file.feature.span()));
            }
            let words = std::mem::take(&mut entries[feature].words);
            entries[feature] = Entry { feature: file.feature.into_inner(), code: file.code, text: file.text, words };
        }
        Ok(Self { entries, currency })
    }

    /// What it says of every feature.
    pub fn lines(&self) -> Vec<ReasonLine> {
        let line = |entry: &Entry| {
            let Entry { feature, code, text, .. } = entry.clone();
            ReasonLine { feature, code, text }
        };
        self.entries.iter().map(line).collect()
    }

    /// The same, with other lines for the features that they are about.
    pub fn with(&self, lines: &[ReasonLine]) -> Self {
        let mut entries = self.entries.clone();
        for entry in &mut entries {
            if let Some(ReasonLine { code, text, .. }) = lines.iter().find(|line| line.feature == entry.feature).cloned() {
                (entry.code, entry.text) = (code, text);
            }
        }
        Self { entries, currency: self.currency }
    }

    /// The part of every feature that had one, strongest first, whether it raised the score or lowered it. `usual` is what each feature
    /// usually is, NaN where that is not known.
    pub fn all(&self, vector: &[f64], contributions: &[f64], usual: &[f64]) -> Vec<Reason> {
        let mut parts: Vec<usize> = (0..contributions.len()).filter(|feature| contributions[*feature] != 0.0).collect();
        parts.sort_by(|a, b| contributions[*b].abs().total_cmp(&contributions[*a].abs()).then(a.cmp(b)));
        parts.into_iter().map(|feature| self.reason(feature, vector, contributions, usual)).collect()
    }

    /// The features that raised the score most, strongest first, at most four.
    pub fn strongest(&self, vector: &[f64], contributions: &[f64], usual: &[f64]) -> Vec<Reason> {
        let mut raising: Vec<usize> = (0..contributions.len()).filter(|feature| contributions[*feature] > 0.0).collect();
        raising.sort_by(|a, b| contributions[*b].total_cmp(&contributions[*a]).then(a.cmp(b)));
        raising.truncate(MOST_REASONS);
        raising.into_iter().map(|feature| self.reason(feature, vector, contributions, usual)).collect()
    }

    fn reason(&self, feature: usize, vector: &[f64], contributions: &[f64], usual: &[f64]) -> Reason {
        let entry = &self.entries[feature];
        let known = |number: f64| (!number.is_nan()).then_some(number);
        let (value, usual) = (known(vector[feature]), known(usual[feature]));
        let said =
            |number: Option<f64>, unknown: &str, say: &dyn Fn(f64) -> String| number.map_or_else(|| unknown.to_owned(), say);
        let spoken = |number: f64| {
            let word = entry.words.iter().enumerate().find(|(place, _)| *place as f64 == number);
            word.map_or_else(|| short(number), |(_, word)| word.replace('_', " "))
        };
        let percent = |share: f64| format!("{} %", short(share * 100.0));
        let money = |minor: f64| self.currency.text(minor);
        let text = entry
            .text
            .replace("{value}", &said(value, "missing", &spoken))
            .replace("{percent}", &said(value, "unknown", &percent))
            .replace("{money}", &said(value, "unknown", &money))
            .replace("{usual}", &said(usual, "unknown", &short))
            .replace("{usual_percent}", &said(usual, "unknown", &percent))
            .replace("{usual_money}", &said(usual, "unknown", &money));
        Reason {
            code: entry.code.clone(),
            text,
            feature: entry.feature.clone(),
            value,
            usual,
            contribution: contributions[feature],
        }
    }
}

/// Two decimals at most.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_become_verdicts() {
        let policy = Policy { review: 700, decline: 900, on_failure: OnFailure::Review, model_within_ms: 1_000 };
        let check = |score: u16, expect: Verdict| assert_eq!(policy.verdict(score), expect, "{score}");
        check(0, Verdict::Approve);
        check(699, Verdict::Approve);
        check(700, Verdict::Review);
        check(899, Verdict::Review);
        check(900, Verdict::Decline);
        assert!(Policy { review: 900, decline: 700, on_failure: OnFailure::Review, model_within_ms: 1_000 }.check().is_err());
        assert!(Policy { review: 700, decline: 1001, on_failure: OnFailure::Review, model_within_ms: 1_000 }.check().is_err());
    }

    #[test]
    fn numbers_read_well() {
        let check = |value: f64, expect: &str| assert_eq!(short(value), expect);
        check(6.0, "6");
        check(0.4, "0.4");
        check(1234.5678, "1234.57");
        check(100.0, "100");
    }
}
