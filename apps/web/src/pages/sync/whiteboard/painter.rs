//! Draws the board: in tiles of the zoom that is shown, so that moving the board draws nothing again, and what changed is drawn
//! where it changed. What would take longer than a frame may is drawn on in the next one, over what was there before.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::f64::consts::TAU;
use std::ops::RangeInclusive;

use leptos::web_sys::{self, CanvasRenderingContext2d as Context, HtmlCanvasElement, Path2d};
use meshwork_core::blobs::BlobId;
use meshwork_sync::whiteboard::{Picture, Shape, ShapeId, Sketch};
use meshwork_web::sync::whiteboard::camera::Camera;
use meshwork_web::sync::whiteboard::look::{self, DARK, Fill, LIGHT, Look};
use meshwork_web::sync::whiteboard::{Area, hit, svg};
use wasm_bindgen::{JsCast as _, JsValue};

use super::super::super::browser;
use super::pictures::{Coming, Pictures};

/// Edge of a tile, in device pixels.
const TILE: f64 = 512.0;
/// How long drawing shapes may take in a frame, in ms: a fifth of what a frame has, since others want their share.
const BUDGET_MS: f64 = 3.0;
/// Shapes that are drawn before it is looked at the clock again.
const BETWEEN_LOOKS: usize = 4;
/// Shapes that are drawn upon what is there when they come at once. Beyond, whoever moves the board would wait for them.
const FRESH_MAX: usize = 512;
/// Looks that are kept: beyond, the board is one of a great many shapes, and they are made again.
const LOOKS_MAX: usize = 32_768;
const FACE: &str = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";
/// Paper and what cannot be shown, on light and dark.
const PAPERS: [&str; 2] = ["#FFFFFF", "#0F1513"];
const SUNKEN: [&str; 2] = ["#E5EAE7", "#0A0F0D"];
const EDGES: [&str; 2] = ["#7B8983", "#66756E"];

/// A place in the grid of tiles.
type Spot = (i32, i32);

#[derive(Default)]
struct Tile {
    /// What is shown.
    shown: Option<HtmlCanvasElement>,
    /// What is being drawn.
    work: Option<Work>,
    /// Whether what is shown is not what it should be.
    is_stale: bool,
}

struct Work {
    canvas: HtmlCanvasElement,
    shapes: Vec<ShapeId>,
    next: usize,
}

/// A shape that is ready to be drawn.
struct Ready {
    look: Look,
    path: Option<Path2d>,
    area: Area,
}

/// What the board looked like at another zoom.
struct Backdrop {
    canvas: HtmlCanvasElement,
    camera: Camera,
}

/// What draws the board.
pub(super) struct Painter {
    tiles: BTreeMap<Spot, Tile>,
    spare: Vec<HtmlCanvasElement>,
    backdrop: Option<Backdrop>,
    /// What the tiles show.
    camera: Option<Camera>,
    ratio: f64,
    is_dark: bool,
    ready: BTreeMap<ShapeId, Ready>,
    /// Shapes that are under somebody's hand, and are drawn apart.
    lifted: BTreeSet<ShapeId>,
    /// Shapes that came with nothing over them, and are not drawn yet, the one that came first in front.
    fresh: VecDeque<ShapeId>,
    ruler: Option<Context>,
}

impl Painter {
    pub(super) fn new() -> Painter {
        Painter {
            tiles: BTreeMap::new(),
            spare: Vec::new(),
            backdrop: None,
            camera: None,
            ratio: 1.0,
            is_dark: false,
            ready: BTreeMap::new(),
            lifted: BTreeSet::new(),
            fresh: VecDeque::new(),
            ruler: new_canvas(1.0, 1.0).as_ref().and_then(browser::paper),
        }
    }

    /// How wide a text is, in units.
    pub(super) fn measure(&self, text: &str, size: f64, is_strong: bool) -> f64 {
        let Some(ruler) = &self.ruler else { return text.len() as f64 * size / 2.0 };
        ruler.set_font(&font(size, is_strong));
        ruler.measure_text(text).map_or(0.0, |measured| measured.width())
    }

    /// How a shape looks.
    pub(super) fn look(&self, shape: &Shape) -> Look {
        look::of(shape, &|text, size, is_strong| self.measure(text, size, is_strong))
    }

