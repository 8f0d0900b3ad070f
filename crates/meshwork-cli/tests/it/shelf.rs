//! The shelf of a server as authors and its operator use it: publish, list, remove, take down.
#![cfg(unix)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
#[cfg(target_os = "linux")]
use std::time::Instant;

use crate::support::{Home, PATIENCE, Running};

/// The server of the shelf's own tests.
#[cfg(target_os = "linux")]
#[path = "../../../meshwork-arcade/tests/it/support/postgres.rs"]
mod postgres;

/// A server with a shelf, its address, and the line that says who may publish.
fn serve(home: &Home, arguments: &[&str]) -> (Running, String, String) {
    let common = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--data",
        "meeting",
        "--metrics-allow",
        "127.0.0.1",
        "--meshwork-games",
        "false",
    ];
    let mut server = home.start([&common, arguments].concat());
    let line = server.line("listening", |line| line.starts_with("listening on "));
    let games = server.line("games", |line| line.starts_with("games: "));
    (server, line["listening on ".len()..].to_owned(), games)
}

fn get(address: &str, path: &str) -> String {
    let host = address.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A folder of a game with this title.
fn write_game(home: &Home, title: &str) {
    let folder = home.path("game");
    std::fs::create_dir_all(&folder).unwrap();
    let manifest = format!(r#"{{ "meshwork": 1, "title": "{title}", "players": [2, 4] }}"#);
    std::fs::write(folder.join("game.json"), manifest).unwrap();
    std::fs::write(folder.join("game.js"), "meshwork.game({})").unwrap();
}

#[test]
fn games_are_published_listed_and_removed() {
    let home = Home::new();
    let (server, address, games) = serve(&home, &[]);
    assert!(games.contains("everyone may publish"), "{games}");
    write_game(&home, "Rim");
    let publish = ["play", "publish", "game", "--server", &address, "--name", "Mira"];
    let published = home.run(publish).expect_code(0).stdout;
    let (code, link) = published.trim().split_once(' ').unwrap();
    assert_eq!(link, format!("{address}/play/{code}"));
    assert!(get(&address, &format!("/play/{code}")).starts_with("HTTP/1.1 200"));
    let game = get(&address, &format!("/play/api/games/{code}"));
    assert!(game.contains("\"title\":\"Rim\"") && game.contains("\"seats\":[0,4]"), "{game}");
    let mut party = home.start(["play", "party", code, "--server", &address, "--json"]);
    let made = party.line("the party", |_| true);
    assert!(made.contains("\"title\":\"Rim\""), "{made}");
    party.terminate();
    party.end().expect_code(0);
    write_game(&home, "Rim again");
    let again = home.run([&publish[..], &["--code", code, "--json"]].concat()).expect_code(0).json();
    assert_eq!((again["code"].as_str(), again["version"].as_u64()), (Some(code), Some(2)));
    let listed = home.run(["play", "games", "--server", &address]).expect_code(0).stdout;
    assert_eq!(listed, format!("{code}  Rim again  by Mira, version 2, 0 online"));
    let metrics = get(&address, "/metrics");
    assert!(metrics.contains("meshwork_play_games 1\n"), "{metrics}");

    let stranger = ["play", "remove", code, "--server", &address, "--identity", "other"];
    home.run(stranger).expect_code(4).expect_words(&["another author's"]);
    server.terminate();
    server.end().expect_code(0);
    let (_server, address, _) = serve(&home, &[]);
    home.run(["play", "remove", code, "--server", &address]).expect_code(0);
    let listed = home.run(["play", "games", "--server", &address]).expect_code(0).stdout;
    assert_eq!(listed, "no games");
    let page = get(&address, &format!("/play/{code}"));
    assert!(page.starts_with("HTTP/1.1 404"), "{page}");
}

#[test]
fn nothing_outside_the_folder_is_published() {
    let home = Home::new();
    let (_server, address, _) = serve(&home, &[]);
    let publish = || home.run(["play", "publish", "game", "--server", &address]);
    std::fs::write(home.path("secret.txt"), "a secret").unwrap();
    for (target, name) in
        [("../secret.txt", "data.txt"), ("..", "sounds"), ("game.js", "copy.js"), ("nowhere", "lost")]
    {
        write_game(&home, "Rim");
        let link = home.path("game").join(name);
        std::os::unix::fs::symlink(target, &link).unwrap();
        publish().expect_code(2).expect_words(&[name, "is a link to", target, "Put the file itself"]);
        std::fs::remove_file(link).unwrap();
    }
    let listed = home.run(["play", "games", "--server", &address]).expect_code(0).stdout;
    assert_eq!(listed, "no games");
    // A link that the author names is what the author means.
    std::os::unix::fs::symlink("game", home.path("link")).unwrap();
    home.run(["play", "publish", "link", "--server", &address]).expect_code(0);
}

#[test]
fn operators_choose_authors_and_take_games_down() {
    let home = Home::new();
    std::fs::write(home.path("pong.html"), "<!doctype html><p>pong").unwrap();
    let publish = |address: &str| home.run(["play", "publish", "pong.html", "--server", address, "--json"]);
    let (server, address, games) = serve(&home, &["--publish", "nobody"]);
    assert!(games.contains("nobody may publish"), "{games}");
    publish(&address).expect_code(4).expect_words(&["does not let you publish"]);
    server.terminate();
    server.end().expect_code(0);

    let (_server, address, _) = serve(&home, &["--publish", "everyone"]);
    let (one, two) = (publish(&address).expect_code(0).json(), publish(&address).expect_code(0).json());
    let admin = |arguments: &[&str]| {
        home.run([&["admin", "--socket", "meeting/admin.sock", "--json"], arguments].concat())
    };
    let games = admin(&["games"]).expect_code(0).json();
    assert_eq!(
        (games["games"][0]["title"].as_str(), games["games"].as_array().unwrap().len()),
        (Some("pong"), 2)
    );
    admin(&["take-down", one["code"].as_str().unwrap()]).expect_code(0);
    let package = games["games"][0]["package"].as_str().unwrap();
    let refused = admin(&["refuse", package, "--reason", "it is stolen"]).expect_code(0).json();
    assert_eq!(refused["taken_down"], serde_json::json!([two["code"]]));
    publish(&address).expect_code(4).expect_words(&["it is stolen"]);
    let words = home.run(["admin", "--socket", "meeting/admin.sock", "games"]).expect_code(0).stdout;
    assert!(words.contains("taken down by operator"), "{words}");

    // The way back.
    let (one, two) = (one["code"].as_str().unwrap(), two["code"].as_str().unwrap());
    let ask =
        |arguments: &[&str]| home.run([&["admin", "--socket", "meeting/admin.sock"], arguments].concat());
    ask(&["put-back", one]).expect_code(1).expect_words(&["accept the package first"]);
    assert_eq!(admin(&["accept", package]).expect_code(0).json()["put_back"], serde_json::json!([two]));
    assert_eq!(ask(&["put-back", one]).expect_code(0).stdout, format!("put back {one}"));
    let author = games["games"][0]["author"].as_str().unwrap();
    let refused = ask(&["refuse", author]).expect_code(0).stdout;
    assert!(refused.starts_with(&format!("refused {author}\ntook down ")), "{refused}");
    publish(&address).expect_code(4).expect_words(&["refuses your games"]);
    let accepted = ask(&["accept", author]).expect_code(0).stdout;
    assert!(accepted.starts_with(&format!("accepted {author}\nput back ")), "{accepted}");
    assert!(get(&address, &format!("/play/{one}")).starts_with("HTTP/1.1 200"));
    ask(&["take-down", one, "--delete"]).expect_code(0);
    ask(&["put-back", one]).expect_code(1).expect_words(&["are deleted"]);
}

#[test]
fn servers_without_data_have_no_shelf() {
    let home = Home::new();
    let (_server, address) = home.serve();
    let games = home.run(["play", "games", "--server", &address]);
    games.expect_code(3).expect_words(&["has no shelf of games"]);
}

#[test]
fn games_of_meshwork_are_on_each_shelf() {
    let home = Home::new();
    for _ in 0..2 {
        let mut server = home.start(["serve", "--listen", "127.0.0.1:0", "--data", "meeting"]);
        let line = server.line("listening", |line| line.starts_with("listening on "));
        let address = &line["listening on ".len()..];
        let listed = home.run(["play", "games", "--server", address]).expect_code(0).stdout;
        for title in ["Rim", "Tether", "Trails"] {
            assert_eq!(listed.matches(&format!("  {title}  by Meshwork, version 1")).count(), 1, "{listed}");
        }
        server.terminate();
        server.end().expect_code(0);
    }
}

/// A server whose shelf is in a database; its variable has the URL.
#[cfg(target_os = "linux")]
fn serve_database(home: &Home, url: &str, data: &str) -> (Running, String) {
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--metrics-allow", "127.0.0.1", "--data", data];
    let mut server = home.start_with(arguments, &[("MESHWORK_DATABASE", url)]);
    let line = server.line("listening", |line| line.starts_with("listening on "));
    server.line("games", |line| line.starts_with("games: everyone may publish"));
    (server, line["listening on ".len()..].to_owned())
}

#[cfg(target_os = "linux")]
#[test]
fn databases_have_the_shelf_of_two_servers() {
    let home = Home::new();
    let mut postgres = postgres::Postgres::start();
    let url = postgres.database("games");
    let ((first, one), (second, two)) =
        (serve_database(&home, &url, "one"), serve_database(&home, &url, "two"));
    write_game(&home, "Mine");
    home.run(["play", "publish", "game", "--server", &one, "--name", "Mira"]).expect_code(0);
    let listed = home.run(["play", "games", "--server", &two]).expect_code(0).stdout;
    for title in ["Mine  by Mira", "Rim  by Meshwork", "Tether  by Meshwork", "Trails  by Meshwork"] {
        assert_eq!(listed.matches(&format!("  {title}, version 1")).count(), 1, "{listed}");
    }
    let backup = home.run(["admin", "--socket", "one/admin.sock", "backup", "saved"]).expect_code(0).stdout;
    let lines: Vec<&str> = backup.lines().collect();
    assert_eq!(lines[0], "saved in saved: server.key");
    assert!(
        lines[1].contains("save them with: pg_dump ") && !backup.contains(postgres::PASSWORD),
        "{backup}"
    );

    postgres.stop();
    let list = get(&two, "/play/api/games");
    assert!(list.starts_with("HTTP/1.1 503") && list.contains("try again in a minute"), "{list}");
    let wait_for = |line: &str| {
        let deadline = Instant::now() + PATIENCE;
        while !get(&two, "/metrics").contains(line) {
            assert!(Instant::now() < deadline, "no {line}");
        }
    };
    wait_for("meshwork_play_store_up 0\n");
    let away = home.run_with(&[("MESHWORK_DATABASE", &url)], ["serve", "--listen", "127.0.0.1:0"]);
    let away = away
        .expect_code(3)
        .expect_words(&["cannot open the games in postgres://127.0.0.1:", "see that PostgreSQL runs"]);
    assert!(!away.stderr.contains(postgres::PASSWORD), "{}", away.stderr);
    postgres.resume();
    wait_for("meshwork_play_store_up 1\n");
    assert_eq!(home.run(["play", "games", "--server", &two]).expect_code(0).stdout, listed);
    for server in [first, second] {
        server.terminate();
        let stderr = server.end().expect_code(0).stderr;
        assert!(!stderr.contains(postgres::PASSWORD), "{stderr}");
    }
}

#[test]
fn urls_of_databases_are_not_printed() {
    let home = Home::new();
    let secret = "postgres://me:hidden-word@db/games";
    for arguments in [
        vec!["serve", "--print-config", "--database", secret],
        vec!["serve", "--database", "postgres://me:hidden-word/x@db/games"],
        vec!["serve", "--database", "hidden-word"],
    ] {
        let ended = home.run(arguments);
        assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("hidden-word"), "{ended:?}");
        assert!(format!("{}{}", ended.stdout, ended.stderr).contains("database"), "{ended:?}");
    }
}
