//! What a hand does on the board: it draws, chooses, moves, resizes and erases. What it is about to do is shown at once, and
//! written when it lets go.

use std::collections::BTreeSet;

use meshwork_core::table::Write;
use meshwork_sync::whiteboard::{
    Bounds, Field, Fields, Order, PIECES_MAX, POINTS_MAX, Piece, Point, Shape, ShapeId, Sketch, Style, What,
};

use super::hit::{self, Handle};
use super::reshape::{kept_in_form, moved, resized, scaled};
use super::{Area, Place, bounds, ends};

#[cfg(test)]
mod tests;

/// Size of a box that is put down without drawing it.
const BOX: (f64, f64) = (160.0, 80.0);
/// Edge of a note.
const NOTE: f64 = 176.0;
/// Colour of a note where none was chosen.
const NOTE_COLOUR: u8 = 2;
/// How far the pointer goes until a press is a drag, in pixels of the page.
const SLOP: f64 = 4.0;
/// How near a handle is taken hold of, in pixels.
const HANDLE: f64 = 10.0;
/// How near a shape is, in pixels.
const SLACK: f64 = 4.0;
/// Places between two of an eraser's at which it is looked for shapes, at most: each look goes through all of them.
const ERASER_STEPS: f64 = 64.0;
/// A finger is thicker than a pointer.
const FINGER: f64 = 2.2;
/// Points of a stroke: beyond, a hand that goes on draws no further.
const STROKE_MAX: usize = POINTS_MAX * PIECES_MAX;

/// What a hand holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// Chooses shapes and moves them.
    #[default]
    Select,
    /// Moves the board.
    Hand,
    /// Draws rectangles.
    Rectangle,
    /// Draws ellipses.
    Ellipse,
    /// Draws arrows.
    Arrow,
    /// Draws lines.
    Line,
    /// Draws by hand.
    Pen,
    /// Writes.
    Text,
    /// Puts notes down.
    Note,
    /// Puts a picture down.
    Picture,
    /// Takes away what it goes over.
    Eraser,
    /// Shows, and draws nothing.
    Laser,
}

impl Tool {
    /// Whether it changes nothing: who may only look has no others.
    pub fn only_looks(self) -> bool {
        matches!(self, Tool::Hand | Tool::Laser)
    }

    /// What it puts down; `None` for what puts nothing down by itself.
    fn what(self) -> Option<What> {
        match self {
            Tool::Rectangle => Some(What::Rectangle),
            Tool::Ellipse => Some(What::Ellipse),
            Tool::Arrow => Some(What::Arrow),
            Tool::Line => Some(What::Line),
            Tool::Note => Some(What::Note),
            _ => None,
        }
    }
}

/// Where the pointer is, and what is held besides.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Touch {
    /// The place on the board.
    pub at: Place,
    /// How many units a pixel of the page is.
    pub pixel: f64,
    /// Whether it is a finger.
    pub is_finger: bool,
    /// How hard a pen is pressed, where it tells.
    pub pressure: Option<u8>,
    /// Whether Shift is held: shapes keep their form, lines a direction, choices grow.
    pub is_shift: bool,
}

impl Touch {
    fn near(&self, pixels: f64) -> f64 {
        pixels * self.pixel * if self.is_finger { FINGER } else { 1.0 }
    }
}

/// What came of letting go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Done {
    /// What is to be written.
    pub writes: Vec<Write>,
    /// Shapes that are to be taken away.
    pub erased: Vec<ShapeId>,
    /// A shape whose text is to be written now.
    pub opens: Option<ShapeId>,
    /// Where a text of its own is to be written now.
    pub text_at: Option<Place>,
    /// Whether the tool is put away, since what it made is chosen now.
    pub is_tool_done: bool,
}

#[derive(Clone, Debug, Default)]
enum Doing {
    #[default]
    Nothing,
    /// A stroke: how many pieces are written already.
    Drawing { id: ShapeId, order: Order, points: Vec<Point>, pressures: Vec<u8>, written: usize },
    /// A box or a line, from one place to another.
    Stretching { id: ShapeId, order: Order, what: What, from: Place, to: Place, is_dragged: bool },
    /// An area in which shapes are chosen, beside those that were before.
    Choosing { from: Place, to: Place, before: BTreeSet<ShapeId> },
    /// The chosen shapes are moved.
    Moving { from: Place, by: Place, is_dragged: bool },
    /// The chosen shapes are resized: the area that they had.
    Resizing { handle: Handle, from: Area, to: (Place, Place) },
    /// An end of a line is moved.
    Bending { handle: Handle, to: Place },
    /// Shapes are taken away, those under the hand's way so far.
    Erasing { erased: BTreeSet<ShapeId>, at: Place },
    /// A place is pressed at which a text will be.
    Placing(Place),
    /// Something is shown.
    Pointing,
}

