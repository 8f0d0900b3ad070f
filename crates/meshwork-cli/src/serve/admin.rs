//! The server's end of `meshwork admin`: a socket for its owner, and the bans that outlive a restart.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use ipnet::IpNet;
use meshwork::{Code, PeerId, RoomId};
use meshwork_arcade::{Arcade, By, Files, PutBack, TakeDown};
use meshwork_play::PackageId;
use meshwork_signal::http::ServerHandle;
use meshwork_signal::hub::Ban;
use meshwork_signal::{key_file, turn};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::config::Config;
use super::shelf;
use crate::file::{folder_of, replace};

/// The bans in the data directory.
const BANS_FILE: &str = "bans.txt";
/// Bytes of a question: one line with a room or a ban.
const QUESTION_MAX: u64 = 4 * 1024;
/// Time to ask it.
const ASK_WITHIN: Duration = Duration::from_secs(10);
/// Networks of each kind that are shown in one answer.
const NETWORKS_MAX: usize = 100;
/// Rooms that are shown in one answer: a list that a person or a script can still use.
const ROOMS_MAX: usize = 10_000;
/// Games that are shown in one answer.
const GAMES_MAX: u16 = 10_000;

/// The socket, which is gone when this is dropped.
pub(super) struct AdminSocket {
    path: PathBuf,
    /// Device and number of what was made there.
    made: (u64, u64),
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        // Another server may have taken its place, or somebody removed it or put a file there.
        if identity(&self.path).is_ok_and(|found| found == self.made) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Device and number of what lies at a path.
fn identity(path: &Path) -> std::io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

/// Puts the stored bans in force, and begins to answer on the socket if there is to be one.
pub(super) fn start(
    config: &Config,
    handle: &ServerHandle,
    relay: Option<turn::serve::Handle>,
    arcade: Option<Arc<Arcade>>,
) -> Result<Option<AdminSocket>> {
    let bans = config.data.as_ref().map(|data| data.join(BANS_FILE));
    if let Some(path) = &bans {
        for ban in read_bans(path)? {
            handle.ban(ban);
        }
    }
    let Some(path) = &config.admin_socket else { return Ok(None) };
    let (listener, made) =
        bind(path).with_context(|| format!("cannot answer `meshwork admin` at {}", path.display()))?;
    let answers = Answers { handle: handle.clone(), relay, arcade, bans, stored: Stored::of(config)? };
    tokio::spawn(async move {
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                // One question at a time: they are the owner's, and quickly answered.
                let _ = tokio::time::timeout(ASK_WITHIN, answers.answer(stream)).await;
            }
        }
    });
    Ok(Some(AdminSocket { path: path.clone(), made }))
}

/// A socket that only its owner reaches, from its first moment on: it is made in a folder of its own. Also gives its
/// device and number.
fn bind(path: &Path) -> Result<(UnixListener, (u64, u64))> {
    if BlockingStream::connect(path).is_ok() {
        bail!("another server answers there; choose another place with --admin-socket");
    }
    // A server that was killed leaves its socket, which is replaced; nothing else is.
    if fs::symlink_metadata(path).is_ok_and(|found| !found.file_type().is_socket()) {
        bail!("another file is there; choose another place with --admin-socket");
    }
    let folder = folder_of(path);
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let private = tempfile::Builder::new().prefix(".meshwork-").tempdir_in(folder)?;
    let unfinished = private.path().join("s");
    let listener = UnixListener::bind(&unfinished)?;
    fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o600))?;
    let made = identity(&unfinished)?;
    fs::rename(&unfinished, path)?;
    Ok((listener, made))
}

fn read_bans(path: &Path) -> Result<Vec<Ban>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(anyhow!(error).context(format!("cannot read {}", path.display()))),
    };
    let lines =
        text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let read = |(number, line): (usize, &str)| {
        line.parse().map_err(|error| anyhow!("{}:{}: {error}", path.display(), number + 1))
    };
    lines.map(read).collect()
}

/// The subject of a refusal.
enum Subject {
    Package(PackageId),
    Author(PeerId),
}

fn subject_of(text: &str) -> Result<Subject> {
    if let Ok(package) = text.parse() {
        return Ok(Subject::Package(package));
    }
    let author = text.parse().map(Subject::Author);
    author.map_err(|_| anyhow!("`{text}` is neither the id of a package nor the key of an author"))
}

