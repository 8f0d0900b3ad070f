//! A picture over the canvas: laid, moved and pinned; painted through by hand, or painted for one in portions.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use leptos::task::spawn_local;
use leptos::web_sys::{self, HtmlCanvasElement, ImageBitmap, OffscreenCanvas};
use meshwork_place::canvas::Colour;
use meshwork_place::picture::{Dither, Palette, Picture, quantise};
use meshwork_web::place::stencil::{self, Stencil};
use meshwork_web::place::{palette, portions, stroke};
use meshwork_web::texts;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::super::browser;
use super::super::session::{Session, set_if_new};
use super::board::Board;
use super::entry::PlaceSession as _;
use super::painter;
use super::surface::{Frame, Surface};
use super::tools::Tools;

/// Bytes of a picture file: above what cameras make, below what stops a page.
const FILE_MAX: f64 = 64.0 * 1024.0 * 1024.0;
/// How often it is counted again at most how much of the picture is painted.
const COUNT: Duration = Duration::from_millis(400);

/// The picture of a board. Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Laid {
    session: Session,
    surface: Surface,
    tools: Tools,
    /// Told when cells of the canvas look different now.
    pub(super) changed: Trigger,
    /// The picture in cells, while there is one.
    pub(crate) stencil: RwSignal<Option<Stencil>>,
    /// Counts pictures: one that is only moved keeps its pixels.
    drawn: RwSignal<u32>,
    /// Whether it stays where it is: then one paints through it.
    pub(crate) is_pinned: RwSignal<bool>,
    /// How much of it is seen, in percent.
    pub(crate) opacity: RwSignal<u8>,
    /// Whether it is brought to the twelve colours.
    pub(crate) is_snapped: RwSignal<bool>,
    /// Whether colours that the twelve lack are mixed from dots.
    pub(crate) is_dithered: RwSignal<bool>,
    /// How many of its cells are not right, and how many there are.
    pub(crate) wrong: RwSignal<(usize, usize)>,
    /// Where files are chosen.
    pub(crate) field: NodeRef<html::Input>,
    inner: StoredValue<Rc<Inner>, LocalStorage>,
}

#[derive(Default)]
struct Inner {
    /// The picture as it was read, so that it can be made larger and smaller.
    source: RefCell<Option<ImageBitmap>>,
    is_counting: Cell<bool>,
}

impl Laid {
    /// No picture yet, over the canvas of that surface.
    pub(crate) fn new(session: Session, surface: Surface, tools: Tools) -> Laid {
        Laid {
            session,
            surface,
            tools,
            changed: Trigger::new(),
            stencil: RwSignal::new(None),
            drawn: RwSignal::new(0),
            is_pinned: RwSignal::new(false),
            opacity: RwSignal::new(50),
            is_snapped: RwSignal::new(true),
            is_dithered: RwSignal::new(false),
            wrong: RwSignal::new((0, 0)),
            field: NodeRef::new(),
            inner: StoredValue::new_local(Rc::new(Inner::default())),
        }
    }

    /// Whether there is a picture.
    pub(crate) fn is_there(self) -> bool {
        self.stencil.with(Option::is_some)
    }

    /// Lets somebody choose a picture file.
    pub(crate) fn choose(self) {
        if let Some(field) = self.field.get_untracked() {
            field.set_value("");
            field.click();
        }
    }

    /// Lays a picture file over the canvas.
    ///
    /// It comes to lie about `cell`, else under the pointer, else in the middle of what is seen.
    pub(crate) fn lay(self, file: web_sys::Blob, cell: Option<(i32, i32)>) {
        if file.size() > FILE_MAX {
            return self.tools.say(texts::picture::TOO_LARGE.to_owned());
        }
        let Some(read) =
            web_sys::window().and_then(|window| window.create_image_bitmap_with_blob(&file).ok())
        else {
            return;
        };
        spawn_local(async move {
            let read = JsFuture::from(read).await;
            let Some(bitmap) = read.ok().and_then(|read| read.dyn_into::<ImageBitmap>().ok()) else {
                return self.tools.say(texts::NOT_A_PICTURE.to_owned());
            };
            let Some(size) = self.surface.size() else { return };
            let (columns, rows) = stencil::first_size((bitmap.width(), bitmap.height()), size);
            self.inner.get_value().source.replace(Some(bitmap));
            self.is_pinned.set(false);
            let seen = || self.surface.view.get_untracked().map(|view| view.cell_under(view.middle()));
            let pointed =
                || self.surface.frame.get_untracked().map(|frame| (frame.cell.0.into(), frame.cell.1.into()));
            let (x, y) = cell.or_else(pointed).or_else(seen).unwrap_or_default();
            // All of it is to be seen.
            let inside = |at: i32, length: u16, all: u16| {
                (at - i32::from(length / 2)).clamp(0, i32::from(all.saturating_sub(length)))
            };
            let place = (inside(x, columns, size.width), inside(y, rows, size.height));
            self.draw(place, columns);
            self.tools.say(texts::picture::laid(columns, rows));
        });
    }

