//! `tests/peers/python`, which runs the programs of others with what they need: whatever happens to it, the next run goes well or says why not.

#[path = "support/needs.rs"]
mod needs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A copy of it in a folder with requirements of its own, and a home of its own.
struct Peers {
    folder: tempfile::TempDir,
}

impl Peers {
    /// `None` where there is no Python, and that is said.
    fn new(requirements: &str) -> Option<Self> {
        if Command::new("python3").arg("--version").stdout(Stdio::null()).status().is_err() {
            needs::missing("python3");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let wrapper = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/python");
        fs::copy(wrapper, folder.path().join("python")).expect("copied");
        fs::write(folder.path().join("requirements.txt"), requirements).expect("written");
        fs::write(folder.path().join("says.py"), "import sys\nprint(sys.argv[1:], sys.prefix)\nsys.exit(7)\n").expect("written");
        Some(Self { folder })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.folder.path().join("python"));
        command.arg(self.folder.path().join("says.py")).args(["two words", "*"]);
        command.env("XDG_CACHE_HOME", self.folder.path().join("cache")).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self) -> Output {
        self.command().output().expect("it starts")
    }

    fn environments(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path().join("cache/riskflow")).expect("it was made");
        entries.map(|entry| entry.expect("it can be listed").path()).filter(|path| path.is_dir()).collect()
    }
}

/// The script was run as it was asked to, in the environment.
fn check_ran(output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("['two words', '*'] "), "{output:?}");
    assert!(said.contains("cache/riskflow/peers-"), "{said}");
    assert_eq!(output.status.code(), Some(7), "its exit code is passed on");
}

#[test]
fn an_environment_is_made_once_and_anew_where_it_was_not_finished() {
    let Some(peers) = Peers::new("# nothing is needed\n") else { return };
    // Two at once, of which one makes it and the other waits.
    let both = [(); 2].map(|()| peers.command().spawn().expect("it starts"));
    for child in both {
        check_ran(&child.wait_with_output().expect("it ends"));
    }
    let [environment] = <[PathBuf; 1]>::try_from(peers.environments()).expect("one environment");
    let (mark, own) = (environment.join("complete"), environment.join("of-the-first"));
    fs::write(&own, "").expect("written");
    check_ran(&peers.run());
    assert!(own.exists(), "it is used again");
    fs::remove_file(&mark).expect("it was finished");
    check_ran(&peers.run());
    assert!(!own.exists() && mark.exists(), "what was cut short is made anew");

    // Other requirements are another environment.
    fs::write(peers.folder.path().join("requirements.txt"), "# nothing else either\n").expect("written");
    check_ran(&peers.run());
    assert_eq!(peers.environments().len(), 2);
}

#[test]
fn what_cannot_be_had_is_said_and_tried_again() {
    let Some(peers) = Peers::new("./nowhere\n") else { return };
    for _ in 0..2 {
        let failed = peers.run();
        assert!(!failed.status.success() && failed.stdout.is_empty(), "{failed:?}");
        assert!(String::from_utf8_lossy(&failed.stderr).contains("nowhere"), "{failed:?}");
    }
    assert!(peers.environments().iter().all(|environment| !environment.join("complete").exists()));
    fs::write(peers.folder.path().join("requirements.txt"), "# it was a slip\n").expect("written");
    check_ran(&peers.run());
}
