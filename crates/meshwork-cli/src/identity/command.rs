//! `meshwork identity`: who this user is to others, and taking that along.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use meshwork::Identity;
use meshwork_core::id::IDENTITY_TEXT_MAX;
use serde_json::json;

use super::sealing::{Opening, Sealing};
use super::{default_path, load};
use crate::exit::Failure;
use crate::file::folder_of;
use crate::out;

/// The commands for an identity.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print this user's peer id.
    Show(Common),
    /// Write the secret key as one line of text, for import elsewhere. Anybody with this text can write as
    /// you.
    Export(Export),
    /// Become the peer of an exported key. A new key is a new author: cells that you painted with the former key
    /// stay the former author's.
    Import(Import),
}

/// The options of all of them.
#[derive(Args)]
pub(crate) struct Common {
    /// The file with the secret key; for a keeper, identity in its --data.
    /// [default: meshwork/identity in your data directory]
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    identity: Option<PathBuf>,
    /// Write the result to standard output as JSON; a failure as {error, reason}.
    #[arg(long)]
    json: bool,
}

/// Arguments of `identity export`.
#[derive(Args)]
pub(crate) struct Export {
    #[command(flatten)]
    sealing: Sealing,
    /// Write to this file, readable by its owner only, instead of to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Overwrite an existing file.
    #[arg(long, requires = "out")]
    force: bool,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `identity import`.
#[derive(Args)]
pub(crate) struct Import {
    /// The file with the exported text; - reads it from standard input, so that no list of commands contains it. For
    /// a sealed text the command asks for the passphrase on the terminal.
    #[arg(value_name = "FILE")]
    from: PathBuf,
    #[command(flatten)]
    opening: Opening,
    /// Replace another identity, and keep that in a file beside it.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    common: Common,
}

impl Command {
    /// Whether to write the result, or the failure, as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Command::Show(common)
            | Command::Export(Export { common, .. })
            | Command::Import(Import { common, .. }) => common.json,
        }
    }
}

/// Runs one command to its end.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Show(common) => {
            let (identity, path) = existing(&common)?;
            let peer = identity.peer().to_string();
            let words = format!("{peer}\nThe secret key is in {}.", path.display());
            tell(&common, &words, &json!({ "peer": peer, "file": path.display().to_string() }))
        }
        Command::Export(arguments) => export(&arguments),
        Command::Import(arguments) => import(&arguments),
    }
}

fn export(arguments: &Export) -> Result<(), Failure> {
    let (identity, _) = existing(&arguments.common)?;
    let peer = identity.peer().to_string();
    let is_taken = |out: &Path| {
        Failure::Usage(format!(
            "{} exists already. Nothing was written. Name another file, or add --force.",
            out.display()
        ))
    };
    // Nobody is asked for a passphrase for nothing.
    if let Some(out) = arguments.out.as_ref().filter(|out| !arguments.force && out.exists()) {
        return Err(is_taken(out));
    }
    let sealed = arguments.sealing.seal(&identity)?;
    let Some(out) = &arguments.out else {
        let key = sealed.unwrap_or_else(|| identity.export());
        return tell(&arguments.common, key.trim_end(), &json!({ "peer": peer, "key": key }));
    };
    let advice = match sealed {
        Some(_) => "Only its passphrase opens it.",
        None => "Keep it where only you can read it.",
    };
    let text = sealed.unwrap_or_else(|| {
        format!(
            "The secret key of the Meshwork peer {peer}.\n\
             Whoever has the next line can write in this name. Import it with: meshwork identity import FILE\n\
             {}\n",
            identity.export()
        )
    });
    let wrote = write_private(out, &text, arguments.force);
    if !wrote.with_context(|| format!("cannot write {}", out.display()))? {
        return Err(is_taken(out));
    }
    let words = format!("The secret key of {peer} is in {}. {advice}", out.display());
    tell(&arguments.common, &words, &json!({ "peer": peer, "file": out.display().to_string() }))
}

