//! People who log in, what is open to them, and the audit of what they did, over HTTP and at the command line, against the program itself.

mod support;

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use support::{Ended, Server, json_lines, peer, published, riskflow, run, run_well, text, until, with_champion};

const PASSWORD: &str = "correct horse battery";

/// Runs a command with something on its standard input.
fn run_with(input: &str, arguments: &[&str]) -> Ended {
    let mut command = riskflow(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    child.stdin.take().expect("it is piped").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it speaks UTF-8");
    Ended { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Adds a user with the password of all of them.
fn user(data: &Path, name: &str, role: &str) {
    let added = run_with(&format!("{PASSWORD}\n"), &["user", "--data-dir", text(data), "add", name, "--role", role]);
    assert!(added.status.success(), "{}", added.stderr);
}

/// What a browser is to the server: a cookie, what it says it is, and the token of its pages.
#[derive(Clone)]
struct Client<'a> {
    server: &'a Server,
    cookie: String,
    token: String,
    agent: &'static str,
}

struct Reply {
    status: u16,
    headers: ureq::http::HeaderMap,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{}: {error}", self.body))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    fn detail(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        self.json()["detail"].as_str().expect("a detail").to_owned()
    }
}

impl<'a> Client<'a> {
    fn new(server: &'a Server) -> Self {
        Self { server, cookie: String::new(), token: String::new(), agent: "firefox" }
    }

    fn logged_in(server: &'a Server, name: &str) -> Self {
        let mut client = Self::new(server);
        let reply = client.log_in(name, PASSWORD);
        assert_eq!(reply.status, 200, "{}", reply.body);
        client.cookie = reply.header("set-cookie").split(';').next().expect("a cookie").to_owned();
        client.token = reply.json()["csrf_token"].as_str().expect("a token").to_owned();
        client
    }

    fn log_in(&self, name: &str, password: &str) -> Reply {
        self.ask("POST", "/v1/session", &json!({"name": name, "password": password}))
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Reply {
        let token = if method == "GET" { "" } else { self.token.as_str() };
        self.send(method, path, body, &[("x-csrf-token", token)])
    }

    fn send(&self, method: &str, path: &str, body: &Value, more: &[(&str, &str)]) -> Reply {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.server.url));
        request = request.header("user-agent", self.agent).header("content-type", "application/json");
        for (name, value) in [("cookie", self.cookie.as_str())].iter().chain(more).filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
        let answer = match method {
            "GET" | "DELETE" => agent.run(request.body(()).expect("a request")),
            _ => agent.run(request.body(body.to_string()).expect("a request")),
        };
        let mut answer = answer.expect("the server answers");
        let body = answer.body_mut().read_to_string().expect("a body");
        Reply { status: answer.status().as_u16(), headers: answer.headers().clone(), body }
    }

    fn audit(&self, query: &str) -> Vec<Value> {
        let page = self.ask("GET", &format!("/v1/audit?{query}"), &Value::Null);
        assert_eq!(page.status, 200, "{}", page.body);
        page.json()["items"].as_array().expect("a page").clone()
    }
}

fn words(entries: &[Value]) -> Vec<[String; 3]> {
    let word = |entry: &Value, name: &str| entry[name].as_str().expect("a text").to_owned();
    entries.iter().map(|entry| ["who", "what", "object"].map(|name| word(entry, name))).collect()
}

