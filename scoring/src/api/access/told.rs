//! The path of a call as it may be told: in a log line, in the audit, to who collects traces.

use ingest::decode::without_card_numbers;
use percent_encoding::percent_decode_str;

/// The path without what somebody may have written into it by mistake: the number of a card, or the secret of a key.
pub fn told(path: &str) -> String {
    let path = percent_decode_str(path).decode_utf8_lossy();
    let told: Vec<_> =
        path.split('/').map(|part| if is_secret(part) { "[a key]".into() } else { without_card_numbers(part) }).collect();
    told.join("/")
}

/// Whether it looks like the secret of a key.
fn is_secret(text: &str) -> bool {
    text.strip_prefix("rf_").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_without_what_is_secret() {
        let check = |path: &str, expect: &str| assert_eq!(told(path), expect, "{path}");
        check("/v1/entities/card/tok_1", "/v1/entities/card/tok_1");
        check("/v1/entities/card/4111111111111111", "/v1/entities/card/[a card number]");
        check("/v1/entities/card/4111%201111%201111%201111", "/v1/entities/card/[a card number]");
        check("/v1/decisions/of-4111111111111111/replay", "/v1/decisions/of-[a card number]/replay");
        check(&format!("/v1/rules/rf_{}", "0a".repeat(32)), "/v1/rules/[a key]");
        check(&format!("/v1/rules/rf_{}", "0a".repeat(31)), &format!("/v1/rules/rf_{}", "0a".repeat(31)));
        check("/", "/");
    }
}
