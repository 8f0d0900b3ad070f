//! Whiteboards, as programs draw on them.

use std::time::Duration;

use meshwork::sync::shapes::{
    Bounds, COLOURS, Order, PICTURE_MAX, POINTS_MAX, Picture, Piece, Point, Shape, Style, TEXT_MAX, What,
};
use meshwork::testing::Network;
use meshwork::{BlobId, Room, WriteError, sync};

use crate::documents::three;

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
