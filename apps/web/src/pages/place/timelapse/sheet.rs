//! The sheet of the time-lapse: the picture, what moves it, and what there is to say of it.

use leptos::html;
use leptos::prelude::*;
use meshwork_web::place::timelapse::LENGTHS;
use meshwork_web::texts;

use super::super::super::{icons, sheet};
use super::super::board::Board;
use super::super::entry::PlaceSession as _;
use super::export::Form;
use super::{Export, Stage, Timelapse};

/// The sheet.
#[component]
pub(crate) fn TimelapseSheet(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let timelapse = Timelapse::new(board.session);
    Effect::new(move || {
        if board.tools.is_timelapse_wanted.get() {
            board.tools.is_timelapse_wanted.set(false);
            timelapse.open();
        }
    });
    let dialog = NodeRef::<html::Dialog>::new();
    let is_open = Memo::new(move |_| timelapse.stage.get() != Stage::Closed);
    sheet::follow(dialog, is_open.into());
    let is_ready = Memo::new(move |_| timelapse.stage.get() == Stage::Ready);
    view! {
        <dialog
            class="timelapse"
            node_ref=dialog
            aria-labelledby="timelapse-title"
            on:close=move |_| timelapse.close()
            on:keydown=|event| event.stop_propagation()
        >
            <div class="timelapse-head">
                <h2 id="timelapse-title">{texts::timelapse::TIME_LAPSE}</h2>
                <button
                    type="button"
                    class="icon-button"
                    data-testid="timelapse-close"
                    aria-label=texts::CLOSE
                    title=texts::CLOSE_KEYS
                    on:click=move |_| timelapse.close()
                >
                    {icons::cross()}
                </button>
            </div>
            <Show when=move || is_open.get()>
                <Show when=move || is_ready.get() fallback=move || view! { <Waiting timelapse/> }>
                    <Player timelapse/>
                </Show>
            </Show>
        </dialog>
    }
}

/// What stands there before it can be played.
#[component]
fn Waiting(timelapse: Timelapse) -> impl IntoView {
    let body = move || match timelapse.stage.get() {
        Stage::Loading { bytes, of, strokes } => {
            let words = match (of, strokes) {
                (None, _) => texts::timelapse::ASKING.to_owned(),
                (Some(of), _) => texts::timelapse::fetching(&kilobytes(bytes), &kilobytes(of)),
            };
            let share = of.map(|of| bytes as f64 / of.max(1) as f64);
            view! {
                <div class="timelapse-wait">
                    <p role="status" data-testid="timelapse-progress">{words}</p>
                    {strand(share)}
                    <button
                        type="button"
                        class="button secondary"
                        data-testid="timelapse-cancel"
                        on:click=move |_| timelapse.close()
                    >
                        {texts::CANCEL}
                    </button>
                </div>
            }
            .into_any()
        }
        _ => view! {
            <p class="timelapse-wait" role="status" data-testid="timelapse-empty">
                {texts::timelapse::NONE}
            </p>
        }
        .into_any(),
    };
    view! { <div>{body}</div> }
}

