//! `meshwork admin backup`: saves the files of a running server in a new folder.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use meshwork_arcade::SqlShelf;
use serde_json::{Value, json};

use crate::exit::Failure;
use crate::file::{PREFIX, folder_of};

/// Refuses a folder that is there: a backup is never half another one.
pub(super) fn check(folder: &Path) -> Result<(), Failure> {
    if fs::symlink_metadata(folder).is_ok() {
        let words = format!("{} is there already; name a new folder for each backup", folder.display());
        return Err(Failure::Usage(words));
    }
    Ok(())
}

/// Saves the files that `answer` of the server names. The folder appears whole or not at all.
pub(super) async fn save(folder: &Path, answer: &Value) -> Result<Value, Failure> {
    let Some(data) = answer["data"].as_str().map(PathBuf::from) else {
        let words = match dump(answer) {
            Some(dump) => format!(
                "this server has no --data, and its games are in a database. Save them with\n  {dump}"
            ),
            None => String::from("this server stores nothing: it has no --data and no --database"),
        };
        return Err(Failure::Usage(words));
    };
    let cannot = |path: &Path, error: &dyn std::fmt::Display| {
        Failure::Storage(format!("cannot save {}: {error}", path.display()))
    };
    let mut unfinished = tempfile::Builder::new();
    // The files are secrets.
    unfinished.prefix(PREFIX).permissions(fs::Permissions::from_mode(0o700));
    let unfinished = unfinished.tempdir_in(folder_of(folder));
    let unfinished = unfinished.map_err(|error| cannot(folder, &error))?;
    let names = answer["files"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut files: Vec<&str> = names.collect();
    for name in &files {
        copy(&data.join(name), &unfinished.path().join(name))
            .map_err(|error| cannot(&data.join(name), &error))?;
    }
    let mut games = Value::Null;
    if let Some(name) = answer["games"].as_str() {
        let to = unfinished.path().join(name);
        let saved = SqlShelf::copy(&data.join(name), &to).await;
        games = saved.map_err(|error| cannot(&data.join(name), &error))?.into();
        sync(&to).map_err(|error| cannot(&to, &error))?;
        files.push(name);
    }
    let finish = || -> io::Result<()> {
        sync(unfinished.path())?;
        fs::rename(unfinished.path(), folder)?;
        sync(folder_of(folder))
    };
    finish().map_err(|error| cannot(folder, &error))?;
    // It has another name now.
    let _ = unfinished.keep();
    let folder = folder.display().to_string();
    Ok(
        json!({ "folder": folder, "files": files, "games": games, "database": dump(answer), "secret_key": answer["secret_key"] }),
    )
}

/// The command that saves a database.
fn dump(answer: &Value) -> Option<String> {
    let database = answer["database"].as_str()?;
    Some(format!("pg_dump --format=custom --file=games.dump '{database}'"))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    sync(to)
}

/// Waits until a file or folder is on the disk.
fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The result for people.
pub(super) fn words(saved: &Value) -> String {
    let files = saved["files"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let games = saved["games"].as_u64().map(|games| format!(" ({games} games)")).unwrap_or_default();
    let files = files.collect::<Vec<_>>().join(", ");
    let mut words = format!("saved in {}: {files}{games}\n", saved["folder"].as_str().unwrap_or_default());
    if let Some(dump) = saved["database"].as_str() {
        words.push_str(&format!("the games are in a database, save them with: {dump}\n"));
    }
    if saved["secret_key"] == json!(true) {
        words.push_str("the codes of rooms come from secret_key: save the server's configuration too\n");
    }
    words
}