#[test]
fn users_are_kept_at_the_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = text(folder.path());
    let check = |input: &str, arguments: &[&str], expect: Result<&str, &str>| {
        let ended = run_with(input, &[&["user", "--data-dir", data], arguments].concat());
        assert_eq!(ended.status.success(), expect.is_ok(), "{arguments:?}: {}", ended.stderr);
        let words = expect.unwrap_or_else(|words| words);
        assert!(ended.stderr.contains(words), "{arguments:?}: {}\nlacks {words}", ended.stderr);
        assert!(!ended.stderr.contains(PASSWORD) && !ended.stdout.contains(PASSWORD));
    };
    check("correct horse battery\n", &["add", "ada", "--role", "admin"], Ok("ada may log in as admin"));
    check("short\n", &["add", "bob", "--role", "viewer"], Err("a password has at least 12 characters"));
    check("bob has a password\n", &["add", "bob", "--role", "viewer"], Err("does not have the user's name in it"));
    check("correct horse battery\n", &["add", "Ada", "--role", "viewer"], Err("there is a user `ada` already"));
    check("correct horse battery\n", &["add", "guardrail", "--role", "viewer"], Err("is no person's name"));
    check("", &["add", "bob", "--role", "boss"], Err("there are: viewer, analyst, reviewer, approver, admin"));
    let file = folder.path().join("new.txt");
    std::fs::write(&file, "another password\nand more").expect("written");
    check("", &["password", "ada", "--password-file", text(&file)], Ok("ada has another password"));
    check("", &["password", "ada", "--password-file", "/nowhere"], Err("cannot read /nowhere"));
    check("", &["role", "ada", "approver", "--reason", "less is enough"], Ok("ada is approver from now on"));
    check("", &["disable", "ada"], Ok("ada may log in no longer"));
    let listed = json_lines(&run_well(&["user", "--data-dir", data, "list", "--json"]));
    assert_eq!(
        (&listed[0]["name"], &listed[0]["role"], &listed[0]["disabled"]),
        (&json!("ada"), &json!("approver"), &json!(true))
    );
    assert!(listed[0].get("password").is_none() && listed.len() == 1);
    check("", &["enable", "ada"], Ok("ada may log in again"));
    check("", &["remove", "ada"], Ok("ada is removed"));
    check("", &["remove", "ada"], Err("there is no user `ada`"));

    let audit = run_well(&["audit", "--data-dir", data, "list", "--json"]);
    let told: Vec<String> = json_lines(&audit).iter().map(|entry| entry["what"].as_str().expect("a word").to_owned()).collect();
    assert_eq!(told, ["user_added", "password_set", "role_changed", "user_disabled", "user_enabled", "user_removed"]);
    assert!(!audit.stdout.contains("argon2"), "{}", audit.stdout);
}

