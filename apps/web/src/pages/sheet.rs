//! A sheet: what lies over the page until it is closed, at its side on wide pages and at its foot on narrow ones.

use leptos::prelude::*;
use leptos::web_sys;
use leptos::{ev, html};
use meshwork_web::texts;
use wasm_bindgen::JsCast as _;

use super::{browser, icons};

/// The field in which a sheet begins.
const FIRST: &str = "[data-first]";

/// From this width of a page on, what is drawn on has room for a sheet beside it.
const BESIDE: &str = "(width >= 1240px)";

/// Whether the page has room for a sheet beside what is drawn on.
pub(crate) fn has_room_beside() -> bool {
    browser::matches(BESIDE)
}

/// The sheet, shown while `open` says so; what is on it is made anew each time.
#[component]
pub(crate) fn Sheet(
    /// Whether it is shown. Closing the sheet sets it back.
    open: RwSignal<bool>,
    /// Names the sheet within the page.
    id: &'static str,
    /// What stands at its head.
    #[prop(into)]
    title: Signal<String>,
    /// What stands beside that.
    #[prop(optional, into)]
    beside_title: ViewFn,
    /// Whether it takes the whole width of the page.
    #[prop(optional)]
    is_wide: bool,
    /// Whether it stands beside what is drawn on where the page has room for both, so that people go on with that.
    #[prop(optional)]
    is_beside: bool,
    /// Says whether somebody may close it now; asked each time.
    #[prop(optional)]
    may_close: Option<Callback<(), bool>>,
    /// What is on it.
    children: ChildrenFn,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    show_while(dialog, open.into(), move || !is_beside || !has_room_beside());
    if is_beside {
        let resized = window_event_listener(ev::resize, move |_| follow_width(dialog));
        on_cleanup(move || resized.remove());
    }
    let may_close = move || may_close.is_none_or(|may_close| may_close.run(()));
    let close = move || {
        if may_close() {
            open.set(false);
        }
    };
    // What is pressed outside of the sheet is the dialog itself, whose box the sheet fills.
    let on_press = move |event: web_sys::MouseEvent| {
        let pressed = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlDialogElement>().ok());
        if pressed.is_some() {
            close();
        }
    };
    // Escape. A browser heeds it the second time, whatever is said.
    let on_cancel = move |event: web_sys::Event| {
        if !may_close() {
            event.prevent_default();
        }
    };
    // A browser closes by Escape only what lies over the page.
    let on_key = move |event: web_sys::KeyboardEvent| {
        let is_modal = dialog.get_untracked().is_some_and(|dialog| dialog.matches(":modal").unwrap_or(true));
        if browser::key(&event) == "Escape" && !is_modal {
            close();
        }
    };
    view! {
        <dialog
            class="sheet"
            class:wide=is_wide
            class:beside=is_beside
            node_ref=dialog
            aria-labelledby=id
            on:mousedown=on_press
            on:cancel=on_cancel
            on:keydown=on_key
            on:close=move |_| {
                // One that is shown in another way is open again.
                if dialog.get_untracked().is_none_or(|dialog| !dialog.open()) {
                    open.set(false);
                }
            }
        >
            <div class="sheet-body">
                <div class="sheet-head">
                    <h2 id=id>{title}</h2>
                    {beside_title.run()}
                    <button
                        type="button"
                        class="icon-button"
                        data-testid="close-sheet"
                        aria-label=texts::CLOSE
                        title=texts::CLOSE_KEYS
                        on:click=move |_| close()
                    >
                        {icons::cross()}
                    </button>
                </div>
                <Show when=move || open.get()>{children()}</Show>
            </div>
        </dialog>
    }
}

/// Shows a sheet that is open beside what is drawn on, or over it, as the page has room now.
fn follow_width(dialog: NodeRef<html::Dialog>) {
    let Some(dialog) = dialog.get_untracked().filter(|dialog| dialog.open()) else { return };
    let is_modal = dialog.matches(":modal").unwrap_or(true);
    if is_modal == has_room_beside() {
        dialog.close();
        show(&dialog, !is_modal);
    }
}

fn show(dialog: &web_sys::HtmlDialogElement, is_modal: bool) {
    match is_modal {
        // It fails only on a dialog that is open or not in the page.
        true => drop(dialog.show_modal()),
        false => dialog.show(),
    }
}

/// Gives the focus to the field that the sheet is for, marked with [`FIRST`], once what is on it is there. Fingers get no
/// keyboard over the sheet that they did not ask for.
fn begin_in_field(dialog: web_sys::HtmlDialogElement) {
    if !browser::has_mouse() {
        return;
    }
    request_animation_frame(move || {
        let field = dialog.query_selector(FIRST).ok().flatten();
        if let Some(field) = field.and_then(|field| field.dyn_into::<web_sys::HtmlElement>().ok()) {
            // It is in the page.
            let _ = field.focus();
        }
    });
}

/// Keeps a dialog shown over the page while `is_open` says so.
pub(crate) fn follow(dialog: NodeRef<html::Dialog>, is_open: Signal<bool>) {
    show_while(dialog, is_open, || true);
}

/// Keeps a dialog shown while `is_open` says so, over the page if `is_modal` says that as it opens.
fn show_while(dialog: NodeRef<html::Dialog>, is_open: Signal<bool>, is_modal: impl Fn() -> bool + 'static) {
    Effect::new(move || {
        let is_open = is_open.get();
        let present: Option<web_sys::HtmlDialogElement> = dialog.get();
        match present {
            Some(dialog) if is_open && !dialog.open() => {
                show(&dialog, is_modal());
                begin_in_field(dialog);
            }
            Some(dialog) if !is_open && dialog.open() => dialog.close(),
            _ => {}
        }
    });
}
