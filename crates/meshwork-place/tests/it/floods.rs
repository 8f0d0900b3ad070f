//! Floods are refused and counted, change nothing, and leave no memory behind.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use crate::common::{EPOCH, Members, identity};
use meshwork_core::clock::Stamp;
use meshwork_core::id::{Endpoint, Identity, Instance};
use meshwork_core::node::Refusal;
use meshwork_core::room::delivery::flood::BURST_MAX;
use meshwork_core::room::delivery::{HELD_BYTES_MAX, HELD_MAX};
use meshwork_core::room::message::RoomMessage;
use meshwork_core::signed::batch::{Header, SignedBatch};
use meshwork_core::time::WallTime;
use meshwork_core::wire::Bytes;
use meshwork_place::canvas::{Canvas, CanvasSize, Colour, cells_to_strokes};

/// Counts what this thread has allocated and not given back.
struct Counting;

thread_local! {
    static ALLOCATED: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // While a thread ends there is nothing left to count with.
    let _ = ALLOCATED.try_with(|allocated| allocated.set(allocated.get() + bytes));
}

// SAFETY: every call is the system allocator's, with its own arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocated() -> isize {
    ALLOCATED.with(Cell::get)
}

const SIZE: CanvasSize = CanvasSize { width: 256, height: 256 };
const HOSTILE: u8 = 1;
const HONEST: u8 = 2;

fn room() -> Members {
    let mut members = Members::new(SIZE);
    members.open(HOSTILE);
    members.open(HONEST);
    members.link(HOSTILE, HONEST);
    let cells: Vec<_> = (0..256u16)
        .flat_map(|x| (0..16).map(move |y| (x, y * 16, Colour::rgb(x as u8, y as u8, 9))))
        .collect();
    members.paint(HONEST, &cells);
    members.run_for(Duration::from_secs(5));
    members
}

/// A batch of one cell, signed by a key of its own.
fn batch_of(key: u64, members: &Members, stamp: Stamp, size: CanvasSize, cell: (u16, u16)) -> Vec<u8> {
    let mut secret = [0x77; 32];
    secret[..8].copy_from_slice(&key.to_le_bytes());
    let author = Identity::from_secret(secret);
    let (_, _, room) = members.genesis();
    let strokes = cells_to_strokes(size, &[(cell.0, cell.1, Colour::rgb(255, 0, 0))], stamp);
    let strokes = strokes.expect("cells on the canvas").remove(0);
    let endpoint = Endpoint { peer: author.peer(), instance: Instance(key) };
    let header = Header::new(endpoint, 1, strokes.window(), 1);
    let batch = SignedBatch::sign(&author, &room, &header, &strokes.encode()).expect("a legal batch");
    batch.bytes().to_vec()
}

fn live(bytes: Vec<u8>) -> RoomMessage {
    RoomMessage::Batch(Bytes::new(bytes).expect("short"))
}

fn wall(offset_ms: i64) -> Stamp {
    Stamp::at(WallTime::from_millis(EPOCH.as_millis().saturating_add_signed(offset_ms)))
}

/// Lets a flood happen. Returns how much memory was taken beyond what was there, at most and afterwards.
fn flood(
    members: &mut Members,
    count: u64,
    mut make: impl FnMut(&Members, u64) -> RoomMessage,
) -> (isize, isize) {
    let before = allocated();
    let (digest, mut most) = (members.digest(HONEST), 0);
    for number in 0..count {
        let message = make(members, number);
        members.say(HOSTILE, HONEST, message);
        members.drain(HONEST);
        most = most.max(allocated() - before);
    }
    members.run_for(Duration::from_secs(5));
    assert_eq!(members.digest(HONEST), digest, "the canvas is as it was");
    (most, allocated() - before)
}

