//! Documents by the command line, in files and in editors, between real processes.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::support::{Home, Running};

/// A room with a keeper, and its LINK.
fn room(home: &Home) -> (Running, Running, String) {
    let (server, url) = home.serve();
    let made = home.run(["sync", "create", "--server", &url, "--private", "--json"]).expect_code(0).json();
    let link = made["link"].as_str().expect("a LINK").to_owned();
    (server, home.keep_for("sync", &link, "kept"), link)
}

fn text(home: &Home, link: &str) -> String {
    let read = home.run(["sync", "text", link, "notes", "--json"]).expect_code(0).json();
    read["text"].as_str().expect("a text").to_owned()
}

/// Waits until a file that somebody watches reads so.
fn reads(watcher: &mut Running, file: &Path, words: &str) {
    while fs::read_to_string(file).expect("read") != words {
        watcher.line("that the file was written", |line| line.contains("written"));
    }
}

#[test]
fn changed_files_are_merged() {
    let home = Home::new();
    let (_server, _keeper, link) = room(&home);
    let (ann, bo) = (home.path("ann.txt"), home.path("bo.txt"));
    let run = |option: &str, file: &Path| {
        let file = file.to_str().expect("a path");
        home.run(["sync", "text", &link, "notes", option, file]).expect_code(0);
    };
    fs::write(&ann, "one\ntwo\nthree\n").expect("written");
    run("--in", &ann);
    run("--out", &bo);
    // Both change what they have, and neither undoes what the other did.
    fs::write(&ann, "one\n2\nthree\n").expect("written");
    fs::write(&bo, "zero\none\ntwo\nthree\nfour\n").expect("written");
    run("--in", &bo);
    run("--in", &ann);
    assert_eq!(text(&home, &link), "zero\none\n2\nthree\nfour\n");
    fs::write(&bo, "zero\none\ntwo\nthree\nfour\nfive\n").expect("written");
    run("--in", &bo);
    assert_eq!(text(&home, &link), "zero\none\n2\nthree\nfour\nfive\n");
}

#[cfg(unix)]
#[test]
fn files_and_documents_stay_in_step() {
    let home = Home::new();
    let (_server, _keeper, link) = room(&home);
    let files = [home.path("ann.txt"), home.path("bo.txt")];
    fs::write(&files[0], "one\ntwo\nthree\n").expect("written");
    let watch = |file: &Path| {
        let file = file.to_str().expect("a path");
        let mut watcher = home.start(["sync", "text", &link, "notes", "--watch", file, "--json"]);
        watcher.line("that it watches", |line| line.contains("ready"));
        watcher
    };
    let mut watchers = [watch(&files[0]), watch(&files[1])];
    reads(&mut watchers[1], &files[1], "one\ntwo\nthree\n");
    // An editor that puts another file in its place, and one that writes into the file.
    let beside = home.path("beside.txt");
    fs::write(&beside, "zero\none\ntwo\nthree\n").expect("written");
    fs::rename(&beside, &files[0]).expect("renamed");
    fs::write(&files[1], "one\ntwo\nthree\nfour\n").expect("written");
    for (file, watcher) in files.iter().zip(&mut watchers) {
        reads(watcher, file, "zero\none\ntwo\nthree\nfour\n");
    }
    for watcher in watchers {
        watcher.interrupt();
        watcher.end().expect_code(0);
    }
    // What was changed while nobody watched is merged, too.
    fs::write(&files[0], "zero\none\n2\nthree\nfour\n").expect("written");
    let other = home.path("other.txt");
    let other = other.to_str().expect("a path");
    home.run(["sync", "text", &link, "notes", "--out", other]).expect_code(0);
    fs::write(other, "zero\none\ntwo\nthree\nfour\nfive\n").expect("written");
    home.run(["sync", "text", &link, "notes", "--in", other]).expect_code(0);
    let mut watcher = watch(&files[0]);
    reads(&mut watcher, &files[0], "zero\none\n2\nthree\nfour\nfive\n");
    fs::write(other, "something else").expect("written");
    let unknown = home.path("unknown.txt");
    fs::write(&unknown, "of nobody").expect("written");
    let unknown = unknown.to_str().expect("a path");
    let refused = home.run(["sync", "text", &link, "notes", "--watch", unknown]).expect_code(2);
    refused.expect_words(&["say different things", "--out"]);
    assert_eq!(fs::read_to_string(unknown).expect("read"), "of nobody");
}

