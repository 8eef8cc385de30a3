//! The three ways of fraud: amounts that stand out, terminals that were tampered with, customers whose card data leaked.

use rand::RngExt;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;

use super::Transaction;

/// Amounts above it, in cents, are frauds of the first way.
pub(super) const LARGE_MINOR: i64 = 22_000;
/// How many terminals are newly compromised each day, and for how many days.
const TERMINALS: (u32, u32) = (2, 28);
/// How many customers are newly compromised each day, and for how many days.
const CUSTOMERS: (u32, u32) = (3, 14);
/// The chance that a payment of a compromised customer is not their own.
const STOLEN: f64 = 1.0 / 3.0;
/// By how much the amount of such a payment is multiplied.
const STOLEN_FACTOR: i64 = 5;

/// Who is compromised, and until when.
#[derive(Clone, Debug)]
pub(super) struct Compromised {
    /// The day, for each terminal, from which it is clean again.
    terminals: Vec<u32>,
    /// The same for each customer.
    customers: Vec<u32>,
}

impl Compromised {
    pub(super) fn new(customers: u32, terminals: u32) -> Self {
        Self { terminals: vec![0; terminals as usize], customers: vec![0; customers as usize] }
    }

    /// Draws the victims of a day that begins.
    pub(super) fn begin(&mut self, day: u32, rng: &mut ChaCha8Rng) {
        for (clean_from, (count, days)) in [(&mut self.terminals, TERMINALS), (&mut self.customers, CUSTOMERS)] {
            let count = clean_from.len().min(count as usize);
            for victim in index::sample(rng, clean_from.len(), count) {
                clean_from[victim] = day + days;
            }
        }
    }

    /// The transaction as it is booked: with the fraud it is, if it is one.
    pub(super) fn apply(&self, genuine: Transaction, day: u32, rng: &mut ChaCha8Rng) -> Transaction {
        let Transaction { customer_id, terminal_id, amount_minor, .. } = genuine;
        if day < self.customers[customer_id as usize] && rng.random_bool(STOLEN) {
            return Transaction { amount_minor: amount_minor * STOLEN_FACTOR, fraud: true, scenario: 3, ..genuine };
        }
        if day < self.terminals[terminal_id as usize] {
            return Transaction { fraud: true, scenario: 2, ..genuine };
        }
        if amount_minor > LARGE_MINOR {
            return Transaction { fraud: true, scenario: 1, ..genuine };
        }
        genuine
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::time::Timestamp;

    fn payment(customer_id: u32, terminal_id: u32, amount_minor: i64) -> Transaction {
        let occurred_at = Timestamp::from_micros(0);
        Transaction { transaction_id: 0, occurred_at, customer_id, terminal_id, amount_minor, fraud: false, scenario: 0 }
    }

    #[test]
    fn the_highest_scenario_is_told() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let compromised = Compromised { terminals: vec![0, 28], customers: vec![0, 14] };
        let mut check = |customer: u32, terminal: u32, amount: i64, day: u32, expect: &[u8]| {
            for _ in 0..200 {
                let booked = compromised.apply(payment(customer, terminal, amount), day, &mut rng);
                assert!(expect.contains(&booked.scenario), "{booked:?} on day {day}");
                assert_eq!(booked.fraud, booked.scenario > 0);
                assert_eq!(booked.amount_minor, if booked.scenario == 3 { amount * 5 } else { amount });
            }
        };
        check(0, 0, 22_000, 0, &[0]);
        check(0, 0, 22_001, 0, &[1]);
        check(0, 1, 22_001, 27, &[2]);
        check(0, 1, 22_000, 28, &[0]);
        check(1, 0, 100, 13, &[0, 3]);
        check(1, 1, 100, 13, &[2, 3]);
        check(1, 1, 22_001, 14, &[2]);
    }

    #[test]
    fn a_third_of_a_compromised_customers_payments_are_frauds() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let compromised = Compromised { terminals: vec![0], customers: vec![14] };
        let frauds = (0..9_000).filter(|_| compromised.apply(payment(0, 0, 100), 0, &mut rng).fraud).count();
        assert!((2_850..3_150).contains(&frauds), "{frauds}");
    }

    #[test]
    fn each_day_has_new_victims() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut compromised = Compromised::new(1_000_000, 1_000_000);
        for day in 0..40 {
            compromised.begin(day, &mut rng);
        }
        let open = |clean_from: &[u32]| clean_from.iter().filter(|until| 39 < **until).count();
        assert_eq!((open(&compromised.terminals), open(&compromised.customers)), (56, 42));

        let mut few = Compromised::new(1, 1);
        few.begin(0, &mut rng);
        assert_eq!((few.terminals, few.customers), (vec![28], vec![14]));
    }
}
