//! What a model does when its features are not as they were: a little off, or not there at all. One feature at a time, so that
//! the one that hurts most has a name.

use std::f64::consts::PI;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use super::Error;
use super::judged::{check_length, check_scores};
use super::settings::Settings;
use crate::metrics::{auc, average_precision};
use crate::threads::on_threads;

/// The standard deviation of noise, as a share of the value.
const NOISE: f64 = 0.05;

/// A feature of all rows; NaN where it is missing.
#[derive(Clone, Copy, Debug)]
pub struct Feature<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its values, one a row.
    pub values: &'a [f64],
}

/// What disturbed features do to a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stability {
    /// Rows that were scored.
    pub rows: u64,
    /// The standard deviation of noise, as a share of each value.
    pub noise: f64,
    /// The area under the curve with nothing disturbed; `None` unless there are bad rows and good ones.
    pub auc: Option<f64>,
    /// Average precision with nothing disturbed; `None` without bad rows.
    pub average_precision: Option<f64>,
    /// All features with noise at once.
    pub all_noisy: Effect,
    /// Each feature by itself, in the order given.
    pub features: Vec<Disturbed>,
    /// The feature without which most average precision is lost, or else the most area, or else scores change most; `None` when
    /// no missing feature changes anything.
    pub hurts_most: Option<String>,
}

/// A feature and what its disturbance does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Disturbed {
    /// The feature.
    pub name: String,
    /// With noise on it.
    pub noisy: Effect,
    /// Without it.
    pub missing: Effect,
}

/// What a disturbance does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Area under the curve lost; below zero when there is more of it. `None` where there is none.
    pub auc_lost: Option<f64>,
    /// Average precision lost.
    pub average_precision_lost: Option<f64>,
    /// By how much a score changes on average, 0 to 1, whether up or down; 0 without rows.
    pub mean_change: f64,
}

/// Scores rows again and again with features disturbed: twice for each feature and twice more. Equal input and seed give equal
/// figures on any number of threads.
///
/// # Errors
/// [`Error::Length`] where a feature has not a value for each label, and [`Error::Score`] where `score` gives no probability from 0 to 1,
/// with whatever was done to the features then.
pub fn stability(
    features: &[Feature<'_>],
    labels: &[bool],
    score: impl Fn(&[f64]) -> f64 + Sync,
    settings: &Settings,
) -> Result<Stability, Error> {
    for feature in features {
        check_length(feature.name, feature.values.len(), labels.len())?;
    }
    let model = Model { features, labels, score: &score, seed: settings.seed };
    let base = Base::new(model.scores(Disturbance::Nothing)?, labels);
    let mut disturbances = vec![Disturbance::AllNoisy];
    for feature in 0..features.len() {
        disturbances.extend([Disturbance::Noisy(feature), Disturbance::Missing(feature)]);
    }
    let effects = on_threads(disturbances.len(), settings.threads, || (), |place, ()| model.effect(disturbances[place], &base));
    let mut effects = effects.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter();
    let mut next = || effects.next().expect("there is an effect of each disturbance");
    let all_noisy = next();
    let disturbed = |feature: &Feature<'_>| Disturbed { name: feature.name.to_owned(), noisy: next(), missing: next() };
    let features: Vec<Disturbed> = features.iter().map(disturbed).collect();
    Ok(Stability {
        rows: labels.len() as u64,
        noise: NOISE,
        auc: base.auc,
        average_precision: base.average_precision,
        all_noisy,
        hurts_most: hurts_most(&features),
        features,
    })
}

/// What is done to the features.
#[derive(Clone, Copy)]
enum Disturbance {
    Nothing,
    AllNoisy,
    Noisy(usize),
    Missing(usize),
}

/// What there is with nothing disturbed.
struct Base {
    scores: Vec<f64>,
    auc: Option<f64>,
    average_precision: Option<f64>,
}

impl Base {
    fn new(scores: Vec<f64>, labels: &[bool]) -> Self {
        Self { auc: auc(&scores, labels), average_precision: average_precision(&scores, labels), scores }
    }
}

struct Model<'a, F> {
    features: &'a [Feature<'a>],
    labels: &'a [bool],
    score: &'a F,
    seed: u64,
}

