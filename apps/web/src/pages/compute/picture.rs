//! The picture of a job, growing tile by tile. Tiles are bytes of strangers' programs, drawn as pixels.

use std::rc::Rc;

use leptos::html;
use leptos::prelude::*;
use leptos::web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData};
use meshwork::compute::{JobId, JobView};
use meshwork_core::id::PeerId;
use meshwork_web::compute::tiles::Layout;
use meshwork_web::people::beads;
use meshwork_web::texts;
use wasm_bindgen::Clamped;

use super::super::browser;
use super::gathered::Gathered;
use super::state::Computing;

/// Most tiles that are shown in work.
const IN_WORK_MAX: usize = 1024;

/// The canvas, and over it the tiles that lenders have in hand.
#[component]
pub(super) fn Picture(
    computing: Computing,
    id: JobId,
    layout: Layout,
    canvas: NodeRef<html::Canvas>,
    view: Memo<Option<JobView>>,
) -> impl IntoView {
    let (width, height) = layout.size();
    if let Some(gathered) = computing.gathered(id) {
        let version = gathered.version.clone();
        let gathered = StoredValue::new_local(gathered);
        Effect::new(move |was_drawn: Option<bool>| {
            version.track();
            let Some(canvas) = canvas.get() else { return false };
            draw(&gathered.get_value(), layout, &canvas, was_drawn != Some(true)).is_some()
        });
    }
    let me = computing.session.node.peer();
    let in_work =
        Memo::new(move |_| view.with(|view| view.as_ref().map(|view| tiles(view, me)).unwrap_or_default()));
    let tile = move |(unit, colour): (u32, String)| {
        let (x, y) = layout.place(unit);
        let (width, height) = layout.tile;
        view! { <rect x=x.to_string() y=y.to_string() width=width.to_string() height=height.to_string() style=format!("--lender:{colour}")></rect> }
    };
    let style = format!("aspect-ratio:{width}/{height};--columns:{};--rows:{}", layout.columns, layout.rows);
    view! {
        <div class="picture" style=style>
            <canvas
                node_ref=canvas
                width=width.to_string()
                height=height.to_string()
                role="img"
                aria-label=texts::compute::PICTURE
                data-testid="job-result"
            ></canvas>
            <svg class="picture-work" viewBox=format!("0 0 {width} {height}") aria-hidden="true">
                {move || in_work.get().into_iter().map(tile).collect_view()}
            </svg>
        </div>
    }
}

/// Units in hand, with the colours of their lenders.
fn tiles(view: &JobView, me: PeerId) -> Vec<(u32, String)> {
    let colour = |peer: &PeerId| match *peer == me {
        true => "var(--you)".to_owned(),
        false => format!("var(--bead-{})", beads::colour(peer)),
    };
    let spans = view.spans.iter().flat_map(|(lender, (first, units))| {
        let colour = colour(&lender.peer);
        (*first..first.saturating_add((*units).into())).map(move |unit| (unit, colour.clone()))
    });
    spans.filter(|(unit, _)| *unit < view.units).take(IN_WORK_MAX).collect()
}

/// Draws what is new, or all.
fn draw(gathered: &Rc<Gathered>, layout: Layout, canvas: &HtmlCanvasElement, is_first: bool) -> Option<()> {
    let paper = browser::paper(canvas)?;
    let values = gathered.values.borrow();
    let fresh = std::mem::take(&mut *gathered.fresh.borrow_mut());
    let units = if is_first { (0..values.len() as u32).collect() } else { fresh };
    for unit in units {
        let value = values.get(unit as usize).and_then(|value| value.as_deref());
        draw_tile(&paper, layout, unit, value);
    }
    Some(())
}

fn draw_tile(paper: &CanvasRenderingContext2d, layout: Layout, unit: u32, value: Option<&[u8]>) {
    let ((x, y), (width, height)) = (layout.place(unit), layout.tile);
    let (x, y) = (f64::from(x), f64::from(y));
    let Some(bytes) = value.filter(|bytes| bytes.len() == layout.bytes()) else {
        return paper.clear_rect(x, y, width.into(), height.into());
    };
    let data = ImageData::new_with_u8_clamped_array_and_sh(Clamped(bytes), width, height);
    if let Ok(data) = data {
        // The bytes fit the tile.
        let _ = paper.put_image_data(&data, x, y);
    }
}