#[test]
fn somebody_logs_in_and_does_what_the_role_opens() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    with_champion(data);
    published(data, 5.0);
    for (name, role) in [("vera", "viewer"), ("ann", "analyst"), ("rob", "reviewer"), ("amy", "approver"), ("zoe", "admin")] {
        user(data, name, role);
    }
    let server = Server::start(data);
    let nobody = Client::new(&server);
    assert!(nobody.ask("GET", "/v1/models", &Value::Null).detail(401).contains("or log in"));
    let page = nobody.send("GET", "/models?from=2026-01-01", &Value::Null, &[("accept", "text/html,*/*")]);
    assert_eq!((page.status, page.header("location")), (303, "/login?next=%2Fmodels%3Ffrom%3D2026%2D01%2D01"));
    for open in ["/login", "/assets/login.js", "/assets/app.css", "/livez"] {
        assert_eq!(nobody.ask("GET", open, &Value::Null).status, 200, "{open}");
    }

    let [vera, ann, rob, amy, zoe] = ["vera", "ann", "rob", "amy", "zoe"].map(|name| Client::logged_in(&server, name));
    let who = rob.ask("GET", "/v1/session", &Value::Null).json();
    assert_eq!((&who["name"], &who["role"], &who["open"]), (&json!("rob"), &json!("reviewer"), &json!(false)));
    assert_eq!(who["scopes"], json!(["label", "read", "alerts", "review"]));
    let check = |client: &Client<'_>, method: &str, path: &str, body: Value, expect: u16| {
        let reply = client.ask(method, path, &body);
        assert_eq!(reply.status, expect, "{method} {path}: {}", reply.body);
        reply
    };
    let label = json!({"event_id": "e1", "label": "fraud", "source": "analyst", "observed_at": "2026-01-01T00:00:00Z"});
    let proposal = json!({"change": {"kind": "role", "version": 2, "role": "champion"}, "reason": "better"});
    let none = || json!({});
    check(&vera, "GET", "/v1/models", none(), 200);
    let refused = check(&vera, "POST", "/v1/labels", label.clone(), 403);
    assert_eq!(refused.json()["detail"], "`vera` is viewer, and may not do this: it needs the scope `label`");
    check(&vera, "POST", "/v1/changes", proposal.clone(), 403);
    check(&vera, "GET", "/v1/audit", none(), 403);
    check(&ann, "POST", "/v1/labels", label, 202);
    check(&ann, "POST", "/v1/changes", proposal.clone(), 403);
    assert_eq!(check(&rob, "POST", "/v1/changes", proposal, 201).json()["by"], "rob");
    check(&rob, "POST", "/v1/changes/1/approve", none(), 403);
    check(&zoe, "PUT", "/v1/models/2/role", json!({"role": "champion", "reason": "mine"}), 202);
    assert!(
        check(&zoe, "POST", "/v1/changes/2/approve", none(), 403).json()["detail"]
            .as_str()
            .expect("words")
            .contains("needs another person")
    );
    assert_eq!(check(&amy, "POST", "/v1/changes/1/approve", none(), 200).json()["settled"]["by"], "amy");
    check(&amy, "GET", "/v1/users", none(), 403);
    check(&amy, "PUT", "/v1/rules/r", json!({"name": "n", "when": "score > 1.0", "state": "draft"}), 403);

    // Users over the API; what is changed holds at once.
    assert_eq!(check(&zoe, "GET", "/v1/users", none(), 200).json()["users"].as_array().expect("users").len(), 5);
    let draft = |name: &str, password: &str| json!({"name": name, "role": "viewer", "password": password});
    check(&zoe, "POST", "/v1/users", draft("max", PASSWORD), 201);
    check(&zoe, "POST", "/v1/users", draft("MAX", PASSWORD), 409);
    assert_eq!(check(&zoe, "POST", "/v1/users", draft("tim", "short"), 422).json()["field"], "password");
    let max = Client::logged_in(&server, "max");
    check(&zoe, "PUT", "/v1/users/max", json!({"change": {"role": "analyst"}, "reason": "promoted"}), 200);
    assert_eq!(max.ask("GET", "/v1/session", &Value::Null).json()["role"], "analyst");
    check(&zoe, "PUT", "/v1/users/max", json!({"change": {"disabled": true}}), 200);
    assert!(max.ask("GET", "/v1/models", &Value::Null).detail(401).contains("the session has ended"));
    assert!(nobody.log_in("max", PASSWORD).detail(401).contains("the name or the password is wrong"));
    check(&zoe, "DELETE", "/v1/users/max", none(), 204);
    check(&zoe, "DELETE", "/v1/users/max", none(), 404);
    check(&zoe, "DELETE", "/v1/users/zoe", none(), 409);
    check(&zoe, "PUT", "/v1/users/zoe", json!({"change": {"role": "viewer"}}), 409);
    // At the command line, while the server runs.
    run_well(&["user", "--data-dir", text(data), "remove", "vera"]);
    until("her session has ended", || vera.ask("GET", "/v1/models", &Value::Null).status == 401);

    // Another password, and every session ends.
    let elsewhere = Client::logged_in(&server, "ann");
    let set = |present: &str, new: &str| ann.ask("PUT", "/v1/session/password", &json!({"present": present, "new": new}));
    assert_eq!(set("wrong, quite wrong", "another password").status, 401);
    assert_eq!(set(PASSWORD, "short").json()["field"], "new");
    assert_eq!(set(PASSWORD, "another password").status, 204);
    for client in [&ann, &elsewhere] {
        assert_eq!(client.ask("GET", "/v1/session", &Value::Null).status, 401);
    }
    assert_eq!((nobody.log_in("ann", PASSWORD).status, nobody.log_in("ann", "another password").status), (401, 200));
    let again = Client::logged_in(&server, "rob");
    assert_eq!(rob.ask("DELETE", "/v1/session?everywhere=true", &Value::Null).status, 204);
    assert_eq!([&rob, &again].map(|client| client.ask("GET", "/v1/models", &Value::Null).status), [401, 401]);

    // All of it is in the audit, without a secret.
    until("the log is told", || !zoe.audit("what=approved").is_empty());
    until("refusals are told, which nobody waits for", || {
        let told = words(&zoe.audit("limit=1000"));
        ["log_in_failed", "password_refused"].iter().all(|what| told.iter().any(|entry| entry[1] == *what))
    });
    let all = zoe.audit("limit=1000");
    let told = words(&all);
    for expect in [
        ["vera", "refused", "POST /v1/changes"],
        ["rob", "proposed", "change 1"],
        ["rob", "refused", "POST /v1/changes/1/approve"],
        ["zoe", "refused", "POST /v1/changes/2/approve"],
        ["amy", "approved", "change 1"],
        ["zoe", "user_added", "user max"],
        ["zoe", "role_changed", "user max"],
        ["max", "log_in_failed", "a session from 127.0.0.1"],
        ["ann", "password_set", "user ann"],
        ["ann", "password_refused", "user ann"],
        ["rob", "logged_out", "all sessions"],
    ] {
        assert!(told.iter().any(|entry| *entry == expect), "{expect:?} is not in {told:#?}");
    }
    let approved = all.iter().find(|entry| entry["what"] == "approved").expect("it is there");
    assert_eq!(
        (&approved["before"], &approved["after"]),
        (&json!("the champion: card_fraud 1"), &json!("card_fraud 2 becomes champion"))
    );
    let file = std::fs::read_to_string(data.join("audit.jsonl")).expect("it is there");
    for secret in [
        PASSWORD,
        "another password",
        "wrong, quite wrong",
        "argon2",
        &zoe.token,
        zoe.cookie.split_once('=').expect("a cookie").1,
    ] {
        assert!(!file.contains(secret), "{secret} is in the audit");
    }
    // It pages, and answers what is asked.
    assert_eq!(words(&zoe.audit("who=AMY&what=approved")), [["amy", "approved", "change 1"].map(str::to_owned)]);
    assert_eq!(zoe.audit("object=user%20max").len(), 4);
    assert_eq!(zoe.audit("from=2020-01-01&to=2020-01-02").len(), 0);
    let (mut seen, mut cursor) = (0, String::new());
    loop {
        let page = zoe.ask("GET", &format!("/v1/audit?limit=7{cursor}"), &Value::Null).json();
        seen += page["items"].as_array().expect("a page").len();
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, all.len());
    for (query, field) in [("limit=0", "limit"), ("cursor=3", "cursor"), ("from=soon", "from")] {
        let reply = zoe.ask("GET", &format!("/v1/audit?{query}"), &Value::Null);
        assert_eq!((reply.status, &reply.json()["field"]), (400, &json!(field)), "{query}");
    }
    server.stop();
    let verified = run_well(&["audit", "--data-dir", text(data), "verify", "--json"]);
    let verified = json_lines(&verified)[0].clone();
    assert_eq!(verified["log_records_to_come"], 0, "{verified}");
    assert!(verified["log_records"].as_u64().expect("a count") >= 5, "{verified}");
    if let Some((well, said)) = peer("audit.py", &[text(&data.join("audit.jsonl"))]) {
        assert!(
            well && said.trim() == format!("{} {}", verified["entries"], verified["head"].as_str().expect("a hash")),
            "{said}"
        );
    }
}

