//! Shapes as their bytes say, and people who draw at random while they hear each other late.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::blobs::BlobId;
use meshwork_core::replica::Replica as _;
use meshwork_core::table::{Change, Table, Write, Writer};

use super::*;
use crate::testing::{Person, exchange};

const ID: ShapeId = ShapeId([1, 2, 3, 4, 5, 6, 7, 8]);

fn points(places: &[(i32, i32)]) -> Vec<Point> {
    places.iter().map(|(x, y)| Point { x: *x, y: *y }).collect()
}

fn stroke(places: &[(i32, i32)]) -> Piece {
    Piece { points: points(places), pressures: Vec::new() }
}

fn shape(what: What, order: Order) -> Shape {
    let around = what.piece().and_then(|piece| Bounds::around(piece.points.iter().copied()));
    let bounds = around.unwrap_or(Bounds { x: 8, y: 16, width: 800, height: 400 });
    Shape { what, bounds, style: Style { colour: 2, size: 1, is_filled: true }, order, text: String::new() }
}

fn writes(id: ShapeId, shape: &Shape) -> Vec<Write> {
    id.writes(&Fields::new(), shape)
}

/// docs/protocol/sync.md shows these.
#[test]
fn golden_shapes() {
    let page = include_str!("../../../../docs/protocol/sync.md");
    let piece = Piece { points: points(&[(80, 160), (88, 152)]), pressures: vec![128, 255] };
    let order = Order::between(None, None);
    let bounds = Bounds { x: -8, y: 16, width: 800, height: 400 };
    let picture = What::Picture(Picture::new(BlobId([1; 32]), 300));
    let golden: [Vec<u8>; 6] = [
        What::Stroke(piece).bytes(),
        picture.bytes(),
        What::Diamond.bytes(),
        bounds.bytes(),
        Style { colour: 2, size: 1, is_filled: true }.bytes(),
        order.bytes().to_vec(),
    ];
    for bytes in golden {
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let hex = hex.join(" ").replace(&["01"; 32].join(" "), "01 ... 01");
        assert!(page.contains(&format!("`{hex}`")), "{hex}");
    }
}

#[test]
fn shapes_are_read_as_they_were_written() {
    let order = Order::between(None, None);
    let long: Vec<(i32, i32)> = (0..1_200).map(|at| (at * 3, at % 50)).collect();
    let pressed = Piece { points: points(&[(0, 0), (9, 9)]), pressures: vec![3, 200] };
    for what in [
        What::Stroke(stroke(&long)),
        What::Stroke(pressed),
        What::Line,
        What::Arrow,
        What::Rectangle,
        What::Ellipse,
        What::Diamond,
        What::Text,
        What::Note,
        What::Picture(Picture::new(BlobId([7; 32]), 9_000)),
    ] {
        let mut shape = shape(what, order.clone());
        shape.text = "Ferry, Sat 9:40".to_owned();
        assert_eq!(Shape::read(&shape.fields()).as_ref(), Some(&shape));
        shape.bounds.width *= if shape.what.has_ends() { -2 } else { 2 };
        assert_eq!(Shape::read(&shape.fields()).as_ref(), Some(&shape));
    }
}

#[test]
fn a_stroke_goes_where_its_bounds_go() {
    let mut line = shape(What::Stroke(stroke(&[(0, 0), (80, 40)])), Order::between(None, None));
    assert_eq!(line.points(), [(0.0, 0.0), (10.0, 5.0)]);
    line.bounds = Bounds { x: 800, y: 0, width: -160, height: 40 };
    assert_eq!(line.points(), [(100.0, 0.0), (80.0, 5.0)]);
}

