//! Taking an identity from one place to another.

use crate::support::Home;

#[test]
fn an_exported_identity_is_the_same_peer_elsewhere() {
    let home = Home::new();
    home.run(["identity", "show"]).expect_code(2).expect_words(&["no identity"]);
    // The first command that needs one makes it.
    home.run(["place", "watch", "http://127.0.0.1:1/place/K7M4QX", "--timeout", "1ms", "--identity", "me"]);
    let peer =
        home.run(["identity", "show", "--identity", "me", "--json"]).expect_code(0).json()["peer"].clone();
    let key = home.run(["identity", "export", "--identity", "me"]).expect_code(0).stdout;
    assert!(key.starts_with("meshwork-key-1:") && key.lines().count() == 1, "{key}");

    home.run(["identity", "export", "--identity", "me", "--out", "key.txt"]).expect_code(0);
    let text = std::fs::read_to_string(home.path("key.txt")).unwrap();
    assert!(text.contains(&key) && text.contains(peer.as_str().unwrap()), "{text}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(home.path("key.txt")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let again = ["identity", "export", "--identity", "me", "--out", "key.txt"];
    home.run(again).expect_code(2).expect_words(&["exists already", "--force"]);
    home.run([&again[..], &["--force"]].concat()).expect_code(0);

    let elsewhere = Home::new();
    std::fs::copy(home.path("key.txt"), elsewhere.path("key.txt")).unwrap();
    let imported = elsewhere.run(["identity", "import", "key.txt", "--json"]).expect_code(0).json();
    assert_eq!((&imported["peer"], &imported["former"]), (&peer, &serde_json::Value::Null));
    assert_eq!(elsewhere.run(["identity", "show", "--json"]).expect_code(0).json()["peer"], peer);
    let again = elsewhere.run(["identity", "import", "key.txt"]).expect_code(0);
    assert!(again.stdout.contains("already"), "{again:?}");
}

#[test]
fn importing_over_a_key_keeps_the_former_one() {
    let home = Home::new();
    for name in ["a", "b"] {
        let arguments =
            ["place", "watch", "http://127.0.0.1:1/place/K7M4QX", "--timeout", "1ms", "--identity", name];
        home.run(arguments);
    }
    home.run(["identity", "export", "--identity", "a", "--out", "a.txt"]).expect_code(0);
    let before = std::fs::read(home.path("b")).unwrap();
    let import = ["identity", "import", "a.txt", "--identity", "b"];
    home.run(import).expect_code(2).expect_words(&["another author", "Nothing was changed", "--force"]);
    assert_eq!(std::fs::read(home.path("b")).unwrap(), before);

    let forced = home.run([&import[..], &["--force", "--json"]].concat()).expect_code(0).json();
    assert_eq!(std::fs::read(home.path("b")).unwrap(), std::fs::read(home.path("a")).unwrap());
    assert_eq!(std::fs::read(home.path(forced["kept"].as_str().unwrap())).unwrap(), before);
    assert_ne!(forced["former"], forced["peer"]);
}

#[test]
fn a_changed_key_is_refused_and_never_repeated() {
    let home = Home::new();
    let key = "meshwork-key-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9fgXU3";
    std::fs::write(home.path("key.txt"), key).unwrap();
    let ended = home.run(["identity", "import", "key.txt"]).expect_code(2);
    assert!(!ended.expect_words(&["mistyped"]).stderr.contains("AAECAw"));
    assert!(!home.path("data/meshwork/identity").exists());
    home.run(["identity", "import", "nowhere"]).expect_code(1).expect_words(&["nowhere"]);
}
