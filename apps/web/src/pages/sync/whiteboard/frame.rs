//! A frame: the board, what is under hands, what is chosen, and where others point.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::web_sys::{self, CanvasRenderingContext2d as Context};
use meshwork_core::id::Endpoint;
use meshwork_sync::whiteboard::{Shape, ShapeId};
use meshwork_web::people::beads;
use meshwork_web::sync::whiteboard::camera::Camera;
use meshwork_web::sync::whiteboard::hit;
use meshwork_web::sync::whiteboard::{Area, Place};

use super::super::super::session::set_if_new;
use super::super::super::{browser, theme};
use super::super::state::Tab;
use super::easel::{Drafted, Easel, Work, paper_context};
use super::painter::{circle, font, set_dashes};

/// Edge of a handle, in pixels.
const HANDLE: f64 = 10.0;
/// Fewest pixels of an edge beside whose corners handles have place.
const EDGE_LEAST: f64 = 44.0;

/// The colours of a frame, as the page's theme has them.
pub(super) struct Colours {
    ink: String,
    on_ink: String,
    you: String,
    paper: String,
    beads: Vec<String>,
    is_dark: bool,
}

/// The colours of the paper now; `None` before it is there.
pub(super) fn colours_of(easel: Easel) -> Option<Rc<Colours>> {
    let paper = easel.paper.try_get_untracked().flatten()?;
    easel.with(|work| {
        let is_current =
            |colours: &Rc<Colours>| colours.is_dark == theme::is_dark() && !colours.ink.is_empty();
        let known = work.colours.take().filter(is_current);
        work.colours.insert(known.unwrap_or_else(|| Rc::new(Colours::of(&paper)))).clone()
    })
}

impl Easel {
    /// Draws a frame at this time, in place of one that was to come later.
    pub(super) fn ask_frame_at(self, at: Option<f64>) {
        let next = at.and_then(|at| {
            let wait = (at - browser::milliseconds()).max(0.0);
            set_timeout_with_handle(move || self.ask_frame(), Duration::from_millis(wait.ceil() as u64)).ok()
        });
        let before = self.with(|work| std::mem::replace(&mut work.later, next)).flatten();
        if let Some(before) = before {
            before.clear();
        }
    }

    /// Draws a frame as soon as one is due.
    pub(super) fn ask_frame(self) {
        let is_asked = self.with(|work| std::mem::replace(&mut work.is_frame_asked, true));
        if is_asked == Some(false) {
            request_animation_frame(move || self.draw());
        }
    }

    fn draw(self) {
        self.with(|work| work.is_frame_asked = false);
        if self.sync.tab.try_get_untracked() != Some(Tab::Whiteboard) {
            return;
        }
        let Some((paper, context)) = paper_context(self) else { return };
        let camera = self.camera.get_untracked();
        if camera.stage.0 <= 0.0 {
            return;
        }
        let ratio = web_sys::window().map_or(1.0, |window| window.device_pixel_ratio());
        let pixels = [camera.stage.0, camera.stage.1].map(|length| (length * ratio).round() as u32);
        if [paper.width(), paper.height()] != pixels {
            paper.set_width(pixels[0]);
            paper.set_height(pixels[1]);
        }
        let Some(colours) = colours_of(self) else { return };
        let now = browser::milliseconds();
        let edited =
            self.editing.with_untracked(|editing| editing.as_ref().and_then(|editing| self.edited(editing)));
        let own = self.with(|work| work.hand.drafts(&work.sketch)).unwrap_or_default();
        let own: Vec<(ShapeId, Shape)> = own.into_iter().chain(edited.clone()).collect();
        let own_next = self.say_drafts(&own);
        let left = self.with(|work| {
            let (mut drafted, others_next) = work.others.drafted(now);
            // While it is written a text stands in the field over the board.
            let bare = edited.map(|(id, shape)| (id, Shape { text: String::new(), ..shape }));
            drafted.extend(own.into_iter().chain(bare));
            let erasing = work.hand.erasing().cloned().unwrap_or_default();
            let lifted: BTreeSet<ShapeId> = drafted
                .keys()
                .chain(&erasing)
                .filter(|id| work.sketch.get(**id).is_some())
                .copied()
                .collect();
            work.painter.lift(&work.sketch, lifted);
            let Work { painter, sketch, pictures, .. } = work;
            let is_left = painter.draw(&context, (camera, ratio, colours.is_dark), sketch, pictures);
            let scale = camera.scale * ratio;
            // The numbers are finite.
            let _ = context.set_transform(scale, 0.0, 0.0, scale, camera.x * ratio, camera.y * ratio);
            let mut shapes: Vec<(&ShapeId, &Shape)> = drafted.iter().collect();
            shapes.sort_by_key(|(id, shape)| (&shape.order, **id));
            for (_, shape) in shapes {
                work.painter.draw_draft(&context, shape, &work.pictures);
            }
            context.set_global_alpha(0.2);
            for shape in erasing.iter().filter_map(|id| work.sketch.get(*id)) {
                work.painter.draw_draft(&context, shape, &work.pictures);
            }
            context.set_global_alpha(1.0);
            let _ = context.set_transform(ratio, 0.0, 0.0, ratio, 0.0, 0.0);
            let moves = self.draw_others(work, (&context, camera, &colours), &drafted, now);
            draw_chosen(work, &context, camera, &drafted, &colours);
            (is_left || moves, others_next)
        });
        set_if_new(self.grid, grid_style(camera));
        let Some((is_left, others_next)) = left else { return };
        self.ask_frame_at(own_next.into_iter().chain(others_next).reduce(f64::min));
        if is_left {
            self.ask_frame();
        }
    }