#[test]
fn what_another_build_wrote_stays_a_box() {
    let mut ann = Person::new(1, 1);
    let bounds = Bounds { x: 0, y: 0, width: 80, height: 80 };
    let newer = Write::value(ID.row(), Writer::Anybody.field(b"z"), "later");
    ann.write_all(&[
        ID.write(Field::What, Some([&[8], &b"hologram"[..], &[1, 2, 3]].concat())),
        ID.write(Field::Bounds, Some([bounds.bytes(), vec![9]].concat())),
        ID.write(Field::Style, Some(vec![99, 0, 0])),
        newer.clone(),
    ]);
    let mut sketch = Sketch::read(&ann.table);
    let read = sketch.get(ID).expect("it is a shape").clone();
    assert_eq!((read.what, read.bounds), (What::Unknown("hologram".to_owned()), bounds));
    assert_eq!(read.style, Style::default());
    ann.write_all(&[ID.write(Field::Bounds, Some(Bounds { x: 8, ..bounds }.bytes()))]);
    assert!(sketch.renew(&ann.table, ID).is_some());
    ann.write_all(&[ID.write(Field::Piece(3), Some(vec![5]))]);
    let coloured = Shape { text: "mine".to_owned(), ..sketch.get(ID).expect("it is there").clone() };
    let writes = ID.writes(&Fields::of(&ann.table, ID), &coloured);
    let text = ID.write(Field::Text, Some(b"mine".to_vec()));
    assert_eq!(writes, [text], "what cannot be read stays");
    assert_eq!(ann.table.get(&newer.row, &newer.field).and_then(|entry| entry.value()), Some(&b"later"[..]));
    ann.write_all(&deletion(&ann.table, ID));
    assert_eq!(ann.table.row(&ID.row()).count(), 0);
}

#[test]
fn both_changes_of_one_shape_hold() {
    let (mut ann, mut bo) = (Person::new(1, 1), Person::new(2, 1));
    ann.write_all(&writes(ID, &shape(What::Note, Order::between(None, None))));
    exchange(&mut ann, &mut bo);
    let moved = Bounds { x: 400, y: 0, width: 8, height: 8 };
    ann.write_all(&[ID.write(Field::Bounds, Some(moved.bytes()))]);
    let style = Style { colour: 5, ..Style::default() };
    bo.write_all(&[ID.write(Field::Style, Some(style.bytes()))]);
    exchange(&mut ann, &mut bo);
    for person in [&ann, &bo] {
        let sketch = Sketch::read(&person.table);
        let note = sketch.get(ID).expect("a note");
        assert_eq!((note.bounds, note.style), (moved, style));
    }
}

impl Sketch {
    /// All shapes of a table.
    fn read(table: &Table) -> Sketch {
        let mut sketch = Sketch::default();
        sketch.place(shapes(table));
        sketch
    }
}

/// Writes, and remembers that as a step.
fn add(person: &mut Person, steps: &mut Steps, writes: &[Write], run: Option<Run>) {
    let step = Step::look(&person.table, writes);
    person.write_all(writes);
    steps.add(step, run);
}

/// What takes a step that way, which then counts as taken.
fn go(steps: &mut Steps, table: &Table, way: Way) -> Vec<Write> {
    let writes = steps.next(table, way);
    steps.gone(way, writes.len());
    writes
}

#[test]
fn undo_leaves_alone_what_others_changed() {
    let (mut ann, mut bo) = (Person::new(1, 1), Person::new(2, 1));
    let mut steps = Steps::default();
    let note = writes(ID, &shape(What::Note, Order::between(None, None)));
    add(&mut ann, &mut steps, &note, None);
    let bounds = |x| Bounds { x, y: 0, width: 8, height: 8 };
    let moved = [ID.write(Field::Bounds, Some(bounds(80).bytes()))];
    add(&mut ann, &mut steps, &moved, None);
    exchange(&mut ann, &mut bo);
    bo.write_all(&[ID.write(Field::Bounds, Some(bounds(160).bytes()))]);
    exchange(&mut ann, &mut bo);
    // Nothing is left of the move, and the note is not Ann's alone any more.
    assert_eq!(go(&mut steps, &ann.table, Way::Undo), []);
    assert_eq!(Sketch::read(&ann.table).get(ID).map(|note| note.bounds), Some(bounds(160)));
    assert_eq!(steps.count(), (0, 0));
}

