//! Pieces of work shared out among threads, with results in the order of the pieces.

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};

/// The results of so many pieces of work, in their order. Each thread (no number of them is taken as one) has something of its
/// own to work with, that `own` makes.
pub fn on_threads<O, T: Send>(
    pieces: usize,
    threads: usize,
    own: impl Fn() -> O + Sync,
    work: impl Fn(usize, &mut O) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let run = || {
        let (mut own, mut done) = (own(), Vec::new());
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= pieces {
                return done;
            }
            done.push((piece, work(piece, &mut own)));
        }
    };
    let mut done = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.clamp(1, pieces.max(1))).map(|_| scope.spawn(run)).collect();
        let join = |thread: ScopedJoinHandle<'_, _>| thread.join().unwrap_or_else(|cause| panic::resume_unwind(cause));
        threads.into_iter().flat_map(join).collect::<Vec<(usize, T)>>()
    });
    done.sort_unstable_by_key(|(piece, _)| *piece);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_pieces() {
        for threads in [0, 1, 3, 200] {
            let squares = on_threads(100, threads, || 1, |piece, one| piece * piece * *one);
            assert!(squares.iter().enumerate().all(|(piece, square)| *square == piece * piece), "{threads} threads");
        }
        assert_eq!(on_threads(0, 2, || (), |piece, ()| piece), Vec::<usize>::new());
    }
}
