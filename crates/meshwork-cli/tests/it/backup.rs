//! `meshwork admin backup` while authors publish, and servers on the copies.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use serde_json::Value;

use crate::support::{Home, PATIENCE, Running};

/// The published games, by code.
type Published = Arc<(Mutex<Vec<String>>, Condvar)>;

fn serve(home: &Home, data: &str) -> (Running, String) {
    let mut server = home.start(["serve", "--listen", "127.0.0.1:0", "--data", data]);
    let line = server.line("listening", |line| line.starts_with("listening on "));
    (server, line["listening on ".len()..].to_owned())
}

fn admin(home: &Home, data: &str, arguments: &[&str]) -> Value {
    let socket = format!("{data}/admin.sock");
    home.run([&["admin", "--socket", &socket, "--json"], arguments].concat()).expect_code(0).json()
}

/// Publishes one game of a megabyte after the other until `ends`.
fn publish(home: &Home, address: &str, published: &Published, ends: &AtomicBool) {
    let folder = home.path("game");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("game.json"), r#"{ "meshwork": 1, "title": "Rim" }"#).unwrap();
    let mut number = 0;
    while !ends.load(Ordering::Relaxed) {
        let program = format!("meshwork.game({{}}) // {number} {}", "x".repeat(1_000_000));
        std::fs::write(folder.join("game.js"), program).unwrap();
        // One key has at most 50 games.
        let identity = format!("author-{}", number / 40);
        let arguments = ["play", "publish", "game", "--server", address, "--identity", &identity, "--json"];
        let game = home.run(arguments).expect_code(0).json();
        published.0.lock().unwrap().push(game["code"].as_str().unwrap().to_owned());
        published.1.notify_all();
        number += 1;
    }
}

/// Waits until there are more games, and returns them.
fn more_than(published: &Published, number: usize) -> Vec<String> {
    let games = published.0.lock().unwrap();
    let (games, late) =
        published.1.wait_timeout_while(games, PATIENCE, |games| games.len() <= number).unwrap();
    assert!(!late.timed_out(), "nothing was published");
    games.clone()
}

/// Ends the publishing, also if the test fails meanwhile.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The codes and packages of a server's games.
fn games(home: &Home, data: &str) -> BTreeMap<String, String> {
    let games = admin(home, data, &["games"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    games["games"]
        .as_array()
        .unwrap()
        .iter()
        .map(|game| (text(&game["code"]), text(&game["package"])))
        .collect()
}

#[test]
fn a_backup_under_load_restores_what_was_there() {
    let home = Home::new();
    let (_server, address) = serve(&home, "meeting");
    admin(&home, "meeting", &["ban", "address", "198.51.100.0/24"]);
    let (published, ends) = (Published::default(), AtomicBool::new(false));
    let backups = std::thread::scope(|scope| {
        let _end = End(&ends);
        scope.spawn(|| publish(&home, &address, &published, &ends));
        let mut backups: Vec<(String, Vec<String>)> = Vec::new();
        for number in 0..3 {
            let before = more_than(&published, backups.last().map_or(2, |(_, games)| games.len() + 2));
            let folder = format!("backup-{number}");
            let saved = admin(&home, "meeting", &["backup", &folder]);
            let files = serde_json::json!(["server.key", "games.key", "bans.txt", "games.sqlite"]);
            assert_eq!(saved["files"], files, "{saved}");
            backups.push((folder, before));
        }
        backups
    });
    let packages = games(&home, "meeting");
    for (folder, before) in backups {
        let mode = std::fs::metadata(home.path(&folder)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{folder}");
        for name in ["server.key", "games.key", "bans.txt"] {
            let [saved, own] =
                [&folder, "meeting"].map(|folder| std::fs::read(home.path(folder).join(name)).unwrap());
            assert!(saved == own, "{folder}/{name} is another one");
        }
        let (restored, address) = serve(&home, &folder);
        let found = games(&home, &folder);
        for code in &before {
            assert_eq!(found.get(code), packages.get(code), "{folder} has {found:?}");
            let read = ["play", "party", code, "--server", &address, "--json"];
            let mut party = home.start(read);
            party.line("the package", |line| line.contains("\"title\":\"Rim\""));
        }
        assert_eq!(admin(&home, &folder, &["bans"])["bans"], serde_json::json!(["address 198.51.100.0/24"]));
        restored.terminate();
        restored.end().expect_code(0);
    }
}

#[test]
fn a_backup_replaces_nothing() {
    let home = Home::new();
    let (_server, _) = serve(&home, "meeting");
    std::fs::create_dir(home.path("old")).unwrap();
    let backup = |socket: &str, folder: &str| home.run(["admin", "--socket", socket, "backup", folder]);
    backup("meeting/admin.sock", "old").expect_code(2).expect_words(&["old is there already"]);
    backup("meeting/admin.sock", "nowhere/new").expect_code(5).expect_words(&["cannot save nowhere/new"]);
    let words = backup("meeting/admin.sock", "new").expect_code(0).stdout;
    assert_eq!(words, "saved in new: server.key, games.key, games.sqlite (3 games)");
    // A copy that fails leaves nothing behind.
    std::fs::write(home.path("meeting/games.sqlite"), [b'x'; 10_000]).unwrap();
    for companion in ["meeting/games.sqlite-wal", "meeting/games.sqlite-shm"] {
        std::fs::remove_file(home.path(companion)).unwrap();
    }
    backup("meeting/admin.sock", "damaged").expect_code(5).expect_words(&["games.sqlite"]);
    assert!(!home.path("damaged").exists());
    let names = std::fs::read_dir(home.as_path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!names.into_iter().any(|name| name.to_string_lossy().starts_with(".meshwork-")));

    let mut bare = home.start(["serve", "--listen", "127.0.0.1:0", "--admin-socket", "bare.sock"]);
    bare.line("listening", |line| line.starts_with("listening on "));
    backup("bare.sock", "other").expect_code(2).expect_words(&["this server stores nothing"]);
}