/// A hand.
#[derive(Clone, Debug, Default)]
pub struct Hand {
    /// What it holds.
    pub tool: Tool,
    /// How what it makes will look.
    pub style: Style,
    /// The shapes that are chosen.
    pub chosen: BTreeSet<ShapeId>,
    doing: Doing,
}

impl Hand {
    /// Whether it is doing something.
    pub fn is_busy(&self) -> bool {
        !matches!(self.doing, Doing::Nothing)
    }

    /// Whether it draws or shows something just now.
    pub fn is_drawing(&self) -> bool {
        matches!(self.doing, Doing::Drawing { .. } | Doing::Stretching { .. } | Doing::Pointing)
    }

    /// The area in which it is choosing.
    pub fn choosing(&self) -> Option<Area> {
        match self.doing {
            Doing::Choosing { from, to, .. } => Some(Area::between(from, to)),
            _ => None,
        }
    }

    /// The pointer went down. `id` is for what may be made.
    pub fn press(&mut self, sketch: &Sketch, touch: Touch, id: ShapeId) {
        let at = touch.at;
        self.doing = match self.tool {
            Tool::Select => self.take(sketch, touch),
            Tool::Pen => Doing::Drawing {
                id,
                order: sketch.top(),
                points: vec![Point::at(at.0, at.1)],
                pressures: touch.pressure.into_iter().collect(),
                written: 0,
            },
            Tool::Eraser => {
                let erased = hit::topmost(sketch, at, touch.near(SLACK)).into_iter().collect();
                Doing::Erasing { erased, at }
            }
            Tool::Text => Doing::Placing(at),
            Tool::Laser => Doing::Pointing,
            Tool::Hand | Tool::Picture => Doing::Nothing,
            tool => match tool.what() {
                Some(what) => {
                    self.chosen.clear();
                    Doing::Stretching { id, order: sketch.top(), what, from: at, to: at, is_dragged: false }
                }
                None => Doing::Nothing,
            },
        };
    }

    /// Takes hold of a handle or a shape, or begins to choose.
    fn take(&mut self, sketch: &Sketch, touch: Touch) -> Doing {
        let at = touch.at;
        let is_near = |place: Place| (place.0 - at.0).hypot(place.1 - at.1) <= touch.near(HANDLE);
        if let Some(line) = self.single_line(sketch)
            && let Some((handle, _)) = hit::line_handles(line).into_iter().find(|(_, place)| is_near(*place))
        {
            return Doing::Bending { handle, to: at };
        }
        if self.single_line(sketch).is_none()
            && let Some(area) = self.chosen_area(sketch)
            && let Some((handle, _)) = hit::handles(area).find(|(_, place)| is_near(*place))
        {
            return Doing::Resizing {
                handle,
                from: area,
                to: ((area.x, area.y), (area.right(), area.bottom())),
            };
        }
        let under = hit::topmost(sketch, at, touch.near(SLACK));
        match under {
            Some(id) if touch.is_shift => {
                if !self.chosen.remove(&id) {
                    self.chosen.insert(id);
                }
            }
            Some(id) if !self.chosen.contains(&id) => self.chosen = BTreeSet::from([id]),
            Some(_) => {}
            None if self.chosen_area(sketch).is_some_and(|area| self.chosen.len() > 1 && area.has(at)) => {}
            None => {
                if !touch.is_shift {
                    self.chosen.clear();
                }
                return Doing::Choosing { from: at, to: at, before: self.chosen.clone() };
            }
        }
        Doing::Moving { from: at, by: (0.0, 0.0), is_dragged: false }
    }