#[test]
fn undo_removes_no_shape_that_others_changed() {
    let note = writes(ID, &shape(What::Note, Order::between(None, None)));
    let text = ID.write(Field::Text, Some(b"Bo was here".to_vec()));
    let moved = ID.write(Field::Bounds, Some(Bounds { x: 8, y: 0, width: 8, height: 8 }.bytes()));
    let of_later = Write::value(ID.row(), Writer::Anybody.field(b"z"), "later");
    for write in [text, moved, of_later] {
        let (mut ann, mut bo) = (Person::new(1, 1), Person::new(2, 1));
        let (mut steps, other) = (Steps::default(), ShapeId([8; 8]));
        add(&mut ann, &mut steps, &writes(other, &shape(What::Arrow, Order::between(None, None))), None);
        add(&mut ann, &mut steps, &note, None);
        exchange(&mut ann, &mut bo);
        bo.write_all(std::slice::from_ref(&write));
        exchange(&mut ann, &mut bo);
        let back = go(&mut steps, &ann.table, Way::Undo);
        assert!(back.iter().all(|write| write.row == other.row()), "the step before is taken back: {back:?}");
        ann.write_all(&back);
        assert!(Sketch::read(&ann.table).get(ID).is_some(), "{write:?}");
        // A shape that was deleted and came back is not deleted again once somebody changed it.
        let (mut ann, mut steps) = (Person::new(1, 1), Steps::default());
        add(&mut ann, &mut steps, &note, None);
        let back = go(&mut steps, &ann.table, Way::Undo);
        ann.write_all(&back);
        let forth = go(&mut steps, &ann.table, Way::Redo);
        ann.write_all(&forth);
        assert_eq!(go(&mut steps, &ann.table, Way::Undo).len(), note.len());
    }
}

#[test]
fn writes_of_one_run_are_one_step() {
    let mut ann = Person::new(1, 1);
    let mut steps = Steps::default();
    let text = |text: &str| [ID.write(Field::Text, Some(text.as_bytes().to_vec()))];
    let (one, other) = (steps.run(), steps.run());
    for (words, run) in [("a", None), ("b", Some(one)), ("c", Some(one)), ("d", Some(other))] {
        add(&mut ann, &mut steps, &text(words), run);
    }
    assert_eq!(steps.count(), (3, 0));
    // Behind another step, and once its step was taken back, a run begins another one.
    add(&mut ann, &mut steps, &text("e"), Some(one));
    assert_eq!(steps.count(), (4, 0));
    for before in ["d", "c"] {
        let back = go(&mut steps, &ann.table, Way::Undo);
        assert_eq!(back, text(before));
        ann.write_all(&back);
    }
    let back = go(&mut steps, &ann.table, Way::Undo);
    assert_eq!(back, text("a"), "both writes of the run");
    ann.write_all(&back);
    let forth = go(&mut steps, &ann.table, Way::Redo);
    ann.write_all(&forth);
    add(&mut ann, &mut steps, &text("f"), Some(one));
    assert_eq!(steps.count(), (3, 0));
    // What a run takes back itself is no step.
    add(&mut ann, &mut steps, &text("c"), Some(one));
    assert_eq!(steps.count(), (2, 0));
}

#[test]
fn steps_that_cannot_be_written_stay() {
    let mut ann = Person::new(1, 1);
    let mut steps = Steps::default();
    let note = writes(ID, &shape(What::Note, Order::between(None, None)));
    add(&mut ann, &mut steps, &note, None);
    let back = steps.next(&ann.table, Way::Undo);
    assert_eq!((steps.next(&ann.table, Way::Undo), steps.count()), (back.clone(), (1, 0)));
    ann.write_all(&back[..1]);
    steps.gone(Way::Undo, 1);
    assert_eq!(steps.count(), (1, 1));
    let rest = go(&mut steps, &ann.table, Way::Undo);
    assert_eq!(rest, back[1..]);
    ann.write_all(&rest);
    assert_eq!((ann.table.entries(&ROW).count(), steps.count()), (0, (0, 2)));
}

