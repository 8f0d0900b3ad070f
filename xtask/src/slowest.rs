//! The slowest tests of a run, and the files that take longest, from the report that cargo-nextest leaves.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// How many tests are shown.
const TESTS_SHOWN: usize = 10;
/// How many files.
const FILES_SHOWN: usize = 20;

/// Two tables, to be printed. Their seconds are by the clock, with other tests beside.
///
/// # Errors
/// There is no report.
pub(crate) fn tables(workspace: &Workspace, profile: &str) -> Result<String> {
    let file = file(workspace, profile);
    let report = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let tests = slowest(&report);
    let mut lines = vec![format!("\n{:<80} {:>9}", "slowest tests", "seconds")];
    let shown = tests.iter().take(TESTS_SHOWN);
    lines.extend(shown.map(|Test { seconds, program, name }| {
        format!("{:<80} {seconds:>9.1}", format!("{program} {name}"))
    }));
    lines.push(format!("\n{:<70} {:>9} {:>9}", "slowest files", "tests", "seconds"));
    let files = by_file(&tests);
    let shown = files.iter().take(FILES_SHOWN);
    lines.extend(shown.map(|(seconds, count, file)| format!("{file:<70} {count:>9} {seconds:>9.1}")));
    Ok(lines.join("\n"))
}

/// Removes the report of an earlier run, which a run that does not build would leave there.
pub(crate) fn forget(workspace: &Workspace, profile: &str) -> Result<()> {
    let file = file(workspace, profile);
    match fs::remove_file(&file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", file.display()))
        }
        _ => Ok(()),
    }
}

fn file(workspace: &Workspace, profile: &str) -> PathBuf {
    workspace.target.join("nextest").join(profile).join("junit.xml")
}

/// A test as a report has it.
#[derive(Debug, PartialEq)]
struct Test<'a> {
    seconds: f64,
    program: &'a str,
    name: &'a str,
}

/// All tests in a report, the slowest first.
fn slowest(report: &str) -> Vec<Test<'_>> {
    let cases = report.split("<testcase ").skip(1);
    let mut tests: Vec<Test<'_>> = cases
        .filter_map(|case| {
            let case = case.split('>').next()?;
            let seconds = attribute(case, "time")?.parse().ok()?;
            Some(Test { seconds, program: attribute(case, "classname")?, name: attribute(case, "name")? })
        })
        .collect();
    tests.sort_by(|one, other| other.seconds.total_cmp(&one.seconds));
    tests
}

/// Seconds, tests and name of each file, the slowest first: a file is a test program and the module in it.
fn by_file(tests: &[Test<'_>]) -> Vec<(f64, usize, String)> {
    let mut files: BTreeMap<String, (f64, usize)> = BTreeMap::new();
    for test in tests {
        let module = test.name.rsplit_once("::").map_or("", |(module, _)| module);
        let module = module.strip_suffix("::tests").unwrap_or(module);
        let (seconds, count) = files.entry(format!("{} {module}", test.program)).or_default();
        *seconds += test.seconds;
        *count += 1;
    }
    let mut files: Vec<_> =
        files.into_iter().map(|(name, (seconds, count))| (seconds, count, name)).collect();
    files.sort_by(|one, other| other.0.total_cmp(&one.0));
    files
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

    const REPORT: &str = r#"<testsuite name="a" time="9.0">
        <testcase name="room::quick" classname="a::it" timestamp="x" time="0.250"></testcase>
        <testcase name="link::tests::one" classname="a" timestamp="x" time="0.500"></testcase>
        <testcase name="room::slow" classname="a::it" timestamp="x" time="7.250"><failure/></testcase>"#;

    #[test]
    fn the_slowest_come_first() {
        let tests = slowest(REPORT);
        let names: Vec<_> = tests.iter().map(|test| (test.program, test.name, test.seconds)).collect();
        let expected =
            [("a::it", "room::slow", 7.25), ("a", "link::tests::one", 0.5), ("a::it", "room::quick", 0.25)];
        assert_eq!(names, expected);
    }

    #[test]
    fn tests_are_summed_by_file() {
        let expected = [(7.5, 2, "a::it room".to_owned()), (0.5, 1, "a link".to_owned())];
        assert_eq!(by_file(&slowest(REPORT)), expected);
    }
}
