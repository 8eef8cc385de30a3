//! Which of a feature's intervals between thresholds a value lies in.

use std::hint::select_unpredictable;

use super::boxes::Boxes;

/// The features that some trees ask, each with the thresholds of all of them. The bins of all features are numbered through.
#[derive(Clone, Debug)]
pub(super) struct Bins {
    features: Vec<Feature>,
    thresholds: Vec<f64>,
}

#[derive(Clone, Copy, Debug)]
struct Feature {
    /// The trees' number of it.
    feature: u16,
    /// Where it lies in a vector.
    place: u32,
    /// Its first threshold, and the end of them.
    from: u32,
    to: u32,
    /// The number of its first bin. There is one more than thresholds, and one for a missing value.
    first: u32,
}

impl Bins {
    pub(super) fn new<'a>(trees: impl Iterator<Item = &'a Boxes>, place: impl Fn(u16) -> usize) -> Self {
        let mut asked: Vec<(u16, f64)> = trees.flat_map(Boxes::thresholds).collect();
        asked.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        // As zero and its negative compare equal, they are one threshold.
        asked.dedup_by(|a, b| a.0 == b.0 && a.1 == b.1);
        let (mut features, mut first, mut from) = (Vec::new(), 0, 0);
        for of_feature in asked.chunk_by(|a, b| a.0 == b.0) {
            let feature = of_feature[0].0;
            let to = from + of_feature.len() as u32;
            features.push(Feature { feature, place: place(feature) as u32, from, to, first });
            first += to - from + 2;
            from = to;
        }
        Self { features, thresholds: asked.into_iter().map(|(_, threshold)| threshold).collect() }
    }

    /// How many features there are.
    pub(super) fn features(&self) -> usize {
        self.features.len()
    }

    /// How many bins there are in all.
    pub(super) fn count(&self) -> usize {
        self.features.last().map_or(0, |last| (last.first + last.to - last.from + 2) as usize)
    }

    /// The number of a feature of the trees among those that are asked; it is one of them.
    pub(super) fn slot(&self, feature: u16) -> usize {
        self.features.partition_point(|asked| asked.feature < feature)
    }

    /// The first bin of a slot, and the thresholds between its bins.
    pub(super) fn of(&self, slot: usize) -> (usize, &[f64]) {
        let feature = &self.features[slot];
        (feature.first as usize, &self.thresholds[feature.from as usize..feature.to as usize])
    }

    /// Hands over the bin of each slot for a vector.
    #[inline(always)]
    pub(super) fn find(&self, values: &[f64], mut each: impl FnMut(usize, u32)) {
        for (slot, feature) in self.features.iter().enumerate() {
            let value = values[feature.place as usize];
            let thresholds = &self.thresholds[feature.from as usize..feature.to as usize];
            // No threshold lies below what is missing.
            let bin = below(thresholds, value) + if value.is_nan() { thresholds.len() + 1 } else { 0 };
            each(slot, feature.first + bin as u32);
        }
    }
}

/// How many of some rising thresholds lie below a value: at least one is given. Nothing is guessed, so nothing is guessed wrong.
#[inline(always)]
fn below(thresholds: &[f64], value: f64) -> usize {
    let (mut from, mut size) = (0, thresholds.len());
    while size > 1 {
        let half = size / 2;
        from = select_unpredictable(thresholds[from + half - 1] < value, from + half, from);
        size -= half;
    }
    from + usize::from(thresholds[from] < value)
}
