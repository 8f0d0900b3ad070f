//! No type has so many methods that nobody reads it whole: what grows further is to be taken apart.

use std::collections::BTreeMap;

use super::{Files, code_lines};

/// Methods that a type may have, those of traits included.
const METHODS_MAX: usize = 60;

/// Finds types of our crates with more methods than [`METHODS_MAX`], but for those in `known`.
pub(super) fn check(files: &Files, known: &[(&str, &str)]) -> Vec<String> {
    let mut methods: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (name, text) in files {
        let Some((folder, path)) = name.split_once("/src/").filter(|(_, path)| path.ends_with(".rs")) else {
            continue;
        };
        if path.ends_with("tests.rs") || path.contains("/tests/") {
            continue;
        }
        let module = path.split('/').next().unwrap_or(path).trim_end_matches(".rs");
        let module = &name[..folder.len() + "/src/".len() + module.len()];
        let mut of = None;
        for (_, line) in code_lines(text) {
            if line.starts_with("impl") {
                of = type_of(line);
            } else if line.starts_with('}') {
                of = None;
            } else if let Some(of) = of.filter(|_| is_method(line)) {
                *methods.entry((module, of)).or_default() += 1;
            }
        }
    }
    let many: BTreeMap<String, usize> = methods
        .into_iter()
        .filter(|(_, count)| *count > METHODS_MAX)
        .map(|((module, of), count)| (format!("{module}::{of}"), count))
        .collect();
    let is_known = |of: &str| known.iter().any(|(one, _)| *one == of);
    let found = many.iter().filter(|(of, _)| !is_known(of)).map(|(of, count)| {
        format!("`{of}` has {count} methods; above {METHODS_MAX} it is to be taken apart")
    });
    let idle = known.iter().filter(|(of, _)| !many.contains_key(*of));
    let idle = idle.map(|(of, _)| format!("`{of}` has few methods now: take its exception away"));
    found.chain(idle).collect()
}

/// The type that an `impl` is of.
fn type_of(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("impl")?;
    let rest = rest.rsplit_once(" for ").map_or(rest, |(_, of)| of);
    let rest = if rest.starts_with('<') { rest.split_once("> ").map_or(rest, |(_, of)| of) } else { rest };
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    rest.trim_start().split(|letter| !is_part(letter)).next().filter(|of| !of.is_empty())
}

/// Whether a function of an `impl` begins in a line.
fn is_method(line: &str) -> bool {
    let Some(line) = line.strip_prefix("    ").filter(|line| !line.starts_with(' ')) else { return false };
    line.split('(').next().is_some_and(|before| before.split_whitespace().any(|word| word == "fn"))
        || line.starts_with("pub(") && line.split_whitespace().any(|word| word == "fn")
}

#[cfg(test)]
mod tests {
    use super::super::files;
    use super::*;

    fn with(methods: usize, of: &str) -> String {
        let methods = "    pub(super) fn one(&self) {\n        two()\n    }\n".repeat(methods);
        format!("impl {of} {{\n{methods}}}\n")
    }

    #[test]
    fn a_type_with_too_many_methods_is_found() {
        let half = METHODS_MAX / 2;
        let one = with(half, "Room");
        let few = files(&[("crates/a/src/room/mod.rs", &one), ("crates/a/src/room/one.rs", &one)]);
        assert_eq!(check(&few, &[]), Vec::<String>::new());
        let more = with(half + 1, "Deref for Room");
        let many = files(&[("crates/a/src/room/mod.rs", &one), ("crates/a/src/room/one.rs", &more)]);
        assert!(check(&many, &[])[0].contains("`crates/a/src/room::Room` has 61 methods"));
        assert_eq!(check(&many, &[("crates/a/src/room::Room", "why")]), Vec::<String>::new());
        assert_eq!(check(&few, &[("crates/a/src/room::Room", "why")]).len(), 1, "it is not needed");
    }

    #[test]
    fn types_of_one_name_are_told_apart() {
        let one = with(METHODS_MAX, "Links<'a>");
        let apart = files(&[("crates/a/src/links/mod.rs", &one), ("crates/a/src/node.rs", &one)]);
        assert_eq!(check(&apart, &[]), Vec::<String>::new());
    }
}
