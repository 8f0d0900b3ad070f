//! Core carries any app, so it knows none: no word of one stands in it, not in comments either. Drivers, server and the library's
//! runtime name no app's crate.

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
const APPS: [&str; 4] = ["chat", "place", "play", "sync"];

/// The list of makers in the library.
const MAKERS: &str = "crates/meshwork/src/makers.rs";

pub(super) fn check(files: &Files) -> Vec<String> {
    let mut problems = crates(files);
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

/// Finds paths of apps' crates in the runtime. In the library an app's own folder and the list of makers have them.
fn crates(files: &Files) -> Vec<String> {
    let is_own = |name: &str| {
        let folder = |app: &&str| name.starts_with(&format!("crates/meshwork/src/{app}/"));
        name == MAKERS || APPS.iter().any(folder)
    };
    let runtime = |name: &str| RUNTIME.iter().any(|part| name.starts_with(part)) && !is_own(name);
    let mut problems = Vec::new();
    for (name, text) in files.iter().filter(|(name, _)| runtime(name)) {
        for (number, line) in code_lines(text) {
            let named = APPS.iter().filter(|app| line.contains(&format!("meshwork_{app}::")));
            problems
                .extend(named.map(|app| format!("{name}:{number}: the runtime must not use meshwork_{app}")));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_apps_in_core_are_told() {
        let files = |name: &str, text: &str| Files::from([(name.to_owned(), text.to_owned())]);
        let core = "crates/meshwork-core/src/room/mod.rs";
        assert_eq!(check(&files(core, "/// All that a Canvas keeps.\n")).len(), 1);
        assert_eq!(check(&files(core, "/// Repainted canvas_size.\n")), Vec::<String>::new());
        assert_eq!(
            check(&files("crates/meshwork-place/src/lib.rs", "//! A canvas.\n")),
            Vec::<String>::new()
        );
    }

    #[test]
    fn runtime_names_no_crate_of_an_app() {
        let found = |name: &str| {
            check(&Files::from([(name.to_owned(), "use meshwork_sync::values;\n".to_owned())])).len()
        };
        for name in [
            "crates/meshwork-core/src/room/mod.rs",
            "crates/meshwork-rtc/src/lib.rs",
            "crates/meshwork-signal/src/lib.rs",
            "crates/meshwork/src/shared.rs",
        ] {
            assert_eq!(found(name), 1, "{name}");
        }
        for name in [
            MAKERS,
            "crates/meshwork/src/sync/values.rs",
            "crates/meshwork/tests/it/doors.rs",
            "crates/meshwork-rtc/tests/it/native.rs",
        ] {
            assert_eq!(found(name), 0, "{name}");
        }
    }
}