#[test]
fn files_are_read_alike() {
    let home = Home::new();
    let (_server, _keeper, link) = room(&home);
    let file = home.path("notes.md");
    let path = file.to_str().expect("a path");
    let run = |options: &[&str]| home.run([&["sync", "text", &link, "notes"], options].concat());
    fs::write(&file, b"\xef\xbb\xbf# Title\r\n\r\nfirst line\r\nsecond line\r\n").expect("written");
    run(&["--in", path]).expect_code(0);
    assert_eq!(text(&home, &link), "# Title\n\nfirst line\nsecond line\n");
    // The file keeps how it is written.
    fs::write(&file, b"\xef\xbb\xbf# Title\r\n\r\nfirst line\r\nsecond line\r\nthird\r\n").expect("written");
    run(&["--in", path]).expect_code(0);
    run(&["--out", path]).expect_code(0);
    let now = fs::read(&file).expect("read");
    assert_eq!(now, b"\xef\xbb\xbf# Title\r\n\r\nfirst line\r\nsecond line\r\nthird\r\n");
    assert_eq!(text(&home, &link), "# Title\n\nfirst line\nsecond line\nthird\n");
    fs::write(&file, b"Caf\xe9 cr\xe8me, it\x92s late.").expect("written");
    for option in ["--in", "--watch"] {
        run(&[option, path]).expect_code(2).expect_words(&["byte 4 (0xE9)", "Windows-1252"]);
    }
}

#[cfg(unix)]
#[test]
fn watchers_outlive_half_saved_files() {
    let home = Home::new();
    let (_server, _keeper, link) = room(&home);
    let file = home.path("notes.txt");
    fs::write(&file, "caf\u{e9} one\r\ntwo\r\n").expect("written");
    let path = file.to_str().expect("a path");
    let mut watcher = home.start(["sync", "text", &link, "notes", "--watch", path, "--json"]);
    watcher.line("that it watches", |line| line.contains("ready"));
    assert_eq!(text(&home, &link), "caf\u{e9} one\ntwo\n");
    // Cut within a letter, and no text at all: said once, and left alone.
    fs::write(&file, b"caf\xc3").expect("written");
    watcher.line("that it is no text", |line| line.contains("refused") && line.contains("0xC3"));
    assert_eq!(text(&home, &link), "caf\u{e9} one\ntwo\n");
    let other = home.path("other.txt");
    home.run(["sync", "text", &link, "notes", "--out", other.to_str().expect("a path")]).expect_code(0);
    fs::write(&other, "caf\u{e9} one\ntwo\nthree\n").expect("written");
    home.run(["sync", "text", &link, "notes", "--in", other.to_str().expect("a path")]).expect_code(0);
    fs::write(&file, "caf\u{e9} one!\r\ntwo\r\n").expect("written");
    reads(&mut watcher, &file, "caf\u{e9} one!\r\ntwo\r\nthree\r\n");
    // What is refused for good stays in the file, and all else goes on.
    let long = "x".repeat(9_000_000);
    fs::write(&file, format!("caf\u{e9} one!\r\ntwo\r\nthree\r\n{long}\r\nfour\r\n")).expect("written");
    watcher.line("that it is too long", |line| line.contains("refused") && line.contains("8388608"));
    fs::write(&other, "zero\ncaf\u{e9} one\ntwo\nthree\n").expect("written");
    home.run(["sync", "text", &link, "notes", "--in", other.to_str().expect("a path")]).expect_code(0);
    let wanted = format!("zero\r\ncaf\u{e9} one!\r\ntwo\r\nthree\r\n{long}\r\nfour\r\n");
    reads(&mut watcher, &file, &wanted);
    let now = text(&home, &link);
    assert!(now.starts_with("zero\ncaf\u{e9} one!\n") && now.ends_with("four\n") && now.len() < 100, "{now}");
    watcher.interrupt();
    watcher.end().expect_code(0);
}

