//! Keys as their file keeps them, and who may change them.

use super::*;

#[test]
fn keys_live_in_a_file_without_their_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = KeyFile::of(folder.path());
    assert_eq!(file.read().expect("no file is no key"), []);
    let MadeKey { key, secret: first } = file.add(new("shop", &[Scope::Score], 0), [1; 32], deed(NOW)).expect("added");
    assert_eq!(file.read().expect("it can be read"), [key]);
    let taken = file.add(new("shop", &[Scope::Score], 0), [2; 32], deed(NOW)).expect_err("it is there");
    assert_eq!(taken.to_string(), "there is a key `shop` already: rotate it, or revoke it first");
    let text = std::fs::read_to_string(folder.path().join("keys.json")).expect("it is written");
    assert!(!text.contains(first.reveal()) && !format!("{first:?}").contains(first.reveal()));

    let (made, before_ends) = file.rotate("shop", LATER, None, [3; 32], deed(NOW)).expect("rotated");
    let second = made.secret;
    assert_eq!(before_ends, LATER);
    let access = access(folder.path());
    let admit = |secret: &Secret, now: Timestamp| access.admit(secret.reveal(), Scope::Score, now).map(|(person, _)| person.name);
    assert_eq!((admit(&first, NOW), admit(&second, NOW)), (Ok("shop".to_owned()), Ok("shop".to_owned())), "both for a while");
    assert_eq!((admit(&first, LATER), admit(&second, LATER)), (Err(Refusal::UnknownKey), Ok("shop".to_owned())));

    file.revoke("shop", Deed { reason: "it was in a mail", ..deed(NOW) }).expect("revoked");
    assert!(access.reload_if_changed().expect("it can be read") && !access.reload_if_changed().expect("nothing has changed"));
    assert!(!access.is_open() && admit(&second, NOW).is_err(), "the door stays shut");
    assert!(!self::access(folder.path()).is_open(), "also after a start");
    let other = tempfile::tempdir().expect("a folder");
    assert!(Access::open(other.path(), SETTINGS, Arc::new(ManualClock::at(NOW))).expect("nothing is there").is_open());
    assert_eq!(file.revoke("shop", deed(NOW)).expect_err("it is gone").to_string(), "there is no key `shop`");
    assert!(file.rotate("shop", LATER, None, [3; 32], deed(NOW)).is_err());
    let told = Chain::of(folder.path()).page(|_| true, None, 9).expect("it can be read").entries;
    assert_eq!((told[0].entry.who.as_str(), told[0].entry.reason.as_str()), (BY, "it was in a mail"));
    let told: Vec<&str> = told.iter().map(|sealed| sealed.entry.what.as_str()).collect();
    assert_eq!(told, ["key_revoked", "key_rotated", "key_added"], "what was done, and nothing that was not");
    let audit = std::fs::read_to_string(folder.path().join("audit.jsonl")).expect("it is there");
    assert!([&first, &second].iter().all(|secret| !audit.contains(secret.reveal())), "no secret is told");
}

#[test]
fn a_key_that_ends_is_renewed_before_it_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = KeyFile::of(folder.path());
    let at = |second: i64| NOW + Duration::seconds(second);
    let ends = || file.read().expect("keys").iter().map(|key| key.expires_at).collect::<Vec<_>>();
    let rotate = |now: Timestamp, until: Timestamp, expires_at: Option<Timestamp>| {
        file.rotate("exp", until, expires_at, [2; 32], deed(now)).map(|(_, before_ends)| before_ends)
    };
    let told = || {
        let newest = Chain::of(folder.path()).page(|_| true, None, 1).expect("it can be read").entries;
        newest.into_iter().next().expect("it was told").entry.after
    };
    file.add(NewKey { expires_at: Some(at(3_600)), ..new("exp", &[Scope::Score], 0) }, [1; 32], deed(NOW)).expect("added");

    let before_ends = rotate(at(1_800), at(90_000), None).expect("rotated");
    assert_eq!((before_ends, ends()), (at(3_600), vec![Some(at(3_600)), Some(at(5_400))]), "an hour anew");
    assert_eq!(told(), format!("the one before ends at {}, this one ends at {}", at(3_600), at(5_400)));

    let before_ends = rotate(at(2_400), at(3_000), Some(at(2_460))).expect("rotated");
    let cut = Some(at(3_000));
    assert_eq!((before_ends, ends()), (at(3_000), vec![cut, cut, Some(at(2_460))]), "what is said goes before what was");

    let before_ends = rotate(at(2_700), at(2_880), None).expect("what came before is still good");
    let cut = Some(at(2_880));
    assert_eq!((before_ends, ends()), (at(2_880), vec![cut, cut, Some(at(2_760))]), "a minute anew, and what has ended is gone");
    assert!(rotate(at(2_880), at(3_000), None).is_err(), "all have ended");
}

