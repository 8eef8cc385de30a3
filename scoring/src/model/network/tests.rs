use super::*;

fn network(missing: Missing) -> Network {
    Network { missing: vec![missing; 2], ..Network::new(b"no ONNX".to_vec(), "y".to_owned(), 2) }
}

#[test]
fn a_file_that_is_none_is_an_error_and_gives_no_number() {
    let network = network(Missing::Refused);
    let message = network.check().unwrap_err().to_string();
    assert!(message.starts_with("the neural network cannot be run: "), "{message}");
    assert!(network.probability(&[1.0, 2.0]).is_nan());
    assert_eq!(network.contributions(&[1.0, 2.0]), [0.0, 0.0]);
}

#[test]
fn numbers_that_are_none_are_named() {
    let check = |network: Network, expect: &str| {
        assert_eq!(network.check().unwrap_err().to_string(), format!("{expect} of the model is not a usable number"));
    };
    check(network(Missing::Value(f64::NAN)), "the value of a missing feature");
    check(Network { usual: vec![Some(f64::INFINITY), None], ..network(Missing::Given) }, "a usual value");
    check(Network { usual: vec![None], ..network(Missing::Given) }, "a usual value");
}

#[test]
fn the_file_is_not_among_the_numbers() {
    let whole = Network { usual: vec![Some(1.5), None], gives: Gives::LogOdds, ..network(Missing::Value(0.5)) };
    let json = serde_json::to_string(&whole).unwrap();
    assert_eq!(json, r#"{"missing":[{"value":0.5},{"value":0.5}],"usual":[1.5,null],"output":"y","gives":"log_odds"}"#);
    let read: Network = serde_json::from_str(&json).unwrap();
    assert_ne!(read, whole);
    assert_eq!(read.with_file(b"no ONNX".to_vec()), whole);
}

/// The log-odds are h - 0.5 k + 0.25 with h = relu(x - y) and k = relu(x + 2 y - 1), for features x and y.
#[cfg(feature = "networks")]
mod ready {
    use super::*;
    use crate::Scorer;
    use crate::model::{Model, Runnable};

    const ONNX: &[u8] = include_bytes!("../../../tests/network.onnx");

    fn network(output: &str, gives: Gives) -> Network {
        Network { gives, usual: vec![Some(1.0), None], ..Network::new(ONNX.to_vec(), output.to_owned(), 2) }
    }

    fn log_odds_of([x, y]: [f64; 2]) -> f64 {
        (x - y).max(0.0) - 0.5 * (x + 2.0 * y - 1.0).max(0.0) + 0.25
    }

    #[test]
    fn every_kind_of_output_is_the_same_probability() {
        let check = |output: &str, gives: Gives| {
            let network = network(output, gives);
            assert_eq!(network.check(), Ok(()), "{output}");
            for values in [[3.0, 1.0], [0.0, 0.0], [-1.5, 2.0], [8.0, -4.0]] {
                let (found, expect) = (network.probability(&values), sigmoid(log_odds_of(values)));
                assert!((found - expect).abs() < 1e-6, "{output} {values:?}: {found} {expect}");
            }
        };
        check("probability", Gives::Probability);
        check("two", Gives::Probability);
        check("log_odds", Gives::LogOdds);
        check("two_log_odds", Gives::LogOdds);
        let values = [8.0, -4.0];
        let wrong = network("log_odds", Gives::Probability).probability(&values);
        assert!(wrong.is_nan(), "log-odds of {} are no probability", log_odds_of(values));
    }

    #[test]
    fn what_is_missing_counts_as_what_is_said() {
        let check = |missing: [Missing; 2], values: [f64; 2], expect: Option<[f64; 2]>| {
            let network = Network { missing: missing.to_vec(), ..network("probability", Gives::Probability) };
            match (network.probability(&values), expect) {
                (found, None) => assert!(found.is_nan(), "{values:?}: {found}"),
                (found, Some(counts)) => assert!((found - sigmoid(log_odds_of(counts))).abs() < 1e-6, "{values:?}: {found}"),
            }
        };
        check([Missing::Refused; 2], [1.0, f64::NAN], None);
        check([Missing::Refused, Missing::Value(2.0)], [1.0, f64::NAN], Some([1.0, 2.0]));
        check([Missing::Refused, Missing::Value(2.0)], [f64::NAN, 1.0], None);
        check([Missing::Value(-1.0); 2], [f64::NAN; 2], Some([-1.0, -1.0]));
        // Beyond single precision there is no number that the network could read.
        check([Missing::Refused; 2], [1e39, 1.0], None);
        check([Missing::Refused; 2], [1.0, f64::NEG_INFINITY], None);
    }

    #[test]
    fn a_feature_adds_what_its_usual_value_takes_away() {
        let network = network("log_odds", Gives::LogOdds);
        let of_x = log_odds_of([3.0, 1.0]) - log_odds_of([1.0, 1.0]);
        let found = network.contributions(&[3.0, 1.0]);
        assert!((found[0] - of_x).abs() < 1e-6 && found[1] == 0.0, "{found:?}, {of_x}");
        assert_eq!(network.contributions(&[1.0, 7.0])[0], 0.0, "it is usual");
        let runnable = Runnable::new(&Scorer::plain(Model::Network(network.clone())), &[2, 0]);
        let vector = [1.0, 99.0, 3.0];
        assert_eq!(runnable.probability(&vector), network.probability(&[3.0, 1.0]));
        assert_eq!(runnable.contributions(&vector), [0.0, 0.0, found[0]]);
        let columns = [vec![1.0; 9], vec![0.0; 9], vec![3.0; 9]];
        assert_eq!(runnable.probabilities(&columns), [network.probability(&[3.0, 1.0]); 9]);
    }

    #[test]
    fn what_cannot_be_run_is_named() {
        let check = |output: &str, width: usize, expect: &str| {
            let message = Network::new(ONNX.to_vec(), output.to_owned(), width).check().unwrap_err().to_string();
            assert_eq!(message, format!("the neural network cannot be run: {expect}"));
        };
        check("probability", 3, "it reads 2 features and not 3");
        check("score", 2, "it has no output score");
        check("label", 2, "its output label is neither one number nor two, but 1,1,I64");
    }

    #[test]
    fn a_damaged_file_is_an_error_or_gives_numbers() {
        for at in 0..ONNX.len() {
            let mut damaged = ONNX.to_vec();
            damaged[at] ^= 1 << (at % 8);
            let network = Network::new(damaged, "probability".to_owned(), 2);
            if network.check().is_ok() {
                let probability = network.probability(&[3.0, 1.0]);
                assert!(probability.is_nan() || (0.0..=1.0).contains(&probability), "byte {at}");
            }
        }
    }
}
