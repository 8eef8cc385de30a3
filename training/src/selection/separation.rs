//! How well one feature by itself separates bad rows from good ones. A missing value counts as a value of its own, which stands
//! below all others or above them, whichever separates better.

/// Bad and good rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Side {
    pub(crate) bad: f64,
    pub(crate) good: f64,
}

impl Side {
    pub(crate) fn of(labels: impl Iterator<Item = bool>) -> Self {
        labels.fold(Self::default(), |side, bad| match bad {
            true => Self { bad: side.bad + 1.0, ..side },
            false => Self { good: side.good + 1.0, ..side },
        })
    }

    pub(crate) fn rows(self) -> f64 {
        self.bad + self.good
    }

    fn and(self, other: Self) -> Self {
        Self { bad: self.bad + other.bad, good: self.good + other.good }
    }
}

/// The rows of each value of a feature.
pub(crate) struct Levels {
    /// The values, rising.
    pub(crate) present: Vec<(f64, Side)>,
    /// The rows without a value.
    pub(crate) missing: Side,
}

/// How the values of a feature are put in order of risk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Order {
    /// Whether higher is riskier.
    pub(crate) rises: bool,
    /// Whether a missing value stands below all others, and not above.
    pub(crate) missing_lowest: bool,
}

/// How well an order separates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Separation {
    pub(crate) order: Order,
    /// The probability that a bad row stands higher in the order of risk than a good one; a tie counts half.
    pub(crate) auc: f64,
}

impl Levels {
    pub(crate) fn new(rows: impl Iterator<Item = (f64, bool)>) -> Self {
        let mut sorted = Vec::with_capacity(rows.size_hint().0);
        let mut missing = Vec::new();
        for row in rows {
            if row.0.is_nan() { missing.push(row.1) } else { sorted.push(row) }
        }
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let level = |run: &[(f64, bool)]| (run[0].0, Side::of(run.iter().map(|row| row.1)));
        let present = sorted.chunk_by(|a, b| a.0 == b.0).map(level).collect();
        Self { present, missing: Side::of(missing.into_iter()) }
    }

    /// Only whether there is a value: 1 where it is missing.
    pub(crate) fn gaps(&self) -> Self {
        let present = self.present.iter().fold(Side::default(), |sum, level| sum.and(level.1));
        let level = |value, side: Side| (side.rows() > 0.0).then_some((value, side));
        Self { present: level(0.0, present).into_iter().chain(level(1.0, self.missing)).collect(), missing: Side::default() }
    }

    pub(crate) fn all(&self) -> Side {
        self.present.iter().fold(self.missing, |sum, level| sum.and(level.1))
    }

    /// How many values there are, where missing is one.
    pub(crate) fn count(&self) -> usize {
        self.present.len() + usize::from(self.missing.rows() > 0.0)
    }

    /// Of the four orders the one that separates best; of equals the one that rises, and then the one with missing values below.
    /// `None` unless there are bad rows and good ones.
    pub(crate) fn best(&self) -> Option<Separation> {
        let orders = [(true, true), (true, false), (false, true), (false, false)];
        let separations = orders.map(|(rises, missing_lowest)| {
            let order = Order { rises, missing_lowest };
            self.auc(order).map(|auc| Separation { order, auc })
        });
        separations.into_iter().flatten().reduce(|best, next| if next.auc > best.auc { next } else { best })
    }

    /// How well a given order separates; `None` unless there are bad rows and good ones.
    pub(crate) fn auc(&self, order: Order) -> Option<f64> {
        area(self.sides(order))
    }

    /// The standard error of the area, after DeLong, DeLong and Clarke-Pearson (1988); `None` with fewer than two bad rows, or
    /// two good ones.
    pub(crate) fn error(&self, order: Order) -> Option<f64> {
        let all = self.all();
        if all.bad < 2.0 || all.good < 2.0 {
            return None;
        }
        let auc = self.auc(order)?;
        let (mut below, mut of_bad, mut of_good) = (Side::default(), 0.0, 0.0);
        for side in self.sides(order) {
            let wins = (below.good + side.good / 2.0) / all.good;
            let losses = (all.bad - below.bad - side.bad / 2.0) / all.bad;
            of_bad += side.bad * (wins - auc).powi(2);
            of_good += side.good * (losses - auc).powi(2);
            below = below.and(side);
        }
        Some((of_bad / (all.bad - 1.0) / all.bad + of_good / (all.good - 1.0) / all.good).sqrt())
    }

    /// The area when values are ordered by their share of bad rows. Of many values with few rows each it is high by chance alone.
    pub(crate) fn auc_by_share(&self) -> Option<f64> {
        let mut sides: Vec<Side> = self.sides(Order { rises: true, missing_lowest: true }).collect();
        sides.sort_by(|a, b| (a.bad * b.rows()).total_cmp(&(b.bad * a.rows())));
        area(sides.into_iter())
    }

    /// The sides from the least risk to the highest.
    fn sides(&self, order: Order) -> impl Iterator<Item = Side> {
        let missing = (self.missing.rows() > 0.0).then_some(self.missing);
        let (first, last) = if order.missing_lowest == order.rises { (missing, None) } else { (None, missing) };
        let (rising, falling) = if order.rises { (Some(&self.present), None) } else { (None, Some(&self.present)) };
        let present = rising.into_iter().flatten().chain(falling.into_iter().flat_map(|present| present.iter().rev()));
        first.into_iter().chain(present.map(|level| level.1)).chain(last)
    }
}

fn area(sides: impl Iterator<Item = Side>) -> Option<f64> {
    let (mut below, mut won) = (Side::default(), 0.0);
    for side in sides {
        won += side.bad * (below.good + side.good / 2.0);
        below = below.and(side);
    }
    (below.bad > 0.0 && below.good > 0.0).then(|| won / (below.bad * below.good))
}