#[cfg(unix)]
#[test]
fn editors_edit_documents() {
    let home = Home::new();
    let (_server, _keeper, link) = room(&home);
    let edit =
        |editor: &str| home.run_with(&[("VISUAL", editor)], ["sync", "text", &link, "notes", "--edit"]);
    edit("sh -c 'echo one > \"$0\"'").expect_code(0);
    edit("sed -i s/one/two/").expect_code(0);
    assert_eq!(text(&home, &link), "two\n");
    edit("false").expect_code(2).expect_words(&["Nothing was written"]);
    assert_eq!(text(&home, &link), "two\n");
}

#[test]
fn versions_are_saved_and_restored() {
    let home = Home::new();
    let (_server, keeper, link) = room(&home);
    let put = |words: &str| {
        let file = home.path("notes.txt");
        fs::write(&file, words).expect("written");
        let file = file.to_str().expect("a path");
        home.run(["sync", "text", &link, "notes", "--in", file]).expect_code(0);
    };
    let versions = |options: &[&str]| home.run([&["sync", "versions", &link, "notes"], options].concat());
    put("one\n");
    versions(&["--save", "first"]).expect_code(0);
    put("two\n");
    versions(&["--save", "second", "--identity", "bo"]).expect_code(0);
    // The keeper has them though it was killed.
    keeper.kill();
    let _keeper = home.keep_for("sync", &link, "kept");
    let listed = versions(&["--json"]).expect_code(0).json();
    let listed = listed["versions"].as_array().expect("a list");
    let labels: Vec<_> = listed.iter().map(|version| (&version["label"], &version["holders"])).collect();
    assert_eq!(labels, [(&json!("second"), &json!(1)), (&json!("first"), &json!(1))]);
    assert_eq!(versions(&["--show", "first"]).expect_code(0).stdout.trim(), "one");
    versions(&["--restore", "first"]).expect_code(0);
    assert_eq!(text(&home, &link), "one\n");
    let file = home.path("notes.txt");
    home.run(["sync", "text", &link, "notes", "--out", file.to_str().expect("a path")]).expect_code(0);
    put("zero\none\nthree\n");
    let now = versions(&["--compare", "first"]).expect_code(0);
    assert_eq!(now.stdout, "--- notes first\n+++ notes\n@@ -1 +1,3 @@\n+zero\n one\n+three");
    let between = versions(&["--compare", "first", "second"]).expect_code(0);
    assert_eq!(between.stdout, "--- notes first\n+++ notes second\n@@ -1 +1 @@\n-one\n+two");
    let pieces = versions(&["--compare", "first", "--json"]).expect_code(0).json();
    let kinds: Vec<_> =
        pieces["pieces"].as_array().expect("a list").iter().map(|piece| &piece["kind"]).collect();
    assert_eq!(kinds, ["added", "same", "added", "same"]);
    assert!(pieces["pieces"][0]["author"].is_string(), "{pieces}");
    let same = versions(&["--compare", "first", "first"]).expect_code(0);
    assert_eq!(same.stdout, "Both are equal.");
    versions(&["--delete", "second"]).expect_code(4).expect_words(&["only who saved"]);
    versions(&["--delete", "first"]).expect_code(0);
    versions(&["--show", "first"]).expect_code(2).expect_words(&["no version"]);
    versions(&["--show", "second"]).expect_code(0);
}
