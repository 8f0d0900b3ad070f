//! The ten slowest tests of a run, from the report that cargo-nextest leaves.

use std::fs;

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// How many are told.
const SHOWN: usize = 10;

pub(crate) fn print(workspace: &Workspace, profile: &str) -> Result<()> {
    let file = workspace.target.join("nextest").join(profile).join("junit.xml");
    let report = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    println!("\n{:<80} {:>9}", "slowest tests", "seconds");
    for (seconds, name) in slowest(&report) {
        println!("{name:<80} {seconds:>9.1}");
    }
    Ok(())
}

/// Seconds and name of the slowest tests in a report, the slowest first.
fn slowest(report: &str) -> Vec<(f64, String)> {
    let mut tests: Vec<(f64, String)> = report
        .split("<testcase ")
        .skip(1)
        .filter_map(|case| {
            let case = case.split('>').next()?;
            let seconds = attribute(case, "time")?.parse().ok()?;
            Some((seconds, format!("{} {}", attribute(case, "classname")?, attribute(case, "name")?)))
        })
        .collect();
    tests.sort_by(|one, other| other.0.total_cmp(&one.0));
    tests.truncate(SHOWN);
    tests
}

fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = element.split_once(&format!(" {name}=\"")).or_else(|| {
        let rest = element.strip_prefix(&format!("{name}=\""))?;
        Some(("", rest))
    })?;
    rest.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_come_first() {
        let report = r#"<testsuite name="a" time="9.0">
            <testcase name="quick" classname="a::it" timestamp="x" time="0.010"></testcase>
            <testcase name="slow" classname="a::it" timestamp="x" time="7.250"><failure/></testcase>"#;
        let expected = [(7.25, "a::it slow".to_owned()), (0.01, "a::it quick".to_owned())];
        assert_eq!(slowest(report), expected);
    }
}
