//! Parties by the command line, between real processes, with a program of the library as host.

use std::time::Duration;

use meshwork::play::{self, Act, Can, GameEvent, Package, Party, PlayerView, Random, Rules, Turn};
use meshwork::{Code, Endpoint};
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::support::{Home, Running};

/// Counts presses of all players, and ends after some.
struct Presses;

impl Rules for Presses {
    type State = u32;

    fn setup(&mut self, _: &[PlayerView], _: &mut Random) -> u32 {
        0
    }

    fn update(&mut self, presses: &mut u32, turn: &mut Turn<'_>) {
        let inputs = turn.players().iter().filter_map(|player| turn.input(player.slot));
        *presses += inputs.map(|input| input.pressed.len() as u32).sum::<u32>();
        if *presses >= 20 {
            turn.end(&json!({ "presses": "enough" }));
        }
    }
}

/// Hosts a party until so many sit and the match is over, and returns whether it saw its end.
fn host(runtime: &Runtime, link: String, people: usize) -> JoinHandle<bool> {
    runtime.spawn(async move {
        let endpoint = Endpoint::builder().name("Host").bind().await.unwrap();
        let room = endpoint.join(link).await.unwrap();
        let package = room.game().package().await.unwrap();
        assert_eq!(package.manifest().title, "game");
        let mut player = room.game().play(Can::host(Presses), "Host").await.unwrap();
        let mut is_over = false;
        while let Some(event) = player.next().await {
            is_over |= matches!(&event, GameEvent::Party(meshwork::play::Event::Ended(_)));
            if player.lobby().seats.len() == people && !is_over {
                let _ = player.act(Act::Ready(true));
                let _ = player.act(Act::Start);
            }
            if is_over {
                tokio::time::timeout(Duration::from_secs(3), async {
                    while player.next().await.is_some() {}
                })
                .await
                .unwrap_or_default();
                break;
            }
        }
        endpoint.close().await;
        is_over
    })
}

#[test]
fn bots_play_a_match_that_is_watched() {
    let home = Home::new();
    let (_server, url) = home.serve();
    std::fs::create_dir(home.path("game")).unwrap();
    std::fs::write(home.path("game").join("game.js"), "meshwork.game({});").unwrap();
    std::fs::write(home.path("game").join(".hidden"), "no").unwrap();
    let mut party = home.start(["play", "party", "game", "--server", &url, "--private", "--json"]);
    let made: serde_json::Value = serde_json::from_str(&party.line("the party", |_| true)).unwrap();
    let link = made["link"].as_str().unwrap().to_owned();
    assert_eq!(made["title"], "game");
    assert!(link.contains("/play/") || link.contains('#'), "{link}");
    let mut watch = home.start(["play", "watch", &link, "--identity", "eve"]);
    let runtime = Runtime::new().unwrap();
    let host = host(&runtime, link.clone(), 3);
    let bot = |seed: &str, name: &str| {
        home.start(["play", "bot", &link, "--seed", seed, "--name", name, "--seconds", "60", "--json"])
    };
    let bots = [bot("1", "Ada"), bot("2", "Bea")];
    let seated = watch.event("lobby", |line| line["seats"].as_array().is_some_and(|seats| seats.len() == 3));
    let names: Vec<&str> =
        seated["seats"].as_array().unwrap().iter().filter_map(|seat| seat["name"].as_str()).collect();
    assert!(["Host", "Ada", "Bea"].iter().all(|name| names.contains(name)), "{names:?}");
    watch.event("lobby", |line| line["phase"] == "playing");
    let ended = watch.event("lobby", |line| line["phase"] == "ended");
    assert_eq!(ended["result"], json!({ "presses": "enough" }));
    assert!(runtime.block_on(host).unwrap());
    for bot in bots {
        bot.terminate();
        let played = bot.end().expect_code(0).json();
        assert!(played["states"].as_u64().is_some_and(|states| states > 0), "{played}");
    }
    watch.terminate();
    watch.end();
    party.terminate();
    party.end().expect_code(0);
    home.run(["play", "party", "nothing", "--server", &url]).expect_code(2).expect_words(&["cannot be read"]);
    std::fs::write(home.path("empty.txt"), "").unwrap();
    home.run(["play", "party", "empty.txt", "--server", &url]).expect_code(2).expect_words(&["is no game"]);
    let canvas = home.create(&url, &[]);
    let _keeper = home.keep(&canvas, "kept");
    home.run(["play", "bot", &canvas, "--timeout", "20s"]).expect_code(4);
}

