//! Our models in the formats of others.

mod onnx;

use scoring::Scorer;

pub use onnx::onnx;

/// What scoring runs as an ONNX file, up to the calibration, which is not part of it; see [`onnx`]. A network is the file that came in. A model that reads prepared features
/// is refused: the file would give other probabilities for the features as they are.
pub fn scorer_as_onnx(scorer: &Scorer, features: &[String]) -> Result<Vec<u8>, Error> {
    match &scorer.preparation {
        None => Ok(onnx(&scorer.model, features)),
        Some(preparation) => Err(Error::Prepared { preparation: preparation.name() }),
    }
}

/// Why a model cannot be written in the format of others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It reads what a preparation makes of the features.
    #[error(
        "a model with the preparation `{preparation}` cannot be written as ONNX: its bins, fillings or codes have no place in the file"
    )]
    Prepared {
        /// The preparation, as pipeline files call it.
        preparation: &'static str,
    },
}
