use std::path::Path;

use ingest::Timestamp;
use serde::{Deserialize, Serialize};

use super::password::PasswordKept;
use super::private::{FileError, PrivateFile};
use super::role::Role;
use crate::audit::Draft;
use crate::control::{Person, is_one, is_reserved};

/// A user as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The name: in every record of what was done, and to log in with.
    pub name: String,
    /// What the user is.
    pub role: Role,
    /// What is kept of the password.
    pub password: PasswordKept,
    /// When the user was added.
    pub created_at: Timestamp,
    /// When the password was set.
    pub password_at: Timestamp,
    /// Cannot log in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
}

impl User {
    /// Who acts.
    pub fn person(&self) -> Person {
        Person { name: self.name.clone(), may: self.role.may() }
    }
}

/// What is done about a user that there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserChange {
    /// Another role.
    Role(Role),
    /// Another password.
    Password(PasswordKept),
    /// No way in any more.
    Disable,
    /// The way in again.
    Enable,
    /// There is none of this name any more.
    Remove,
}

/// What can go wrong with users.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// With their file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Nobody has this name.
    #[error("there is no user `{name}`")]
    Unknown {
        /// The name.
        name: String,
    },
    /// Somebody has it.
    #[error("there is a user `{name}` already")]
    Taken {
        /// The name.
        name: String,
    },
    /// A name under which the program acts by itself.
    #[error("`{name}` is no person's name: the program acts under it by itself")]
    Reserved {
        /// The name.
        name: String,
    },
    /// Nobody could add users any more but at a command line.
    #[error("`{name}` is the last admin who can log in: make another one first")]
    LastAdmin {
        /// The name.
        name: String,
    },
    /// A name that cannot be.
    #[error("the name of a user has 1 to 64 bytes, no control characters, and no spaces around it")]
    Name,
}

/// The file in which users are kept, readable by its owner alone.
#[derive(Clone, Debug)]
pub struct UserFile(PrivateFile);

impl UserFile {
    /// `users.json` in a folder; it need not be there.
    pub fn of(folder: &Path) -> Self {
        Self(PrivateFile::of(folder, "users.json"))
    }

    /// All users; none where there is no file.
    ///
    /// # Errors
    /// [`UserError::File`].
    pub fn read(&self) -> Result<Vec<User>, UserError> {
        Ok(self.0.read()?)
    }

    /// Adds a user, and tells the audit chain who did it.
    ///
    /// # Errors
    /// Nothing is changed then.
    pub fn add(&self, name: &str, role: Role, password: PasswordKept, by: &str, now: Timestamp) -> Result<User, UserError> {
        check_name(name)?;
        self.0.change(|users| {
            if let Some(user) = of_name(users, name) {
                return Err(UserError::Taken { name: user.name.clone() });
            }
            let user = User { name: name.to_owned(), role, password, created_at: now, password_at: now, disabled: false };
            users.push(user.clone());
            Ok((user, Draft { after: role.name().to_owned(), ..Draft::new(now, by, "user_added", format!("user {name}")) }))
        })
    }

    /// Changes something about a user, and tells the audit chain who did it and why. The user as it is then, or as it was when it is removed.
    ///
    /// # Errors
    /// Nothing is changed then.
    pub fn change(&self, name: &str, change: UserChange, by: &str, reason: &str, now: Timestamp) -> Result<User, UserError> {
        self.change_and_keep(false, name, change, (by, reason), now)
    }

    /// As [`UserFile::change`], for who is logged in: an admin who can log in stays.
    ///
    /// # Errors
    /// Nothing is changed then.
    pub fn change_from_within(
        &self,
        name: &str,
        change: UserChange,
        by: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<User, UserError> {
        self.change_and_keep(true, name, change, (by, reason), now)
    }

    fn change_and_keep(
        &self,
        an_admin: bool,
        name: &str,
        change: UserChange,
        (by, reason): (&str, &str),
        now: Timestamp,
    ) -> Result<User, UserError> {
        self.0.change(|users| {
            let had_admin = has_admin(users);
            let place = users.iter().position(|user: &User| is_one(&user.name, name));
            let place = place.ok_or_else(|| UserError::Unknown { name: name.to_owned() })?;
            let before = users[place].clone();
            let (what, after) = changed(before.clone(), change, now);
            let roles = if after.as_ref().is_some_and(|after| after.role == before.role) {
                (String::new(), String::new())
            } else {
                let name = |user: &User| user.role.name().to_owned();
                (name(&before), after.as_ref().map(name).unwrap_or_default())
            };
            let told = Draft::new(now, by, what, format!("user {}", before.name));
            let told = Draft { reason: reason.to_owned(), before: roles.0, after: roles.1, ..told };
            users.splice(place..=place, after.clone());
            if an_admin && had_admin && !has_admin(users) {
                return Err(UserError::LastAdmin { name: before.name });
            }
            Ok((after.unwrap_or(before), told))
        })
    }
}

/// The user of a name; letters and spaces around it tell nobody apart.
pub(super) fn of_name<'a>(users: &'a [User], name: &str) -> Option<&'a User> {
    users.iter().find(|user| is_one(&user.name, name))
}

/// Whether an admin can log in.
pub(super) fn has_admin(users: &[User]) -> bool {
    users.iter().any(|user| user.role == Role::Admin && !user.disabled)
}

/// What a change is called, and the user after it.
fn changed(user: User, change: UserChange, now: Timestamp) -> (&'static str, Option<User>) {
    match change {
        UserChange::Role(role) => ("role_changed", Some(User { role, ..user })),
        UserChange::Password(password) => ("password_set", Some(User { password, password_at: now, ..user })),
        UserChange::Disable => ("user_disabled", Some(User { disabled: true, ..user })),
        UserChange::Enable => ("user_enabled", Some(User { disabled: false, ..user })),
        UserChange::Remove => ("user_removed", None),
    }
}

fn check_name(name: &str) -> Result<(), UserError> {
    if name.is_empty() || name.len() > 64 || name.trim() != name || name.chars().any(char::is_control) {
        return Err(UserError::Name);
    }
    if is_reserved(name) {
        return Err(UserError::Reserved { name: name.to_owned() });
    }
    Ok(())
}
