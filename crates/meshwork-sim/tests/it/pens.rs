//! Under which numbers people of random rooms write in documents.

use std::collections::BTreeSet;

use meshwork_core::rng::Rng;
use meshwork_core::signed::app::AppParameters;
use meshwork_sim::app::{ALL, Author, Occasion, Operation, Pens};
use meshwork_sim::connection::PathModel;
use meshwork_sync::document::Said;

use crate::common::room_of;
use crate::records::order;

/// So often something is typed that nobody takes, as of somebody who is banned.
const REFUSED: usize = 4;

#[test]
fn refused_writes_draw_no_number_twice() {
    let (mut world, members) = room_of(1, PathModel::LAN);
    let member @ (index, room) = members[0];
    let documents = meshwork_sync::WORD.parse().expect("it is the word of an app");
    let on = AppParameters::default();
    order(&mut world, member, |node, now, room| node.room_mut(now, room).turn_on(documents, on));
    let is_text = |operation: &Operation| matches!(operation, Operation::Documents(_));
    let mut draws = ALL.iter().map(|app| (app, app.draw(Occasion::Probe, &mut Rng::new([7; 32]))));
    let (texts, operation) = draws.find(|(_, operation)| is_text(operation)).expect("documents are an app");
    let (node, now, pens) = (world.node(index), world.now(), Pens::default());
    let author = Author { node, room, now, who: 0, number: 0, pens: &pens };
    let mut clients = BTreeSet::new();
    for refused in 0..=REFUSED {
        let writing = texts.writing(&author, &operation, 0).expect("documents are on");
        let said = Said::read(&writing.payloads[0])
            .unwrap_or_else(|error| panic!("it can be written after {refused} that were refused: {error}"));
        assert!(clients.insert(said.update.items[0].id.client), "no item has two contents");
    }
}
