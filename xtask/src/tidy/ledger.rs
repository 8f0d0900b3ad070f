//! The ledger: `docs/capabilities.md` has one row for each capability, in order, and those that work name tests
//! that exist; so does the threat model.

use super::Files;
use super::proofs::Proofs;

const LEDGER: &str = "docs/capabilities.md";
const HEADER: &str = "| row | capability | Place | Sync | Chat | Compute | Play | state | proof | missing |";
const THREATS: &str = "docs/guides/threat-model.md";

/// How many rows there are.
const ROWS: usize = 128;
/// How many systems ask for them.
const SYSTEMS: usize = 5;

/// The most characters in a cell: more is not read.
const CELL_MAX: usize = 300;

/// Every defence in the threat model names a test that exists: the last cell of each row of its tables.
pub(super) fn check_threats(files: &Files, proofs: &Proofs) -> Vec<String> {
    let Some(page) = files.get(THREATS) else { return vec![format!("{THREATS} is missing")] };
    let mut problems = Vec::new();
    for (index, line) in page.lines().enumerate().filter(|(_, line)| line.starts_with('|')) {
        let proof = cells(line).pop().unwrap_or_default();
        if proof == "proof" || proof.starts_with("---") {
            continue;
        }
        let tests = named(proof);
        if tests.is_empty() {
            problems.push(format!("{THREATS}:{}: a defence without a test", index + 1));
        }
        let missing = tests.into_iter().filter_map(|test| proofs.find(test).err());
        problems.extend(missing.map(|what| format!("{THREATS}:{}: {what}", index + 1)));
    }
    problems
}

/// All rows are there, in order; what works wholly or partly names tests that exist.
pub(super) fn check(files: &Files, proofs: &Proofs) -> Vec<String> {
    let Some(ledger) = files.get(LEDGER) else { return vec![format!("{LEDGER} is missing")] };
    let mut problems = Vec::new();
    let table = ledger.lines().enumerate().skip_while(|(_, line)| line.trim() != HEADER);
    // The line below the header only draws.
    let mut lines = table.skip(2).take_while(|(_, line)| line.starts_with('|'));
    for number in 1..=ROWS {
        let Some((index, line)) = lines.next() else {
            problems.push(format!("{LEDGER} has no row C{number} in a table under `{HEADER}`"));
            break;
        };
        let found = check_row(number, line, proofs);
        problems.extend(found.into_iter().map(|what| format!("{LEDGER}:{}: {what}", index + 1)));
    }
    if let Some((index, _)) = lines.next() {
        problems.push(format!("{LEDGER}:{}: C{ROWS} is the last row", index + 1));
    }
    problems
}

fn check_row(number: usize, line: &str, proofs: &Proofs) -> Vec<String> {
    let cells = cells(line);
    let &[row, capability, ref systems @ .., state, proof, missing] = cells.as_slice() else {
        return vec![format!("a row has ten cells, this one {}", cells.len())];
    };
    if systems.len() != SYSTEMS {
        return vec![format!("a row has a cell for each of {SYSTEMS} systems, this one {}", systems.len())];
    }
    let mut problems = Vec::new();
    if row != format!("C{number}") {
        problems.push(format!("here stands C{number}, not `{row}`"));
    }
    if capability.is_empty() {
        problems.push(format!("{row} does not say what it is"));
    }
    if let Some(long) = cells.iter().map(|cell| cell.chars().count()).find(|length| *length > CELL_MAX) {
        problems.push(format!("{row} has a cell of {long} characters, {CELL_MAX} are the most"));
    }
    let (have, lack) = (systems.contains(&"yes"), systems.contains(&"no"));
    if let Some(other) = systems.iter().find(|system| !matches!(**system, "yes" | "no" | "")) {
        problems.push(format!(
            "{row} says `{other}` of a system, but must say yes, no, or nothing where it does not ask"
        ));
    }
    if !have && !lack {
        problems.push(format!("{row} is asked for by nobody"));
    }
    if (state == "works") != (have && !lack) {
        problems.push(format!("{row} works where all systems that ask for it have it, and only there"));
    }
    if state == "missing" && have {
        problems.push(format!("{row} is missing: no system has it"));
    }
    let tests = named(proof);
    match (state, tests.is_empty(), missing.is_empty()) {
        ("works", false, true) | ("partly", false, false) | ("missing", true, true) => {}
        ("works", ..) => problems.push(format!("{row} works: it names tests, and nothing that is missing")),
        ("partly", ..) => problems.push(format!("{row} works partly: it names tests, and what is missing")),
        ("missing", ..) => problems.push(format!("{row} is missing: it names no test and says no more")),
        _ => problems.push(format!("{row} is `{state}`, but must be works, partly or missing")),
    }
    problems.extend(
        tests.into_iter().filter_map(|test| proofs.find(test).err()).map(|what| format!("{row}: {what}")),
    );
    problems
}

