use std::path::Path;
use std::sync::Arc;

use ingest::Timestamp;
use ingest::log::file::{FileLog, Options};
use ingest::log::{Log, Position, Topic};
use proptest::prelude::*;

use super::*;
use crate::control::{Control, State};

const AT: Timestamp = Timestamp::from_micros(1_000_000);

fn draft(who: &str, object: &str) -> Draft {
    Draft { reason: "a reason".to_owned(), ..Draft::new(AT, who, "changed", object) }
}

/// A chain of so many entries.
fn chain(folder: &Path, entries: usize) -> Chain {
    let chain = Chain::of(folder);
    for number in 1..=entries {
        chain.append(vec![draft("ada", &format!("thing {number}"))]).expect("it is added");
    }
    chain
}

fn text(chain: &Chain) -> String {
    std::fs::read_to_string(chain.path()).expect("it is there")
}

fn broken(chain: &Chain) -> String {
    verify(chain, &[], None).expect_err("it is broken").to_string()
}

#[test]
fn an_entry_stands_in_the_file_as_anybody_can_check_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let chain = chain(folder.path(), 1);
    let zeros = "0".repeat(64);
    let body = format!(
        r#"{{"sequence":1,"at":"1970-01-01T00:00:01Z","who":"ada","what":"changed","object":"thing 1","reason":"a reason","previous":"{zeros}"}}"#
    );
    let hash = Recorded::new(Position(0), body.as_bytes()).sha256;
    assert_eq!(text(&chain), format!("{},\"hash\":\"{hash}\"}}\n", body.strip_suffix('}').expect("an object")));
    let verified = verify(&chain, std::slice::from_ref(&hash), None).expect("it holds");
    assert_eq!(verified, Verified { entries: 1, head: Some(hash), records: 0, behind: 0 });
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(chain.path()).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_byte_that_is_flipped_anywhere_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let chain = chain(folder.path(), 4);
    let whole = std::fs::read(chain.path()).expect("it is there");
    let mut line = 1;
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        std::fs::write(chain.path(), &bytes).expect("written");
        let said = broken(&chain);
        assert!(said.contains(&format!("broken at entry {line} (line {line} of ")), "byte {place} of line {line}: {said}");
        line += usize::from(whole[place] == b'\n');
    }
}

#[test]
fn entries_that_are_taken_out_put_in_moved_or_made_anew_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let chain = chain(folder.path(), 5);
    let whole = text(&chain);
    let lines: Vec<&str> = whole.lines().collect();
    let check = |order: &[usize], expect: &str| {
        let text: String = order.iter().map(|number| format!("{}\n", lines[number - 1])).collect();
        std::fs::write(chain.path(), text).expect("written");
        let said = broken(&chain);
        assert!(said.contains(expect), "{order:?}: {said}");
    };
    check(&[2, 3, 4, 5], "entry 1 (line 1 of");
    check(&[1, 2, 4, 5], "entry 3 (line 3 of");
    check(&[1, 2, 4, 5], "it is numbered 4, and 3 was expected: entries were taken out, put in or moved");
    check(&[1, 3, 2, 4, 5], "it is numbered 3, and 2 was expected");
    check(&[1, 2, 2, 3, 4, 5], "it is numbered 2, and 3 was expected");
    // Somebody knows how it is made, and makes one entry anew: the next one tells.
    let mut last: Option<Sealed> = None;
    let mut other = String::new();
    for (place, line) in lines.iter().enumerate() {
        let mut sealed = Sealed::parse(line.as_bytes()).expect("an entry");
        if place == 1 {
            sealed = Sealed::following(last.as_ref(), draft("eve", "thing 2"));
        }
        other.push_str(&sealed.line());
        other.push('\n');
        last = Some(sealed);
    }
    std::fs::write(chain.path(), other).expect("written");
    assert!(
        broken(&chain).contains("broken at entry 3 (line 3 of") && broken(&chain).contains("it follows an entry with the hash")
    );
}

