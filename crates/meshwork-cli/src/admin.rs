//! `meshwork admin`: inspects and controls a running server over its local socket.

mod backup;

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use meshwork_signal::hub::Ban;
use serde_json::{Value, json};

use crate::exit::Failure;
use crate::out;

/// How long a server may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The server, and the question.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The server's socket: its --admin-socket, or admin.sock in its --data [env: MESHWORK_ADMIN_SOCKET]
    #[arg(long, global = true, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Write the result to standard output as JSON; a failure as {error, reason}.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    question: Question,
}

/// The questions of an operator.
#[derive(Subcommand)]
enum Question {
    /// List the rooms, with their codes and numbers of members.
    Rooms,
    /// List connections, sockets, rooms and relayed addresses by network, the largest first.
    Networks,
    /// Forget a room and accept it again after an hour at the earliest. Its members stay linked to each other.
    Close {
        /// The room's code or id.
        #[arg(value_name = "ROOM")]
        room: String,
    },
    /// Ban an address, a peer or a room until unban; with --data, across restarts.
    Ban {
        /// `address IP` or `address IP/BITS`, `peer ID`, or `room ID`.
        #[arg(value_names = ["KIND", "WHAT"], num_args = 2)]
        ban: Vec<String>,
    },
    /// Lift a ban.
    Unban {
        /// The arguments of the ban.
        #[arg(value_names = ["KIND", "WHAT"], num_args = 2)]
        ban: Vec<String>,
    },
    /// List the bans.
    Bans,
    /// List the games on the shelf with their authors and packages, also drafts and games that were taken down, the newest change first.
    Games,
    /// Take a game down: its page answers "Game not found", and its code is never given to another game. For 30 days `put-back`
    /// brings it back.
    TakeDown {
        /// The game's code.
        #[arg(value_name = "CODE")]
        code: String,
        /// Delete its files now: the game cannot come back.
        #[arg(long)]
        delete: bool,
    },
    /// Put a game back that you took down.
    PutBack {
        /// The game's code.
        #[arg(value_name = "CODE")]
        code: String,
    },
    /// Refuse a package or an author: their games are taken down, and nobody can publish the package, or the author any game here.
    Refuse {
        /// The package's id or the author's key, as `admin games` lists them.
        #[arg(value_name = "PACKAGE|AUTHOR")]
        subject: String,
        /// The reason that authors read.
        #[arg(long, value_name = "TEXT", default_value = "it breaks the rules of this server")]
        reason: String,
        /// Delete the files of these games now: they cannot come back.
        #[arg(long)]
        delete: bool,
    },
    /// Accept a refused package or author again, and put back the games that were taken down with the refusal.
    Accept {
        /// The package's id or the author's key.
        #[arg(value_name = "PACKAGE|AUTHOR")]
        subject: String,
    },
    /// Save the games, keys and bans of a running server in a new folder, while games are published.
    Backup {
        /// The folder, which must not be there yet. It contains secrets, so only its owner may read it.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
}

impl Arguments {
    /// Whether to write the result, or the failure, as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        self.json
    }
}

/// Asks, and writes the answer.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let variable =
        || std::env::var_os("MESHWORK_ADMIN_SOCKET").filter(|path| !path.is_empty()).map(PathBuf::from);
    let path = arguments.socket.clone().or_else(variable).ok_or_else(|| {
        Failure::Usage(String::from("name the server's socket with --socket, such as DATA/admin.sock"))
    })?;
    let question = match &arguments.question {
        Question::Rooms => json!({ "do": "rooms" }),
        Question::Networks => json!({ "do": "networks" }),
        Question::Close { room } => json!({ "do": "close", "room": room }),
        Question::Ban { ban } => json!({ "do": "ban", "ban": checked(ban)? }),
        Question::Unban { ban } => json!({ "do": "unban", "ban": checked(ban)? }),
        Question::Bans => json!({ "do": "bans" }),
        Question::Games => json!({ "do": "games" }),
        Question::TakeDown { code, delete } => json!({ "do": "take-down", "code": code, "delete": delete }),
        Question::PutBack { code } => json!({ "do": "put-back", "code": code }),
        Question::Refuse { subject, reason, delete } => {
            json!({ "do": "refuse", "subject": subject, "reason": reason, "delete": delete })
        }
        Question::Accept { subject } => json!({ "do": "accept", "subject": subject }),
        Question::Backup { folder } => {
            backup::check(folder)?;
            json!({ "do": "backup" })
        }
    };
    let stream = UnixStream::connect(&path)
        .map_err(|error| Failure::Unreachable(format!("no server answers at {}: {error}", path.display())))?;
    let mut answer = ask(stream, &question).with_context(|| format!("asking at {}", path.display()))?;
    if let Some(error) = answer["error"].as_str() {
        return Err(Failure::Unexpected(anyhow!("{error}")));
    }
    if let Question::Backup { folder } = &arguments.question {
        answer = backup::save(folder, &answer).await?;
    }
    if arguments.json { out::json(&answer) } else { out::print(words(&arguments.question, &answer)) }
}

