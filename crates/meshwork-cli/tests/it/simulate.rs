//! `meshwork simulate`: what it writes, that it is the same from one seed, and what it says when it cannot.

use std::collections::BTreeMap;

use crate::support::Home;

fn files(home: &Home, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.expect("the folder is read").path();
        let name = path.file_name().expect("it is in a folder").to_string_lossy().into_owned();
        (name, std::fs::read(path).expect("it was written"))
    };
    std::fs::read_dir(home.path(folder)).expect("it was made").map(read).collect()
}

#[test]
fn a_study_is_written_as_data_figures_and_a_page_and_is_the_same_again() {
    let home = Home::new();
    let arguments = ["simulate", "place-study", "--peers", "100", "--seed", "5", "--out"];
    let ended = home.run(arguments.iter().copied().chain(["one", "--threads", "1", "--json"])).expect_code(0);
    assert_eq!((&ended.json()["seed"], &ended.json()["scenario"]), (&5.into(), &"place-study".into()));

    let written = files(&home, "one");
    for name in
        ["report.html", "data.json", "scenario.toml", "sweep.csv", "rounds.svg", "rounds.png", "k.svg"]
    {
        assert!(written.contains_key(name), "{name} among {:?}", written.keys());
    }
    assert!(written["rounds.svg"].starts_with(b"<svg"));
    assert!(home.pixels("one/rounds.png").width() > 1000);
    let data: serde_json::Value = serde_json::from_slice(&written["data.json"]).unwrap();
    let rows = data["sections"][0]["rows"].as_array().unwrap();
    let original = rows.iter().find(|row| row["overlay"] == "original, 5 nines").unwrap();
    assert_eq!((&original["links or k"], &original["messages"]), (&17.0.into(), &1700.0.into()));

    let ended = home.run(arguments.iter().copied().chain(["two", "--threads", "2"])).expect_code(0);
    ended.expect_words(&["seed 5"]);
    assert_eq!(written, files(&home, "two"), "threads change no byte");
    let ended = home.run(["simulate", "one/scenario.toml", "--out", "three"]).expect_code(0);
    assert!(ended.stdout.contains("three/report.html"), "{ended:?}");
    assert_eq!(written, files(&home, "three"), "the file of a run repeats it");
}

#[test]
fn scenarios_are_listed() {
    let home = Home::new();
    let ended = home.run(["simulate", "--list"]).expect_code(0);
    assert!(ended.stdout.contains("place-study"), "{ended:?}");
    let ended = home.run(["simulate", "--list", "--json"]).expect_code(0);
    assert_eq!(ended.json()["scenarios"][0]["name"], "place-study");
}

#[test]
fn what_cannot_be_simulated_is_said_in_words() {
    let home = Home::new();
    home.run(["simulate"]).expect_code(2);
    home.run(["simulate", "place-study"]).expect_code(2).expect_words(&["--out"]);
    home.run(["simulate", "p2p", "--out", "o"]).expect_code(2).expect_words(&["p2p", "--list"]);
    home.run(["simulate", "place-study", "--peers", "1", "--out", "o"]).expect_code(2);
    let ended = home.run(["simulate", "none.toml", "--out", "o", "--json"]).expect_code(1);
    assert_eq!(ended.json()["reason"], "failed");
    std::fs::write(home.path("wrong.toml"), "scenario = \"place-study\"\npeople = 3\n").unwrap();
    home.run(["simulate", "wrong.toml", "--out", "o"]).expect_code(2).expect_words(&["wrong.toml", "people"]);
    std::fs::write(home.path("o"), "a file").unwrap();
    home.run(["simulate", "place-study", "--out", "o"])
        .expect_code(1)
        .expect_words(&["cannot make the folder"]);
}