#[test]
fn what_no_key_can_be_is_refused_by_its_field() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = KeyFile::of(folder.path());
    let refused = |error: KeyError| match error {
        KeyError::Invalid { field, what } => (field, what.to_owned()),
        KeyError::Reserved { field, .. } => (field, error.to_string()),
        error => panic!("{error}"),
    };
    let check = |new: NewKey, expect: (&'static str, &str)| {
        let (field, what) = refused(file.add(new, [1; 32], deed(NOW)).expect_err("it is none"));
        assert!(field == expect.0 && what.contains(expect.1), "{field}: {what}");
    };
    let score = [Scope::Score];
    for name in ["", " shop", "a\nb", &"x".repeat(65)] {
        check(new(name, &score, 0), ("name", "has 1 to 64 bytes, no control characters"));
        check(NewKey { owner: Some(name.to_owned()), ..new("shop", &score, 0) }, ("owner", "has 1 to 64 bytes"));
    }
    check(new("guardrail", &score, 0), ("name", "is no person's name"));
    check(new("shop", &[], 0), ("scopes", "may do nothing"));
    let ends = |at: Timestamp| NewKey { expires_at: Some(at), ..new("shop", &score, 0) };
    check(ends(NOW), ("expires_at", "later than it is made"));
    // Year 10000 would be written, and not be read again: every key of the file would be gone with it.
    check(ends(NOW + Duration::days(36_501)), ("expires_at", "100 years at most"));
    assert_eq!(file.read().expect("nothing was written"), []);

    file.add(ends(NOW + Duration::days(36_500)), [1; 32], deed(NOW)).expect("added");
    let rotate = |until: Timestamp, expires_at: Option<Timestamp>| {
        file.rotate("shop", until, expires_at, [2; 32], deed(LATER)).map(drop).map_err(refused)
    };
    let end = |result: Result<(), (&'static str, String)>| result.map_err(|(field, _)| field);
    assert_eq!(end(rotate(LATER, Some(LATER))), Err("expires_at"));
    assert_eq!(end(rotate(LATER + Duration::days(36_501), None)), Err("overlap"));
    assert_eq!(end(rotate(LATER, None)), Ok(()));
    assert_eq!(file.read().expect("it can be read")[1].expires_at, Some(LATER + Duration::days(36_500)));
}

