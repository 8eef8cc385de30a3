//! Which files a history lies in: those that were named, and all below the folders that were named. A folder in a Hive-partitioned
//! table, `dt=2018-07-25`, gives its files a column.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ingest::decode::Constant;

use crate::error::Error;

/// Files of events, in an order that depends on their names alone and not on where they lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files(Vec<DataFile>);

/// One file of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Its path below the folder that was named, with `/`; nothing for a file that was named itself.
    pub name: String,
    /// The columns that its folders give it.
    pub partition: Vec<Constant>,
}

/// What files of events end in.
const ENDINGS: [&str; 5] = ["parquet", "csv", "json", "jsonl", "ndjson"];

/// What Hive and Spark write in place of an absent value.
const ABSENT: &str = "__HIVE_DEFAULT_PARTITION__";

impl Files {
    /// The files at some paths, each once. In a folder names that begin with `_` or `.` are passed over, as everybody does who writes such
    /// tables; any other file has to be Parquet or text.
    ///
    /// # Errors
    /// When a path leads nowhere, a file is of another kind, or a folder has no file.
    pub fn find(paths: &[PathBuf]) -> Result<Self, Error> {
        let mut files: Vec<(String, DataFile)> = Vec::new();
        for path in paths {
            if !path.exists() {
                return Err(Error::NoFile { path: path.display().to_string() });
            }
            if path.is_dir() {
                let before = files.len();
                walk(path, "", &[], &mut files)?;
                if files.len() == before {
                    return Err(Error::NoFiles { path: path.display().to_string() });
                }
            } else {
                let order = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
                files.push((order, checked(path.clone(), String::new(), Vec::new())?));
            }
        }
        // The sort is stable: of equal names the one that was named first comes first.
        files.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut seen = BTreeSet::new();
        let mut first_time = |file: &DataFile| seen.insert(file.path.canonicalize().unwrap_or_else(|_| file.path.clone()));
        Ok(Self(files.into_iter().map(|(_, file)| file).filter(|file| first_time(file)).collect()))
    }

    /// The files, in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, DataFile> {
        self.0.iter()
    }
}

/// Everything below a folder. `name` is its own path below the folder that was named.
fn walk(folder: &Path, name: &str, partition: &[Constant], files: &mut Vec<(String, DataFile)>) -> Result<(), Error> {
    let read = |source| Error::Read { path: folder.display().to_string(), source };
    for entry in std::fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        let own = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let column = own.split_once('=').filter(|_| path.is_dir());
        if column.is_none() && own.starts_with(['_', '.']) {
            continue;
        }
        let below = if name.is_empty() { own.clone() } else { format!("{name}/{own}") };
        if path.is_dir() {
            let more = column.map(|(column, value)| Constant {
                column: decoded(column),
                value: Some(decoded(value)).filter(|value| value != ABSENT && !value.is_empty()),
            });
            let partition: Vec<Constant> = partition.iter().cloned().chain(more).collect();
            walk(&path, &below, &partition, files)?;
        } else {
            files.push((below.clone(), checked(path, below, partition.to_vec())?));
        }
    }
    Ok(())
}

fn checked(path: PathBuf, name: String, partition: Vec<Constant>) -> Result<DataFile, Error> {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    match ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) {
        true => Ok(DataFile { path, name, partition }),
        false => Err(Error::Format { path: path.display().to_string() }),
    }
}

/// A text in which `%3A` stands for a colon, as in the names of folders that Hive writes. What is not so written stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        folder
    }

    /// `name column=value …` of each file.
    fn found(folder: &Path, paths: &[&str]) -> Result<Vec<String>, String> {
        let paths: Vec<PathBuf> = paths.iter().map(|path| folder.join(path)).collect();
        let files = Files::find(&paths).map_err(|error| error.to_string().replace(&folder.display().to_string(), ""))?;
        let line = |file: &DataFile| {
            let columns = file.partition.iter().map(|Constant { column, value }| format!(" {column}={value:?}"));
            format!("{}{}", file.name, columns.collect::<String>())
        };
        Ok(files.iter().map(line).collect())
    }

    #[test]
    fn all_files_of_a_folder_in_the_order_of_their_names() {
        let folder = folder(&[
            "dt=2018-07-26/part-0.parquet",
            "dt=2018-07-25/part-1.CSV",
            "dt=2018-07-25/part-0.parquet",
            "dt=2018-07-25/.part-0.parquet.crc",
            "dt=2018-07-25/shop=a%3Ab/x.jsonl",
            "dt=__HIVE_DEFAULT_PARTITION__/x.csv",
            "_SUCCESS",
            "_old/a.parquet",
            "plain/b.csv",
        ]);
        let expect = [
            "dt=2018-07-25/part-0.parquet dt=Some(\"2018-07-25\")",
            "dt=2018-07-25/part-1.CSV dt=Some(\"2018-07-25\")",
            "dt=2018-07-25/shop=a%3Ab/x.jsonl dt=Some(\"2018-07-25\") shop=Some(\"a:b\")",
            "dt=2018-07-26/part-0.parquet dt=Some(\"2018-07-26\")",
            "dt=__HIVE_DEFAULT_PARTITION__/x.csv dt=None",
            "plain/b.csv",
        ];
        assert_eq!(found(folder.path(), &[""]).unwrap(), expect);
        assert_eq!(found(folder.path(), &["", "plain"]).unwrap().len(), 6, "none twice");
        assert_eq!(found(folder.path(), &["plain/b.csv", "dt=2018-07-26/part-0.parquet"]).unwrap(), ["", ""]);
    }

    #[test]
    fn what_nobody_reads_is_named() {
        let folder = folder(&["a/x.parquet", "a/readme.txt", "b/_SUCCESS"]);
        let check = |path: &str, expect: &str| {
            let error = found(folder.path(), &[path]).unwrap_err();
            assert!(error.contains(expect), "{error}");
        };
        check("a", "/a/readme.txt is neither Parquet");
        check("b", "there are no files of events in /b");
        check("c", "there is no file /c");
    }

    #[test]
    fn names_are_decoded() {
        let check = |text: &str, expect: &str| assert_eq!(decoded(text), expect);
        check("a b", "a b");
        check("12%3A30", "12:30");
        check("100%", "100%");
        check("%zz%4", "%zz%4");
        check("%C3%A9", "é");
        check("%FF", "%FF");
    }
}
