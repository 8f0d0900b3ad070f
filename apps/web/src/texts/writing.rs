//! How numbers, lists and reasons are written in sentences.

use std::time::Duration;

use meshwork_core::text::shown;

use crate::rtt;

/// A reason as a sentence of its own.
pub fn sentence(reason: &str) -> String {
    let mut letters = reason.trim().trim_end_matches('.').chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => String::new(),
    }
}

/// A text with its first letter as a capital.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The name of a key, a counter, a document or a version as it is shown, like a person's: without characters that do something or are
/// not seen. Two names that differ in these alone look the same.
pub fn name(name: &str) -> String {
    let shown = shown(name);
    if shown.trim().is_empty() { super::INVISIBLE.to_owned() } else { shown }
}

/// Several people in one sentence's subject: "Lin", "Lin and Sofia", "Lin and 3 more".
pub fn short_list(names: &[String]) -> String {
    match names {
        [] => super::NOBODY.to_owned(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [one, rest @ ..] => format!("{one} and {} more", rest.len()),
    }
}

/// Several people, all of them named; `nobody` when there are none.
pub fn list(names: &[String], nobody: &str) -> String {
    match names {
        [] => nobody.to_owned(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

/// A count and its noun.
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// A number with its thousands apart.
pub fn grouped(number: usize) -> String {
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

/// A number that may be below zero, with its thousands apart and a minus sign.
pub fn signed(number: i64) -> String {
    let digits = grouped(usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX));
    if number < 0 { format!("\u{2212}{digits}") } else { digits }
}

/// Bytes with a unit: decimal, three figures.
pub fn amount(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["B", "kB", "MB", "GB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && value < 99.95);
    format!("{value:.digits$}\u{2009}{}", UNITS[unit])
}

/// A round-trip time as a number and its unit: ms below 1 s. One that was measured is never 0.
pub fn round_trip(rtt: Duration) -> (String, &'static str) {
    match rtt::rounded_ms(rtt) {
        milliseconds @ 0..1000 => (milliseconds.max(1).to_string(), "ms"),
        milliseconds => (format!("{}.{}", milliseconds / 1000, milliseconds % 1000 / 100), "s"),
    }
}

/// A path as a page shows it at which there is nothing: its first forty signs.
pub fn short_path(path: &str) -> String {
    const SIGNS_MAX: usize = 40;
    match path.char_indices().nth(SIGNS_MAX) {
        Some((end, _)) => format!("{}\u{2026}", &path[..end]),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_become_sentences() {
        assert_eq!(sentence("it does not answer"), "It does not answer.");
        assert_eq!(sentence("Full."), "Full.");
        assert_eq!(sentence(" "), "");
    }

    #[test]
    fn people_are_listed_as_one_says_them() {
        let names = ["Lin".to_owned(), "Sofia".to_owned(), "Kaveh".to_owned()];
        assert_eq!(list(&names, "nobody"), "Lin, Sofia and Kaveh");
        assert_eq!(list(&[], "nobody"), "nobody");
        assert_eq!(short_list(&names), "Lin and 2 more");
        assert_eq!(short_list(&names[..2]), "Lin and Sofia");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(1, "cell"), "1 cell");
        assert_eq!(count(12_935, "cell"), "12,935 cells");
        assert_eq!(grouped(1_000_000), "1,000,000");
        assert_eq!([0, 1_284, -12].map(signed), ["0", "1,284", "\u{2212}12"]);
    }

    #[test]
    fn amounts_have_three_figures_at_most() {
        let amounts = [0, 999, 1000, 33_000, 999_400, 999_999, 1_933_000, 5_000_000_000_000].map(amount);
        let expected = ["0 B", "999 B", "1.0 kB", "33.0 kB", "999 kB", "1.0 MB", "1.9 MB", "5000 GB"];
        assert_eq!(amounts.map(|amount| amount.replace('\u{2009}', " ")), expected);
    }

    #[test]
    fn round_trips_have_the_unit_that_fits() {
        assert_eq!(round_trip(Duration::from_micros(200)), ("1".into(), "ms"));
        assert_eq!(round_trip(Duration::from_micros(22_600)), ("23".into(), "ms"));
        assert_eq!(round_trip(Duration::from_millis(999)), ("999".into(), "ms"));
        assert_eq!(round_trip(Duration::from_millis(1250)), ("1.2".into(), "s"));
    }

    #[test]
    fn long_paths_are_cut() {
        assert_eq!(short_path("/nonsense"), "/nonsense");
        assert_eq!(short_path(&"/é".repeat(40)), format!("{}\u{2026}", "/é".repeat(20)));
    }
}
