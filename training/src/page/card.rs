//! What stands around a drawing: a title, a sentence that says how to read it, and a legend where there are two kinds of marks.

use super::text::escape;

/// What stands around a drawing.
pub(crate) struct Card<'a> {
    /// `wide`, or nothing.
    pub(crate) class: &'a str,
    pub(crate) title: &'a str,
    pub(crate) about: String,
    /// The class of a swatch and what it stands for.
    pub(crate) legend: Vec<(&'static str, String)>,
}

impl Card<'_> {
    /// The card with its drawing, or a word in its place.
    pub(crate) fn html(&self, drawing: Option<String>) -> String {
        let Self { class, title, about, legend } = self;
        let entry = |(class, text): &(&str, String)| format!("<span class=\"swatch {class}\">{}</span>", escape(text));
        let legend: String = legend.iter().map(entry).collect();
        let drawing =
            drawing.unwrap_or_else(|| "<p class=\"message\">Nothing to draw: it takes bad rows and good ones</p>".to_owned());
        format!(
            "<figure class=\"card {class}\"><figcaption><h2>{}</h2><p class=\"about\">{about}</p>\
             <p class=\"legend\">{legend}</p></figcaption>{drawing}</figure>\n",
            escape(title)
        )
    }
}
