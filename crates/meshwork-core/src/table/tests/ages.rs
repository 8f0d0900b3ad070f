//! Tables by time that give up what lies before a day.

use super::*;
use crate::replica::Again;

const DAY: u64 = 24 * 60 * 60 * 1000;

fn day(day: u64) -> Vec<u8> {
    // At noon: a place of the tree spans some hours.
    [&(day * DAY + DAY / 2).to_be_bytes()[2..], &[9; 8]].concat()
}

fn post(table: &mut Table, person: u8, at: u64, fields: &[&str]) -> Vec<Change> {
    let writes: Vec<Write> = fields.iter().map(|name| Write::value(day(at), field(name), name)).collect();
    write(table, person, (at * DAY + DAY) << 16, &writes)
}

#[test]
fn rows_before_the_floor_are_given_up() {
    let (mut table, mut young) = (Table::new(Kind::ByTime), Table::new(Kind::ByTime));
    for at in 20_000..20_010 {
        post(&mut table, 0, at, &["a"]);
    }
    (20_004..20_010).for_each(|at| drop(post(&mut young, 0, at, &["a"])));
    let own: Vec<SignedBatch> = table.batches().cloned().collect();
    let said = table.said_in(&mut own.iter());
    let turned = table.set_floor(Floor(20_004));
    let told = turned.changed.expect("rows are gone");
    let is_gone = |change: &Change| change.before.is_some() && change.after.is_none();
    assert_eq!((told.of::<Change>().len(), turned.dropped.len()), (4, 4));
    assert!(told.of::<Change>().iter().all(is_gone));
    assert_eq!((state(&table), table.digest()), (state(&young), young.digest()));

    // Nothing of before comes back, whoever brings it and however.
    let old = &written(1, (20_003 * DAY + DAY) << 16, &[Write::value(day(20_003), field("b"), "b")])[0];
    assert!(table.is_old(old.payload()) && !young.is_old(old.payload()));
    assert!(!apply(&mut table, old).kept);
    let own: Vec<SignedBatch> = table.batches().take(1).cloned().collect();
    let enforced = table.enforce(&|batch| *batch != own[0], &[], &mut core::iter::once(old));
    assert_eq!((enforced.removed.len(), enforced.restored.len()), (1, 0));
    assert_eq!(table.say_again(&said, Again::AsItWas).len(), 1, "nor is it said again");

    table.set_floor(Floor(20_003));
    assert!(apply(&mut table, old).kept, "the floor may sink, and others may have it");
    let mut by_value = Table::new(Kind::ByValue);
    post(&mut by_value, 0, 1, &["a"]);
    assert!(by_value.set_floor(Floor(20_000)).dropped.is_empty(), "by value nothing is old");
}

#[test]
fn rows_given_up_leave_place_in_a_quota() {
    let mut table = Table::with_quota(Kind::ByTime, Quota { values: 2, ..NO_LIMIT });
    post(&mut table, 0, 20_005, &["a", "b"]);
    // What was edited last is in the oldest row.
    let edit = [Write::value(day(20_001), field("c"), "c")];
    write(&mut table, 0, (20_006 * DAY) << 16 | 7, &edit);
    let shown = |table: &Table| ["a", "b"].map(|name| table.get(&day(20_005), &field(name)).is_some());
    assert_eq!(shown(&table), [true, false]);
    let turned = table.set_floor(Floor(20_003));
    assert_eq!((shown(&table), turned.dropped.len()), ([true, true], 1));
    assert_eq!(table.digest(), rebuilt(&table).digest());
}
