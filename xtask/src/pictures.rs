//! `cargo xtask pictures`: every state of the page as a small picture in target/pictures. Those that documents show are updated in
//! docs/pictures.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{binary, step};

/// With this key rooms have the same codes in every run.
const SECRET_KEY: &str = "the pictures of the pages are alike";

/// Builds everything, then takes the pictures of the states whose names contain the one word given, or all.
pub(crate) fn pictures(workspace: &Workspace, rest: &[String]) -> Result<()> {
    if let Some(extra) = rest.get(1) {
        bail!("one word is enough, `{extra}` is too many");
    }
    // A binary that is named is taken as it is.
    let program = match std::env::var_os("MESHWORK_BIN") {
        Some(named) => named.into(),
        None => binary::build_all(workspace)?,
    };
    let folder = workspace.root.join("target/pictures");
    if folder.is_dir() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut cargo = workspace.cargo();
    cargo.args(["run", "--package", "meshwork-e2e", "--example", "pictures", "--"]);
    cargo.arg(&folder).args(rest).env("MESHWORK_BIN", program).env("SECRET_KEY", SECRET_KEY);
    step::check(&mut cargo)?;
    update(&folder, &workspace.root.join("docs/pictures"))
}

/// Replaces the pictures of documents by those of the same names that were just taken.
fn update(taken: &Path, shown: &Path) -> Result<()> {
    for entry in fs::read_dir(shown).with_context(|| format!("cannot read {}", shown.display()))? {
        let shown = entry?.path();
        let new = taken.join(shown.file_name().unwrap_or_default());
        if new.is_file() {
            fs::copy(&new, &shown).with_context(|| format!("cannot write {}", shown.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pictures_of_documents_are_updated() {
        let folder = tempfile::tempdir().unwrap();
        let (taken, shown) = (folder.path().join("taken"), folder.path().join("shown"));
        for folder in [&taken, &shown] {
            fs::create_dir(folder).unwrap();
        }
        fs::write(taken.join("a.png"), "new").unwrap();
        fs::write(taken.join("b.png"), "new").unwrap();
        fs::write(shown.join("a.png"), "old").unwrap();
        fs::write(shown.join("c.png"), "old").unwrap();
        update(&taken, &shown).unwrap();
        assert_eq!(fs::read(shown.join("a.png")).unwrap(), b"new");
        assert_eq!(fs::read(shown.join("c.png")).unwrap(), b"old");
        assert!(!shown.join("b.png").exists());
    }
}
