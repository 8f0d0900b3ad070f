//! Which folder of core may use which, and which of the pages, from the ground up. Tests are free.

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

const PAGES: &str = "apps/web/src/pages/";

/// Folders and files of the pages that stand above all others: the room's page, the apps that plug in there, what leads to
/// both.
const PAGE_LAYERS: [&[&str]; 3] = [&["shell"], &["chat", "compute", "place", "play", "sync"], &["app"]];

/// From which folder to which.
type Arrow = (String, String);

/// Finds arrows that point up, but for those of core in `known`.
pub(super) fn check(files: &Files, known: &[(&str, &str, &str)]) -> Vec<String> {
    let mut problems = check_pages(files);
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

/// Finds arrows of the pages that point up, or from one app to another.
fn check_pages(files: &Files) -> Vec<String> {
    let layer = |part: &str| PAGE_LAYERS.iter().position(|row| row.contains(&part));
    let mut problems = Vec::new();
    for (name, text) in files {
        let Some(path) = name.strip_prefix(PAGES).filter(|path| path.ends_with(".rs") && *path != "mod.rs")
        else {
            continue;
        };
        let from = path.split('/').next().unwrap_or(path).trim_end_matches(".rs");
        let used: BTreeSet<&str> = code_lines(text).flat_map(|(_, line)| pages_in(line, path)).collect();
        let is_up = |to: &&str| layer(to).is_some_and(|upper| layer(from).is_none_or(|lower| upper >= lower));
        problems.extend(used.into_iter().filter(|to| *to != from).filter(is_up).map(|to| {
            format!("{name}: the pages' `{from}` must not use `{to}`, which does not stand below it")
        }));
    }
    problems
}

/// The folders and files of the pages that a line of one of them uses: what stands behind as many `super::` as lead there.
fn pages_in<'a>(line: &'a str, path: &str) -> impl Iterator<Item = &'a str> {
    // `a.rs` and `a/mod.rs` are one module.
    let above = path.trim_end_matches("/mod.rs").split('/').count();
    let ups = "super::".repeat(above);
    line.match_indices("super::")
        .filter(move |(at, _)| !line[..*at].ends_with("super::"))
        .filter_map(move |(at, _)| line[at..].strip_prefix(&ups))
        .flat_map(|rest| {
            // One name, or several in braces.
            let several = rest.strip_prefix('{').and_then(|several| several.split('}').next());
            several
                .unwrap_or(rest)
                .split(if several.is_some() { ',' } else { ';' })
                .map(|one| name(one.trim()))
        })
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
    line.split("crate::").skip(1).map(name)
}

/// The name at the beginning of a path.
fn name(path: &str) -> &str {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    path.split(|letter| !is_part(letter)).next().unwrap_or_default()
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
    fn shell_and_apps_do_not_know_each_other() {
        let of = |path: &str, line: &str| check(&files(&[(&format!("{PAGES}{path}"), line)]), &[]).len();
        for (path, line) in [
            ("shell/bar.rs", "use super::super::place::board::Board;\n"),
            ("shell/overlay/mod.rs", "    super::super::place::open();\n"),
            ("session.rs", "use super::shell::app::Front;\n"),
            ("session/events.rs", "use super::super::shell::app::Front;\n"),
            ("place/mod.rs", "use super::{app, icons};\n"),
            ("sync/rows.rs", "use super::super::place::open;\n"),
        ] {
            assert_eq!(of(path, line), 1, "{path}: {line}");
        }
        for (path, line) in [
            ("place/mod.rs", "use super::shell::app::App;\n"),
            ("place/notes/mod.rs", "use super::place;\n"),
            ("app.rs", "use super::{place, shell};\n"),
            ("shell/bar.rs", "use super::place;\nuse super::super::icons;\n"),
        ] {
            assert_eq!(of(path, line), 0, "{path}: {line}");
        }
    }

    #[test]
    fn an_exception_holds_while_it_is_needed() {
        let known = [("links", "room", "why")];
        assert_eq!(of("links/link.rs", "use crate::room::Room;\n", &known), Vec::<String>::new());
        assert_eq!(of("links/link.rs", "use crate::wire::Bytes;\n", &known).len(), 1);
    }
}
