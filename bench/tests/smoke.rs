//! Every race does its work on a tiny size, on both sides alike.

use std::env;
use std::process::{Command, Stdio};

use meshwork_bench::race::Needs;
use meshwork_bench::races::RACES;
use serde_json::Value;

/// Runs the races that need this, each in a process of its own: the counting allocator and the clocks of a process want
/// no company.
fn run(needs: &[Needs]) {
    for race in RACES.iter().filter(|race| needs.contains(&race.needs)) {
        let mut bench = Command::new(env!("CARGO_BIN_EXE_bench"));
        bench.args([race.name, "--tiny", "--rounds", "1", "--json"]).stderr(Stdio::inherit());
        let output = bench.output().expect("this package has built its program");
        assert!(output.status.success(), "{} failed: {}", race.name, output.status);
        let rows: Vec<Value> =
            serde_json::from_slice(&output.stdout).expect("with --json it prints an array");
        assert!(!rows.is_empty(), "{} gave no row", race.name);
        for row in &rows {
            let name = row["name"].as_str().unwrap_or_default();
            assert_eq!(name.split('/').next(), Some(race.name), "a row is named after its race");
            assert!(row["ours"].is_number(), "{name} has no number: {row}");
            // What is too little to be measured at this size may be nothing at all.
            let is_nothing = row["ours"] == 0.0 || row["other"] == 0.0;
            assert!(
                row["other_name"].is_null() || is_nothing || row["ratio"].is_number(),
                "{name} has no ratio: {row}"
            );
        }
    }
}

#[test]
fn every_race_without_a_browser_does_its_work() {
    run(&[Needs::Nothing, Needs::Coturn, Needs::Npm]);
}

/// It takes minutes and finished pages, so it is run with what is run at night.
#[test]
fn every_race_in_a_browser_does_its_work() {
    if env::var_os("MESHWORK_NIGHTLY").is_some() {
        run(&[Needs::Browser, Needs::Package]);
    }
}

#[test]
fn names_are_told_apart() {
    let mut names: Vec<_> = RACES.iter().map(|race| race.name).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "two races have one name");
}
