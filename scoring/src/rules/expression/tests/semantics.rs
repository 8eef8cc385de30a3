//! What conditions mean: each case is a condition about the event of the tests, and what comes of it.

use super::outcome;
use crate::rules::Fault;

fn holds(text: &str) {
    assert_eq!(outcome(text), Ok(true), "{text}");
}

fn fails(text: &str) {
    assert_eq!(outcome(text), Ok(false), "{text}");
}

fn errs(text: &str, fault: Fault) {
    assert_eq!(outcome(text), Err(fault), "{text}");
}

#[test]
fn names_have_the_values_of_the_facts() {
    for text in [
        "card_tx_count_1h == 6.0",
        "card_tx_count_1h == 6",
        "6 == card_tx_count_1h",
        "feature.card_tx_count_1h == 6",
        "event.channel == 'ecom'",
        "'ecom' == event.channel",
        "event.items == 3",
        "event.distance == 12.5",
        "event.card_present == false",
        "!event.card_present",
        "event.amount_minor == 87550",
        "event.currency == 'EUR'",
        "event.id == 'txn_1'",
        "event.time == timestamp('2026-04-23T12:34:56.789Z')",
        "entity.card == 'tok_1'",
        "score == 640 && model.score == 640",
        "probability == 0.25 && model.probability == 0.25",
    ] {
        holds(text);
    }
}

#[test]
fn what_is_missing_equals_nothing_and_has_no_order() {
    for text in [
        "!has(event.country)",
        "!has(feature.card_speed)",
        "!has(entity.device)",
        "has(event.channel) && has(feature.card_tx_count_1h) && has(entity.card) && has(event.amount_minor) && has(event.time)",
        "event.country != 'DE'",
        "event.country != event.country",
        "card_speed != card_speed",
        "card_speed != 1.0",
        "event.retries != 1",
        "event.retries != 1.5",
        "entity.device != 'd'",
        "!(event.vpn == true) && !(event.vpn == false) && !event.vpn",
        "event.vpn != true && event.vpn != false",
        "!(event.vpn == event.vpn)",
        "(event.vpn ? 1 : 2) == 2",
        "!(event.country == 'DE' || event.country < 'ZZ' || event.country >= '')",
        "!(card_speed < 1.0 || card_speed >= 1.0 || card_speed == 1.0)",
        "!(event.retries < 1 || event.retries >= 1 || event.retries < 1.5 || event.retries >= 1.5)",
        "!(event.retries + 1 > 0) && !(event.retries + 1 <= 0) && event.retries + 1 != 0",
        "!(event.country in ['DE', 'FR']) && !(entity.device in lists.stolen_cards)",
        "!event.country.startsWith('') && !event.country.matches('') && !event.country.contains('')",
        "size(event.country) != 0",
        "!(math.greatest(1, event.retries) >= 0) && !(math.least(1.0, card_speed) <= 1.0)",
        "int(card_speed) != 0 && !(int(card_speed) >= 0)",
        "int(event.country) != 1 && !(double(event.retries) >= 0.0)",
        "!(event.retries in [1, 2, 3])",
    ] {
        holds(text);
    }
}

#[test]
fn logic_passes_over_errors_that_do_not_matter() {
    const ERROR: &str = "1 / (event.items - 3) > 0";
    let check = |form: &str, expect: Result<bool, Fault>| {
        let text = form.replace('E', ERROR);
        assert_eq!(outcome(&text), expect, "{text}");
    };
    let error = Err(Fault::DivisionByZero);
    check("E", error);
    check("!(E)", error);
    check("E && false", Ok(false));
    check("false && E", Ok(false));
    check("E && true", error);
    check("true && E", error);
    check("E || true", Ok(true));
    check("true || E", Ok(true));
    check("E || false", error);
    check("false || E", error);
    check("E && true && false", Ok(false));
    check("(E || false) && false", Ok(false));
    check("(E && true) || true", Ok(true));
    check("E ? true : true", error);
    check("true ? true : E", Ok(true));
    check("false ? E : true", Ok(true));
    check("false ? true : E", error);
    check("[1, 0].exists(x, 1 / x == 1)", Ok(true));
    check("[0, 1].exists(x, 1 / x == 1)", Ok(true));
    check("[0, 1].exists(x, 1 / x == 2)", error);
    check("[0, 1].all(x, 1 / x == 2)", Ok(false));
    check("[0, 1].all(x, 1 / x == 1)", error);
}

