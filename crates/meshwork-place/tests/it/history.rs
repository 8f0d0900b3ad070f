//! Who joins late sees how the canvas came about: the log of a keeper, fetched among liars, deserters and floods.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::common::{Members, endpoint};
use meshwork_core::clock::Stamp;
use meshwork_core::node::Refusal;
use meshwork_core::replica::{ReplicaNumber, Retraction};
use meshwork_core::room::history::{
    ASKS_BURST, HistoryState, HistoryView, PART_BYTES_MAX, PARTS_BURST, PARTS_PER_SECOND, WANTS_MAX,
};
use meshwork_core::room::message::RoomMessage;
use meshwork_core::room::message::history::{HistoryMessage, HistoryPartEnd, PartOutcome, WantHistory};
use meshwork_core::wire::Bytes;
use meshwork_place::canvas::{Canvas, CanvasSize, Colour, PastBatch, PastCell, Region};

const SIZE: CanvasSize = CanvasSize { width: 256, height: 128 };
const KEEPER: u8 = 1;
const OTHER_KEEPER: u8 = 2;
const PAINTER: u8 = 3;
const NEWCOMER: u8 = 9;
const HOSTILE: u8 = 4;
/// Strokes of each test: several parts, in which most cells are painted over.
const STROKES: usize = 2500;

/// A painter, and keepers that hear everything; each cell is painted over many times.
fn painted_room(keepers: &[u8]) -> Members {
    let mut members = Members::new(SIZE);
    members.open(PAINTER);
    for &keeper in keepers {
        members.open_keeper(keeper);
        members.link(keeper, PAINTER);
    }
    for stroke in 0..STROKES {
        let cells: Vec<_> = (0..30u16).map(|x| (x + 200, 5, colour(stroke))).collect();
        members.paint(PAINTER, &cells);
        if stroke % 50 == 0 {
            members.run_for(Duration::from_millis(300));
        }
    }
    let heard = |members: &mut Members| keepers.iter().all(|keeper| members.logs[keeper].len() >= STROKES);
    assert!(members.run_until(Duration::from_secs(60), heard));
    members.run_for(Duration::from_secs(2));
    assert_eq!(members.refused.len(), 0, "{:?}", members.refused);
    members
}

fn colour(stroke: usize) -> Colour {
    Colour::rgb((stroke / 256) as u8, (stroke % 256) as u8, 7)
}

fn join(members: &mut Members, to: &[u8]) {
    members.open(NEWCOMER);
    to.iter().for_each(|&number| members.link(number, NEWCOMER));
    members.run_for(Duration::from_secs(2));
}

fn view(members: &mut Members) -> HistoryView {
    members.room(NEWCOMER).history().expect("it is being fetched")
}

/// Fetches, taking out what comes, until it ends or `until` holds.
fn fetch(members: &mut Members, mut until: impl FnMut(&HistoryView) -> bool) -> Vec<PastBatch> {
    let mut taken = vec![];
    let over = |state| !matches!(state, HistoryState::Asking | HistoryState::Fetching);
    let ends = members.run_until(Duration::from_secs(120), |members| {
        let now = members.now;
        taken.extend(members.take_past(NEWCOMER, now, 100_000));
        members.drain(NEWCOMER);
        let view = view(members);
        over(view.state) || until(&view)
    });
    assert!(ends, "{:?}", view(members));
    let now = members.now;
    taken.extend(members.take_past(NEWCOMER, now, usize::MAX));
    taken
}

fn begin(members: &mut Members) {
    let now = members.now;
    members.room(NEWCOMER).begin_history(now, ReplicaNumber::FIRST);
    members.drain(NEWCOMER);
}

/// Fails unless every stroke is there, the painted over ones too.
fn check_all(taken: &[PastBatch]) {
    let colours: BTreeSet<Colour> =
        taken.iter().flat_map(|batch| batch.cells.iter().map(|cell| cell.colour)).collect();
    assert_eq!(colours, (0..STROKES).map(colour).collect());
    assert!(taken.iter().all(|batch| batch.author == endpoint(PAINTER)));
}

