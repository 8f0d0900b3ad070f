//! Every race that needs no browser does its work on a tiny size, on both sides alike.

use meshwork_bench::race::{Needs, Plan};
use meshwork_bench::races::RACES;

// One after the other: the counting allocator and the clocks of the process want no company.
#[test]
fn every_native_race_does_its_work() {
    for race in RACES.iter().filter(|race| race.needs == Needs::Nothing) {
        let rows = (race.run)(&Plan::TINY).unwrap_or_else(|error| panic!("{} failed: {error:#}", race.name));
        assert!(!rows.is_empty(), "{} gave no row", race.name);
        for row in &rows {
            assert!(
                row.name.split('/').next() == Some(race.name),
                "{} is not named after its race",
                row.name
            );
            assert!(row.ours.median().is_finite(), "{} has no number", row.name);
            assert!(row.other.is_none() || row.ratio().is_some(), "{} has no ratio", row.name);
        }
    }
}

#[test]
fn names_are_told_apart() {
    let mut names: Vec<_> = RACES.iter().map(|race| race.name).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "two races have one name");
}
