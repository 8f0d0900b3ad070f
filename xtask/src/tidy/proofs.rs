//! Which tests there are: read from the source, along the modules that the compiler would read.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::{Attribute, Item};

use super::Files;
use super::edges::Package;

/// The most words in a test's name: more is not read at a glance.
const WORDS_MAX: usize = 8;

/// Of each crate, without `meshwork-` before its name, the tests that `cargo test` runs unasked.
///
/// A test is named by the modules that it stands in. Modules named `tests` say nothing and are left out; a file in
/// the folder `tests` is a module of its crate.
pub(super) struct Proofs(BTreeMap<String, BTreeSet<String>>);

impl Proofs {
    /// Reads all files of all crates.
    ///
    /// # Errors
    /// Files that are no Rust.
    pub(super) fn read(files: &Files, packages: &[Package]) -> Result<Proofs, Vec<String>> {
        let mut proofs = BTreeMap::new();
        let mut problems = Vec::new();
        for package in packages {
            let mut walk = Walk { files, tests: BTreeSet::new(), problems: Vec::new() };
            let folder = format!("{}/", package.folder);
            let ours = files.range(folder.clone()..).take_while(|(name, _)| name.starts_with(&folder));
            for (name, _) in ours {
                let Some(modules) = root(&name[folder.len()..]) else { continue };
                let below = name.rsplit_once('/').map_or("", |(below, _)| below);
                walk.file(name, below, &modules);
            }
            proofs.insert(short(&package.name).to_owned(), walk.tests);
            problems.extend(walk.problems);
        }
        if problems.is_empty() { Ok(Proofs(proofs)) } else { Err(problems) }
    }

    /// Tests whose names are longer than is read at a glance.
    pub(super) fn check_names(&self) -> Vec<String> {
        let names = self.0.iter().flat_map(|(package, tests)| tests.iter().map(move |test| (package, test)));
        let words = |test: &str| test.rsplit("::").next().map_or(0, |name| name.split('_').count());
        let long = names.filter(|(_, test)| words(test) > WORDS_MAX);
        long.map(|(package, test)| {
            format!("`{package}::{test}` has {} words, {WORDS_MAX} are the most", words(test))
        })
        .collect()
    }

    /// Whether there is a test `core::overlay::size::its_name`; the crate may also be named in full.
    ///
    /// # Errors
    /// What there is none of, and where one of that name stands.
    pub(super) fn find(&self, test: &str) -> Result<(), String> {
        let (package, path) =
            test.split_once("::").ok_or_else(|| format!("`{test}` is not of the form crate::path::test"))?;
        let tests = self.0.get(short(package)).ok_or_else(|| format!("there is no crate `{package}`"))?;
        if tests.contains(path) {
            return Ok(());
        }
        let name = path.rsplit("::").next().unwrap_or(path);
        let elsewhere: Vec<&str> = tests
            .iter()
            .map(String::as_str)
            .filter(|other| other.rsplit("::").next() == Some(name))
            .collect();
        Err(match elsewhere.as_slice() {
            [] => format!("`{package}` has no test `{name}`"),
            elsewhere => format!("`{package}` has no test `{path}`, but {}", elsewhere.join(", ")),
        })
    }
}

fn short(package: &str) -> &str {
    package.strip_prefix("meshwork-").unwrap_or(package)
}

/// The modules that a file, named from its crate's folder, opens, if a library, a program or a test program begins
/// with it.
fn root(file: &str) -> Option<Vec<String>> {
    match file.split('/').collect::<Vec<_>>().as_slice() {
        ["src", "lib.rs" | "main.rs"] | ["tests", _, "main.rs"] => Some(Vec::new()),
        ["tests", file] => file.strip_suffix(".rs").map(|name| vec![name.to_owned()]),
        _ => None,
    }
}

/// A walk over the modules of one crate.
struct Walk<'a> {
    files: &'a Files,
    tests: BTreeSet<String>,
    problems: Vec<String>,
}