    /// Makes the picture so many columns wide, about its middle.
    pub(crate) fn resize(self, columns: u16) {
        let place = self.stencil.with_untracked(|laid| {
            let laid = laid.as_ref()?;
            let (width, height) = (i32::from(laid.width()), i32::from(laid.height()));
            let rows = height * i32::from(columns) / width.max(1);
            Some((laid.x + (width - i32::from(columns)) / 2, laid.y + (height - rows) / 2))
        });
        if let Some(place) = place {
            self.draw(place, columns);
        }
    }

    /// The colours of the picture were chosen anew.
    pub(crate) fn redraw(self) {
        let place = self
            .stencil
            .with_untracked(|laid| Some((laid.as_ref()?.x, laid.as_ref()?.y, laid.as_ref()?.width())));
        if let Some((x, y, columns)) = place {
            self.draw((x, y), columns);
        }
    }

    fn draw(self, (x, y): (i32, i32), columns: u16) {
        let Some(size) = self.surface.size() else { return };
        let inner = self.inner.get_value();
        let source = inner.source.borrow();
        let Some(source) = source.as_ref() else { return };
        let (columns, rows) = stencil::sized((source.width(), source.height()), columns, size);
        let Some(mut picture) = pixels(source, columns.into(), rows.into()) else {
            return self.tools.say(texts::picture::NO_PIXELS.to_owned());
        };
        if self.is_snapped.get_untracked() {
            let is_dithered = self.is_dithered.get_untracked();
            quantise(
                &mut picture,
                &Palette::place(),
                if is_dithered { Dither::Diffusion } else { Dither::None },
            );
        }
        let mut laid = Stencil::new(&picture, x, y);
        laid.shift((0, 0), size);
        self.stencil.set(Some(laid));
        self.drawn.update(|drawn| *drawn = drawn.wrapping_add(1));
        self.count();
    }

    /// Takes the picture away.
    pub(crate) fn remove(self) {
        self.inner.get_value().source.replace(None);
        self.stencil.set(None);
        self.is_pinned.set(false);
    }

    /// Whether a press on this cell moves the picture.
    pub(super) fn covers(self, cell: (i32, i32)) -> bool {
        let is_loose = !self.is_pinned.get_untracked();
        is_loose && self.stencil.with_untracked(|laid| laid.as_ref().is_some_and(|laid| laid.covers(cell)))
    }

    /// Whether there is a picture that can be moved.
    pub(super) fn is_loose(self) -> bool {
        !self.is_pinned.get_untracked() && self.stencil.with_untracked(Option::is_some)
    }

    /// Moves the picture and says where it is now.
    pub(super) fn carry_by_key(self, by: (i32, i32)) {
        self.carry(by);
        let place = self.stencil.with_untracked(|laid| laid.as_ref().map(|laid| (laid.x, laid.y)));
        let (x, y) = place.unwrap_or_default();
        self.session.voice.speak(texts::picture::stands_at(x, y));
    }

    /// Moves the picture, if it can be moved.
    pub(super) fn carry(self, by: (i32, i32)) {
        let Some(size) = self.surface.size() else { return };
        if self.is_loose() && by != (0, 0) {
            self.stencil.update(|laid| {
                if let Some(laid) = laid {
                    laid.shift(by, size);
                }
            });
        }
    }

    /// What a stroke paints: under a pinned picture the picture's colours, and nothing where it has none.
    pub(super) fn through(self, cells: Vec<stroke::Cell>) -> Vec<stroke::Cell> {
        if !self.is_pinned.get_untracked() {
            return cells;
        }
        self.stencil.with_untracked(|laid| {
            let Some(laid) = laid else { return cells };
            let through = |(x, y, colour): stroke::Cell| {
                let is_beside = !laid.covers((x.into(), y.into()));
                Some((x, y, if is_beside { colour } else { laid.colour((x, y))? }))
            };
            cells.into_iter().filter_map(through).collect()
        })
    }

    /// The colour that a pinned picture has over a cell.
    pub(super) fn colour(self, cell: (u16, u16)) -> Option<Colour> {
        let is_pinned = self.is_pinned.get_untracked();
        self.stencil.with_untracked(|laid| laid.as_ref().filter(|_| is_pinned)?.colour(cell))
    }

    /// Counts again, soon, how many cells of the picture are right.
    fn count_soon(self) {
        if self.stencil.with_untracked(Option::is_some) && !self.inner.get_value().is_counting.replace(true) {
            set_timeout(move || self.count(), COUNT);
        }
    }

