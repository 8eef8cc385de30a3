//! A table: columns of numbers that stand on one line, each with the interval beside it where it has one.

use super::text::escape;
use evaluation::Figure;

/// A column.
pub(crate) struct Column {
    title: String,
    ranged: bool,
}

/// A column of single numbers or words; `title` is HTML.
pub(crate) fn plain(title: &str) -> Column {
    Column { title: title.to_owned(), ranged: false }
}

/// A column of numbers with intervals.
pub(crate) fn ranged(title: &str) -> Column {
    Column { title: title.to_owned(), ranged: true }
}

/// What stands in a column, as HTML.
pub(crate) enum Cell {
    /// One number or word.
    Plain(String),
    /// A number, and in smaller letters what belongs to it.
    Ranged(String, String),
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Plain(text)
    }
}

/// A figure with its interval beside it, or why it is missing.
pub(crate) fn figure(figure: &Figure, text: impl Fn(f64) -> String) -> Cell {
    match figure {
        Figure::Missing { missing } => Cell::Ranged(format!("<span class=\"none\">{missing}</span>"), String::new()),
        Figure::Known(estimate) => {
            let range = estimate.interval.map(|at| super::text::range(&at, &text));
            Cell::Ranged(text(estimate.point), range.unwrap_or_default())
        }
    }
}

/// A section with a title, a sentence that says how to read it, and a table.
pub(crate) fn section(title: &str, about: &str, columns: &[Column], body: &str) -> String {
    let head = |(place, column): (usize, &Column)| match (place, column.ranged) {
        (0, _) => format!("<th>{}</th>", column.title),
        (_, false) => format!("<th class=\"number\">{}</th>", column.title),
        (_, true) => format!("<th class=\"number\">{}</th><th class=\"range\"></th>", column.title),
    };
    let head: String = columns.iter().enumerate().map(head).collect();
    format!(
        "<section class=\"card\"><h2>{title}</h2><p class=\"about\">{about}</p>\
         <div class=\"scroll\"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></section>\n"
    )
}

/// A row: a name, which is HTML, and what belongs to it.
pub(crate) fn row(name: &str, cells: impl IntoIterator<Item = Cell>) -> String {
    let cell = |cell| match cell {
        Cell::Plain(text) => format!("<td class=\"number\">{text}</td>"),
        Cell::Ranged(text, range) => format!("<td class=\"number\">{text}</td><td class=\"range\">{range}</td>"),
    };
    let cells: String = cells.into_iter().map(cell).collect();
    format!("<tr><th scope=\"row\">{name}</th>{cells}</tr>\n")
}

/// A row that names those below it.
pub(crate) fn heading(name: &str, columns: &[Column]) -> String {
    let width: usize = columns.iter().map(|column| 1 + usize::from(column.ranged)).sum();
    format!("<tr class=\"heading\"><th colspan=\"{width}\">{name}</th></tr>\n")
}

/// A value as the name of a row, or that there is none.
pub(crate) fn named(value: &str) -> String {
    if value.is_empty() { "<span class=\"none\">empty</span>".to_owned() } else { escape(value) }
}
