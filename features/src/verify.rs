//! Whether vectors that were logged are what the log gives again: bit for bit, feature by feature.

use crate::Plan;

/// What the comparison of one feature found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Compared {
    /// Values compared.
    pub checked: u64,
    /// Values that differ.
    pub mismatches: u64,
    /// The first that differs.
    pub first: Option<Mismatch>,
}

/// A value that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// The event.
    pub event_id: String,
    /// As it was logged, `None` where it was missing.
    pub logged: Option<f64>,
    /// As the log gives it again.
    pub computed: Option<f64>,
}

/// Compares vectors of one plan.
#[derive(Clone, Debug)]
pub struct Verification {
    /// By feature, in the order of the plan.
    pub features: Vec<(String, Compared)>,
}

impl Verification {
    /// One that has compared nothing.
    pub fn new(plan: &Plan) -> Self {
        let features = plan.definitions().iter().map(|definition| (definition.name.clone(), Compared::default())).collect();
        Self { features }
    }

    /// Compares the vector of an event; both are of the plan's width.
    pub fn compare(&mut self, event_id: &str, logged: &[Option<f64>], computed: &[f64]) {
        for (((_, compared), logged), computed) in self.features.iter_mut().zip(logged).zip(computed) {
            let computed = (!computed.is_nan()).then_some(*computed);
            compared.checked += 1;
            if logged.map(f64::to_bits) == computed.map(f64::to_bits) {
                continue;
            }
            compared.mismatches += 1;
            compared.first.get_or_insert_with(|| Mismatch { event_id: event_id.to_owned(), logged: *logged, computed });
        }
    }

    /// Values that differ, over all features.
    pub fn mismatches(&self) -> u64 {
        self.features.iter().map(|(_, compared)| compared.mismatches).sum()
    }
}

#[cfg(test)]
mod tests {
    use ingest::Duration;

    use super::*;

    #[test]
    fn what_differs_by_a_bit_is_found() {
        let features = r#"features = [{ name = "a", kind = "night" }, { name = "b", kind = "weekend" }]"#;
        let plan = crate::tests::plan(features, Duration::ZERO).expect("two features");
        let mut verification = Verification::new(&plan);
        verification.compare("e1", &[Some(1.0), None], &[1.0, f64::NAN]);
        verification.compare("e2", &[Some(0.1 + 0.2), Some(0.0)], &[0.3, f64::NAN]);
        let counts: Vec<_> = verification.features.iter().map(|(_, compared)| (compared.checked, compared.mismatches)).collect();
        assert_eq!((counts, verification.mismatches()), (vec![(2, 1), (2, 1)], 2));
        let first = verification.features[1].1.first.clone().expect("one differs");
        assert_eq!(first, Mismatch { event_id: "e2".to_owned(), logged: Some(0.0), computed: None });
    }
}
