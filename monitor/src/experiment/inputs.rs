//! What two models read: only where what both read means the same can their scores be of the same events.

use std::collections::BTreeMap;

use scoring::registry::About;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// How the features that two models read differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// Features that only the champion reads.
    pub only_champion: Vec<String>,
    /// Features that only the challenger reads.
    pub only_challenger: Vec<String>,
}

impl Inputs {
    /// Of two models.
    ///
    /// # Errors
    /// [`Error::Inputs`] where a feature that both read is defined otherwise for one: no pipeline computes both.
    pub fn new(champion: &About, challenger: &About) -> Result<Self, Error> {
        let [ours, theirs] = [champion, challenger].map(versions);
        let otherwise = |(name, version): (&&str, &Option<&str>)| {
            let other = theirs.get(name)?;
            (version.is_some() && other.is_some() && version != other).then(|| (*name).to_owned())
        };
        let features: Vec<String> = ours.iter().filter_map(otherwise).collect();
        if !features.is_empty() {
            return Err(Error::Inputs { features });
        }
        let without = |some: &BTreeMap<&str, _>, others: &BTreeMap<&str, _>| {
            some.keys().filter(|name| !others.contains_key(*name)).map(|name| (*name).to_owned()).collect()
        };
        Ok(Self { only_champion: without(&ours, &theirs), only_challenger: without(&theirs, &ours) })
    }

    /// What differs, in words; nothing where both read the same.
    pub fn difference(&self) -> Option<String> {
        let part =
            |who: &str, names: &[String]| (!names.is_empty()).then(|| format!("only the {who} reads {}", names.join(", ")));
        let parts: Vec<String> =
            [part("champion", &self.only_champion), part("challenger", &self.only_challenger)].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// The features of a model, each with the hash of its definition where that is known.
fn versions(about: &About) -> BTreeMap<&str, Option<&str>> {
    let version = |place: usize| about.feature_versions.get(place).map(String::as_str);
    about.features.iter().enumerate().map(|(place, name)| (name.as_str(), version(place))).collect()
}
