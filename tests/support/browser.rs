//! A real Chromium, driven over WebDriver as a person would use it: what is pressed must be there to be pressed. Every wait is for a condition.
//! WebDriver is a dozen calls with JSON, so the client of the other tests is enough for it.

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

use super::missing;

/// What a page may take until it is as it should be.
const PATIENCE: Duration = Duration::from_secs(30);
/// Under this name WebDriver hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// With this in the environment, screenshots of the documentation are made anew.
const SCREENSHOTS: &str = "SCREENSHOTS";

/// Keys that write nothing, as WebDriver says them.
pub mod keys {
    pub const ENTER: &str = "\u{e007}";
    pub const SHIFT: &str = "\u{e008}";
    pub const ESCAPE: &str = "\u{e00c}";
    pub const END: &str = "\u{e010}";
    pub const HOME: &str = "\u{e011}";
    pub const LEFT: &str = "\u{e012}";
    pub const RIGHT: &str = "\u{e014}";
}

/// A browser with a profile of its own, which nobody has used before.
pub struct Browser {
    driver: Child,
    session: String,
    agent: ureq::Agent,
    _profile: tempfile::TempDir,
}

/// What WebDriver refuses: its word for it, and a sentence.
#[derive(Debug)]
pub struct Refused {
    pub error: String,
    pub message: String,
}

/// Where something is on a page.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// A CSS selector.
    Css(&'a str),
    /// A button, or a link, by all of its words.
    Button(&'a str),
}

impl<'a> From<&'a str> for Place<'a> {
    fn from(selector: &'a str) -> Self {
        Self::Css(selector)
    }
}

impl Place<'_> {
    fn query(self) -> Value {
        match self {
            Self::Css(selector) => json!({"using": "css selector", "value": selector}),
            Self::Button(words) => {
                json!({"using": "xpath", "value": format!("//*[self::button or self::a][normalize-space()=\"{words}\"]")})
            }
        }
    }
}

/// Starts a driver; it, and where it listens. The port that it chooses may be taken for one of the two families of addresses, and then it
/// ends: it is started again.
fn driver() -> Option<(Child, u16)> {
    const TRIES: usize = 5;
    let mut command = Command::new("chromedriver");
    command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    for _ in 0..TRIES {
        let Ok(mut driver) = command.spawn() else {
            missing("chromedriver (on Debian: chromium and chromium-driver)");
            return None;
        };
        let mut lines = BufReader::new(driver.stdout.take().expect("it is piped")).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let rest = line.split_once("started successfully on port ")?.1;
            rest.trim_end_matches('.').parse::<u16>().ok()
        });
        if let Some(port) = port {
            std::thread::spawn(move || lines.for_each(drop));
            return Some((driver, port));
        }
        driver.wait().expect("it has ended");
    }
    panic!("chromedriver found no port in {TRIES} starts");
}

impl Browser {
    /// Starts one; `None` where there is none, and that is said.
    pub fn start() -> Option<Self> {
        Self::start_as(&[])
    }