#[test]
fn steps_are_bounded() {
    let mut ann = Person::new(1, 1);
    let mut steps = Steps::default();
    for at in 0..STEPS_MAX + 5 {
        let text = at.to_string().into_bytes();
        add(&mut ann, &mut steps, &[ID.write(Field::Text, Some(text))], None);
    }
    assert_eq!(steps.count(), (STEPS_MAX, 0));
    // One alone may be larger than what all may take.
    let rows = STEPS_BYTES_MAX as u64 / 30_000 + 1;
    let large: Vec<Write> =
        (0..rows).map(|row| ShapeId(row.to_le_bytes()).write(Field::Text, Some(vec![7; 30_000]))).collect();
    steps.add(Step::look(&ann.table, &large), None);
    assert_eq!(steps.count(), (1, 0));
    add(&mut ann, &mut steps, &[ID.write(Field::Text, None)], None);
    assert_eq!(steps.count(), (1, 0), "the large one is forgotten first");
}

#[test]
fn the_top_lies_over_all_shapes() {
    let mut ann = Person::new(1, 1);
    assert_eq!(top(&ann.table), Order::between(None, None));
    let of = |number: u32| Order::read(&number.to_be_bytes()).expect("long enough");
    let ids = [1, 2, 3].map(|id| ShapeId([id; 8]));
    ann.write_all(&writes(ids[0], &shape(What::Note, of(7))));
    ann.write_all(&writes(ids[1], &shape(What::Stroke(stroke(&[(0, 0), (9, 9)])), of(9))));
    // Where a shape does not say what it lies over, it lies in the middle.
    ann.write_all(&[ids[1].write(Field::Order, None)]);
    assert!(Sketch::read(&ann.table).shapes().all(|(_, shape)| shape.order < top(&ann.table)));
    // Who draws while the shapes are still being read draws over them too.
    let mut unread = Sketch::default();
    unread.expect(&ann.table);
    assert!(Sketch::read(&ann.table).shapes().all(|(_, shape)| shape.order < unread.top()));
    ann.write_all(&writes(ids[2], &shape(What::Note, of(1 << 31 | 5))));
    assert_eq!(top(&ann.table), of(1 << 31 | 6));
    ann.write_all(&deletion(&ann.table, ids[2]));
    assert!(top(&ann.table) < of(1 << 31 | 5));
}

#[test]
fn order_changes_by_one_place_or_all() {
    let mut ann = Person::new(1, 1);
    let mut sketch = Sketch::default();
    let ids: Vec<ShapeId> = (0..5).map(|number| ShapeId([number; 8])).collect();
    for id in &ids {
        ann.write_all(&writes(*id, &shape(What::Note, sketch.top())));
        sketch.renew(&ann.table, *id);
    }
    let listed = |sketch: &Sketch| sketch.shapes().map(|(id, _)| id.0[0]).collect::<Vec<_>>();
    let mut go = |id: ShapeId, order: Option<Order>, sketch: &mut Sketch| {
        let order = order.expect("there is a place").bytes().to_vec();
        ann.write_all(&[id.write(Field::Order, Some(order))]);
        sketch.renew(&ann.table, id);
    };
    let of = |number: usize| BTreeSet::from([ids[number]]);
    go(ids[1], sketch.step(&of(1), true), &mut sketch);
    assert_eq!(listed(&sketch), [0, 2, 1, 3, 4]);
    go(ids[4], sketch.step(&of(4), false), &mut sketch);
    assert_eq!(listed(&sketch), [0, 2, 1, 4, 3]);
    go(ids[0], Some(sketch.top()), &mut sketch);
    assert_eq!((listed(&sketch), sketch.step(&of(0), true)), (vec![2, 1, 4, 3, 0], None));
    go(ids[0], Some(sketch.bottom()), &mut sketch);
    assert_eq!((listed(&sketch), sketch.step(&of(0), false)), (vec![0, 2, 1, 4, 3], None));
}