    /// A shape is another one than before, or gone: both areas are drawn again. What is new and has nothing over it is drawn
    /// upon what is there.
    pub(super) fn renew(
        &mut self,
        id: ShapeId,
        before: Option<&Shape>,
        after: Option<&Shape>,
        is_on_top: bool,
    ) {
        self.ready.remove(&id);
        if before.is_none() && is_on_top && self.fresh.len() < FRESH_MAX {
            return self.fresh.push_back(id);
        }
        // Where it is drawn anew it must not be drawn once more upon that.
        self.fresh.retain(|fresh| *fresh != id);
        for shape in before.into_iter().chain(after) {
            self.spoil(&hit::area(shape));
        }
    }

    /// Draws what is fresh upon what is there. Returns whether some is left.
    fn draw_fresh(&mut self, camera: Camera, sketch: &Sketch, pictures: &Pictures, until: f64) -> bool {
        let scale = camera.scale * self.ratio;
        let mut tiles = std::mem::take(&mut self.tiles);
        while browser::milliseconds() < until
            && let Some(id) = self.fresh.pop_front()
        {
            let Some(shape) = sketch.get(id) else { continue };
            let (columns, rows) = self.covered(camera, &hit::area(shape));
            for (spot, tile) in &mut tiles {
                if tile.is_stale || !columns.contains(&spot.0) || !rows.contains(&spot.1) {
                    continue;
                }
                match (&mut tile.work, &tile.shown) {
                    (Some(work), _) => work.shapes.push(id),
                    (None, Some(canvas)) => {
                        if let Some(context) = browser::paper(canvas) {
                            let corner = (f64::from(spot.0) * TILE, f64::from(spot.1) * TILE);
                            let _ = context.set_transform(scale, 0.0, 0.0, scale, -corner.0, -corner.1);
                            self.draw_kept(&context, id, shape, pictures);
                        }
                    }
                    (None, None) => {}
                }
            }
        }
        self.tiles = tiles;
        !self.fresh.is_empty()
    }

    /// Everything may look different.
    pub(super) fn renew_all(&mut self) {
        self.ready.clear();
        self.tiles.values_mut().for_each(|tile| tile.is_stale = true);
    }

    /// What has this picture is drawn again.
    pub(super) fn renew_picture(&mut self, sketch: &Sketch, blob: BlobId) {
        for (_, shape) in sketch.shapes() {
            if matches!(&shape.what, meshwork_sync::whiteboard::What::Picture(picture) if picture.blob() == blob)
            {
                self.spoil(&hit::area(shape));
            }
        }
    }

    /// These are under somebody's hand, and no others.
    pub(super) fn lift(&mut self, sketch: &Sketch, lifted: BTreeSet<ShapeId>) {
        if lifted == self.lifted {
            return;
        }
        let changed: Vec<ShapeId> = lifted.symmetric_difference(&self.lifted).copied().collect();
        self.lifted = lifted;
        for shape in changed.into_iter().filter_map(|id| sketch.get(id)) {
            self.spoil(&hit::area(shape));
        }
    }

    fn spoil(&mut self, area: &Area) {
        let Some(camera) = self.camera else { return };
        let (columns, rows) = self.covered(camera, area);
        for (spot, tile) in &mut self.tiles {
            if columns.contains(&spot.0) && rows.contains(&spot.1) {
                tile.is_stale = true;
            }
        }
    }

    /// The columns and rows of tiles on which an area lies.
    fn covered(&self, camera: Camera, area: &Area) -> (RangeInclusive<i32>, RangeInclusive<i32>) {
        let scale = camera.scale * self.ratio;
        let tile = |at: f64| (at * scale / TILE).floor() as i32;
        // A line is drawn a little beyond its place.
        let area = area.grown(2.0 / scale);
        (tile(area.x)..=tile(area.right()), tile(area.y)..=tile(area.bottom()))
    }