fn import(arguments: &Import) -> Result<(), Failure> {
    let imported = read_identity(arguments)?;
    let path = path(&arguments.common)?;
    let (peer, former) = (imported.peer(), load(&path)?.map(|former| former.peer()));
    let mut kept = None;
    match former {
        Some(former) if former == peer => {}
        Some(former) if !arguments.force => {
            return Err(Failure::Usage(format!(
                "You are {former}, whose key is in {}. With another key you are another author: what you painted \
                 stays under the former name. Nothing was changed. To become {peer}, add --force; the former key \
                 is then kept beside.",
                path.display()
            )));
        }
        Some(former) => kept = Some(set_aside(&path, &former.short())?),
        None => {}
    }
    if former != Some(peer) {
        imported.save(&path).map_err(anyhow::Error::from)?;
    }
    let words = match (former, &kept) {
        (Some(former), Some(kept)) => format!(
            "You are {peer} from now on, a new author. The key of {former} is kept in {}.",
            kept.display()
        ),
        (Some(_), None) => format!("You are {peer} already."),
        (None, _) => format!("You are {peer} from now on."),
    };
    let kept = kept.map(|kept| kept.display().to_string());
    let former = former.map(|former| former.to_string());
    tell(&arguments.common, &words, &json!({ "peer": peer.to_string(), "former": former, "kept": kept }))
}

/// The identity in the file that is named, sealed or not.
fn read_identity(arguments: &Import) -> Result<Identity, Failure> {
    let from = &arguments.from;
    arguments.opening.check(from)?;
    let text = read(from)?;
    if let Some(identity) = arguments.opening.open(from, &text)? {
        return Ok(identity);
    }
    Identity::import(&text).map_err(|error| {
        Failure::Usage(format!(
            "{} is not an exported identity: {error}. Nothing was changed.",
            from.display()
        ))
    })
}

fn path(common: &Common) -> Result<PathBuf, Failure> {
    match &common.identity {
        Some(path) => Ok(path.clone()),
        None => Ok(default_path()?),
    }
}

fn existing(common: &Common) -> Result<(Identity, PathBuf), Failure> {
    let path = path(common)?;
    match load(&path)? {
        Some(identity) => Ok((identity, path)),
        None => Err(Failure::Usage(format!(
            "There is no identity in {} yet. The first command that needs one creates it, or import one.",
            path.display()
        ))),
    }
}

fn read(from: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    // What is sealed is as long at most.
    let limit = IDENTITY_TEXT_MAX as u64 + 1;
    let read = match from.to_str() {
        Some("-") => io::stdin().lock().take(limit).read_to_string(&mut text),
        _ => File::open(from).and_then(|file| file.take(limit).read_to_string(&mut text)),
    };
    read.with_context(|| format!("cannot read {}", from.display()))?;
    Ok(text)
}

/// Moves the identity at `path` to a free name beside it.
fn set_aside(path: &Path, peer: &str) -> Result<PathBuf, Failure> {
    for number in 0_u32.. {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{peer}"));
        if number > 0 {
            name.push(format!(".{number}"));
        }
        let kept = PathBuf::from(name);
        // A second name never takes another file's place, unlike renaming.
        match fs::hard_link(path, &kept) {
            Ok(()) => {
                fs::remove_file(path).with_context(|| format!("cannot move {}", path.display()))?;
                return Ok(kept);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(anyhow::Error::from(error)
                    .context(format!("cannot keep the former key in {}", kept.display()))
                    .into());
            }
        }
    }
    Err(Failure::Unexpected(anyhow!("no name is free beside {}", path.display())))
}

/// Writes a whole file that only its owner may read; false when there is one and `over` is not set.
fn write_private(path: &Path, text: &str, over: bool) -> io::Result<bool> {
    let mut file = tempfile::NamedTempFile::new_in(folder_of(path))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    if over {
        file.persist(path).map_err(|error| error.error)?;
        return Ok(true);
    }
    match file.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error),
    }
}

fn tell(common: &Common, words: &str, value: &serde_json::Value) -> Result<(), Failure> {
    if common.json { out::json(value) } else { out::line(words) }
}