#[test]
fn an_end_that_is_cut_off_is_noticed_by_its_head() {
    let folder = tempfile::tempdir().expect("a folder");
    let chain = chain(folder.path(), 4);
    let head = chain.head().expect("it can be read").expect("there is one").hash;
    let whole = text(&chain);
    let ends: Vec<usize> = whole.match_indices('\n').map(|(place, _)| place + 1).collect();
    for end in 0..whole.len() {
        std::fs::write(chain.path(), &whole[..end]).expect("written");
        let said = verify(&chain, std::slice::from_ref(&head), None).expect_err("it is cut").to_string();
        let entry = ends.iter().filter(|line_end| **line_end <= end).count();
        if end == 0 || ends.contains(&end) {
            assert!(said.contains(&format!("no entry has the hash {head}")), "{end}: {said}");
            assert!(said.contains(&format!("the last one, entry {entry}, has")), "{end}: {said}");
        } else {
            assert!(said.contains(&format!("entry {} ", entry + 1)) && said.contains("it is not finished"), "{end}: {said}");
        }
    }
    // What a crash has left is cut off by the next entry, and told.
    std::fs::write(chain.path(), &whole[..whole.len() - 7]).expect("written");
    chain.append(vec![draft("bob", "thing 5")]).expect("it goes on");
    assert_eq!(verify(&chain, &[], None).expect("it holds").entries, 5);
    let cut = &chain.page(|entry| entry.what == "cut", None, 9).expect("it can be read").entries[0];
    assert_eq!((cut.entry.sequence, cut.entry.who.as_str()), (4, "riskflow"));
    assert!(verify(&chain, &[head], None).is_err());
    // What is damaged is not gone on from.
    let mut bytes = std::fs::read(chain.path()).expect("it is there");
    let place = bytes.len() - 80;
    bytes[place] ^= 1;
    std::fs::write(chain.path(), bytes).expect("written");
    let refused = chain.append(vec![draft("bob", "thing 6")]).expect_err("it is damaged").to_string();
    assert!(refused.contains("is damaged at byte") && refused.contains("riskflow audit verify"), "{refused}");
}

#[test]
fn several_at_once_make_one_chain() {
    let folder = tempfile::tempdir().expect("a folder");
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let chain = Chain::of(folder.path());
            scope.spawn(move || {
                for number in 0..25 {
                    chain.append(vec![draft(&format!("w{writer}"), &number.to_string())]).expect("it is added");
                }
            });
        }
    });
    assert_eq!(verify(&Chain::of(folder.path()), &[], None).expect("it holds").entries, 100);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn pages_together_are_the_chain(whos in proptest::collection::vec((0_u8..3, 0_usize..400), 0..60), limit in 1_usize..7) {
        let folder = tempfile::tempdir().expect("a folder");
        let chain = Chain::of(folder.path());
        let drafts = whos.iter().map(|(who, length)| draft(&format!("w{who}"), &"\u{e4}\"\n".repeat(*length))).collect();
        chain.append(drafts).expect("added");
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let found = chain.page(|entry| entry.who == "w1", cursor, limit).expect("it can be read");
            prop_assert!(found.entries.len() <= limit);
            seen.extend(found.entries.into_iter().map(|sealed| sealed.entry.sequence));
            cursor = found.next;
            if cursor.is_none() {
                break;
            }
        }
        let mut expect: Vec<u64> = (1..).zip(&whos).filter(|(_, (who, _))| *who == 1).map(|(number, _)| number).collect();
        expect.reverse();
        prop_assert_eq!(seen, expect);
        prop_assert_eq!(verify(&chain, &[], None).expect("it holds").entries, whos.len() as u64);
        if !whos.is_empty() {
            let is_refused = matches!(chain.page(|_| true, Some(1), 1), Err(Error::Cursor { cursor: 1 }));
            prop_assert!(is_refused);
        }
    }
}

fn promoted(version: u32) -> Control {
    Control::Promoted { name: "m".to_owned(), version, by: "ada".to_owned(), reason: "better".to_owned(), at: AT }
}

/// A log with some control records in it, at 1 and 3.
fn log(folder: &Path) -> Arc<dyn Log> {
    let (log, _) = FileLog::open(&folder.join("log"), Options::default()).expect("it opens");
    for control in [promoted(1), promoted(2)] {
        log.append(Topic::Shadow, b"x").expect("it takes it");
        log.append(Topic::Control, &control.encode()).expect("it takes it");
    }
    log.flush().expect("it is durable");
    Arc::new(log)
}