/// Whether a removal deletes files now.
fn files(question: &Value) -> Files {
    if question["delete"] == json!(true) { Files::Delete } else { Files::Keep }
}

struct Answers {
    handle: ServerHandle,
    /// The own relay, where there is one.
    relay: Option<turn::serve::Handle>,
    /// The shelf of games, if there is a data directory or a database.
    arcade: Option<Arc<Arcade>>,
    /// Where bans are kept.
    bans: Option<PathBuf>,
    stored: Stored,
}

/// The places where the server stores what a backup saves.
struct Stored {
    /// The data directory, whole.
    data: Option<PathBuf>,
    /// The database of the shelf, without its password.
    database: Option<String>,
    /// Whether the configuration has the key.
    has_secret_key: bool,
}

impl Stored {
    fn of(config: &Config) -> Result<Stored> {
        let whole = |data: &PathBuf| {
            fs::canonicalize(data).with_context(|| format!("cannot find {}", data.display()))
        };
        Ok(Stored {
            data: config.data.as_ref().map(whole).transpose()?,
            database: config.database.as_ref().map(ToString::to_string),
            has_secret_key: config.secret_key.is_some(),
        })
    }

    /// The files for a backup.
    fn files(&self) -> Value {
        let data = self.data.as_deref();
        let is_there = |name: &&str| data.is_some_and(|data| data.join(name).exists());
        let files = [key_file::FILE_NAME, shelf::KEY_FILE, BANS_FILE].into_iter().filter(is_there);
        json!({
            "data": data, "files": files.collect::<Vec<_>>(), "database": self.database, "secret_key": self.has_secret_key,
            "games": Some(shelf::FILE).filter(|file| self.database.is_none() && is_there(file)),
        })
    }
}

impl Answers {
    async fn answer(&self, stream: UnixStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut question = String::new();
        (&mut stream).take(QUESTION_MAX).read_line(&mut question).await?;
        let answer = match self.carry_out(&question).await {
            Ok(answer) => answer,
            Err(error) => json!({ "error": format!("{error:#}") }),
        };
        stream.get_mut().write_all(format!("{answer}\n").as_bytes()).await
    }

    async fn carry_out(&self, question: &str) -> Result<Value> {
        let question: Value = serde_json::from_str(question).context("the question is not JSON")?;
        let text = |name: &str| question[name].as_str().with_context(|| format!("there is no `{name}`"));
        match text("do")? {
            "rooms" => Ok(self.rooms()),
            "networks" => Ok(self.networks().await),
            "close" => {
                let room = self.room(text("room")?)?;
                if !self.handle.close_room(room) {
                    bail!("there is no room {room}");
                }
                tracing::info!(%room, "a room was closed by admin");
                Ok(json!({ "closed": room }))
            }
            "ban" => {
                let ban: Ban = text("ban")?.parse()?;
                if !self.handle.ban(ban) {
                    bail!("the list of bans is full; lift one first");
                }
                tracing::info!("a ban was set by admin");
                self.keep_bans(ban).with_context(|| {
                    format!("{ban} is banned until the server ends, and not longer, since it cannot be stored: make room and ban it again")
                })
            }
            "unban" => {
                let ban: Ban = text("ban")?.parse()?;
                if !self.handle.unban(ban) {
                    bail!("there is no ban of {ban}");
                }
                tracing::info!("a ban was lifted by admin");
                self.keep_bans(ban).with_context(|| {
                    format!("{ban} is no longer banned, until the server ends: that cannot be stored, and the ban comes back then")
                })
            }
            "bans" => {
                let bans: Vec<String> = self.handle.bans().iter().map(Ban::to_string).collect();
                Ok(json!({ "bans": bans }))
            }
            "backup" => Ok(self.stored.files()),
            about_games => self.carry_out_on_shelf(about_games, &question).await,
        }
    }

