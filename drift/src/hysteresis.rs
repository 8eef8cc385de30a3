//! One noisy hour pages nobody, and one quiet hour ends no alarm: a severity changes when enough of the last windows agree.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::severity::Severity;

/// How many of how many windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Hysteresis {
    of: usize,
    last: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    of: usize,
    last: usize,
}

/// Not more than half of the windows: they could agree on two things at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{of} of the last {last} windows: it must be more than half of them, and not more than all")]
pub struct BadHysteresis {
    of: usize,
    last: usize,
}

impl TryFrom<Unchecked> for Hysteresis {
    type Error = BadHysteresis;

    fn try_from(Unchecked { of, last }: Unchecked) -> Result<Self, BadHysteresis> {
        Self::new(of, last)
    }
}

impl Default for Hysteresis {
    fn default() -> Self {
        Self { of: 2, last: 3 }
    }
}

impl Hysteresis {
    /// `of` of the `last` windows have to agree.
    ///
    /// # Errors
    /// When that is not more than half of them, or more than all.
    pub const fn new(of: usize, last: usize) -> Result<Self, BadHysteresis> {
        if 2 * of > last && of <= last { Ok(Self { of, last }) } else { Err(BadHysteresis { of, last }) }
    }

    /// What holds after each window, oldest first. It starts as stable; it rises to what enough of the last windows reach, and falls to
    /// what enough of them do not exceed. A window with too little data is passed over: it changes nothing and is none of the last.
    pub fn smoothed(self, windows: impl IntoIterator<Item = Severity>) -> Vec<Severity> {
        let mut recent = VecDeque::with_capacity(self.last);
        let mut held = Severity::Stable;
        let mut after = |severity: Severity| {
            if severity == Severity::InsufficientData {
                return held;
            }
            if recent.len() == self.last {
                recent.pop_front();
            }
            recent.push_back(severity);
            held = self.next(held, &recent);
            held
        };
        windows.into_iter().map(&mut after).collect()
    }

    fn next(self, held: Severity, recent: &VecDeque<Severity>) -> Severity {
        let enough = |agrees: &dyn Fn(Severity) -> bool| recent.iter().filter(|severity| agrees(**severity)).count() >= self.of;
        let levels = [Severity::Stable, Severity::Watch, Severity::Drift];
        let reached = levels.into_iter().rev().find(|level| enough(&|severity| severity >= *level));
        let kept_below = levels.into_iter().find(|level| enough(&|severity| severity <= *level));
        match (reached, kept_below) {
            (Some(reached), _) if reached > held => reached,
            (_, Some(kept_below)) if kept_below < held => kept_below,
            _ => held,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_takes_two_of_three_windows() {
        let check = |windows: &str, expect: &str| {
            let severity = |letter: char| match letter {
                '.' => Severity::Stable,
                'w' => Severity::Watch,
                'D' => Severity::Drift,
                _ => Severity::InsufficientData,
            };
            let got = Hysteresis::default().smoothed(windows.chars().map(severity));
            assert_eq!(got, expect.chars().map(severity).collect::<Vec<_>>(), "{windows}");
        };
        check("", "");
        check("...D...", ".......");
        check("..DD...", "...DD..");
        check("DD.D..", ".DDD..");
        check("D.D.D", "..D.D");
        check("ww", ".w");
        check("wD", ".w");
        check("wDDww.", ".wDDww");
        check("DD?.?.?", ".DDDD..");
        check("???", "...");
    }

    #[test]
    fn half_is_not_enough() {
        assert_eq!(
            Hysteresis::new(2, 4).unwrap_err().to_string(),
            "2 of the last 4 windows: it must be more than half of them, and not more than all"
        );
        assert!(Hysteresis::new(4, 3).is_err() && Hysteresis::new(0, 0).is_err() && Hysteresis::new(1, 1).is_ok());
        assert!(serde_json::from_str::<Hysteresis>(r#"{"of":1,"last":3}"#).is_err());
    }
}
