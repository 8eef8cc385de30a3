//! People who use the pages: each with a role and the same password, and how they log in.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use super::browser::{Browser, Place};
use super::{Server, riskflow, text};

/// Of everybody.
pub const PASSWORD: &str = "correct horse battery";

/// Adds a user with the password of all of them.
pub fn user(data: &Path, name: &str, role: &str) {
    let mut command = riskflow(&["user", "--data-dir", text(data), "add", name, "--role", role]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program starts");
    child.stdin.take().expect("it is piped").write_all(PASSWORD.as_bytes()).expect("it reads");
    assert!(child.wait().expect("it ends").success());
}

/// Fills in the page where people log in, wherever they wanted to go.
pub fn log_in(browser: &Browser, name: &str, password: &str) {
    browser.fill("input[name=name]", name);
    browser.fill("input[name=password]", password);
    browser.press(Place::Button("Log in"));
}

/// Opens a page of a server, by way of the log-in.
pub fn enter(server: &Server, name: &str, path: &str) -> Option<Browser> {
    let browser = Browser::start()?;
    browser.open(&format!("{}{path}", server.url));
    browser.until_at("/login?next=");
    log_in(&browser, name, PASSWORD);
    browser.until_text("#who", name);
    assert!(browser.url().ends_with(path), "{} is not {path}", browser.url());
    // The browser's own log says that the page of the log-in was told nobody is there yet.
    browser.complaints();
    Some(browser)
}
