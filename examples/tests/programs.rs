//! Runs each program as its first lines say, beside the others.
#![allow(clippy::unwrap_used)]

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// Nothing that is waited for takes as long as this on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A program that runs; killed when it is dropped.
struct Program {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start(path: &str, arguments: &[&str]) -> Program {
        let mut command = Command::new(path);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Program { child, stdin, lines: BufReader::new(stdout).lines() }
    }

    /// Waits for a line that begins so, and returns what follows.
    async fn line(&mut self, beginning: &str) -> String {
        let found = async {
            loop {
                let line = self.lines.next_line().await.unwrap().expect("it goes on until that line");
                if let Some(rest) = line.strip_prefix(beginning) {
                    return rest.to_owned();
                }
            }
        };
        timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("no line begins with {beginning:?}"))
    }

    /// Waits until it ends by itself.
    async fn end(mut self) {
        assert!(timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap().success());
    }

    /// Asks it to stop, as Ctrl-C does.
    #[cfg(unix)]
    async fn stop(self) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
        self.end().await;
    }
}

async fn server(folder: &tempfile::TempDir) -> (Program, String) {
    let path = folder.path().join("server");
    let mut server = Program::start(env!("CARGO_BIN_EXE_server"), &[path.to_str().unwrap()]);
    let url = server.line("rooms meet at ").await;
    (server, url)
}

#[cfg(unix)]
#[tokio::test]
async fn canvases_are_made_painted_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (server, url) = server(&folder).await;
    let mut hello = Program::start(env!("CARGO_BIN_EXE_hello"), &[&url]);
    let link = hello.line("paint with me: ").await;
    let rooms = folder.path().join("rooms");
    let mut keeper = Program::start(env!("CARGO_BIN_EXE_keeper"), &[rooms.to_str().unwrap(), &link]);
    keeper.line("keeping ").await;
    let mut painter = Program::start(env!("CARGO_BIN_EXE_painter"), &[&link]);
    painter.line("0 cells of the frame").await;
    hello.line("others painted ").await;
    let mut garden = Program::start(env!("CARGO_BIN_EXE_garden"), &[&link]);
    // The gardener dug over a corner of the frame, and the painter paints it again.
    garden.line("something grows at 0, 0").await;
    hello.stop().await;
    painter.stop().await;
    keeper.stop().await;
    // Nobody is there any more, nor any server.
    server.stop().await;
    let mut again = Program::start(env!("CARGO_BIN_EXE_keeper"), &[rooms.to_str().unwrap()]);
    again.line("keeping ").await;
}

#[cfg(unix)]
#[tokio::test]
async fn the_first_program_shows_something_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = server(&folder).await;
    let mut hello = Program::start(env!("CARGO_BIN_EXE_hello"), &[&url]);
    let link = hello.line("paint with me: ").await;
    let endpoint = meshwork::Endpoint::bind().await.unwrap();
    let room = timeout(PATIENCE, endpoint.join(link)).await.expect("somebody is there").unwrap();
    let mut changes = room.canvas().watch();
    let shown = async {
        while room.canvas().painted().await.unwrap() < 100 {
            changes.next().await.unwrap();
        }
    };
    timeout(PATIENCE, shown).await.expect("the square shows");
    room.canvas().fill(0..3, 0..1, [0, 0, 200]).await.unwrap();
    assert_eq!(hello.line("others painted ").await, "3 cells");
    hello.stop().await;
    endpoint.close().await;
}

