//! An identity behind a passphrase.

use crate::support::Home;

/// What imports `me.age`.
fn import<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["identity", "import", "me.age", "--json"], more].concat()
}

/// A home with the identity `me`, and who that is.
fn home_of_me() -> (Home, serde_json::Value) {
    let home = Home::new();
    home.run(["place", "watch", "http://127.0.0.1:1/place/K7M4QX", "--timeout", "1ms", "--identity", "me"]);
    let shown = home.run(["identity", "show", "--identity", "me", "--json"]).expect_code(0).json();
    (home, shown["peer"].clone())
}

#[test]
fn sealed_identities_open_by_their_passphrase() {
    let (home, peer) = home_of_me();
    std::fs::write(home.path("words"), "correct horse\nnotes on it\n").unwrap();
    std::fs::write(home.path("wrong"), "correct horses\n").unwrap();
    let export = [
        "identity",
        "export",
        "--sealed",
        "--passphrase-file",
        "words",
        "--identity",
        "me",
        "--out",
        "me.age",
    ];
    home.run(export).expect_code(0);
    let text = std::fs::read_to_string(home.path("me.age")).unwrap();
    assert!(text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"), "{text}");
    assert!(!text.contains("meshwork-key-1:"), "{text}");
    home.run(export).expect_code(2).expect_words(&["exists already", "--force"]);

    let ended = home.run(import(&["--passphrase-file", "wrong"])).expect_code(4);
    ended.expect_words(&["not the passphrase", "Nothing was changed"]);
    let ended = home.run(import(&["--passphrase-file", "wrong"]));
    assert_eq!(ended.json()["reason"], "passphrase-wrong");
    home.run(import(&[])).expect_code(2).expect_words(&["on a terminal", "--passphrase-file"]);
    home.run(import(&["--passphrase-file", "me.age"])).expect_code(2).expect_words(&["both"]);
    assert!(!home.path("data/meshwork/identity").exists());
    let imported = home.run(import(&["--passphrase-file", "words"])).expect_code(0).json();
    assert_eq!(imported["peer"], peer);
    std::fs::write(home.path("me.age"), &text[..text.len() / 2]).unwrap();
    home.run(import(&["--passphrase-file", "words"])).expect_code(2).expect_words(&["part of it is missing"]);
}

#[cfg(unix)]
#[test]
fn passphrases_come_from_standard_input() {
    let (home, peer) = home_of_me();
    let with_words = ["sh", "-c", "printf 'correct horse\\n' | \"$0\" \"$@\""];
    let export = ["identity", "export", "--sealed", "--passphrase-file", "-", "--identity", "me", "--json"];
    let exported = home.start_through(&with_words, export).end().expect_code(0).json();
    assert_eq!(exported["peer"], peer);
    std::fs::write(home.path("me.age"), exported["key"].as_str().unwrap()).unwrap();
    let import = import(&["--passphrase-file", "-"]);
    assert_eq!(home.start_through(&with_words, import).end().expect_code(0).json()["peer"], peer);
}

#[cfg(unix)]
#[test]
fn passphrases_are_typed_twice_and_never_shown() {
    let (home, peer) = home_of_me();
    let export = ["identity", "export", "--sealed", "--identity", "me", "--out", "me.age"];
    let typed = |arguments: &[&str], lines: &[(&str, &str)]| {
        let mut pty = home.start_on_terminal(arguments, (100, 30), &[]);
        for (question, line) in lines {
            pty.wait_for(question);
            pty.send(line);
        }
        let code = pty.end();
        pty.expect_restored();
        let shown = String::from_utf8_lossy(&pty.bytes()).into_owned();
        assert!(!shown.contains("horse"), "{shown}");
        (code, shown)
    };
    let (code, shown) = typed(&export, &[("to seal it with: ", "horse 1\r"), ("again: ", "horse 2\r")]);
    assert!(code == 2 && shown.contains("passphrases differ"), "{code} {shown}");
    let (code, shown) = typed(&export, &[("to seal it with: ", "horse\u{3}")]);
    assert!(code == 2 && shown.contains("No passphrase"), "{code} {shown}");
    assert!(!home.path("me.age").exists());
    let (code, shown) = typed(&export, &[("to seal it with: ", "horse 1\r"), ("again: ", "horse 1\r")]);
    assert_eq!(code, 0, "{shown}");

    let import = ["identity", "import", "me.age"];
    let (code, shown) = typed(&import, &[("Its passphrase: ", "horse 2\r")]);
    assert!(code == 4 && shown.contains("not the passphrase"), "{code} {shown}");
    let (code, shown) = typed(&import, &[("Its passphrase: ", "horse 1\r")]);
    assert!(code == 0 && shown.contains(peer.as_str().unwrap()), "{code} {shown}");
}