    /// The pointer moved while it was down. Returns what is to be written at once: the part of a long stroke that is over.
    pub fn drag(&mut self, sketch: &Sketch, touch: Touch) -> Vec<Write> {
        let at = touch.at;
        let slop = SLOP * touch.pixel;
        match &mut self.doing {
            Doing::Drawing { points, pressures, .. } => {
                let point = Point::at(at.0, at.1);
                if points.last() != Some(&point) && points.len() < STROKE_MAX {
                    points.push(point);
                    pressures.extend(touch.pressure);
                }
                return self.write_full_pieces();
            }
            Doing::Stretching { what, from, to, is_dragged, .. } => {
                *to = if touch.is_shift { kept_in_form(what, *from, at) } else { at };
                *is_dragged |= (to.0 - from.0).hypot(to.1 - from.1) > slop;
            }
            Doing::Choosing { from, to, before } => {
                *to = at;
                let area = Area::between(*from, at);
                let met = sketch.shapes().filter(|(_, shape)| is_within(shape, &area)).map(|(id, _)| id);
                self.chosen = before.iter().copied().chain(met).collect();
            }
            Doing::Moving { from, by, is_dragged } => {
                *by = (at.0 - from.0, at.1 - from.1);
                *is_dragged |= by.0.hypot(by.1) > slop;
                if touch.is_shift {
                    *by = if by.0.abs() > by.1.abs() { (by.0, 0.0) } else { (0.0, by.1) };
                }
            }
            Doing::Resizing { handle, from, to } => {
                let chosen: Vec<&Shape> = self.chosen.iter().filter_map(|id| sketch.get(*id)).collect();
                let keeps =
                    touch.is_shift || chosen.iter().any(|shape| matches!(shape.what, What::Picture(_)));
                *to = resized(*handle, *from, at, keeps);
            }
            Doing::Bending { to, handle } => {
                *to = at;
                let line = self.chosen.first().and_then(|id| sketch.get(*id));
                if let Some(line) = line.filter(|_| touch.is_shift) {
                    let (from, end) = ends(line.bounds);
                    let still = if *handle == Handle::To { from } else { end };
                    *to = kept_in_form(&What::Line, still, at);
                }
            }
            Doing::Erasing { erased, at: before } => {
                // A quick hand is seen at few places, and a line between them is taken away too.
                let from = std::mem::replace(before, at);
                let (across, down) = (at.0 - from.0, at.1 - from.1);
                let slack = touch.near(SLACK);
                let steps = (across.hypot(down) / slack).ceil().clamp(1.0, ERASER_STEPS);
                let way = (1..=steps as u32).map(|step| f64::from(step) / steps);
                erased.extend(way.filter_map(|share| {
                    hit::topmost(sketch, (from.0 + across * share, from.1 + down * share), slack)
                }));
            }
            Doing::Nothing | Doing::Placing(_) | Doing::Pointing => {}
        }
        Vec::new()
    }

    /// The pointer went up.
    pub fn lift(&mut self, sketch: &Sketch) -> Done {
        let mut done = Done::default();
        let mut shapes = self.drafts(sketch);
        shapes.retain(|(id, shape)| sketch.get(*id) != Some(shape));
        match std::mem::take(&mut self.doing) {
            Doing::Drawing { id, written, .. } => {
                let fields = shapes.into_iter().flat_map(|(_, shape)| shape.fields().0);
                let is_new = |field: &Field| match field {
                    Field::Piece(number) => usize::from(*number) >= written,
                    _ => written == 0,
                };
                let fields = fields.filter(|(field, _)| is_new(field));
                done.writes = fields.map(|(field, value)| id.write(field, Some(value))).collect();
            }
            Doing::Stretching { id, what, is_dragged, .. } => {
                // A line that is none is a slip of the hand.
                if is_dragged || !what.has_ends() {
                    done.writes = creation(&shapes);
                    done.opens = (what == What::Note).then_some(id);
                    done.is_tool_done = true;
                    self.chosen = BTreeSet::from([id]);
                }
            }
            Doing::Moving { is_dragged: false, .. } => {}
            Doing::Moving { .. } | Doing::Resizing { .. } | Doing::Bending { .. } => {
                done.writes = moves(&shapes)
            }
            Doing::Erasing { erased, .. } => done.erased = erased.into_iter().collect(),
            Doing::Placing(at) => {
                done.text_at = Some(at);
                done.is_tool_done = true;
            }
            Doing::Nothing | Doing::Choosing { .. } | Doing::Pointing => {}
        }
        done
    }

    /// What was begun is left alone. Returns a shape of which something was written already.
    pub fn cancel(&mut self) -> Option<ShapeId> {
        match std::mem::take(&mut self.doing) {
            Doing::Drawing { id, written, .. } if written > 0 => Some(id),
            Doing::Choosing { before, .. } => {
                self.chosen = before;
                None
            }
            _ => None,
        }
    }

