use std::ops::Range;

use ingest::Schema;
use ingest::decode::has_card_number;
use serde::Deserialize;
use toml::Spanned;

use super::{Declared, Key, Kind};

/// A `[[lists]]` table of a pipeline file: which list there is, not what is on it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListFile {
    name: Spanned<String>,
    kind: Kind,
    of: Spanned<String>,
}

impl ListFile {
    /// The lists of a file, checked against what its events have.
    pub fn check(files: Vec<Self>, schema: &Schema) -> Result<Vec<Declared>, (String, Range<usize>)> {
        let mut lists: Vec<Declared> = Vec::new();
        for file in files {
            let Self { name, kind, of } = file;
            let word = name.as_ref().chars().all(|each| each.is_ascii_alphanumeric() || each == '_');
            if name.as_ref().is_empty() || !word {
                return Err((format!("list name `{}` may have letters, digits and underscores", name.as_ref()), name.span()));
            }
            if has_card_number(name.as_ref()) {
                return Err(("a list's name has what looks like a card number in it".to_owned(), name.span()));
            }
            if lists.iter().any(|list| list.name == *name.as_ref()) {
                return Err((format!("there are two lists named `{}`", name.as_ref()), name.span()));
            }
            let Some(key) = Key::named(of.as_ref(), schema) else {
                let message = format!("`{}` is neither an entity nor an attribute of kind text", of.as_ref());
                return Err((message, of.span()));
            };
            lists.push(Declared { name: name.into_inner(), kind, of: of.into_inner(), key });
        }
        Ok(lists)
    }
}
