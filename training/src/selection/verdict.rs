//! What follows from the figures of a feature. The reasons are tried in a fixed order, and the first that holds is named. A
//! feature that says the same as another is dropped for that only while the other one is kept; and neither is judged by what the
//! model loses without it alone, but by what it loses without both.

use std::collections::BTreeSet;

use super::clusters::Group;
use super::correlation::Ranked;
use super::result::{Cluster, Feature, Importance, Loss, Reason, Stability, Verdict};
use super::settings::Settings;

/// A loss is one so many standard errors above zero.
const CLEAR_ERRORS: f64 = 2.0;
/// An area under the curve is no chance so many standard errors above 0.5.
const CLEAR_ORDER_ERRORS: f64 = 3.0;

/// Sets the verdict of each feature; the groups by name. `joint` holds what is lost without each group.
pub(super) fn decide(
    features: &mut [Feature],
    groups: &[Group],
    joint: Option<&[Importance]>,
    ranked: &Ranked,
    settings: &Settings,
) -> Vec<Cluster> {
    for feature in features.iter_mut() {
        feature.verdict = by_itself(feature, settings).map_or(Verdict::Kept, Verdict::Dropped);
    }
    let helps = |importance: Option<Importance>| importance.is_none_or(|importance| helps(importance, settings));
    let (mut clusters, mut dropped) = (Vec::new(), Vec::new());
    for (number, group) in groups.iter().enumerate() {
        let importance = joint.map(|joint| joint[number]);
        let representative = representative(features, &group.members);
        let name = features[representative].name.clone();
        for &member in group.members.iter().filter(|member| features[**member].is_kept()) {
            if !helps(importance) {
                dropped.push((member, Reason::DoesNotHelp));
            } else if member != representative {
                let correlation = ranked.between(representative, member);
                dropped.push((member, Reason::Redundant { with: name.clone(), correlation }));
            }
        }
        let names = group.members.iter().map(|member| features[*member].name.clone()).collect();
        clusters.push(Cluster { features: names, representative: name, weakest: group.weakest, importance });
    }
    let in_group: BTreeSet<usize> = groups.iter().flat_map(|group| group.members.iter().copied()).collect();
    for (place, feature) in features.iter().enumerate() {
        if feature.is_kept() && !in_group.contains(&place) && !helps(feature.importance) {
            dropped.push((place, Reason::DoesNotHelp));
        }
    }
    for (place, reason) in dropped {
        features[place].verdict = Verdict::Dropped(reason);
    }
    clusters
}

/// What speaks against a feature whatever the others are.
fn by_itself(feature: &Feature, settings: &Settings) -> Option<Reason> {
    if feature.is_constant() {
        return Some(Reason::Constant);
    }
    if feature.stability.as_ref().is_some_and(|stability| is_unstable(stability, settings)) {
        return Some(Reason::Unstable);
    }
    let is_needed = feature.importance.is_some_and(|importance| helps(importance, settings));
    (tells_little(feature, settings) && !is_needed).then_some(Reason::LowInformation)
}

fn tells_little(feature: &Feature, settings: &Settings) -> bool {
    // An order of many values tells more than chance sooner than bins do.
    let is_clear = feature.auc_error.is_some_and(|error| feature.auc - 0.5 >= CLEAR_ORDER_ERRORS * error);
    let is_chance = feature.information_value < feature.chance_information && !is_clear;
    feature.information_value < settings.least_information || is_chance
}

/// The mean decides, so that one odd month does not condemn a feature.
fn is_unstable(stability: &Stability, settings: &Settings) -> bool {
    let by_chance = stability.psi_by_chance.iter().sum::<f64>() / stability.psi_by_chance.len() as f64;
    stability.turns > 0 || stability.mean_psi >= settings.psi.max(by_chance)
}

/// The member with the highest information value of those that are kept, or else of all; of equals the first.
fn representative(features: &[Feature], members: &[usize]) -> usize {
    let rank = |member: usize| (features[member].is_kept(), features[member].information_value);
    let better = |best: usize, next: usize| if rank(next) > rank(best) { next } else { best };
    members.iter().copied().reduce(better).expect("a group has members")
}

fn helps(importance: Importance, settings: &Settings) -> bool {
    let is_loss = |loss: Loss| loss.mean >= settings.least_loss && loss.mean > CLEAR_ERRORS * loss.error;
    is_loss(importance.auc) || is_loss(importance.average_precision)
}
