//! A thread of another program that stands still: to the rest of it, as one looks whose disk does not answer.

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

/// A thread that stands still until this is dropped, which whoever stopped it does.
pub struct Frozen(Pid);

impl Frozen {
    /// Stops the thread of this name; `None` where the machine does not allow that, and that is said.
    pub fn thread(process: u32, name: &str) -> Option<Self> {
        let tasks = std::fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
        let is_it = |path: &std::path::PathBuf| std::fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim() == name);
        let found = tasks.map(|task| task.expect("it can be listed").path()).find(is_it);
        let found = found.unwrap_or_else(|| panic!("{process} has no thread {name}"));
        let number = found.file_name().and_then(|number| number.to_str()).and_then(|number| number.parse().ok());
        let thread = Pid::from_raw(number.expect("tasks are numbers"));
        match ptrace::seize(thread, ptrace::Options::empty()) {
            Err(Errno::EPERM | Errno::ENOSYS) => {
                eprintln!("skipped: threads of other programs cannot be stopped here");
                return None;
            }
            seized => seized.expect("it can be traced"),
        }
        ptrace::interrupt(thread).expect("it is traced");
        waitpid(thread, Some(WaitPidFlag::__WALL)).expect("it stops");
        Some(Self(thread))
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // One that was killed meanwhile has nothing to go on with.
        let _ = ptrace::detach(self.0, None);
    }
}