    /// Shapes as they will be once the hand lets go.
    pub fn drafts(&self, sketch: &Sketch) -> Vec<(ShapeId, Shape)> {
        let style = self.style;
        match &self.doing {
            Doing::Drawing { id, order, points, pressures, .. } => {
                let pressures = if pressures.len() == points.len() { pressures.clone() } else { Vec::new() };
                let piece = Piece { points: points.clone(), pressures };
                let bounds = Bounds::around(points.iter().copied()).unwrap_or_default();
                let what = What::Stroke(piece);
                vec![(*id, Shape { what, bounds, style, order: order.clone(), text: String::new() })]
            }
            Doing::Stretching { id, order, what, from, to, is_dragged } => {
                let bounds = match (is_dragged, what) {
                    (false, What::Note) => centred(*from, (NOTE, NOTE)),
                    (false, _) => centred(*from, BOX),
                    (true, what) if what.has_ends() => bounds(*from, *to),
                    (true, _) => bounds(*from, *to).upright(),
                };
                if !is_dragged && what.has_ends() {
                    return Vec::new();
                }
                let style = style_of(what, style);
                vec![(
                    *id,
                    Shape { what: what.clone(), bounds, style, order: order.clone(), text: String::new() },
                )]
            }
            Doing::Moving { by, is_dragged: true, .. } => {
                self.with_chosen(sketch, |bounds| moved(bounds, *by))
            }
            Doing::Resizing { from, to, .. } => {
                let (from, to) = (*from, *to);
                self.with_chosen(sketch, move |bounds| scaled(bounds, from, to))
            }
            Doing::Bending { handle, to } => self.with_chosen(sketch, |line| {
                let (from, end) = ends(line);
                if *handle == Handle::From { bounds(*to, end) } else { bounds(from, *to) }
            }),
            _ => Vec::new(),
        }
    }

    /// Shapes that are being taken away.
    pub fn erasing(&self) -> Option<&BTreeSet<ShapeId>> {
        match &self.doing {
            Doing::Erasing { erased, .. } => Some(erased),
            _ => None,
        }
    }

    /// What moves the chosen shapes by so much.
    pub fn nudge(&self, sketch: &Sketch, by: Place) -> Vec<Write> {
        moves(&self.with_chosen(sketch, |bounds| moved(bounds, by)))
    }

    /// What makes the chosen shapes larger or smaller by so much.
    pub fn grow(&self, sketch: &Sketch, by: Place) -> Vec<Write> {
        let Some(from) = self.chosen_area(sketch) else { return Vec::new() };
        let to = (
            (from.x, from.y),
            (from.x + (from.width + by.0).max(1.0), from.y + (from.height + by.1).max(1.0)),
        );
        moves(&self.with_chosen(sketch, |bounds| scaled(bounds, from, to)))
    }

    /// Puts a shape of the tool in hand down at a place; `None` where the tool puts nothing down.
    pub fn put_down(&mut self, sketch: &Sketch, at: Place, id: ShapeId) -> Option<Done> {
        let what = self.tool.what()?;
        let size = if what == What::Note { (NOTE, NOTE) } else { BOX };
        let opens = (what == What::Note).then_some(id);
        let style = style_of(&what, self.style);
        let shape =
            Shape { what, bounds: centred(at, size), style, order: sketch.top(), text: String::new() };
        self.chosen = BTreeSet::from([id]);
        Some(Done { writes: creation(&[(id, shape)]), opens, is_tool_done: true, ..Done::default() })
    }

    /// The area of all that is chosen.
    pub fn chosen_area(&self, sketch: &Sketch) -> Option<Area> {
        Area::around(self.chosen.iter().filter_map(|id| sketch.get(*id)).map(|shape| Area::of(shape.bounds)))
    }

