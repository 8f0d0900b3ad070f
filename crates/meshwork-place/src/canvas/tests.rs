//! The canvas against a model of it that keeps every write.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;
use meshwork_core::clock::Clock;
use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
use meshwork_core::replica::{EMPTY_PART_DIGEST, Replica as _, tree};
use meshwork_core::signed::batch::{BatchId, BatchKey};
use meshwork_core::signed::batch::{Header, StampWindow};
use meshwork_core::time::WallTime;

const ROOM: RoomId = RoomId([2; 32]);
/// Four tiles, three of which reach beyond the canvas.
const SIZE: CanvasSize = CanvasSize { width: 70, height: 66 };

/// A batch to be: who writes (peer, instance), which cells, and how long after the greatest stamp.
type Write = ((u8, u8), u32, BTreeMap<u16, (u64, u32)>, u64);

/// The cells of each tile that tests paint on.
const INDICES: [u16; 4] = [0, 1, 64, 65];

/// Few cells, stamps, colours and peers, so that every kind of tie happens.
fn writes() -> impl Strategy<Value = Vec<Write>> {
    let cells = btree_map((0..4usize).prop_map(|cell| INDICES[cell]), (1..5u64, 0..3u32), 1..4);
    vec(((0..2u8, 0..2u8), 0..4u32, cells, 0..3u64), 1..14)
}

fn identity(peer: u8) -> Identity {
    Identity::from_secret([peer + 1; 32])
}

fn sign(peer: u8, instance: u8, sequence: u64, strokes: &Strokes, most: Stamp) -> SignedBatch {
    let author = Endpoint { peer: identity(peer).peer(), instance: Instance(instance.into()) };
    let window = StampWindow { least: strokes.window().least, most };
    let header = Header::new(author, sequence, window, 0);
    SignedBatch::sign(&identity(peer), &ROOM, &header, &strokes.encode()).unwrap()
}

fn batches(writes: Vec<Write>) -> Vec<(SignedBatch, Strokes)> {
    let sequences = 1..;
    let batch = |(((peer, instance), tile, cells, later), sequence): (Write, u64)| {
        let colours = [Colour::rgb(0, 0, 0), Colour::rgb(255, 255, 255), Colour::CLEARED];
        let cell = |(index, (stamp, colour))| TileCell {
            stamp: Stamp(stamp),
            colour: colours[colour as usize],
            index,
        };
        let strokes = Strokes::new(SIZE, tile, cells.into_iter().map(cell).collect()).unwrap();
        let most = Stamp(strokes.window().most.0 + later);
        (sign(peer, instance, sequence, &strokes, most), strokes)
    };
    writes.into_iter().zip(sequences).map(batch).collect()
}

/// What wins each cell: stamp, peer, colour; then what decides which batch keeps it.
type Win = (Stamp, PeerId, Colour, (Stamp, BatchId), BatchKey);

#[derive(Default, PartialEq, Eq, Debug)]
struct Model(BTreeMap<(u32, u16), Win>);

impl Model {
    fn of<'a>(batches: impl IntoIterator<Item = &'a (SignedBatch, Strokes)>) -> Model {
        let mut model = Model::default();
        for (batch, strokes) in batches {
            for cell in strokes.cells() {
                let win = (
                    cell.stamp,
                    batch.peer(),
                    cell.colour,
                    (batch.header().window.most, batch.id()),
                    batch.key(),
                );
                let place = model.0.entry((strokes.tile(), cell.index)).or_insert(win);
                *place = (*place).max(win);
            }
        }
        model
    }

    /// The cells alone: what digests speak of.
    fn cells(&self) -> BTreeMap<(u32, u16), (Stamp, PeerId, Colour)> {
        self.0.iter().map(|(&place, win)| (place, (win.0, win.1, win.2))).collect()
    }

    fn winners(&self) -> BTreeSet<BatchKey> {
        self.0.values().map(|win| win.4).collect()
    }
}