    /// Draws what others chose and where they point. Returns whether something moves by itself.
    fn draw_others(
        self,
        work: &Work,
        (context, camera, colours): (&Context, Camera, &Colours),
        drafted: &Drafted,
        now: f64,
    ) -> bool {
        let session = self.sync.session;
        let mut moves = false;
        for (who, other) in &work.others.people {
            let colour = colours.bead(*who);
            let shapes = other
                .presence
                .chosen
                .iter()
                .filter_map(|id| drafted.get(id).or_else(|| work.sketch.get(*id)));
            if let Some(area) = Area::around(shapes.map(|shape| Area::of(shape.bounds))) {
                frame(context, camera, area, colour, 2.0);
                let (x, y) = camera.point((area.x, area.y));
                tag(context, (x, y - 26.0), &session.people.called(*who), colour, colours);
            }
            let Some(track) = other.track.as_ref().filter(|track| track.is_shown(now)) else { continue };
            let thread: Vec<(f64, f64)> =
                track.thread(now).into_iter().map(|place| camera.point(place)).collect();
            draw_laser(context, &thread, colour);
            let at = camera.point(track.place(now));
            draw_arrow(context, at, colour);
            if track.is_named(now) {
                tag(context, (at.0 + 14.0, at.1 + 16.0), &session.people.called(*who), colour, colours);
            }
            moves |= track.changes_in(now).is_some();
        }
        if let Some(laser) = &work.laser {
            let thread: Vec<(f64, f64)> =
                laser.thread(now).into_iter().map(|place| camera.point(place)).collect();
            draw_laser(context, &thread, &colours.you);
            moves |= !thread.is_empty();
        }
        moves
    }
}

/// What is chosen, with its handles, and the area in which shapes are being chosen.
fn draw_chosen(work: &Work, context: &Context, camera: Camera, drafted: &Drafted, colours: &Colours) {
    let shape_of = |id: &ShapeId| drafted.get(id).or_else(|| work.sketch.get(*id));
    let chosen: Vec<&Shape> = work.hand.chosen.iter().filter_map(shape_of).collect();
    let mut handles: Vec<Place> = Vec::new();
    if work.hand.single_line(&work.sketch).is_some() {
        handles = hit::line_handles(chosen[0]).into_iter().map(|(_, place)| camera.point(place)).collect();
    } else if let Some(area) = Area::around(chosen.iter().map(|shape| Area::of(shape.bounds))) {
        if chosen.len() > 1 {
            for shape in &chosen {
                frame(context, camera, Area::of(shape.bounds), &colours.you, 1.0);
            }
        }
        frame(context, camera, area, &colours.you, 5.0);
        frame(context, camera, area, &colours.ink, 1.5);
        let is_small = (area.width.min(area.height) * camera.scale) < EDGE_LEAST;
        let count = if is_small { 4 } else { 8 };
        handles = hit::handles(area).take(count).map(|(_, place)| camera.point(place)).collect();
    }
    context.set_line_width(1.5);
    for (x, y) in handles {
        context.set_fill_style_str(&colours.paper);
        context.set_stroke_style_str(&colours.ink);
        context.fill_rect(x - HANDLE / 2.0, y - HANDLE / 2.0, HANDLE, HANDLE);
        context.stroke_rect(x - HANDLE / 2.0, y - HANDLE / 2.0, HANDLE, HANDLE);
    }
    if let Some(area) = work.hand.choosing() {
        context.set_global_alpha(0.12);
        context.set_fill_style_str(&colours.you);
        let (x, y) = camera.point((area.x, area.y));
        context.fill_rect(x, y, area.width * camera.scale, area.height * camera.scale);
        context.set_global_alpha(1.0);
        set_dashes(context, &[4.0, 4.0]);
        frame(context, camera, area, &colours.ink, 1.0);
        set_dashes(context, &[]);
    }
}

