//! The embedded registry, `file://`. A version is a folder, `<folder>/<name>/<version>/`: what it is, the model, the reference profile,
//! the card, who published it and the ONNX file of a neural network, each a file of its own, and their hashes as `sha256sum -c` reads them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{ARTIFACT_FORMAT, Artifact, Error, Registry, old};
use crate::model::{Model, Scorer};

const ABOUT: &str = "artifact.json";
const MODEL: &str = "model.json";
const PROFILE: &str = "profile.json";
const CARD: &str = "card.md";
const PUBLISHED: &str = "published.json";
/// The ONNX file of a network; other models have none.
const NETWORK: &str = "network.onnx";
const MANIFEST: &str = "artifact.sha256";
/// Who holds it gives the next version of a model.
const LOCK: &str = ".lock";

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
        let name = &artifact.about.name;
        let model = self.folder.join(name);
        fs::create_dir_all(&model).map_err(io("create", &model))?;
        // Two programs that publish at once, such as a training and an import, get two versions.
        let lock = model.join(LOCK);
        let lock = fs::File::options().create(true).append(true).open(&lock).map_err(io("open", &lock))?;
        lock.lock().map_err(io("lock", &model))?;
        let version = self.versions(name)?.last().map_or(1, |last| last + 1);
        let target = self.version_folder(name, version);
        let unfinished = model.join(format!(".{version}.unfinished"));
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(io("remove", &unfinished))?;
        }
        fs::create_dir_all(&unfinished).map_err(io("create", &unfinished))?;
        let mut manifest = String::new();
        for (name, bytes) in files(artifact) {
            write_synced(&unfinished.join(name), &bytes)?;
            manifest.push_str(&format!("{}  {name}\n", sha256(&bytes)));
        }
        write_synced(&unfinished.join(MANIFEST), manifest.as_bytes())?;
        sync_folder(&unfinished)?;
        fs::rename(&unfinished, &target).map_err(io("create", &target))?;
        sync_folder(&model)?;
        sync_folder(&self.folder)?;
        Ok(version)
    }

    fn load(&self, name: &str, version: u32) -> Result<Artifact, Error> {
        let folder = self.version_folder(name, version);
        if !folder.is_dir() {
            return Err(Error::NotFound { name: name.to_owned(), version, registry: self.folder.display().to_string() });
        }
        let manifest = folder.join(MANIFEST);
        let hashes = fs::read_to_string(&manifest).map_err(io("read", &manifest))?;
        let artifact = match hashes.contains("  ") {
            true => read(&folder, &hashes)?,
            false => old::read(&whole(&folder.join(ABOUT), hashes.trim())?).map_err(unreadable(&folder.join(ABOUT)))?,
        };
        check(&artifact).map_err(unreadable(&folder))?;
        Ok(artifact)
    }

    fn names(&self) -> Result<Vec<String>, Error> {
        let entries = fs::read_dir(&self.folder).map_err(io("read", &self.folder))?;
        let folders =
            entries.filter_map(|entry| entry.ok().filter(|entry| entry.path().is_dir())?.file_name().into_string().ok());
        let mut names: Vec<String> = folders.collect();
        names.sort_unstable();
        Ok(names)
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

/// The files of an artifact.
fn files(artifact: &Artifact) -> Vec<(&'static str, Vec<u8>)> {
    let Artifact { about, scorer, profile, card, published } = artifact;
    let network = match &scorer.model {
        Model::Network(network) => Some((NETWORK, network.onnx().to_vec())),
        Model::Linear(_) | Model::Trees(_) => None,
    };
    let always = [
        (ABOUT, json(about)),
        (MODEL, json(scorer)),
        (PROFILE, json(profile)),
        (CARD, card.clone().into_bytes()),
        (PUBLISHED, json(published)),
    ];
    always.into_iter().chain(network).collect()
}

fn json(part: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(part).expect("an artifact is plain data with text keys")
}

/// Reads the files that a manifest lists. Each must be there, and no line may be missing.
fn read(folder: &Path, manifest: &str) -> Result<Artifact, Error> {
    let part = |name: &str| {
        let hash = manifest.lines().find_map(|line| line.split_once("  ").filter(|(_, listed)| *listed == name));
        let (hash, _) = hash.ok_or_else(|| damaged(&folder.join(MANIFEST), format!("it does not list {name}")))?;
        whole(&folder.join(name), hash)
    };
    let mut scorer: Scorer = parse(folder, MODEL, &part(MODEL)?)?;
    if let Model::Network(network) = scorer.model {
        scorer.model = Model::Network(network.with_file(part(NETWORK)?));
    }
    Ok(Artifact {
        about: parse(folder, ABOUT, &part(ABOUT)?)?,
        scorer,
        profile: parse(folder, PROFILE, &part(PROFILE)?)?,
        card: String::from_utf8(part(CARD)?).map_err(|error| unreadable(&folder.join(CARD))(error.to_string()))?,
        published: parse(folder, PUBLISHED, &part(PUBLISHED)?)?,
    })
}

fn parse<T: serde::de::DeserializeOwned>(folder: &Path, name: &str, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| unreadable(&folder.join(name))(error.to_string()))
}

