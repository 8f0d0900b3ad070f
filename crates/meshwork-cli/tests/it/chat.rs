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
    home.start_typing(["chat", link, "--name", name, "--identity", name, "--commands"])
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
    bo.log("the error", |line| line.contains("There is no command /nothing") && line.ends_with(": /nothing"));
    of_bo.line("bye");
    drop(of_bo);
    bo.end().expect_code(0);
    ann.line("the last post", |line| line.ends_with(" bo: bye"));
    of_ann.line("/quit");
    ann.end();
}

#[test]
fn piped_lines_are_text() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = create(&home, &url);
    let _keeper = home.keep_for("chat", &link, "kept");
    let (ann, mut of_ann) = home.start_typing(["chat", &link, "--newest", "0", "--identity", "ann"]);
    let lines = ["/quit", "//twice", "/etc/motd is empty", "/dm nobody a secret", "the last"];
    lines.iter().for_each(|line| of_ann.line(line));
    drop(of_ann);
    ann.end().expect_code(0);
    assert_eq!(texts(&posts(&home, &link, &[])), lines);
}

#[test]
fn a_typed_line_stays_whole_on_a_terminal() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = create(&home, &url);
    let _keeper = home.keep_for("chat", &link, "kept");
    let run = |who: &str, act: &[&str]| {
        home.run([act, &["--identity", who, "--json"]].concat()).expect_code(0).json()
    };
    run("bo", &["chat", "profile", &link, "--name", "Bo"]);
    run("bo", &["chat", "post", &link, "An early post."]);
    let arguments = ["chat", &link, "--name", "ann", "--identity", "ann"];
    let mut ann = home.start_on_terminal(&arguments, (80, 24), &[("TZ", "UTC-9")]);
    ann.wait_for("+09:00 Bo: An early post.");
    ann.wait_for("help has the commands.");
    ann.send("the ferry leaves 早い");
    ann.wait_for("> the ferry leaves 早い");
    run("bo", &["chat", "post", &link, "A post in between."]);
    ann.wait_for("Bo: A post in between.");
    let last =
        |screen: &vt100::Screen| screen.contents().trim_end().lines().last().unwrap_or_default().to_owned();
    ann.wait("the typed line below", |screen| last(screen) == "> the ferry leaves 早い");
    // Backspace over two wide letters, then to the left and back to the beginning.
    ann.send("\u{7f}\u{7f}at nine\u{1b}[D\u{1b}[D\u{1}Today: \r");
    ann.wait_for("> Today: the ferry leaves at nine");
    ann.send("\u{1b}[200~/quit\r\nis a word\u{1b}[201~\r");
    ann.send("/quit\u{1b}[200~ smoking\u{1b}[201~\u{1}/");
    ann.wait("the edited line", |screen| last(screen) == "> //quit smoking");
    ann.send("\r/nothing here\r");
    ann.wait_for("There is no command /nothing");
    ann.wait("the line that came back", |screen| last(screen) == "> /nothing here");
    ann.send("\u{15}");
    let key = run("ann", &["identity", "show"])["peer"].as_str().expect("a key").to_owned();
    run("bo", &["chat", "dm", &link, &key, "Only for you."]);
    ann.wait_for("Bo to you alone: Only for you.");
    ann.send("/re Only for you, too.\r\u{1b}[A");
    // Between two lines Ctrl-C is a signal, so the line must be the one that arrow up brought back.
    let line = "> /re Only for you, too.";
    ann.wait("the line before", |screen| {
        screen.contents().matches(line).count() == 2 && last(screen) == line
    });
    ann.send("\u{3}");
    assert_eq!(ann.end(), 0);
    ann.expect_restored();
    let written = posts(&home, &link, &["--all"]);
    let expected = ["Today: the ferry leaves at nine", "/quit\nis a word", "/quit smoking"];
    assert_eq!(&texts(&written)[2..], expected);
    assert_eq!((&written[4]["name"], &written[4]["own"]), (&json!("ann"), &json!(false)), "the name stays");
    let direct = run("bo", &["chat", "dm", &link, &key]);
    assert_eq!(texts(direct["posts"].as_array().expect("a list")), ["Only for you.", "Only for you, too."]);
}