#[test]
fn a_keeper_serves_the_whole_history_in_order() {
    let mut members = painted_room(&[KEEPER]);
    join(&mut members, &[KEEPER, PAINTER]);
    assert!(members.canvas(NEWCOMER).batch_count() < 10, "the replica has next to nothing of it");
    begin(&mut members);
    let taken = fetch(&mut members, |_| false);
    let view = view(&mut members);
    assert_eq!((view.state, view.is_whole, view.missed), (HistoryState::Complete, true, 0));
    assert_eq!(view.source.map(|(source, _)| source), Some(endpoint(KEEPER)));
    check_all(&taken);
    let firsts: Vec<Stamp> =
        taken.iter().filter(|batch| batch.cells.len() == 30).map(|b| b.cells[0].stamp).collect();
    assert!(firsts.is_sorted(), "they come as they were painted");
    let parts = view.bytes as usize / PART_BYTES_MAX;
    assert!(parts >= 1, "{} bytes are more than one part", view.bytes);
    assert_eq!(members.refused.len(), 0, "{:?}", members.refused);
}

#[test]
fn a_reader_taking_nothing_is_sent_few_parts() {
    let mut members = painted_room(&[KEEPER]);
    join(&mut members, &[KEEPER]);
    begin(&mut members);
    members.run_for(Duration::from_secs(30));
    let view = view(&mut members);
    assert_eq!(view.state, HistoryState::Fetching);
    assert!(view.bytes as usize <= 2 * PART_BYTES_MAX, "{} bytes", view.bytes);
    check_all(&fetch(&mut members, |_| false));
}

#[test]
fn a_lying_keeper_can_forge_nobodys_strokes() {
    let mut members = painted_room(&[HOSTILE, KEEPER]);
    let mut served = 0;
    members.lie(HOSTILE, move |message| match message {
        RoomMessage::History(HistoryMessage::Span(mut span)) => {
            span.since_ms = 1;
            vec![RoomMessage::History(HistoryMessage::Span(span))]
        }
        RoomMessage::History(HistoryMessage::Batch(mut entry)) => {
            served += 1;
            if served == 700 {
                let mut bytes = entry.batch.into_inner();
                let place = bytes.len() - 70;
                bytes[place] ^= 1;
                entry.batch = Bytes::new(bytes).expect("as long as before");
            }
            vec![RoomMessage::History(HistoryMessage::Batch(entry))]
        }
        message => vec![message],
    });
    join(&mut members, &[HOSTILE, KEEPER]);
    begin(&mut members);
    let taken = fetch(&mut members, |_| false);
    let view = view(&mut members);
    assert_eq!((view.state, view.is_whole, view.given_up), (HistoryState::Complete, true, 1));
    assert_eq!(view.source.map(|(source, _)| source), Some(endpoint(KEEPER)), "the liar was believed first");
    check_all(&taken);
    assert_eq!(members.refused(NEWCOMER, HOSTILE, Refusal::BatchSignature), 1);
}

#[test]
fn a_dying_keeper_is_replaced_or_reported() {
    for others in [true, false] {
        let keepers: &[u8] = if others { &[KEEPER, OTHER_KEEPER] } else { &[KEEPER] };
        let mut members = painted_room(keepers);
        join(&mut members, &[keepers, &[PAINTER]].concat());
        begin(&mut members);
        let mut taken = fetch(&mut members, |view| view.bytes as usize > PART_BYTES_MAX);
        let (source, _) = view(&mut members).source.expect("there is a keeper");
        let dying = *keepers.iter().find(|keeper| endpoint(**keeper) == source).expect("one of them");
        members.unlink(dying, if others { NEWCOMER } else { PAINTER });
        if !others {
            members.unlink(dying, NEWCOMER);
        }
        taken.extend(fetch(&mut members, |_| false));
        let view = view(&mut members);
        assert_eq!(view.given_up, 1);
        if others {
            assert_eq!((view.state, view.is_whole), (HistoryState::Complete, true));
            check_all(&taken);
        } else {
            assert_eq!(view.state, HistoryState::BrokenOff);
            assert!(!taken.is_empty(), "what came is true all the same");
        }
    }
}

