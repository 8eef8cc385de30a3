//! What queues have refused and not taken since. Whoever tells it again tells only those who lack it: the others would take it once more, once
//! they have forgotten its id. And it is counted and written into the program's own messages once.

use std::collections::VecDeque;

/// So many are remembered, far more than anybody tells again. One that was forgotten is told to all again, and counted anew.
const REMEMBERED: usize = 10_000;

/// By the id of a notification the places of those who lack it.
#[derive(Debug, Default)]
pub(super) struct Refusals(VecDeque<(String, Vec<usize>)>);

impl Refusals {
    /// Who lacks it since it was told before; `None` where nobody is known to.
    pub(super) fn of(&self, id: &str) -> Option<Vec<usize>> {
        self.0.iter().find(|(known, _)| known == id).map(|(_, by)| by.clone())
    }

    /// Takes who refused it when it was told last; nobody, where all have it.
    pub(super) fn keep(&mut self, id: &str, by: Vec<usize>) {
        self.0.retain(|(known, _)| known != id);
        if by.is_empty() {
            return;
        }
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((id.to_owned(), by));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lacks_what_is_known_until_they_have_it() {
        let mut refusals = Refusals::default();
        assert_eq!(refusals.of("a"), None);
        refusals.keep("a", vec![0, 2]);
        refusals.keep("b", vec![1]);
        assert_eq!((refusals.of("a"), refusals.of("b")), (Some(vec![0, 2]), Some(vec![1])));
        refusals.keep("a", vec![2]);
        assert_eq!(refusals.of("a"), Some(vec![2]));
        refusals.keep("a", Vec::new());
        assert_eq!((refusals.of("a"), refusals.of("b")), (None, Some(vec![1])));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut refusals = Refusals::default();
        for number in 0..=REMEMBERED {
            refusals.keep(&number.to_string(), vec![0]);
        }
        assert_eq!((refusals.0.len(), refusals.of("0"), refusals.of("1")), (REMEMBERED, None, Some(vec![0])));
    }
}
