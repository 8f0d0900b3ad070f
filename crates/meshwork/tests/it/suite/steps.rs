//! What was painted on a canvas, taken back and done again.

use meshwork::{Canvas, Colour, Repainted, Room, WriteError, place};

use super::{HOUR, People, until};
use crate::guard::create;

const RED: Colour = Colour::rgb(200, 30, 30);
const BLUE: Colour = Colour::rgb(0, 0, 200);

/// Ann's canvas, and Bo's face of it.
async fn canvases(people: &People) -> (Room, Room) {
    let room = create(&people.ann, place::canvas(40, 30)).await.unwrap();
    let same = people.bo.join(room.link()).await.unwrap();
    (room, same)
}

/// Waits until a cell shows a colour.
async fn shows(canvas: &Canvas, (x, y): (u16, u16), colour: Option<Colour>) {
    let mut changes = canvas.watch();
    until(async || match canvas.get(x, y).await.unwrap() == colour.and_then(Colour::components) {
        true => Some(()),
        false => changes.next().await.map(|_| None).unwrap(),
    })
    .await;
}

fn told(step: Option<Repainted>) -> Option<(usize, usize, usize)> {
    step.map(|step| (step.painted, step.theirs, step.left))
}

pub(crate) async fn steps_go_back_and_come_again(people: People) {
    let (room, same) = canvases(&people).await;
    let canvas = room.canvas();
    assert_eq!(canvas.undo().await, Ok(None));
    canvas.fill(0..3, 0..1, [200, 30, 30]).await.unwrap();
    canvas.paint(&[(2, 0, BLUE), (3, 0, BLUE)]).await.unwrap();
    assert!(canvas.paint(&[(40, 0, RED)]).await.is_err());
    assert_eq!(canvas.steps(), (2, 0), "what is not painted is no step");
    shows(&same.canvas(), (3, 0), Some(BLUE)).await;
    // Whoever holds a clone takes back what another one painted, and nobody takes back what others did.
    assert_eq!(told(room.clone().canvas().undo().await.unwrap()), Some((2, 0, 0)));
    assert_eq!(same.canvas().undo().await, Ok(None));
    shows(&same.canvas(), (3, 0), None).await;
    assert_eq!(same.canvas().get(2, 0).await.unwrap(), RED.components());
    assert_eq!(told(canvas.undo().await.unwrap()), Some((3, 0, 0)));
    assert_eq!((canvas.painted().await.unwrap(), canvas.steps()), (0, (0, 2)));
    assert_eq!(told(canvas.redo().await.unwrap()), Some((3, 0, 0)));
    assert_eq!(told(canvas.redo().await.unwrap()), Some((2, 0, 0)));
    shows(&same.canvas(), (3, 0), Some(BLUE)).await;
    // What is new ends what could be done again.
    canvas.undo().await.unwrap();
    canvas.paint(&[(9, 9, RED)]).await.unwrap();
    assert_eq!((canvas.redo().await, canvas.steps()), (Ok(None), (2, 0)));
    let clone = room.clone();
    room.leave();
    assert!(matches!(clone.canvas().undo().await, Err(WriteError::Closed(_))));
}

pub(crate) async fn what_others_painted_over_is_theirs(people: People) {
    let (room, same) = canvases(&people).await;
    let (canvas, theirs) = (room.canvas(), same.canvas());
    canvas.fill(0..3, 0..1, [200, 30, 30]).await.unwrap();
    shows(&theirs, (2, 0), Some(RED)).await;
    // In the same colour, so that the author alone tells them apart; the blue cell says that it has arrived.
    theirs.paint(&[(1, 0, RED), (9, 9, BLUE)]).await.unwrap();
    shows(&canvas, (9, 9), Some(BLUE)).await;
    assert_eq!(told(canvas.undo().await.unwrap()), Some((2, 1, 0)));
    shows(&theirs, (2, 0), None).await;
    assert_eq!(theirs.get(1, 0).await.unwrap(), RED.components());
    theirs.fill(0..3, 0..1, [0, 0, 200]).await.unwrap();
    shows(&canvas, (2, 0), Some(BLUE)).await;
    assert_eq!(told(canvas.redo().await.unwrap()), Some((0, 2, 0)));
    assert_eq!(canvas.steps(), (0, 0));
}

pub(crate) async fn a_stroke_that_goes_on_is_one(people: People) {
    let room = create(&people.ann, place::canvas(40, 30)).await.unwrap();
    let canvas = room.canvas();
    canvas.paint(&[(9, 9, BLUE)]).await.unwrap();
    canvas.paint(&[(0, 0, RED)]).await.unwrap();
    for x in 0..4 {
        canvas.paint_on(&[(x, 0, RED), (x + 1, 0, RED)]).await.unwrap();
    }
    assert_eq!(canvas.steps(), (2, 0));
    assert_eq!(told(canvas.undo().await.unwrap()), Some((5, 0, 0)));
    assert_eq!((canvas.painted().await.unwrap(), canvas.steps()), (1, (1, 1)));
}

pub(crate) async fn large_steps_go_back_in_parts(people: People) {
    let (room, same) = canvases(&people).await;
    let theirs = same.canvas();
    theirs.fill(0..3, 0..1, [200, 30, 30]).await.unwrap();
    // A limit that does not know of them would have them painted anew.
    shows(&room.canvas(), (2, 0), Some(RED)).await;
    let app = same.app(place::APP).await.unwrap();
    let mut events = same.events();
    room.rules().limit(&app, 2, HOUR).await.unwrap();
    until(async || match same.rules().limit_of(&app).await.unwrap() {
        Some(_) => Some(()),
        None => events.next().await.map(|_| None).unwrap(),
    })
    .await;
    // Three cells are more than the room ever allows at once.
    assert_eq!(told(theirs.undo().await.unwrap()), Some((2, 0, 1)));
    let error = theirs.undo().await.unwrap_err();
    assert!(matches!(error, WriteError::TooFast { left: 0, .. }), "{error}");
    assert_eq!((theirs.painted().await.unwrap(), theirs.steps()), (1, (1, 1)));
    room.rules().lift_limit(&room.app(place::APP).await.unwrap()).await.unwrap();
    until(async || match same.rules().limit_of(&app).await.unwrap() {
        None => Some(()),
        Some(_) => events.next().await.map(|_| None).unwrap(),
    })
    .await;
    assert_eq!(told(theirs.undo().await.unwrap()), Some((1, 0, 0)));
    assert_eq!(theirs.painted().await.unwrap(), 0);
}
