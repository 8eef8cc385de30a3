//! Numbers as people read them, and texts that are safe to stand in a page.

use evaluation::{Figure, Interval};

/// Below this a probability is only said to be small.
const SMALL_P: f64 = 0.0001;

/// A text with what HTML would take for its own written out.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// 1234567 as 1,234,567.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A share of 1 in percent; small ones keep two digits, and a part of something never reads as nothing or as all of it.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0 %".to_owned(),
        100.0 => "100 %".to_owned(),
        small if small > 0.0 && small < 0.01 => "&lt; 0.01 %".to_owned(),
        large if large > 99.99 && large < 100.0 => "&gt; 99.99 %".to_owned(),
        near if !(10.0..=99.0).contains(&near.abs()) => format!("{} %", signed(near, 2)),
        other => format!("{} %", signed(other, 1)),
    }
}

/// So many decimals, with a minus of full width, and none on a zero.
pub(crate) fn signed(number: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", number.abs());
    let is_zero = !text.contains(|digit: char| ('1'..='9').contains(&digit));
    if number < 0.0 && !is_zero { format!("\u{2212}{text}") } else { text }
}

/// Minor units in whole units of money, as 12,345; below a thousand with the decimals of the currency.
pub(crate) fn money(minor: f64, digits: u32) -> String {
    let unit = 10_f64.powi(digits as i32);
    let (sign, major) = (if minor < 0.0 { "\u{2212}" } else { "" }, minor.abs() / unit);
    if major >= 1000.0 || digits == 0 {
        return format!("{sign}{}", count(major.round() as u64));
    }
    format!("{sign}{major:.*}", digits as usize)
}

/// The probability of chance.
pub(crate) fn chance(p: f64) -> String {
    if p < SMALL_P { format!("p &lt; {SMALL_P}") } else { format!("p = {p:.4}") }
}

/// A number that may be missing.
pub(crate) fn optional(number: Option<f64>, text: impl Fn(f64) -> String) -> String {
    number.map_or_else(|| "<span class=\"none\">none</span>".to_owned(), text)
}

/// As many decimals as an interval leaves room for: two digits of half its width, and at least three in all.
fn decimals(figure: &Figure) -> usize {
    let Some(Interval { lower, upper, .. }) = figure.interval() else { return 3 };
    let half = (upper - lower) / 2.0;
    if half > 0.0 { (2.0 - half.log10().ceil()).clamp(3.0, 5.0) as usize } else { 3 }
}

/// The ends of an interval; the unit stands once.
pub(crate) fn range(interval: &Interval, text: impl Fn(f64) -> String) -> String {
    let (lower, upper) = (text(interval.lower), text(interval.upper));
    format!("{} to {upper}", lower.trim_end_matches(" %").trim_end_matches(" pp"))
}

/// Writes a figure as a plain number with as many decimals as make sense.
pub(crate) fn plainly(figure: &Figure) -> impl Fn(f64) -> String + use<> {
    let decimals = decimals(figure);
    move |number| signed(number, decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let check = |got: String, expect: &str| assert_eq!(got, expect);
        check(count(0), "0");
        check(count(999), "999");
        check(count(1_234_567), "1,234,567");
        check(percent(0.0), "0 %");
        check(percent(1.0), "100 %");
        check(percent(0.123), "12.3 %");
        check(percent(0.0123), "1.23 %");
        check(percent(0.99999), "&gt; 99.99 %");
        check(percent(0.00001), "&lt; 0.01 %");
        check(percent(-0.05), "\u{2212}5.00 %");
        check(signed(-0.0001, 2), "0.00");
        check(money(12_345_678.0, 2), "123,457");
        check(money(12_345.0, 2), "123.45");
        check(money(12.0, 0), "12");
        check(chance(0.00001), "p &lt; 0.0001");
        check(escape("<b a='1'>&\"</b>"), "&lt;b a=&#39;1&#39;&gt;&amp;&quot;&lt;/b&gt;");
    }
}
