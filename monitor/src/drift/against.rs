use std::fmt;
use std::str::FromStr;

/// What a window is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Against {
    /// What the model has learned from.
    Training,
    /// The seven days before the window.
    WeekBefore,
    /// The same hours seven days earlier, so that nights are held against nights and Sundays against Sundays.
    SameHours,
}

impl Against {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Training, Self::WeekBefore, Self::SameHours];

    /// Its word in the API and in the warehouse.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::WeekBefore => "week_before",
            Self::SameHours => "same_hours",
        }
    }
}

impl fmt::Display for Against {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Against {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|against| against.name() == text);
        found.ok_or_else(|| format!("`{text}` is none of training, week_before, same_hours"))
    }
}
