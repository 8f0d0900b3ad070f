//! Documents as the pages list and name them, as plain data.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::blobs::BlobId;

use crate::texts::{self, documents};

/// Longest name of a file, in characters, before its ending: what every system takes.
const FILE_NAME_MAX: usize = 80;

/// A document in the list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Listed {
    /// Its name, by which programs open it.
    pub name: String,
    /// What people call it, where somebody said so.
    pub title: Option<String>,
}

impl Listed {
    /// What it is shown as.
    pub fn shown(&self) -> String {
        texts::name(self.title.as_deref().unwrap_or(&self.name))
    }
}

/// Documents that have something in them and those that have a title, as people look for them: by title, whatever its case.
pub fn listed(showing: BTreeSet<String>, mut titles: BTreeMap<String, String>) -> Vec<Listed> {
    let untitled: Vec<String> = showing.into_iter().filter(|name| !titles.contains_key(name)).collect();
    let mut list: Vec<Listed> = untitled.into_iter().map(|name| Listed { name, title: None }).collect();
    while let Some((name, title)) = titles.pop_first() {
        list.push(Listed { name, title: Some(title) });
    }
    list.sort_by_cached_key(|document| (document.shown().to_lowercase(), document.name.clone()));
    list
}

/// A title for a new document that no other one is shown as.
pub fn fresh_title(taken: &BTreeSet<String>) -> String {
    let numbered = |number| match number {
        1 => documents::UNTITLED.to_owned(),
        _ => documents::untitled(number),
    };
    (1..).map(numbered).find(|title| !taken.contains(title)).expect("there are more numbers than documents")
}

/// Under which name a document is saved.
pub fn file_name(title: &str) -> String {
    let fits = |character: char| character.is_alphanumeric() || " -_.".contains(character);
    let name: String = title.chars().map(|character| if fits(character) { character } else { '-' }).collect();
    let name: String = name.trim_matches([' ', '.']).chars().take(FILE_NAME_MAX).collect();
    format!("{}.md", if name.is_empty() { "document" } else { &name })
}

/// What a document is called that was a file.
pub fn title_of_file(name: &str) -> String {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem).trim();
    if stem.is_empty() { documents::UNTITLED.to_owned() } else { stem.chars().take(FILE_NAME_MAX).collect() }
}

/// What stands in a document for an image, which is called as its file was.
pub fn image_reference(file: &str, blob: BlobId) -> String {
    let words: String =
        title_of_file(file).chars().filter(|character| !r"[]\".contains(*character)).collect();
    format!("![{words}](blob:{blob})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_stand_by_title() {
        let titles = [("x1", "Recipes"), ("x2", "ferry times")];
        let titles = titles.map(|(name, title)| (name.to_owned(), title.to_owned()));
        let list = listed(["notes", "x1"].map(str::to_owned).into(), titles.into());
        let shown: Vec<String> = list.iter().map(Listed::shown).collect();
        assert_eq!(shown, ["ferry times", "notes", "Recipes"]);
    }

    #[test]
    fn titles_are_shown_as_names_are() {
        let titles = [("x1", "exe.\u{202e}gnp"), ("x2", "\u{200b}"), ("x3", "a\u{1b}[2J\nb")];
        let list =
            listed(BTreeSet::new(), titles.map(|(name, title)| (name.to_owned(), title.to_owned())).into());
        let shown: Vec<String> = list.iter().map(Listed::shown).collect();
        assert_eq!(shown, ["(invisible name)", "a[2Jb", "exe.gnp"]);
    }

    #[test]
    fn new_titles_are_free() {
        assert_eq!(fresh_title(&BTreeSet::new()), "Untitled");
        assert_eq!(fresh_title(&["Untitled", "Untitled 2"].map(str::to_owned).into()), "Untitled 3");
    }

    #[test]
    fn images_are_called_as_their_files_were() {
        let id = "07".repeat(32);
        assert_eq!(image_reference("ferry [1].png", BlobId([7; 32])), format!("![ferry 1](blob:{id})"));
    }

    #[test]
    fn files_and_titles_name_each_other() {
        assert_eq!(file_name("Trip: to/Porto"), "Trip- to-Porto.md");
        assert_eq!(file_name("../.."), "-.md");
        assert_eq!(file_name(" "), "document.md");
        assert_eq!(title_of_file("Trip to Porto.md"), "Trip to Porto");
        assert_eq!(title_of_file(".txt"), "Untitled");
    }
}
