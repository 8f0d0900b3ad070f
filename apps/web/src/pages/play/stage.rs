//! The game at full size: its frame, the pill with people, sound and leave, notices, what stands over it when it pauses or ends.

use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use leptos::web_sys::{Element, KeyboardEvent, PointerEvent};
use meshwork_web::play::party::{Seat, Stage};
use meshwork_web::{rtt, texts};
use wasm_bindgen::JsCast as _;

use super::super::bead::OwnBead;
use super::super::{browser, icons};
use super::hands::{Reading, Touch};
use super::lobby::{bead, crown};
use super::sound;
use super::state::{Act, Over, Play};

/// The game, over the whole page while it is played.
#[component]
pub(super) fn GameView(play: Play) -> impl IntoView {
    let box_ref = NodeRef::<html::Div>::new();
    let view = NodeRef::<html::Div>::new();
    let is_shown = Memo::new(move |_| play.is_shown());
    let is_menu_open = RwSignal::new(false);
    let is_asking = RwSignal::new(false);
    let reading = Reading::begin(Signal::derive(move || is_shown.get() && !is_asking.get()));
    play.read_hands(reading);
    Effect::new(move || {
        if let Some(view) = view.get() {
            play.mount(&view);
        }
    });
    on_cleanup(move || play.unmount());
    let to_game = move || {
        if let Some(game) = box_ref.get_untracked().filter(|_| is_shown.get_untracked()) {
            // It is in the page.
            let _ = game.focus();
            play.focus();
        }
    };
    Effect::new(move || {
        if is_shown.get() {
            to_game();
        } else {
            is_menu_open.set(false);
            is_asking.set(false);
            leave_full_screen();
        }
    });
    let point = move |event: &PointerEvent| {
        if let Some(view) = view.get_untracked() {
            reading.point(event, &view);
        }
    };
    // The keys are the game's again once the menu is closed.
    Effect::new(move |was_open: Option<bool>| {
        let is_open = is_menu_open.get() || is_asking.get();
        if was_open == Some(true) && !is_open {
            to_game();
        }
        is_open
    });
    let key = move |event: KeyboardEvent| match browser::key(&event).as_str() {
        "Escape" => {
            is_asking.set(false);
            is_menu_open.set(false);
        }
        // They press the button that has the focus, or go to the next one.
        "Enter" | " " | "Tab" => {}
        _ if event.shift_key() || is_menu_open.get_untracked() || is_asking.get_untracked() => {}
        _ if is_in_head(&event) => to_game(),
        _ => {}
    };
    let leave = move |()| match play.has_others() {
        true => is_asking.set(true),
        false => play.leave(),
    };
    view! {
        <div
            class="game"
            hidden=move || !is_shown.get()
            node_ref=box_ref
            tabindex="0"
            role="application"
            aria-label=texts::play::GAME_KEYS
            data-testid="game"
            style=move || aspect(play)
            on:pointermove=move |event: PointerEvent| point(&event)
            on:pointerdown=move |event: PointerEvent| {
                is_menu_open.set(false);
                point(&event);
            }
            on:pointerup=move |event: PointerEvent| point(&event)
            on:contextmenu=|event: ev::MouseEvent| event.prevent_default()
            on:keydown=key
        >
            <div class="game-view" node_ref=view></div>
            {(!browser::has_mouse()).then(|| view! { <Touch reading/> })}
            <div
                class="game-head"
                on:pointerdown=|event: PointerEvent| event.stop_propagation()
                // A button that is pressed by a pointer leaves the focus, and with it the keys, to the game.
                on:mousedown=|event: ev::MouseEvent| event.prevent_default()
            >
                <Pill play is_menu_open/>
                <Watching play/>
                <Show when=move || is_menu_open.get()>
                    <Menu play leave/>
                </Show>
            </div>
            <Notices play/>
            <Over play/>
            <Show when=move || is_asking.get()>
                <Question play is_asking/>
            </Show>
        </div>
    }
}

/// Whether an event is one of the pill or the menu.
fn is_in_head(event: &KeyboardEvent) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    target.is_some_and(|target| target.closest(".game-head").is_ok_and(|found| found.is_some()))
}

/// The proportions of the game's view, as a style.
fn aspect(play: Play) -> String {
    let (width, height) = play.game.with(|game| game.as_ref().map_or((960, 540), |game| game.view));
    format!("--aspect:{width} / {height}")
}