#[test]
fn who_acts_with_a_key_that_went_meanwhile_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = KeyFile::of(folder.path());
    let added = |name: &str, scope: Scope, expires_at: Option<Timestamp>, random: [u8; 32]| {
        file.add(NewKey { expires_at, ..new(name, &[scope], 0) }, random, deed(NOW)).expect("added").key.hash
    };
    let (ops, shop) = (added("ops", Scope::Admin, None, [1; 32]), added("shop", Scope::Score, None, [2; 32]));
    let short = added("short", Scope::Admin, Some(LATER), [3; 32]);
    let check = |with: &str, now: Timestamp, is_good: bool| {
        let (deed, before) = (Deed { with: Some(with), ..deed(now) }, file.read().expect("keys"));
        let tries = [
            file.add(new("more", &[Scope::Score], 0), [4; 32], deed).map(drop),
            file.rotate("more", now, None, [5; 32], deed).map(drop),
            file.revoke("more", deed),
        ];
        for tried in tries {
            assert_eq!(tried.is_ok(), is_good, "{tried:?}");
            assert!(is_good || matches!(tried, Err(KeyError::Gone)), "{tried:?}");
        }
        assert_eq!(file.read().expect("keys"), before);
    };
    check(&ops, NOW, true);
    check(&short, NOW, true);
    check(&short, LATER, false);
    check(&shop, NOW, false);
    file.revoke("ops", deed(NOW)).expect("revoked");
    check(&ops, NOW, false);
}

#[test]
fn who_calls_the_api_and_hears_no_answer_is_not_shut_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = KeyFile::of(folder.path());
    let (hour, day) = (Duration::seconds(3_600), Duration::days(1));
    file.add(new("ops", &[Scope::Admin], 0), [1; 32], deed(NOW)).expect("added");
    let rotate = |name: &str, overlap: Duration, good_for: Option<Duration>, an_admin_can_log_in: bool| {
        let (until, expires_at) = (NOW + overlap, good_for.map(|length| NOW + length));
        match file.rotate(name, until, expires_at, [2; 32], Deed { an_admin_stays: !an_admin_can_log_in, ..deed(NOW) }) {
            Err(KeyError::Invalid { field, .. }) => Some(field),
            rotated => rotated.map(|_| None).expect("rotated"),
        }
    };
    let second = Duration::seconds(1);
    assert_eq!(rotate("ops", Duration::seconds(3_599), None, false), Some("overlap"));
    assert_eq!(rotate("ops", hour, Some(hour), false), Some("expires_at"));
    assert_eq!(file.read().expect("keys").len(), 1, "nothing was changed");
    assert_eq!(rotate("ops", hour, Some(day), false), None);
    file.revoke("ops", deed(NOW)).expect("revoked");
    let soon = NewKey { expires_at: Some(NOW + Duration::seconds(1_800)), ..new("soon", &[Scope::Admin], 0) };
    file.add(soon, [6; 32], deed(NOW)).expect("added");
    assert_eq!(rotate("soon", Duration::ZERO, None, false), Some("overlap"), "one that ends soon is the last way in, too");
    assert_eq!(rotate("soon", Duration::seconds(1_799), None, false), Some("overlap"));
    assert_eq!(rotate("soon", hour, Some(second), false), None, "it lets in for as long as it did before");
    file.add(new("ops", &[Scope::Admin], 0), [7; 32], deed(NOW)).expect("added");
    file.add(new("other", &[Scope::Admin], 0), [3; 32], deed(NOW)).expect("added");
    assert_eq!(rotate("ops", second, Some(second), false), None, "another one may do everything");
    file.revoke("ops", deed(NOW)).expect("revoked");
    assert_eq!(rotate("other", Duration::ZERO, Some(second), true), None, "somebody is let in by a password");
    // Whoever has the file may do anything.
    file.add(new("ops", &[Scope::Admin], 0), [4; 32], deed(NOW)).expect("added");
    assert!(file.rotate("ops", NOW, Some(NOW + second), [5; 32], deed(NOW)).is_ok());
}

