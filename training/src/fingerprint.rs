//! What a dataset was made of, as one hash: equal fingerprints mean equal rows.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use ingest::Duration;
use scoring::Pipeline;
use sha2::{Digest, Sha256};

use crate::dataset::Period;
use crate::error::Error;

/// The hash of the data (the bytes of a file, or of all files of a folder with their names), of the feature definitions, of the period
/// and of the delay of labels: 64 hexadecimal digits.
pub(crate) fn fingerprint(data: &Path, pipeline: &Pipeline, period: Period, delay: Duration) -> Result<String, Error> {
    let mut hash = Sha256::new();
    let io = |path: &Path| {
        let path = path.display().to_string();
        move |source| Error::Read { path, source }
    };
    for path in files(data).map_err(io(data))? {
        let name = path.strip_prefix(data).unwrap_or(&path).display().to_string();
        let mut file = File::open(&path).map_err(io(&path))?;
        let bytes = file.metadata().map_err(io(&path))?.len();
        hash.update(format!("{name} {bytes}\n"));
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer).map_err(io(&path))? {
                0 => break,
                read => hash.update(&buffer[..read]),
            }
        }
    }
    let Period { from, until } = period;
    hash.update(format!("{} {} {} {}", pipeline.plan.version(), from.micros(), until.micros(), delay.micros()));
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The file, or all files of a folder and of those in it, by name.
fn files(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    entries.sort();
    Ok(entries.iter().map(|entry| files(entry)).collect::<Result<Vec<_>, _>>()?.concat())
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
            fingerprint(folder.path(), pipeline, period(until), Duration::days(delay)).unwrap()
        };
        let first = of(&pipeline, 9, 7);
        assert_eq!(first.len(), 64);
        assert_eq!(of(&pipeline, 9, 7), first);
        let mut seen = vec![first, of(&other, 9, 7), of(&pipeline, 8, 7), of(&pipeline, 9, 6)];
        write("b.parquet", "onE");
        seen.push(of(&pipeline, 9, 7));
        write("c.parquet", "");
        seen.push(of(&pipeline, 9, 7));
        let all = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), all);
        let missing = fingerprint(Path::new("/no/such"), &pipeline, period(9), Duration::ZERO).unwrap_err();
        assert_eq!(missing.to_string(), "cannot read /no/such");
    }
}
