//! A node of the graph with what it reads and how it is set, and the errors that name it.

use super::FORMAT;
use super::proto::{Attribute, Node, Tensor, element};
use crate::import::Error;

/// A node, and its number for want of a name.
pub(super) struct Operator<'a> {
    pub(super) node: &'a Node,
    pub(super) number: usize,
}

impl<'a> Operator<'a> {
    /// Whether an attribute is set.
    pub(super) fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    pub(super) fn int(&self, name: &str, otherwise: i64) -> i64 {
        self.attribute(name).map_or(otherwise, |attribute| attribute.i)
    }

    pub(super) fn ints(&self, name: &str) -> &'a [i64] {
        self.attribute(name).map_or(&[], |attribute| &attribute.ints)
    }

    /// An attribute that is text.
    pub(super) fn text(&self, name: &str, otherwise: &'a str) -> Result<&'a str, Error> {
        let Some(attribute) = self.attribute(name) else { return Ok(otherwise) };
        std::str::from_utf8(&attribute.s).map_err(|_| self.damaged(format!("has a {name} that is not UTF-8")))
    }

    pub(super) fn texts(&self, name: &str) -> Result<Vec<&'a str>, Error> {
        let texts = self.attribute(name).map_or(&[][..], |attribute| &attribute.strings);
        let text = |bytes: &'a Vec<u8>| std::str::from_utf8(bytes);
        texts.iter().map(text).collect::<Result<_, _>>().map_err(|_| self.damaged(format!("has {name} that are not UTF-8")))
    }

    /// Numbers, which may be under their name in single precision or as a tensor under `name_as_tensor`.
    pub(super) fn numbers(&self, name: &str) -> Result<Vec<f64>, Error> {
        match self.attribute(&format!("{name}_as_tensor")).or_else(|| self.attribute(name)) {
            None => Ok(Vec::new()),
            Some(Attribute { t: Some(tensor), .. }) => {
                numbers(tensor).ok_or_else(|| self.damaged(format!("has a tensor {name} that is not whole")))
            }
            Some(attribute) => Ok(attribute.floats.iter().copied().map(f64::from).collect()),
        }
    }

    pub(super) fn tensor(&self, name: &str) -> Option<&'a Tensor> {
        self.attribute(name).and_then(|attribute| attribute.t.as_ref())
    }

    pub(super) fn number(&self, name: &str, otherwise: f32) -> f32 {
        self.attribute(name).map_or(otherwise, |attribute| attribute.f)
    }

    /// It has no place here, whatever it does.
    pub(super) fn not_known(&self) -> Error {
        Error::Operator { operator: self.node.op_type.clone(), node: self.name(), domain: self.node.domain.clone() }
    }

    /// It is known, but not with what it is set to or reads.
    pub(super) fn unsupported(&self, what: impl AsRef<str>) -> Error {
        FORMAT.unsupported(format!("the operator {} (node {}) with {}", self.node.op_type, self.name(), what.as_ref()))
    }

    pub(super) fn damaged(&self, what: impl AsRef<str>) -> Error {
        FORMAT.damaged(format!("the operator {} (node {}) {}", self.node.op_type, self.name(), what.as_ref()))
    }

    fn name(&self) -> String {
        if self.node.name.is_empty() { format!("number {}", self.number) } else { self.node.name.clone() }
    }

    fn attribute(&self, name: &str) -> Option<&'a Attribute> {
        self.node.attribute.iter().find(|attribute| attribute.name == name)
    }
}

/// A tensor's numbers in their order; `None` when it is not whole or holds something else.
pub(super) fn numbers(tensor: &Tensor) -> Option<Vec<f64>> {
    const EXTERNAL: i32 = 1;
    if tensor.data_location == EXTERNAL {
        return None;
    }
    let raw = tensor.raw_data.as_slice();
    let numbers: Vec<f64> = match (tensor.data_type, raw.is_empty()) {
        (element::FLOAT, true) => tensor.float_data.iter().copied().map(f64::from).collect(),
        (element::DOUBLE, true) => tensor.double_data.clone(),
        (element::INT64, true) => tensor.int64_data.iter().map(|&number| number as f64).collect(),
        (element::INT32 | element::UINT8, true) => tensor.int32_data.iter().copied().map(f64::from).collect(),
        (element::FLOAT, false) => chunks(raw, |bytes| f64::from(f32::from_le_bytes(bytes)))?,
        (element::DOUBLE, false) => chunks(raw, f64::from_le_bytes)?,
        (element::INT64, false) => chunks(raw, |bytes| i64::from_le_bytes(bytes) as f64)?,
        (element::INT32, false) => chunks(raw, |bytes| f64::from(i32::from_le_bytes(bytes)))?,
        (element::UINT8, false) => raw.iter().copied().map(f64::from).collect(),
        _ => return None,
    };
    let length = tensor.dims.iter().try_fold(1usize, |length, &dim| length.checked_mul(usize::try_from(dim).ok()?))?;
    (length == numbers.len()).then_some(numbers)
}

fn chunks<const N: usize>(raw: &[u8], number: impl Fn([u8; N]) -> f64) -> Option<Vec<f64>> {
    let (chunks, rest) = raw.as_chunks();
    rest.is_empty().then(|| chunks.iter().map(|&bytes| number(bytes)).collect())
}
