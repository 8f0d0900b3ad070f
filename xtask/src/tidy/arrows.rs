//! Which folder of core may use which: section "The house" of the design, from the ground up. Tests are free.

use std::collections::{BTreeMap, BTreeSet};

use super::{Files, code_lines};

const CORE: &str = "crates/meshwork-core/src/";

/// Folders and files of core, each of which may use those of its own row and of the rows before.
const LAYERS: [&[&str]; 15] = [
    &["id", "memo", "planted", "reach", "recent", "rng", "text", "time", "wire"],
    &["clock"],
    &["signed"],
    &["seam"],
    &["rulebook"],
    &["replica"],
    &["table"],
    &["lanes"],
    &["blobs"],
    &["links"],
    &["signalling"],
    &["overlay"],
    &["room"],
    &["node"],
    &["conformance"],
];

/// From which folder to which.
type Arrow = (String, String);

/// Finds arrows that point up, but for those in `known`.
pub(super) fn check(files: &Files, known: &[(&str, &str, &str)]) -> Vec<String> {
    let mut problems = Vec::new();
    let arrows = arrows(files);
    for ((from, to), first) in &arrows {
        let is_known = known.iter().any(|(one, other, _)| one == from && other == to);
        match (layer(from), layer(to)) {
            (Some(lower), Some(upper)) if upper <= lower || is_known => {}
            (Some(_), Some(_)) => {
                problems.push(format!("{first}: core's `{from}` must not use `{to}`, which stands above it"))
            }
            _ => problems.push(format!(
                "{first}: `{from}` or `{to}` has no place in the table of xtask/src/tidy/arrows.rs"
            )),
        }
    }
    for (from, to, _) in known {
        if !arrows.contains_key(&((*from).to_owned(), (*to).to_owned())) {
            problems.push(format!("core's `{from}` no longer uses `{to}`: take its exception away"));
        }
    }
    problems
}

/// All arrows between folders of core, each with a place where it stands.
fn arrows(files: &Files) -> BTreeMap<Arrow, String> {
    let mut arrows = BTreeMap::new();
    for (name, text) in files {
        let Some(path) = name.strip_prefix(CORE).filter(|path| path.ends_with(".rs") && *path != "lib.rs")
        else {
            continue;
        };
        if path.ends_with("tests.rs") || path.contains("/tests/") {
            continue;
        }
        let from = path.split('/').next().unwrap_or(path).trim_end_matches(".rs");
        let used: BTreeSet<&str> = code_lines(text).flat_map(|(_, line)| names_after_crate(line)).collect();
        for to in used.into_iter().filter(|to| *to != from) {
            arrows.entry((from.to_owned(), to.to_owned())).or_insert_with(|| name.clone());
        }
    }
    arrows
}

/// What stands behind `crate::` in a line.
fn names_after_crate(line: &str) -> impl Iterator<Item = &str> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    line.split("crate::")
        .skip(1)
        .map(move |rest| rest.split(|letter| !is_part(letter)).next().unwrap_or_default())
}

fn layer(folder: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&folder))
}

#[cfg(test)]
mod tests {
    use super::super::files;
    use super::*;

    fn of(path: &str, text: &str, known: &[(&str, &str, &str)]) -> Vec<String> {
        check(&files(&[(&format!("{CORE}{path}"), text)]), known)
    }

    #[test]
    fn an_arrow_that_points_up_is_found() {
        assert_eq!(of("room/mod.rs", "use crate::links::link::Link;\n", &[]), Vec::<String>::new());
        assert_eq!(of("links/link.rs", "use crate::room::Room;\n", &[]).len(), 1);
        assert!(of("clock.rs", "let one = crate::attic::one();\n", &[])[0].contains("no place"));
    }

    #[test]
    fn docs_and_tests_may_look_up() {
        let text = "/// See [`Room`](crate::room::Room).\n#[cfg(test)]\nmod tests {\n    use crate::room::Room;\n}\n";
        assert_eq!(of("links/link.rs", text, &[]), Vec::<String>::new());
        assert_eq!(of("links/link/tests.rs", "use crate::room::Room;\n", &[]), Vec::<String>::new());
    }

    #[test]
    fn an_exception_holds_while_it_is_needed() {
        let known = [("links", "room", "why")];
        assert_eq!(of("links/link.rs", "use crate::room::Room;\n", &known), Vec::<String>::new());
        assert_eq!(of("links/link.rs", "use crate::wire::Bytes;\n", &known).len(), 1);
    }
}
