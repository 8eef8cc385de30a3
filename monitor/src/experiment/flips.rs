//! Whose decisions would change: each event by what the champion's score comes to and what the challenger's does.

use scoring::{Thresholds, Verdict, model};
use serde::{Deserialize, Serialize};

use super::rows::Rows;
use crate::outcome::Outcomes;

/// Events that the two decide in a certain way, by their scores alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flip {
    /// What the champion's score comes to: `approve`, `review`, `decline`.
    pub champion: Verdict,
    /// What the challenger's does.
    pub challenger: Verdict,
    /// How many events.
    pub events: u64,
    /// What they count as.
    pub outcomes: Outcomes,
    /// What they move together, in minor units; nothing of what is in another currency.
    pub amount_minor: i64,
}

/// The three that a score can come to.
const VERDICTS: [Verdict; 3] = [Verdict::Approve, Verdict::Review, Verdict::Decline];

/// The nine cells, the champion's approvals first; none without thresholds.
pub(super) fn flips(rows: &Rows, both: &[usize]) -> Vec<Flip> {
    let Some(thresholds) = rows.thresholds else { return Vec::new() };
    let cell = |(champion, challenger)| Flip { champion, challenger, events: 0, outcomes: Outcomes::default(), amount_minor: 0 };
    let pairs = VERDICTS.iter().flat_map(|champion| VERDICTS.iter().map(move |challenger| (*champion, *challenger)));
    let mut cells: Vec<Flip> = pairs.map(cell).collect();
    for &row in both {
        let [champion, challenger] = [rows.champion[row], rows.challenger[row]].map(|said| verdict(said, thresholds));
        let found = cells.iter_mut().find(|cell| cell.champion == champion && cell.challenger == challenger);
        let cell = found.expect("there is a cell for each pair of the three");
        cell.events += 1;
        cell.outcomes.add(rows.outcome[row], rows.label[row]);
        cell.amount_minor = cell.amount_minor.saturating_add(rows.minor[row]);
    }
    cells
}

/// What a probability comes to.
pub(super) fn verdict(probability: Option<f64>, thresholds: Thresholds) -> Verdict {
    let score = model::score(probability.unwrap_or_default());
    if score >= thresholds.decline {
        Verdict::Decline
    } else if score >= thresholds.review {
        Verdict::Review
    } else {
        Verdict::Approve
    }
}
