//! The API answers as its own document says. What asks is schemathesis, which knows nothing of riskflow but that document.

mod support;

use support::{HANDBOOK, peer};

#[test]
fn no_answer_is_one_that_the_document_does_not_know() {
    let asked = ["--riskflow", env!("CARGO_BIN_EXE_riskflow"), "--pipeline", HANDBOOK, "--seconds", "40"];
    let Some((is_well, said)) = peer("api.py", &asked) else { return };
    assert!(is_well, "{said}");
}
