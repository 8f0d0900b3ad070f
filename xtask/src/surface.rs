//! `cargo xtask surface`: everything that programs and pages see of the library, written where a change of it shows.
//!
//! docs/surface has what the crate `meshwork` and the npm package give out, without words and bodies. Tidy fails where a
//! file says something else than the sources: what others build on changes on purpose, and shows in a review.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use syn::{Attribute, Fields, ImplItem, Item, ItemImpl, Type, UseTree, Visibility};

use crate::tidy::Files;
use crate::workspace::Workspace;

const RUST: &str = "docs/surface/rust.txt";
const NPM: &str = "docs/surface/npm.txt";
const SOURCES: &str = "crates/meshwork/src/";
const DECLARATIONS: [&str; 5] = [
    "sdk/js/compute-pool.d.ts",
    "sdk/js/index.d.ts",
    "sdk/js/physics.d.ts",
    "sdk/js/react.d.ts",
    "sdk/js/yjs.d.ts",
];
/// Attributes that say something to whoever uses an item.
const SAYING: [&str; 5] = ["cfg", "derive", "must_use", "non_exhaustive", "default"];

/// Traits that nobody else sees.
const OWN_SEAMS: [&str; 2] = ["Heard", "Runner"];

/// A surface: where it stands, and what it is.
type Surface = (&'static str, String);

/// Writes both, and says how much they are.
pub(crate) fn write(workspace: &Workspace, files: &Files) -> Result<()> {
    for (path, text) in surfaces(files)? {
        let file = workspace.root.join(path);
        fs::create_dir_all(file.parent().context("it lies in a folder")?)?;
        fs::write(&file, &text).with_context(|| format!("cannot write {path}"))?;
        println!("{path}: {}", text.lines().next().unwrap_or_default());
    }
    Ok(())
}

/// Finds what stands in docs/surface otherwise than in the sources.
pub(crate) fn check(files: &Files) -> Vec<String> {
    let surfaces = match surfaces(files) {
        Ok(surfaces) => surfaces,
        Err(error) => return vec![format!("the surface cannot be read: {error:#}")],
    };
    let differs = |(path, text): &Surface| files.get(*path) != Some(text);
    let words = |(path, text): Surface| {
        let written = files.get(path).map(String::as_str).unwrap_or_default();
        let line = text.lines().find(|line| !written.lines().any(|known| known == *line));
        let line = line.or_else(|| written.lines().find(|known| !text.lines().any(|line| line == *known)));
        format!(
            "{path} is not what the sources give out, from `{}` on: where that is meant, run cargo xtask surface",
            line.unwrap_or_default().trim()
        )
    };
    surfaces.into_iter().filter(differs).map(words).collect()
}

fn surfaces(files: &Files) -> Result<[Surface; 2]> {
    Ok([(RUST, rust(files)?), (NPM, npm(files)?)])
}

/// What the crate gives out.
fn rust(files: &Files) -> Result<String> {
    let sources = files.range(SOURCES.to_owned()..).take_while(|(path, _)| path.starts_with(SOURCES));
    let mut parsed = Vec::new();
    for (path, text) in sources.filter(|(path, _)| path.ends_with(".rs")) {
        parsed.push((path, syn::parse_file(text).with_context(|| format!("{path} is no Rust"))?.items));
    }
    let root = format!("{SOURCES}lib.rs");
    unfold(&mut parsed, &root);
    let (_, front) = parsed.iter().find(|(path, _)| **path == root).context("the library has a lib.rs")?;
    let mut surface = Pruned { names: BTreeSet::new(), functions: 0, types: 0 };
    for item in front {
        match item {
            Item::Use(item) if is_public(&item.vis) => surface.name(&item.tree),
            Item::Mod(item) if is_public(&item.vis) && item.content.is_none() => {
                let path = format!("{SOURCES}{}.rs", item.ident);
                let (_, items) =
                    parsed.iter().find(|(other, _)| **other == path).context("a module has a file")?;
                surface.names.extend(items.iter().filter_map(public_name));
            }
            _ => {}
        }
    }
    let mut items = Vec::new();
    for (path, from) in parsed {
        let is_front = *path == root;
        items.extend(from.into_iter().filter_map(|item| surface.prune(item, is_front)).flatten());
    }
    let text =
        prettyplease::unparse(&syn::File { shebang: None, frontmatter: None, attrs: Vec::new(), items });
    Ok(format!("// {} functions, {} types\n\n{text}", surface.functions, surface.types))
}

/// Puts the content of public folders into the crate's root, where the folders are declared.
fn unfold(parsed: &mut Vec<(&String, Vec<Item>)>, root: &str) {
    let Some(at) = parsed.iter().position(|(path, _)| *path == root) else { return };
    let (path, mut front) = parsed.remove(at);
    for item in &mut front {
        if let Item::Mod(folder) = item
            && is_public(&folder.vis)
            && folder.content.is_none()
            && let file = format!("{SOURCES}{}/mod.rs", folder.ident)
            && let Some(at) = parsed.iter().position(|(path, _)| **path == file)
        {
            folder.content = Some((syn::token::Brace::default(), parsed.remove(at).1));
            folder.semi = None;
        }
    }
    parsed.push((path, front));
    parsed.sort_by_key(|(path, _)| *path);
}

/// What is left of items when nobody but a user looks.
struct Pruned {
    /// What the crate's root gives out.
    names: BTreeSet<String>,
    functions: usize,
    types: usize,
}

impl Pruned {
    /// Notes what a `pub use` of this crate's own modules names.
    fn name(&mut self, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => self.name(&path.tree),
            UseTree::Name(name) => drop(self.names.insert(name.ident.to_string())),
            UseTree::Rename(name) => drop(self.names.insert(name.rename.to_string())),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.name(tree)),
            UseTree::Glob(_) => {}
        }
    }

    fn is_named(&mut self, item: &Item, in_front: bool) -> bool {
        public_name(item).is_some_and(|name| in_front || self.names.contains(&name))
    }

    /// What a user sees of an item, which stands in the crate's root or in one of its modules.
    fn prune(&mut self, mut item: Item, in_front: bool) -> Option<Vec<Item>> {
        let is_named = self.is_named(&item, in_front);
        match &mut item {
            Item::Use(item) => {
                // What comes from this crate is shown where it stands.
                let is_own = matches!(&item.tree, UseTree::Path(path) if path.ident == "self");
                (is_public(&item.vis) && in_front && !is_own).then_some(())?;
                keep(&mut item.attrs);
            }
            Item::Mod(item) => {
                let (_, content) = item.content.as_mut()?;
                let is_public = is_public(&item.vis) && in_front;
                let items = std::mem::take(content).into_iter();
                let left: Vec<Item> =
                    items.filter_map(|item| self.prune(item, is_public)).flatten().collect();
                if !is_public {
                    return Some(left);
                }
                *content = left;
                keep(&mut item.attrs);
            }
            Item::Impl(item) => self.prune_impl(item)?,
            Item::Struct(item) if is_named => {
                self.types += 1;
                keep(&mut item.attrs);
                prune_fields(&mut item.fields);
            }
            Item::Enum(item) if is_named => {
                self.types += 1;
                keep(&mut item.attrs);
                for variant in &mut item.variants {
                    keep(&mut variant.attrs);
                    variant.fields.iter_mut().for_each(|field| keep(&mut field.attrs));
                }
            }
            Item::Trait(item) if is_named => {
                self.types += 1;
                keep(&mut item.attrs);
                item.items.iter_mut().for_each(|item| match item {
                    syn::TraitItem::Fn(function) => keep(&mut function.attrs),
                    syn::TraitItem::Type(one) => keep(&mut one.attrs),
                    _ => {}
                });
            }
            Item::Fn(item) if is_named => {
                self.functions += 1;
                keep(&mut item.attrs);
                item.block.stmts.clear();
            }
            Item::Const(item) if is_named => keep(&mut item.attrs),
            Item::Type(item) if is_named => {
                self.types += 1;
                keep(&mut item.attrs);
            }
            _ => return None,
        }
        Some(vec![item])
    }

    /// Leaves an `impl`'s public functions, and of a trait's alone that it is there.
    fn prune_impl(&mut self, item: &mut ItemImpl) -> Option<()> {
        let Type::Path(of) = &*item.self_ty else { return None };
        let name = of.path.segments.last()?.ident.to_string();
        self.names.contains(&name).then_some(())?;
        keep(&mut item.attrs);
        if let Some((of, _)) = &item.trait_ {
            let of = of.segments.last()?.ident.to_string();
            item.items.clear();
            return (!OWN_SEAMS.contains(&&*of)).then_some(());
        }
        item.items.retain_mut(|item| match item {
            ImplItem::Fn(function) if is_public(&function.vis) => {
                self.functions += 1;
                keep(&mut function.attrs);
                function.block.stmts.clear();
                true
            }
            ImplItem::Const(constant) => {
                keep(&mut constant.attrs);
                is_public(&constant.vis)
            }
            _ => false,
        });
        (!item.items.is_empty()).then_some(())
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn public_name(item: &Item) -> Option<String> {
    let (visibility, name) = match item {
        Item::Struct(item) => (&item.vis, &item.ident),
        Item::Enum(item) => (&item.vis, &item.ident),
        Item::Trait(item) => (&item.vis, &item.ident),
        Item::Fn(item) => (&item.vis, &item.sig.ident),
        Item::Const(item) => (&item.vis, &item.ident),
        Item::Type(item) => (&item.vis, &item.ident),
        _ => return None,
    };
    is_public(visibility).then(|| name.to_string())
}

fn keep(attributes: &mut Vec<Attribute>) {
    attributes.retain(|attribute| SAYING.iter().any(|saying| attribute.path().is_ident(saying)));
}

/// Leaves the public fields: of a tuple with others none.
fn prune_fields(fields: &mut Fields) {
    fields.iter_mut().for_each(|field| keep(&mut field.attrs));
    let is_whole = fields.iter().all(|field| is_public(&field.vis));
    match fields {
        Fields::Named(named) => {
            let public = std::mem::take(&mut named.named).into_iter().filter(|field| is_public(&field.vis));
            named.named = public.collect();
        }
        Fields::Unnamed(_) if !is_whole => *fields = Fields::Unit,
        _ => {}
    }
}

/// What the npm package gives out: its declarations without their words.
fn npm(files: &Files) -> Result<String> {
    let mut lines = Vec::new();
    for path in DECLARATIONS {
        let text = files.get(path).with_context(|| format!("there is no {path}"))?;
        let mut in_comment = false;
        for line in text.lines() {
            let trimmed = line.trim_start();
            in_comment |= trimmed.starts_with("/**");
            let is_words = in_comment || trimmed.is_empty() || trimmed.starts_with("//");
            in_comment &= !line.trim_end().ends_with("*/");
            if !is_words {
                lines.push(line);
            }
        }
    }
    let of = |kind: &str| lines.iter().filter(|line| line.starts_with(&format!("export {kind} "))).count();
    let is_method = |line: &&&str| {
        let line = line.trim_start_matches([' ']).trim_start_matches("static ");
        line.split_once('(').is_some_and(|(name, _)| {
            !name.is_empty()
                && name.chars().all(|letter| letter.is_alphanumeric() || "<>.[] =".contains(letter))
        })
    };
    let methods = lines.iter().filter(|line| line.starts_with("  ")).filter(is_method).count();
    let types = ["interface", "class", "type"].map(of).iter().sum::<usize>();
    Ok(format!("// {} functions, {types} types\n\n{}\n", of("function") + methods, lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(lib: &str, room: &str) -> Files {
        let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        let declarations = "/** Words. */\nexport function join(link: string): Promise<Room>\n";
        Files::from([
            file("crates/meshwork/src/lib.rs", lib),
            file("crates/meshwork/src/room.rs", room),
            file("sdk/js/compute-pool.d.ts", "// Words.\n"),
            file("sdk/js/index.d.ts", declarations),
            file("sdk/js/physics.d.ts", "// Words.\n"),
            file("sdk/js/yjs.d.ts", "// Words.\n"),
            file("sdk/js/react.d.ts", "export interface Room {\n  // Words.\n  leave(): void\n}\n"),
        ])
    }

    #[test]
    fn what_users_see_stands_in_the_surface() {
        let room = "/// Words.\npub struct Room { pub name: u8, inner: u8 }\nstruct Inner;\npub struct Hidden;\n\
                    impl Room {\n/// Words.\npub fn link(&self) -> u8 { self.inner }\npub(crate) fn call(&self) {}\n}\n\
                    impl Drop for Room { fn drop(&mut self) {} }\n";
        let files = library("mod room;\npub use self::room::Room;\npub use other::Link;\n", room);
        let text = rust(&files).expect("it is Rust");
        let wanted = "// 1 functions, 1 types\n\npub use other::Link;\npub struct Room {\n    pub name: u8,\n}\n\
                      impl Room {\n    pub fn link(&self) -> u8 {}\n}\nimpl Drop for Room {}\n";
        assert_eq!(text, wanted);
        let text = npm(&files).expect("it is there");
        let wanted = "// 2 functions, 1 types\n\nexport function join(link: string): Promise<Room>\n\
                      export interface Room {\n  leave(): void\n}\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn public_folders_stand_in_the_root() {
        let mut files = library("pub mod place;\npub use self::place::canvas::Canvas;\n", "");
        files.insert(format!("{SOURCES}place/mod.rs"), "mod canvas;\npub const APP: u8 = 1;\n".to_owned());
        files.insert(
            format!("{SOURCES}place/canvas.rs"),
            "pub struct Canvas;\npub struct Inner;\n".to_owned(),
        );
        let text = rust(&files).expect("it is Rust");
        let wanted =
            "// 0 functions, 1 types\n\npub mod place {\n    pub const APP: u8 = 1;\n}\npub struct Canvas;\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn what_changed_unseen_is_found() {
        let mut files = library("pub fn one() {}\n", "");
        let found = check(&files);
        assert!(found.len() == 2 && found[0].contains("docs/surface/rust.txt"), "{found:?}");
        files.extend(surfaces(&files).expect("they can be read").map(|(path, text)| (path.to_owned(), text)));
        assert_eq!(check(&files), Vec::<String>::new());
        files.insert(format!("{SOURCES}lib.rs"), "pub fn two() {}\n".to_owned());
        assert!(check(&files)[0].contains("pub fn two()"));
    }
}
