//! Who changes something, as far as that is known.

/// The name of whoever reaches a server without keys.
pub const ANYBODY: &str = "the API";
/// The name under which guardrails act.
pub const GUARDRAIL: &str = "guardrail";
/// The name under which alerts are raised.
pub const DESK: &str = "the alert desk";
/// The name under which an experiment ends when it was planned to.
pub const PLAN: &str = "the plan";

/// The name of whoever failed to log in under a name that nobody has.
pub const SOMEBODY: &str = "somebody";
/// The name under which the program mends what a crash has left.
pub const PROGRAM: &str = "riskflow";

/// Who changes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Their name, in records.
    pub name: String,
    /// What they may do by themselves.
    pub may: May,
}

/// What a person may do by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum May {
    /// Work on what nobody has escalated, and change nothing that decides.
    Work,
    /// Work on what was escalated, propose, and change what alters no decision.
    Propose,
    /// Change what four eyes are not asked for.
    Change,
    /// Everything: nobody can be told from anybody, since there are no keys.
    Anything,
}

impl Person {
    /// Somebody who may change what four eyes are not asked for.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), may: May::Change }
    }

    /// Whether they may work on what others have escalated.
    pub fn reviews(&self) -> bool {
        self.may >= May::Propose
    }

    /// Whoever reaches a server without keys.
    pub fn anybody() -> Self {
        Self { name: ANYBODY.to_owned(), may: May::Anything }
    }
}

/// Whether two names may be one person's: a name that is nobody's may be anybody's.
pub fn may_be_one(a: &str, b: &str) -> bool {
    [a, b].iter().any(|name| is_one(name, ANYBODY)) || is_one(a, b)
}

/// Whether two names are one: letters and spaces around them tell nobody apart.
pub fn is_one(a: &str, b: &str) -> bool {
    plain(a) == plain(b)
}

/// Whether the program acts under a name by itself, so that it is no person's.
pub fn is_reserved(name: &str) -> bool {
    [ANYBODY, DESK, GUARDRAIL, PLAN, SOMEBODY, PROGRAM, super::PIPELINE_FILE].iter().any(|reserved| is_one(name, reserved))
}

/// A name as it is compared.
pub(crate) fn plain(name: &str) -> String {
    name.trim().to_lowercase()
}
