//! `play party`: makes a party of a game and holds the game for its players.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use meshwork::Endpoint;
use meshwork::play::{self, Package, Party};
use serde_json::json;

use super::not_held;
use crate::exit::Failure;
use crate::room::attempt::Attempt;
use crate::room::signal::Stop;
use crate::room::{Common, link};
use crate::style;

/// Most files that are read of a folder. A package has fewer, and a folder that is no game may have millions.
const FILES_MAX: usize = 1000;

/// Arguments of `play party`.
#[derive(Args)]
pub(super) struct Arguments {
    /// The folder of the game, or its only file: a .js or .html.
    #[arg(value_name = "DIR|FILE")]
    game: PathBuf,
    /// The meeting point that registers the party, such as http://127.0.0.1:8080.
    #[arg(long, value_name = "URL", value_parser = link::parse_server)]
    server: String,
    /// Guard the party with a secret that only its LINK carries.
    #[arg(long)]
    private: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) async fn run(Arguments { game, server, private, common }: Arguments) -> Result<(), Failure> {
    let package = read(&game)?;
    let mut stop = Stop::listen()?;
    let builder = Endpoint::builder().name("Game").server(&server);
    let mut attempt = Attempt::start(&common, builder).await?;
    let held = async {
        let author = attempt.endpoint.id().peer;
        let title = package.manifest().title.clone();
        let new = play::party(&Party::of(&package, author, None)).named(&title);
        let room = attempt.create(if private { new.private() } else { new }).await?;
        room.game().hold(&package).await.map_err(not_held)?;
        attempt.stay();
        let (link, id) = (room.link().to_string(), package.id().to_string());
        common.tell(&link, &json!({ "link": link, "package": id, "title": title }))?;
        style::note("the game is held for players until this program is interrupted");
        Err(room.refused().await.into())
    };
    let result = tokio::select! {
        result = held => result,
        () = stop.asked() => Ok(()),
    };
    attempt.close().await;
    result
}

/// The package of a folder or a file.
pub(super) fn read(path: &Path) -> Result<Package, Failure> {
    let unread = |error: io::Error| Failure::Usage(format!("{} cannot be read: {error}.", path.display()));
    let files = match fs::metadata(path).map_err(unread)?.is_dir() {
        true => {
            let mut files = BTreeMap::new();
            read_folder(path, "", &mut files).map_err(unread)?;
            files
        }
        false => {
            let name = path.file_name().context("a file has a name")?.to_string_lossy().into_owned();
            BTreeMap::from([(name, fs::read(path).map_err(unread)?)])
        }
    };
    let is_package = |bytes: &Vec<u8>| bytes.starts_with(play::MAGIC);
    let packed = match files.values().next().filter(|bytes| files.len() == 1 && is_package(bytes)) {
        Some(bytes) => Package::read(bytes.as_slice().into()),
        None => Package::pack(&files),
    };
    packed.map_err(|error| Failure::Usage(format!("{} is no game: {error}.", path.display())))
}

/// Reads the files of a folder, without those whose name begins with a dot.
fn read_folder(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        match entry.file_type()?.is_dir() {
            true => read_folder(&entry.path(), &format!("{path}/"), files)?,
            false if files.len() == FILES_MAX => {
                return Err(io::Error::other(format!("a folder of more than {FILES_MAX} files")));
            }
            false => drop(files.insert(path, fs::read(entry.path())?)),
        }
    }
    Ok(())
}