fn cells(line: &str) -> Vec<&str> {
    let line = line.trim();
    let inner = line.strip_prefix('|').unwrap_or(line);
    inner.strip_suffix('|').unwrap_or(inner).split('|').map(str::trim).collect()
}

/// What stands in backquotes.
fn named(proof: &str) -> Vec<&str> {
    proof.split('`').skip(1).step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::super::files;
    use super::super::proofs::tests::core;
    use super::*;

    const SOURCE: (&str, &str) =
        ("crates/meshwork-core/src/lib.rs", "//! Core.\n#[test]\nfn wins() {}\nfn helps() {}\n");

    fn proofs() -> Proofs {
        Proofs::read(&files(&[SOURCE]), &[core()]).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    /// What is found where the first rows are these and all others are missing.
    fn problems(first: &[&str]) -> Vec<String> {
        let rest = (first.len() + 1..=ROWS)
            .map(|number| format!("| C{number} | a thing | no | | | | | missing | | |"));
        let rows: Vec<String> = first.iter().map(|row| (*row).to_owned()).chain(rest).collect();
        let ledger = format!(
            "# Ledger\n\n{HEADER}\n|---|---|---|---|---|---|---|---|---|---|\n{}\n\nAfter.\n",
            rows.join("\n")
        );
        check(&files(&[(LEDGER, &ledger)]), &proofs())
    }

    #[test]
    fn good_rows_pass() {
        let good = [
            "| C1 | It | yes | | | | | works | `core::wins`, `core::wins` | |",
            "| C2 | It | no | | | | | partly | `core::wins` | half |",
        ];
        assert_eq!(problems(&good), Vec::<String>::new());
    }

    #[test]
    fn bad_rows_fail() {
        let long = format!("| C1 | {} | no | | | | | missing | | |", "long".repeat(80));
        let bad = [
            "| C1 | It | yes | | | | | works | `core::no_such_test` | |",
            "| C1 | It | yes | | | | | works | `core::helps` | |",
            "| C1 | It | yes | | | | | works | `core::deep::wins` | |",
            "| C1 | It | yes | | | | | works | `other::wins` | |",
            "| C1 | It | yes | | | | | works | `wins` | |",
            "| C1 | It | yes | | | | | works | wins | |",
            "| C1 | It | yes | | | | | works | `core::wins` | half |",
            "| C1 | It | no | | | | | partly | `core::wins` | |",
            "| C1 | It | no | | | | | partly | | half |",
            "| C1 | It | no | | | | | missing | `core::wins` | |",
            "| C1 | It | no | | | | | done | `core::wins` | |",
            "| C1 | | no | | | | | missing | | |",
            "| C2 | It | no | | | | | missing | | |",
            "| C1 | It | no | | | | | missing | |",
            "| C1 | It | yes | no | | | | works | `core::wins` | |",
            "| C1 | It | yes | | yes | | | partly | `core::wins` | half |",
            "| C1 | It | yes | no | | | | missing | | |",
            "| C1 | It | | | | | | missing | | |",
            "| C1 | It | no | soon | | | | missing | | |",
            &long,
        ];
        for row in bad {
            assert_eq!(problems(&[row]).len(), 1, "{row}: {:?}", problems(&[row]));
        }
    }

    #[test]
    fn missing_doubled_or_surplus_rows_fail() {
        assert!(
            !problems(&["| C2 | It | no | | | | | missing | | |", "| C1 | It | no | | | | | missing | | |"])
                .is_empty()
        );
        assert!(
            !problems(&["| C1 | It | no | | | | | missing | | |", "| C1 | It | no | | | | | missing | | |"])
                .is_empty()
        );
        let short = format!(
            "{HEADER}\n|---|---|---|---|---|---|---|---|---|---|\n| C1 | a | no | | | | | missing | | |\n"
        );
        assert_eq!(check(&files(&[(LEDGER, &short)]), &proofs()).len(), 1);
        let rows: String =
            (1..=ROWS + 1).map(|number| format!("| C{number} | a | no | | | | | missing | | |\n")).collect();
        let long = format!("{HEADER}\n|---|---|---|---|---|---|---|---|---|---|\n{rows}");
        assert_eq!(check(&files(&[(LEDGER, &long)]), &proofs()).len(), 1);
        assert_eq!(check(&files(&[]), &proofs()).len(), 1);
        assert_eq!(check(&files(&[(LEDGER, "# Ledger\n")]), &proofs()).len(), 1);
    }

    #[test]
    fn threats_without_a_test_fail() {
        let check = |row: &str| {
            let page = format!("| attempt | what comes of it | proof |\n|---|---|---|\n{row}\n");
            check_threats(&files(&[(THREATS, page.as_str())]), &proofs()).len()
        };
        assert_eq!(check("| lie | refused | `core::wins` |"), 0);
        assert_eq!(check("| lie | refused | none |"), 1);
        assert_eq!(check("| lie | refused | `core::no_such_test` |"), 1);
        assert_eq!(check_threats(&files(&[]), &proofs()).len(), 1);
    }
}
