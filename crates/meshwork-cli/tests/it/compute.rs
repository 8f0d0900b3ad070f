//! Jobs by the command line, between real processes: each lender is a machine of its own.

use serde_json::{Value, json};

use crate::support::{Home, Running};

/// The ready programs.
const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/programs");

/// A room, and its LINK.
fn room(home: &Home, options: &[&str]) -> (Running, String) {
    let (server, url) = home.serve();
    let create = [&["compute", "create", "--server", &url, "--json"], options].concat();
    let link = home.run(create).expect_code(0).json()["link"].as_str().expect("a LINK").to_owned();
    (server, link)
}

/// A machine that lends, once it does.
fn lends(home: &Home, link: &str, name: &str, options: &[&str]) -> Running {
    let lend = [&["compute", "lend", link, "--identity", name, "--json"], options].concat();
    let mut lender = home.start(lend);
    lender.event("lending", |_| true);
    lender
}

#[test]
fn programs_render_the_picture_of_one_machine() {
    let home = Home::new();
    let (_server, link) = room(&home, &["--private"]);
    let lenders: Vec<Running> =
        ["ann", "bo", "cy"].iter().map(|name| lends(&home, &link, name, &["--cores", "1"])).collect();
    let module = format!("{PROGRAMS}/mandelbrot/mandelbrot.wasm");
    let render = |who: &str, link: &str, out: &str, lend: &str| {
        let params = json!({ "columns": 8, "rows": 6, "iterations": 1000 }).to_string();
        let run = [
            "compute",
            "run",
            link,
            &module,
            "--units",
            "48",
            "--tiles",
            "8x64x64",
            "--params",
            &params,
            "--unit-ms",
            "60000",
        ];
        home.start([&run[..], &["--out", out, "--identity", who, "--lend", lend, "--json"]].concat())
    };
    let together = render("dee", &link, "together.png", "0");
    // One of them dies in the middle.
    let mut lenders = lenders.into_iter();
    let mut killed = lenders.next().expect("there are three");
    killed.event("runs", |event| event["runs"].as_array().is_some_and(|runs| !runs.is_empty()));
    killed.kill();
    let done = together.end().expect_code(0).json();
    assert_eq!(done["units"], 48);
    drop(lenders);
    let (_server, alone) = room(&home, &[]);
    render("eve", &alone, "alone.png", "1").end().expect_code(0);
    let (together, alone) = (home.pixels("together.png"), home.pixels("alone.png"));
    assert_eq!(together.dimensions(), (512, 384));
    assert!(together == alone, "the pictures differ");
    assert!(alone.pixels().any(|pixel| pixel.0[..3] != alone.get_pixel(0, 0).0[..3]), "it has one colour");
}

#[test]
fn a_shell_maps_lines_over_an_offered_command() {
    let home = Home::new();
    let (_server, link) = room(&home, &["--private"]);
    let offer = "louder=tr a-z A-Z";
    let _lender = lends(&home, &link, "ann", &["--offer", offer, "--only-offers", "--cores", "2"]);
    let map = |options: &[&str], lines: &[String]| {
        let run = [&["compute", "map", &link, "@louder", "--identity", "bo"], options].concat();
        let (running, mut typing) = home.start_typing(run);
        lines.iter().for_each(|line| typing.line(line));
        drop(typing);
        running.end()
    };
    let lines: Vec<String> = (0..100).map(|number| format!("\"word {number}\"")).collect();
    let mapped = map(&[], &lines).expect_code(0);
    let wanted: Vec<String> = (0..100).map(|number| format!("\"WORD {number}\"")).collect();
    assert_eq!(mapped.stdout.lines().collect::<Vec<_>>(), wanted);
    let text = map(&["--text"], &["no JSON at all".to_owned()]).expect_code(0);
    assert_eq!(text.stdout, "NO JSON AT ALL");
    // The result of `true` is no JSON, since tr makes TRUE of it.
    let failed = map(&[], &["1".to_owned(), "true".to_owned(), "2".to_owned()]).expect_code(1);
    assert!(failed.stderr.contains("line 2"), "{}", failed.stderr);
    let skipped = map(&["--skip"], &["1".to_owned(), "true".to_owned(), "2".to_owned()]).expect_code(1);
    assert_eq!(skipped.stdout, "1\nnull\n2");
    let wrong = map(&[], &["1".to_owned(), "two words".to_owned()]).expect_code(2);
    assert_eq!(wrong.stdout, "1");
    wrong.expect_words(&["line 2 is not JSON"]);
}

