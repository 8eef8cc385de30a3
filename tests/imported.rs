//! Models that other programs trained and explained, against what they themselves say of the same rows; and ours as ONNX Runtime runs
//! them. `peers/imports.py` makes the cases.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use scoring::Model;
use scoring::model::network::{Gives, Missing};
use support::{peer, text};
use training::export::scorer_as_onnx;
use training::import::{Exactness, GoldenRows, Imported, Said, read, settle, verify};

const TOLERANCE: f64 = 1e-6;

#[test]
fn foreign_models_predict_and_explain_as_their_makers_say() {
    let Some(cases) = cases() else { return };
    let models = models(cases);
    assert!(models.len() > 60, "only {} models", models.len());
    let mut wrong = Vec::new();
    for path in models {
        let case = path.file_stem().unwrap().to_str().unwrap();
        match check(&path) {
            Ok((exactness, reasons)) => {
                println!("{case:34} {:9.1e} predictions  {} reasons", exactness.largest_difference, reasons);
            }
            Err(error) => wrong.push(format!("{case}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Each model written as ONNX and read again, and run by ONNX Runtime.
#[test]
fn models_survive_their_own_export() {
    let Some(cases) = cases() else { return };
    let exported = cases.join("exported");
    fs::create_dir_all(&exported).unwrap();
    for path in models(cases) {
        let imported = read(&bytes(&path)).unwrap();
        if let Model::Network(_) = imported.scorer.model {
            assert!(scorer_as_onnx(&imported.scorer, &imported.features) == Ok(bytes(&path)), "{}", path.display());
            continue;
        }
        let rows = rows(&path, &imported);
        if imported.scorer.preparation.is_some() {
            let refused = scorer_as_onnx(&imported.scorer, &imported.features).unwrap_err().to_string();
            assert!(refused.contains("`encoded`"), "{}: {refused}", path.display());
            continue;
        }
        let written = scorer_as_onnx(&imported.scorer, &imported.features).unwrap();
        let again = read(&written).unwrap();
        assert_eq!((&again.features, again.has_cover), (&imported.features, true), "{}", path.display());
        let mut table = String::new();
        for values in &rows.values {
            let (ours, theirs) = (imported.scorer.probability(values), again.scorer.probability(values));
            assert!((ours - theirs).abs() < 1e-12, "{}: {ours} {theirs}", path.display());
            for (ours, theirs) in imported.scorer.model.contributions(values).iter().zip(again.scorer.model.contributions(values))
            {
                assert!((ours - theirs).abs() < 1e-9, "{}: {ours} {theirs}", path.display());
            }
            table.extend(values.iter().map(|value| format!("{value},")));
            table.push_str(&format!("{ours}\n"));
        }
        let case = exported.join(path.file_stem().unwrap());
        fs::write(case.with_extension("onnx"), written).unwrap();
        fs::write(case.with_extension("csv"), table).unwrap();
    }
    let (well, said) = peer("imports.py", &["--out", text(cases), "--check"]).expect("it made the cases");
    assert!(well, "{said}");
}

#[test]
fn what_cannot_be_kept_is_refused_by_name() {
    let Some(cases) = cases() else { return };
    let models = models(&cases.join("refused"));
    assert!(!models.is_empty());
    for path in models {
        let words = fs::read_to_string(path.with_extension("expect")).unwrap();
        let message = read(&bytes(&path)).expect_err(text(&path)).to_string();
        println!("{message}");
        assert!(message.contains(words.trim()), "{}: {message}", path.display());
    }
}

/// Each file cut short at, and with a bit flipped at, each of 60 places.
#[test]
fn a_damaged_file_is_an_error_or_a_model_that_runs() {
    let Some(cases) = cases() else { return };
    let mut read_anyway = 0;
    for path in models(cases) {
        let bytes = bytes(&path);
        for step in 0..60 {
            let at = (bytes.len() * step + bytes.len() / 2) / 60;
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (step % 8);
            for damaged in [&bytes[..at], &flipped] {
                if let Ok(imported) = read(damaged) {
                    assert_eq!(imported.scorer.check(), Ok(()), "{} byte {at}", path.display());
                    read_anyway += 1;
                }
            }
        }
    }
    println!("{read_anyway} damaged files were models still");
}

/// The cases, made once; `None` where there is no Python.
fn cases() -> Option<&'static Path> {
    static CASES: OnceLock<Option<PathBuf>> = OnceLock::new();
    let make = || {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("imports");
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("the cases of before go");
        }
        let (well, said) = peer("imports.py", &["--out", text(&folder)])?;
        assert!(well, "{said}");
        Some(folder)
    };
    CASES.get_or_init(make).as_deref()
}

fn models(folder: &Path) -> Vec<PathBuf> {
    let known = |path: &PathBuf| {
        let ext = path.extension().and_then(|ext| ext.to_str()).unwrap_or_default();
        ["txt", "json", "ubj", "onnx"].contains(&ext)
    };
    let mut models: Vec<_> =
        fs::read_dir(folder).expect("the folder is there").flatten().map(|entry| entry.path()).filter(known).collect();
    models.sort();
    models
}

fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rows that come with a model.
fn rows(path: &Path, imported: &Imported) -> GoldenRows {
    let table = path.with_extension("csv");
    GoldenRows::read(&bytes(&table), &imported.features).unwrap_or_else(|error| panic!("{}: {error}", table.display()))
}

fn check(path: &Path) -> Result<(Exactness, String), String> {
    let mut imported = read(&bytes(path)).map_err(|error| error.to_string())?;
    let rows = rows(path, &imported);
    settle(&mut imported, &rows, &said(path)).map_err(|error| error.to_string())?;
    if matches!(imported.scorer.model, Model::Network(_)) != path.to_str().is_some_and(|path| path.contains("network_")) {
        return Err("it is read as another kind of model".to_owned());
    }
    let exactness = verify(&imported.scorer, &rows).map_err(|error| error.to_string())?;
    let shap = path.with_extension("shap.csv");
    let reasons = match shap.exists() {
        true if !imported.has_cover => return Err("the file has covers but they were not read".to_owned()),
        true => format!("{:9.1e}", reasons_differ_by(&imported, &rows, &shap)?),
        false => "no".to_owned(),
    };
    Ok((exactness, reasons))
}

/// What has to be said of a network.
fn said(path: &Path) -> Said {
    let text = fs::read_to_string(path.with_extension("said")).unwrap_or_default();
    let missing = text.strip_prefix("missing=").map(|value| match value {
        "nan" => Missing::Given,
        value => Missing::Value(value.parse().expect("it is a number")),
    });
    let gives = if text == "log-odds" { Gives::LogOdds } else { Gives::Probability };
    Said { gives, missing: missing.into_iter().map(|missing| (None, missing)).collect() }
}

/// The largest difference between our contributions, base and their sum and the known ones.
fn reasons_differ_by(imported: &Imported, rows: &GoldenRows, shap: &Path) -> Result<f64, String> {
    // The base is one more column, and read like the prediction.
    let table = String::from_utf8(bytes(shap)).expect("it is text").replacen(",base\n", ",prediction\n", 1);
    let known = GoldenRows::read(table.as_bytes(), &imported.features).expect("contributions have the columns of predictions");
    let Model::Trees(trees) = &imported.scorer.model else { return Err("contributions of no trees".to_owned()) };
    let mut largest: f64 = 0.0;
    for (row, (expect, base)) in known.values.iter().zip(&known.predictions).enumerate() {
        let found = imported.scorer.model.contributions(&rows.values[row]);
        let start = trees.expected_output();
        let sum = start + found.iter().sum::<f64>();
        let pairs = found.iter().zip(expect).chain([(&start, base)]);
        for (feature, (found, expect)) in pairs.enumerate() {
            largest = largest.max((found - expect).abs());
            if (found - expect).abs() > TOLERANCE {
                return Err(format!("row {}: contribution {feature} is {found} and not {expect}", row + 1));
            }
        }
        if (sum - trees.output(&rows.values[row])).abs() > TOLERANCE {
            return Err(format!("row {}: contributions add up to {sum}", row + 1));
        }
    }
    Ok(largest)
}