#[test]
fn a_cookie_alone_is_not_enough() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    user(data, "rob", "reviewer");
    let server = Server::start(data);
    let rob = Client::logged_in(&server, "rob");
    let retrain =
        |client: &Client<'_>, more: &[(&str, &str)]| client.send("POST", "/v1/models/retrain", &json!({"reason": "drift"}), more);
    let token = ("x-csrf-token", rob.token.as_str());
    for (more, expect) in [
        (vec![], 403),
        (vec![("x-csrf-token", "another")], 403),
        (vec![token, ("origin", "https://evil.example")], 403),
        (vec![token, ("sec-fetch-site", "cross-site")], 403),
        (vec![token, ("sec-fetch-site", "same-site")], 403),
        (vec![token], 202),
        (vec![token, ("sec-fetch-site", "same-origin")], 202),
        (vec![token, ("origin", server.url.as_str())], 202),
    ] {
        let reply = retrain(&rob, &more);
        assert_eq!(reply.status, expect, "{more:?}: {}", reply.body);
    }
    let from_elsewhere = Client::new(&server).send(
        "POST",
        "/v1/session",
        &json!({"name": "rob", "password": PASSWORD}),
        &[("origin", "https://evil.example")],
    );
    assert!(from_elsewhere.detail(403).contains("a page of this server"));
    // A key that a browser keeps is sent from any page; a program, which knows of no pages, needs no more than the key.
    let key = run_well(&["key", "--data-dir", text(data), "add", "--name", "desk", "--scopes", "review"]).stdout;
    let bearer = format!("Bearer {}", key.trim());
    let keyed = |more: &[(&str, &str)]| {
        let all = [&[("authorization", bearer.as_str())], more].concat();
        retrain(&Client::new(&server), &all)
    };
    until("the key is known", || keyed(&[]).status == 202);
    for more in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        assert_eq!(keyed(&[more]).status, 403, "{more:?}");
    }

    let log_in = rob.log_in("rob", PASSWORD);
    let cookie = log_in.header("set-cookie");
    assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Strict") && cookie.contains("; Path=/"), "{cookie}");
    let thief = Client { agent: "curl", ..rob.clone() };
    assert!(thief.ask("GET", "/v1/models", &Value::Null).detail(401).contains("begun in another browser, and has ended"));
    assert!(rob.ask("GET", "/v1/models", &Value::Null).detail(401).contains("the session has ended"), "nobody knows who has it");
    let rob = Client::logged_in(&server, "rob");
    until("it is told", || !rob.audit("what=session_refused").is_empty());
    let told = words(&rob.audit("what=session_refused"));
    assert_eq!(told, [["rob", "session_refused", "a session from 127.0.0.1"].map(str::to_owned)]);
    assert_eq!(rob.audit("what=refused").len(), 5);

    // A key acts for its owner, who is the user of that name; it needs no token.
    let key = run_well(&["key", "--data-dir", text(data), "add", "--name", "rob", "--scopes", "review,read"]).stdout;
    let bearer = format!("Bearer {}", key.trim());
    let with_key = Client { cookie: String::new(), ..rob.clone() };
    until("the key is known", || with_key.send("GET", "/v1/session", &Value::Null, &[("authorization", &bearer)]).status == 200);
    assert_eq!(retrain(&with_key, &[("authorization", &bearer)]).status, 202);
    let who = with_key.send("GET", "/v1/session", &Value::Null, &[("authorization", &bearer)]).json();
    assert_eq!((&who["name"], &who["role"], &who["csrf_token"]), (&json!("rob"), &Value::Null, &Value::Null));

    // A session is over after a start of the server.
    let (cookie, token) = (rob.cookie.clone(), rob.token.clone());
    server.kill();
    let server = Server::start(data);
    let before = Client { server: &server, cookie, token, agent: "firefox" };
    assert_eq!(before.ask("GET", "/v1/models", &Value::Null).status, 401);
}

