//! Counters, values and documents by the command line, between real processes.

use serde_json::json;

use crate::support::{Home, Running};

/// A room with a keeper, and its LINK.
fn room(home: &Home) -> (Running, Running, String) {
    let (server, url) = home.serve();
    let made = home.run(["sync", "create", "--server", &url, "--private", "--json"]).expect_code(0).json();
    let link = made["link"].as_str().expect("a LINK").to_owned();
    (server, home.keep_for("sync", &link, "kept"), link)
}

#[test]
fn counts_and_values_outlive_a_killed_keeper() {
    let home = Home::new();
    let (server, keeper, link) = room(&home);
    let as_ = |who: &str, run: &[&str]| {
        let run = [&["sync", run[0], &link], &run[1..], &["--identity", who, "--json"]].concat();
        home.run(run)
    };
    assert_eq!(as_("ann", &["add", "likes", "8"]).expect_code(0).json()["value"], 8);
    assert_eq!(as_("bo", &["add", "likes", "-3"]).expect_code(0).json()["value"], 5);
    as_("ann", &["set", "room/title", "\"one\""]).expect_code(0);
    as_("bo", &["set", "room/title", "{\"seats\": 40}"]).expect_code(0);
    as_("bo", &["set", "gone", "1"]).expect_code(0);
    as_("ann", &["delete", "gone"]).expect_code(0);
    keeper.kill();
    let _keeper = home.keep_for("sync", &link, "kept");
    // The same person in another session counts on.
    assert_eq!(as_("ann", &["add", "likes", "1"]).expect_code(0).json()["value"], 6);
    assert_eq!(home.run(["sync", "get", &link, "likes"]).expect_code(0).stdout.trim(), "6");
    let title = as_("ann", &["get", "room/title"]).expect_code(0).json();
    assert_eq!((&title["key"], &title["value"]), (&json!("room/title"), &json!({ "seats": 40 })));
    assert_eq!(home.run(["sync", "get", &link, "gone"]).expect_code(0).stdout.trim(), "null");
    let past = as_("ann", &["get", "room/title", "--history"]).expect_code(0).json();
    let past = past["history"].as_array().expect("a list");
    assert_eq!((&past[0]["value"], &past[1]["value"]), (&json!({ "seats": 40 }), &json!("one")));
    assert_ne!(past[0]["author"], past[1]["author"]);
    let list = as_("bo", &["list"]).expect_code(0).json();
    assert_eq!(list["counters"], json!({ "likes": 6 }));
    let values: Vec<&String> = list["values"].as_object().expect("an object").keys().collect();
    assert_eq!(values, ["room/title"]);
    let elsewhere = as_("bo", &["list", "other/"]).expect_code(0).json();
    assert_eq!(elsewhere, json!({ "values": {}, "counters": {}, "documents": [] }));
    as_("bo", &["set", "room/title", "a text"]).expect_code(2).expect_words(&["not JSON"]);
    drop(server);
}

