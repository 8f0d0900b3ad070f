//! What can be done with the picture over the canvas.

use leptos::prelude::*;
use leptos::web_sys;
use meshwork_web::texts;
use wasm_bindgen::prelude::*;

use super::super::browser;
use super::super::icons;
use super::board::Board;
use super::entry::PlaceSession as _;
use super::tools::JobKind;

/// The controls of the picture, while there is one; and the field in which files are chosen.
#[component]
pub(crate) fn PictureBar(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let laid = board.laid;
    let on_file = move |_| {
        let file = laid.field.get_untracked().and_then(|field| field.files()?.get(0));
        if let Some(file) = file {
            board.laid.lay(file.into(), None);
        }
    };
    let is_there = Memo::new(move |_| laid.is_there());
    view! {
        <input
            type="file"
            class="sr-only"
            accept="image/*"
            tabindex="-1"
            aria-label=texts::picture::FILE
            data-testid="picture-file"
            node_ref=laid.field
            on:change=on_file
        />
        <Show when=move || is_there.get()>
            <section
                class="picture-bar"
                class:pinned=move || laid.is_pinned.get()
                aria-label=texts::picture::OVER_CANVAS
            >
                <PictureHead board/>
                <PictureLook board/>
                <PictureActions board/>
            </section>
        </Show>
    }
}

#[component]
fn PictureHead(board: Board) -> impl IntoView {
    let size = move || {
        board.laid.stencil.with(|laid| {
            laid.as_ref()
                .map_or_else(String::new, |laid| format!("{} \u{d7} {}", laid.width(), laid.height()))
        })
    };
    view! {
        <div class="picture-head">
            <h2>{texts::picture::PICTURE} <span data-testid="picture-size">{size}</span></h2>
            <button
                type="button"
                class="icon-button"
                data-testid="picture-remove"
                aria-label=texts::REMOVE_PICTURE
                title=texts::REMOVE_PICTURE
                on:click=move |_| board.laid.remove()
            >
                {icons::cross()}
            </button>
        </div>
        <p class="picture-words" role="status" data-testid="picture-state">{move || board.laid.words()}</p>
    }
}

#[component]
fn PictureLook(board: Board) -> impl IntoView {
    let laid = board.laid;
    let columns = Memo::new(move |_| laid.stencil.with(|laid| laid.as_ref().map_or(1, |laid| laid.width())));
    let most = move || board.session.canvas().size.get().map_or(1, |size| size.width).to_string();
    let on_size = move |event| {
        if let Ok(columns) = event_target_value(&event).parse() {
            board.laid.resize(columns);
        }
    };
    let on_opacity = move |event| {
        if let Ok(opacity) = event_target_value(&event).parse::<u8>() {
            laid.opacity.set(opacity.clamp(10, 100));
        }
    };
    let on_snap = move |event| {
        laid.is_snapped.set(event_target_checked(&event));
        board.laid.redraw();
    };
    let on_dither = move |event| {
        laid.is_dithered.set(event_target_checked(&event));
        board.laid.redraw();
    };
    view! {
        <label class="range-line">
            <span>{texts::WIDTH}</span>
            <input
                type="range"
                min="1"
                max=most
                data-testid="picture-width"
                prop:value=move || columns.get().to_string()
                aria-valuetext=move || texts::count(columns.get().into(), texts::CELL)
                on:input=on_size
            />
        </label>
        <label class="range-line">
            <span>{texts::picture::OPACITY}</span>
            <input
                type="range"
                min="10"
                max="100"
                step="5"
                data-testid="picture-opacity"
                prop:value=move || laid.opacity.get().to_string()
                aria-valuetext=move || texts::picture::percent(laid.opacity.get())
                on:input=on_opacity
            />
        </label>
        <div class="picture-switches">
            <label class="switch-line">
                <input
                    type="checkbox"
                    role="switch"
                    data-testid="picture-twelve"
                    prop:checked=move || laid.is_snapped.get()
                    on:change=on_snap
                />
                <span>{texts::picture::TWELVE_COLOURS}</span>
            </label>
            <label class="switch-line">
                <input
                    type="checkbox"
                    role="switch"
                    data-testid="picture-dither"
                    prop:checked=move || laid.is_dithered.get()
                    disabled=move || !laid.is_snapped.get()
                    on:change=on_dither
                />
                <span>{texts::picture::DITHER}</span>
            </label>
        </div>
    }
}

