//! What the program writes, that it is the same from one seed, and what it says when it cannot.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// Runs the program in a folder, and checks how it ends.
#[track_caller]
fn run(folder: &TempDir, arguments: &[&str], code: i32) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meshwork-study"));
    let output = command.args(arguments).current_dir(folder.path()).output().expect("it starts");
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    output
}

#[track_caller]
fn assert_says(said: &[u8], words: &[&str]) {
    let said = String::from_utf8_lossy(said);
    assert!(words.iter().all(|word| said.contains(word)), "{words:?} in {said}");
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("the folder is read").path();
        let name = path.file_name().expect("it is in a folder").to_string_lossy().into_owned();
        (name, fs::read(path).expect("it was written"))
    };
    fs::read_dir(folder).expect("it was made").map(read).collect()
}

#[test]
fn study_report_is_complete_and_reproducible() {
    let folder = TempDir::new().expect("a folder");
    let arguments = ["place-study", "--peers", "100", "--seed", "5"];
    run(&folder, &[&arguments[..], &["--threads", "1", "--out", "one"]].concat(), 0);

    let written = files(&folder.path().join("one"));
    for name in
        ["report.html", "data.json", "scenario.toml", "sweep.csv", "rounds.svg", "rounds.png", "k.svg"]
    {
        assert!(written.contains_key(name), "{name} among {:?}", written.keys());
    }
    assert!(written["rounds.svg"].starts_with(b"<svg"));
    let picture = png::Decoder::new(std::io::Cursor::new(&written["rounds.png"]));
    assert!(picture.read_info().expect("a picture").info().width > 1000);
    let data: serde_json::Value = serde_json::from_slice(&written["data.json"]).expect("JSON");
    let rows = data["sections"][0]["rows"].as_array().expect("rows");
    let original = rows.iter().find(|row| row["overlay"] == "original, 5 nines").expect("its row");
    assert_eq!((&original["links or k"], &original["messages"]), (&17.0.into(), &1700.into()));

    let ended = run(&folder, &[&arguments[..], &["--threads", "2", "--out", "two"]].concat(), 0);
    assert_says(&ended.stdout, &["Seed 5", "two/report.html"]);
    assert_eq!(written, files(&folder.path().join("two")), "threads change no byte");
    run(&folder, &["one/scenario.toml", "--out", "three"], 0);
    assert_eq!(written, files(&folder.path().join("three")), "the file of a run repeats it");
}

#[test]
fn scenarios_are_listed() {
    let folder = TempDir::new().expect("a folder");
    assert_says(&run(&folder, &["--list"], 0).stdout, &["place-study", "catastrophe", "churn", "cost"]);
}

#[test]
fn what_cannot_be_studied_is_said_in_words() {
    let folder = TempDir::new().expect("a folder");
    run(&folder, &[], 2);
    assert_says(&run(&folder, &["place-study"], 2).stderr, &["--out"]);
    assert_says(&run(&folder, &["p2p", "--out", "o"], 2).stderr, &["p2p", "--list"]);
    run(&folder, &["place-study", "--peers", "1", "--out", "o"], 2);
    assert_says(&run(&folder, &["none.toml", "--out", "o"], 1).stderr, &["cannot read none.toml"]);
    let wrong = "scenario = \"place-study\"\npeople = 3\n";
    fs::write(folder.path().join("wrong.toml"), wrong).expect("it is written");
    assert_says(&run(&folder, &["wrong.toml", "--out", "o"], 2).stderr, &["wrong.toml", "people"]);
    fs::write(folder.path().join("o"), "a file").expect("it is written");
    assert_says(&run(&folder, &["place-study", "--out", "o"], 1).stderr, &["cannot make the folder"]);
}
