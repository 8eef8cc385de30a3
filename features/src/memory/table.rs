//! How often each category occurs in a window, with what makes its entropy and its most frequent one a matter of one step.

/// Counts by category.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    /// Sorted by category.
    pub(super) counts: Vec<(i64, u32)>,
    /// How many categories occur so often.
    pub(super) frequencies: Vec<u32>,
    /// How many events there are.
    pub(super) events: u64,
    /// The sum of `c log2 c` over all counts, in units of two to the minus 32: whole, so that adding and taking away are exact.
    pub(super) weighted: i128,
}

impl Table {
    /// One that holds some categories.
    pub(super) fn of(categories: impl Iterator<Item = i64>) -> Self {
        let mut table = Self::default();
        categories.for_each(|category| table.enter(category));
        table
    }

    /// One with these counts, which are sorted by category.
    pub(super) fn with_counts(counts: Vec<(i64, u32)>) -> Self {
        let mut table = Self { events: counts.iter().map(|(_, count)| u64::from(*count)).sum(), ..Self::default() };
        for (_, count) in &counts {
            table.recount(0, *count);
        }
        table.counts = counts;
        table
    }

    pub(super) fn bytes(&self) -> usize {
        self.counts.len() * size_of::<(i64, u32)>() + self.frequencies.len() * size_of::<u32>()
    }

    pub(super) fn enter(&mut self, category: i64) {
        self.events += 1;
        match self.counts.binary_search_by_key(&category, |(known, _)| *known) {
            Ok(place) => {
                self.counts[place].1 += 1;
                let count = self.counts[place].1;
                self.recount(count - 1, count);
            }
            Err(place) => {
                self.counts.insert(place, (category, 1));
                self.recount(0, 1);
            }
        }
    }

    pub(super) fn leave(&mut self, category: i64) {
        let Ok(place) = self.counts.binary_search_by_key(&category, |(known, _)| *known) else { return };
        self.events -= 1;
        self.counts[place].1 -= 1;
        let count = self.counts[place].1;
        if count == 0 {
            self.counts.remove(place);
        }
        self.recount(count + 1, count);
    }

    fn recount(&mut self, before: u32, now: u32) {
        self.weighted += weight(now) - weight(before);
        if self.frequencies.len() <= now as usize {
            self.frequencies.resize(now as usize + 1, 0);
        }
        if before > 0 {
            self.frequencies[before as usize] -= 1;
        }
        if now > 0 {
            self.frequencies[now as usize] += 1;
        }
        while self.frequencies.last() == Some(&0) {
            self.frequencies.pop();
        }
    }

    /// How often the most frequent category occurs.
    pub(super) fn top(&self) -> i64 {
        self.frequencies.len().saturating_sub(1) as i64
    }
}

/// `c log2 c` in units of two to the minus 32.
fn weight(count: u32) -> i128 {
    let count = f64::from(count);
    if count < 2.0 { 0 } else { libm::round(count * libm::log2(count) * 4_294_967_296.0) as i128 }
}