#[test]
fn who_guesses_has_to_wait_and_learns_no_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    user(data, "rob", "reviewer");
    user(data, "zoe", "admin");
    let server = Server::start(data);
    let nobody = Client::new(&server);
    let guess = |name: &str| {
        let mut replies = Vec::new();
        for number in 0..5 {
            let reply = nobody.log_in(name, &format!("guess number {number}"));
            replies.push((reply.status, reply.body.clone()));
        }
        let locked = nobody.log_in(name, PASSWORD);
        let seconds = locked.header("retry-after").parse::<u32>().expect("seconds");
        assert!((1..=3).contains(&seconds) && locked.detail(429).starts_with("too many tries have failed"), "{}", locked.body);
        replies
    };
    let (known, unknown) = (guess("rob"), guess("nobody of this name"));
    assert_eq!(known, unknown, "nothing tells which names there are");
    assert!(known.iter().all(|(status, _)| *status == 401));
    until("the lock ends by itself", || nobody.log_in("rob", PASSWORD).status == 200);

    let zoe = Client::logged_in(&server, "zoe");
    // An admin sees who is locked out, and gives another password, which ends it.
    for _ in 0..5 {
        assert_eq!(nobody.log_in("rob", "a wrong password").status, 401);
    }
    let rob = || zoe.ask("GET", "/v1/users", &Value::Null).json()["users"][0].clone();
    let locked_out = rob()["locked_out"].clone();
    assert!(locked_out["since"].as_str() < locked_out["until"].as_str(), "{locked_out}");
    let edit = json!({"change": {"password": "another password"}, "reason": "he called"});
    let edited = zoe.ask("PUT", "/v1/users/rob", &edit);
    assert_eq!((edited.status, &edited.json()["locked_out"], &rob()["locked_out"]), (200, &Value::Null, &Value::Null));
    assert_eq!(nobody.log_in("rob", "another password").status, 200);
    // No answer waited for the audit to be told.
    let told = || words(&zoe.audit("limit=100"));
    let count = |who: &str, what: &str| told().iter().filter(|entry| entry[0] == who && entry[1] == what).count();
    for (who, times) in [("rob", 2), ("somebody", 1)] {
        let counts = || (count(who, "log_in_failed"), count(who, "locked_out"));
        until("all tries are told", || counts().0 >= 5 * times && counts().1 >= times);
        assert_eq!(counts(), (5 * times, times));
    }
    let file = std::fs::read_to_string(data.join("audit.jsonl")).expect("it is there");
    assert!(!file.contains("nobody of this name") && !file.contains("guess number"), "what was typed may be a password");
    // Too much of anything is refused before it is looked at.
    let long = nobody.log_in("rob", &"x".repeat(100_000));
    assert_eq!(long.status, 413, "{}", long.body);
    assert_eq!(nobody.ask("POST", "/v1/session", &json!({"name": "rob"})).status, 422);
}

