//! A page that stands alone: no script, no asset from elsewhere, light or dark as the reader prefers. Here is what such pages have in
//! common; what they say belongs to those who write them.

pub(crate) mod card;
pub(crate) mod frame;
pub(crate) mod table;
pub(crate) mod text;

const STYLE: &str = include_str!("page.css");

/// The product's own mark.
const ICON: &str = "<svg class=\"icon\" viewBox=\"0 0 32 32\" aria-hidden=\"true\">\
     <rect width=\"32\" height=\"32\" rx=\"7\" fill=\"#1d4f91\"/>\
     <path d=\"M6 21.5c4.2 0 4.6-3 7-3s3.2 2.6 5.4 2.6c3.6 0 3.4-11.6 7.6-11.6\" fill=\"none\" \
     stroke=\"#fff\" stroke-width=\"2.6\" stroke-linecap=\"round\"/>\
     <circle cx=\"26\" cy=\"9.5\" r=\"2.6\" fill=\"#ffb638\"/></svg>";

/// A whole page; all parts are HTML.
pub(crate) fn html(title: &str, header: &str, main: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{header}<main>\n{main}</main>\n</body>\n</html>\n"
    )
}

/// The head of a page: a name, what kind of page it is, and facts, of which those without a text are left out. All of it is HTML.
pub(crate) fn header(name: &str, kind: &str, facts: &[(&str, String)]) -> String {
    let fact = |(name, text): &(&str, String)| match text.is_empty() {
        true => String::new(),
        false => format!("<div><dt>{name}</dt><dd>{text}</dd></div>"),
    };
    let facts: String = facts.iter().map(fact).collect();
    format!("<header>{ICON}<h1>{name}<span>{kind}</span></h1><dl>{facts}</dl></header>\n")
}

#[cfg(test)]
pub(crate) mod tests;