fn check_against(canvas: &Canvas, model: &Model) -> Result<(), TestCaseError> {
    let mut cells = BTreeMap::new();
    let mut painted = 0;
    for (tile, index) in (0..4).flat_map(|tile| INDICES.map(|index| (tile, index))) {
        let (left, top) = SIZE.tile_origin(tile).unwrap();
        let (x, y) = (left + index % TILE_SIDE, top + index / TILE_SIDE);
        let (stamp, author, colour) = (canvas.stamp(x, y), canvas.author(x, y), canvas.colour(x, y));
        prop_assert_eq!((author.is_some(), colour.is_some()), (stamp != Stamp::NEVER, stamp != Stamp::NEVER));
        if let Some((author, colour)) = author.zip(colour) {
            cells.insert((tile, index), (stamp, author, colour));
            painted += usize::from(colour != Colour::CLEARED);
        }
    }
    prop_assert_eq!(cells, model.cells());
    prop_assert_eq!(canvas.painted(), painted);
    let keys: Vec<_> = canvas.batches().map(|batch| batch.key()).collect();
    prop_assert_eq!(keys.len(), canvas.batch_count());
    prop_assert_eq!(keys.into_iter().collect::<BTreeSet<_>>(), model.winners());
    let greatest = model.0.values().map(|win| win.0).max().unwrap_or(Stamp::NEVER);
    prop_assert_eq!(canvas.greatest_stamp(), greatest);
    Ok(())
}

fn painted_by(batches: &[(SignedBatch, Strokes)]) -> Canvas {
    let mut canvas = Canvas::new(SIZE).unwrap();
    for (batch, strokes) in batches {
        assert_eq!(canvas.read(batch).as_ref(), Ok(strokes));
        canvas.apply(batch.clone(), strokes);
    }
    canvas
}

proptest! {
    #[test]
    fn order_and_repetition_do_not_matter(
        (writes, order) in writes().prop_flat_map(|writes| {
            let count = writes.len();
            (Just(writes), vec(0..count, 0..30))
        })
    ) {
        let batches = batches(writes);
        let mut canvas = Canvas::new(SIZE).unwrap();
        // Any batches any number of times, then what is still missing, in reverse.
        for index in order.into_iter().chain((0..batches.len()).rev()) {
            let (batch, strokes) = batches[index].clone();
            canvas.apply(batch, &strokes);
        }
        let straight = painted_by(&batches);
        check_against(&canvas, &Model::of(&batches))?;
        prop_assert_eq!(canvas.digest(), straight.digest());
        prop_assert_eq!(canvas.to_rgba(), straight.to_rgba());
        for (batch, strokes) in &batches {
            let digest = canvas.digest();
            prop_assert_eq!(canvas.apply(batch.clone(), strokes), Applied::default(), "applied again");
            prop_assert_eq!(canvas.digest(), digest);
        }
    }

    #[test]
    fn what_apply_reports_is_what_happened(writes in writes()) {
        let batches = batches(writes);
        let mut canvas = Canvas::new(SIZE).unwrap();
        let (mut stored, mut picture) = (BTreeSet::new(), canvas.to_rgba());
        for (count, (batch, strokes)) in batches.iter().enumerate() {
            let applied = canvas.apply(batch.clone(), strokes);
            if applied.kept {
                stored.insert(batch.key());
            }
            for key in &applied.dropped {
                prop_assert!(stored.remove(key), "only kept batches are dropped");
            }
            for Painted { x, y, colour } in applied.changed {
                let pixel = colour.components().map_or([0; 4], |[red, green, blue]| [red, green, blue, 255]);
                let place = (usize::from(y) * usize::from(SIZE.width) + usize::from(x)) * 4;
                prop_assert_ne!(&picture[place..place + 4], &pixel, "only what looks different is changed");
                picture[place..place + 4].copy_from_slice(&pixel);
            }
            let model = Model::of(&batches[..=count]);
            prop_assert_eq!(&stored, &model.winners());
            check_against(&canvas, &model)?;
            prop_assert_eq!(&canvas.to_rgba(), &picture);
            prop_assert_eq!(canvas.digest(), painted_by(&batches[..=count]).digest(), "no digest outlives a change");
        }
    }

    #[test]
    fn digests_are_equal_exactly_when_cells_are(writes in writes(), leave: prop::sample::Index) {
        let mut some = batches(writes);
        let (all, all_model) = (painted_by(&some), Model::of(&some));
        some.remove(leave.index(some.len()));
        let (canvas, model) = (painted_by(&some), Model::of(&some));
        prop_assert_eq!(all.digest() == canvas.digest(), all_model.cells() == model.cells());
        for tile in 0..=SIZE.tile_count() {
            let cells = |model: &Model| model.cells().into_iter().filter(|(place, _)| place.0 == tile).collect::<Vec<_>>();
            let equal = cells(&all_model) == cells(&model);
            prop_assert_eq!(all.node_digest(tree::part(tile), 0) == canvas.node_digest(tree::part(tile), 0), equal);
            prop_assert_eq!(canvas.node_digest(tree::part(tile), 0) == EMPTY_PART_DIGEST, cells(&model).is_empty());
        }
    }

    #[test]
    fn a_fold_replaces_what_it_repeats(writes in writes(), fold_first: bool) {
        let mut batches = batches(writes);
        let mut canvas = painted_by(&batches);
        let (digest, picture) = (canvas.digest(), canvas.to_rgba());
        for (number, (tile, peer)) in (0..SIZE.tile_count()).flat_map(|tile| [(tile, 0), (tile, 1)]).enumerate() {
            let key = identity(peer).peer();
            let own = |canvas: &Canvas| canvas.batches_of_tile(tile).filter(|batch| batch.peer() == key).count();
            let Some(strokes) = canvas.fold(tile, key) else {
                prop_assert!(own(&canvas) <= 1);
                continue;
            };
            let before = own(&canvas);
            let fold = sign(peer, 7, 1 + number as u64, &strokes, Stamp(100));
            let applied = canvas.apply(fold.clone(), &strokes);
            prop_assert_eq!((applied.changed.len(), applied.kept, applied.dropped.len()), (0, true, before));
            prop_assert_eq!(own(&canvas), 1);
            let place = if fold_first { 0 } else { batches.len() };
            batches.insert(place, (fold, strokes));
        }
        prop_assert_eq!((canvas.digest(), canvas.to_rgba()), (digest, picture));
        check_against(&canvas, &Model::of(&batches))?;
        let again = painted_by(&batches);
        check_against(&again, &Model::of(&batches))?;
        prop_assert_eq!(again.digest(), digest);
    }
}

