//! Hands that draw, choose, move and erase.

use super::*;

const NEW: ShapeId = ShapeId([9; 8]);

fn touch(x: f64, y: f64) -> Touch {
    Touch { at: (x, y), pixel: 1.0, ..Touch::default() }
}

/// Does what a hand with this tool does from one place to another, and keeps it.
fn go(hand: &mut Hand, sketch: &mut Board, from: Place, to: Place) -> Done {
    hand.press(&sketch.0, touch(from.0, from.1), NEW);
    hand.drag(&sketch.0, touch(to.0, to.1));
    let shapes = hand.drafts(&sketch.0);
    let done = hand.lift(&sketch.0);
    if !done.writes.is_empty() {
        sketch.put(shapes);
    }
    done
}

/// A sketch whose table is left out.
struct Board(Sketch);

impl Board {
    fn put(&mut self, shapes: Vec<(ShapeId, Shape)>) {
        self.0.place(shapes);
    }
}

fn held(tool: Tool) -> Hand {
    Hand { tool, ..Hand::default() }
}

fn area(board: &Board, id: ShapeId) -> Area {
    Area::of(board.0.get(id).expect("it is there").bounds)
}

fn with_rectangle() -> (Hand, Board) {
    let (mut hand, mut board) = (held(Tool::Rectangle), Board(Sketch::default()));
    let done = go(&mut hand, &mut board, (100.0, 100.0), (20.0, 40.0));
    assert!(done.is_tool_done && hand.chosen.contains(&NEW));
    hand.tool = Tool::Select;
    (hand, board)
}

#[test]
fn a_box_is_drawn_from_any_corner() {
    let (_, board) = with_rectangle();
    assert_eq!(area(&board, NEW), Area { x: 20.0, y: 40.0, width: 80.0, height: 60.0 });
}

#[test]
fn a_click_puts_boxes_down_but_no_line() {
    let mut board = Board(Sketch::default());
    let done = go(&mut held(Tool::Note), &mut board, (300.0, 300.0), (301.0, 300.0));
    assert_eq!(done.opens, Some(NEW), "a note is there to be written");
    assert_eq!(area(&board, NEW).middle(), (300.0, 300.0));
    let done = go(&mut held(Tool::Arrow), &mut board, (0.0, 0.0), (1.0, 1.0));
    assert_eq!(done, Done::default());
}

#[test]
fn what_is_chosen_is_moved_and_resized() {
    let (mut hand, mut board) = with_rectangle();
    go(&mut hand, &mut board, (40.0, 40.0), (50.0, 45.0));
    assert_eq!(area(&board, NEW), Area { x: 30.0, y: 45.0, width: 80.0, height: 60.0 });
    go(&mut hand, &mut board, (110.0, 105.0), (190.0, 165.0));
    assert_eq!(area(&board, NEW), Area { x: 30.0, y: 45.0, width: 160.0, height: 120.0 });
    go(&mut hand, &mut board, (30.0, 105.0), (290.0, 0.0));
    assert_eq!(
        area(&board, NEW),
        Area { x: 190.0, y: 45.0, width: 100.0, height: 120.0 },
        "it is turned over"
    );
    assert_eq!(hand.nudge(&board.0, (1.0, 0.0)).len(), 1);
}

#[test]
fn a_press_that_does_not_move_changes_nothing() {
    let (mut hand, mut board) = with_rectangle();
    assert_eq!(go(&mut hand, &mut board, (40.0, 40.0), (41.0, 41.0)), Done::default());
    assert_eq!(go(&mut hand, &mut board, (60.0, 40.0), (60.0, 40.0)), Done::default(), "nor does a handle");
}

#[test]
fn an_area_chooses_what_it_meets() {
    let (mut hand, mut board) = with_rectangle();
    go(&mut hand, &mut board, (300.0, 300.0), (200.0, 200.0));
    assert!(hand.chosen.is_empty());
    go(&mut hand, &mut board, (200.0, 200.0), (90.0, 90.0));
    assert_eq!(hand.chosen, BTreeSet::from([NEW]));
}

#[test]
fn shift_keeps_forms_and_directions() {
    assert_eq!(kept_in_form(&What::Rectangle, (0.0, 0.0), (10.0, -30.0)), (30.0, -30.0));
    let (x, y) = kept_in_form(&What::Line, (0.0, 0.0), (100.0, 4.0));
    assert!(x > 99.0 && y.abs() < 1e-9);
    let area = Area { x: 0.0, y: 0.0, width: 20.0, height: 10.0 };
    assert_eq!(resized(Handle::Edge(1, 1), area, (60.0, 12.0), true), ((0.0, 0.0), (60.0, 30.0)));
}

#[test]
fn long_strokes_are_written_while_they_are_drawn() {
    let (mut hand, sketch) = (held(Tool::Pen), Sketch::default());
    hand.press(&sketch, touch(0.0, 0.0), NEW);
    let mut written = Vec::new();
    for at in 1..POINTS_MAX * 2 + 10 {
        written.extend(hand.drag(&sketch, touch(at as f64, 0.0)));
    }
    assert_eq!(written.len(), 4, "what it is, how it looks, its order, and a further piece");
    let whole = hand.drafts(&sketch)[0].1.clone();
    written.extend(hand.lift(&sketch).writes);
    let fields = written
        .into_iter()
        .map(|write| (Field::named(&write.field[1..]).expect("a field"), write.value.expect("a value")));
    assert_eq!(Shape::read(&Fields(fields.collect())), Some(whole));
    hand.press(&sketch, touch(0.0, 0.0), NEW);
    assert_eq!(hand.cancel(), None, "nothing of it was written");
}

#[test]
fn erasers_take_what_they_go_over() {
    let (_, mut board) = with_rectangle();
    let done = go(&mut held(Tool::Eraser), &mut board, (0.0, 0.0), (60.0, 40.0));
    assert_eq!(done.erased, [NEW]);
    // Its left edge lies between two places of a quick hand.
    let (_, mut board) = with_rectangle();
    let done = go(&mut held(Tool::Eraser), &mut board, (0.0, 70.0), (160.0, 140.0));
    assert_eq!(done.erased, [NEW]);
}

#[test]
fn an_end_of_an_arrow_is_moved() {
    let (mut hand, mut board) = (held(Tool::Arrow), Board(Sketch::default()));
    go(&mut hand, &mut board, (0.0, 0.0), (100.0, 0.0));
    hand.tool = Tool::Select;
    go(&mut hand, &mut board, (100.0, 0.0), (50.0, -80.0));
    assert_eq!(ends(board.0.get(NEW).expect("an arrow").bounds), ((0.0, 0.0), (50.0, -80.0)));
}