/// What has just happened, on top of the game.
#[component]
fn Notices(play: Play) -> impl IntoView {
    view! {
        <div class="game-notices" role="status" data-testid="game-notices">
            <For
                each=move || play.notices.get()
                key=|(number, _)| *number
                children=|(_, words)| view! { <p class="game-notice">{words}</p> }
            />
        </div>
    }
}

/// Asks before a game is left in which others are.
#[component]
fn Question(play: Play, is_asking: RwSignal<bool>) -> impl IntoView {
    view! {
        <div class="game-over" role="alertdialog" aria-label=texts::play::LEAVE_ASKS>
            <div>
                <p>{texts::play::LEAVE_ASKS}</p>
                <div class="game-choices">
                    <button
                        type="button"
                        class="button primary"
                        data-testid="stay"
                        on:click=move |_| is_asking.set(false)
                    >
                        {texts::play::STAY}
                    </button>
                    <button
                        type="button"
                        class="button secondary"
                        data-testid="leave-anyway"
                        on:click=move |_| play.leave()
                    >
                        {texts::play::LEAVE}
                    </button>
                </div>
            </div>
        </div>
    }
}

/// One's own bead, the thread to the host, and how long it is.
#[component]
fn Pill(play: Play, is_menu_open: RwSignal<bool>) -> impl IntoView {
    let host = Memo::new(move |_| play.lobby.with(|lobby| lobby.host().cloned()));
    let ping = Memo::new(move |_| play.pace.with(|pace| pace.ping));
    let step = move || ping.get().map_or(1, rtt::step);
    let to_host = move || {
        let host: Option<Seat> = host.get().filter(|host| !host.is_me);
        host.map(|host| {
            view! {
                <span class="pill-strand" aria-hidden="true"></span>
                <span class="pill-host">
                    {bead(&host)}
                    <span class="crown">{crown()}</span>
                </span>
            }
        })
    };
    let is_hosting = move || host.with(|host| host.as_ref().is_some_and(|host| host.is_me));
    let mine = Memo::new(move |_| play.lobby.with(|lobby| lobby.mine().cloned()));
    let own = move || match mine.get() {
        Some(seat) => bead(&seat),
        None => view! { <OwnBead called=play.session.me.name/> }.into_any(),
    };
    view! {
        <button
            type="button"
            class="game-pill"
            data-testid="game-pill"
            data-step=step
            aria-label=texts::play::MENU
            aria-expanded=move || is_menu_open.get().to_string()
            on:click=move |_| is_menu_open.update(|is_open| *is_open = !*is_open)
        >
            <span class="pill-host">
                {own}
                {move || is_hosting().then(|| view! { <span class="crown">{crown()}</span> })}
            </span>
            {to_host}
            {move || ping.get().map(|ping| view! {
                <span><strong data-testid="ping">{rtt::rounded_ms(ping)}</strong>" "<small>{texts::play::MS}</small></span>
            })}
            {icons::down()}
        </button>
    }
}

/// The words for a watcher, and the way to a free seat.
#[component]
fn Watching(play: Play) -> impl IntoView {
    let is_watching = Memo::new(move |_| play.lobby.with(|lobby| lobby.place.is_watching()));
    let no_seat = Memo::new(move |_| play.lobby.with(|lobby| lobby.why_no_seat()));
    move || {
        is_watching.get().then(|| {
            view! {
                <p class="game-watching" role="status" data-testid="watching">
                    {move || texts::play::watching(no_seat.get().unwrap_or(texts::play::SEAT_FREE))}
                </p>
            }
        })
    }
}