#[test]
fn direct_posts_are_for_one_person() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = create(&home, &url);
    let _keeper = home.keep_for("chat", &link, "kept");
    let run = |who: &str, command: &str, rest: &[&str]| {
        home.run([&["chat", command, &link, "--identity", who, "--json"], rest].concat())
    };
    let named = run("bo", "profile", &["--name", "Bo", "--status", "In Porto"]).expect_code(0).json();
    let bo = named["peer"].as_str().expect("a key");
    run("ann", "dm", &["Cy", "Hello"]).expect_code(2).expect_words(&["is called", "Bo (", bo]);
    let written = run("ann", "dm", &["bo", "Shall we meet at the \u{1b}[31mpier?"]).expect_code(0).json();
    assert_eq!(written["peer"], bo);
    let (mut talk, mut typed) = talk(&home, &link, "ann");
    talk.log("here", |line| line.contains("here: "));
    typed.line("/dm Bo At nine.");
    talk.log("written", |line| line.contains("written to Bo ("));
    typed.line("/dm Cy At nine.");
    talk.log("the error", |line| line.contains("Nobody known in this room is called"));
    drop(typed);
    talk.end().expect_code(0);

    let mine = run("ann", "dm", &[bo]).expect_code(0).json();
    let ann = mine["posts"][0]["peer"].as_str().expect("a key").to_owned();
    let theirs = run("bo", "dm", &[&ann]).expect_code(0).json();
    let read = texts(theirs["posts"].as_array().expect("a list"));
    assert_eq!(read, ["Shall we meet at the [31mpier?", "At nine."]);
    assert_eq!(theirs["posts"][0]["id"], written["id"]);
    let strangers = run("eve", "dm", &[&ann]).expect_code(0).json();
    assert_eq!(strangers["posts"], json!([]));
    assert!(posts(&home, &link, &["--all"]).is_empty(), "no direct post is an open one");
    run("eve", "profile", &["--name", "BO"]).expect_code(0);
    run("ann", "dm", &["bo", "Which?"]).expect_code(2).expect_words(&["several people", bo]);
}

#[test]
fn profiles_are_printed_and_changed() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = create(&home, &url);
    let _keeper = home.keep_for("chat", &link, "kept");
    let run = |who: &str, rest: &[&str]| {
        home.run([&["chat", "profile", &link, "--identity", who, "--json"], rest].concat())
    };
    home.draw("face.png", &image::RgbaImage::new(64, 48));
    home.draw("wide.png", &image::RgbaImage::new(300, 10));
    std::fs::write(home.path("face.svg"), "<svg/>").expect("it can be written");
    std::fs::write(home.path("large.png"), vec![0; 20_000]).expect("it can be written");
    assert_eq!(run("ann", &[]).expect_code(0).json()["profiles"], json!([]));
    let made = run("ann", &["--name", "Ann", "--status", "In Porto", "--avatar", "face.png"]);
    let ann = made.expect_code(0).json()["peer"].clone();
    run("ann", &["--status", ""]).expect_code(0);
    for (file, why) in
        [("wide.png", "300x10"), ("face.svg", "no such picture"), ("large.png", "has 19.5 KiB")]
    {
        run("ann", &["--avatar", file]).expect_code(2).expect_words(&[why, "Scale it down"]);
    }
    run("bo", &["--name", &"x".repeat(33)])
        .expect_code(2)
        .expect_words(&["33 bytes exceeds the limit of 32"]);
    let profiles = run("bo", &[]).expect_code(0).json()["profiles"].clone();
    let of_ann = &profiles[0];
    assert_eq!((&of_ann["peer"], &of_ann["name"], &of_ann["status"]), (&ann, &json!("Ann"), &json!("")));
    let avatar = &of_ann["avatar"];
    assert_eq!((&avatar["kind"], &avatar["width"]), (&json!("image/png"), &json!(64)));
    run("ann", &["--no-avatar"]).expect_code(0);
    assert_eq!(run("bo", &[]).expect_code(0).json()["profiles"][0]["avatar"], Value::Null);
}