#[test]
fn whole_numbers_are_exact_or_an_error() {
    holds("7 / 2 == 3 && -7 / 2 == -3 && 7 % 3 == 1 && -7 % 3 == -1");
    holds("2 + 3 * 4 - 1 == 13 && (2 + 3) * 4 == 20 && -(2) == -2");
    holds("9223372036854775807 == 0x7fffffffffffffff && -9223372036854775808 < 0");
    holds("event.items * 2 + 1 == 7 && event.items - 5 == -2 && event.items / 2 == 1 && event.items % 2 == 1");
    holds("-event.items == -3 && math.abs(-event.items) == 3");
    errs("event.items + 9223372036854775807 > 0", Fault::Overflow);
    errs("-9223372036854775808 - event.items < 0", Fault::Overflow);
    errs("event.items * 9223372036854775807 > 0", Fault::Overflow);
    errs("9223372036854775807 + 1 > 0", Fault::Overflow);
    errs("-9223372036854775808 / (event.items - 4) > 0", Fault::Overflow);
    errs("-(-9223372036854775807 - event.items + 2) > 0", Fault::Overflow);
    errs("math.abs(-9223372036854775805 - event.items) > 0", Fault::Overflow);
    errs("1 / 0 == 1", Fault::DivisionByZero);
    errs("1 % (event.items - 3) == 1", Fault::DivisionByZero);
}

#[test]
fn doubles_are_those_of_the_machine() {
    holds("0.1 + 0.2 == 0.30000000000000004 && 1.0 / 4.0 == 0.25 && 2.0 * 3.5 - 1.0 == 6.0");
    holds("1.0 / (card_tx_count_1h - 6.0) > 1e308");
    holds("-1.0 / (card_tx_count_1h - 6.0) < -1e308");
    holds("(card_tx_count_1h - 6.0) / (card_tx_count_1h - 6.0) != 0.0");
    holds("-card_tx_count_1h == -6.0 && math.abs(-card_tx_count_1h) == 6.0");
    holds("-0.0 == 0.0");
    fails("card_tx_count_1h > 6.0 || card_tx_count_1h < 6.0");
}

#[test]
fn numbers_of_two_kinds_compare_exactly() {
    holds("3 == 3.0 && 3 != 3.5 && 3 < 3.5 && 4 > 3.5 && 3.5 > 3 && -3 > -3.5 && -3.5 < -3");
    holds("event.items == 3.0 && event.items < 3.5 && 2.5 < event.items && event.items >= 2.999");
    // 2^53 + 1 has no double; rounded it would be equal.
    holds("9007199254740993 != 9007199254740992.0 && 9007199254740993 > 9007199254740992.0");
    holds("9223372036854775807 < 9223372036854775808.0 && -9223372036854775808 == -9223372036854775808.0");
    holds("event.items < 1e300 && event.items > -1e300");
    holds("event.amount_minor > 10.0 * event.distance");
    holds("event.items in [1, 2.5, 3.0] && card_tx_count_1h in [1, 6]");
}