    /// Draws the board as the camera sees it. Returns whether something is left to be drawn.
    pub(super) fn draw(
        &mut self,
        onto: &Context,
        view: (Camera, f64, bool),
        sketch: &Sketch,
        pictures: &Pictures,
    ) -> bool {
        let (camera, ratio, is_dark) = view;
        if (self.ratio, self.is_dark) != (ratio, is_dark) {
            (self.ratio, self.is_dark) = (ratio, is_dark);
            self.renew_all();
        }
        if self.camera.is_some_and(|before| before.scale != camera.scale) {
            self.change_scale();
        }
        self.camera = Some(camera);
        let until = browser::milliseconds() + BUDGET_MS;
        // What is begun anew has all shapes, so no fresh one may be left that would be drawn upon it once more.
        let left =
            self.draw_fresh(camera, sketch, pictures, until) || self.work(camera, sketch, pictures, until);
        self.compose(onto, camera);
        left
    }

    /// Another zoom needs other tiles. Until they are there, what was seen stands in for them.
    fn change_scale(&mut self) {
        let Some(camera) = self.camera else { return };
        let is_whole =
            self.spots(camera).all(|spot| self.tiles.get(&spot).is_some_and(|tile| tile.shown.is_some()));
        if is_whole || self.backdrop.is_none() {
            let (width, height) = (camera.stage.0 * self.ratio, camera.stage.1 * self.ratio);
            if let Some(canvas) = new_canvas(width, height)
                && let Some(context) = browser::paper(&canvas)
            {
                self.compose(&context, camera);
                self.backdrop = Some(Backdrop { canvas, camera });
            }
        }
        for tile in std::mem::take(&mut self.tiles).into_values() {
            self.spare.extend(tile.shown);
            self.spare.extend(tile.work.map(|work| work.canvas));
        }
    }

    /// The tiles that the camera sees.
    fn spots(&self, camera: Camera) -> impl Iterator<Item = Spot> + use<> {
        let ratio = self.ratio;
        let (x, y) = origin(camera, ratio);
        let tile = |at: f64| (at / TILE).floor() as i32;
        let (left, right) = (tile(-x), tile(camera.stage.0 * ratio - x));
        let (top, bottom) = (tile(-y), tile(camera.stage.1 * ratio - y));
        (top..=bottom).flat_map(move |row| (left..=right).map(move |column| (column, row)))
    }

    fn work(&mut self, camera: Camera, sketch: &Sketch, pictures: &Pictures, until: f64) -> bool {
        let seen: BTreeSet<Spot> = self.spots(camera).collect();
        let unseen: Vec<Spot> = self.tiles.keys().filter(|spot| !seen.contains(spot)).copied().collect();
        for tile in unseen.iter().filter_map(|spot| self.tiles.remove(spot)).collect::<Vec<_>>() {
            self.spare.extend(tile.shown);
            self.spare.extend(tile.work.map(|work| work.canvas));
        }
        self.spare.truncate(seen.len());
        for spot in seen {
            let mut tile =
                self.tiles.remove(&spot).unwrap_or_else(|| Tile { is_stale: true, ..Tile::default() });
            let is_done = self.work_on(&mut tile, spot, camera, sketch, pictures, until);
            self.tiles.insert(spot, tile);
            if !is_done {
                return true;
            }
        }
        false
    }

    /// Draws on a tile. Returns whether it is what it should be.
    fn work_on(
        &mut self,
        tile: &mut Tile,
        spot: Spot,
        camera: Camera,
        sketch: &Sketch,
        pictures: &Pictures,
        until: f64,
    ) -> bool {
        let scale = camera.scale * self.ratio;
        let corner = (f64::from(spot.0) * TILE, f64::from(spot.1) * TILE);
        // Where shapes keep coming, a tile would never be done that is begun anew for each of them.
        if tile.is_stale && tile.work.is_none() {
            tile.is_stale = false;
            let edge = TILE / scale;
            let area = Area { x: corner.0 / scale, y: corner.1 / scale, width: edge, height: edge };
            let is_here =
                |(id, shape): &(ShapeId, &Shape)| !self.lifted.contains(id) && hit::area(shape).meets(&area);
            let shapes: Vec<ShapeId> = sketch.shapes().filter(is_here).map(|(id, _)| id).collect();
            let Some(canvas) = self.spare.pop().or_else(|| new_canvas(TILE, TILE)) else { return true };
            if let Some(context) = browser::paper(&canvas) {
                // The numbers are finite.
                let _ = context.set_transform(1.0, 0.0, 0.0, 1.0, 0.0, 0.0);
                context.clear_rect(0.0, 0.0, TILE, TILE);
            }
            tile.work = Some(Work { canvas, shapes, next: 0 });
        }
        let Some(mut work) = tile.work.take() else { return true };
        if let Some(context) = browser::paper(&work.canvas) {
            let _ = context.set_transform(scale, 0.0, 0.0, scale, -corner.0, -corner.1);
            while let Some(id) = work.shapes.get(work.next) {
                if work.next.is_multiple_of(BETWEEN_LOOKS) && browser::milliseconds() >= until {
                    tile.work = Some(work);
                    return false;
                }
                work.next += 1;
                if let Some(shape) = sketch.get(*id) {
                    self.draw_kept(&context, *id, shape, pictures);
                }
            }
        }
        if let Some(before) = tile.shown.replace(work.canvas) {
            self.spare.push(before);
        }
        !tile.is_stale
    }

