//! Groups of features of which each two say the same: complete linkage, so that no chain of likenesses brings together what is
//! unlike.

use super::correlation::Correlations;

/// Some features that say the same.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    /// Their places, rising.
    pub(super) members: Vec<usize>,
    /// The least correlation of two of them, without its sign.
    pub(super) weakest: f64,
}

/// Brings together, again and again, the two groups whose least correlation is the highest, while it reaches `from`; of equals
/// those that come first. The groups with two members or more, in the order of their first ones.
pub(super) fn complete_linkage(correlations: &Correlations, from: f64) -> Vec<Group> {
    let width = correlations.width;
    let mut groups: Vec<Group> = (0..width).map(|member| Group { members: vec![member], weakest: 1.0 }).collect();
    // What links each group to those after it, where it reaches `from`: few do.
    let mut links: Vec<(usize, usize, f64)> = Vec::new();
    for one in 0..width {
        for other in one + 1..width {
            let link = correlations.of(one, other).abs();
            if link >= from {
                links.push((one, other, link));
            }
        }
    }
    while let Some(&(one, other, link)) = links.iter().reduce(|best, next| if next.2 > best.2 { next } else { best }) {
        let joined = std::mem::take(&mut groups[other].members);
        groups[one].members.extend(joined);
        groups[one].weakest = link;
        links = relinked(&links, one, other);
    }
    groups.retain(|group| group.members.len() > 1);
    groups.iter_mut().for_each(|group| group.members.sort_unstable());
    groups
}

/// The links when `other` has become a part of `one`: of the two links to each third group the weaker one counts, and without
/// either there is none. The order stays that of the groups.
fn relinked(links: &[(usize, usize, f64)], one: usize, other: usize) -> Vec<(usize, usize, f64)> {
    let mut of_other = std::collections::BTreeMap::new();
    for &(a, b, link) in links {
        if a == other || b == other {
            of_other.insert(if a == other { b } else { a }, link);
        }
    }
    let mut relinked = Vec::new();
    for &(a, b, link) in links.iter().filter(|(a, b, _)| *a != other && *b != other) {
        if a != one && b != one {
            relinked.push((a, b, link));
        } else if let Some(second) = of_other.get(&if a == one { b } else { a }) {
            relinked.push((a, b, link.min(*second)));
        }
    }
    relinked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_worked_by_hand() {
        let check = |width: usize, pairs: &[(usize, usize, f64)], expect: &[(&[usize], f64)]| {
            let groups = complete_linkage(&Correlations::from_pairs(width, pairs), 0.9);
            let groups: Vec<(&[usize], f64)> = groups.iter().map(|group| (group.members.as_slice(), group.weakest)).collect();
            assert_eq!(groups, expect, "{pairs:?}");
        };
        check(0, &[], &[]);
        check(2, &[(0, 1, 0.89)], &[]);
        check(2, &[(0, 1, -0.9)], &[(&[0, 1], 0.9)]);
        // A chain: the stronger pair, and the third one is not like both.
        check(3, &[(0, 1, 0.92), (1, 2, 0.95), (0, 2, 0.8)], &[(&[1, 2], 0.95)]);
        check(3, &[(0, 1, 0.92), (1, 2, 0.95), (0, 2, 0.91)], &[(&[0, 1, 2], 0.91)]);
        // Of equals the first pair.
        check(3, &[(0, 1, 0.95), (1, 2, 0.95), (0, 2, 0.8)], &[(&[0, 1], 0.95)]);
        check(4, &[(0, 3, 0.99), (1, 2, 0.91)], &[(&[0, 3], 0.99), (&[1, 2], 0.91)]);
        let all = [(0, 1, 0.99), (2, 3, 0.98), (0, 2, 0.93), (0, 3, 0.94), (1, 2, 0.95), (1, 3, 0.92)];
        check(4, &all, &[(&[0, 1, 2, 3], 0.92)]);
    }
}
