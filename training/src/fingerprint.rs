//! What a dataset was made of, as one hash: equal fingerprints mean equal rows.

use std::fs::File;
use std::io::Read;

use ingest::Duration;
use scoring::Pipeline;
use sha2::{Digest, Sha256};

use crate::dataset::Period;
use crate::error::Error;
use crate::file::Table;
use crate::files::{DataFile, Files};

/// The hash of the data (the names of all files below the folders that were named, and the bytes of all files, in their order), of the
/// feature definitions, of the period and of the delay of labels: 64 hexadecimal digits. Where the folders lie makes no difference.
pub(crate) fn fingerprint(data: &Files, pipeline: &Pipeline, period: Period, delay: Duration) -> Result<String, Error> {
    let mut hash = Sha256::new();
    add(&mut hash, data)?;
    let Period { from, until } = period;
    hash.update(format!("{} {} {} {}", pipeline.plan.version(), from.micros(), until.micros(), delay.micros()));
    Ok(digits(hash))
}

/// A hash of rows, with the names and the bytes of the tables beside them; the same where there is none.
pub(crate) fn with_tables(rows: String, tables: &[Table]) -> Result<String, Error> {
    if tables.is_empty() {
        return Ok(rows);
    }
    let mut hash = Sha256::new();
    hash.update(rows);
    for table in tables {
        hash.update(format!("\n{}\n", table.name));
        add(&mut hash, &Files::find(std::slice::from_ref(&table.path))?)?;
    }
    Ok(digits(hash))
}

fn add(hash: &mut Sha256, files: &Files) -> Result<(), Error> {
    for DataFile { path, name, .. } in files.iter() {
        let io = |source| Error::Read { path: path.display().to_string(), source };
        let mut file = File::open(path).map_err(io)?;
        let bytes = file.metadata().map_err(io)?.len();
        hash.update(format!("{name} {bytes}\n"));
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer).map_err(io)? {
                0 => break,
                read => hash.update(&buffer[..read]),
            }
        }
    }
    Ok(())
}

fn digits(hash: Sha256) -> String {
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use ingest::Timestamp;

    use super::*;

    #[test]
    fn whatever_changes_the_rows_changes_it() {
        let text = include_str!("../../pipelines/card_fraud_handbook.toml");
        let pipeline = Pipeline::parse(text, "p").unwrap();
        let other = Pipeline::parse(&text.replace("kind = \"night\"", "kind = \"weekend\""), "p").unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("day=2")).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("day=2/a.parquet", "two");
        write("b.parquet", "one");
        let period = |until: i64| Period { from: Timestamp::start_of_day(0), until: Timestamp::start_of_day(until) };
        let of = |pipeline: &Pipeline, until: i64, delay: i64| {
            let files = Files::find(&[folder.path().to_owned()]).unwrap();
            fingerprint(&files, pipeline, period(until), Duration::days(delay)).unwrap()
        };
        let first = of(&pipeline, 9, 7);
        assert_eq!(first.len(), 64);
        assert_eq!(of(&pipeline, 9, 7), first);
        let mut seen = vec![first, of(&other, 9, 7), of(&pipeline, 8, 7), of(&pipeline, 9, 6)];
        write("b.parquet", "onE");
        seen.push(of(&pipeline, 9, 7));
        write("c.csv", "");
        seen.push(of(&pipeline, 9, 7));
        let all = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), all);
        let table = |name: &str| Table { name: name.to_owned(), path: folder.path().join("b.parquet"), place: String::new() };
        assert_eq!(with_tables("rows".to_owned(), &[]).unwrap(), "rows");
        let mut with = ["shops", "cards"].map(|name| with_tables("rows".to_owned(), &[table(name)]).unwrap()).to_vec();
        write("b.parquet", "two");
        with.push(with_tables("rows".to_owned(), &[table("shops")]).unwrap());
        write("b.parquet", "onE");
        assert!(with[0] != with[1] && with[0] != with[2]);
        // The same files elsewhere.
        let moved = tempfile::tempdir().unwrap();
        std::fs::rename(folder.path(), moved.path().join("there")).unwrap();
        let files = Files::find(&[moved.path().join("there")]).unwrap();
        assert!(seen.contains(&fingerprint(&files, &pipeline, period(9), Duration::days(7)).unwrap()));
    }
}
