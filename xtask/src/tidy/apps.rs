//! Core carries any app, so it knows none: no word of one stands in it, not in comments either.

use super::Files;

const CORE: &str = "crates/meshwork-core/src/";

/// Words of Place, which came first.
const WORDS: [&str; 14] = [
    "canvas", "canvases", "paint", "paints", "painted", "painter", "painters", "painting", "colour",
    "colours", "color", "colors", "pixel", "pixels",
];

pub(super) fn check(files: &Files) -> Vec<String> {
    let mut problems = Vec::new();
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
}
