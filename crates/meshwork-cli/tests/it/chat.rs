//! The conversation by the command line, between real processes.

use serde_json::{Value, json};

use crate::support::{Home, Running, Typing};

/// Makes a room for talking and returns its LINK.
fn create(home: &Home, url: &str) -> String {
    let made = home.run(["chat", "create", "--server", url, "--private", "--json"]).expect_code(0).json();
    made["link"].as_str().expect("a link").to_owned()
}

fn posts(home: &Home, link: &str, options: &[&str]) -> Vec<Value> {
    let read = home.run([&["chat", "read", link, "--json"], options].concat()).expect_code(0).json();
    read["posts"].as_array().expect("a list").clone()
}

fn texts(posts: &[Value]) -> Vec<&str> {
    posts.iter().map(|post| post["text"].as_str().expect("a text")).collect()
}

/// Somebody who talks in lines.
fn talk(home: &Home, link: &str, name: &str) -> (Running, Typing) {
    home.start_typing(["chat", link, "--name", name, "--identity", name])
}

#[test]
fn posts_are_written_changed_and_found() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = create(&home, &url);
    let _keeper = home.keep_for("chat", &link, "kept");
    let mut watch = home.start(["chat", "watch", &link, "--identity", "eve"]);
    watch.event("ready", |_| true);
    let post = |who: &str, act: &[&str]| {
        home.run([&["chat", "post", &link, "--identity", who, "--json"], act].concat())
    };
    let first = post("ann", &["The *ferry* leaves at 9:40."]).expect_code(0).json();
    let id = first["id"].as_str().expect("an id");
    watch.event("posted", |line| line["id"] == id);
    let answer = post("bo", &["--re", id, "\u{1b}[31mFrom pier 2?"]).expect_code(0).json();
    post("bo", &["--react", id, "👍"]).expect_code(0);
    let reacted = watch.event("reacted", |line| line["reactions"] != json!([]));
    assert_eq!(reacted["reactions"][0]["emoji"], "👍");
    post("ann", &["--edit", id, "The ferry leaves at 9:50."]).expect_code(0);
    watch.event("edited", |line| line["text"] == "The ferry leaves at 9:50.");
    let all = posts(&home, &link, &["--all"]);
    assert_eq!(texts(&all), ["The ferry leaves at 9:50.", "[31mFrom pier 2?"]);
    assert_eq!((&all[0]["edited"], &all[1]["re"]), (&json!(true), &json!(id)));
    assert_eq!(texts(&posts(&home, &link, &["--search", "PIER"])), ["[31mFrom pier 2?"]);
    assert_eq!(texts(&posts(&home, &link, &["--newest", "1"])), ["[31mFrom pier 2?"]);
    post("bo", &["--edit", id, "mine"]).expect_code(2).expect_words(&["is not yours"]);
    post("bo", &["--react", id, "no emoji"]).expect_code(2).expect_words(&["is not one emoji"]);
    post("bo", &["--hide", id]).expect_code(4).expect_words(&["Only the owner or a moderator"]);
    let other = answer["id"].as_str().expect("an id");
    post("bo", &["--delete", other]).expect_code(0);
    watch.event("removed", |line| line["id"] == other);
    assert_eq!(posts(&home, &link, &[]).len(), 1);
    post("ann", &[]).expect_code(2);
}

#[test]
fn two_talk_in_lines_without_their_server() {
    let home = Home::new();
    let (server, url) = home.serve();
    let link = create(&home, &url);
    let keeper = home.keep_for("chat", &link, "kept");
    let (mut ann, mut of_ann) = talk(&home, &link, "ann");
    ann.log("here", |line| line.contains("here: "));
    keeper.terminate();
    keeper.end();
    let (mut bo, mut of_bo) = talk(&home, &link, "bo");
    ann.log("bo", |line| line.contains("bo is here"));
    of_ann.line("Ferry at 9:40.");
    bo.line("the post", |line| line.ends_with(" ann: Ferry at 9:40."));
    server.kill();
    of_bo.line("/re From pier 2?");
    ann.line("the answer", |line| line.ends_with(" bo: From pier 2?"));
    of_bo.line("/react 👍");
    ann.line("the reaction", |line| line.contains("👍 1 on "));
    of_ann.line("/edit Ferry at 9:50.");
    bo.line("the edit", |line| line.ends_with(" ann: Ferry at 9:50. (edited)"));
    of_bo.line("//me first");
    ann.line("a slash", |line| line.ends_with(" bo: /me first"));
    of_bo.line("/delete");
    ann.line("the removal", |line| line.starts_with("  removed: "));
    of_bo.line("/nothing");
    bo.log("the error", |line| line.contains("There is no command /nothing"));
    of_bo.line("bye");
    drop(of_bo);
    bo.end().expect_code(0);
    ann.line("the last post", |line| line.ends_with(" bo: bye"));
    of_ann.line("/quit");
    ann.end();
}