    /// The line that alone is chosen, if it is one.
    pub fn single_line<'a>(&self, sketch: &'a Sketch) -> Option<&'a Shape> {
        let shape = sketch.get(*self.chosen.first()?)?;
        (self.chosen.len() == 1 && matches!(shape.what, What::Line | What::Arrow)).then_some(shape)
    }

    fn with_chosen(&self, sketch: &Sketch, change: impl Fn(Bounds) -> Bounds) -> Vec<(ShapeId, Shape)> {
        let chosen = self.chosen.iter().filter_map(|id| Some((*id, sketch.get(*id)?)));
        chosen
            .map(|(id, shape)| {
                let bounds = change(shape.bounds);
                let bounds = if shape.what.has_ends() { bounds } else { bounds.upright() };
                (id, Shape { bounds, ..shape.clone() })
            })
            .collect()
    }

    fn write_full_pieces(&mut self) -> Vec<Write> {
        let style = self.style;
        let Doing::Drawing { id, order, points, pressures, written } = &mut self.doing else {
            return Vec::new();
        };
        // The last point of a piece is not known to be its last until another one comes.
        if points.len() <= (*written + 1) * POINTS_MAX {
            return Vec::new();
        }
        let part = *written * POINTS_MAX..(*written + 1) * POINTS_MAX;
        let is_pressed = pressures.len() == points.len();
        let piece = Piece {
            points: points[part.clone()].to_vec(),
            pressures: if is_pressed { pressures[part].to_vec() } else { Vec::new() },
        };
        *written += 1;
        match *written {
            1 => vec![
                id.write(Field::What, Some(What::Stroke(piece).bytes())),
                id.write(Field::Style, Some(style.bytes())),
                id.write(Field::Order, Some(order.bytes().to_vec())),
            ],
            number => vec![id.write(Field::Piece((number - 1) as u8), Some(piece.bytes()))],
        }
    }
}

/// How a new shape looks: ink makes no paper.
fn style_of(what: &What, style: Style) -> Style {
    match (what, style.colour) {
        (What::Note, 0) => Style { colour: NOTE_COLOUR, ..style },
        _ => style,
    }
}

/// What makes these shapes.
pub fn creation(shapes: &[(ShapeId, Shape)]) -> Vec<Write> {
    shapes.iter().flat_map(|(id, shape)| id.writes(&Fields::new(), shape)).collect()
}

/// What brings shapes to where these stand.
pub fn moves(shapes: &[(ShapeId, Shape)]) -> Vec<Write> {
    shapes.iter().map(|(id, shape)| id.write(Field::Bounds, Some(shape.bounds.bytes()))).collect()
}

/// Bounds of a size around a place.
pub fn centred(at: Place, size: (f64, f64)) -> Bounds {
    let from = (at.0 - size.0 / 2.0, at.1 - size.1 / 2.0);
    bounds(from, (from.0 + size.0, from.1 + size.1))
}

/// Shapes under new ids, a little beside those that they are copies of, over all others.
pub fn copies(
    sketch: &Sketch,
    chosen: &BTreeSet<ShapeId>,
    by: Place,
    mut fresh: impl FnMut() -> ShapeId,
) -> Vec<(ShapeId, Shape)> {
    let mut order = sketch.top();
    let mut copies = Vec::new();
    for (_, shape) in sketch.shapes().filter(|(id, _)| chosen.contains(id)) {
        copies.push((
            fresh(),
            Shape { bounds: moved(shape.bounds, by), order: order.clone(), ..shape.clone() },
        ));
        order = Order::between(Some(&order), None);
    }
    copies
}

/// What brings the chosen shapes over all others or below them, in the order that they have.
pub fn to_the_end(sketch: &Sketch, chosen: &BTreeSet<ShapeId>, is_up: bool) -> Vec<Write> {
    let ids: Vec<ShapeId> = sketch.shapes().map(|(id, _)| id).filter(|id| chosen.contains(id)).collect();
    let mut order = if is_up { sketch.top() } else { sketch.bottom() };
    let mut write = |id: ShapeId| {
        let write = id.write(Field::Order, Some(order.bytes().to_vec()));
        order = if is_up { Order::between(Some(&order), None) } else { Order::between(None, Some(&order)) };
        write
    };
    if is_up {
        ids.into_iter().map(&mut write).collect()
    } else {
        ids.into_iter().rev().map(&mut write).collect()
    }
}

/// What brings the chosen shapes one place up or down, in the order that they have.
pub fn one_place(sketch: &Sketch, chosen: &BTreeSet<ShapeId>, is_up: bool) -> Vec<Write> {
    let Some(order) = sketch.step(chosen, is_up) else { return Vec::new() };
    let ids = sketch.shapes().map(|(id, _)| id).filter(|id| chosen.contains(id));
    // Several take one place: of equal ones the ids tell, as they told before.
    ids.map(|id| id.write(Field::Order, Some(order.bytes().to_vec()))).collect()
}

fn is_within(shape: &Shape, area: &Area) -> bool {
    match &shape.what {
        What::Stroke(_) => shape.points().iter().any(|point| area.has(*point)),
        _ => area.meets(&Area::of(shape.bounds)),
    }
}
