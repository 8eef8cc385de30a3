//! What is asked for in the log: control records that want the model to be trained anew. The log is followed beside the server that
//! writes it.

use std::sync::Arc;

use ingest::log::{Followed, Position, Topic};
use scoring::Control;

use super::runs::Want;

/// The log, as far as it was read.
pub(super) struct Wanted {
    log: Arc<dyn Followed>,
    read_to: Position,
}

impl Wanted {
    /// Of what is asked for from a position on.
    pub(super) const fn new(log: Arc<dyn Followed>, read_to: Position) -> Self {
        Self { log, read_to }
    }

    /// Before this position everything was given.
    pub(super) const fn read_to(&self) -> Position {
        self.read_to
    }

    /// What was asked for since.
    pub(super) fn next(&mut self) -> Result<Vec<Want>, scoring::Error> {
        let mut wants = Vec::new();
        self.log.refresh()?;
        for record in self.log.read(self.read_to)? {
            let record = record?;
            if record.topic == Topic::Control {
                let unreadable = |source| scoring::Error::Unreadable { position: record.position, source };
                if let Control::RetrainWanted { by, reason, .. } = Control::decode(&record.payload).map_err(unreadable)? {
                    wants.push(Want { by, reason });
                }
            }
            self.read_to = record.position.next();
        }
        Ok(wants)
    }
}

#[cfg(test)]
mod tests {
    use ingest::Timestamp;
    use ingest::log::Log;
    use ingest::log::file::{FileLog, FileReader, Options};

    use super::*;

    #[test]
    fn each_want_is_given_once_while_the_log_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (log, _) = FileLog::open(folder.path(), Options::default()).unwrap();
        let at = Timestamp::from_micros(0);
        let ask = |by: &str| {
            let want = Control::RetrainWanted { by: by.to_owned(), reason: "drift".to_owned(), at };
            log.append(Topic::Control, &want.encode()).unwrap();
        };
        let mut wanted = Wanted::new(Arc::new(FileReader::open(folder.path()).unwrap()), Position(0));
        let mut check = |expect: &[&str], read_to: u64| {
            log.flush().unwrap();
            let given: Vec<String> = wanted.next().unwrap().into_iter().map(|want| want.by).collect();
            assert_eq!(given, expect);
            assert_eq!(wanted.read_to(), Position(read_to));
        };
        check(&[], 0);
        ask("psi");
        log.append(Topic::Event, b"an event").unwrap();
        let other = Control::Promoted { name: "m".to_owned(), version: 1, by: "ada".to_owned(), reason: String::new(), at };
        log.append(Topic::Control, &other.encode()).unwrap();
        check(&["psi"], 3);
        check(&[], 3);
        ask("ada");
        ask("psi");
        check(&["ada", "psi"], 5);
    }
}
