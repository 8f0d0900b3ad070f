//! Arrows between the parts of a folder, from the ground up: a part does not name the whole, nor a part above it. Tests are free.

use std::collections::BTreeSet;

use super::{Files, code_lines};

/// A folder whose parts have an order.
struct Folder {
    files: &'static str,
    /// Its module, as paths name it.
    module: &'static str,
    /// Its files and folders. Each may use those of its own row and of the rows before. `mod` is the whole: the type with all parts,
    /// and names that its `mod.rs` re-exports.
    rows: &'static [&'static [&'static str]],
}

const FOLDERS: [Folder; 3] = [
    Folder {
        files: "crates/meshwork-core/src/room/",
        module: "crate::room::",
        rows: &[
            &["message", "replicas"],
            &["membership", "outputs", "writing"],
            &["comparison", "storage"],
            &["rules"],
            &["delivery"],
            &["blobs", "eviction", "expiry", "kept", "lanes", "superseded"],
            // Methods of the room, by what they are for.
            &["governing", "history", "intake", "link_reports", "mod", "restoring", "write"],
        ],
    },
    Folder {
        files: "crates/meshwork-core/src/node/",
        module: "crate::node::",
        rows: &[
            &["commands", "endpoints"],
            &["people"],
            &["common"],
            &["links"],
            &["rooms"],
            &["servers"],
            &["connecting", "lower_parts"],
            // Methods of the node, by what they are for.
            &[
                "governing_commands",
                "invitations",
                "keys",
                "leaving",
                "link_events",
                "mod",
                "room",
                "room_outputs",
                "server_events",
                "test_world",
            ],
        ],
    },
    Folder {
        files: "crates/meshwork-core/src/node/connecting/",
        module: "crate::node::connecting::",
        rows: &[
            &["attempt", "by_hand_attempt"],
            &["known"],
            &["attempts", "carrying"],
            // Methods of `Connecting`, by what they are for.
            &["by_hand", "introducing", "mod", "moves", "offers", "signals", "unlinking", "visiting"],
        ],
    },
];

const LIBRARY: &str = "crates/meshwork/src/";

pub(super) fn check(files: &Files) -> Vec<String> {
    let mut problems: Vec<String> = FOLDERS.iter().flat_map(|folder| arrows(folder, files)).collect();
    problems.extend(roots(files));
    problems
}

/// Arrows of a folder that point up.
fn arrows(folder: &Folder, files: &Files) -> Vec<String> {
    let row = |part: &str| folder.rows.iter().position(|row| row.contains(&part));
    let mut problems = Vec::new();
    for (name, text) in files {
        let Some(path) = name.strip_prefix(folder.files).filter(|path| path.ends_with(".rs")) else {
            continue;
        };
        if path == "mod.rs" || path.ends_with("tests.rs") || path.contains("tests/") {
            continue;
        }
        let from = path.split('/').next().unwrap_or(path).trim_end_matches(".rs");
        let Some(lower) = row(from) else {
            problems.push(format!("{name}: `{from}` has no place in the table of xtask/src/tidy/inside.rs"));
            continue;
        };
        let code: Vec<&str> = code_lines(text).map(|(_, line)| line).collect();
        let code = code.join("\n");
        // `a.rs` and `a/mod.rs` are one module.
        let above = path.trim_end_matches("/mod.rs").split('/').count();
        let mut used: BTreeSet<&str> = names_behind(&code, folder.module).collect();
        used.extend(names_behind(&code, &"super::".repeat(above)));
        let whole = ("mod", folder.rows.len() - 1);
        let parts = used.into_iter().map(|used| row(used).map_or(whole, |row| (used, row)));
        let up: BTreeSet<&str> = parts.filter(|(_, upper)| *upper > lower).map(|(to, _)| to).collect();
        problems.extend(up.into_iter().map(|to| match to {
            "mod" => format!("{name}: a part does not name the whole or its re-exports: use the file"),
            _ => format!("{name}: `{from}` must not use `{to}`, which stands above it"),
        }));
    }
    problems
}

/// Files of the library that use a name of its root, which re-exports all of them.
fn roots(files: &Files) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, text) in
        files.iter().filter(|(name, _)| name.starts_with(LIBRARY) && !name.ends_with("/lib.rs"))
    {
        let code: Vec<&str> = code_lines(text).map(|(_, line)| line).collect();
        let code = code.join("\n");
        let of_root = names_behind(&code, "crate::").find(|name| name.starts_with(char::is_uppercase));
        if let Some(used) = of_root {
            problems.push(format!(
                "{name}: `crate::{used}` is a re-export of the root: use the file that has it"
            ));
        }
    }
    problems
}

/// The first names behind a path: one, or several in braces.
fn names_behind<'a>(code: &'a str, path: &str) -> impl Iterator<Item = &'a str> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let name = move |path: &'a str| path.split(|letter| !is_part(letter)).next().unwrap_or_default();
    let behind = code.match_indices(path).filter(|(at, _)| {
        let before = &code[..*at];
        !before.ends_with("super::") && !before.ends_with(is_part) && !before.ends_with('$')
    });
    let rests: Vec<&str> = behind.map(|(at, _)| &code[at + path.len()..]).collect();
    rests.into_iter().flat_map(move |rest| match rest.strip_prefix('{') {
        Some(several) => {
            let (mut depth, mut names, mut from) = (1, Vec::new(), 0);
            for (at, letter) in several.char_indices() {
                match letter {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 0 || depth == 1 && letter == ',' {
                    names.push(name(several[from..at].trim_start()));
                    from = at + 1;
                }
                if depth == 0 {
                    break;
                }
            }
            names.retain(|name| !name.is_empty());
            names
        }
        None => vec![name(rest)].into_iter().filter(|name| !name.is_empty() && *name != "super").collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::files;
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&files(&[(path, text)])).len()
    }

    #[test]
    fn parts_name_neither_whole_nor_higher_parts() {
        let room = "crates/meshwork-core/src/room/";
        for (path, text) in [
            ("kept.rs", "use super::Room;\n"),
            ("kept.rs", "use super::{\n    expiry,\n    RoomOutput,\n};\n"),
            ("rules/mod.rs", "use super::delivery::Checked;\n"),
            ("rules/lists.rs", "use super::super::kept::Kept;\n"),
            ("lanes/search.rs", "fn a() { crate::room::history::Fetch::new() }\n"),
            ("attic.rs", "use crate::id::Endpoint;\n"),
        ] {
            assert_eq!(found(&format!("{room}{path}"), text), 1, "{path}: {text}");
        }
        for (path, text) in [
            ("kept.rs", "use super::{expiry, lanes::{Ring, Spoken}};\nuse super::rules::Rules;\n"),
            ("lanes/search.rs", "use super::Talking;\npub(in crate::room) struct Search;\n"),
            ("intake.rs", "use super::Room;\n"),
            ("kept/tests.rs", "use super::super::Room;\n"),
            ("kept.rs", "#[cfg(test)]\nmod tests {\n    use crate::room::Room;\n}\n"),
        ] {
            assert_eq!(found(&format!("{room}{path}"), text), 0, "{path}: {text}");
        }
    }

    #[test]
    fn library_files_do_not_use_its_root() {
        assert_eq!(found("crates/meshwork/src/sealed.rs", "use crate::{Identity, room::Room};\n"), 1);
        assert_eq!(found("crates/meshwork/src/sealed.rs", "use crate::identity::Identity;\n"), 0);
        assert_eq!(found("crates/meshwork/src/lib.rs", "let room: crate::Room;\n"), 0);
    }
}