#[test]
fn newcomers_first_click_wins_over_older_cells() {
    let mut canvas = Canvas::new(SIZE).unwrap();
    let old = cells_to_strokes(SIZE, &[(3, 4, Colour::rgb(1, 1, 1))], Stamp(1 << 60)).unwrap().remove(0);
    canvas.apply(sign(1, 0, 1, &old, Stamp(1 << 60)), &old);
    let mut clock = Clock::new();
    clock.merge(canvas.greatest_stamp());
    let stamp = clock.stamp(WallTime(0));
    let new = cells_to_strokes(SIZE, &[(3, 4, Colour::rgb(2, 2, 2))], stamp).unwrap().remove(0);
    let applied = canvas.apply(sign(0, 0, 1, &new, stamp), &new);
    assert_eq!(applied.changed, [Painted { x: 3, y: 4, colour: Colour::rgb(2, 2, 2) }]);
    assert_eq!(canvas.author(3, 4), Some(identity(0).peer()));
}

#[test]
fn batches_of_strokes_are_small() {
    let at = |cells: &[(u16, u16, Colour)]| {
        let stamp = Clock::new().stamp(WallTime::from_millis(1_790_000_000_123));
        let strokes = cells_to_strokes(CanvasSize { width: 4096, height: 4096 }, cells, stamp).unwrap();
        assert_eq!(strokes.len(), 1, "one tile");
        let author = Endpoint { peer: identity(0).peer(), instance: Instance(u64::MAX) };
        let window = strokes[0].window();
        let header = Header::new(author, 2_000_000, window, 0);
        SignedBatch::sign(&identity(0), &ROOM, &header, &strokes[0].encode()).unwrap().bytes().len()
    };
    let mut rng = meshwork_core::rng::Rng::new([6; 32]);
    let mut scattered = BTreeSet::new();
    while scattered.len() < 64 {
        scattered.insert((4032 + rng.below(64) as u16, 64 + rng.below(64) as u16));
    }
    let one: Vec<_> = scattered.iter().map(|&(x, y)| (x, y, Colour::rgb(1, 2, 3))).collect();
    let random: Vec<_> =
        one.iter().map(|&(x, y, _)| (x, y, Colour::from_bits(rng.below(1 << 24) as u32).unwrap())).collect();
    let sizes = (at(&one[..1]), at(&one), at(&random));
    assert!(sizes.0 <= 160 && sizes.1 <= 256 && sizes.2 <= 512, "{sizes:?}");
}

