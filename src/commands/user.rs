//! `riskflow user`: the people who log in.

use std::io::{BufRead, IsTerminal, stdin};
use std::path::PathBuf;

use anyhow::{Context, bail};
use ingest::{Clock, SystemClock};
use scoring::api::access::{Password, Role, User, UserChange, UserFile};
use serde::Serialize;

use super::{ConfigArgs, Why, operator};
use crate::output;

/// Add, list, change and remove the people who log in
///
/// A password is asked for, or read from standard input or a file; it is never an argument, and what is kept of it is its hash. A running server
/// sees changes within a second, and each is in the audit (`riskflow audit list`).
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  riskflow user add ada --role reviewer\n  riskflow user password ada --password-file new.txt\n  riskflow user role ada approver --reason \"takes over from bob\""
)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Add somebody who may log in
    Add {
        /// Who: in every record of what is done
        name: String,
        /// What they are: viewer, analyst, reviewer, approver, admin
        #[arg(long, value_name = "ROLE", value_parser = role)]
        role: Role,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Give somebody another role; it holds from the next request on
    Role {
        /// Who
        name: String,
        /// What they are from now on: viewer, analyst, reviewer, approver, admin
        #[arg(value_parser = role)]
        role: Role,
        #[command(flatten)]
        why: Why,
    },
    /// Set another password; all sessions of the user end
    Password {
        /// Whose
        name: String,
        #[command(flatten)]
        password: PasswordArgs,
        #[command(flatten)]
        why: Why,
    },
    /// Let somebody in no longer; all sessions of the user end
    Disable {
        /// Who
        name: String,
        #[command(flatten)]
        why: Why,
    },
    /// Let somebody in again
    Enable {
        /// Who
        name: String,
        #[command(flatten)]
        why: Why,
    },
    /// Remove somebody; what was done under the name stays
    Remove {
        /// Who
        name: String,
        #[command(flatten)]
        why: Why,
    },
    /// Show who may log in
    List {
        /// Print one JSON object for each user
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Debug, clap::Args)]
struct PasswordArgs {
    /// A file with the password in its first line [default: it is asked for, or read from standard input]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

fn role(name: &str) -> Result<Role, String> {
    let known = Role::ALL.map(Role::name).join(", ");
    Role::ALL.into_iter().find(|role| role.name() == name).ok_or_else(|| format!("there are: {known}"))
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let data = args.config.load()?.data;
    std::fs::create_dir_all(&data).with_context(|| format!("cannot create the data folder {}", data.display()))?;
    let users = UserFile::of(&data);
    let change = |name: &str, change: UserChange, Why { reason }: &Why, done: &str| -> anyhow::Result<()> {
        let user = users.change(name, change, &operator(), reason, SystemClock.now())?;
        output::message(&format!("{} {done}", user.name));
        Ok(())
    };
    match &args.command {
        Command::Add { name, role, password } => {
            let kept = password.read(name)?.hash()?;
            let user = users.add(name, *role, kept, &operator(), SystemClock.now())?;
            output::message(&format!("{} may log in as {}", user.name, user.role.name()));
            Ok(())
        }
        Command::Role { name, role, why } => {
            change(name, UserChange::Role(*role), why, &format!("is {} from now on", role.name()))
        }
        Command::Password { name, password, why } => {
            let kept = password.read(name)?.hash()?;
            change(name, UserChange::Password(kept), why, "has another password; sessions with the one before have ended")
        }
        Command::Disable { name, why } => change(name, UserChange::Disable, why, "may log in no longer"),
        Command::Enable { name, why } => change(name, UserChange::Enable, why, "may log in again"),
        Command::Remove { name, why } => change(name, UserChange::Remove, why, "is removed"),
        Command::List { json } => list(&users.read()?, *json),
    }
}

impl PasswordArgs {
    fn read(&self, name: &str) -> anyhow::Result<Password> {
        let text = match &self.password_file {
            Some(path) => first_line(&std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?),
            None if stdin().is_terminal() => asked()?,
            None => {
                let mut line = String::new();
                stdin().lock().read_line(&mut line).context("cannot read the password from standard input")?;
                first_line(&line)
            }
        };
        Ok(Password::new(&text, name)?)
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// Asks twice, since nobody sees what they type.
fn asked() -> anyhow::Result<String> {
    let ask = |prompt: &str| rpassword::prompt_password(prompt).context("cannot ask for the password");
    let text = ask("Password (at least 12 characters): ")?;
    if text != ask("The same again: ")? {
        bail!("these are two passwords: nothing was changed");
    }
    Ok(text)
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    role: Role,
    disabled: bool,
    created_at: String,
    password_at: String,
}

fn list(users: &[User], json: bool) -> anyhow::Result<()> {
    if json {
        let line = |User { name, role, disabled, created_at, password_at, .. }: &User| {
            let (created_at, password_at) = (created_at.to_string(), password_at.to_string());
            output::json_line(&Line { name, role: *role, disabled: *disabled, created_at, password_at })
        };
        return users.iter().try_for_each(line);
    }
    let row = |user: &User| {
        let may = if user.disabled { "no" } else { "yes" };
        let (added, set) = (user.created_at.to_string(), user.password_at.to_string());
        vec![user.name.clone(), user.role.name().to_owned(), may.to_owned(), added, set]
    };
    output::table(&["user", "role", "may log in", "added", "password set"], &users.iter().map(row).collect::<Vec<_>>())
}
