//! The embedded registry, `file://`: `<folder>/<name>/<version>/artifact.json` with its SHA-256 beside it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{ARTIFACT_FORMAT, Artifact, Error, Registry};

const ARTIFACT: &str = "artifact.json";
const HASH: &str = "artifact.sha256";

/// A registry in a folder.
#[derive(Clone, Debug)]
pub struct FileRegistry {
    folder: PathBuf,
}

impl FileRegistry {
    /// A registry in `folder`, which is created when it is not there.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(io("create", folder))?;
        Ok(Self { folder: folder.to_owned() })
    }

    fn version_folder(&self, name: &str, version: u32) -> PathBuf {
        self.folder.join(name).join(version.to_string())
    }
}

impl Registry for FileRegistry {
    /// The version's folder appears whole or not at all: it is filled under another name and then renamed.
    fn publish(&self, artifact: &Artifact) -> Result<u32, Error> {
        let version = self.versions(&artifact.name)?.last().map_or(1, |last| last + 1);
        let target = self.version_folder(&artifact.name, version);
        let unfinished = self.folder.join(&artifact.name).join(format!(".{version}.unfinished"));
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(io("remove", &unfinished))?;
        }
        fs::create_dir_all(&unfinished).map_err(io("create", &unfinished))?;
        let body = serde_json::to_vec(artifact).expect("an artifact is plain data with text keys");
        write_synced(&unfinished.join(ARTIFACT), &body)?;
        write_synced(&unfinished.join(HASH), sha256(&body).as_bytes())?;
        sync_folder(&unfinished)?;
        fs::rename(&unfinished, &target).map_err(io("create", &target))?;
        sync_folder(&self.folder.join(&artifact.name))?;
        sync_folder(&self.folder)?;
        Ok(version)
    }

    fn load(&self, name: &str, version: u32) -> Result<Artifact, Error> {
        let folder = self.version_folder(name, version);
        if !folder.is_dir() {
            return Err(Error::NotFound { name: name.to_owned(), version, registry: self.folder.display().to_string() });
        }
        let path = folder.join(ARTIFACT);
        let body = fs::read(&path).map_err(io("read", &path))?;
        let published = fs::read_to_string(folder.join(HASH)).map_err(io("read", &folder.join(HASH)))?;
        let found = sha256(&body);
        if found != published.trim() {
            return Err(Error::Damaged { path: path.display().to_string(), found, published: published.trim().to_owned() });
        }
        let unreadable = |reason: String| Error::Unreadable { path: path.display().to_string(), reason };
        let artifact: Artifact = serde_json::from_slice(&body).map_err(|error| unreadable(error.to_string()))?;
        if !(1..=ARTIFACT_FORMAT).contains(&artifact.format) {
            return Err(unreadable(format!("it has format {}, this program reads up to {ARTIFACT_FORMAT}", artifact.format)));
        }
        let versions = if artifact.format == 1 { 0 } else { artifact.features.len() };
        if artifact.feature_versions.len() != versions {
            let named = artifact.feature_versions.len();
            return Err(unreadable(format!("it names {} features and {named} versions", artifact.features.len())));
        }
        if artifact.model.width() != artifact.features.len() {
            let (width, named) = (artifact.model.width(), artifact.features.len());
            return Err(unreadable(format!("its model reads {width} features and it names {named}")));
        }
        artifact.model.check().map_err(|invalid| unreadable(invalid.to_string()))?;
        Ok(artifact)
    }

    fn versions(&self, name: &str) -> Result<Vec<u32>, Error> {
        let folder = self.folder.join(name);
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let entries = fs::read_dir(&folder).map_err(io("read", &folder))?;
        let mut versions: Vec<u32> = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
        versions.sort_unstable();
        Ok(versions)
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let write = || {
        let mut file = fs::File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(io("write", path))
}

/// Makes the names in a folder durable.
fn sync_folder(folder: &Path) -> Result<(), Error> {
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("sync", folder))
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Linear, Model};

    fn artifact() -> Artifact {
        Artifact {
            format: ARTIFACT_FORMAT,
            name: "card_fraud".to_owned(),
            learner: "logistic".to_owned(),
            trained_at: ingest::Timestamp::from_micros(1),
            features_version: "abc".to_owned(),
            features: vec!["amount".to_owned()],
            feature_versions: vec!["0".to_owned()],
            trained_on: (ingest::Timestamp::from_micros(0), ingest::Timestamp::from_micros(1)),
            rows: 10,
            bad_rows: 1,
            metrics: [("auc".to_owned(), 0.1 + 0.2)].into(),
            model: Model::Linear(Linear { intercept: -3.0, weights: vec![1.0 / 3.0], means: vec![0.0], deviations: vec![1.0] }),
        }
    }

    #[test]
    fn what_is_published_is_loaded_bit_for_bit() {
        let folder = tempfile::tempdir().expect("a folder");
        let registry = FileRegistry::open(folder.path()).expect("open");
        assert_eq!(registry.versions("card_fraud").expect("none"), Vec::<u32>::new());
        assert_eq!((registry.publish(&artifact()).expect("first"), registry.publish(&artifact()).expect("second")), (1, 2));
        assert_eq!(registry.load("card_fraud", 2).expect("second"), artifact());
        assert!(matches!(registry.load("card_fraud", 3), Err(Error::NotFound { version: 3, .. })));
    }

    #[test]
    fn a_flipped_byte_is_refused_wherever_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let registry = FileRegistry::open(folder.path()).expect("open");
        registry.publish(&artifact()).expect("publish");
        let path = folder.path().join("card_fraud/1").join(ARTIFACT);
        let whole = fs::read(&path).expect("read");
        for byte in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[byte] ^= 1;
            fs::write(&path, &flipped).expect("write");
            assert!(matches!(registry.load("card_fraud", 1), Err(Error::Damaged { .. })), "byte {byte}");
        }
    }
}
