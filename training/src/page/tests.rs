//! What every page has to hold to.

/// Every tag is closed in its turn, and nothing but tags stands between angle brackets.
pub(crate) fn check_tags(page: &str) {
    let body = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
    let mut open = Vec::new();
    for piece in body.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap_or_else(|| panic!("<{piece} has no end"));
        let name = tag.split_whitespace().next().unwrap();
        // A style sheet has its own use for the letter.
        assert!(!text.contains('>') || name == "style", "stray > in {text}");
        if let Some(closed) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "at </{closed}>");
        } else if !tag.ends_with('/') && !["meta", "br"].contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} are left open");
}

/// Nothing comes from elsewhere, nothing runs, and no number is none.
pub(crate) fn check_alone(page: &str) {
    for foreign in ["<script", "http", "url(", "@import", "src=", "href=", "NaN", ">inf", "onload"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}