#[tokio::test]
async fn steps_of_all_programs_count() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = server(&folder).await;
    let counter = |place: &str, by: &str| Program::start(env!("CARGO_BIN_EXE_counter"), &[place, by]);
    let mut ann = counter(&url, "8");
    let link = ann.line("count here: ").await;
    ann.line("likes: 8").await;
    let (mut bo, mut kim) = (counter(&link, "1"), counter(&link, "2"));
    for program in [&mut ann, &mut bo, &mut kim] {
        program.line("likes: 11").await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn votes_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = server(&folder).await;
    let vote = |place: &str, choice: &str| Program::start(env!("CARGO_BIN_EXE_vote"), &[place, choice]);
    let mut ann = vote(&url, "ferry");
    let link = ann.line("vote here: ").await;
    let (mut bo, mut kim) = (vote(&link, "train"), vote(&link, "ferry"));
    for program in [&mut ann, &mut bo, &mut kim] {
        program.line(r#"{"ferry": 2, "train": 1}"#).await;
    }
    bo.stop().await;
    // What somebody voted stays when they leave.
    let mut late = vote(&link, "plane");
    late.line(r#"{"ferry": 2, "plane": 1, "train": 1}"#).await;
}

#[tokio::test]
async fn a_bot_finishes_sums_in_documents() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = server(&folder).await;
    let mut bot = Program::start(env!("CARGO_BIN_EXE_bot"), &[&url]);
    let link = bot.line("write with me: ").await;
    let room = meshwork::Endpoint::bind().await.unwrap().join(link).await.unwrap();
    let notes = room.document("notes");
    let mut changes = notes.watch();
    notes.edit(|text| text.push("Bread: 2 + 3 =\n2 + 3.5 =\n1 + 1 = 3\nöl 🦉\n4 =")).await.unwrap();
    let wanted = "Bread: 2 + 3 =\n2 + 3.5 = 5.5\n1 + 1 = 3\nöl 🦉\n4 = 4";
    let finished = async {
        while notes.text().await.unwrap() != wanted {
            changes.next().await.unwrap();
        }
    };
    timeout(PATIENCE, finished).await.expect("the bot answers");
}

#[tokio::test]
async fn programs_share_what_they_worked_out() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = server(&folder).await;
    let mut first = Program::start(env!("CARGO_BIN_EXE_cache"), &[&url, "1000"]);
    first.line("168 primes below 1000, counted here").await;
    let link = first.line("others ask here: ").await;
    let ask = |limit: &str| Program::start(env!("CARGO_BIN_EXE_cache"), &[&link, limit]);
    let mut other = ask("1000");
    other.line("168 primes below 1000, says ").await;
    other.end().await;
    let mut other = ask("100");
    other.line("25 primes below 100, counted here").await;
    other.end().await;
    let mut third = ask("100");
    third.line("25 primes below 100, says ").await;
}

#[tokio::test]
async fn people_see_what_others_say_of_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = server(&folder).await;
    let mut ann = Program::start(env!("CARGO_BIN_EXE_presence"), &[&url, "Ann"]);
    let link = ann.line("come in by ").await;
    let mut bo = Program::start(env!("CARGO_BIN_EXE_presence"), &[&link, "Bo"]);
    bo.stdin.write_all(b"baking bread\n").await.unwrap();
    assert_eq!(ann.line("Bo: ").await, "baking bread (1)");
    drop(bo.stdin);
    ann.line("Bo is gone").await;
}

#[tokio::test]
async fn a_game_ends_alike_for_both() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = server(&folder).await;
    let mut host = Program::start(env!("CARGO_BIN_EXE_pong"), &[&url, "auto"]);
    let link = host.line("play against me: ").await;
    let mut guest = Program::start(env!("CARGO_BIN_EXE_pong"), &[&link, "auto"]);
    let (there, here) = (guest.line("it ended ").await, host.line("it ended ").await);
    assert_eq!(there, here);
    assert!(here.split(" : ").any(|points| points == "3"), "{here}");
    guest.end().await;
    host.end().await;
}

#[test]
fn pages_show_the_programs_that_run_here() {
    let programs = [
        ("README.md", include_str!("../../README.md"), include_str!("../src/bin/hello.rs")),
        ("docs/start.md", include_str!("../../docs/start.md"), include_str!("../src/bin/garden.rs")),
    ];
    for (page, text, program) in programs {
        let (_, code) = program.split_once("\n\n").unwrap();
        assert!(text.contains(code), "{page} shows another program than the one that runs here:\n{code}");
    }
}

#[test]
fn pages_name_what_this_version_needs() {
    let manifest = include_str!("../../Cargo.toml");
    let rust =
        manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    for page in [include_str!("../../README.md"), include_str!("../../docs/start.md")] {
        let page = page.replace('\n', " ");
        assert!(page.contains(&format!("Rust {rust} or later")), "no page names Rust {rust}");
    }
    let package = format!("meshwork-{}.tgz", env!("CARGO_PKG_VERSION"));
    let js = [
        include_str!("../js/plain/index.html"),
        include_str!("../js/react/main.jsx"),
        include_str!("../js/todo/index.html"),
        include_str!("../js/vite/main.js"),
        include_str!("../../docs/start.md"),
    ];
    for page in js {
        assert!(page.contains(&package), "it installs another package than {package}:\n{page}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_race_outlives_its_host() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = server(&folder).await;
    let race = |place: &str, name: &str| Program::start(env!("CARGO_BIN_EXE_race"), &[place, name, "auto"]);
    let mut ann = race(&url, "Ann");
    let link = ann.line("play here: ").await;
    ann.line("players: Ann").await;
    let (mut bo, mut kim) = (race(&link, "Bo"), race(&link, "Kim"));
    for program in [&mut ann, &mut bo, &mut kim] {
        program.line("run!").await;
    }
    drop(ann);
    for program in [&mut bo, &mut kim] {
        let host = program.line("host is ").await;
        assert!(["Bo", "Kim"].contains(&&*host), "{host}");
        let winner = program.line("winner: ").await;
        assert!(["Bo", "Kim"].contains(&&*winner), "{winner}");
    }
    bo.end().await;
    kim.end().await;
}