impl<F: Fn(&[f64]) -> f64> Model<'_, F> {
    fn effect(&self, disturbance: Disturbance, base: &Base) -> Result<Effect, Error> {
        let disturbed = Base::new(self.scores(disturbance)?, self.labels);
        let lost = |before: Option<f64>, after: Option<f64>| before.zip(after).map(|(before, after)| before - after);
        let changes: f64 = base.scores.iter().zip(&disturbed.scores).map(|(before, after)| (after - before).abs()).sum();
        Ok(Effect {
            auc_lost: lost(base.auc, disturbed.auc),
            average_precision_lost: lost(base.average_precision, disturbed.average_precision),
            mean_change: changes / self.labels.len().max(1) as f64,
        })
    }

    fn scores(&self, disturbance: Disturbance) -> Result<Vec<f64>, Error> {
        let mut noise: Vec<Noise> = (0..self.features.len()).map(|feature| Noise::new(self.seed, feature)).collect();
        let mut row = vec![0.0; self.features.len()];
        let score = |number: usize| {
            for (place, (value, feature)) in row.iter_mut().zip(self.features).enumerate() {
                *value = match disturbance {
                    Disturbance::Missing(missing) if missing == place => f64::NAN,
                    Disturbance::Noisy(noisy) if noisy == place => feature.values[number] * noise[place].factor(),
                    Disturbance::AllNoisy => feature.values[number] * noise[place].factor(),
                    _ => feature.values[number],
                };
            }
            (self.score)(&row)
        };
        let scores: Vec<f64> = (0..self.labels.len()).map(score).collect();
        check_scores(&self.named(disturbance), &scores, scores.len())?;
        Ok(scores)
    }

    fn named(&self, disturbance: Disturbance) -> String {
        match disturbance {
            Disturbance::Nothing => "the model".to_owned(),
            Disturbance::AllNoisy => "the model with noise on all features".to_owned(),
            Disturbance::Noisy(feature) => format!("the model with noise on {}", self.features[feature].name),
            Disturbance::Missing(feature) => format!("the model without {}", self.features[feature].name),
        }
    }
}

/// Factors around one, of a stream of its own for each feature.
struct Noise {
    random: ChaCha8Rng,
}

impl Noise {
    fn new(seed: u64, feature: usize) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(feature as u64);
        Self { random }
    }

    /// Normal around one, by Box and Muller's transform.
    fn factor(&mut self) -> f64 {
        // In (0, 1], so that the logarithm is finite.
        let mut uniform = || (f64::from(self.random.next_u32()) + 1.0) / 2_f64.powi(32);
        let (radius, turn) = ((-2.0 * libm::log(uniform())).sqrt(), 2.0 * PI * uniform());
        1.0 + NOISE * radius * libm::cos(turn)
    }
}

fn hurts_most(features: &[Disturbed]) -> Option<String> {
    let hurt = |feature: &Disturbed| {
        let Effect { auc_lost, average_precision_lost, mean_change } = feature.missing;
        [average_precision_lost.unwrap_or(0.0), auc_lost.unwrap_or(0.0), mean_change]
    };
    let more = |a: &&Disturbed, b: &&Disturbed| {
        let by_figure = hurt(a).into_iter().zip(hurt(b)).map(|(a, b)| a.total_cmp(&b));
        by_figure.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    };
    let changed = features.iter().filter(|feature| feature.missing.mean_change > 0.0);
    // Of equals the first.
    changed.rev().max_by(more).map(|feature| feature.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(threads: usize) -> Settings {
        Settings { threads, seed: 5, ..Settings::default() }
    }

    #[test]
    fn the_feature_that_carries_the_score_hurts_most() {
        let labels: Vec<bool> = (0..400).map(|row| row % 4 == 0).collect();
        let strong: Vec<f64> = (0..400).map(|row| if row % 4 == 0 { 0.6 } else { 0.3 } + f64::from(row % 7) / 100.0).collect();
        let weak: Vec<f64> = (0..400).map(|row| f64::from(row % 11) / 11.0).collect();
        let idle = vec![1.0; 400];
        let feature = |name, values| Feature { name, values };
        let features = [feature("idle", &idle), feature("weak", &weak), feature("strong", &strong)];
        let score = |row: &[f64]| {
            let or = |value: f64, other: f64| if value.is_nan() { other } else { value };
            (or(row[2], 0.4) + 0.01 * or(row[1], 0.5)).clamp(0.0, 1.0)
        };
        let once = stability(&features, &labels, score, &settings(1)).unwrap();
        assert_eq!(once, stability(&features, &labels, score, &settings(3)).unwrap());
        assert_eq!(once.hurts_most.as_deref(), Some("strong"));
        let [idle, weak, strong] = once.features.as_slice() else { panic!("{once:?}") };
        assert_eq!((idle.missing.mean_change, idle.noisy.mean_change), (0.0, 0.0));
        assert_eq!(idle.missing.auc_lost, Some(0.0));
        assert!(strong.missing.auc_lost > Some(0.4) && weak.missing.auc_lost < Some(0.1));
        // The mean distance of a normal deviation is sqrt(2 / pi) of its standard deviation; the mean of `strong` is about 0.405.
        let expect = 0.405 * 0.05 * (2.0 / PI).sqrt();
        assert!((strong.noisy.mean_change - expect).abs() < 0.002, "{} is not {expect}", strong.noisy.mean_change);
    }

    #[test]
    fn what_cannot_be_is_named() {
        let nan = |row: &[f64]| row[0];
        let feature = Feature { name: "amount", values: &[0.5, 0.2] };
        let error = |labels: &[bool]| stability(&[feature], labels, nan, &settings(1)).unwrap_err().to_string();
        assert_eq!(error(&[true]), "amount has 2 rows, where there are 1 labels");
        assert_eq!(error(&[true, false]), "the model without amount has NaN in row 1, which is no probability from 0 to 1");
        let none = stability(&[], &[], |_: &[f64]| 0.5, &settings(1)).unwrap();
        assert_eq!((none.auc, none.hurts_most, none.all_noisy.mean_change), (None, None, 0.0));
    }
}