#[test]
fn a_folded_canvas_gives_memory_back() {
    let size = CanvasSize { width: 64, height: 64 };
    let mut canvas = Canvas::new(size).unwrap();
    let empty = canvas.memory();
    for index in 0..4096u16 {
        let stamp = Stamp::new(1_790_000_000_000 + u64::from(index) * 90, 0).unwrap();
        let colour = Colour::from_bits(u32::from(index) * 4097).unwrap();
        let strokes = Strokes::new(size, 0, vec![TileCell { stamp, colour, index }]).unwrap();
        let peer = u8::from(index % 11 == 0);
        canvas.apply(sign(peer, 0, 1 + u64::from(index), &strokes, stamp), &strokes);
    }
    let (digest, picture) = (canvas.digest(), canvas.to_rgba());
    let others = (0..4096).filter(|index| index % 11 == 0).count();
    assert_eq!(canvas.batch_count(), 4096);
    let most = Stamp::new(1_800_000_000_000, 0).unwrap();
    for (peer, batches) in [(0, 1 + others), (1, 2)] {
        let fold = canvas.fold(0, identity(peer).peer()).unwrap();
        let applied = canvas.apply(sign(peer, 0, 5000, &fold, most), &fold);
        assert_eq!((applied.dropped.len(), canvas.batch_count()), (fold.cells().len(), batches));
        // The digest is computed anew, so it shows that every cell still finds its author.
        assert_eq!((canvas.digest(), canvas.to_rgba()), (digest, picture.clone()));
    }
    // A thousand by a thousand cells are 256 tiles.
    assert!((canvas.memory() - empty) * 256 < 24_000_000, "{}", canvas.memory());
}

#[test]
fn strokes_of_another_canvas_change_nothing() {
    let small = CanvasSize { width: 64, height: 64 };
    let strokes =
        Strokes::new(SIZE, 1, vec![TileCell { stamp: Stamp(1), colour: Colour::CLEARED, index: 0 }]).unwrap();
    let batch = sign(0, 0, 1, &strokes, Stamp(1));
    assert!(Canvas::new(small).unwrap().read(&batch).is_err());
    assert!(Canvas::new(CanvasSize { width: 0, height: 1 }).is_err());
}

/// docs/protocol/canvas.md shows these. A failure prints what comes out now.
#[test]
fn golden_digests() {
    let hex = |bytes: [u8; 32]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut canvas = Canvas::new(CanvasSize { width: 100, height: 50 }).unwrap();
    assert_eq!(
        hex(canvas.digest()),
        "0000000000000000000000000000000000000000000000000000000000000000",
        "empty"
    );
    let stamp = Stamp::new(1_790_000_000_000, 3).unwrap();
    let cells = [(7, 8, Colour::rgb(0xe6, 0x19, 0x4b)), (9, 8, Colour::CLEARED)];
    for (peer, cells) in [(0, &cells[..]), (1, &[(10, 8, Colour::rgb(1, 2, 3))])] {
        let strokes = cells_to_strokes(canvas.size(), cells, stamp).unwrap().remove(0);
        canvas.apply(sign(peer, 0, 1, &strokes, stamp), &strokes);
    }
    assert_eq!(
        hex(canvas.node_digest(tree::part(0), 0)),
        "67e1d91fe87599a5fcc35549431a0beeb6149d7af7c0578c3f6e0c2de578788b",
        "tile"
    );
    assert_eq!(
        hex(canvas.digest()),
        "574891857ae62ff30dc63d7c8659e10f27c0b3e4d7a1c01b3f5f59b28226abd4",
        "canvas"
    );
}
