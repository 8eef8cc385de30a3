//! Our models in the formats of others.

mod onnx;

pub use onnx::onnx;
