//! Models that other programs trained, read into what scoring runs. A model comes over with all its predictions or not
//! at all: what the layout cannot say exactly is refused by its name, and a file that is damaged is an error and never a panic.

mod error;
mod golden;
mod grow;
mod lightgbm;
mod network;
pub(crate) mod onnx;
#[cfg(test)]
mod tests;
mod threshold;
mod ubjson;
mod xgboost;

use std::fmt;

use scoring::Scorer;

pub use error::Error;
pub use golden::{Exactness, GoldenRows, verify};
pub use network::{Said, settle};

/// A model that has been read.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// Where it comes from.
    pub source: Source,
    /// The names of its features, in the order of the vector it reads. `f0`, `f1`, … where the file names none.
    pub features: Vec<String>,
    /// The model, checked, with what is done to the features before.
    pub scorer: Scorer,
    /// Whether the file says how many training rows came to each leaf. Without it the reasons take all leaves for equally
    /// frequent: predictions are exact, contributions are not those of the training data. True for linear models, false for networks.
    pub has_cover: bool,
}

/// A format of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// What LightGBM's `save_model` writes.
    LightGbm,
    /// What XGBoost's `save_model` writes to a file that ends in `.json`.
    XgBoostJson,
    /// What XGBoost's `save_model` writes to a file that ends in `.ubj`.
    XgBoostUbjson,
    /// The Open Neural Network Exchange: trees, linear models and networks.
    Onnx,
}

impl Source {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LightGbm => "LightGBM text",
            Self::XgBoostJson => "XGBoost JSON",
            Self::XgBoostUbjson => "XGBoost UBJSON",
            Self::Onnx => "ONNX",
        }
    }

    fn damaged(self, what: impl Into<String>) -> Error {
        Error::Damaged { format: self, what: what.into() }
    }

    fn unsupported(self, what: impl Into<String>) -> Error {
        Error::Unsupported { format: self, what: what.into() }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads a model of any known format, which its first bytes tell.
pub fn read(bytes: &[u8]) -> Result<Imported, Error> {
    let imported = match format(bytes).ok_or(Error::UnknownFormat)? {
        Source::LightGbm => lightgbm::read(bytes),
        Source::XgBoostJson => {
            let json = serde_json::from_slice(bytes).map_err(|error| Source::XgBoostJson.damaged(error.to_string()))?;
            xgboost::read(Source::XgBoostJson, &json)
        }
        Source::XgBoostUbjson => xgboost::read(Source::XgBoostUbjson, &ubjson::read(bytes)?),
        Source::Onnx => onnx::read(bytes),
    }?;
    imported.scorer.check()?;
    Ok(imported)
}

fn format(bytes: &[u8]) -> Option<Source> {
    /// The key of the version of the format, which every known writer puts first.
    const ONNX_IR_VERSION: u8 = 0x08;
    let mut text = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
    match bytes.first()? {
        _ if bytes.starts_with(b"tree") => Some(Source::LightGbm),
        &ONNX_IR_VERSION => Some(Source::Onnx),
        _ => match (text.next()?, text.next()?) {
            (b'{', b'"') => Some(Source::XgBoostJson),
            // A name in UBJSON begins with the type of its length.
            (b'{', b'L' | b'l' | b'I' | b'i' | b'U') => Some(Source::XgBoostUbjson),
            _ => None,
        },
    }
}

impl Imported {
    /// Where the file names no features, and the rows do not call them `f0`, `f1`, …, the columns of the rows are they, in their order.
    pub fn name_features(&mut self, golden: &[u8]) -> Result<(), Error> {
        let columns = golden::features(golden)?;
        if self.features == numbered(columns.len()) && !columns.contains(&self.features[0]) {
            self.features = columns;
        }
        Ok(())
    }
}

/// `f0`, `f1`, …
fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|feature| format!("f{feature}")).collect()
}