    /// Counts how many cells of the picture are right.
    fn count(self) {
        let Some(inner) = self.inner.try_get_value() else { return };
        inner.is_counting.set(false);
        let counted = self.session.canvas().with(|canvas| {
            let look = |x, y| canvas.colour(x, y).unwrap_or(Colour::CLEARED);
            let size = canvas.size();
            self.stencil.with_untracked(|laid| Some(laid.as_ref()?.count_wrong(size, look)))
        });
        if let Some(counted) = counted.flatten() {
            set_if_new(self.wrong, counted);
        }
    }

    /// Leads the frame to the next cell that does not look as the picture does.
    pub(crate) fn find_wrong(self) {
        let Some(size) = self.surface.size() else { return };
        let after = self.surface.frame.get_untracked().map(|frame| frame.cell);
        let next = self.session.canvas().with(|canvas| {
            let look = |x, y| canvas.colour(x, y).unwrap_or(Colour::CLEARED);
            self.stencil.with_untracked(|laid| laid.as_ref()?.next_wrong(after, size, look))
        });
        let Some(cell) = next.flatten() else { return self.say_right() };
        self.surface.frame.set(Some(Frame { cell, is_by_key: true }));
        self.surface.look(|view| view.show(cell));
        let (x, y) = cell;
        let wanted = self.stencil.with_untracked(|laid| laid.as_ref()?.colour(cell));
        self.tools.say(texts::picture::should_be(x, y, &palette::name(wanted)));
    }

    /// Says how much of the picture is right.
    pub(super) fn say_right(self) {
        self.count();
        let (wrong, total) = self.wrong.get_untracked();
        self.tools.say(texts::picture::right(wrong, total));
    }

    /// The cells that do not look as the picture does, as it would paint them.
    pub(super) fn wrong_cells(self) -> Vec<stroke::Cell> {
        let wrong = self.session.canvas().with(|canvas| {
            let cells = self.stencil.with_untracked(|laid| Some(laid.as_ref()?.cells(canvas.size())));
            let mut cells = cells.unwrap_or_default();
            cells.retain(|&(x, y, colour)| canvas.colour(x, y) != Some(colour));
            cells
        });
        wrong.unwrap_or_default()
    }

    /// How much of the picture is painted, and how long the rest takes, in words.
    pub(crate) fn words(self) -> String {
        let (wrong, total) = self.wrong.get();
        let right = texts::picture::right(wrong, total);
        let time = portions::time(wrong, self.session.governing.limit());
        if time.is_zero() {
            return right;
        }
        texts::picture::rest_takes(&right, texts::canvas::duration(time))
    }
}

/// The pixels of a picture, brought to a size by the browser.
fn pixels(source: &ImageBitmap, width: u32, height: u32) -> Option<Picture> {
    let canvas = OffscreenCanvas::new(width, height).ok()?;
    let context = canvas.get_context("2d").ok()??;
    let context: web_sys::OffscreenCanvasRenderingContext2d = context.dyn_into().ok()?;
    // Pixel art that is not made smaller keeps its edges.
    context.set_image_smoothing_enabled(source.width() > width);
    // Not every browser knows qualities; those that do not smooth as they do.
    let _ = js_sys::Reflect::set(&context, &"imageSmoothingQuality".into(), &"high".into());
    let (wide, high) = (f64::from(width), f64::from(height));
    context.draw_image_with_image_bitmap_and_dw_and_dh(source, 0.0, 0.0, wide, high).ok()?;
    let pixels = context.get_image_data(0.0, 0.0, wide, high).ok()?;
    Picture::new(width, height, pixels.data().0).ok()
}

/// The picture itself, between the canvas and the pointer.
#[component]
pub(crate) fn PictureLayer(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let laid = board.laid;
    let layer = NodeRef::<html::Canvas>::new();
    let style = move || {
        let view = board.surface.view.get()?;
        laid.stencil.with(|laid| {
            let laid = laid.as_ref()?;
            let place = view.place((laid.x, laid.y), (laid.width(), laid.height()));
            Some(format!("{place};opacity:{}%", board.laid.opacity.get()))
        })
    };
    Effect::new(move || {
        laid.changed.track();
        laid.stencil.track();
        laid.count_soon();
    });
    Effect::new(move || {
        laid.drawn.track();
        if let Some(layer) = layer.get() {
            laid.stencil.with_untracked(|laid| laid.as_ref().and_then(|laid| draw(&layer, laid)));
        }
    });
    view! {
        <canvas
            class="stencil"
            class:loose=move || !laid.is_pinned.get()
            data-testid="stencil"
            node_ref=layer
            hidden=move || !laid.is_there()
            style=style
            aria-hidden="true"
        ></canvas>
    }
}

fn draw(layer: &HtmlCanvasElement, laid: &Stencil) -> Option<()> {
    layer.set_width(laid.width().into());
    layer.set_height(laid.height().into());
    painter::put(&browser::paper(layer)?, &laid.rgba(), laid.width().into(), (0, 0));
    Some(())
}
