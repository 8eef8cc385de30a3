//! Where to look next: at random first, then where the better results lie closer than the worse ones (the tree-structured Parzen
//! estimator of Bergstra, Bardenet, Bengio and Kégl, "Algorithms for hyper-parameter optimization", 2011). Each setting is looked at
//! for itself. Equal results and an equal seed give an equal suggestion.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// A point of the space and how good it was; more is better.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// A place from 0 to 1 for each setting.
    pub point: Vec<f64>,
    /// The figure.
    pub figure: f64,
}

/// The share of results that count as good.
const GOOD: f64 = 0.25;
/// From so many points drawn near the good ones the best is taken.
const CANDIDATES: usize = 24;
/// One suggestion in so many is drawn at random, so that no corner is given up for good.
const RANDOM_ONE_IN: u32 = 5;

/// The next point of a space of so many settings.
pub fn suggest(settings: usize, seen: &[Seen], random: &mut ChaCha8Rng) -> Vec<f64> {
    // Fewer than that say nothing about a setting.
    let is_blind = seen.len() < 2 * settings.max(4);
    if random.next_u32().is_multiple_of(RANDOM_ONE_IN) || is_blind {
        return (0..settings).map(|_| unit(random)).collect();
    }
    let mut ranked: Vec<&Seen> = seen.iter().collect();
    ranked.sort_by(|a, b| b.figure.total_cmp(&a.figure));
    let (good, rest) = ranked.split_at(((seen.len() as f64 * GOOD).ceil() as usize).max(2));
    (0..settings)
        .map(|setting| {
            let of = |points: &[&Seen]| Parzen::new(points.iter().map(|seen| seen.point[setting]).collect());
            let (good, rest) = (of(good), of(rest));
            let candidates = (0..CANDIDATES).map(|_| good.draw(random));
            let promise = |place: f64| good.density(place) / rest.density(place);
            candidates.max_by(|a, b| promise(*a).total_cmp(&promise(*b))).expect("there are candidates")
        })
        .collect()
}

/// A number from 0 up to 1.
fn unit(random: &mut ChaCha8Rng) -> f64 {
    f64::from(random.next_u32()) / 2_f64.powi(32)
}

/// A density between 0 and 1: a bell around each place, and one over all, as if somebody had looked in the middle.
struct Parzen {
    /// Middle and width of each bell.
    bells: Vec<(f64, f64)>,
}

impl Parzen {
    fn new(mut places: Vec<f64>) -> Self {
        places.sort_unstable_by(f64::total_cmp);
        // A bell is as wide as the way to its farther neighbour, so that lonely places stand for much room.
        let least = 1.0 / (1.0 + places.len() as f64).min(100.0);
        let bell = |at: usize| {
            let below = if at == 0 { places[at] } else { places[at] - places[at - 1] };
            let above = places.get(at + 1).map_or(1.0 - places[at], |next| next - places[at]);
            (places[at], below.max(above).clamp(least, 1.0))
        };
        let bells = (0..places.len()).map(bell).chain([(0.5, 1.0)]).collect();
        Self { bells }
    }

    fn density(&self, place: f64) -> f64 {
        let bell = |(middle, width): &(f64, f64)| (-((place - middle) / width).powi(2) / 2.0).exp() / width;
        self.bells.iter().map(bell).sum::<f64>() / self.bells.len() as f64
    }

    fn draw(&self, random: &mut ChaCha8Rng) -> f64 {
        let (middle, width) = self.bells[(unit(random) * self.bells.len() as f64) as usize];
        // The Box-Muller transform; what falls outside is reflected.
        let far = (-2.0 * (1.0 - unit(random)).ln()).sqrt() * (std::f64::consts::TAU * unit(random)).cos();
        let place = (middle + width * far).rem_euclid(2.0);
        if place > 1.0 { 2.0 - place } else { place }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    /// The best figure of a search for (0.3, 0.7) on a hill where the third setting does nothing.
    fn search(seed: u64, rounds: usize, blind: bool) -> f64 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut seen: Vec<Seen> = Vec::new();
        for _ in 0..rounds {
            let point = suggest(3, if blind { &[] } else { &seen }, &mut random);
            assert!(point.iter().all(|place| (0.0..=1.0).contains(place)), "{point:?}");
            let figure = -((point[0] - 0.3).powi(2) + (point[1] - 0.7).powi(2));
            seen.push(Seen { point, figure });
        }
        seen.iter().map(|seen| seen.figure).fold(f64::NEG_INFINITY, f64::max)
    }

    #[test]
    fn it_finds_a_hill_sooner_than_chance() {
        let better = (0..40).filter(|seed| search(*seed, 60, false) > search(*seed, 60, true)).count();
        assert!(better >= 30, "better than chance with {better} of 40 seeds");
    }

    #[test]
    fn equal_results_give_equal_suggestions() {
        assert_eq!(search(3, 30, false).to_bits(), search(3, 30, false).to_bits());
        assert_ne!(search(3, 30, false).to_bits(), search(4, 30, false).to_bits());
    }
}
