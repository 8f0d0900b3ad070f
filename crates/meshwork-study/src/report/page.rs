//! An outcome as one page that opens without a network: figures inside it, light and dark, wide and narrow.

use std::fmt::Write as _;

use plotters::style::RGBColor;

use super::figure::{self, COLOURS, HAIR, INK, PAPER};
use crate::outcome::{Outcome, Section, Table, Value};

const STYLE: &str = include_str!("page.css");

/// Columns of a table that stands beside its figure, at most.
const BESIDE_MAX: usize = 6;

/// The page.
pub(super) fn html(outcome: &Outcome) -> String {
    let mut page = String::new();
    write(&mut page, outcome).expect("a string takes what is written");
    page
}

fn write(page: &mut String, outcome: &Outcome) -> std::fmt::Result {
    let title = escaped(outcome.title);
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <style>\n{STYLE}{}</style>\n<main>\n<h1>{title}</h1>\n\
         <p class=\"run\">Scenario <code>{}</code>, seed <code>{}</code></p>\n",
        colours(),
        outcome.scenario,
        outcome.seed
    )?;
    list(page, "What came out", &outcome.findings)?;
    for section in &outcome.sections {
        write_section(page, section)?;
    }
    list(page, "What is modelled", outcome.modelled)?;
    list(page, "What is not", outcome.not_modelled)?;
    write!(
        page,
        "<section><h2>The same again</h2>\n<p>This file given to <code>meshwork-study</code> gives the same \
         numbers, on any number of threads.</p>\n<pre tabindex=\"0\">{}</pre></section>\n</main>\n</html>\n",
        escaped(&outcome.parameters)
    )
}

fn list(page: &mut String, title: &str, items: &[impl AsRef<str>]) -> std::fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    write!(page, "<section><h2>{title}</h2>\n<ul>\n")?;
    for item in items {
        writeln!(page, "<li>{}</li>", escaped(item.as_ref()))?;
    }
    writeln!(page, "</ul></section>")
}

fn write_section(page: &mut String, section: &Section) -> std::fmt::Result {
    let (title, words) = (escaped(section.title), escaped(section.words));
    // A table of many columns needs the whole width, and several figures make a column much longer than a table.
    let is_wide = section.table.columns.len() > BESIDE_MAX || section.figures.len() > 1;
    let class = if is_wide { "below" } else { "beside" };
    write!(page, "<section><h2>{title}</h2>\n<p>{words}</p>\n<div class=\"{class}\">\n")?;
    if !section.figures.is_empty() {
        writeln!(page, "<div class=\"figures\">")?;
        for figure in &section.figures {
            let svg = themed(&figure::svg(figure));
            let label = escaped(&format!("{}; the table has its numbers", figure.title));
            let svg = svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{label}\" "), 1);
            writeln!(page, "<figure tabindex=\"0\">{svg}</figure>")?;
        }
        writeln!(page, "</div>")?;
    }
    write_table(page, &title, &section.table)?;
    writeln!(page, "</div></section>")
}

fn write_table(page: &mut String, title: &str, table: &Table) -> std::fmt::Result {
    writeln!(page, "<div class=\"table\" tabindex=\"0\"><table><caption>{title}</caption>\n<thead><tr>")?;
    for column in &table.columns {
        write!(page, "<th scope=\"col\">{}</th>", escaped(column))?;
    }
    writeln!(page, "</tr></thead>\n<tbody>")?;
    for row in &table.rows {
        write!(page, "<tr>")?;
        for (place, value) in row.iter().enumerate() {
            let text = escaped(&value.plain());
            match value {
                Value::Text(_) if place == 0 => write!(page, "<th scope=\"row\">{text}</th>")?,
                Value::Text(_) => write!(page, "<td>{text}</td>")?,
                _ => write!(page, "<td class=\"number\">{text}</td>")?,
            }
        }
        writeln!(page, "</tr>")?;
    }
    writeln!(page, "</tbody></table></div>")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn hex(RGBColor(red, green, blue): RGBColor) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

/// Colours of a figure as those of the page, which follow its theme.
fn themed(svg: &str) -> String {
    let quoted = |colour| format!("\"{}\"", hex(colour));
    let mut svg = svg.replace(&quoted(PAPER), "\"var(--surface)\"");
    svg = svg.replace(&quoted(INK), "\"var(--ink)\"").replace(&quoted(HAIR), "\"var(--hair)\"");
    for (place, (colour, _)) in COLOURS.iter().enumerate() {
        svg = svg.replace(&quoted(*colour), &format!("\"var(--series-{place})\""));
    }
    svg
}

fn colours() -> String {
    let (mut light, mut dark) = (String::new(), String::new());
    for (place, (colour, on_dark)) in COLOURS.iter().enumerate() {
        light += &format!("--series-{place}:{};", hex(*colour));
        dark += &format!("--series-{place}:{on_dark};");
    }
    format!(":root{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Axis, Figure, Form, Series};

    #[test]
    fn the_page_is_whole_and_asks_nobody() {
        let figure = Figure {
            name: "rounds",
            title: "Rounds & more",
            x: Axis::logarithmic("peers"),
            y: Axis::linear("rounds"),
            form: Form::Lines,
            series: vec![Series { label: "ours".into(), points: vec![(100.0, 2.0), (1000.0, 3.0)] }],
        };
        let row = vec![Value::text("<ours>"), Value::Number(2.5, 1)];
        let table = Table { columns: vec!["overlay", "rounds"], rows: vec![row] };
        let outcome = Outcome {
            scenario: "place-study",
            title: "A & B",
            seed: 3,
            parameters: "scenario = \"place-study\"".into(),
            findings: vec!["It works.".into()],
            modelled: &["hops"],
            not_modelled: &["loss"],
            sections: vec![Section {
                name: "sweep",
                title: "Sweep",
                words: "How to read it.",
                figures: vec![figure],
                table,
            }],
        };
        let page = html(&outcome);
        for part in [
            "<title>A &amp; B</title>",
            "&lt;ours&gt;",
            "<svg role=\"img\"",
            "var(--series-0)",
            "dark",
            "viewport",
        ] {
            assert!(page.contains(part), "{part}");
        }
        let without_names = page.replace("http://www.w3.org/2000/svg", "");
        for outside in ["http:", "https:", "src=", "url(", "@import", "#14211D\""] {
            assert!(!without_names.contains(outside), "{outside}");
        }
    }
}
