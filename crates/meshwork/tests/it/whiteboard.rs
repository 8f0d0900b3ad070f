//! Whiteboards, as programs draw on them.

use std::time::Duration;

use meshwork::sync::shapes::{
    Bounds, COLOURS, Order, PICTURE_MAX, POINTS_MAX, Picture, Piece, Point, Shape, ShapeId, Style, TEXT_MAX,
    What,
};
use meshwork::testing::Network;
use meshwork::{BlobId, Event, Room, Whiteboard, WriteError, sync};

use crate::documents::three;
use crate::guard::in_private_rooms_too;

in_private_rooms_too!(
    programs_draw_change_and_erase_shapes,
    who_keeps_a_room_keeps_its_pictures,
    shapes_that_nobody_could_read_are_refused,
    steps_on_a_board_go_back_and_again,
    what_others_changed_of_a_step_stays,
    several_writes_are_one_step,
    refused_writes_leave_the_steps_alone,
    large_board_steps_go_in_parts
);

fn note(text: &str, order: Order) -> Shape {
    Shape {
        what: What::Note,
        bounds: Bounds { x: 0, y: 0, width: 800, height: 800 },
        style: Style::default(),
        order,
        text: text.to_owned(),
    }
}

/// The shapes that all see alike once each sees so many.
async fn all_see(rooms: &[Room], count: usize) -> Vec<Shape> {
    loop {
        let mut seen = Vec::new();
        for room in rooms {
            let shapes = room.whiteboard().shapes().await.unwrap();
            seen.push(shapes.into_iter().map(|(_, shape)| shape).collect::<Vec<_>>());
        }
        if seen.iter().all(|shapes| shapes.len() == count && *shapes == seen[0]) {
            return seen.remove(0);
        }
        crate::tick(Duration::from_millis(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn programs_draw_change_and_erase_shapes() {
    let network = Network::new(41);
    let (_endpoints, rooms) = three(&network).await;
    let boards = [rooms[0].whiteboard(), rooms[1].whiteboard()];
    let mut changes = boards[1].watch();
    let below = boards[0].draw(note("below", boards[0].top().await.unwrap())).await.unwrap();
    let above = boards[0].draw(note("above", boards[0].top().await.unwrap())).await.unwrap();
    let texts: Vec<String> = all_see(&rooms, 2).await.into_iter().map(|shape| shape.text).collect();
    assert_eq!(texts, ["below", "above"]);
    let (heard, shape) = changes.next().await.unwrap();
    assert_eq!((heard, shape.map(|shape| shape.text)), (below, Some("below".to_owned())));
    // One moves it and the other one writes in it: both get what they wanted.
    let shape = boards[0].get(below).await.unwrap().unwrap();
    let moved = Shape { bounds: Bounds { x: 80, ..shape.bounds }, ..shape.clone() };
    let written = Shape { text: "written".to_owned(), ..shape };
    let (one, other) = tokio::join!(boards[0].change(below, moved), boards[1].change(below, written));
    assert!(one.unwrap() && other.unwrap());
    loop {
        let shape = all_see(&rooms, 2).await.remove(0);
        if shape.bounds.x == 80 && shape.text == "written" {
            break;
        }
        crate::tick(Duration::from_millis(100)).await;
    }
    boards[1].erase(above).await.unwrap();
    all_see(&rooms, 1).await;
    assert_eq!(boards[0].get(above).await.unwrap(), None);
    assert!(!boards[0].change(above, note("gone", Order::between(None, None))).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn who_keeps_a_room_keeps_its_pictures() {
    let network = Network::new(42);
    let ([_ann, bo, _kim], rooms) = three(&network).await;
    let keeps = rooms[2].app(sync::APP).await.unwrap();
    let keeper = tokio::spawn(async move { keeps.keep_blobs().await });
    let bytes = vec![7; 50_000];
    let app = rooms[1].app(sync::APP).await.unwrap();
    let blob = app.blobs().offer_bytes(&bytes).await.unwrap().id();
    let picture = What::Picture(Picture::new(blob, bytes.len() as u64));
    let board = rooms[1].whiteboard();
    let id = board.draw(Shape { what: picture, ..note("", board.top().await.unwrap()) }).await.unwrap();
    let held = async || rooms[2].app(sync::APP).await.unwrap().blobs().list().await.unwrap().len();
    while held().await == 0 {
        crate::tick(Duration::from_millis(100)).await;
    }
    bo.close().await;
    let fetched = rooms[0].app(sync::APP).await.unwrap().blobs().fetch(blob).await.unwrap();
    assert_eq!(fetched.read().await.unwrap(), bytes);
    // What nobody shows any more is freed.
    rooms[0].whiteboard().erase(id).await.unwrap();
    while held().await > 0 {
        crate::tick(Duration::from_millis(100)).await;
    }
    keeper.abort();
}

#[tokio::test(start_paused = true)]
async fn shapes_that_nobody_could_read_are_refused() {
    let network = Network::new(43);
    let (_endpoints, rooms) = three(&network).await;
    let board = rooms[0].whiteboard();
    let top = board.top().await.unwrap();
    let stroke = |points: Vec<Point>, pressures: Vec<u8>| Shape {
        bounds: Bounds { x: 0, y: 0, width: 8, height: 8 },
        what: What::Stroke(Piece { points, pressures }),
        ..note("", top.clone())
    };
    let far = Point { x: i32::MAX, y: i32::MIN };
    let invalid = [
        Shape { style: Style { colour: COLOURS, ..Style::default() }, ..note("", top.clone()) },
        Shape { style: Style { size: 3, ..Style::default() }, ..note("", top.clone()) },
        Shape { bounds: Bounds { x: i32::MIN, y: 0, width: -8, height: 8 }, ..note("", top.clone()) },
        stroke(Vec::new(), Vec::new()),
        stroke(vec![Point::default(), far, Point::default()], Vec::new()),
        stroke(vec![Point::default(); 2], vec![1]),
        stroke(vec![Point::default(); POINTS_MAX * 128 + 1], Vec::new()),
    ];
    for shape in invalid {
        let refused = board.draw(shape).await;
        assert!(matches!(refused, Err(WriteError::Invalid(_))), "{refused:?}");
    }
    let picture = What::Picture(Picture::new(BlobId([7; 32]), PICTURE_MAX + 1));
    let long = "x".repeat(TEXT_MAX + 1);
    for shape in [note(&long, top.clone()), Shape { what: picture, ..note("", top.clone()) }] {
        let refused = board.draw(shape).await;
        assert!(matches!(refused, Err(WriteError::TooLarge { .. })), "{refused:?}");
    }
    // What is drawn backwards stands upright.
    let backwards = Bounds { x: 80, y: 80, width: -80, height: -40 };
    let id = board.draw(Shape { bounds: backwards, ..note("", top.clone()) }).await.unwrap();
    let drawn = board.get(id).await.unwrap().unwrap();
    assert_eq!(drawn.bounds, Bounds { x: 0, y: 40, width: 80, height: 40 });
    assert!(matches!(board.change(id, note(&long, top)).await, Err(WriteError::TooLarge { .. })));
    assert_eq!(board.shapes().await.unwrap(), [(id, drawn)]);
}

/// The texts of the shapes that a board shows once these are so many.
async fn texts(board: &Whiteboard, count: usize) -> Vec<String> {
    loop {
        let shapes = board.shapes().await.unwrap();
        if shapes.len() == count {
            return shapes.into_iter().map(|(_, shape)| shape.text).collect();
        }
        crate::tick(Duration::from_millis(100)).await;
    }
}

/// Waits until a board shows a text in a shape.
async fn reads(board: &Whiteboard, id: ShapeId, text: &str) -> Shape {
    loop {
        if let Some(shape) = board.get(id).await.unwrap().filter(|shape| shape.text == text) {
            return shape;
        }
        crate::tick(Duration::from_millis(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn steps_on_a_board_go_back_and_again() {
    let network = Network::new(44);
    let (_endpoints, rooms) = three(&network).await;
    let (board, theirs) = (rooms[0].whiteboard(), rooms[1].whiteboard());
    assert_eq!((board.undo().await, board.redo().await, board.steps()), (Ok(false), Ok(false), (0, 0)));
    let first = board.draw(note("first", board.top().await.unwrap())).await.unwrap();
    let second = board.draw(note("second", board.top().await.unwrap())).await.unwrap();
    let drawn = board.get(first).await.unwrap().unwrap();
    assert!(board.change(first, Shape { text: "changed".to_owned(), ..drawn.clone() }).await.unwrap());
    board.erase(second).await.unwrap();
    assert_eq!(board.steps(), (4, 0));
    // What changes nothing is no step, and no error.
    board.erase(second).await.unwrap();
    assert!(!board.change(second, drawn.clone()).await.unwrap());
    let changed = board.get(first).await.unwrap().unwrap();
    assert!(board.change(first, changed).await.unwrap());
    assert_eq!(board.steps(), (4, 0));
    reads(&theirs, first, "changed").await;
    // Whoever holds a clone takes back what another one drew, and nobody takes back what others did.
    let app = rooms[0].app(sync::APP).await.unwrap();
    assert_eq!((theirs.undo().await, app.whiteboard().undo().await), (Ok(false), Ok(true)));
    assert_eq!(texts(&theirs, 2).await, ["changed", "second"]);
    assert_eq!(rooms[0].clone().whiteboard().undo().await, Ok(true));
    assert_eq!(board.get(first).await.unwrap(), Some(drawn));
    assert_eq!((board.undo().await, board.undo().await, board.steps()), (Ok(true), Ok(true), (0, 4)));
    assert_eq!(texts(&theirs, 0).await, [""; 0]);
    for (count, step) in [(1, 1), (2, 2), (2, 3), (1, 4)] {
        assert_eq!((board.redo().await, board.steps()), (Ok(true), (step, 4 - step)));
        texts(&theirs, count).await;
    }
    assert_eq!((board.redo().await, texts(&board, 1).await), (Ok(false), vec!["changed".to_owned()]));
    // What is new ends what could be done again.
    board.undo().await.unwrap();
    board.erase(first).await.unwrap();
    assert_eq!((board.redo().await, board.steps()), (Ok(false), (4, 0)));
    let clone = rooms[0].clone();
    let [room, ..] = rooms;
    room.leave();
    assert!(matches!(clone.whiteboard().undo().await, Err(WriteError::Closed(_))));
}

#[tokio::test(start_paused = true)]
async fn what_others_changed_of_a_step_stays() {
    let network = Network::new(45);
    let (_endpoints, rooms) = three(&network).await;
    let (board, theirs) = (rooms[0].whiteboard(), rooms[1].whiteboard());
    let id = board.draw(note("", board.top().await.unwrap())).await.unwrap();
    let drawn = reads(&theirs, id, "").await;
    let bounds = Bounds { x: 80, ..drawn.bounds };
    let style = Style { colour: 3, ..drawn.style };
    board.change(id, Shape { bounds, style, ..drawn.clone() }).await.unwrap();
    while theirs.get(id).await.unwrap().is_none_or(|shape| shape.bounds != bounds) {
        crate::tick(Duration::from_millis(100)).await;
    }
    let further = Bounds { x: 160, ..bounds };
    let shape = theirs.get(id).await.unwrap().unwrap();
    theirs.change(id, Shape { bounds: further, text: "theirs".to_owned(), ..shape }).await.unwrap();
    reads(&board, id, "theirs").await;
    // The colour goes back alone: where the note stands and what is in it is another one's.
    assert_eq!(board.undo().await, Ok(true));
    let left = board.get(id).await.unwrap().unwrap();
    assert_eq!((left.style, left.bounds, &*left.text), (drawn.style, further, "theirs"));
    // A step of which nothing is left is passed over.
    board.redo().await.unwrap();
    let shape = board.get(id).await.unwrap().unwrap();
    board.change(id, Shape { text: "mine".to_owned(), ..shape }).await.unwrap();
    let shape = reads(&theirs, id, "mine").await;
    theirs.change(id, Shape { text: "ours".to_owned(), ..shape }).await.unwrap();
    reads(&board, id, "ours").await;
    assert_eq!((board.steps(), board.undo().await, board.steps()), ((3, 0), Ok(true), (1, 1)));
    let left = board.get(id).await.unwrap().unwrap();
    assert_eq!((left.style, &*left.text), (drawn.style, "ours"));
}

#[tokio::test(start_paused = true)]
async fn several_writes_are_one_step() {
    let network = Network::new(46);
    let (_endpoints, rooms) = three(&network).await;
    let board = rooms[0].whiteboard();
    let mut ids = Vec::new();
    for text in ["a", "b", "c"] {
        ids.push(board.draw(note(text, board.top().await.unwrap())).await.unwrap());
    }
    let dragged = board.one_step();
    let at = board.get(ids[0]).await.unwrap().unwrap();
    for x in 1..20 {
        let bounds = Bounds { x, ..at.bounds };
        assert!(dragged.change(ids[0], Shape { bounds, ..at.clone() }).await.unwrap());
    }
    let erased = board.one_step();
    for id in &ids {
        erased.clone().erase(*id).await.unwrap();
    }
    assert_eq!((board.steps(), dragged.steps(), texts(&board, 0).await.len()), ((5, 0), (5, 0), 0));
    assert_eq!((board.undo().await, texts(&board, 3).await.len()), (Ok(true), 3));
    assert_eq!(board.get(ids[0]).await.unwrap().unwrap().bounds.x, 19);
    assert_eq!((board.undo().await, board.get(ids[0]).await.unwrap()), (Ok(true), Some(at)));
    assert_eq!((board.redo().await, board.redo().await, board.steps()), (Ok(true), Ok(true), (5, 0)));
    assert_eq!(texts(&board, 0).await.len(), 0);
    // Behind the step that was gone there and back another one begins.
    erased.draw(note("d", board.top().await.unwrap())).await.unwrap();
    assert_eq!((board.steps(), board.undo().await, board.steps()), ((6, 0), Ok(true), (5, 1)));
}

#[tokio::test(start_paused = true)]
async fn refused_writes_leave_the_steps_alone() {
    let network = Network::new(47);
    let (_endpoints, rooms) = three(&network).await;
    let (board, mut events) = (rooms[1].whiteboard(), rooms[1].events());
    let id = board.draw(note("drawn", board.top().await.unwrap())).await.unwrap();
    let other = board.draw(note("other", board.top().await.unwrap())).await.unwrap();
    reads(&rooms[0].whiteboard(), other, "other").await;
    board.undo().await.unwrap();
    // What the owner has not heard of counts no more.
    texts(&rooms[0].whiteboard(), 1).await;
    rooms[0].rules().set_writers(Vec::new()).await.unwrap();
    while !matches!(events.next().await.unwrap(), Event::RulesChanged) {}
    let shape = board.get(id).await.unwrap().unwrap();
    let refused = [
        board.draw(note("more", shape.order.clone())).await.map(drop),
        board.change(id, Shape { text: "changed".to_owned(), ..shape }).await.map(drop),
        board.one_step().erase(id).await,
        board.undo().await.map(drop),
        board.redo().await.map(drop),
    ];
    assert_eq!(refused, [(); 5].map(|()| Err(WriteError::NotWriter)));
    assert_eq!((board.steps(), texts(&board, 1).await), ((1, 1), vec!["drawn".to_owned()]));
    rooms[0].rules().let_everybody_write().await.unwrap();
    while !matches!(events.next().await.unwrap(), Event::RulesChanged) {}
    assert_eq!((board.redo().await, board.steps()), (Ok(true), (2, 0)));
    assert_eq!((board.undo().await, board.undo().await, board.steps()), (Ok(true), Ok(true), (0, 2)));
    assert_eq!(texts(&rooms[0].whiteboard(), 0).await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn large_board_steps_go_in_parts() {
    let network = Network::new(48);
    let (_endpoints, rooms) = three(&network).await;
    let (board, mut events) = (rooms[1].whiteboard(), rooms[1].events());
    let drawn = board.one_step();
    for text in ["a", "b", "c"] {
        drawn.draw(note(text, board.top().await.unwrap())).await.unwrap();
    }
    texts(&rooms[0].whiteboard(), 3).await;
    // A note costs six to take back: five fields, and a KiB that is begun.
    let (app, hour) = (rooms[0].app(sync::APP).await.unwrap(), Duration::from_secs(3600));
    rooms[0].rules().limit(&app, 13, hour).await.unwrap();
    while !matches!(events.next().await.unwrap(), Event::RulesChanged) {}
    assert_eq!((board.undo().await, board.steps()), (Ok(true), (1, 1)));
    assert_eq!(texts(&board, 1).await.len(), 1);
    let error = board.undo().await.unwrap_err();
    assert!(matches!(error, WriteError::TooFast { left: 1, cost: 13, .. }), "{error}");
    rooms[0].rules().lift_limit(&app).await.unwrap();
    while !matches!(events.next().await.unwrap(), Event::RulesChanged) {}
    assert_eq!((board.undo().await, board.steps()), (Ok(true), (0, 2)));
    assert_eq!(texts(&rooms[0].whiteboard(), 0).await.len(), 0);
}
