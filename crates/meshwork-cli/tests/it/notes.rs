//! Notes by the command line, between real processes.

use crate::support::Home;

#[test]
fn notes_are_written_read_kept_and_removed() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = home.create(&url, &["--size", "64x64"]);
    let keeper = home.keep(&link, "kept");
    let note = |identity: &str, act: &[&str]| {
        let run = ["place", "notes", &link, "--identity", identity, "--json"];
        home.run([&run[..], act].concat())
    };
    let texts = |home: &Home| -> Vec<String> {
        let notes = home.run(["place", "notes", &link, "--json"]).expect_code(0).json();
        let notes = notes["notes"].as_array().expect("a list").clone();
        notes.iter().map(|note| note["text"].as_str().expect("a text").to_owned()).collect()
    };
    assert!(home.run(["place", "notes", &link]).expect_code(0).stdout.contains("Nobody has written"));
    let first = note("ann", &["--write", "The ferry leaves at 9:40."]).expect_code(0).json();
    assert_eq!(first["stored"], true, "the keeper says so once it is on its disk");
    note("bo", &["--write", "\u{202e}I bring\nthe map."]).expect_code(0);
    assert_eq!(texts(&home), ["The ferry leaves at 9:40.", "I bring\nthe map."]);

    // A keeper that was killed has them, and serves them alone.
    keeper.kill();
    let _keeper = home.keep(&link, "kept");
    assert_eq!(texts(&home).len(), 2);
    let id = first["id"].as_str().expect("an id");
    let others = note("bo", &["--remove", id]).expect_code(2);
    others.expect_words(&["is not yours"]);

    // Who made the room moderates it.
    note("bo", &["--hide", id]).expect_code(4).expect_words(&["Only the owner or a moderator"]);
    home.run(["place", "notes", &link, "--hide", id]).expect_code(0);
    assert_eq!(texts(&home), ["I bring\nthe map."]);
    home.run(["place", "notes", &link, "--unhide", id]).expect_code(0);
    assert_eq!(texts(&home).len(), 2);
    note("ann", &["--remove", id]).expect_code(0);
    let left = home.run(["place", "notes", &link, "--json"]).expect_code(0).json();
    let left = left["notes"].as_array().expect("a list");
    assert_eq!((left.len(), &left[0]["missing"]), (1, &1.into()), "its author had seen the other");
    note("ann", &["--write", "  "]).expect_code(2).expect_words(&["a text or files"]);
}