/// The bytes of a file whose hash is known.
fn whole(path: &Path, published: &str) -> Result<Vec<u8>, Error> {
    let bytes = fs::read(path).map_err(io("read", path))?;
    let found = sha256(&bytes);
    match found == published {
        true => Ok(bytes),
        false => Err(damaged(path, format!("its hash is {found}, published was {published}"))),
    }
}

/// Whether an artifact's parts belong together and can be run.
fn check(artifact: &Artifact) -> Result<(), String> {
    let Artifact { about, scorer, .. } = artifact;
    if !(1..=ARTIFACT_FORMAT).contains(&about.format) {
        return Err(format!("it has format {}, this program reads up to {ARTIFACT_FORMAT}", about.format));
    }
    let versions = if about.format == 1 { 0 } else { about.features.len() };
    if about.feature_versions.len() != versions {
        return Err(format!("it names {} features and {} versions", about.features.len(), about.feature_versions.len()));
    }
    if scorer.width() != about.features.len() {
        return Err(format!("its model reads {} features and it names {}", scorer.width(), about.features.len()));
    }
    scorer.check().map_err(|invalid| invalid.to_string())
}

fn damaged(path: &Path, what: String) -> Error {
    Error::Damaged { path: path.display().to_string(), what }
}

fn unreadable(path: &Path) -> impl FnOnce(String) -> Error {
    let path = path.display().to_string();
    move |reason| Error::Unreadable { path, reason }
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
    ingest::sync_folder(folder).map_err(io("sync", folder))
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use ingest::Timestamp;

    use super::super::{About, Published};
    use super::*;
    use crate::model::preparation::{Bin, Evidence, Filled};
    use crate::model::{Calibration, Linear, Model, Preparation, Scorer};
    use crate::profile::{Distribution, Profile};

    fn artifact() -> Artifact {
        let linear = Linear { intercept: -3.0, weights: vec![1.0 / 3.0], means: vec![0.0], deviations: vec![1.0] };
        Artifact {
            about: About {
                format: ARTIFACT_FORMAT,
                name: "card_fraud".to_owned(),
                learner: "logistic".to_owned(),
                settings: serde_json::json!({"penalty": 1.0}),
                features_version: "abc".to_owned(),
                features: vec!["amount".to_owned()],
                feature_versions: vec!["0".to_owned()],
                trained_on: (Timestamp::from_micros(0), Timestamp::from_micros(1)),
                label_delay: Some(ingest::Duration::days(7)),
                dataset: "def".to_owned(),
                rows: 10,
                bad_rows: 1,
                metrics: [("auc".to_owned(), 0.1 + 0.2)].into(),
                program: "riskflow 0".to_owned(),
                scale: None,
            },
            scorer: Scorer {
                preparation: None,
                model: Model::Linear(linear),
                calibration: Calibration::Isotonic { points: vec![(0.0, 0.0), (1.0 / 3.0, 0.2), (1.0, 1.0)] },
            },
            profile: Profile { features: vec![Distribution::new("amount", &[1.0, f64::NAN, 0.1])], score: None },
            card: "# card_fraud\n".to_owned(),
            published: Published { at: Timestamp::from_micros(1), by: "ada".to_owned() },
        }
    }

    fn published(folder: &Path) -> (FileRegistry, PathBuf) {
        let registry = FileRegistry::open(folder).expect("open");
        registry.publish(&artifact()).expect("publish");
        (registry, folder.join("card_fraud/1"))
    }

    #[test]
    fn what_is_published_is_loaded_bit_for_bit() {
        let folder = tempfile::tempdir().expect("a folder");
        let registry = FileRegistry::open(folder.path()).expect("open");
        assert_eq!(registry.versions("card_fraud").expect("none"), Vec::<u32>::new());
        assert_eq!((registry.publish(&artifact()).expect("first"), registry.publish(&artifact()).expect("second")), (1, 2));
        assert_eq!(registry.load("card_fraud", 2).expect("second"), artifact());
        assert_eq!(registry.names().expect("one"), ["card_fraud"]);
        assert!(matches!(registry.load("card_fraud", 3), Err(Error::NotFound { version: 3, .. })));
    }

    #[test]
    fn a_flipped_byte_is_refused_wherever_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let (registry, version) = published(folder.path());
        for entry in fs::read_dir(&version).expect("its files") {
            let path = entry.expect("a file").path();
            let whole = fs::read(&path).expect("read");
            for byte in 0..whole.len() {
                let mut flipped = whole.clone();
                flipped[byte] ^= 1;
                fs::write(&path, &flipped).expect("write");
                let loaded = registry.load("card_fraud", 1);
                let refused = matches!(loaded, Err(Error::Damaged { .. } | Error::Io { .. }));
                // The end of the last line of the manifest may be any.
                assert!(refused || loaded.is_ok_and(|same| same == artifact()), "{} byte {byte}", path.display());
            }
            fs::remove_file(&path).expect("remove");
            assert!(registry.load("card_fraud", 1).is_err(), "without {}", path.display());
            fs::write(&path, &whole).expect("write");
        }
        assert_eq!(registry.load("card_fraud", 1).expect("whole again"), artifact());
    }

    #[test]
    fn what_this_program_does_not_read_is_said() {
        let check = |change: &dyn Fn(&mut Artifact), expect: &str| {
            let folder = tempfile::tempdir().expect("a folder");
            let registry = FileRegistry::open(folder.path()).expect("open");
            let mut artifact = artifact();
            change(&mut artifact);
            registry.publish(&artifact).expect("publish");
            let error = registry.load("card_fraud", 1).expect_err(expect).to_string();
            assert!(error.ends_with(expect), "{error}");
        };
        check(&|artifact| artifact.about.format = 4, "it has format 4, this program reads up to 3");
        check(&|artifact| artifact.about.feature_versions.clear(), "it names 1 features and 0 versions");
        check(&|artifact| artifact.about.features.clear(), "it names 0 features and 1 versions");
        let steep = |artifact: &mut Artifact| artifact.scorer.calibration = Calibration::Platt { slope: -1.0, intercept: 0.0 };
        check(&steep, "the slope of the calibration of the model is not a usable number");
        let flagged = Filled { median: 0.0, range: (0.0, 1.0), flag: true };
        let wider = |artifact: &mut Artifact| artifact.scorer.preparation = Some(Preparation::Linear(vec![flagged]));
        check(&wider, "the preparation makes 2 columns, the model reads 1");
        let longer = |artifact: &mut Artifact| artifact.scorer.preparation = Some(Preparation::Linear(vec![flagged; 2]));
        check(&longer, "its model reads 2 features and it names 1");
    }

    #[cfg(feature = "networks")]
    #[test]
    fn a_network_has_its_file_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let registry = FileRegistry::open(folder.path()).expect("open");
        let onnx = include_bytes!("../../tests/network.onnx");
        let network = crate::model::Network::new(onnx.to_vec(), "probability".to_owned(), 2);
        let mut published = artifact();
        published.scorer = Scorer::plain(Model::Network(network));
        for list in [&mut published.about.features, &mut published.about.feature_versions] {
            list.push("risk".to_owned());
        }
        registry.publish(&published).expect("publish");
        let loaded = registry.load("card_fraud", 1).expect("it is whole");
        assert_eq!(loaded, published);
        assert!((0.5..1.0).contains(&loaded.scorer.probability(&[8.0, -4.0])));
        let path = folder.path().join("card_fraud/1").join(NETWORK);
        assert_eq!(fs::read(&path).expect("it is there"), onnx);
        let mut flipped = onnx.to_vec();
        flipped[100] ^= 1;
        fs::write(&path, flipped).expect("write");
        assert!(matches!(registry.load("card_fraud", 1), Err(Error::Damaged { path, .. }) if path.ends_with(NETWORK)));
    }

    /// Like the other, but reading weights of evidence.
    fn prepared() -> Artifact {
        let bin = |rows, bad, weight| Bin { rows, bad, weight };
        let bins = vec![bin(6, 0, -1.25), bin(3, 1, 1.0 / 3.0)];
        let evidence = Evidence {
            ends: vec![0.1],
            bins,
            words: vec![],
            special: vec![],
            missing: Some(bin(1, 0, 0.1 + 0.2)),
            information_value: 0.2,
        };
        let mut artifact = artifact();
        artifact.scorer.preparation = Some(Preparation::Evidence(vec![evidence]));
        artifact
    }

    #[test]
    fn artifacts_of_format_3_are_read_and_written_as_they_were() {
        let check = |golden: &str, expect: &Artifact| {
            let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(golden);
            let folder = tempfile::tempdir().expect("a folder");
            let (first, second) = (folder.path().join("card_fraud/1"), folder.path().join("card_fraud/2"));
            fs::create_dir_all(&first).expect("a folder");
            let names = [ABOUT, MODEL, PROFILE, CARD, PUBLISHED, MANIFEST];
            for name in names {
                fs::copy(golden.join(name), first.join(name)).expect("copy");
            }
            let registry = FileRegistry::open(folder.path()).expect("open");
            assert_eq!(registry.load("card_fraud", 1).expect("it is read"), *expect);
            registry.publish(expect).expect("publish");
            for name in names {
                let read = |version: &Path| fs::read_to_string(version.join(name)).expect("read");
                assert_eq!(read(&second), read(&first), "{name}");
            }
        };
        check("artifact_format_3", &artifact());
        check("artifact_format_3_prepared", &prepared());
    }

    #[test]
    fn artifacts_of_before_are_read() {
        let old = include_str!("../../tests/artifact_format_2.json");
        let folder = tempfile::tempdir().expect("a folder");
        let version = folder.path().join("card_fraud/1");
        fs::create_dir_all(&version).expect("a folder");
        fs::write(version.join(ABOUT), old).expect("write");
        fs::write(version.join(MANIFEST), sha256(old.as_bytes())).expect("write");
        let registry = FileRegistry::open(folder.path()).expect("open");
        let loaded = registry.load("card_fraud", 1).expect("it is read");
        assert_eq!((loaded.about.format, loaded.about.features_version.as_str()), (2, "abc"));
        assert_eq!(loaded.scorer, Scorer::plain(loaded.scorer.model.clone()));
        assert_eq!(loaded.published.at, Timestamp::from_micros(1));
        fs::write(version.join(ABOUT), old.replace("abc", "abd")).expect("write");
        assert!(matches!(registry.load("card_fraud", 1), Err(Error::Damaged { .. })));
    }
}