#[test]
fn rubbish_is_counted_and_takes_no_memory() {
    let mut members = room();
    let (most, left) = flood(&mut members, 100_000, |_, number| {
        live((0..number % 300).map(|byte| (byte * number) as u8 | 1).collect())
    });
    // By chance some of it is a batch of a replica that this build does not know.
    assert!(members.refused(HONEST, HOSTILE, Refusal::BatchContent) > 99_000);
    assert!(most < 64 * 1024 && left < 64 * 1024, "{most} bytes at most, {left} left");
}

#[test]
fn cells_off_canvas_are_counted_without_taking_memory() {
    let mut members = room();
    let wide = CanvasSize { width: 4096, height: 4096 };
    let (most, left) = flood(&mut members, 3000, |members, number| {
        live(batch_of(number, members, wall(0), wide, (3000 + number as u16 % 1000, 3)))
    });
    assert_eq!(members.refused(HONEST, HOSTILE, Refusal::BatchContent), 3000);
    assert!(most < 3 * 1024 * 1024, "{most}: they wait to be verified");
    assert!(left < 64 * 1024, "{left}");
}

/// Strokes that are valid and beaten, each by another key: signatures cost time, and only so much of it is given.
#[test]
fn a_million_keys_are_bounded_counted_and_forgotten() {
    let mut members = room();
    let sample = batch_of(0, &members, wall(-60_000), SIZE, (5, 16));
    let signed = u64::from(BURST_MAX);
    let (most, left) = flood(&mut members, 1_000_000, |members, number| {
        if number < signed {
            return live(batch_of(number, members, wall(-60_000), SIZE, (5, 16)));
        }
        // Nobody looks at the signatures of the rest.
        let mut bytes = sample.clone();
        bytes[1..9].copy_from_slice(&number.to_le_bytes());
        live(bytes)
    });
    assert_eq!(members.refused(HONEST, HOSTILE, Refusal::Flood), 1_000_000 - signed);
    assert!(most < 12 * 1024 * 1024 && left < 8 * 1024 * 1024, "{most} at most, {left}");
    // When the ledger of what was beaten is full, more of it adds nothing.
    let [_, left] = [(1, signed), (2, 5000)].map(|(round, count)| {
        members.run_for(Duration::from_secs(60));
        let beaten = |members: &Members, number| {
            live(batch_of(round << 40 | number, members, wall(-60_000), SIZE, (5, 16)))
        };
        flood(&mut members, count, beaten).1
    });
    assert!(left < 64 * 1024, "{left}");
}

#[test]
fn future_stamps_are_held_in_bounds_or_counted() {
    let mut members = room();
    let own = members.canvas(HONEST).greatest_stamp();
    let (most, left) = flood(&mut members, 5000, |members, number| {
        live(batch_of(number, members, wall(600_000), SIZE, (number as u16 % 256, 7)))
    });
    assert_eq!(members.room(HONEST).kept().held_batches(), HELD_MAX);
    assert_eq!(members.refused(HONEST, HOSTILE, Refusal::BatchFuture), 5000 - HELD_MAX as u64);
    let bound = HELD_BYTES_MAX as isize;
    assert!(most < bound + 2 * 1024 * 1024 && left < bound, "{most} at most, {left} while they are held");
    // Nobody's clock is driven ahead.
    members.paint(HONEST, &[(9, 9, Colour::rgb(1, 1, 1))]);
    let next = members.canvas(HONEST).stamp(9, 9);
    assert!(next.millis() - own.millis() < 60_000, "{next:?} after {own:?}");
    // When their time has come they are strokes like others, and no longer held.
    members.run_for(Duration::from_secs(700));
    assert_eq!(members.room(HONEST).kept().held_batches(), 0);
}

#[test]
fn the_greatest_empty_canvas_costs_almost_nothing() {
    let before = allocated();
    let canvas = Canvas::new(CanvasSize { width: 4096, height: 4096 }).expect("the greatest size");
    let taken = allocated() - before;
    assert!(taken < 64 * 1024, "{taken} bytes for 16 million cells");
    assert_eq!(canvas.tile_count(), 4096);
    let _ = identity(1);
}