#[test]
fn drafts_show_what_will_be() {
    let mut ann = Person::new(1, 1);
    ann.write_all(&writes(ID, &shape(What::Note, Order::between(None, None))));
    let moved = Bounds { x: 80, y: 0, width: 8, height: 8 };
    let other = ShapeId([9; 8]);
    let line = shape(What::Stroke(stroke(&[(0, 0), (8, 8)])), Order::between(None, None));
    let drafted = [vec![ID.write(Field::Bounds, Some(moved.bytes()))], writes(other, &line)].concat();
    let bytes = drafts::bytes(&drafted, 875);
    let shown: BTreeMap<ShapeId, Shape> =
        drafts::read(&ann.table, &bytes).expect("it can be read").into_iter().collect();
    assert_eq!((shown[&ID].bounds, &shown[&ID].what), (moved, &What::Note));
    assert_eq!(shown[&other], line);
    let many: Vec<Write> =
        (0..200_u8).map(|number| ShapeId([number; 8]).write(Field::Bounds, Some(moved.bytes()))).collect();
    let bytes = drafts::bytes(&many, 875);
    assert!(bytes.len() <= 875 && bytes.len() > 700, "{}", bytes.len());
    assert_eq!(drafts::read(&ann.table, &[0xff; 20]), None);
}

/// Seeds of random drawings that once failed.
const KEPT_SEEDS: [u64; 0] = [];
/// Fresh drawings that each run tries; their seeds are printed where one fails.
const DRAWINGS: u64 = 200;
const DEEDS: usize = 120;

/// Numbers that look random and are the same each time (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn step(&mut self) -> i32 {
        self.below(2_000) as i32 - 1_000
    }
}

/// Somebody who draws: what they see is kept up by what changed alone.
struct Drawer {
    person: Person,
    sketch: Sketch,
    steps: Steps,
}

impl Drawer {
    fn write(&mut self, writes: &[Write]) {
        let changes = self.person.write_all(writes);
        self.heed(&changes);
    }

    fn heed(&mut self, changes: &[Change]) {
        for id in changes.iter().filter_map(|change| ShapeId::of(change.row())) {
            self.sketch.renew(&self.person.table, id);
        }
    }

    fn any(&self, random: &mut Random) -> Option<ShapeId> {
        let count = self.sketch.len();
        (count > 0).then(|| self.sketch.shapes().nth(random.below(count)).expect("it is there").0)
    }

    /// Does something that a hand on the page does.
    fn act(&mut self, random: &mut Random) {
        let id = self.any(random);
        let table = &self.person.table;
        let writes = match (random.below(10), id) {
            (0..=2, _) | (_, None) => {
                let at: Vec<(i32, i32)> =
                    (0..2 + random.below(60)).map(|_| (random.step(), random.step())).collect();
                let what = match random.below(6) {
                    0 => What::Rectangle,
                    1 => What::Note,
                    2 => What::Arrow,
                    3 => What::Unknown("hologram".to_owned()),
                    4 => What::Text,
                    _ => What::Stroke(stroke(&at)),
                };
                writes(ShapeId(random.next().to_le_bytes()), &shape(what, self.sketch.top()))
            }
            (3 | 4, Some(id)) => {
                let bounds = Bounds {
                    x: random.step(),
                    y: random.step(),
                    width: random.step(),
                    height: random.step(),
                };
                vec![id.write(Field::Bounds, Some(bounds.bytes()))]
            }
            (5, Some(id)) => {
                let style = Style { colour: random.below(9) as u8, size: 1, is_filled: random.below(2) == 0 };
                vec![id.write(Field::Style, Some(style.bytes()))]
            }
            (6, Some(id)) => {
                let order = self.sketch.step(&BTreeSet::from([id]), random.below(2) == 0);
                order.map(|order| id.write(Field::Order, Some(order.bytes().to_vec()))).into_iter().collect()
            }
            (7, Some(id)) => vec![id.write(Field::Text, Some(random.next().to_string().into_bytes()))],
            (8, Some(id)) => deletion(table, id),
            (_, Some(_)) => {
                let way = if random.below(3) == 0 { Way::Redo } else { Way::Undo };
                let writes = go(&mut self.steps, table, way);
                return self.write(&writes);
            }
        };
        let step = Step::look(&self.person.table, &writes);
        self.write(&writes);
        self.steps.add(step, None);
    }
}