    /// The same with more arguments, as `--user-agent=...`.
    pub fn start_as(more: &[&str]) -> Option<Self> {
        let (driver, port) = driver()?;
        let profile = tempfile::tempdir().expect("a folder");
        let mut arguments: Vec<String> = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--force-device-scale-factor=1",
            "--window-size=1440,1000",
            "--lang=en-GB",
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        arguments.extend(more.iter().map(|&argument| argument.to_owned()));
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
            "acceptInsecureCerts": true,
        }}});
        let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE * 2)).build().into();
        let mut browser = Self { driver, session: format!("http://127.0.0.1:{port}"), agent, _profile: profile };
        let begun = browser.ask("POST", "/session", &wanted).expect("Chromium starts");
        let id = begun["sessionId"].as_str().expect("it has an id").to_owned();
        browser.session = format!("{}/session/{id}", browser.session);
        Some(browser)
    }

    /// Opens an address.
    pub fn open(&self, url: &str) {
        self.ask("POST", "/url", &json!({ "url": url })).unwrap_or_else(|refused| panic!("{url}: {refused:?}"));
    }

    /// The address that it shows.
    pub fn url(&self) -> String {
        self.ask("GET", "/url", &Value::Null).expect("an address").as_str().expect("a text").to_owned()
    }

    /// Waits until the address has these words in it.
    pub fn until_at(&self, words: &str) {
        self.until(&format!("an address with {words}"), |browser| browser.url().contains(words));
    }

    /// Presses something, once it can be pressed.
    pub fn press<'a>(&self, place: impl Into<Place<'a>>) {
        self.act(place.into(), "/click", &json!({}));
    }

    /// Puts words into a field, instead of what is there.
    pub fn fill<'a>(&self, place: impl Into<Place<'a>>, words: &str) {
        let place = place.into();
        self.act(place, "/clear", &json!({}));
        self.act(place, "/value", &json!({ "text": words }));
    }

    /// Strikes a key, wherever the keyboard is.
    pub fn key(&self, key: &str) {
        self.keys(&[key]);
    }

    /// Strikes a key while others are held, the last one.
    pub fn keys(&self, keys: &[&str]) {
        let strike = |kind: &'static str| move |key: &&str| json!({"type": kind, "value": key});
        let strikes: Vec<Value> = keys.iter().map(strike("keyDown")).chain(keys.iter().rev().map(strike("keyUp"))).collect();
        let actions = json!({"actions": [{"type": "key", "id": "keyboard", "actions": strikes}]});
        self.ask("POST", "/actions", &actions).unwrap_or_else(|refused| panic!("the keys {keys:?}: {refused:?}"));
    }

    /// Holds the mouse over something.
    pub fn hover(&self, selector: &str) {
        self.mouse(&[self.moved((selector, 0.5))]);
    }

    /// Presses the mouse at one place, moves it, and lets it go at another: each a selector and how far along its width, 0 to 1.
    pub fn drag(&self, from: (&str, f64), to: (&str, f64)) {
        let (from, to) = (self.moved(from), self.moved(to));
        let button = |kind: &str| json!({"type": kind, "button": 0});
        self.mouse(&[from, button("pointerDown"), to, button("pointerUp")]);
    }

    /// Presses something twice, as fast as people do.
    pub fn press_twice(&self, selector: &str) {
        let press = ["pointerDown", "pointerUp"].map(|kind| json!({"type": kind, "button": 0}));
        self.mouse(&[&[self.moved((selector, 0.5))][..], &press, &press].concat());
    }

    /// A move of the mouse to a place, which is brought into view.
    fn moved(&self, (selector, along): (&str, f64)) -> Value {
        let script = "const element = document.querySelector(arguments[0]);
             element.scrollIntoView({block: 'center', behavior: 'instant'});
             const {left, top, width, height} = element.getBoundingClientRect();
             return {x: Math.round(left + width * arguments[1]), y: Math.round(top + height / 2)}";
        let body = json!({"script": script, "args": [selector, along]});
        let spot = self.ask("POST", "/execute/sync", &body).unwrap_or_else(|refused| panic!("{selector}: {refused:?}"));
        json!({"type": "pointerMove", "duration": 50, "x": spot["x"], "y": spot["y"]})
    }

    fn mouse(&self, actions: &[Value]) {
        let actions = json!({"actions": [{"type": "pointer", "id": "mouse", "actions": actions}]});
        self.ask("POST", "/actions", &actions).unwrap_or_else(|refused| panic!("the mouse: {refused:?}"));
    }

    /// What is written there now; `None` where there is nothing of the kind, or it is not shown.
    pub fn text<'a>(&self, place: impl Into<Place<'a>>) -> Option<String> {
        let id = self.find(place.into())?;
        let ask = |what: &str| self.ask("GET", &format!("/element/{id}/{what}"), &Value::Null).ok();
        if ask("displayed")? != true {
            return None;
        }
        ask("text")?.as_str().map(str::to_owned)
    }

    /// Whether it is there and shown.
    pub fn shows<'a>(&self, place: impl Into<Place<'a>>) -> bool {
        self.text(place).is_some()
    }

    /// Waits until these words are there.
    pub fn until_text(&self, selector: &str, words: &str) {
        self.until(&format!("`{words}` in {selector}"), |browser| {
            browser.text(selector).is_some_and(|text| text.contains(words))
        });
    }

    /// Waits until something is so; what the page shows is said when it never is.
    pub fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            if Instant::now() > deadline {
                panic!("not in time: {what}\nat {}\n{}", self.url(), self.text("body").unwrap_or_default());
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// What a script returns.
    pub fn script(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        self.ask("POST", "/execute/sync", &body).unwrap_or_else(|refused| panic!("{script}: {refused:?}"))
    }

    /// Its cookies for what it shows, as WebDriver says them.
    pub fn cookies(&self) -> Vec<Value> {
        self.ask("GET", "/cookie", &Value::Null).expect("cookies").as_array().expect("a list").clone()
    }

    /// Takes a cookie, as another browser said it.
    pub fn take_cookie(&self, cookie: &Value) {
        self.ask("POST", "/cookie", &json!({ "cookie": cookie })).expect("it is taken");
    }

    /// What the browser complained of since it was asked last: refused scripts, failed requests, errors.
    pub fn complaints(&self) -> Vec<String> {
        let said = self.ask("POST", "/se/log", &json!({"type": "browser"})).expect("a log");
        let lines = said.as_array().expect("a list").iter();
        lines.filter(|line| line["level"] == "SEVERE").map(|line| line["message"].to_string()).collect()
    }

    /// How large the page is shown, in pixels.
    pub fn size(&self, width: u32, height: u32) {
        self.ask("POST", "/window/rect", &json!({"width": width, "height": height})).expect("it has a size");
    }

    /// Makes a picture of what it shows for the documentation, where the environment asks for pictures: `docs/NAME.png`.
    pub fn picture(&self, name: &str) {
        if std::env::var_os(SCREENSHOTS).is_none() {
            return;
        }
        let said = self.ask("GET", "/screenshot", &Value::Null).expect("a picture");
        let bytes = BASE64_STANDARD.decode(said.as_str().expect("a text")).expect("base64");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/{name}.png"));
        std::fs::write(path, bytes).expect("it can be written");
    }

    /// The first element there, as of now.
    fn find(&self, place: Place<'_>) -> Option<String> {
        let found = self.ask("POST", "/element", &place.query()).ok()?;
        found[ELEMENT].as_str().map(str::to_owned)
    }

    /// Does something to an element, once that is possible. It may be drawn anew in between.
    fn act(&self, place: Place<'_>, what: &str, body: &Value) {
        const NOT_YET: [&str; 5] = [
            "no such element",
            "stale element reference",
            "element not interactable",
            "element click intercepted",
            "invalid element state",
        ];
        let last = RefCell::new(String::new());
        self.until(&format!("{what} on {place:?}"), |browser| {
            let Some(id) = browser.find(place) else { return false };
            match browser.ask("POST", &format!("/element/{id}{what}"), body) {
                Ok(_) => true,
                Err(refused) if NOT_YET.contains(&refused.error.as_str()) => {
                    // Said once, where it takes long.
                    if *last.borrow() != refused.message {
                        eprintln!("{what} on {place:?}: {}", refused.message);
                        *last.borrow_mut() = refused.message;
                    }
                    false
                }
                Err(refused) => panic!("{what} on {place:?}: {refused:?}"),
            }
        });
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, Refused> {
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.session));
        let request = request.header("content-type", "application/json");
        let answer = match method {
            "POST" => self.agent.run(request.body(body.to_string()).expect("a request")),
            _ => self.agent.run(request.body(()).expect("a request")),
        };
        let mut answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let text = answer.body_mut().with_config().limit(64 << 20).read_to_string().expect("a text");
        let mut said: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let value = said["value"].take();
        if answer.status().is_success() {
            return Ok(value);
        }
        let word = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        Err(Refused { error: word("error"), message: word("message") })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its end takes Chromium with it; the group is what would be left of both after a failure.
        let end = ureq::http::Request::builder().method("DELETE").uri(&self.session).body(()).expect("a request");
        let _ = self.agent.run(end);
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.driver.id())]).stderr(Stdio::null()).status();
        let _ = self.driver.wait();
    }
}
