//! Core carries any app, so it knows none: no word of one stands in it, not in comments either. Drivers, server, the library's
//! runtime and the pages' shell and session name no app, neither by its crate nor by a literal.

use super::texts::literals;
use super::{Files, code_lines};

const CORE: &str = "crates/meshwork-core/src/";

/// Words of Place, which came first.
const WORDS: [&str; 14] = [
    "canvas", "canvases", "paint", "paints", "painted", "painter", "painters", "painting", "colour",
    "colours", "color", "colors", "pixel", "pixels",
];

/// Sources that must not name an app's crate. Tests, which lie elsewhere, may.
const RUNTIME: [&str; 4] =
    [CORE, "crates/meshwork-rtc/src/", "crates/meshwork-signal/src/", "crates/meshwork/src/"];

/// The crates of apps.
const APPS: [&str; 5] = ["chat", "compute", "place", "play", "sync"];

/// Lists of the library's apps: their makers, and their modules behind features.
const LISTS: [&str; 2] = ["crates/meshwork/src/makers.rs", "crates/meshwork/src/lib.rs"];

/// What the pages have for every app. The table of apps is `apps.rs`, and the list of their entries `pages/mod.rs`.
const SHELL: [&str; 6] = ["app.rs", "entries.rs", "front.rs", "session.rs", "session/", "shell/"];

pub(super) fn check(files: &Files) -> Vec<String> {
    let mut problems = crates(files);
    problems.extend(names(files));
    for (name, text) in files.iter().filter(|(name, _)| name.starts_with(CORE)) {
        for (index, line) in text.lines().enumerate() {
            let words = line.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            let known = words.filter(|word| WORDS.contains(&&*word.to_lowercase()));
            problems
                .extend(known.map(|word| format!("{name}:{}: core knows no app, so no `{word}`", index + 1)));
        }
    }
    problems
}

/// Finds paths of apps' crates in the runtime. In the library an app's own folder and the lists have them.
fn crates(files: &Files) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, text) in files.iter().filter(|(name, _)| is_runtime(name)) {
        for (number, line) in code_lines(text) {
            let named = APPS.iter().filter(|app| line.contains(&format!("meshwork_{app}::")));
            problems
                .extend(named.map(|app| format!("{name}:{number}: the runtime must not use meshwork_{app}")));
        }
    }
    problems.extend(folders(files));
    problems
}

/// Finds files of the library that use the folder of an app: another app's, or the runtime's.
fn folders(files: &Files) -> Vec<String> {
    let library = |name: &str| name.starts_with("crates/meshwork/src/") && !LISTS.contains(&name);
    let mut problems = Vec::new();
    for (name, text) in files.iter().filter(|(name, _)| library(name)) {
        let is_other = |app: &&&str| !name.starts_with(&format!("crates/meshwork/src/{app}/"));
        for (number, line) in code_lines(text) {
            let used = APPS.iter().filter(is_other).filter(|app| line.contains(&format!("crate::{app}::")));
            problems
                .extend(used.map(|app| format!("{name}:{number}: only the app {app} uses its own folder")));
        }
    }
    problems
}

/// Whether a file belongs to every app: it is no app's own, no list of apps and no test.
fn is_runtime(name: &str) -> bool {
    let folder = |app: &&str| name.starts_with(&format!("crates/meshwork/src/{app}/"));
    let is_own = LISTS.contains(&name) || APPS.iter().any(folder);
    RUNTIME.iter().any(|part| name.starts_with(part)) && !is_own
}

/// Finds literals that are an app's name, or a path with one, in the runtime and in the pages' shell and session; and there the
/// logic of an app too.
fn names(files: &Files) -> Vec<String> {
    let is_shell = |name: &str| {
        let file = name.strip_prefix("apps/web/src/pages/");
        file.is_some_and(|file| SHELL.iter().any(|part| file.starts_with(part)))
    };
    let is_test = |name: &str| name.ends_with("/tests.rs") || name.contains("/tests/");
    let is_code = |name: &str| name.ends_with(".rs") && !is_test(name);
    let mut problems = Vec::new();
    for (name, text) in files.iter().filter(|(name, _)| is_code(name)) {
        let is_shell = is_shell(name);
        if !is_shell && !is_runtime(name) {
            continue;
        }
        for (number, line) in code_lines(text) {
            for literal in literals(line) {
                let mut parts = literal.says.split(['/', '?', '#', ':']);
                if let Some(app) = parts.find(|part| APPS.contains(part)) {
                    problems.push(format!("{name}:{number}: a literal names the app {app}"));
                }
            }
            let logic = |app: &&&str| is_shell && line.contains(&format!("meshwork_web::{app}::"));
            let used = APPS.iter().filter(logic);
            problems.extend(
                used.map(|app| format!("{name}:{number}: the shell must not use the logic of {app}")),
            );
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> usize {
        check(&Files::from([(name.to_owned(), text.to_owned())])).len()
    }

    #[test]
    fn words_of_apps_in_core_are_told() {
        let core = "crates/meshwork-core/src/room/mod.rs";
        assert_eq!(found(core, "/// All that a Canvas keeps.\n"), 1);
        assert_eq!(found(core, "/// Repainted canvas_size.\n"), 0);
        assert_eq!(found("crates/meshwork-place/src/lib.rs", "//! A canvas.\n"), 0);
    }

    #[test]
    fn runtime_names_no_crate_of_an_app() {
        for name in [
            "crates/meshwork-core/src/room/mod.rs",
            "crates/meshwork-rtc/src/lib.rs",
            "crates/meshwork-signal/src/lib.rs",
            "crates/meshwork/src/shared.rs",
        ] {
            assert_eq!(found(name, "use meshwork_sync::values;\n"), 1, "{name}");
        }
        assert_eq!(found("crates/meshwork/src/place/canvas.rs", "use crate::sync::values::Values;\n"), 1);
        assert_eq!(found("crates/meshwork/src/sync/values.rs", "use crate::sync::values::Values;\n"), 0);
        for name in [
            LISTS[0],
            "crates/meshwork/src/sync/values.rs",
            "crates/meshwork/tests/it/doors.rs",
            "crates/meshwork-rtc/tests/it/native.rs",
        ] {
            assert_eq!(found(name, "use meshwork_sync::values;\n"), 0, "{name}");
        }
    }

    #[test]
    fn runtime_and_shell_have_no_apps_name() {
        let shell = "apps/web/src/pages/shell/room.rs";
        for name in [shell, "apps/web/src/pages/session.rs", "crates/meshwork-signal/src/http/pages.rs"] {
            for line in ["let app = \"play\";\n", "(\"sync\", \"/chat/K7M4QX\");\n"] {
                assert_eq!(found(name, line), line.matches("\"").count() / 2, "{name}: {line}");
            }
            for line in ["let id = \"open-chat\";\n", "// \"place\"\n", "\"Play together\";\n"] {
                assert_eq!(found(name, line), 0, "{name}: {line}");
            }
        }
        assert_eq!(found(shell, "use meshwork_web::sync::statistics;\n"), 1);
        for name in [
            "apps/web/src/pages/mod.rs",
            "apps/web/src/pages/play/mod.rs",
            "crates/meshwork-rtc/src/native/tests.rs",
        ] {
            assert_eq!(found(name, "let app = \"play\";\n"), 0, "{name}");
        }
    }
}
