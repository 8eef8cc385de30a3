//! What commands print: figures to standard output, as a table for people or one JSON object a line for programs; messages and
//! progress to standard error, progress only on a terminal.

use std::io::Write;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// Prints one object on a line.
pub(crate) fn json_line(value: &impl Serialize) -> anyhow::Result<()> {
    let line = serde_json::to_string(value)?;
    text_line(&line)
}

/// Prints one line.
pub(crate) fn text_line(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{line}")?;
    Ok(())
}

/// Says one line to the person, not to the program behind a pipe.
pub(crate) fn message(line: &str) {
    // Nobody is left to be told when standard error is closed.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Prints rows of cells under headings: the first column to the left, the others to the right.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) -> anyhow::Result<()> {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([headings[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let line = |cells: &[String]| {
        let pad = |(column, cell): (usize, &String)| match column {
            0 => format!("{cell:<width$}", width = widths[0]),
            _ => format!("{cell:>width$}", width = widths[column]),
        };
        cells.iter().enumerate().map(pad).collect::<Vec<_>>().join("  ")
    };
    text_line(line(&headings.iter().map(ToString::to_string).collect::<Vec<_>>()).trim_end())?;
    rows.iter().try_for_each(|row| text_line(line(row).trim_end()))
}

/// 1234567 as `1,234,567`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A bar towards `total`, on a terminal only.
pub(crate) fn bar(what: &'static str, total: u64) -> ProgressBar {
    let template = "{msg:>12} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}";
    ProgressBar::new(total).with_style(ProgressStyle::with_template(template).expect("a fixed template")).with_message(what)
}

/// A counter without a known end, on a terminal only.
pub(crate) fn counter(what: &'static str) -> ProgressBar {
    let template = "{msg:>12} {spinner} {human_pos} {per_sec}";
    ProgressBar::new_spinner().with_style(ProgressStyle::with_template(template).expect("a fixed template")).with_message(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_read_well() {
        let check = |number: u64, expect: &str| assert_eq!(thousands(number), expect);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(1_754_155, "1,754,155");
    }
}