#[component]
fn PictureActions(board: Board) -> impl IntoView {
    let laid = board.laid;
    let wrong = Memo::new(move |_| laid.wrong.get().0);
    let paint = move || match wrong.get() {
        0 => texts::picture::DONE.to_owned(),
        cells => texts::picture::paint(&texts::count(cells, texts::CELL)),
    };
    let is_idle = Memo::new(move |_| board.tools.progress.with(Option::is_none));
    view! {
        <div class="picture-actions">
            <button
                type="button"
                class="button secondary"
                data-testid="picture-pin"
                aria-pressed=move || laid.is_pinned.get().to_string()
                title=texts::picture::PIN_WHY
                on:click=move |_| laid.is_pinned.update(|is_pinned| *is_pinned = !*is_pinned)
            >
                {icons::pin()}
                {move || if laid.is_pinned.get() { texts::picture::UNPIN } else { texts::picture::PIN }}
            </button>
            <button
                type="button"
                class="button secondary"
                data-testid="picture-next"
                title=texts::picture::NEXT_CELL_KEYS
                disabled=move || wrong.get() == 0
                on:click=move |_| board.laid.find_wrong()
            >
                {texts::NEXT_CELL}
            </button>
            <button
                type="button"
                class="button primary"
                data-testid="picture-paint"
                disabled=move || wrong.get() == 0 || !is_idle.get()
                on:click=move |_| paint_all(board)
            >
                {paint}
            </button>
        </div>
    }
}

/// Paints all of the picture that is not right yet.
fn paint_all(board: Board) {
    let wrong = board.laid.wrong_cells();
    if wrong.is_empty() {
        return board.laid.say_right();
    }
    board.laid.is_pinned.set(true);
    board.finish_stroke();
    board.tools.start_job(wrong, JobKind::Step);
}

#[wasm_bindgen]
extern "C" {
    /// Hands over pictures with which a device opens the page; the page's own first script has this.
    #[wasm_bindgen(js_name = takePicture, catch)]
    fn take_picture(take: JsValue) -> Result<(), JsValue>;
}

/// Pictures that are pasted anywhere on the page, dropped on it, and with which a device opens it.
pub(crate) fn take_from_anywhere(board: Board) {
    let pasted = window_event_listener(leptos::ev::paste, move |event| {
        take(board, event.unchecked_ref::<web_sys::Event>(), event.clipboard_data(), None);
    });
    let over = window_event_listener(leptos::ev::dragover, move |event| event.prevent_default());
    let dropped = window_event_listener(leptos::ev::drop, move |event| {
        let at = (f64::from(event.client_x()), f64::from(event.client_y()));
        take(board, event.unchecked_ref::<web_sys::Event>(), event.data_transfer(), Some(at));
    });
    let opened = move |picture: web_sys::Blob| {
        if !board.laid.stencil.is_disposed() {
            board.laid.lay(picture, None);
        }
    };
    // The device may open another one whenever the page is there.
    let is_heard = take_picture(Closure::<dyn Fn(web_sys::Blob)>::new(opened).into_js_value());
    // Without it pictures come by the other ways.
    drop(is_heard);
    on_cleanup(move || {
        pasted.remove();
        over.remove();
        dropped.remove();
    });
}

fn take(board: Board, event: &web_sys::Event, data: Option<web_sys::DataTransfer>, at: Option<(f64, f64)>) {
    // The cell under the point of the page, if it lies on the canvas.
    let cell = at.and_then(|(x, y)| {
        let paper = board.surface.paper.get_untracked()?.get_bounding_client_rect();
        let view = board.surface.view.get_untracked()?;
        let (x, y) = view.cell_at((x - paper.left() + view.x, y - paper.top() + view.y))?;
        Some((i32::from(x), i32::from(y)))
    });
    let files = browser::listed(data.and_then(|data| data.files()));
    if let Some(picture) = files.iter().find(|file| file.type_().starts_with("image/")) {
        event.prevent_default();
        board.laid.lay(picture.clone().into(), cell);
    } else if !files.is_empty() {
        event.prevent_default();
        board.tools.say(texts::NOT_A_PICTURE.to_owned());
    }
}
