//! What an author says again of what a record took.

use super::*;
use crate::replica::Again;

#[test]
fn what_showed_is_said_again() {
    let mut table = Table::new(Kind::ByValue);
    let value = |name: &str| Write::value("row", field(name), [7; 400]);
    let own = [
        written(0, 1, &["a", "b", "c", "d"].map(value)),
        written(0, 2, &[Write::removal("row", field("e"))]),
    ];
    let own = own.concat();
    own.iter().for_each(|batch| drop(apply(&mut table, batch)));
    write(&mut table, 1, 3, &[value("b")]);
    let content = table.said_in(&mut own.iter());
    assert_eq!(content.cost, 5, "four values and a removal");
    assert_eq!(table.say_again(&content, Again::AsNew(usize::MAX)), [], "it stands");
    table.enforce(&|batch| batch.peer() != peer(0), &[], &mut [].into_iter());
    let said = |most: usize| {
        let folds = table.say_again(&content, Again::AsNew(most));
        let mut other = Table::new(Kind::ByValue);
        folds.iter().for_each(|fold| drop(apply(&mut other, &sign(0, 9, (9, 9), &fold.payload))));
        state(&other).0.len()
    };
    assert_eq!([usize::MAX, 6, 5, 4, 2, 1, 0].map(said), [4, 4, 3, 2, 1, 0, 0]);
}

#[test]
fn beaten_entries_are_said_again_as_written() {
    let mut table = Table::new(Kind::ByValue);
    let value = |name: &str, value: &str| Write::value("row", field(name), value);
    let hidden = Write::value("row", Writer::Moderators.field(b"h"), "");
    let own = [
        written(0, 3, &[value("a", "old"), value("b", "own"), hidden.clone()]),
        written(0, 5, &[value("a", "own")]),
    ];
    let own = own.concat();
    own.iter().for_each(|batch| drop(apply(&mut table, batch)));
    write(&mut table, 1, 4, &[value("b", "later")]);
    let content = table.said_in(&mut own.iter());
    table.enforce(&|batch| batch.peer() != peer(0), &[], &mut [].into_iter());
    let folds = table.say_again(&content, Again::AsItWas);
    assert_eq!(
        folds.iter().map(|fold| (fold.least, fold.cost)).collect::<Vec<_>>(),
        [(Stamp(3), 3), (Stamp(3), 2)]
    );
    for (number, Fold { payload, least, .. }) in (20..).zip(&folds) {
        apply(&mut table, &sign(0, number, (least.0, 9), payload));
    }
    let held = |table: &Table, name: &str| Some(table.get(b"row", &field(name))?.value()?.to_vec());
    assert_eq!(["a", "b"].map(|name| held(&table, name)), [Some(b"own".to_vec()), Some(b"later".to_vec())]);
    // What beat it falls.
    let said: Vec<SignedBatch> =
        folds.iter().map(|fold| sign(0, 20, (fold.least.0, 9), &fold.payload)).collect();
    table.enforce(&|batch| batch.peer() != peer(1), &[], &mut said.iter());
    assert_eq!(held(&table, "b"), Some(b"own".to_vec()));
}