#[test]
fn who_calls_the_api_cannot_take_the_last_admin_key_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = KeyFile::of(folder.path());
    let add = |name: &str, scope: Scope, expires_at: Option<Timestamp>| {
        file.add(NewKey { expires_at, ..new(name, &[scope], 0) }, [1; 32], deed(NOW)).expect("added");
    };
    add("ops", Scope::Admin, None);
    add("old", Scope::Admin, Some(NOW + Duration::seconds(1)));
    add("shop", Scope::Score, None);
    let at = NOW + Duration::seconds(2);
    let within = |name: &str, an_admin_can_log_in: bool| {
        file.revoke(name, Deed { an_admin_stays: !an_admin_can_log_in, ..deed(at) }).map_err(|error| error.to_string())
    };
    let before = file.read().expect("it can be read");
    let last = "`ops` is the last key with the scope `admin`, and no admin can log in: make another one first";
    assert_eq!(within("ops", false), Err(last.to_owned()), "one that has ended opens nothing");
    assert_eq!(file.read().expect("it can be read"), before);
    assert_eq!((within("shop", false), within("old", false)), (Ok(()), Ok(())));
    add("short", Scope::Admin, Some(at + Duration::seconds(86_399)));
    assert!(within("ops", false).is_err(), "tomorrow nobody could make keys any more");
    add("other", Scope::Admin, None);
    assert_eq!(within("ops", false), Ok(()));
    assert_eq!(within("short", false), Ok(()));
    assert!(within("other", false).is_err());
    assert_eq!(within("other", true), Ok(()), "somebody is let in by a password");
    // Whoever has the file may do anything.
    add("ops", Scope::Admin, None);
    assert!(file.revoke("ops", deed(at)).is_ok());
}

#[test]
fn when_a_key_was_used_outlasts_what_is_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = KeyFile::of(folder.path());
    let made = file.add(new("shop", &[Scope::Score], 0), [1; 32], deed(NOW)).expect("added");
    let access = access(folder.path());
    let used = || access.keys().into_iter().map(|(_, last_used_at)| last_used_at).collect::<Vec<_>>();
    assert_eq!(used(), [None]);
    assert!(access.admit("rf_another", Scope::Score, LATER).is_err() && used() == [None]);
    // Also where it may not do what it wanted.
    assert!(access.admit(made.secret.reveal(), Scope::Read, LATER).is_err());
    assert_eq!(used(), [Some(LATER)]);
    file.rotate("shop", LATER + Duration::days(1), None, [2; 32], deed(LATER)).expect("rotated");
    access.reload().expect("they can be read");
    assert_eq!(used(), [Some(LATER), None], "nobody has the other secret yet");
}

#[test]
fn a_key_for_ever_stays_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = KeyFile::of(folder.path());
    file.add(new("shop", &[Scope::Score], 0), [1; 32], deed(NOW)).expect("added");
    let (_, before_ends) = file.rotate("shop", LATER, None, [2; 32], deed(NOW)).expect("rotated");
    let ends: Vec<_> = file.read().expect("keys").iter().map(|key| key.expires_at).collect();
    assert_eq!((before_ends, ends), (LATER, vec![Some(LATER), None]));
    let told = Chain::of(folder.path()).page(|_| true, None, 1).expect("it can be read").entries;
    assert_eq!(told[0].entry.after, format!("the one before ends at {LATER}, this one never ends"));
}

#[test]
fn a_key_acts_for_its_owner() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = KeyFile::of(folder.path());
    let add = |name: &str, owner: Option<&str>, scope: Scope| {
        file.add(NewKey { owner: owner.map(str::to_owned), ..new(name, &[scope], 0) }, [1; 32], deed(NOW)).map(drop)
    };
    add("laptop", Some("ada"), Scope::Admin).expect("added");
    add("bob", None, Scope::Review).expect("added");
    add("ann", None, Scope::Alerts).expect("added");
    let people: Vec<Person> = file.read().expect("keys").iter().map(Key::person).collect();
    assert_eq!(people[0], Person { name: "ada".to_owned(), may: May::Change });
    assert_eq!(people[1], Person { name: "bob".to_owned(), may: May::Propose });
    assert_eq!(people[2], Person { name: "ann".to_owned(), may: May::Work });
    for (name, owner) in [("guardrail", None), ("k", Some("The API")), ("the pipeline file ", None)] {
        let refused = add(name, owner, Scope::Admin).expect_err("it is no person").to_string();
        assert!(refused.contains("is no person's name"), "{refused}");
    }
}