    async fn carry_out_on_shelf(&self, what: &str, question: &Value) -> Result<Value> {
        let text = |name: &str| question[name].as_str().with_context(|| format!("there is no `{name}`"));
        match what {
            "games" => self.games().await,
            "take-down" => {
                let code: Code = text("code")?.parse()?;
                let taken =
                    self.shelf()?.take_down(TakeDown::Code(code), By::Operator, files(question)).await?;
                if taken.is_empty() {
                    bail!("there is no game {code}");
                }
                tracing::info!(%code, "a game was taken down by admin");
                Ok(json!({ "taken_down": taken }))
            }
            "put-back" => {
                let code: Code = text("code")?.parse()?;
                let back = self.shelf()?.put_back(PutBack::Code(code)).await?;
                tracing::info!(%code, "a game was put back by admin");
                Ok(json!({ "put_back": back }))
            }
            "refuse" => {
                let (subject, reason) = (text("subject")?, text("reason")?.to_owned());
                let what = match subject_of(subject)? {
                    Subject::Package(package) => TakeDown::Package(package, reason),
                    Subject::Author(author) => TakeDown::Author(author, reason),
                };
                let taken = self.shelf()?.take_down(what, By::Operator, files(question)).await?;
                tracing::info!(%subject, "a package or author was refused by admin");
                Ok(json!({ "refused": subject, "taken_down": taken }))
            }
            "accept" => {
                let subject = text("subject")?;
                let what = match subject_of(subject)? {
                    Subject::Package(package) => PutBack::Package(package),
                    Subject::Author(author) => PutBack::Author(author),
                };
                let back = self.shelf()?.put_back(what).await?;
                tracing::info!(%subject, "a package or author was accepted by admin");
                Ok(json!({ "accepted": subject, "put_back": back }))
            }
            other => bail!("`{other}` is not known here"),
        }
    }

    fn shelf(&self) -> Result<&Arcade> {
        self.arcade
            .as_deref()
            .context("this server has no shelf of games: it has no --data and no --database")
    }

    async fn games(&self) -> Result<Value> {
        let games = self.shelf()?.all_games(GAMES_MAX).await?.into_iter().map(|game| {
            json!({
                "code": game.code, "title": game.title, "author": game.owner, "author_name": game.owner_name,
                "package": game.package, "length": game.length, "version": game.version, "draft": game.draft,
                "plays": game.plays, "changed_ms": game.changed_ms,
                "taken_down": game.taken_down.map(By::word),
            })
        });
        Ok(json!({ "games": games.collect::<Vec<_>>() }))
    }

    fn rooms(&self) -> Value {
        let rooms = self
            .handle
            .rooms(ROOMS_MAX)
            .into_iter()
            .map(|view| json!({ "room": view.room, "code": view.code, "members": view.members }));
        json!({ "rooms": rooms.collect::<Vec<_>>() })
    }

    /// Who holds how much: the heaviest networks of each kind.
    async fn networks(&self) -> Value {
        let relayed = match &self.relay {
            Some(relay) => relay.networks(NETWORKS_MAX).await,
            None => Vec::new(),
        };
        let relayed: BTreeMap<IpNet, usize> = relayed.into_iter().collect();
        let mut held = self.handle.networks(NETWORKS_MAX);
        for &network in relayed.keys() {
            held.entry(network).or_default();
        }
        let mut networks: Vec<_> = held
            .into_iter()
            .map(|(network, held)| (network, held, relayed.get(&network).copied().unwrap_or(0)))
            .collect();
        networks.sort_by_key(|(_, held, allocations)| {
            std::cmp::Reverse(held.connections.max(held.sockets).max(held.rooms).max(*allocations))
        });
        let networks = networks.into_iter().map(|(network, held, allocations)| {
            json!({
                "network": network.to_string(),
                "connections": held.connections,
                "sockets": held.sockets,
                "rooms": held.rooms,
                "allocations": allocations,
            })
        });
        json!({ "networks": networks.collect::<Vec<_>>() })
    }

    fn room(&self, text: &str) -> Result<RoomId> {
        if let Ok(code) = text.parse::<Code>() {
            return self.handle.room_of(code).with_context(|| format!("no room here has the code {code}"));
        }
        text.parse().map_err(|_| anyhow!("`{text}` is neither a code nor the id of a room"))
    }

    /// Writes the bans down, if there is a place for them.
    fn keep_bans(&self, ban: Ban) -> Result<Value> {
        let Some(path) = &self.bans else {
            return Ok(json!({ "ban": ban.to_string(), "kept": false }));
        };
        let bans = self.handle.bans();
        replace(path, |file| {
            for ban in &bans {
                writeln!(file, "{ban}")?;
            }
            Ok(())
        })?;
        Ok(json!({ "ban": ban.to_string(), "kept": true }))
    }
}
