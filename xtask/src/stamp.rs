//! Steps that are skipped where nothing that they read has changed since they last passed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;

/// What decides over every step: dependencies, flags and the program that runs the steps.
const ALWAYS: [&str; 6] = ["Cargo.toml", "Cargo.lock", "clippy.toml", "rustfmt.toml", ".cargo", "xtask"];

/// Does the work unless these paths, the compiler and what decides over every step are as they were when it last
/// passed. The stamp lies in `target/stamps/NAME`; a step that fails leaves none.
pub(crate) fn unless_unchanged(
    workspace: &Workspace,
    name: &str,
    paths: &[&str],
    work: impl FnOnce() -> Result<()>,
) -> Result<Outcome> {
    let stamp = place(workspace, name);
    let inputs = inputs(workspace, paths)?;
    if fs::read_to_string(&stamp).is_ok_and(|passed| passed == inputs) {
        return Ok(Outcome::Unchanged);
    }
    if stamp.exists() {
        fs::remove_file(&stamp).with_context(|| format!("cannot remove {}", stamp.display()))?;
    }
    work()?;
    let folder = stamp.parent().context("a stamp lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    fs::write(&stamp, inputs).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(Outcome::Done)
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The work was done, and it passed.
    Done,
    /// It passed before, on the same inputs.
    Unchanged,
}

fn place(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.root.join("target/stamps").join(name.replace(' ', "-"))
}

/// A hash over the names and contents of all files there that git does not ignore, and the compiler's version.
fn inputs(workspace: &Workspace, paths: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"]);
    git.args(ALWAYS).args(paths).current_dir(&workspace.root);
    let listed = git.output().context("cannot start git")?;
    ensure!(listed.status.success(), "git cannot list files: {}", String::from_utf8_lossy(&listed.stderr));
    let mut names: Vec<&str> =
        std::str::from_utf8(&listed.stdout).context("paths are UTF-8")?.split_terminator('\0').collect();
    names.sort_unstable();
    names.dedup();
    let compiler = Command::new("rustc").arg("-vV").output().context("cannot start rustc")?;
    let mut hasher = blake3::Hasher::new();
    let mut add = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    add(&compiler.stdout);
    for name in names {
        // A file that git knows and that is gone counts by its name.
        add(name.as_bytes());
        add(&fs::read(workspace.root.join(name)).unwrap_or_default());
    }
    Ok(hasher.finalize().to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    fn repository() -> (tempfile::TempDir, Workspace) {
        let folder = tempfile::tempdir().expect("a folder");
        let git = |arguments: &[&str]| {
            let run = Command::new("git").args(arguments).current_dir(folder.path()).output();
            assert!(run.is_ok_and(|run| run.status.success()), "git {arguments:?}");
        };
        git(&["init", "--quiet"]);
        fs::write(folder.path().join(".gitignore"), "target\n").expect("written");
        fs::write(folder.path().join("page"), "one").expect("written");
        git(&["add", "."]);
        let workspace = Workspace {
            root: folder.path().to_path_buf(),
            target: folder.path().join("target"),
            metadata: serde_json::Value::Null,
        };
        (folder, workspace)
    }

    fn run(workspace: &Workspace) -> Outcome {
        unless_unchanged(workspace, "a step", &["page"], || Ok(())).expect("the step passes")
    }

    #[test]
    fn a_step_is_skipped_until_an_input_changes() {
        let (folder, workspace) = repository();
        assert_eq!(run(&workspace), Outcome::Done);
        assert_eq!(run(&workspace), Outcome::Unchanged);
        fs::write(folder.path().join("page"), "two").expect("written");
        assert_eq!(run(&workspace), Outcome::Done);
        fs::write(folder.path().join("Cargo.lock"), "another version").expect("written");
        assert_eq!(run(&workspace), Outcome::Done);
        assert_eq!(run(&workspace), Outcome::Unchanged);
    }

    #[test]
    fn a_failed_step_is_run_again() {
        let (folder, workspace) = repository();
        assert_eq!(run(&workspace), Outcome::Done);
        fs::write(folder.path().join("page"), "broken").expect("written");
        unless_unchanged(&workspace, "a step", &["page"], || bail!("broken")).expect_err("the step fails");
        fs::write(folder.path().join("page"), "one").expect("written");
        assert_eq!(run(&workspace), Outcome::Done);
    }
}
