//! Rows that are watched while trees grow, so that growing ends before the trees learn what is true of the training rows alone.

use scoring::model::trees::Trees;

use crate::matrix::Matrix;

/// Rows that nothing is learned from, with their log-odds so far.
pub(super) struct Watch<'a> {
    rows: &'a Matrix,
    /// The features row by row, as trees read them.
    values: Vec<f64>,
    width: usize,
    margins: Vec<f64>,
    lowest: f64,
    /// How many trees had the lowest loss.
    best: usize,
}

impl<'a> Watch<'a> {
    pub(super) fn new(rows: &'a Matrix, base: f64) -> Self {
        let values = (0..rows.rows()).flat_map(|row| rows.columns().iter().map(move |column| column[row])).collect();
        let margins = vec![base; rows.rows()];
        let mut watch = Self { rows, values, width: rows.width(), margins, lowest: 0.0, best: 0 };
        watch.lowest = watch.loss();
        watch
    }

    /// Adds the newest tree; how many trees there are since the loss was lowest.
    pub(super) fn add(&mut self, trees: &Trees, root: u32) -> usize {
        for (margin, values) in self.margins.iter_mut().zip(self.values.chunks_exact(self.width)) {
            *margin += trees.nodes[trees.leaf(root, values) as usize].value;
        }
        let loss = self.loss();
        if loss < self.lowest {
            (self.lowest, self.best) = (loss, trees.roots.len());
        }
        trees.roots.len() - self.best
    }

    /// Takes the trees away that came after the lowest loss.
    pub(super) fn cut(&self, trees: &mut Trees) {
        if let Some(&end) = trees.roots.get(self.best) {
            trees.roots.truncate(self.best);
            trees.nodes.truncate(end as usize);
        }
    }

    /// The sum of all rows' log-losses, each as often as it counts.
    fn loss(&self) -> f64 {
        let loss = |(row, (margin, bad)): (usize, (&f64, &bool))| {
            let wrong = if *bad { -margin } else { *margin };
            // ln(1 + e^wrong), where e^wrong may be beyond all numbers.
            self.rows.weight(row) * (wrong.max(0.0) + (-wrong.abs()).exp().ln_1p())
        };
        self.margins.iter().zip(self.rows.labels()).enumerate().map(loss).sum()
    }
}
