//! Exit codes and words that need no meeting point.

use crate::support::Home;

#[test]
fn wrong_arguments_are_usage_errors() {
    let home = Home::new();
    let link = "http://127.0.0.1:1/place/K7M4QX";
    let cases: &[&[&str]] = &[
        &[],
        &["place"],
        &["place", "sing"],
        &["place", "create"],
        &["place", "create", "--server", "127.0.0.1:8080"],
        &["place", "create", "--server", "http://127.0.0.1:1", "--size", "0x9"],
        &["place", "paint", link],
        &["place", "paint", link, "--pixel", "1,2,red"],
        &["place", "paint", link, "--pixel", "1,2,#ff0000", "--image", "a.png"],
        &["place", "paint", "http://127.0.0.1:1/place/K7M4Q0", "--pixel", "1,2,#ff0000"],
        &["place", "export", link],
        &["place", "keep", link],
        &["place", "watch", link, "--timeout", "30"],
        &["place", "watch", link, "--timeout", "0s"],
    ];
    for arguments in cases {
        let ended = home.run(*arguments).expect_code(2);
        assert!(ended.stdout.is_empty() && !ended.stderr.is_empty(), "{arguments:?}: {ended:?}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    let home = Home::new();
    for arguments in [&["--help"][..], &["--version"], &["place", "watch", "--help"]] {
        let ended = home.run(arguments).expect_code(0);
        assert!(!ended.stdout.is_empty(), "{arguments:?}");
    }
    assert!(home.run(["place", "watch", "--help"]).stdout.contains("in-step"), "events are documented");
}

#[test]
fn a_link_that_was_cut_off_says_so() {
    let home = Home::new();
    let arguments = ["place", "watch", "http://127.0.0.1:1/place/K7M4QX#abc"];
    home.run(arguments).expect_code(2).expect_words(&["ask for the link again"]);
}

#[test]
fn a_link_that_leads_elsewhere_says_so() {
    let home = Home::new();
    let room = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    let near = format!("meshwork:place#{room}");
    home.run(["place", "watch", &near]).expect_code(2).expect_words(&["names no server", "--lan"]);
    let words = ["this LINK is for chat"];
    home.run(["place", "watch", "http://127.0.0.1:1/chat/K7M4QX"]).expect_code(2).expect_words(&words);
}

#[test]
fn an_unreadable_picture_is_told_before_connecting() {
    let home = Home::new();
    std::fs::write(home.path("a.png"), "no picture").unwrap();
    let link = "http://127.0.0.1:1/place/K7M4QX";
    home.run(["place", "paint", link, "--image", "a.png"]).expect_code(2).expect_words(&["a.png"]);
    let ended = home.run(["place", "paint", link, "--image", "b.png", "--json"]).expect_code(1);
    assert_eq!(ended.json()["reason"], "failed");
}

#[test]
fn a_link_from_a_file_is_never_repeated() {
    let home = Home::new();
    let secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    std::fs::write(home.path("wrong.link"), format!("http://127.0.0.1:1/place/TOOLONG#{secret}\n")).unwrap();
    let ended = home.run(["place", "stats", "@wrong.link"]).expect_code(2);
    assert!(!ended.expect_words(&["wrong.link is not a LINK"]).stderr.contains(secret));
    home.run(["place", "stats", "@nowhere"])
        .expect_code(2)
        .expect_words(&["cannot read a LINK from nowhere"]);
    // A room that nobody answers for: the LINK was understood.
    std::fs::write(home.path("room.link"), format!("http://127.0.0.1:1/place/K7M4QX#{secret}\n\nnotes"))
        .unwrap();
    home.run(["place", "stats", "@room.link", "--timeout", "1s"]).expect_code(3);
}

#[test]
fn a_garbled_identity_is_named() {
    let home = Home::new();
    std::fs::write(home.path("me"), "garbled").unwrap();
    let arguments = ["place", "watch", "http://127.0.0.1:1/place/K7M4QX", "--identity", "me"];
    home.run(arguments).expect_code(5).expect_words(&["me is not a Meshwork identity", "--identity"]);
    assert_eq!(std::fs::read(home.path("me")).unwrap(), b"garbled");
}

#[test]
fn an_unreachable_meeting_point_is_exit_3() {
    let home = Home::new();
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let link = format!("{server}/place/K7M4QX");
    let words = ["was not reached within 1s", &server["http://".len()..]];
    home.run(["place", "create", "--server", &server, "--timeout", "1s"]).expect_code(3).expect_words(&words);
    let export = ["place", "export", &link, "--out", "a.png", "--timeout", "1s", "--json"];
    let ended = home.run(export).expect_code(3).expect_words(&words);
    assert_eq!(ended.json()["reason"], "unreachable");
    assert!(!home.path("a.png").exists());
    let keep = ["place", "keep", &link, "--data", "kept", "--timeout", "1s"];
    home.run(keep).expect_code(3).expect_words(&words);
    assert!(home.path("kept/identity").exists(), "a keeper's identity lies with its data");
}
