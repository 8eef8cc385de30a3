//! Features that are known only afterwards: a chargeback code, the result of an inquiry, the balance at the day of the export. In
//! old rows they separate; in those of the last days nobody has filled them in yet.

use super::Seen;
use super::settings::Settings;
use crate::selection::separation::Levels;

/// By how many standard errors the area has to fall.
const LEAST_FALL: f64 = 4.0;
/// A value that so many of the bad rows of the last days share stands for one that is not filled in yet.
const EMPTY_FROM: f64 = 0.9;
/// When at most so many of the old bad rows had it.
const EMPTY_BEFORE: f64 = 0.5;

/// The rows of the oldest half and of the last days.
pub(super) struct Parts {
    oldest: Vec<usize>,
    last: Vec<usize>,
    last_days: u32,
}

impl Parts {
    /// `None` where there are too few bad rows, or good ones, in either part, or where the last days would reach into the older
    /// half.
    pub(super) fn new(days: &[i32], labels: &[bool], settings: &Settings) -> Option<Self> {
        assert_eq!(days.len(), labels.len(), "a day for each row");
        let mut rows: Vec<usize> = (0..days.len()).collect();
        rows.sort_by_key(|row| days[*row]);
        // Whole days: that of the row in the middle goes to the later half.
        let middle = days[*rows.get(rows.len() / 2)?];
        let half = rows.partition_point(|row| days[*row] < middle);
        let (oldest, later) = rows.split_at(half);
        let counts = |rows: &[usize]| {
            let bad = rows.iter().filter(|row| labels[**row]).count() as u64;
            (bad, rows.len() as u64 - bad)
        };
        let (bad, good) = counts(oldest);
        if bad.min(good) < settings.least_of_label {
            return None;
        }
        let (mut start, mut last_days) = (later.len(), 0);
        let (mut bad, mut good) = (0, 0);
        for day in later.chunk_by(|a, b| days[*a] == days[*b]).rev() {
            let counted = counts(day);
            (bad, good) = (bad + counted.0, good + counted.1);
            start -= day.len();
            last_days += 1;
            if last_days >= settings.last_days && bad.min(good) >= settings.least_rows_of_last_days {
                return Some(Self { oldest: oldest.to_vec(), last: later[start..].to_vec(), last_days });
            }
        }
        None
    }

    /// Whether a feature stops separating in the last days.
    pub(super) fn known_later(&self, column: &[f64], labels: &[bool], settings: &Settings) -> Option<Seen> {
        let levels = |rows: &[usize]| Levels::new(rows.iter().map(|row| (column[*row], labels[*row])));
        let oldest = levels(&self.oldest);
        let before = oldest.best()?;
        if before.auc < settings.auc_before {
            return None;
        }
        let last = levels(&self.last);
        let auc_last = last.auc(before.order)?;
        let error = (oldest.error(before.order)?.powi(2) + error_of_chance(&last).powi(2)).sqrt();
        let has_fallen = auc_last - 0.5 <= settings.left * (before.auc - 0.5) && before.auc - auc_last >= LEAST_FALL * error;
        has_fallen.then(|| Seen::KnownLater {
            auc_before: before.auc,
            auc_last,
            last_days: self.last_days,
            bad: last.all().bad as u64,
            empty: empty(&oldest, &last),
        })
    }
}

/// The standard error of the area of a feature that tells nothing, that of Mann and Whitney's U; ties would only lower it.
fn error_of_chance(levels: &Levels) -> f64 {
    let all = levels.all();
    ((all.rows() + 1.0) / (12.0 * all.bad * all.good)).sqrt()
}

/// The share of the last bad rows that have what stands for a value not filled in yet.
fn empty(oldest: &Levels, last: &Levels) -> Option<f64> {
    let missing = (f64::NAN, last.missing);
    let (value, side) = last.present.iter().copied().chain([missing]).max_by(|a, b| a.1.bad.total_cmp(&b.1.bad))?;
    let before = match oldest.present.iter().find(|level| level.0 == value) {
        _ if value.is_nan() => oldest.missing,
        found => found.map_or_else(Default::default, |level| level.1),
    };
    let (share, share_before) = (side.bad / last.all().bad, before.bad / oldest.all().bad);
    (share >= EMPTY_FROM && share_before <= EMPTY_BEFORE).then_some(share)
}
