//! The values of a window in their order, for quantiles.

/// Sorted values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    pub(super) sorted: Vec<i64>,
}

impl Order {
    pub(super) fn bytes(&self) -> usize {
        self.sorted.len() * size_of::<i64>()
    }

    pub(super) fn enter(&mut self, word: i64) {
        let place = self.sorted.partition_point(|known| *known <= word);
        self.sorted.insert(place, word);
    }

    pub(super) fn leave(&mut self, word: i64) {
        if let Ok(place) = self.sorted.binary_search(&word) {
            self.sorted.remove(place);
        }
    }
}
