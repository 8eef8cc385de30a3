//! What the file of a neural network does not say: what its output is, what a missing value counts as, and which values are usual.

use scoring::Model;
use scoring::model::network::{Gives, Missing};

use super::{Error, GoldenRows, Imported};

/// What is said of a network when it is imported.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    /// What its output is.
    pub gives: Gives,
    /// What a missing value counts as: of all features, or of the one that is named, which goes before.
    pub missing: Vec<(Option<String>, Missing)>,
}

/// Completes a network with what is said of it, and takes the medians of the rows with known predictions as the usual values of its
/// features. Of other models nothing may be said.
pub fn settle(imported: &mut Imported, rows: &GoldenRows, said: &Said) -> Result<(), Error> {
    let Model::Network(network) = &mut imported.scorer.model else {
        return if *said == Said::default() { Ok(()) } else { Err(Error::NoNetwork) };
    };
    network.gives = said.gives;
    for (_, missing) in said.missing.iter().filter(|(feature, _)| feature.is_none()) {
        network.missing.fill(*missing);
    }
    for (feature, missing) in said.missing.iter().filter_map(|(feature, missing)| Some((feature.as_ref()?, missing))) {
        let place = imported.features.iter().position(|known| known == feature);
        network.missing[place.ok_or_else(|| Error::NoFeature { feature: feature.clone() })?] = *missing;
    }
    for (place, usual) in network.usual.iter_mut().enumerate() {
        *usual = median(rows.values.iter().filter_map(|values| values.get(place).copied()));
    }
    network.check()?;
    for (row, values) in (1..).zip(&rows.values) {
        let refused =
            network.missing.iter().zip(values).position(|(missing, value)| value.is_nan() && *missing == Missing::Refused);
        if let Some(place) = refused {
            return Err(Error::Missing { row, feature: imported.features[place].clone() });
        }
        if network.probability(values).is_nan() {
            return Err(Error::NoProbability { row });
        }
    }
    // What is no number may come out as one: only rows show that a network deals with it.
    let shown = |place: usize| rows.values.iter().any(|values| values[place].is_nan());
    let unseen = network.missing.iter().enumerate().position(|(place, missing)| *missing == Missing::Given && !shown(place));
    unseen.map_or(Ok(()), |place| Err(Error::Unseen { feature: imported.features[place].clone() }))
}

/// The median of the numbers among some values.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut numbers: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{read, verify};

    /// Of the features f0 and f1; its last output is the probabilities of both classes.
    const ONNX: &[u8] = include_bytes!("../../../scoring/tests/network.onnx");

    fn settled(table: &str, said: &Said) -> Result<Imported, Error> {
        let mut imported = read(ONNX).unwrap();
        imported.name_features(table.as_bytes())?;
        let rows = GoldenRows::read(table.as_bytes(), &imported.features)?;
        settle(&mut imported, &rows, said)?;
        verify(&imported.scorer, &rows)?;
        Ok(imported)
    }

    #[test]
    fn a_network_is_completed_with_what_is_said_of_it() {
        let value = |feature: Option<&str>, value: f64| (feature.map(str::to_owned), Missing::Value(value));
        // The log-odds are 0.25 of each, of the last with an f1 of 0 in place of the missing one.
        let table = "f1,f0,prediction\n0,0,0.5621765\n1,3,0.5621765\n,0,0.5621765\n";
        let said = Said { missing: vec![value(Some("f1"), 0.0), value(None, 9.0)], ..Said::default() };
        let imported = settled(table, &said).unwrap();
        assert_eq!(imported.features, ["f0", "f1"]);
        let Model::Network(network) = &imported.scorer.model else { panic!("it is one") };
        assert_eq!((network.output.as_str(), network.gives), ("two", Gives::Probability));
        assert_eq!(network.missing, [Missing::Value(9.0), Missing::Value(0.0)]);
        assert_eq!(network.usual, [Some(0.0), Some(1.0)]);
        let named = settled("amount,age,prediction\n0,0,0.5621765\n", &Said::default()).unwrap();
        assert_eq!(named.features, ["amount", "age"]);
    }

    #[test]
    fn what_is_not_said_is_named() {
        let check = |table: &str, said: Said, expect: &str| assert_eq!(settled(table, &said).unwrap_err().to_string(), expect);
        let nothing = Said::default;
        check(
            "f0,f1,prediction\n0,0,0.5621765\n0,,0.5621765\n",
            nothing(),
            "row 2 of the known predictions lacks f1, and nothing says what a missing value counts as",
        );
        let of =
            |feature: Option<&str>, missing| Said { missing: vec![(feature.map(str::to_owned), missing)], ..Said::default() };
        check(
            "f0,f1,prediction\n0,0,0.5621765\n",
            of(Some("age"), Missing::Value(0.0)),
            "the model does not read age, so that it cannot be missing",
        );
        check(
            "f0,f1,prediction\n0,0,0.5621765\n",
            of(Some("f1"), Missing::Given),
            "no row of the known predictions lacks f1, so that nothing shows what the network makes of it",
        );
        let differs = settled("f0,f1,prediction\n0,0,0.5622\n", &nothing());
        assert!(matches!(differs, Err(Error::Differs { row: 1, expected: 0.5622, .. })), "{differs:?}");
        check(
            "f0,f1,prediction\n1e300,0,0.5\n",
            nothing(),
            "row 1 of the known predictions gives no number from 0 to 1; perhaps the network gives log-odds",
        );
    }

    #[test]
    fn nothing_may_be_said_of_other_models() {
        let linear = scoring::model::Linear { intercept: 0.0, weights: vec![1.0], means: vec![0.0], deviations: vec![1.0] };
        let mut imported = read(&crate::export::onnx(&Model::Linear(linear), &["f0".to_owned()])).unwrap();
        let rows = GoldenRows { values: vec![vec![0.0]], predictions: vec![0.5] };
        assert_eq!(settle(&mut imported, &rows, &Said::default()), Ok(()));
        let said = Said { gives: Gives::LogOdds, ..Said::default() };
        assert_eq!(settle(&mut imported, &rows, &said), Err(Error::NoNetwork));
    }
}
