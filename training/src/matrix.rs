//! The numbers that learners see: features by column, and a label for each row. It is checked where it is made, so that no
//! learner has to; it knows nothing of events, entities or time.

/// Features and labels. A missing feature is NaN; every other number is finite.
#[derive(Clone, Debug)]
pub struct Matrix {
    names: Vec<String>,
    columns: Vec<Vec<f64>>,
    labels: Vec<bool>,
}

impl Matrix {
    /// From one name and one column a feature, and one label a row: true where the event was bad.
    pub fn new(names: Vec<String>, columns: Vec<Vec<f64>>, labels: Vec<bool>) -> Result<Self, Error> {
        if names.len() != columns.len() {
            return Err(Error::Names { names: names.len(), columns: columns.len() });
        }
        if columns.is_empty() || columns.len() > usize::from(u16::MAX) {
            return Err(Error::Width { width: columns.len() });
        }
        if labels.is_empty() || u32::try_from(labels.len()).is_err() {
            return Err(Error::Rows { rows: labels.len() });
        }
        for (name, column) in names.iter().zip(&columns) {
            if column.len() != labels.len() {
                return Err(Error::Length { name: name.clone(), rows: column.len(), labels: labels.len() });
            }
            if let Some(row) = column.iter().position(|value| value.is_infinite()) {
                return Err(Error::Infinite { name: name.clone(), row });
            }
        }
        Ok(Self { names, columns, labels })
    }

    /// The same rows with other features.
    pub fn with_features(&self, names: Vec<String>, columns: Vec<Vec<f64>>) -> Result<Self, Error> {
        Self::new(names, columns, self.labels.clone())
    }

    /// The features' names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The features, a column each.
    pub fn columns(&self) -> &[Vec<f64>] {
        &self.columns
    }

    /// For each row, whether it was bad.
    pub fn labels(&self) -> &[bool] {
        &self.labels
    }

    /// How many features there are.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// How many rows were bad.
    pub fn bad(&self) -> usize {
        self.labels.iter().filter(|&&bad| bad).count()
    }

    /// The rows before one, and those from it on.
    pub fn split_at(&self, row: usize) -> (Self, Self) {
        let part = |range: std::ops::Range<usize>| Self {
            names: self.names.clone(),
            columns: self.columns.iter().map(|column| column[range.clone()].to_vec()).collect(),
            labels: self.labels[range].to_vec(),
        };
        (part(0..row), part(row..self.rows()))
    }

    /// Some rows, in the order given.
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            names: self.names.clone(),
            columns: self.columns.iter().map(|column| rows.iter().map(|row| column[*row]).collect()).collect(),
            labels: rows.iter().map(|row| self.labels[*row]).collect(),
        }
    }

    /// Puts other values in place of a feature's, and those into what came; as many, and none infinite.
    pub(crate) fn swap_column(&mut self, feature: usize, values: &mut Vec<f64>) {
        debug_assert_eq!(values.len(), self.rows(), "a value for each row");
        std::mem::swap(&mut self.columns[feature], values);
    }

    /// One row's features.
    pub fn row(&self, row: usize) -> Vec<f64> {
        self.columns.iter().map(|column| column[row]).collect()
    }
}

/// A threshold between two values: not below the lower, and below the upper.
pub(crate) fn between(lower: f64, upper: f64) -> f64 {
    let middle = lower / 2.0 + upper / 2.0;
    // Two neighbours have no number between them; then the lower one is itself the threshold.
    if lower <= middle && middle < upper { middle } else { lower }
}

/// Why numbers are no matrix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A name without a column, or a column without a name.
    #[error("{names} names for {columns} features")]
    Names {
        /// How many names.
        names: usize,
        /// How many columns.
        columns: usize,
    },
    /// No features, or more than a tree can address.
    #[error("{width} features, where 1 to {} can be learned from", u16::MAX)]
    Width {
        /// How many features.
        width: usize,
    },
    /// No rows, or more than a tree can address.
    #[error("{rows} rows, where 1 to {} can be learned from", u32::MAX)]
    Rows {
        /// How many rows.
        rows: usize,
    },
    /// A feature with another number of rows than there are labels.
    #[error("feature {name} has {rows} rows, where there are {labels} labels")]
    Length {
        /// The feature.
        name: String,
        /// How many rows it has.
        rows: usize,
        /// How many labels there are.
        labels: usize,
    },
    /// A feature that is infinite somewhere.
    #[error("feature {name} is infinite in row {row}")]
    Infinite {
        /// The feature.
        name: String,
        /// The first such row, from zero.
        row: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_matrix_is_named() {
        let check = |names: &[&str], columns: &[&[f64]], labels: &[bool], expect: &str| {
            let names = names.iter().map(ToString::to_string).collect();
            let columns = columns.iter().map(|column| column.to_vec()).collect();
            assert_eq!(Matrix::new(names, columns, labels.to_vec()).unwrap_err().to_string(), expect);
        };
        check(&["amount"], &[], &[true], "1 names for 0 features");
        check(&[], &[], &[true], "0 features, where 1 to 65535 can be learned from");
        check(&["amount"], &[&[]], &[], "0 rows, where 1 to 4294967295 can be learned from");
        check(&["a", "b"], &[&[1.0], &[1.0, 2.0]], &[true], "feature b has 2 rows, where there are 1 labels");
        check(&["a"], &[&[f64::NAN, f64::NEG_INFINITY]], &[true, false], "feature a is infinite in row 1");
    }

    #[test]
    fn a_row_crosses_the_columns() {
        let columns = vec![vec![1.0, 2.0], vec![3.0, 4.0]];
        let matrix = Matrix::new(vec!["a".into(), "b".into()], columns, vec![true, false]).unwrap();
        assert_eq!(matrix.row(1), [2.0, 4.0]);
        assert_eq!((matrix.rows(), matrix.width(), matrix.bad()), (2, 2, 1));
    }
}