fn checked(words: &[String]) -> Result<String, Failure> {
    let ban: Result<Ban, _> = words.join(" ").parse();
    ban.map(|ban| ban.to_string()).map_err(|error| Failure::Usage(error.to_string()))
}

fn ask(mut stream: UnixStream, question: &Value) -> anyhow::Result<Value> {
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    stream.write_all(format!("{question}\n").as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    serde_json::from_str(&answer).context("the server's answer is not JSON")
}

/// The answer for people.
fn words(question: &Question, answer: &Value) -> String {
    let list = |name: &str| answer[name].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match question {
        Question::Rooms => {
            let line = |room: &Value| {
                let members = room["members"].as_array().map_or(0, Vec::len);
                format!("{}  {}  {members} members\n", text(&room["code"]), text(&room["room"]))
            };
            let rooms = list("rooms");
            if rooms.is_empty() { String::from("no rooms\n") } else { rooms.iter().map(line).collect() }
        }
        Question::Networks => {
            const KINDS: [&str; 4] = ["connections", "sockets", "rooms", "allocations"];
            let networks = list("networks");
            let line = |network: &Value| {
                let held = KINDS.map(|kind| format!("{:>11}", network[kind].as_u64().unwrap_or(0)));
                format!("{:<43}{}\n", text(&network["network"]), held.join(" "))
            };
            let head = format!("{:<43}{}\n", "network", KINDS.map(|kind| format!("{kind:>11}")).join(" "));
            if networks.is_empty() {
                String::from("no connections\n")
            } else {
                head + &networks.iter().map(line).collect::<String>()
            }
        }
        Question::Bans => {
            let bans = list("bans");
            let lines = || bans.iter().map(|ban| format!("{}\n", text(ban))).collect();
            if bans.is_empty() { String::from("no bans\n") } else { lines() }
        }
        Question::Games => {
            let games = list("games");
            let lines = || games.iter().map(game_line).collect();
            if games.is_empty() { String::from("no games\n") } else { lines() }
        }
        Question::TakeDown { .. }
        | Question::Refuse { .. }
        | Question::PutBack { .. }
        | Question::Accept { .. } => changed_games(answer),
        Question::Backup { .. } => backup::words(answer),
        Question::Close { .. } => format!("closed {}\n", text(&answer["closed"])),
        Question::Ban { .. } | Question::Unban { .. } => {
            let verb = if matches!(question, Question::Ban { .. }) { "banned" } else { "no longer banned:" };
            let until =
                if answer["kept"] == json!(true) { "" } else { " (until the server ends: it has no --data)" };
            format!("{verb} {}{until}\n", text(&answer["ban"]))
        }
    }
}

/// The games that were taken down or put back, and the subject of the refusal that began or ended.
fn changed_games(answer: &Value) -> String {
    let subject = ["refused", "accepted"].iter().find_map(|verb| Some((verb, answer[*verb].as_str()?)));
    let subject = subject.map(|(verb, subject)| format!("{verb} {subject}\n")).unwrap_or_default();
    let (verb, codes) = match answer["put_back"].as_array() {
        Some(codes) => ("put back", Some(codes)),
        None => ("took down", answer["taken_down"].as_array()),
    };
    let codes: Vec<&str> = codes.into_iter().flatten().filter_map(Value::as_str).collect();
    let games = if codes.is_empty() { String::from("no game") } else { codes.join(", ") };
    format!("{subject}{verb} {games}\n")
}

/// A game on a line.
fn game_line(game: &Value) -> String {
    let text = |name: &str| game[name].as_str().unwrap_or_default();
    let state = match (game["taken_down"].as_str(), game["draft"].as_bool()) {
        (Some(by), _) => format!("taken down by {by}"),
        (None, Some(true)) => String::from("draft"),
        _ => String::from("published"),
    };
    let (code, title, author, package) = (text("code"), text("title"), text("author"), text("package"));
    format!("{code}  {title}  version {}, {state}, by {author}, package {package}\n", game["version"])
}
