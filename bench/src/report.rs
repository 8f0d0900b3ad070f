//! Results as a table for people, as JSON for programs, and as a page that keeps what was not run again.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::race::{Race, Row, Samples};

/// What stands above the results.
const HEAD: &str = "\
# Results of the races

Written by `cargo xtask bench`; a run of one race replaces its section alone, so sections are of different days,
commits and machines, which each names at its end. A number is the median of as many samples as its row says, with the
least and the greatest of them in brackets; contestants take turns, round by round, unless the section says otherwise. A
ratio above 1 means that Meshwork wins. \"CPU\" is processor time of the thread or process, \"wall\" is time as it passed.
";

/// The rows of a race as a table in plain text.
pub fn table(race: &Race, rows: &[Row]) -> String {
    let mut text = format!("\n{}: {}\n", race.name, race.about);
    for row in rows {
        let better = if row.higher_is_better { "higher is better" } else { "lower is better" };
        let _ = write!(text, "  {:<34} {} {}, {better}", row.name, shown(&row.ours), row.unit);
        if let (Some((name, samples)), Some(ratio)) = (&row.other, row.ratio()) {
            let _ = write!(text, "; {name}: {}; ratio {}", shown(samples), number(ratio));
        }
        if !row.want.is_empty() {
            let _ = write!(text, "; wanted {}", row.want);
        }
        text.push('\n');
        if !row.note.is_empty() {
            let _ = writeln!(text, "      {}", row.note);
        }
    }
    text
}

/// One array with an object for each row.
pub fn json(rows: &[Row]) -> Value {
    let object = |row: &Row| {
        json!({
            "name": row.name,
            "ours": row.ours.median(),
            "other": row.other.as_ref().map(|(_, samples)| samples.median()),
            "other_name": row.other.as_ref().map(|(name, _)| name),
            "unit": row.unit,
            "ratio": row.ratio(),
            "higher_is_better": row.higher_is_better,
        })
    };
    rows.iter().map(object).collect()
}

/// The page with the section of this race put in or replaced. `order` are the names of all races; a section of a
/// race that does not exist any more is left out.
pub fn page(before: &str, order: &[&str], race: &Race, rows: &[Row], run: &Run) -> String {
    let mut page = HEAD.to_owned();
    for name in order {
        if *name == race.name {
            page.push('\n');
            page.push_str(&section(race, rows, run));
        } else if let Some(old) = section_of(before, name) {
            page.push('\n');
            page.push_str(old);
        }
    }
    page
}

/// When, where and how a race was run.
#[derive(Clone, Debug)]
pub struct Run {
    /// The day.
    pub date: String,
    /// The machine.
    pub machine: String,
    /// Our version.
    pub meshwork: String,
    /// How somebody repeats it.
    pub command: String,
}

fn section(race: &Race, rows: &[Row], run: &Run) -> String {
    let mut text = format!("## {}\n\n{}\n\n", race.name, race.about);
    text.push_str(
        "| race | Meshwork | other | ratio | unit | better | wanted | samples |\n|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let other = row
            .other
            .as_ref()
            .map_or_else(|| "–".to_owned(), |(name, samples)| format!("{name}: {}", shown(samples)));
        let ratio = row.ratio().map_or_else(|| "–".to_owned(), number);
        let better = if row.higher_is_better { "higher" } else { "lower" };
        let want = if row.want.is_empty() { "–" } else { row.want };
        let _ = writeln!(
            text,
            "| {} | {} | {other} | {ratio} | {} | {better} | {want} | {} |",
            row.name,
            shown(&row.ours),
            row.unit,
            row.ours.0.len()
        );
    }
    for row in rows.iter().filter(|row| !row.note.is_empty()) {
        let _ = write!(text, "\n{}: {}\n", row.name, row.note);
    }
    let Run { date, machine, meshwork, command } = run;
    let _ = write!(text, "\n{date}, {meshwork}; {machine}. `{command}`.\n");
    text
}

/// The section of a race on a page written before, heading included.
fn section_of<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let heading = format!("## {name}\n");
    let begin = page.find(&heading)?;
    let end = page[begin + 1..].find("\n## ").map_or(page.len(), |end| begin + 1 + end);
    Some(&page[begin..end])
}

fn shown(samples: &Samples) -> String {
    let (least, most) = samples.spread();
    if least == most {
        return number(least);
    }
    format!("{} ({}–{})", number(samples.median()), number(least), number(most))
}

/// A number with three digits that mean something.
fn number(number: f64) -> String {
    let digits = if number == 0.0 { 0.0 } else { number.abs().log10().floor() };
    let decimals = (2.0 - digits).clamp(0.0, 6.0) as usize;
    let plain = format!("{number:.decimals$}");
    let (whole, fraction) =
        plain.split_once('.').map_or((plain.as_str(), ""), |(whole, fraction)| (whole, fraction));
    let mut grouped = String::new();
    for (place, digit) in whole.char_indices() {
        if place > 0 && digit.is_ascii_digit() && (whole.len() - place).is_multiple_of(3) && whole.len() > 4 {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { grouped } else { format!("{grouped}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::race::Needs;

    const fn race(name: &'static str) -> Race {
        Race { name, about: "What it is.", needs: Needs::Nothing, run: |_| Ok(Vec::new()) }
    }

    fn run() -> Run {
        let [date, machine, meshwork, command] =
            ["day", "machine", "us", "cargo xtask bench"].map(str::to_owned);
        Run { date, machine, meshwork, command }
    }

    fn row(name: &str, ours: f64) -> Row {
        Row::stated(name, Samples::exact(ours), "s", false).against("other 1.0", Samples::exact(10.0))
    }

    #[test]
    fn running_one_race_replaces_only_its_section() {
        let order = ["first", "second"];
        let page_one = page("", &order, &race("second"), &[row("second", 2.0)], &run());
        let both = page(&page_one, &order, &race("first"), &[row("first", 1.0).note("Mind.")], &run());
        assert!(
            both.find("| first | 1 | other 1.0: 10 | 10 | s | lower | – | 1 |") < both.find("| second | 2 |")
        );
        assert!(both.contains("first: Mind."));
        let again = page(&both, &order, &race("second"), &[row("second", 4.0)], &run());
        assert_eq!(
            again.replace("| second | 4 | other 1.0: 10 | 2.5", "| second | 2 | other 1.0: 10 | 5"),
            both
        );
        assert!(!page(&both, &["first"], &race("first"), &[], &run()).contains("second"), "a race is gone");
    }

    #[test]
    fn json_has_null_where_there_is_no_other() {
        let stated = Row::stated("alone", Samples(vec![3.0, 1.0, 2.0]), "MB", true);
        let value = json(&[row("race", 2.0), stated]);
        let expected = json!([
            {"name": "race", "ours": 2.0, "other": 10.0, "other_name": "other 1.0", "unit": "s", "ratio": 5.0, "higher_is_better": false},
            {"name": "alone", "ours": 2.0, "other": null, "other_name": null, "unit": "MB", "ratio": null, "higher_is_better": true},
        ]);
        assert_eq!(value, expected);
    }

    #[test]
    fn numbers_have_three_digits_that_count() {
        let written = [0.0, 1.0, 12.345, 0.012_345, 1234.0, 1_234_567.8, 999.6, -3.25].map(number);
        assert_eq!(written, ["0", "1", "12.3", "0.0123", "1234", "1 234 568", "1000", "-3.25"]);
    }
}