/// Two machines offer the same name, and one of them lies.
#[test]
fn a_liar_is_named_and_changes_nothing() {
    let home = Home::new();
    let (_server, link) = room(&home, &["--private"]);
    let offer = |answer: &str| format!("square=sh -c 'echo {answer}'");
    let honest = offer("$((MESHWORK_UNIT * MESHWORK_UNIT))");
    // The submitter's own machine repeats the units of others.
    let _own = lends(&home, &link, "ann", &["--offer", &honest, "--only-offers", "--cores", "1"]);
    let _liar = lends(&home, &link, "liar", &["--offer", &offer("7"), "--only-offers", "--cores", "4"]);
    let liar = home.run(["identity", "show", "--identity", "liar", "--json"]).expect_code(0).json();
    let run = ["compute", "run", &link, "@square", "--units", "30", "--result", "json", "--lend", "0"];
    let trust = ["--trusted", "me", "--check", "all", "--identity", "ann", "--out", "squares.json"];
    let ran = home.run([&run[..], &trust, &["--json"]].concat()).expect_code(0).json();
    let written = std::fs::read_to_string(home.path("squares.json")).expect("it was written");
    let squares: Vec<u32> = written.lines().filter_map(|line| line.parse().ok()).collect();
    assert_eq!(squares, (0..30_u32).map(|unit| unit * unit).collect::<Vec<_>>());
    assert_eq!(ran["caught"], json!([liar["peer"]]));
}

#[test]
fn python_maps_with_a_script() {
    let home = Home::new();
    let (_server, link) = room(&home, &[]);
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/python");
    let text = format!(
        "import sys\nsys.path.insert(0, {example:?})\nfrom meshwork_map import compute_map\n\
         program, items = {PROGRAMS:?} + '/square.js', range(20)\n\
         results = compute_map(sys.argv[1], program, items, '--identity', 'ann', meshwork={:?})\n\
         print(sum(results))\n\
         try:\n    list(compute_map(sys.argv[1], program, ['x'], '--identity', 'ann', meshwork={:?}))\n\
         except RuntimeError as error:\n    print('no number' in str(error))\n",
        env!("CARGO_BIN_EXE_meshwork"),
        env!("CARGO_BIN_EXE_meshwork"),
    );
    let mut python = std::process::Command::new("python3");
    python.args(["-c", &text, &link]).current_dir(home.as_path()).env("HOME", home.as_path());
    let ended = python.output().expect("python3 is installed");
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert_eq!(said, "2470\nTrue\n", "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn jobs_are_listed_paused_and_cancelled() {
    let home = Home::new();
    let (_server, link) = room(&home, &["--private"]);
    let primes = format!("{PROGRAMS}/primes.js");
    let run = ["compute", "run", &link, &primes, "--units", "1000", "--result", "u32", "--reduce", "sum"];
    // Nobody lends, and it says so.
    let mut job = home.start([&run[..], &["--lend", "0", "--identity", "ann"]].concat());
    job.log("that nobody lends", |line| line.contains("nobody lends"));
    let list = || home.run(["compute", "list", &link, "--identity", "bo", "--json"]).expect_code(0).json();
    let listed = list();
    let first = &listed["jobs"][0];
    assert_eq!(
        (&first["name"], &first["state"], &first["units"]),
        (&json!("primes"), &json!("running"), &json!(1000))
    );
    let act = |order: &str, who: &str| home.run(["compute", order, &link, "--identity", who]);
    act("pause", "bo").expect_code(4).expect_words(&["Only the submitter"]);
    act("pause", "ann").expect_code(0);
    job.log("the pause", |line| line.contains("paused"));
    act("resume", "ann").expect_code(0);
    act("cancel", "ann").expect_code(0);
    let ended = job.end().expect_code(4);
    assert!(ended.stderr.contains("cancelled"), "{}", ended.stderr);
}

#[test]
fn numbers_are_summed_and_listed() {
    let home = Home::new();
    let (_server, link) = room(&home, &[]);
    let primes = format!("{PROGRAMS}/primes.js");
    let run = ["compute", "run", &link, &primes, "--units", "20", "--result", "u32"];
    let sum = home.run([&run[..], &["--reduce", "sum"]].concat()).expect_code(0);
    // Primes below 200,000.
    assert_eq!(sum.stdout, "17984");
    let list = home.run([&run[..], &["--out", "primes.txt"]].concat()).expect_code(0);
    assert_eq!(list.stdout, "");
    let numbers = std::fs::read_to_string(home.path("primes.txt")).expect("it was written");
    assert_eq!(numbers.lines().next(), Some("1229"));
    assert_eq!(numbers.lines().filter_map(|line| line.parse::<u32>().ok()).sum::<u32>(), 17984);
}

#[test]
fn a_trial_names_what_fails() {
    let home = Home::new();
    std::fs::write(home.path("loop.js"), "function unit(n) { while (n > 0); return n }")
        .expect("it is written");
    let tried = home.run(["compute", "try", "loop.js", "--units", "0..2", "--json"]).expect_code(1);
    let tried = tried.stdout.lines().next().and_then(|line| serde_json::from_str::<Value>(line).ok());
    let units = &tried.expect("it is JSON")["units"];
    assert_eq!((&units[0]["result"], &units[0]["agrees"]), (&json!("0"), &json!(true)));
    assert_eq!(units[1]["error"], "it runs longer than its limit");
    let primes = format!("{PROGRAMS}/primes.js");
    let words = home.run(["compute", "try", &primes]).expect_code(0).stdout;
    assert!(words.starts_with("unit 0") && words.contains("1229"), "{words}");
    let command = home.run(["compute", "try", "@sort=sort -n", "--items", &primes]).expect_code(1);
    assert!(command.stdout.contains("unit 0"), "{}", command.stdout);
}
