//! The ledger: each row of `docs/capabilities.md` names tests, and the named tests exist; so do those that the
//! threat model names.

use super::Files;
use super::edges::Package;

const LEDGER: &str = "docs/capabilities.md";
const HEADER: &str = "| row | what works | proof |";
const THREATS: &str = "docs/guides/threat-model.md";

/// Every defence in the threat model names a test that exists: the last cell of each row of its tables.
pub(super) fn check_threats(files: &Files, packages: &[Package]) -> Vec<String> {
    let Some(page) = files.get(THREATS) else { return vec![format!("{THREATS} is missing")] };
    let mut problems = Vec::new();
    for (index, line) in page.lines().enumerate().filter(|(_, line)| line.starts_with('|')) {
        let proof = line.trim().trim_matches('|').rsplit('|').next().unwrap_or_default().trim();
        if proof == "proof" || proof.starts_with("---") {
            continue;
        }
        let tests: Vec<&str> = proof.split('`').skip(1).step_by(2).collect();
        if tests.is_empty() {
            problems.push(format!("{THREATS}:{}: a defence without a test", index + 1));
        }
        let missing = tests.into_iter().filter_map(|test| check_test(test, files, packages).err());
        problems.extend(missing.map(|what| format!("{THREATS}:{}: {what}", index + 1)));
    }
    problems
}

pub(super) fn check(files: &Files, packages: &[Package]) -> Vec<String> {
    let Some(ledger) = files.get(LEDGER) else { return vec![format!("{LEDGER} is missing")] };
    let mut problems = Vec::new();
    let mut rows = Vec::new();
    let table = ledger.lines().enumerate().skip_while(|(_, line)| line.trim() != HEADER);
    let mut lines = table.take_while(|(_, line)| line.starts_with('|'));
    if lines.next().is_none() {
        return vec![format!("{LEDGER} has no table that begins with `{HEADER}`")];
    }
    // The line below the header only draws.
    for (index, line) in lines.skip(1) {
        let mut report = |what: String| problems.push(format!("{LEDGER}:{}: {what}", index + 1));
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let &[row, works, proof] = cells.as_slice() else {
            report(format!("a row has three cells, this one {}", cells.len()));
            continue;
        };
        if !is_row_name(row) {
            report(format!("`{row}` is not a row's name (C and a number)"));
        }
        if rows.contains(&row) {
            report(format!("{row} has a line already"));
        }
        rows.push(row);
        if works.is_empty() {
            report(format!("{row} does not say what works"));
        }
        let tests: Vec<&str> = proof.split('`').skip(1).step_by(2).collect();
        if tests.is_empty() {
            report(format!("{row} names no test: a row without a test is not done"));
        }
        for test in tests {
            if let Err(what) = check_test(test, files, packages) {
                report(format!("{row}: {what}"));
            }
        }
    }
    problems
}

fn is_row_name(row: &str) -> bool {
    row.strip_prefix('C').is_some_and(|number| {
        !number.is_empty() && number.chars().all(|digit| digit.is_ascii_digit()) && !number.starts_with('0')
    })
}

/// `meshwork-core::crdt::canvas::the_later_stroke_wins` is a function of that name in that crate.
fn check_test(test: &str, files: &Files, packages: &[Package]) -> Result<(), String> {
    let (crate_name, path) =
        test.split_once("::").ok_or_else(|| format!("`{test}` is not of the form crate::path::test"))?;
    let package = packages
        .iter()
        .find(|package| package.name == crate_name)
        .ok_or_else(|| format!("there is no crate `{crate_name}`"))?;
    let function = path.rsplit("::").next().unwrap_or(path);
    let folder = format!("{}/", package.folder);
    let exists = files
        .range(folder.clone()..)
        .take_while(|(name, _)| name.starts_with(&folder))
        .any(|(name, text)| name.ends_with(".rs") && has_function(text, function));
    if exists { Ok(()) } else { Err(format!("`{crate_name}` has no test `{function}`")) }
}

fn has_function(text: &str, function: &str) -> bool {
    text.lines().any(|line| {
        line.split_once("fn ").is_some_and(|(before, after)| {
            !before.contains("//")
                && after
                    .strip_prefix(function)
                    .is_some_and(|rest| rest.starts_with('(') || rest.starts_with('<'))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::files;
    use super::*;

    fn problems(rows: &str) -> Vec<String> {
        let ledger = format!("# Ledger\n\n{HEADER}\n|---|---|---|\n{rows}\nAfter.\n");
        let core = "//! Core.\n#[test]\nfn later_wins() {}\n// fn gone() {}\n";
        let other = "fn elsewhere() {}";
        let files = files(&[
            (LEDGER, &ledger),
            ("crates/meshwork-core/src/lib.rs", core),
            ("crates/meshwork-other/src/lib.rs", other),
        ]);
        let package = Package {
            name: "meshwork-core".to_owned(),
            version: "0.1.0".to_owned(),
            folder: "crates/meshwork-core".to_owned(),
            dependencies: Vec::new(),
        };
        check(&files, &[package])
    }

    #[test]
    fn rows_with_tests_pass() {
        assert_eq!(problems(""), Vec::<String>::new());
        let rows = "| C1 | It works | `meshwork-core::canvas::later_wins`, `meshwork-core::later_wins` |\n| C12 | Too | `meshwork-core::later_wins` |";
        assert_eq!(problems(rows), Vec::<String>::new());
    }

    #[test]
    fn bad_rows_fail() {
        let bad = [
            "| C1 | Works | `meshwork-core::no_such_test` |",
            "| C1 | Works | `meshwork-core::later` |",
            "| C1 | Works | `meshwork-core::gone` |",
            "| C1 | Works | `meshwork-core::elsewhere` |",
            "| C1 | Works | `no-such-crate::later_wins` |",
            "| C1 | Works | `later_wins` |",
            "| C1 | Works | later |",
            "| C1 |  | `meshwork-core::later_wins` |",
            "| D1 | Works | `meshwork-core::later_wins` |",
            "| C1 | Works | `meshwork-core::later_wins` | more |",
            "| C1 | Works | `meshwork-core::later_wins` |\n| C1 | Again | `meshwork-core::later_wins` |",
        ];
        for rows in bad {
            assert_eq!(problems(rows).len(), 1, "{rows}: {:?}", problems(rows));
        }
    }

    #[test]
    fn threats_without_a_test_fail() {
        let package = Package {
            name: "meshwork-core".to_owned(),
            version: "0.1.0".to_owned(),
            folder: "crates/meshwork-core".to_owned(),
            dependencies: Vec::new(),
        };
        let check = |row: &str| {
            let page = format!("| attempt | what comes of it | proof |\n|---|---|---|\n{row}\n");
            let core = ("crates/meshwork-core/src/lib.rs", "fn later_wins() {}\n");
            check_threats(&files(&[(THREATS, page.as_str()), core]), std::slice::from_ref(&package)).len()
        };
        assert_eq!(check("| lie | refused | `meshwork-core::later_wins` |"), 0);
        assert_eq!(check("| lie | refused | none |"), 1);
        assert_eq!(check("| lie | refused | `meshwork-core::no_such_test` |"), 1);
        assert_eq!(check_threats(&files(&[]), &[]).len(), 1);
    }

    #[test]
    fn a_missing_ledger_or_table_fails() {
        assert_eq!(check(&files(&[]), &[]), [format!("{LEDGER} is missing")]);
        assert_eq!(check(&files(&[(LEDGER, "# Ledger\n")]), &[]).len(), 1);
    }
}
