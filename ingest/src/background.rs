//! Threads behind the path of answers. They give way to it: where the machine has not enough for both, answers come first and what
//! follows the log falls behind, as its metrics say. What takes long and has time is done in short pieces with rests between: a third of a
//! second on one of two cores is felt by every answer of that third, whatever its priority.

use std::cell::RefCell;
use std::io;
use std::thread::{self, Builder, JoinHandle};
use std::time::{Duration, Instant};

use thread_priority::{ThreadPriority, set_current_thread_priority};

/// Of 100, where 50 is usual: on Linux that is `nice` 9, which beside a thread that answers is about an eighth of a core.
const PRIORITY: u8 = 25;

/// So long unhurried work goes on without a rest.
const PIECE: Duration = Duration::from_micros(500);
/// A rest is so many times as long as the work before it: a third of a core is left to what is unhurried.
const REST: u32 = 2;

thread_local! {
    /// `None` where this thread does not rest.
    static UNHURRIED: RefCell<Option<Unhurried>> = const { RefCell::new(None) };
}

struct Unhurried {
    /// Since when it goes on without a rest.
    since: Instant,
    hurries: Box<dyn Fn() -> bool>,
}

/// Starts a thread that gives way.
///
/// # Errors
/// When the machine gives no thread.
pub fn spawn<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> io::Result<JoinHandle<T>> {
    let work = move || {
        give_way();
        work()
    };
    Builder::new().name(name.to_owned()).spawn(work)
}

/// Has the calling thread give way from here on.
pub fn give_way() {
    let priority = ThreadPriority::Crossplatform(PRIORITY.try_into().expect("it is below 100"));
    if let Err(error) = set_current_thread_priority(priority) {
        tracing::debug!(?error, "a thread behind the path of answers runs beside it");
    }
}

/// Does work that has time: wherever it comes by [`rest`], it rests if it is due. Elsewhere nothing rests.
pub fn unhurried<T>(work: impl FnOnce() -> T) -> T {
    unhurried_until(|| false, work)
}

/// Does work that has time until it hurries: from then on nothing rests.
pub fn unhurried_until<T>(hurries: impl Fn() -> bool + 'static, work: impl FnOnce() -> T) -> T {
    let before = UNHURRIED.replace(Some(Unhurried { since: Instant::now(), hurries: Box::new(hurries) }));
    let done = work();
    UNHURRIED.set(before);
    done
}

/// Between two pieces of work, as often as one likes: rests twice as long as the thread has worked since it last did, if that is half a
/// millisecond or more, and the work is [`unhurried`].
#[allow(clippy::disallowed_methods, reason = "a rest waits for nothing but its own end")]
pub fn rest() {
    UNHURRIED.with_borrow_mut(|unhurried| {
        let Some(Unhurried { since, hurries }) = unhurried else { return };
        if let Some(rest) = due_after(since.elapsed()).filter(|_| !hurries()) {
            thread::sleep(rest);
            *since = Instant::now();
        }
    });
}

/// The rest that is due after so much work.
fn due_after(worked: Duration) -> Option<Duration> {
    (worked >= PIECE).then(|| worked * REST)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_thread_gives_way_by_itself() {
        let nice = || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("Linux tells");
            let after_name = stat.rsplit(')').next().expect("a name in brackets");
            after_name.split_whitespace().nth(16).and_then(|nice| nice.parse::<i32>().ok()).expect("a number")
        };
        let before = nice();
        let below = spawn("below", nice).expect("a thread").join().expect("it ends");
        assert_eq!((below, nice()), (9, before));
    }

    #[test]
    fn a_rest_is_twice_as_long_as_the_work() {
        assert_eq!(due_after(PIECE - Duration::from_nanos(1)), None);
        assert_eq!(due_after(PIECE), Some(PIECE * 2));
        assert_eq!(due_after(Duration::from_millis(7)), Some(Duration::from_millis(14)));
    }

    /// How often it rests: a rest ends with a new beginning of work.
    fn rests(times: u32) -> u32 {
        let since = || UNHURRIED.with_borrow(|unhurried| unhurried.as_ref().map(|work| work.since));
        let work = || {
            let before = since();
            let began = Instant::now();
            while began.elapsed() < PIECE {}
            rest();
            u32::from(since() != before)
        };
        (0..times).map(|_| work()).sum()
    }

    #[test]
    fn only_unhurried_work_rests() {
        assert_eq!(rests(3), 0);
        assert_eq!(unhurried(|| rests(3)), 3);
        assert_eq!(rests(3), 0, "it rests after the unhurried work, too");
    }

    #[test]
    fn work_that_hurries_does_not_rest() {
        let asked = Cell::new(0);
        let hurries = move || {
            asked.set(asked.get() + 1);
            asked.get() > 2
        };
        assert_eq!(unhurried_until(hurries, || rests(5)), 2);
    }
}