#[tokio::test]
async fn control_records_are_told_once_whatever_ends_in_between() {
    let folder = tempfile::tempdir().expect("a folder");
    let (log, chain) = (log(folder.path()), Chain::of(folder.path()));
    let run = async || Auditor::start(Arc::clone(&log), folder.path()).expect("a thread").stop().await;
    let told = || -> Vec<(u64, String)> {
        let page = chain.page(|_| true, None, 99).expect("it can be read");
        page.entries.iter().map(|sealed| (sealed.entry.sequence, sealed.entry.object.clone())).collect()
    };
    run().await;
    let both = vec![(2, "model m 2".to_owned()), (1, "model m 1".to_owned())];
    assert_eq!(told(), both);
    run().await;
    // Without what it remembers, and with something else at the end of the chain.
    std::fs::remove_file(folder.path().join("audit.position")).expect("it was there");
    chain.append(vec![draft("ada", "something else")]).expect("added");
    run().await;
    assert_eq!(told().len(), 3);
    log.append(Topic::Control, &promoted(3).encode()).expect("it takes it");
    log.flush().expect("it is durable");
    let verified = verify(&chain, &[], Some(&*log)).expect("it holds");
    assert_eq!((verified.entries, verified.records, verified.behind), (3, 2, 1));
    run().await;
    let verified = verify(&chain, &[], Some(&*log)).expect("it holds");
    assert_eq!((verified.entries, verified.records, verified.behind), (4, 3, 0));
    let newest = chain.head().expect("it can be read").expect("there is one").entry;
    assert_eq!((newest.before.as_str(), newest.after.as_str()), ("the champion: m 2", "m 3 becomes champion"));
    assert_eq!((newest.who.as_str(), newest.reason.as_str(), newest.what.as_str()), ("ada", "better", "promoted"));

    // An end that was cut off costs what was not in the log; what was is told again.
    let whole = text(&chain);
    std::fs::write(chain.path(), whole.lines().take(1).map(|line| format!("{line}\n")).collect::<String>()).expect("written");
    run().await;
    let again: Vec<String> = told().into_iter().map(|(_, object)| object).collect();
    assert_eq!(again, ["model m 3", "model m 2", "model m 1"]);
}

#[tokio::test]
async fn a_log_that_differs_from_the_chain_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = log(folder.path());
    Auditor::start(Arc::clone(&log), folder.path()).expect("a thread").stop().await;
    let chain = Chain::of(folder.path());
    let check = |records: &[(Topic, Control)], expect: &str| {
        let other = tempfile::tempdir().expect("a folder");
        let (log, _) = FileLog::open(other.path(), Options::default()).expect("it opens");
        for (topic, control) in records {
            log.append(*topic, &control.encode()).expect("it takes it");
        }
        log.flush().expect("it is durable");
        let said = verify(&chain, &[], Some(&log)).expect_err("it differs").to_string();
        assert!(said.contains(expect), "{said}");
    };
    let (other, control) = (Topic::Shadow, Topic::Control);
    check(
        &[(other, promoted(0)), (control, promoted(9))],
        "differ at position 1 of the log: the control record there has the hash",
    );
    check(&[(control, promoted(1))], "differ at position 0 of the log: there is a control record");
    check(&[(other, promoted(0)), (control, promoted(1))], "entry 2 tells of a control record");
}

#[test]
fn what_a_record_comes_to() {
    let mut state = State::default();
    state.apply(promoted(1), Position(0));
    let check = |control: Control, expect: [&str; 6]| {
        let Draft { who, what, object, reason, before, after, .. } = told(&control, &state).expect("somebody did it");
        assert_eq!([who.as_str(), what, &object, &reason, &before, &after], expect);
    };
    check(promoted(2), ["ada", "promoted", "model m 2", "better", "the champion: m 1", "m 2 becomes champion"]);
    let approved = Control::Approved { id: 3, changes: vec![promoted(2)], by: "bob".to_owned(), reason: String::new(), at: AT };
    check(approved, ["bob", "approved", "change 3", "", "the champion: m 1", "m 2 becomes champion"]);
    let rejected = Control::Rejected { id: 3, by: "bob".to_owned(), reason: "no".to_owned(), at: AT };
    check(rejected, ["bob", "rejected", "change 3", "no", "", ""]);

    // What has no place for why it was made is told as what it is.
    let rule = r#"{"id":"r","version":1,"name":"r","author":"ada","when":"true","state":"draft"}"#;
    let ruled = Control::Ruled { rules: vec![serde_json::from_str(rule).expect("a rule")], by: "ada".to_owned(), at: AT };
    let after = "rule r version 1, draft: true";
    check(ruled.clone(), ["ada", "ruled", "rule r", "", "", after]);
    check(ruled.explained("seen twice"), ["ada", "ruled", "rule r", "seen twice", "", after]);
    let entries = vec![serde_json::from_str(r#"{"value":"tok_1"}"#).expect("an entry")];
    let listed = Control::Listed { list: "stolen".to_owned(), entries, by: "ada".to_owned(), at: AT };
    let part = Control::Part { left: 2, is_first: true, changes: vec![listed], by: "ada".to_owned(), at: AT };
    let after = "part, 2 more follow: list stolen gets 1: tok_1";
    check(part.explained("a raid"), ["ada", "listed", "list stolen", "a raid", "", after]);
}

#[test]
fn long_texts_are_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    let chain = Chain::of(folder.path());
    chain.append(vec![draft("ada", &"\u{e4}".repeat(9_000))]).expect("added");
    let object = chain.head().expect("it can be read").expect("there is one").entry.object;
    assert_eq!(object.chars().count(), 1_001);
    assert!(verify(&chain, &[], None).is_ok());
}