const GAME: &str = "meshwork.game({});";

/// A server with a game on its shelf, its address, and the game's code and link.
fn publish(home: &Home) -> (Running, String, String, String) {
    let mut server =
        home.start(["serve", "--listen", "127.0.0.1:0", "--data", "meeting", "--meshwork-games", "false"]);
    let line = server.line("listening", |line| line.starts_with("listening on "));
    let url = line["listening on ".len()..].to_owned();
    std::fs::write(home.path("game.js"), GAME).unwrap();
    let published = home.run(["play", "publish", "game.js", "--server", &url]).expect_code(0).stdout;
    let (code, link) = published.trim().split_once(' ').unwrap();
    let (code, link) = (code.to_owned(), link.to_owned());
    (server, url, code, link)
}

#[test]
fn published_games_are_played_by_code() {
    let home = Home::new();
    let (_server, url, code, game) = publish(&home);
    home.run(["play", "bot", &code]).expect_code(2).expect_words(&["--server"]);
    let bot = ["play", "bot", &code, "--server", &url];
    home.run(bot).expect_code(4).expect_words(&["Nobody plays game now"]);
    let mut party = home.start(["play", "party", &game, "--json"]);
    let made: serde_json::Value = serde_json::from_str(&party.line("the party", |_| true)).unwrap();
    let runtime = Runtime::new().unwrap();
    let host = host(&runtime, made["link"].as_str().unwrap().to_owned(), 2);
    // The party is on the shelf a moment after its LINK.
    let mut tries = 0;
    let mut watch = loop {
        let mut watch = home.start(["play", "watch", &code, "--server", &url, "--identity", "eve"]);
        let first: serde_json::Value = serde_json::from_str(&watch.line("a line", |_| true)).unwrap();
        if first["reason"] != "no-party" {
            break watch;
        }
        tries += 1;
        assert!(tries < 20, "{first}");
    };
    let bot = ["play", "bot", &game, "--identity", "ada", "--name", "Ada", "--json"];
    let first = home.start(bot);
    watch.event("lobby", |line| line["seats"].as_array().is_some_and(|seats| seats.len() == 2));
    let second = home.run(bot).expect_code(4).expect_words(&["plays in this party already"]);
    assert_eq!(second.json()["reason"], "elsewhere");
    let ended = watch.event("lobby", |line| line["phase"] == "ended");
    assert_eq!(ended["result"], json!({ "presses": "enough" }));
    assert!(runtime.block_on(host).unwrap());
    first.terminate();
    first.end().expect_code(0);
    watch.terminate();
    watch.end();
    party.terminate();
    party.end().expect_code(0);
}

#[test]
fn a_shelf_has_what_no_member_has() {
    let home = Home::new();
    let (_server, url, code, _) = publish(&home);
    let package = Package::of_file("game.js", GAME.into()).unwrap();
    Runtime::new().unwrap().block_on(async {
        let maker = Endpoint::builder().server(&url).bind().await.unwrap();
        let code: Code = code.parse().unwrap();
        let party = play::party(&Party::of(&package, maker.id().peer, Some(code)));
        let room = maker.create(party).await.unwrap();
        let player = Endpoint::builder().bind().await.unwrap();
        let joined = player.join(room.link()).await.unwrap();
        let fetched = joined.game().package().await.unwrap();
        assert_eq!(fetched.id(), package.id());
        // A member has it by now.
        assert_eq!(room.game().package().await.unwrap().id(), package.id());
        player.close().await;
        maker.close().await;
    });
}