#[component]
fn Player(timelapse: Timelapse) -> impl IntoView {
    let size = timelapse.session.canvas().size.get_untracked();
    let (width, height) = size.map_or((1, 1), |size| (size.width, size.height));
    Effect::new(move || {
        if timelapse.paper.get().is_some() {
            timelapse.redraw();
        }
    });
    let when = timelapse.when;
    let described = move || match timelapse.who.get() {
        who if who.is_empty() => texts::timelapse::empty(&when.get()),
        who => format!("{}, {who}", when.get()),
    };
    let on_scrub = move |event| {
        timelapse.is_playing.set(false);
        if let Ok(moment) = event_target_value(&event).parse() {
            timelapse.go_to(moment);
        }
    };
    view! {
        <div class="timelapse-stage">
            <canvas
                class="timelapse-paper"
                data-testid="timelapse-canvas"
                width=width.to_string()
                height=height.to_string()
                style=format!("--ratio:{width}/{height}")
                role="img"
                aria-label=described
                node_ref=timelapse.paper
            ></canvas>
        </div>
        <div class="timelapse-moment">
            <span data-testid="timelapse-time">{move || when.get()}</span>
            <span class="timelapse-who" data-testid="timelapse-who">{move || timelapse.who.get()}</span>
        </div>
        <div class="timelapse-controls">
            <PlayButton timelapse/>
            <input
                type="range"
                class="timelapse-scrub"
                data-testid="timelapse-scrub"
                aria-label=texts::timelapse::MOMENT
                aria-valuetext=described
                min="0"
                max=move || timelapse.length.get().to_string()
                step="1"
                disabled=move || is_saving(timelapse)
                prop:value=move || timelapse.moment.get().to_string()
                on:input=on_scrub
            />
            <label class="timelapse-speed">
                <span class="sr-only">{texts::LENGTH}</span>
                <select
                    data-testid="timelapse-speed"
                    title=texts::LENGTH
                    on:change=move |event| {
                        if let Ok(seconds) = event_target_value(&event).parse() {
                            timelapse.seconds.set(seconds);
                        }
                    }
                >
                    {LENGTHS
                        .map(|seconds| {
                            let is_chosen = seconds == timelapse.seconds.get_untracked();
                            view! {
                                <option value=seconds.to_string() selected=is_chosen>
                                    {texts::timelapse::length(seconds)}
                                </option>
                            }
                        })
                        .collect_view()}
                </select>
            </label>
        </div>
        <p class="timelapse-reach" role="status" data-testid="timelapse-reach">
            {move || timelapse.reach.get()}
        </p>
        <Saving timelapse/>
    }
}

#[component]
fn PlayButton(timelapse: Timelapse) -> impl IntoView {
    let is_playing = timelapse.is_playing;
    let label = move || if is_playing.get() { texts::timelapse::PAUSE } else { texts::timelapse::PLAY };
    let icon = move || if is_playing.get() { icons::pause().into_any() } else { icons::play().into_any() };
    let on_click = move |_| {
        if is_playing.get_untracked() {
            is_playing.set(false);
        } else {
            timelapse.play();
        }
    };
    view! {
        <button
            type="button"
            class="icon-button timelapse-play"
            data-testid="timelapse-play"
            aria-label=label
            title=label
            disabled=move || is_saving(timelapse)
            on:click=on_click
        >
            {icon}
        </button>
    }
}

#[component]
fn Saving(timelapse: Timelapse) -> impl IntoView {
    let button = move |form: Form, words: &'static str, test_id: &'static str| {
        view! {
            <button
                type="button"
                class="button secondary"
                data-testid=test_id
                disabled=move || is_saving(timelapse)
                on:click=move |_| timelapse.save(form)
            >
                {words}
            </button>
        }
    };
    let state = move || match timelapse.export.get() {
        Export::Idle => ().into_any(),
        Export::Done(words) => view! {
            <p class="timelapse-saved" role="status" data-testid="timelapse-saved">{words}</p>
        }
        .into_any(),
        Export::Running { frames, of } => view! {
            <div class="timelapse-saving">
                <span data-testid="timelapse-saving">{texts::timelapse::frame(frames, of)}</span>
                {strand(Some(f64::from(frames) / f64::from(of.max(1))))}
                <button
                    type="button"
                    class="button plain"
                    data-testid="timelapse-saving-cancel"
                    on:click=move |_| timelapse.cancel_save()
                >
                    {texts::CANCEL}
                </button>
            </div>
        }
        .into_any(),
    };
    view! {
        <div class="timelapse-save">
            {button(Form::Gif, texts::timelapse::SAVE_GIF, "timelapse-gif")}
            {button(Form::Png, texts::timelapse::SAVE_APNG, "timelapse-png")}
        </div>
        {state}
    }
}

fn is_saving(timelapse: Timelapse) -> bool {
    matches!(timelapse.export.get(), Export::Running { .. })
}

/// A bead on its way along a strand; without a share it travels.
fn strand(share: Option<f64>) -> impl IntoView {
    let percent = share.map(|share| (share.clamp(0.0, 1.0) * 100.0) as u32);
    let style = percent.map(|percent| format!("--share:{percent}%"));
    view! {
        <div class="timelapse-strand" class:is-unknown=percent.is_none() style=style aria-hidden="true">
            <i></i>
        </div>
    }
}

fn kilobytes(bytes: u64) -> String {
    match bytes {
        0..=999_999 => format!("{}\u{2009}kB", bytes.div_ceil(1000)),
        _ => format!("{}\u{2009}MB", bytes / 1_000_000),
    }
}
