//! Threads behind the path of answers. They give way to it: where the machine has not enough for both, answers come first and what
//! follows the log falls behind, as its metrics say.

use std::io;
use std::thread::{Builder, JoinHandle};

use thread_priority::{ThreadPriority, set_current_thread_priority};

/// Of 100, where 50 is usual: on Linux that is `nice` 9, which beside a thread that answers is about an eighth of a core.
const PRIORITY: u8 = 25;

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

#[cfg(all(test, target_os = "linux"))]
mod tests {
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
}