#[test]
fn members_without_a_log_say_so_at_once() {
    let mut members = painted_room(&[]);
    join(&mut members, &[PAINTER]);
    begin(&mut members);
    assert!(fetch(&mut members, |_| false).is_empty());
    assert_eq!(view(&mut members).state, HistoryState::NoLog);
    // Who asks all the same is sent nothing.
    let said = std::rc::Rc::new(std::cell::RefCell::new(vec![]));
    let heard = said.clone();
    members.lie(PAINTER, move |message| {
        if let RoomMessage::History(message) = &message {
            heard.borrow_mut().push(message.clone());
        }
        vec![message]
    });
    let want = WantHistory { from: 0, bytes: PART_BYTES_MAX as u32 };
    members.say(NEWCOMER, PAINTER, RoomMessage::History(HistoryMessage::Want(want)));
    members.drain(PAINTER);
    members.run_for(Duration::from_secs(1));
    let end = HistoryPartEnd { next: 0, outcome: PartOutcome::End };
    assert_eq!(*said.borrow(), [HistoryMessage::PartEnd(end)]);
}

#[test]
fn what_other_replicas_wrote_is_passed_over() {
    let mut members = painted_room(&[KEEPER]);
    for number in 0..3 {
        members.write_row(PAINTER, &format!("row {number}"));
        members.paint(PAINTER, &[(number, 9, colour(STROKES - 1))]);
        members.run_for(Duration::from_secs(1));
    }
    assert!(members.logs[&KEEPER].len() >= STROKES + 6, "the log has the rows, too");
    join(&mut members, &[KEEPER]);
    begin(&mut members);
    let taken = fetch(&mut members, |_| false);
    let view = view(&mut members);
    assert_eq!((view.state, view.is_whole, view.given_up), (HistoryState::Complete, true, 0));
    check_all(&taken);
    let late = |cell: &PastCell| cell.y == 9;
    assert_eq!(taken.iter().flat_map(|batch| &batch.cells).filter(|cell| late(cell)).count(), 3);
}

#[test]
fn history_asks_are_refused_beyond_a_stated_rate() {
    let mut members = painted_room(&[KEEPER]);
    members.open(HOSTILE);
    members.link(HOSTILE, KEEPER);
    members.run_for(Duration::from_secs(2));
    members.reads.clear();
    let want = |from| RoomMessage::History(HistoryMessage::Want(WantHistory { from, bytes: u32::MAX }));
    for number in 0..10_000 {
        members.say(HOSTILE, KEEPER, RoomMessage::History(HistoryMessage::Ask));
        members.say(HOSTILE, KEEPER, want(number));
        if number % 100 == 0 {
            members.run_for(Duration::from_millis(100));
        }
    }
    members.run_for(Duration::from_secs(5));
    let seconds = 20;
    let most = PARTS_BURST + PARTS_PER_SECOND * seconds + ASKS_BURST + seconds;
    let reads = members.reads[&KEEPER];
    assert!(reads > 0 && reads as u32 <= most, "{reads} reads, at most {most}");
    let refused = members.refused(KEEPER, HOSTILE, Refusal::Flood);
    assert!(refused as usize > 20_000 - 2 * reads - WANTS_MAX, "{refused} were refused");
    // The others are served all the same.
    join(&mut members, &[KEEPER]);
    begin(&mut members);
    check_all(&fetch(&mut members, |_| false));
}

#[test]
fn erased_cells_of_the_past_read_cleared() {
    let mut members = Members::new(SIZE);
    members.open(PAINTER);
    members.paint(PAINTER, &[(1, 1, colour(1)), (2, 1, colour(2))]);
    let batch = members.canvas(PAINTER).batches().next().expect("one batch").clone();
    let mut canvas = Canvas::new(SIZE).expect("a legal size");
    let shown =
        |canvas: &Canvas| canvas.past(&batch).map(|past| past.cells.iter().map(|cell| cell.colour).collect());
    assert_eq!(shown(&canvas), Some(vec![colour(1), colour(2)]));
    let erasure = Retraction {
        replica: ReplicaNumber::FIRST,
        until: Stamp::LAST,
        author: None,
        scope: Region { x: 2, y: 0, width: 1, height: 9 }.to_scope(),
    };
    canvas.enforce(|_| true, vec![erasure], [].into_iter());
    assert_eq!(shown(&canvas), Some(vec![colour(1), Colour::CLEARED]));
}
