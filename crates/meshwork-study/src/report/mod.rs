//! Outcomes as files: data for programs, figures, and one page for people.

mod figure;
mod page;
mod raster;

use crate::outcome::Outcome;

/// The page, among the files of [`files`].
pub const PAGE: &str = "report.html";

/// All files of an outcome, with their names: a page, data as JSON and as CSV tables, figures as SVG and PNG, and the
/// file that repeats the run.
pub fn files(outcome: &Outcome) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![
        (PAGE.to_owned(), page::html(outcome).into_bytes()),
        ("data.json".to_owned(), outcome.json().into_bytes()),
        ("scenario.toml".to_owned(), outcome.parameters.clone().into_bytes()),
    ];
    for section in &outcome.sections {
        files.push((format!("{}.csv", section.name), section.table.csv().into_bytes()));
        for drawn in &section.figures {
            files.push((format!("{}.svg", drawn.name), figure::svg(drawn).into_bytes()));
            files.push((format!("{}.png", drawn.name), figure::pixels(drawn)));
        }
    }
    files
}