#[test]
fn a_server_that_nobody_logs_in_to_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    let anybody = Client::new(&server);
    let who = anybody.ask("GET", "/v1/session", &Value::Null).json();
    assert_eq!((&who["open"], &who["name"]), (&json!(true), &json!("the API")));
    assert!(anybody.log_in("ada", PASSWORD).detail(404).contains("riskflow user add"));
    assert!(anybody.ask("DELETE", "/v1/session", &Value::Null).detail(404).contains("nobody has logged in"));
    let draft = json!({"name": "ada", "role": "admin", "password": PASSWORD});
    assert!(anybody.ask("POST", "/v1/users", &draft).detail(409).contains("add the first user with `riskflow user add`"));
    // The first user shuts the door, while the server runs.
    user(folder.path(), "ada", "admin");
    until("somebody has to log in", || anybody.ask("GET", "/v1/models", &Value::Null).status == 401);
    assert_eq!(Client::logged_in(&server, "ada").ask("GET", "/v1/models", &Value::Null).status, 200);
}

#[test]
fn the_audit_is_verified_and_the_first_broken_link_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    with_champion(data);
    user(data, "rob", "reviewer");
    user(data, "zoe", "admin");
    let verify = |more: &[&str]| run(&[&["audit", "--data-dir", text(data), "verify"], more].concat());
    let well = verify(&[]);
    assert!(well.status.success(), "{}", well.stderr);
    let head = well.stdout.trim().to_owned();
    assert!(well.stderr.contains("entries are as they were written") && head.len() == 64, "{}", well.stderr);
    assert!(verify(&["--head", &head]).status.success());

    let file = data.join("audit.jsonl");
    let whole = std::fs::read_to_string(&file).expect("it is there");
    let lines: Vec<&str> = whole.lines().collect();
    let last = lines.len();
    let check = |text: &str, more: &[&str], expect: &str| {
        std::fs::write(&file, text).expect("written");
        let ended = verify(more);
        assert!(ended.status.code() == Some(1) && ended.stderr.contains(expect), "{}\nlacks {expect}", ended.stderr);
        std::fs::write(&file, &whole).expect("written");
    };
    check(&whole.replacen("reviewer", "approver", 1), &[], &format!("broken at entry {}", last - 1));
    check(&whole.replacen(lines[1], lines[0], 1), &[], "broken at entry 2");
    check(&format!("{}\n", lines[..last - 1].join("\n")), &["--head", &head], "its end was cut off, or it was written anew");
    check(&whole[..whole.len() - 1], &[], &format!("broken at entry {last}"));
    check("", &[], "there is no audit chain");
    // A control record that was changed in the log, checksum and all, would be named by its position: here the chain is that of another log.
    let other = tempfile::tempdir().expect("a folder");
    with_champion(other.path());
    let theirs = std::fs::read_to_string(other.path().join("audit.jsonl")).expect("it is there");
    check(&theirs, &[], "the log and the audit chain differ at position");
}

#[test]
fn who_guesses_behind_a_proxy_is_known_by_what_the_proxy_says() {
    let folder = tempfile::tempdir().expect("a folder");
    with_champion(folder.path());
    user(folder.path(), "zoe", "admin");
    let told = || std::fs::read_to_string(folder.path().join("audit.jsonl")).expect("it is there");
    for (proxies, expect) in [(r#"["127.0.0.0/8"]"#, "a session from 198.51.100.7"), ("[]", "a session from 127.0.0.1")] {
        let server = Server::start_in(&[("RISKFLOW_SERVER__PROXIES", proxies)], folder.path(), &[]);
        let request = ureq::post(format!("{}/v1/session", server.url)).header("content-type", "application/json");
        let request = request.header("x-forwarded-for", "192.0.2.1, 198.51.100.7:51234");
        let refused = request.send(json!({"name": "zoe", "password": "a guess"}).to_string()).expect_err("it is wrong");
        assert!(matches!(refused, ureq::Error::StatusCode(401)), "{refused}");
        until(expect, || told().contains(expect));
        server.stop();
    }
}