/// A build of later: it writes kinds, fields and looks that this one does not know.
fn act_later(drawer: &mut Drawer, random: &mut Random, written: &mut Vec<Write>) {
    let id = drawer.any(random).unwrap_or(ID);
    let field = Writer::Anybody.field(&[b'z', random.below(3) as u8]);
    let write = Write::value(id.row(), field, random.next().to_le_bytes());
    written.push(write.clone());
    drawer.write(&[write, id.write(Field::Style, Some(vec![random.below(256) as u8, 7, 1, 5]))]);
}

fn draw(seed: u64) {
    let mut random = Random(seed);
    let mut drawers: Vec<Drawer> = (1..=3)
        .map(|secret| Drawer {
            person: Person::new(secret, 1),
            sketch: Sketch::default(),
            steps: Steps::default(),
        })
        .collect();
    let mut later = Vec::new();
    for _ in 0..DEEDS {
        let who = random.below(3);
        match random.below(12) {
            0 => meet(&mut drawers, who, (who + 1) % 3),
            1 => act_later(&mut drawers[who], &mut random, &mut later),
            _ => drawers[who].act(&mut random),
        }
    }
    for (one, other) in [(0, 1), (1, 2), (2, 0), (0, 1)] {
        meet(&mut drawers, one, other);
    }
    for drawer in &drawers {
        let table = &drawer.person.table;
        assert_eq!(drawer.sketch, Sketch::read(table), "what is shown is not what is kept");
        assert_eq!(table.digest(), drawers[0].person.table.digest(), "two see different boards");
        let orders: Vec<_> = drawer.sketch.shapes().map(|(id, shape)| (shape.order.clone(), id)).collect();
        assert!(orders.is_sorted(), "the order is none");
    }
    // Whatever stands there of a build of later was written by it, whoever moved or coloured its shape.
    for entry in drawers[0].person.table.entries(&ROW) {
        let (_, name) = entry.field();
        if name[0] == b'z' {
            let is_known =
                |write: &Write| write.row == entry.row() && write.value.as_deref() == entry.value();
            assert!(later.iter().any(is_known), "somebody rewrote what it does not know");
        }
    }
    undo_all(&mut drawers[0]);
}

/// Who takes everything back leaves nothing of their own that nobody else touched.
fn undo_all(drawer: &mut Drawer) {
    loop {
        let writes = go(&mut drawer.steps, &drawer.person.table, Way::Undo);
        if writes.is_empty() {
            break;
        }
        drawer.write(&writes);
    }
    assert_eq!(drawer.sketch, Sketch::read(&drawer.person.table));
    assert_eq!(drawer.steps.count().0, 0);
}

fn meet(drawers: &mut [Drawer], one: usize, other: usize) {
    let [one, other] = drawers.get_disjoint_mut([one, other]).expect("two people");
    let before = [rows(&one.person.table), rows(&other.person.table)];
    exchange(&mut one.person, &mut other.person);
    for (drawer, before) in [one, other].into_iter().zip(before) {
        let after = rows(&drawer.person.table);
        let ids: BTreeSet<ShapeId> =
            before.symmetric_difference(&after).filter_map(|(row, ..)| ShapeId::of(row)).collect();
        for id in ids {
            drawer.sketch.renew(&drawer.person.table, id);
        }
    }
}

type Standing = (Vec<u8>, Vec<u8>, Option<Vec<u8>>);

fn rows(table: &Table) -> BTreeSet<Standing> {
    let fields = table.entries(&ROW);
    let standing = |entry: &meshwork_core::table::Entry| {
        (entry.row().to_vec(), entry.field().1.to_vec(), entry.value().map(<[u8]>::to_vec))
    };
    fields.map(standing).collect()
}

#[test]
fn people_who_draw_at_random_see_one_board() {
    for seed in KEPT_SEEDS.into_iter().chain(0..DRAWINGS) {
        let drawn = std::panic::catch_unwind(|| draw(seed));
        assert!(drawn.is_ok(), "the drawing with seed {seed} failed");
    }
}