impl Walk<'_> {
    /// One file, whose modules lie below the folder `below`.
    fn file(&mut self, name: &str, below: &str, modules: &[String]) {
        let Some(text) = self.files.get(name) else { return };
        match syn::parse_file(text) {
            Ok(file) => self.items(&file.items, below, modules),
            Err(error) => self.problems.push(format!("{name}:{}: {error}", error.span().start().line)),
        }
    }

    fn items(&mut self, items: &[Item], below: &str, modules: &[String]) {
        for item in items {
            match item {
                Item::Fn(function) if is_test(&function.attrs) => {
                    self.found(modules, &function.sig.ident.to_string());
                }
                Item::Macro(call) if call.mac.path.is_ident("proptest") => {
                    for name in drawn(&call.mac.tokens) {
                        self.found(modules, &name);
                    }
                }
                Item::Mod(module) => {
                    let name = module.ident.to_string();
                    let below = format!("{below}/{name}");
                    let mut modules = modules.to_vec();
                    modules.push(name);
                    match &module.content {
                        Some((_, items)) => self.items(items, &below, &modules),
                        None => {
                            self.file(&format!("{below}.rs"), &below, &modules);
                            self.file(&format!("{below}/mod.rs"), &below, &modules);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn found(&mut self, modules: &[String], name: &str) {
        let path = modules.iter().map(String::as_str).filter(|module| *module != "tests");
        self.tests.insert(path.chain([name]).collect::<Vec<_>>().join("::"));
    }
}

/// `#[test]` or one like it, such as `#[tokio::test]`.
fn is_test(attributes: &[Attribute]) -> bool {
    let last =
        |attribute: &Attribute| attribute.path().segments.last().map(|segment| segment.ident.to_string());
    attributes.iter().any(|attribute| last(attribute).as_deref() == Some("test"))
}

/// The functions under `#[test]` within `proptest!`, whose arguments are no Rust.
fn drawn(tokens: &TokenStream) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_marked = false;
    let mut tokens = tokens.clone().into_iter();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => is_marked |= group.stream().to_string() == "test",
            TokenTree::Ident(word) if word == "fn" => {
                if let (true, Some(TokenTree::Ident(name))) = (is_marked, tokens.next()) {
                    names.push(name.to_string());
                }
                is_marked = false;
            }
            _ => {}
        }
    }
    names
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::files;
    use super::*;

    pub(in super::super) fn core() -> Package {
        Package {
            name: "meshwork-core".to_owned(),
            version: "0.1.0".to_owned(),
            licence: "MIT".to_owned(),
            folder: "crates/meshwork-core".to_owned(),
            dependencies: Vec::new(),
        }
    }

    fn read(contents: &[(&str, &str)]) -> Result<Proofs, Vec<String>> {
        Proofs::read(&files(contents), &[core()])
    }

    #[test]
    fn tests_are_found_where_the_compiler_finds_them() {
        let proofs = read(&[
            ("crates/meshwork-core/src/lib.rs", "mod size; mod tree { mod leaf; }\n#[test]\nfn top() {}"),
            (
                "crates/meshwork-core/src/size.rs",
                "fn helper() {}\n#[cfg(test)]\nmod tests {\n#[tokio::test(start_paused = true)]\nasync fn grows() {}\nproptest! {\n#[test]\nfn any(x in 0..9) { fn no() {} }\nfn part(y in 1..2) {}\n}\n}",
            ),
            ("crates/meshwork-core/src/tree/leaf.rs", "mod tests;"),
            ("crates/meshwork-core/src/tree/leaf/tests.rs", "#[test] fn green() {}"),
            ("crates/meshwork-core/tests/it/main.rs", "mod room;"),
            ("crates/meshwork-core/tests/it/room.rs", "#[test] fn opens() {} // #[test] fn gone() {}"),
            ("crates/meshwork-core/tests/it/orphan.rs", "#[test] fn alone() {}"),
            ("crates/meshwork-core/tests/wide.rs", "#[test] fn wide() {}"),
        ])
        .unwrap_or_else(|problems| panic!("{problems:?}"));
        let found: Vec<&str> = proofs.0["core"].iter().map(String::as_str).collect();
        let all = ["room::opens", "size::any", "size::grows", "top", "tree::leaf::green", "wide::wide"];
        assert_eq!(found, all);
        assert_eq!(proofs.find("core::room::opens"), Ok(()));
        assert_eq!(proofs.find("meshwork-core::room::opens"), Ok(()));
        for wrong in ["core::opens", "core::size::opens", "core::size::helper", "other::top", "top"] {
            assert!(proofs.find(wrong).is_err(), "{wrong}");
        }
        let told = proofs.find("core::size::opens").expect_err("it is elsewhere");
        assert!(told.contains("but room::opens"), "{told}");
    }

    #[test]
    fn long_names_of_tests_are_told() {
        let eight = "#[test] fn one_two_three_four_five_six_seven_eight() {}";
        let nine = "#[test] fn one_two_three_four_five_six_seven_eight_nine() {}";
        for (text, count) in [(eight, 0), (nine, 1)] {
            let proofs =
                read(&[("crates/meshwork-core/src/lib.rs", text)]).unwrap_or_else(|_| panic!("it is Rust"));
            assert_eq!(proofs.check_names().len(), count, "{text}");
        }
    }

    #[test]
    fn what_is_no_rust_is_told() {
        let problems = read(&[("crates/meshwork-core/src/lib.rs", "fn (")]).err().unwrap_or_default();
        assert_eq!(problems.len(), 1, "{problems:?}");
    }
}
