//! What a test needs beside the program. Who works on it may lack some of that; where every change is checked, `CI` is set and nothing may be.

/// Says that a test is skipped for want of something; where `CI` is set, it fails.
pub(crate) fn missing(what: &str) {
    let is_checked = std::env::var_os("CI").is_some_and(|set| !set.is_empty());
    assert!(!is_checked, "there is no {what}, and with CI in the environment no test is skipped for want of it");
    eprintln!("skipped: no {what}");
}