#[test]
fn text_is_compared_by_code_points() {
    holds("'a' < 'b' && 'Z' < 'a' && 'z' < 'é' && 'a' < 'aa' && '' < 'a' && 'b' >= 'b'");
    holds("event.channel.startsWith('ec') && event.channel.endsWith('om') && event.channel.contains('co')");
    holds("event.channel.startsWith('') && event.channel.contains('ecom') && !event.channel.contains('ecoms')");
    holds("event.channel.size() == 4 && size(event.channel) == 4 && size('héé') == 3");
    holds(
        "event.merchant == 'Café BERLIN' && event.merchant.lowerAscii() == 'café berlin' && 'café berlin' == event.merchant.lowerAscii()",
    );
    holds("event.merchant.lowerAscii().startsWith('caf') && event.merchant.lowerAscii().endsWith('berlin')");
    holds("event.merchant.lowerAscii().contains('é b') && event.merchant.lowerAscii() in ['x', 'café berlin']");
    holds(
        "event.merchant.lowerAscii().matches('^caf. b') && event.merchant.lowerAscii() > 'a' && event.merchant.lowerAscii() != 'a'",
    );
    holds("event.merchant.lowerAscii().lowerAscii().size() == 11 && event.merchant.contains(event.merchant)");
    holds(
        "event.channel.matches('^e.o') && event.channel.matches('co') && !event.channel.matches('^co') && event.mcc.matches(r'^\\d{4}$')",
    );
    holds("event.mcc in ['5411', '5732', '7995'] && !(event.mcc in ['5411', '7995'])");
    holds("!(event.channel in ['pos'])");
    holds("int(event.mcc) == 5732 && double(event.mcc) == 5732.0 && int(3.9) == 3 && int(-3.9) == -3 && double(3) == 3.0");
    errs("int(event.channel) == 1", Fault::NotANumber);
    errs("double(event.channel) == 1.0", Fault::NotANumber);
    errs("int(event.distance * 1e300) == 1", Fault::Overflow);
    holds("(event.items > 2 ? 'many' : 'few') == 'many' && (event.items > 3 ? 1.5 : card_tx_count_1h) == 6.0");
    holds(r#""a\n\"\u00e9" == 'a\n"é' && """x""" == 'x' && r"\d" == '\\d'"#);
}

#[test]
fn lists_are_asked_for_membership() {
    holds("entity.card in lists.stolen_cards");
    holds("!(event.channel in lists.stolen_cards) && event.mcc in lists.risky_mccs");
    holds("event.merchant.lowerAscii() in lists.risky_mccs");
    holds("['a', '5732'].exists(x, x in lists.risky_mccs) && !['a', '5732'].all(x, x in lists.risky_mccs)");
}

#[test]
fn exists_and_all_run_over_literals() {
    holds("['eco', 'tel'].exists(prefix, event.channel.startsWith(prefix))");
    holds("!['eco', 'tel'].all(prefix, event.channel.startsWith(prefix))");
    holds("[1, 2, 3].all(x, x <= event.items) && [1, 2, 3].exists(x, [1, 2, 3].exists(y, x + y == 6))");
    holds("[1].exists(x, [2].exists(x, x == 2))");
    holds("[1, 2.5].exists(x, x > 2) && [duration('1h')].all(d, d < duration('2h'))");
    holds("[1].exists(score, score == 1) && score == 640");
}

#[test]
fn moments_have_parts() {
    // A Thursday, the 113th day of its year.
    holds("event.time.getFullYear() == 2026 && event.time.getMonth() == 3 && event.time.getDate() == 23");
    holds("event.time.getDayOfMonth() == 22 && event.time.getDayOfWeek() == 4 && event.time.getDayOfYear() == 112");
    holds("event.time.getHours() == 12 && event.time.getMinutes() == 34 && event.time.getSeconds() == 56");
    holds("event.time.getMilliseconds() == 789");
    holds(
        "event.time.getHours('Europe/Berlin') == 14 && event.time.getHours('-05:30') == 7 && event.time.getMinutes('-05:30') == 4",
    );
    holds("event.time.getHours('UTC') == 12 && event.time.getHours('+00:00') == 12 && event.time.getHours('02:00') == 14");
    holds("event.time.getDayOfWeek('Pacific/Kiritimati') == 5 && event.time.getDate('Pacific/Kiritimati') == 24");
    holds(
        "timestamp('1969-12-31T23:59:59.999Z').getSeconds() == 59 && timestamp('1969-12-31T23:59:59.999Z').getMilliseconds() == 999",
    );
    holds("timestamp('1970-01-04T00:00:00Z').getDayOfWeek() == 0");
}

#[test]
fn moments_and_lengths_of_time_add_up() {
    holds("event.time - timestamp('2026-04-23T12:00:00Z') == duration('34m56.789s')");
    holds("event.time + duration('1h') > event.time && duration('1h') + event.time == event.time + duration('60m')");
    holds("event.time - duration('24h') < timestamp('2026-04-23T00:00:00Z')");
    holds("duration('1h') - duration('90m') == duration('-30m') && duration('-1.5s') < duration('0')");
    holds("duration('90m').getHours() == 1 && duration('90m').getMinutes() == 90 && duration('1.5s').getMilliseconds() == 500");
    holds("(event.time - timestamp('2026-04-23T12:00:00Z')).getMinutes() == 34");
    holds("(event.items > 2 ? duration('1h') : duration('2h')) == duration('1h')");
    errs("event.time + duration('87000000h') > event.time", Fault::TimeOutOfRange);
    errs("timestamp('9999-12-30T00:00:00Z') + duration('48h') > event.time", Fault::TimeOutOfRange);
    errs("duration('87600000h') + duration('87600000h') > duration('0')", Fault::TimeOutOfRange);
}

#[test]
fn extremes_are_of_numbers_of_one_kind() {
    holds("math.greatest(1, event.items, 2) == 3 && math.least(1, event.items, 2) == 1");
    holds("math.greatest(1.5, card_tx_count_1h) == 6.0 && math.least(1.5, card_tx_count_1h) == 1.5");
    holds("event.amount_minor > int(3.0 * math.greatest(event.distance, 100.0))");
}

#[test]
fn precedence_and_comments_are_those_of_cel() {
    holds("true || false && false");
    holds("!false && true == !false");
    holds("1 + 2 < 4 == true");
    holds("false ? false : true ? true : false");
    holds("event.items == 3 // three things\n && true");
}