    /// Puts the tiles together.
    fn compose(&self, onto: &Context, camera: Camera) {
        let (width, height) = (camera.stage.0 * self.ratio, camera.stage.1 * self.ratio);
        let _ = onto.set_transform(1.0, 0.0, 0.0, 1.0, 0.0, 0.0);
        onto.clear_rect(0.0, 0.0, width, height);
        let is_whole =
            self.spots(camera).all(|spot| self.tiles.get(&spot).is_some_and(|tile| tile.shown.is_some()));
        if let Some(Backdrop { canvas, camera: before }) = self.backdrop.as_ref().filter(|_| !is_whole) {
            let share = camera.scale / before.scale;
            let (x, y) = (camera.x - before.x * share, camera.y - before.y * share);
            // A canvas that has no pixels cannot be drawn, and shows nothing either.
            let _ = onto.draw_image_with_html_canvas_element_and_dw_and_dh(
                canvas,
                x * self.ratio,
                y * self.ratio,
                before.stage.0 * self.ratio * share,
                before.stage.1 * self.ratio * share,
            );
        }
        let (x, y) = origin(camera, self.ratio);
        for (spot, tile) in &self.tiles {
            if let Some(canvas) = &tile.shown {
                let (left, top) = (x + f64::from(spot.0) * TILE, y + f64::from(spot.1) * TILE);
                if !is_whole {
                    onto.clear_rect(left, top, TILE, TILE);
                }
                let _ = onto.draw_image_with_html_canvas_element(canvas, left, top);
            }
        }
    }

    fn draw_kept(&mut self, context: &Context, id: ShapeId, shape: &Shape, pictures: &Pictures) {
        if !self.ready.contains_key(&id) {
            if self.ready.len() >= LOOKS_MAX {
                self.ready.clear();
            }
            let ready = self.make_ready(shape);
            self.ready.insert(id, ready);
        }
        if let Some(ready) = self.ready.get(&id) {
            self.draw_ready(context, ready, pictures);
        }
    }

    /// Draws a shape that is not kept yet.
    pub(super) fn draw_draft(&self, context: &Context, shape: &Shape, pictures: &Pictures) {
        self.draw_ready(context, &self.make_ready(shape), pictures);
    }

    fn make_ready(&self, shape: &Shape) -> Ready {
        let look = self.look(shape);
        let path = (!look.path.is_empty()).then(|| Path2d::new_with_path_string(&look.path).ok()).flatten();
        Ready { look, path, area: Area::of(shape.bounds) }
    }