fn frame(context: &Context, camera: Camera, area: Area, colour: &str, width: f64) {
    let (x, y) = camera.point((area.x, area.y));
    context.set_stroke_style_str(colour);
    context.set_line_width(width);
    context.stroke_rect(x - 4.0, y - 4.0, area.width * camera.scale + 8.0, area.height * camera.scale + 8.0);
}

fn draw_laser(context: &Context, thread: &[(f64, f64)], colour: &str) {
    for (number, pair) in thread.windows(2).enumerate() {
        context.set_global_alpha((number + 1) as f64 / thread.len() as f64);
        context.set_stroke_style_str(colour);
        context.set_line_width(5.0);
        context.set_line_cap("round");
        context.begin_path();
        context.move_to(pair[0].0, pair[0].1);
        context.line_to(pair[1].0, pair[1].1);
        context.stroke();
    }
    context.set_global_alpha(1.0);
    if let Some(last) = thread.last() {
        circle(context, *last, 4.0);
        context.set_fill_style_str(colour);
        context.fill();
    }
}

fn draw_arrow(context: &Context, (x, y): (f64, f64), colour: &str) {
    context.begin_path();
    context.move_to(x, y);
    for (right, down) in [(15.2, 6.0), (8.4, 8.4), (6.0, 15.2)] {
        context.line_to(x + right, y + down);
    }
    context.close_path();
    context.set_fill_style_str(colour);
    context.fill();
    context.set_stroke_style_str("#fff");
    context.set_line_width(1.5);
    context.stroke();
}

/// Somebody's name on their colour.
fn tag(context: &Context, (x, y): (f64, f64), called: &str, colour: &str, colours: &Colours) {
    context.set_font(&font(12.0, true));
    context.set_text_align("start");
    let width = context.measure_text(called).map_or(0.0, |measured| measured.width());
    context.set_fill_style_str(colour);
    context.fill_rect(x, y, width + 12.0, 20.0);
    context.set_fill_style_str(&colours.on_ink);
    let _ = context.fill_text(called, x + 6.0, y + 14.0);
}

impl Colours {
    fn of(paper: &web_sys::HtmlCanvasElement) -> Colours {
        let style = web_sys::window().and_then(|window| window.get_computed_style(paper).ok().flatten());
        let token = |name: &str| {
            let value = style.as_ref().and_then(|style| style.get_property_value(name).ok());
            value.unwrap_or_default().trim().to_owned()
        };
        Colours {
            ink: token("--ink"),
            on_ink: token("--on-ink"),
            you: token("--you"),
            paper: token("--surface"),
            beads: (0..beads::COLOURS).map(|colour| token(&format!("--bead-{colour}"))).collect(),
            // Dark paper has light ink.
            is_dark: theme::is_dark(),
        }
    }

    /// The colour of somebody's bead.
    pub(super) fn bead(&self, who: Endpoint) -> &str {
        self.beads.get(usize::from(beads::colour(&who.peer))).map_or("", String::as_str)
    }
}

/// The dots of the paper, as a style.
fn grid_style(camera: Camera) -> String {
    let mut step = 24.0 * camera.scale;
    while step < 14.0 {
        step *= 2.0;
    }
    format!("background-size:{step:.2}px {step:.2}px;background-position:{:.1}px {:.1}px", camera.x, camera.y)
}
