//! Boards as files: pictures and Excalidraw's in, PNG, SVG and Excalidraw's out, and the clipboard.

use std::collections::BTreeMap;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys::{self, File};
use meshwork_core::blobs::BlobId;
use meshwork_sync::whiteboard::{Order, Point, Shape, ShapeId, What};
use meshwork_web::sync::whiteboard::excalidraw::{self, Drawn};
use meshwork_web::sync::whiteboard::{Area, Place, hit, svg};
use meshwork_web::texts;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::super::super::{browser, icons};
use super::easel::Easel;
use super::painter::{Painter, new_canvas};

/// Pixels of a PNG's unit, and the longest edge that browsers draw.
const PNG_SCALE: f64 = 2.0;
const PNG_EDGE_MAX: f64 = 8_192.0;
/// What files are called that were saved from a board.
const NAME: &str = "whiteboard";

type Shapes = Vec<(ShapeId, Shape)>;
type Pictures = BTreeMap<BlobId, Vec<u8>>;

/// Takes a file: shapes of an Excalidraw file, or a picture.
pub(super) fn take(easel: Easel, file: File, at: Option<Place>) {
    let name = file.name().to_lowercase();
    if !(name.ends_with(".excalidraw") || name.ends_with(".json")) {
        return easel.put_picture(file.into(), at);
    }
    spawn_local(async move {
        let text = JsFuture::from(file.text()).await.ok().and_then(|text| text.as_string());
        match text {
            Some(text) => match excalidraw::read(&text) {
                Ok(drawn) => put(easel, drawn, true).await,
                Err(error) => easel.tell(texts::sentence(&error.to_string())),
            },
            None => easel.tell(texts::file_unreadable(&file.name())),
        }
    });
}

/// Takes a pasted text: shapes, or words.
pub(super) fn take_text(easel: Easel, text: &str) {
    if !text.trim_start().starts_with('{') {
        return easel.put_text(text);
    }
    match excalidraw::read(text) {
        Ok(drawn) => spawn_local(put(easel, drawn, false)),
        Err(_) => easel.put_text(text),
    }
}

/// A file that has these shapes, with those pictures that are here or come.
async fn file_of(easel: Easel, shapes: &Shapes) -> String {
    let pictures = pictures(easel, shapes).await;
    let shapes: Vec<(ShapeId, &Shape)> = shapes.iter().map(|(id, shape)| (*id, shape)).collect();
    excalidraw::write(&shapes, |blob| pictures.get(&blob).cloned())
}

/// Puts the shapes of a file down, in the middle of what is seen.
async fn put(easel: Easel, drawn: Vec<Drawn>, shows: bool) {
    if easel.is_shut() {
        return;
    }
    let Some(area) = Area::around(drawn.iter().map(|drawn| Area::of(drawn.shape.bounds))) else {
        return easel.tell(texts::board::NO_SHAPES.to_owned());
    };
    let (to, from) = (easel.middle(), area.middle());
    let by = Point::at(to.0 - from.0, to.1 - from.1);
    let Some(mut order) = easel.with(|work| work.sketch.top()) else { return };
    let mut shapes = Vec::new();
    for Drawn { mut shape, picture } in drawn {
        if let Some(picture) = picture {
            easel.hold_picture(picture).await;
        }
        shape.bounds.x += by.x;
        shape.bounds.y += by.y;
        let next = Order::between(Some(&order), None);
        shape.order = std::mem::replace(&mut order, next);
        shapes.push((easel.fresh_id(), shape));
    }
    easel.put(shapes);
    if shows {
        easel.show_all();
    }
}

/// Copies what is chosen to the clipboard, and takes it away.
pub(super) fn copy(easel: Easel, takes_away: bool) {
    let chosen = easel.chosen_ids();
    let shapes: Shapes = shapes(easel).into_iter().filter(|(id, _)| chosen.contains(id)).collect();
    if shapes.is_empty() {
        return;
    }
    spawn_local(async move {
        let text = file_of(easel, &shapes).await;
        match browser::copy_alone(&text).await {
            true if takes_away => easel.erase(&chosen.into_iter().collect::<Vec<_>>()),
            true => {}
            false => easel.tell(texts::board::NO_COPY.to_owned()),
        }
    });
}

/// What is chosen, or else all: what a picture shows.
fn shown(easel: Easel) -> Shapes {
    let chosen = easel.chosen_ids();
    let all = shapes(easel);
    if chosen.is_empty() { all } else { all.into_iter().filter(|(id, _)| chosen.contains(id)).collect() }
}

fn shapes(easel: Easel) -> Shapes {
    easel
        .with(|work| work.sketch.shapes().map(|(id, shape)| (id, shape.clone())).collect())
        .unwrap_or_default()
}