/// People, why it stutters, a seat for a watcher, sound, full screen, leave.
#[component]
fn Menu(play: Play, #[prop(into)] leave: Callback<()>) -> impl IntoView {
    let is_muted = RwSignal::new(sound::is_muted());
    let is_full = RwSignal::new(is_full_screen());
    let person = move |seat: Seat| {
        let words = match (seat.is_host, seat.is_away) {
            (_, true) => texts::play::AWAY.to_owned(),
            (true, _) => texts::play::HOST.to_owned(),
            _ => seat.beside.clone(),
        };
        view! {
            <div class="game-person">
                {bead(&seat)}
                <strong><bdi>{seat.name}</bdi></strong>
                <small>{words}</small>
            </div>
        }
    };
    let people = move || play.lobby.with(|lobby| lobby.seats.clone()).into_iter().map(person).collect_view();
    let loss = move || play.pace.with(|pace| (pace.loss > 0).then(|| texts::play::loss(pace.loss.into())));
    let why = move || play.pace.with(|pace| pace.why.map(texts::play::why));
    let is_watching = Memo::new(move |_| play.lobby.with(|lobby| lobby.place.is_watching()));
    let no_seat = Memo::new(move |_| play.lobby.with(|lobby| lobby.why_no_seat()));
    let sit = move || {
        is_watching.get().then(|| {
            view! {
                <button
                    type="button"
                    data-testid="menu-take-seat"
                    disabled=move || no_seat.get().is_some()
                    on:click=move |_| play.act(Act::Sit)
                >
                    {icons::play()}
                    {texts::play::TAKE_SEAT}
                </button>
                <p>{move || no_seat.get()}</p>
            }
        })
    };
    let mute = move |_| {
        sound::set_muted(!is_muted.get_untracked());
        is_muted.set(sound::is_muted());
    };
    let full = move |_| {
        if is_full.get_untracked() {
            leave_full_screen()
        } else {
            enter_full_screen()
        }
        is_full.update(|is_full| *is_full = !*is_full);
    };
    view! {
        <div class="game-menu" data-testid="game-menu">
            {people}
            <p data-testid="loss">{loss}</p>
            <p data-testid="stutter">{why}</p>
            <hr/>
            {sit}
            <button type="button" data-testid="mute" on:click=mute>
                {move || if is_muted.get() { icons::sound_off().into_any() } else { icons::sound().into_any() }}
                {move || if is_muted.get() { texts::play::UNMUTE } else { texts::play::MUTE }}
            </button>
            <button type="button" data-testid="full-screen" on:click=full>
                {icons::whole()}
                {move || if is_full.get() { texts::play::LEAVE_FULL_SCREEN } else { texts::play::FULL_SCREEN }}
            </button>
            <button type="button" class="danger" data-testid="leave-game" on:click=move |_| leave.run(())>
                {icons::back()}
                {texts::play::LEAVE}
            </button>
        </div>
    }
}

/// The words over a game that pauses or has ended.
#[component]
fn Over(play: Play) -> impl IntoView {
    let lobby = play.lobby;
    let over = play.over;
    let is_hosting = Memo::new(move |_| lobby.with(|lobby| lobby.is_hosting));
    let is_ended = Memo::new(move |_| lobby.with(|lobby| lobby.stage == Stage::Ended));
    let choices = move || {
        view! {
            <div class="game-choices">
                {move || (is_hosting.get() && is_ended.get()).then(|| view! {
                    <button
                        type="button"
                        class="button primary"
                        data-testid="again"
                        on:click=move |_| play.act(Act::Again)
                    >
                        {texts::play::AGAIN}
                    </button>
                })}
                <button
                    type="button"
                    class="button"
                    class:primary=move || !is_hosting.get()
                    class:secondary=move || is_hosting.get()
                    data-testid="to-lobby"
                    on:click=move |_| play.put_away()
                >
                    {texts::play::BACK_TO_LOBBY}
                </button>
            </div>
        }
    };
    move || match over.get() {
        None => ().into_any(),
        Some(Over::Paused { words, shortens }) => view! {
            <div class="game-over" role="status">
                <div>
                    <p data-testid="notice">{words}</p>
                    {shortens.then(|| view! { <div class="pause-thread" aria-hidden="true"></div> })}
                </div>
            </div>
        }
        .into_any(),
        Some(Over::Ended { title, words }) => view! {
            <div class="game-over" role="status">
                <div>
                    <h2 data-testid="game-result">{title}</h2>
                    <p data-testid="notice">{words}</p>
                    {choices()}
                </div>
            </div>
        }
        .into_any(),
    }
}

fn document() -> Option<leptos::web_sys::Document> {
    leptos::web_sys::window()?.document()
}

fn is_full_screen() -> bool {
    document().is_some_and(|document| document.fullscreen_element().is_some())
}

fn enter_full_screen() {
    if let Some(page) = document().and_then(|document| document.document_element()) {
        // Phones of one make refuse it.
        let _ = page.request_fullscreen();
    }
}

fn leave_full_screen() {
    if is_full_screen()
        && let Some(document) = document()
    {
        document.exit_fullscreen();
    }
}
