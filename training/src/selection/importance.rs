//! What a model loses without a feature: its values are shuffled among the rows, so that they stay as they are and tell nothing
//! (Breiman, "Random Forests", 2001). Features that say the same are shuffled alike and together, too, since each by itself is no
//! loss while another one is left.

use super::Scores;
use super::chance::{Use, random, sample, shuffle};
use super::clusters::Group;
use super::result::{Importance, Loss};
use super::settings::{Error, Settings};

use crate::matrix::Matrix;
use evaluation::threads::on_threads;

/// A model and the rows that it is asked about.
pub(super) struct Model<'a> {
    scores: &'a Scores<'a>,
    matrix: Matrix,
    /// How many good rows one stands for, where a bad one stands for itself.
    weight: f64,
    base: Ranking,
    settings: &'a Settings,
}

/// What is lost without each feature, and without each group.
pub(super) struct Importances {
    pub(super) features: Vec<Importance>,
    pub(super) groups: Vec<Importance>,
}

impl<'a> Model<'a> {
    /// Draws rows where there are many: bad ones first, up to half, since it is they who are few.
    pub(super) fn new(matrix: &Matrix, scores: &'a Scores<'a>, settings: &'a Settings) -> Result<Self, Error> {
        let (bad, good): (Vec<usize>, Vec<usize>) = (0..matrix.rows()).partition(|row| matrix.labels()[*row]);
        let most = settings.importance_rows;
        // As many bad rows as good ones, or all of the fewer and the more of the others.
        let of_bad = bad.len().min((most / 2).max(most.saturating_sub(good.len())));
        let mut random = random(settings.seed, Use::ImportanceRows, 0);
        let bad_drawn = sample(bad.clone(), of_bad, &mut random);
        let good_drawn = sample(good.clone(), most - of_bad, &mut random);
        let weight = (good.len() as f64 / good_drawn.len() as f64) / (bad.len() as f64 / bad_drawn.len() as f64);
        let mut rows = [bad_drawn, good_drawn].concat();
        rows.sort_unstable();
        let matrix = part(matrix, &rows);
        let base = ranking(&matrix, scores, weight).map_err(|error| named(error, "nothing"))?;
        Ok(Self { scores, matrix, weight, base, settings })
    }

    /// How many rows it is asked about.
    pub(super) fn rows(&self) -> usize {
        self.matrix.rows()
    }

    /// How well it ranks with nothing shuffled.
    pub(super) fn base(&self) -> Ranking {
        self.base
    }

    pub(super) fn importances(&self, groups: &[Group]) -> Result<Importances, Error> {
        let width = self.matrix.width();
        let repeats = self.settings.repeats as usize;
        let lost = |piece: usize, own: &mut Matrix| {
            let (subject, repeat) = (piece / repeats, piece % repeats);
            let single = [subject];
            let features = if subject < width { single.as_slice() } else { &groups[subject - width].members };
            self.without(features, repeat, own)
        };
        let pieces = (width + groups.len()) * repeats;
        let lost = on_threads(pieces, self.settings.threads, || self.matrix.clone(), lost);
        let lost = lost.into_iter().collect::<Result<Vec<Ranking>, Error>>()?;
        let mut features: Vec<Importance> = lost.chunks(repeats).map(|rankings| self.importance(rankings)).collect();
        let groups = features.split_off(width);
        Ok(Importances { features, groups })
    }

    /// How well it ranks with some features shuffled alike. `own` is as it was afterwards.
    fn without(&self, features: &[usize], repeat: usize, own: &mut Matrix) -> Result<Ranking, Error> {
        let mut order: Vec<u32> = (0..self.matrix.rows() as u32).collect();
        // Each feature, and each repeat, is shuffled in its own way.
        let number = ((features[0] as u32) << 16) | repeat as u32;
        shuffle(&mut order, &mut random(self.settings.seed, Use::Shuffling, number));
        let shuffled = |feature: usize| {
            let column = &self.matrix.columns()[feature];
            order.iter().map(|row| column[*row as usize]).collect::<Vec<f64>>()
        };
        let mut before: Vec<Vec<f64>> = features.iter().map(|feature| shuffled(*feature)).collect();
        features.iter().zip(&mut before).for_each(|(feature, column)| own.swap_column(*feature, column));
        let names = || features.iter().map(|feature| self.matrix.names()[*feature].as_str()).collect::<Vec<&str>>().join(", ");
        let ranking = ranking(own, self.scores, self.weight).map_err(|error| named(error, &names()));
        features.iter().zip(&mut before).for_each(|(feature, column)| own.swap_column(*feature, column));
        ranking
    }

    fn importance(&self, rankings: &[Ranking]) -> Importance {
        Importance {
            auc: loss(rankings.iter().map(|ranking| self.base.auc - ranking.auc)),
            average_precision: loss(rankings.iter().map(|ranking| self.base.average_precision - ranking.average_precision)),
        }
    }
}

fn loss(lost: impl Iterator<Item = f64>) -> Loss {
    let lost: Vec<f64> = lost.collect();
    let repeats = lost.len() as f64;
    let mean = lost.iter().sum::<f64>() / repeats;
    let variance = lost.iter().map(|lost| (lost - mean).powi(2)).sum::<f64>() / (repeats - 1.0);
    Loss { mean, error: (variance / repeats).sqrt() }
}

/// Some rows of a matrix.
fn part(matrix: &Matrix, rows: &[usize]) -> Matrix {
    if rows.len() == matrix.rows() { matrix.clone() } else { matrix.select(rows) }
}

fn named(error: Error, shuffled: &str) -> Error {
    match error {
        Error::NoScore { row, .. } => Error::NoScore { feature: shuffled.to_owned(), row },
        other => other,
    }
}

/// How well scores rank.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ranking {
    pub(super) auc: f64,
    pub(super) average_precision: f64,
}

fn ranking(matrix: &Matrix, scores: &Scores<'_>, weight: f64) -> Result<Ranking, Error> {
    let scores = scores(matrix);
    if scores.len() != matrix.rows() {
        return Err(Error::Scores { scores: scores.len(), rows: matrix.rows() });
    }
    match scores.iter().position(|score| score.is_nan()) {
        Some(row) => Err(Error::NoScore { feature: String::new(), row: row + 1 }),
        None => Ok(Ranking::new(&scores, matrix.labels(), weight)),
    }
}

impl Ranking {
    /// Both of [`metrics`](evaluation::metrics) in one pass, where each good row counts `weight` times. There are both labels.
    pub(super) fn new(scores: &[f64], labels: &[bool], weight: f64) -> Self {
        let mut rows: Vec<(f64, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
        rows.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let (mut bad, mut good, mut pairs_won, mut precision) = (0.0, 0.0, 0.0, 0.0);
        for ties in rows.chunk_by(|a, b| a.0 == b.0) {
            let bad_here = ties.iter().filter(|row| row.1).count() as f64;
            let good_here = weight * (ties.len() as f64 - bad_here);
            pairs_won += good_here * (bad + bad_here / 2.0);
            (bad, good) = (bad + bad_here, good + good_here);
            precision += bad_here * bad / (bad + good);
        }
        Self { auc: pairs_won / (bad * good), average_precision: precision / bad }
    }
}