/// The bytes of the pictures that are here or come.
async fn pictures(easel: Easel, shapes: &[(ShapeId, Shape)]) -> Pictures {
    let mut pictures = BTreeMap::new();
    for (_, shape) in shapes {
        if let What::Picture(picture) = &shape.what
            && let Some(bytes) = easel.picture_bytes(picture.blob()).await
        {
            pictures.insert(picture.blob(), bytes);
        }
    }
    pictures
}

fn save_excalidraw(easel: Easel) {
    let shapes = shapes(easel);
    spawn_local(async move {
        let text = file_of(easel, &shapes).await;
        // A browser that saves no files says so itself.
        let _ = browser::save_text(&format!("{NAME}.excalidraw"), &text);
    });
}

fn save_svg(easel: Easel) {
    let shapes = shown(easel);
    spawn_local(async move {
        let pictures = pictures(easel, &shapes).await;
        let address = |blob: BlobId| excalidraw::data_url(pictures.get(&blob)?);
        let text = easel.with(|work| {
            let measure =
                |text: &str, size: f64, is_strong: bool| work.painter.measure(text, size, is_strong);
            svg::write(shapes.iter().map(|(_, shape)| shape), &measure, address)
        });
        if let Some(text) = text.flatten() {
            let _ = browser::save_text(&format!("{NAME}.svg"), &text);
        }
    });
}

fn save_png(easel: Easel) {
    let shapes = shown(easel);
    let drawn = easel.with(|work| {
        let area = Area::around(shapes.iter().map(|(_, shape)| hit::area(shape)))?.grown(svg::MARGIN);
        let scale = (PNG_EDGE_MAX / area.width.max(area.height)).min(PNG_SCALE);
        let canvas = new_canvas(area.width * scale, area.height * scale)?;
        let context = browser::paper(&canvas)?;
        context.set_fill_style_str("#fff");
        context.fill_rect(0.0, 0.0, area.width * scale, area.height * scale);
        // The numbers are finite.
        let _ = context.set_transform(scale, 0.0, 0.0, scale, -area.x * scale, -area.y * scale);
        let light = Painter::new();
        for (_, shape) in &shapes {
            light.draw_draft(&context, shape, &work.pictures);
        }
        Some(canvas)
    });
    let Some(canvas) = drawn.flatten() else { return };
    let save = Closure::once_into_js(move |blob: Option<web_sys::Blob>| {
        if let Some(blob) = blob {
            let _ = browser::save_blob(&format!("{NAME}.png"), &blob);
        }
    });
    // A canvas without pixels has no blob.
    let _ = canvas.to_blob(save.unchecked_ref());
}

/// Lets one choose a picture to put down.
pub(super) fn choose_picture(easel: Easel) {
    if !easel.is_shut() {
        choose(easel, browser::PICTURES);
    }
}

fn choose(easel: Easel, kinds: &str) {
    browser::choose_file(kinds, move |file| take(easel, file, None));
}

/// Files in and out.
#[component]
pub(super) fn FilesMenu(easel: Easel) -> impl IntoView {
    let is_open = easel.is_menu_open;
    let item = move |name: &'static str, label: &'static str, act: fn(Easel)| {
        view! {
            <button
                type="button"
                data-testid=name
                on:click=move |_| {
                    is_open.set(false);
                    act(easel);
                }
            >
                {label}
            </button>
        }
    };
    let open = |easel: Easel| {
        if !easel.is_shut() {
            choose(easel, ".excalidraw,.json");
        }
    };
    view! {
        <div
            class="board-menu"
            on:keydown=move |event| {
                if browser::key(&event) == "Escape" {
                    is_open.set(false);
                }
            }
        >
            <button
                type="button"
                class="icon-button"
                data-testid="board-files"
                aria-label=texts::board::FILES
                title=texts::board::FILES
                aria-expanded=move || is_open.get().to_string()
                on:click=move |_| is_open.update(|is_open| *is_open = !*is_open)
            >
                {icons::download()}
            </button>
            <Show when=move || is_open.get()>
                <div class="board-items">
                    {item("save-board-png", texts::SAVE_PNG, save_png)}
                    {item("save-board-svg", texts::board::SAVE_SVG, save_svg)}
                    {item("save-excalidraw", texts::board::SAVE_EXCALIDRAW, save_excalidraw)}
                    {item("open-excalidraw", texts::board::OPEN_EXCALIDRAW, open)}
                    {item("open-keys", texts::KEYS, |easel| easel.is_keys_open.set(true))}
                </div>
            </Show>
        </div>
    }
}