/// Numbers, keys and doubles of objects as a person wrote them.
#[test]
fn values_stay_as_they_are_written() {
    let home = Home::new();
    let (_server, _keeper, link) = room(&home);
    let written = [
        "0.9424502837770503",
        "1.1e24",
        "100000000000000000000",
        "18446744073709551616",
        r#"{"b":1,"a":2,"b":3}"#,
        "-0",
        "[1,\n  2.50]",
    ];
    for value in written {
        home.run(["sync", "set", &link, "key", value]).expect_code(0);
        let got = home.run(["sync", "get", &link, "key"]).expect_code(0);
        assert_eq!(got.stdout, value);
    }
    let history = home.run(["sync", "get", &link, "key", "--history", "--json"]).expect_code(0);
    for value in ["100000000000000000000", r#"{"b":1,"a":2,"b":3}"#, "-0", "[1,   2.50]"] {
        assert!(history.stdout.contains(&format!(r#""value":{value}}}"#)), "{value}: {}", history.stdout);
    }
    assert_eq!(history.stdout.lines().count(), 1);
    let deep = format!("{}1{}", "[".repeat(130), "]".repeat(130));
    for unread in [r#""\ud83d""#, "1e999", &deep] {
        let refused = home.run(["sync", "set", &link, "key", unread]).expect_code(2);
        refused.expect_words(&["other programs could not read this value"]);
    }
}

#[test]
fn owners_turn_a_canvas_on_beside_values() {
    let home = Home::new();
    let (_server, keeper, link) = room(&home);
    let paint = |link: &str| home.run(["place", "paint", link, "--pixel", "3,4,#ff0000", "--json"]);
    paint(&link.replace("/sync/", "/place/")).expect_code(4);
    let guest = ["place", "turn-on", &link, "--identity", "guest", "--json"];
    assert_eq!(home.run(guest).expect_code(4).json()["reason"], "not-allowed");
    let on = home.run(["place", "turn-on", &link, "--size", "20x10", "--json"]).expect_code(0).json();
    let canvas = on["link"].as_str().expect("a LINK");
    assert_eq!(canvas, link.replace("/sync/", "/place/"));
    paint(canvas).expect_code(0);
    keeper.kill();
    let _keeper = home.keep_for("sync", &link, "kept");
    let stats = home.run(["place", "stats", canvas, "--json"]).expect_code(0).json();
    assert_eq!((&stats["width"], &stats["painted"]), (&json!(20), &json!(1)), "{stats}");
    home.run(["sync", "add", &link, "likes", "1"]).expect_code(0);
}

#[test]
fn texts_are_merged_and_outlive_keepers() {
    let home = Home::new();
    let (_server, keeper, link) = room(&home);
    let file = home.path("notes.txt");
    let file = file.to_str().expect("a path");
    let put = |who: &str, text: &str| {
        std::fs::write(file, text).expect("written");
        home.run(["sync", "text", &link, "notes", "--in", file, "--identity", who]).expect_code(0);
    };
    put("ann", "The ferry leaves at nine.\n");
    put("bo", "The last ferry leaves at ten.\n");
    keeper.kill();
    let _keeper = home.keep_for("sync", &link, "kept");
    put("ann", "The last ferry leaves at ten!\n");
    let read = home.run(["sync", "text", &link, "notes", "--json"]).expect_code(0).json();
    assert_eq!(read["text"], "The last ferry leaves at ten!\n");
    let authors = read["authors"].as_array().expect("a list");
    assert_eq!((&authors[0]["from"], &authors[0]["to"]), (&json!(0), &json!(4)), "{authors:?}");
    assert_eq!(authors[0]["author"], authors[2]["author"]);
    assert_ne!(authors[0]["author"], authors[1]["author"]);
    home.run(["sync", "text", &link, "notes", "--out", file]).expect_code(0);
    assert_eq!(std::fs::read_to_string(file).expect("read"), "The last ferry leaves at ten!\n");
    let list = home.run(["sync", "list", &link, "--json"]).expect_code(0).json();
    assert_eq!(list["documents"], json!(["notes"]));
    home.run(["sync", "text", &link, "", "--in", file]).expect_code(2);
}

#[test]
fn watchers_hear_each_change_with_its_author() {
    let home = Home::new();
    let (_server, _keeper, link) = room(&home);
    home.run(["sync", "set", &link, "room/title", "1"]).expect_code(0);
    home.run(["sync", "set", &link, "elsewhere", "1"]).expect_code(0);
    let mut watcher = home.start(["sync", "watch", &link, "room/"]);
    let json = |line: String| serde_json::from_str::<serde_json::Value>(&line).expect("JSON");
    let first = json(watcher.line("the value there", |line| line.contains("key")));
    assert_eq!((&first["key"], &first["value"]), (&json!("room/title"), &json!(1)));
    watcher.line("the end of what is there", |line| line.contains("ready"));
    home.run(["sync", "add", &link, "room/likes", "2"]).expect_code(0);
    let step = json(watcher.line("the step", |line| line.contains("room/likes")));
    assert_eq!((&step["counter"], &step["by"], &step["author"]), (&json!(2), &json!(2), &first["author"]));
    home.run(["sync", "set", &link, "elsewhere", "2"]).expect_code(0);
    home.run(["sync", "delete", &link, "room/title"]).expect_code(0);
    let deleted = json(watcher.line("the next line", |_| true));
    assert_eq!((&deleted["key"], deleted.get("value")), (&json!("room/title"), None));
    assert_eq!(deleted["author"], first["author"]);
    assert!(deleted["time_ms"].as_u64() > first["time_ms"].as_u64(), "{deleted}");
    watcher.interrupt();
    watcher.end().expect_code(0);
}

#[test]
fn nothing_is_written_where_nobody_stays() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = home.run(["sync", "create", "--server", &url]).expect_code(0).stdout.trim().to_owned();
    // Who watches leaves again.
    let mut watcher = home.start(["sync", "watch", &link]);
    watcher.line("that it watches", |line| line.contains("ready"));
    let alone = home.run(["sync", "add", &link, "likes", "1", "--json"]).expect_code(3);
    assert_eq!(alone.json()["reason"], "unreachable");
    alone.expect_words(&["Nothing was written", "meshwork keep"]);
    let other = home.run(["place", "create", "--server", &url]).expect_code(0).stdout.trim().to_owned();
    home.run(["sync", "list", &other]).expect_code(2).expect_words(&["this command is for sync"]);
}

#[test]
fn owners_erase_what_somebody_wrote() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let owner = ["--identity", "ann", "--json"];
    let made = home.run([&["sync", "create", "--server", &url][..], &owner].concat()).expect_code(0).json();
    let link = made["link"].as_str().expect("a LINK").to_owned();
    let _keeper = home.keep_for("sync", &link, "kept");
    let file = home.path("notes.txt");
    let file = file.to_str().expect("a path");
    for (who, text) in [("ann", "The ferry leaves.\n"), ("bo", "The SPAM ferry leaves.\n")] {
        std::fs::write(file, text).expect("written");
        home.run(["sync", "text", &link, "notes", "--in", file, "--identity", who]).expect_code(0);
    }
    let read = || home.run(["sync", "text", &link, "notes", "--json"]).expect_code(0).json();
    let author = |at: usize| read()["authors"][at]["author"].as_str().expect("a key").to_owned();
    let (ann, bo) = (author(0), author(1));
    let erase = |who: &str, peer: &str| {
        home.run(["sync", "erase", &link, "notes", "--peer", peer, "--identity", who, "--json"])
    };
    assert_eq!(erase("bo", &ann).expect_code(4).json()["reason"], "not-allowed");
    let erased = erase("ann", &bo).expect_code(0).json();
    assert_eq!((&erased["name"], &erased["erased"]), (&json!("notes"), &json!(true)));
    assert_eq!(read()["text"], "The ferry leaves.\n");
}