    fn draw_ready(&self, context: &Context, ready: &Ready, pictures: &Pictures) {
        let Ready { look, path, area } = ready;
        let colours = if self.is_dark { &DARK } else { &LIGHT };
        let colour = colours[usize::from(look.colour)];
        let theme = usize::from(self.is_dark);
        if let Some(path) = path {
            match look.fill {
                Some(Fill::Whole) => fill(context, path, colour, 1.0),
                Some(Fill::Marker) => fill(context, path, colour, svg::MARKER_OPACITY),
                Some(Fill::Tint) => {
                    fill(context, path, PAPERS[theme], 1.0);
                    fill(context, path, colour, look::TINT);
                }
                Some(Fill::Sunken) => fill(context, path, SUNKEN[theme], 1.0),
                None => {}
            }
            if let Some(line) = look.line {
                context.set_stroke_style_str(if look.fill == Some(Fill::Sunken) {
                    EDGES[theme]
                } else {
                    colour
                });
                context.set_line_width(line.width);
                context.set_line_cap("round");
                context.set_line_join("round");
                set_dashes(context, if line.is_dashed { &[6.0, 5.0] } else { &[] });
                context.stroke_with_path(path);
                set_dashes(context, &[]);
            }
        }
        if let Some(picture) = &look.picture {
            self.draw_picture(context, picture, area, pictures);
        }
        if !look.words.lines.is_empty() {
            context.set_fill_style_str(svg::text_colour(look, colours));
            context.set_text_align(if look.words.is_centred { "center" } else { "start" });
            for line in &look.words.lines {
                context.set_font(&font(look.words.size, line.is_strong));
                set_direction(context, line.is_rtl);
                let _ = context.fill_text(&line.text, line.x, line.y);
            }
            set_direction(context, false);
        }
    }

    fn draw_picture(&self, context: &Context, picture: &Picture, area: &Area, pictures: &Pictures) {
        let Area { x, y, width, height } = *area;
        let theme = usize::from(self.is_dark);
        if let Some(image) = pictures.image(picture.blob()) {
            let _ = context.draw_image_with_image_bitmap_and_dw_and_dh(&image, x, y, width, height);
            return;
        }
        context.set_fill_style_str(SUNKEN[theme]);
        context.fill_rect(x, y, width, height);
        context.set_stroke_style_str(EDGES[theme]);
        context.set_line_width(1.0);
        context.stroke_rect(x, y, width, height);
        context.set_fill_style_str(if self.is_dark { DARK[0] } else { LIGHT[0] });
        context.set_font(&font(14.0, false));
        context.set_text_align("center");
        let (words, coming) = pictures.words(picture.blob());
        let _ = context.fill_text_with_max_width(&words, x + width / 2.0, y + height / 2.0, width);
        if let Some(Coming { share, from }) = coming {
            // A bead moves along its strand from who sends to who gets.
            let (left, right, along) = (x + width * 0.15, x + width * 0.85, y + height / 2.0 + 20.0);
            context.begin_path();
            context.move_to(left, along);
            context.line_to(right, along);
            context.stroke();
            circle(context, (left + (right - left) * share, along), 6.0);
            context.fill();
            if let Some(from) = from {
                context.set_fill_style_str(&from.colour);
                circle(context, (left, along), 9.0);
                context.fill();
            }
        }
    }
}

/// Where the board's middle is, in whole device pixels, so that tiles lie upon pixels.
fn origin(camera: Camera, ratio: f64) -> (f64, f64) {
    ((camera.x * ratio).round(), (camera.y * ratio).round())
}

fn fill(context: &Context, path: &Path2d, colour: &str, opacity: f64) {
    context.set_fill_style_str(colour);
    context.set_global_alpha(opacity);
    context.fill_with_path_2d(path);
    context.set_global_alpha(1.0);
}

fn set_direction(context: &Context, is_rtl: bool) {
    let direction = if is_rtl { "rtl" } else { "ltr" };
    // A browser without it draws from left to right.
    let _ = js_sys::Reflect::set(context, &"direction".into(), &direction.into());
}

pub(super) fn set_dashes(context: &Context, lengths: &[f64]) {
    let dashes: js_sys::Array = lengths.iter().map(|length| JsValue::from_f64(*length)).collect();
    // All lengths are numbers.
    let _ = context.set_line_dash(&dashes);
}

pub(super) fn font(size: f64, is_strong: bool) -> String {
    let weight = if is_strong { 600 } else { 400 };
    format!("{weight} {size}px {FACE}")
}

pub(super) fn circle(context: &Context, (x, y): (f64, f64), radius: f64) {
    context.begin_path();
    // The radius is above 0.
    let _ = context.arc(x, y, radius, 0.0, TAU);
}

pub(super) fn new_canvas(width: f64, height: f64) -> Option<HtmlCanvasElement> {
    let document = web_sys::window()?.document()?;
    let canvas: HtmlCanvasElement = document.create_element("canvas").ok()?.dyn_into().ok()?;
    canvas.set_width(width.ceil() as u32);
    canvas.set_height(height.ceil() as u32);
    Some(canvas)
}
