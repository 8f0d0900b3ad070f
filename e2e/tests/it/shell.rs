//! What README.md, docs/start.md and the guide to the command line tell people to type: each line is run here, or says why it is not.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use meshwork_e2e::{Cli, PATIENCE, Running, Server, wait_until};

/// Beginnings of lines that are not run here, and why.
const NOT_HERE: [(&str, &str); 15] = [
    ("cargo xtask run", "it builds all pages, and its server is the one of every test here"),
    ("cargo xtask test", "it runs this test"),
    ("cargo new garden", "it needs a registry; examples/tests/programs.rs runs the program that comes of it"),
    ("cd garden", "as the line before"),
    ("cargo new hello", "as the line before"),
    ("cargo add", "as the line before"),
    ("cargo run -- 'http://127.0.0.1:8080/place/K7M4QX#...'", "as the line before"),
    (
        "meshwork identity export --sealed",
        "it asks on a terminal; crates/meshwork-cli/tests/it/sealed.rs hands it a passphrase",
    ),
    ("meshwork serve", "Server::start runs it on a free port"),
    (
        "meshwork play",
        "crates/meshwork-cli/tests/it/shelf.rs and play.rs run it, with a shelf, a published game and a host",
    ),
    (
        "meshwork chat --name",
        "it uses this machine's network; e2e/tests/it/commons.rs has networks of its own",
    ),
    ("meshwork place create --lan", "as the line before; e2e/tests/it/lan.rs"),
    ("meshwork lan", "as the line before"),
    ("meshwork place tui", "it needs a terminal; crates/meshwork-cli/tests/it/terminal.rs has one"),
    (
        "meshwork place replay",
        "e2e/tests/it/timelapse.rs replays, with a history that is long enough to be a film",
    ),
];
/// Beginnings of lines whose programs go on until Ctrl-C.
const GOES_ON: [&str; 4] = [
    "meshwork keep",
    "meshwork place watch",
    "meshwork swarm",
    "meshwork place paint LINK --image logo.png --at 10,10 --loop",
];

/// The lines of the shell blocks of a page, without what is said of them.
fn shell_lines(page: &str) -> Vec<String> {
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let bare = |line: &str| {
        let line = line.split(" # ").next().unwrap_or(line).trim();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    blocks.flat_map(str::lines).map(bare).filter(|line| !line.is_empty()).collect()
}

/// The words of a line, as a shell takes them.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        match index % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

/// Runs a program until it says something, or has begun what it is to do, and ends it as people do.
async fn go_on(user: &Cli, line: &str, program: Running) -> Result<()> {
    program.line(PATIENCE, "a line", |_| true).await?;
    if line.contains("--history") {
        let read = async || user.run(["place", "history", "--data", "keeper"]).await?.success();
        wait_until(PATIENCE, "a history", read).await?;
    }
    program.interrupt()?;
    program.end(PATIENCE).await?.success().map(drop)
}

#[tokio::test]
async fn lines_for_the_shell_do_what_they_say() -> Result<()> {
    let pages = [
        include_str!("../../../README.md"),
        include_str!("../../../docs/start.md"),
        include_str!("../../../docs/guides/command-line.md"),
    ];
    let lines = pages.map(shell_lines);
    let (server, user, keeper) = (Server::start().await?, Cli::new()?, Cli::new()?);
    let made = user.run(["place", "create", "--server", server.url()]).await?.success()?;
    let link = made.stdout.lines().next().context("create prints the LINK")?.to_owned();
    let keeping = keeper.start(["place", "keep", &link, "--data", "kept"])?;
    keeping.line(PATIENCE, "the keeper", |_| true).await?;
    let picture = image::RgbImage::from_pixel(16, 16, image::Rgb([0xe6, 0x19, 0x4b]));
    for name in ["picture.png", "photo.jpg", "logo.png"] {
        picture.save(user.path(name))?;
    }
    user.run(["place", "paint", &link, "--pixel", "1,1,#e6194b"]).await?.success()?;
    fs::create_dir_all(user.path("data/meshwork"))?;
    fs::copy(user.path("identity"), user.path("data/meshwork/identity"))?;
    let stranger = Cli::new()?;
    stranger.run(["place", "create", "--server", server.url()]).await?.success()?;
    let shown = stranger.run(["identity", "show", "--identity", "identity"]).await?.success()?;
    let stranger = shown.stdout.lines().next().context("show prints the peer")?.to_owned();
    for line in lines.concat() {
        if NOT_HERE.iter().any(|(beginning, _)| line.starts_with(beginning)) {
            continue;
        }
        let Some(rest) = line.strip_prefix("meshwork ") else { bail!("nobody runs `{line}`") };
        let word = |word: String| match &*word {
            "LINK" => link.clone(),
            "PEER" => stranger.clone(),
            "http://127.0.0.1:8080" => server.url().to_owned(),
            "0.0.0.0:8081" => String::from("127.0.0.1:0"),
            _ => word,
        };
        let arguments: Vec<String> = words(rest).into_iter().map(word).collect();
        let done = match GOES_ON.iter().any(|beginning| line.starts_with(beginning)) {
            true => go_on(&user, &line, user.start(&arguments)?).await,
            false => user.run(&arguments).await?.success().map(drop),
        };
        done.with_context(|| line.clone())?;
    }
    for (beginning, _) in NOT_HERE {
        let is_there = lines.iter().flatten().any(|line| line.starts_with(beginning));
        ensure!(is_there, "no page says `{beginning}` any more");
    }
    Ok(())
}
