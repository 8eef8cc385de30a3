//! Places on a square, and the terminals near one of them: they are kept by cells that are at least a radius wide, so that only
//! the nine cells around a place need to be looked at.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// The side of the square.
pub(super) const SIDE: f64 = 100.0;

/// A place on the square.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

impl Point {
    pub(super) fn draw(rng: &mut ChaCha8Rng) -> Self {
        Self { x: rng.random_range(0.0..SIDE), y: rng.random_range(0.0..SIDE) }
    }

    fn is_within(self, radius: f64, other: Self) -> bool {
        let (x, y) = (self.x - other.x, self.y - other.y);
        x * x + y * y < radius * radius
    }
}

/// Terminals by the cell they lie in.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    radius: f64,
    /// Cells along each side.
    cells: usize,
    /// Place and number of each terminal, cell after cell, row after row.
    terminals: Vec<(Point, u32)>,
    /// Where each cell begins in `terminals`, and where the last one ends.
    starts: Vec<usize>,
}

impl Grid {
    /// Terminals are numbered as they lie in `places`.
    pub(super) fn new(places: Vec<Point>, radius: f64) -> Self {
        // More cells than this would cost memory and save nothing.
        let cells = (SIDE / radius).floor().clamp(1.0, 256.0) as usize;
        let mut terminals: Vec<(Point, u32)> = places.into_iter().zip(0..).collect();
        terminals.sort_by_key(|(place, number)| (cell(*place, cells), *number));
        let starts = (0..=cells * cells).map(|each| terminals.partition_point(|(place, _)| cell(*place, cells) < each)).collect();
        Self { radius, cells, terminals, starts }
    }

    /// One of the terminals within the radius, each as likely as the others; `None` when there is none.
    pub(super) fn choose_near(&self, home: Point, rng: &mut ChaCha8Rng) -> Option<u32> {
        /// About a third of what lies in the nine cells is near: more tries than this mean that hardly anything is there.
        const TRIES: u32 = 24;
        let rows = self.rows_around(home);
        let total: usize = rows.iter().map(|row| row.len()).sum();
        if total == 0 {
            return None;
        }
        for _ in 0..TRIES {
            let mut pick = rng.random_range(0..total as u64) as usize;
            for row in &rows {
                match row.get(pick) {
                    Some((place, number)) if home.is_within(self.radius, *place) => return Some(*number),
                    Some(_) => break,
                    None => pick -= row.len(),
                }
            }
        }
        let near = |(place, number): &(Point, u32)| home.is_within(self.radius, *place).then_some(*number);
        rows.iter().flat_map(|row| row.iter()).filter_map(near).collect::<Vec<_>>().choose(rng).copied()
    }

    /// The terminals of the nine cells around a place, or fewer at the edge: up to three rows of up to three cells.
    fn rows_around(&self, home: Point) -> [&[(Point, u32)]; 3] {
        let (column, row) = (along(home.x, self.cells), along(home.y, self.cells));
        let (first, last) = (column.saturating_sub(1), (column + 1).min(self.cells - 1));
        [row.checked_sub(1), Some(row), Some(row + 1).filter(|row| *row < self.cells)].map(|row| match row {
            Some(row) => &self.terminals[self.starts[row * self.cells + first]..self.starts[row * self.cells + last + 1]],
            None => &[],
        })
    }
}

fn along(position: f64, cells: usize) -> usize {
    ((position / SIDE * cells as f64) as usize).min(cells - 1)
}

fn cell(place: Point, cells: usize) -> usize {
    along(place.y, cells) * cells + along(place.x, cells)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use rand::SeedableRng;

    use super::*;

    fn points() -> impl Strategy<Value = Vec<Point>> {
        proptest::collection::vec((0.0..SIDE, 0.0..SIDE).prop_map(|(x, y)| Point { x, y }), 1..60)
    }

    proptest! {
        /// The cells leave none out: whatever a look at every terminal calls near is among the rows.
        #[test]
        fn every_near_terminal_lies_around(places in points(), radius in 0.1..150.0) {
            let grid = Grid::new(places.clone(), radius);
            for home in &places {
                let around: Vec<u32> = grid.rows_around(*home).iter().flat_map(|row| row.iter().map(|(_, number)| *number)).collect();
                for (number, place) in (0..).zip(&places) {
                    prop_assert!(!home.is_within(radius, *place) || around.contains(&number));
                }
                prop_assert_eq!(around.len(), around.iter().collect::<std::collections::BTreeSet<_>>().len());
            }
        }

        #[test]
        fn a_chosen_terminal_is_near(places in points(), radius in 0.1..150.0, x in 0.0..SIDE, y in 0.0..SIDE, seed: u64) {
            let home = Point { x, y };
            let grid = Grid::new(places.clone(), radius);
            match grid.choose_near(home, &mut ChaCha8Rng::seed_from_u64(seed)) {
                Some(number) => prop_assert!(home.is_within(radius, places[number as usize])),
                None => prop_assert!(places.iter().all(|place| !home.is_within(radius, *place))),
            }
        }
    }

    #[test]
    fn near_terminals_are_equally_likely() {
        // Two near, one of them in another cell, and many too far away in the same nine cells.
        let mut places = vec![Point { x: 50.0, y: 50.0 }, Point { x: 54.0, y: 48.0 }];
        places.resize(20, Point { x: 57.0, y: 57.0 });
        let grid = Grid::new(places, 5.0);
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut chosen = BTreeMap::new();
        for _ in 0..4_000 {
            *chosen.entry(grid.choose_near(Point { x: 51.0, y: 50.0 }, &mut rng).unwrap()).or_insert(0) += 1;
        }
        assert_eq!(chosen.keys().copied().collect::<Vec<u32>>(), [0, 1]);
        assert!((1_800..2_200).contains(&chosen[&0]), "{chosen:?}");
    }
}
