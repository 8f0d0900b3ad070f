//! The lobby: the game, the way in for friends, seats on a ring, Start.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use meshwork_web::play::party::{self, Place, Seat, Stage};
use meshwork_web::texts;

use super::super::bead::Bead;
use super::super::letter_beads::LetterBeads;
use super::super::qr::qr;
use super::super::{browser, icons};
use super::state::{Act, Play};
use super::trust::TrustQuestion;

/// How long a button says that the link is copied.
const COPIED_FOR: Duration = Duration::from_secs(2);

/// The lobby.
#[component]
pub(super) fn LobbyView(play: Play) -> impl IntoView {
    let reason = Memo::new(move |_| play.lobby.with(|lobby| lobby.reason()));
    let refused = move || {
        reason.get().map(|(title, sentence)| {
            view! {
                <div class="party-refused" role="status" data-testid="refused">
                    <strong>{title}</strong>
                    <span>{sentence}</span>
                </div>
            }
        })
    };
    view! {
        <div class="lobby" data-testid="lobby">
            <div class="lobby-columns">
                <div class="lobby-game">
                    <Game play/>
                    {refused}
                    {move || play.asks.get().map(|question| view! { <TrustQuestion play question/> })}
                    <Ring play/>
                </div>
                <Invite play/>
            </div>
            <Foot play/>
        </div>
    }
}

/// The game's picture, name and sentence.
#[component]
fn Game(play: Play) -> impl IntoView {
    let game = play.game;
    let picture = move || match game.with(|game| game.as_ref().and_then(|game| game.cover.clone())) {
        Some(cover) => view! { <img class="cover" src=cover alt=texts::play::COVER/> }.into_any(),
        None => view! {
            <svg class="cover" viewBox="0 0 366 132" preserveAspectRatio="xMidYMid slice" aria-hidden="true">
                <rect width="366" height="132" class="cover-ground"></rect>
                <path class="cover-thread" d="M60 62C96 116 250 116 306 44"></path>
                <circle class="cover-you" cx="60" cy="56" r="15"></circle>
                <rect class="cover-them" x="290" y="26" width="32" height="32" rx="8"></rect>
            </svg>
        }
        .into_any(),
    };
    let title = move || game.with(|game| game.as_ref().map(|game| game.title.clone()));
    let players = move || {
        game.with(|game| game.as_ref().map(|game| texts::play::players(game.players.0, game.players.1)))
    };
    let sentence = move || game.with(|game| game.as_ref().map(|game| game.description.clone()));
    let trouble = move || play.trouble.get().or_else(|| play.not_loaded());
    view! {
        <section class="lobby-about">
            {picture}
            <h2>
                <span data-testid="game-title">{title}</span>
                <small>{players}</small>
            </h2>
            <p>{sentence}</p>
            <p class="party-trouble" role="alert" data-testid="notice">{trouble}</p>
        </section>
    }
}

/// The ways in: code, picture of the link, share, copy.
#[component]
fn Invite(play: Play) -> impl IntoView {
    let session = play.session;
    let code = Memo::new(move |_| session.address.code_text());
    let link = Memo::new(move |_| session.address.link_in_bar());
    let words = move || match session.address.is_private.get() {
        Some(true) => texts::play::CODE_PRIVATE,
        _ => texts::play::CODE_OPEN,
    };
    let is_copied = RwSignal::new(false);
    let copy = move |_| {
        spawn_local(async move {
            // The field has the link where the browser refuses its clipboard.
            let copied = browser::copy(&link.get_untracked(), || ()).await;
            is_copied.try_set(copied);
            browser::pause(COPIED_FOR).await;
            is_copied.try_set(false);
        });
    };
    let share = move |_| {
        spawn_local(async move {
            // A person who closes the system's sheet knows it.
            let _ = browser::share(&link.get_untracked()).await;
        });
    };
    let share_button = browser::can_share().then(|| {
        view! {
            <button type="button" class="button primary" data-testid="share-party" on:click=share>
                {icons::share()}
                {texts::play::SHARE_LINK}
            </button>
        }
    });
    let copy_class = if browser::can_share() { "button secondary" } else { "button primary" };
    view! {
        <section class="lobby-invite">
            <p>{words}</p>
            <div data-testid="share-code"><LetterBeads code/></div>
            <div class="lobby-ways">
                {move || qr(&link.get(), texts::play::QR)}
                <div>
                    {share_button}
                    <button type="button" class=copy_class data-testid="copy-party" on:click=copy>
                        {icons::copy()}
                        {move || if is_copied.get() { texts::play::COPIED } else { texts::play::COPY_LINK }}
                    </button>
                    <input
                        type="text"
                        class="line-field party-link"
                        readonly
                        aria-label=texts::play::PARTY_LINK
                        data-testid="party-link"
                        prop:value=move || link.get()
                    />
                </div>
            </div>
        </section>
    }
}

/// The seats on their ring.
#[component]
fn Ring(play: Play) -> impl IntoView {
    let lobby = play.lobby;
    let most = Memo::new(move |_| lobby.with(|lobby| lobby.players.1));
    let rows = move || if most.get() > 3 { "two-rows" } else { "one-row" };
    let count = move || lobby.with(|lobby| texts::play::seated(lobby.seats.len(), lobby.players.1));
    let watching =
        move || lobby.with(|lobby| (lobby.watchers > 0).then(|| texts::play::watchers(lobby.watchers)));
    let seats = move || {
        let taken = |slot: u8| Memo::new(move |_| lobby.with(|lobby| lobby.seat(slot).cloned()));
        (0..most.get())
            .map(|slot| view! { <SeatView play number=slot seat=taken(slot) most=most.get()/> })
            .collect_view()
    };
    view! {
        <section class=move || format!("ring {}", rows()) aria-label=texts::play::SEATS>
            <div class="ring-thread" aria-hidden="true"></div>
            <p class="ring-count">
                <span data-testid="player-count">{count}</span>
                <small>{watching}</small>
            </p>
            <ul style=move || format!("--columns:{}", party::columns(most.get()))>{seats}</ul>
        </section>
    }
}

/// One seat.
#[component]
fn SeatView(play: Play, number: u8, seat: Memo<Option<Seat>>, most: u8) -> impl IntoView {
    let (column, row) = party::place_on_ring(number, most);
    let taken = move |seat: Seat| {
        let bead = bead(&seat);
        let Seat { name, is_me, is_host, is_ready, is_away, beside, .. } = seat;
        let words = match (is_me, is_host, is_away) {
            (_, _, true) => texts::play::AWAY.to_owned(),
            (true, true, _) => format!("{}, {}", texts::play::YOU, texts::play::HOST),
            (true, false, _) => texts::play::YOU.to_owned(),
            (false, true, _) if beside.is_empty() => texts::capital(texts::play::HOST),
            (false, true, _) => format!("{}, {beside}", texts::capital(texts::play::HOST)),
            (false, false, _) => beside,
        };
        let kick = {
            let name = name.clone();
            move || {
                let may = play.lobby.with(|lobby| lobby.is_hosting) && !is_me;
                let label = texts::play::kick(&name);
                may.then(|| {
                    view! {
                        <button
                            type="button"
                            class="icon-button kick"
                            data-testid=format!("kick-{name}")
                            aria-label=label.clone()
                            title=label.clone()
                            on:click=move |_| play.act(Act::Kick(number))
                        >
                            {icons::cross()}
                        </button>
                    }
                })
            }
        };
        let ready = is_ready && !is_host;
        view! {
            <div class="seat" class:away=is_away data-testid=format!("player-{name}")>
                <span class="seat-bead">
                    {bead}
                    {is_host.then(|| view! { <span class="crown" data-testid="host-badge" title=texts::play::HOST>{crown()}</span> })}
                    {ready.then(|| view! { <span class="seat-ready" title=texts::play::READY>{icons::check()}</span> })}
                </span>
                <strong><bdi>{name.clone()}</bdi></strong>
                <small>{words}</small>
                {ready.then(|| view! { <span class="sr-only">{texts::play::READY}</span> })}
                {kick}
            </div>
        }
        .into_any()
    };
    let free = move || {
        view! {
            <div class="seat free">
                <span class="seat-bead"><span class="free-bead" aria-hidden="true">{icons::plus()}</span></span>
                <small>{texts::play::FREE_SEAT}</small>
            </div>
        }
        .into_any()
    };
    view! {
        <li style=format!("grid-column:{column};grid-row:{row}")>
            {move || match seat.get() {
                Some(seat) => taken(seat),
                None => free(),
            }}
        </li>
    }
}

/// The bead of the person in a seat, in the colour that the game paints this player.
pub(super) fn bead(seat: &Seat) -> AnyView {
    view! { <Bead peer=seat.peer letter=seat.letter paint=seat.colour/> }.into_any()
}

/// The sign of a host.
pub(super) fn crown() -> impl IntoView {
    view! {
        <svg viewBox="0 0 16 12" aria-hidden="true">
            <path d="M1 2.500L4.600 5.500L8 1L11.400 5.500L15 2.500L13.800 11H2.200z"></path>
        </svg>
    }
}

/// What one does: get ready, start, watch.
#[component]
fn Foot(play: Play) -> impl IntoView {
    let lobby = play.lobby;
    let stage = Memo::new(move |_| lobby.with(|lobby| lobby.stage));
    let place = Memo::new(move |_| lobby.with(|lobby| lobby.place));
    let is_hosting = Memo::new(move |_| lobby.with(|lobby| lobby.is_hosting));
    let is_ready = Memo::new(move |_| lobby.with(|lobby| lobby.mine().is_some_and(|seat| seat.is_ready)));
    let is_broken = Memo::new(move |_| play.fault.with(Option::is_some));
    let why_not = Memo::new(move |_| match is_broken.get() {
        true => Some(texts::play::CANNOT_START.to_owned()),
        false => lobby.with(|lobby| lobby.why_not_start()),
    });
    let no_seat = Memo::new(move |_| lobby.with(|lobby| lobby.why_no_seat()));
    let foot = Memo::new(move |_| lobby.with(|lobby| lobby.foot()));
    let count = Memo::new(move |_| lobby.with(|lobby| lobby.seats.len()));
    let start = move || {
        let label = move || match stage.get() {
            Stage::Starting(seconds) => texts::play::starts_in(seconds),
            _ => texts::play::start_with(count.get()),
        };
        let is_off = move || why_not.with(Option::is_some) || matches!(stage.get(), Stage::Starting(_));
        view! {
            <button
                type="button"
                class="button primary large"
                data-testid="start"
                disabled=is_off
                on:click=move |_| play.act(Act::Start)
            >
                {label}
            </button>
        }
        .into_any()
    };
    let ready = move || {
        let label = move || match (stage.get(), is_ready.get()) {
            (Stage::Starting(seconds), _) => texts::play::starts_in(seconds),
            (_, true) => texts::play::WAIT_FOR_ME.to_owned(),
            (_, false) => texts::play::I_AM_READY.to_owned(),
        };
        view! {
            <button
                type="button"
                class="button large"
                class:primary=move || !is_ready.get()
                class:secondary=move || is_ready.get()
                data-testid="ready"
                aria-pressed=move || is_ready.get().to_string()
                disabled=move || is_broken.get() || matches!(stage.get(), Stage::Starting(_))
                on:click=move |_| play.act(Act::Ready(!is_ready.get_untracked()))
            >
                {label}
            </button>
        }
        .into_any()
    };
    let sit = move || {
        view! {
            <button
                type="button"
                class="button primary large"
                data-testid="take-seat"
                disabled=move || no_seat.get().is_some()
                on:click=move |_| play.act(Act::Sit)
            >
                {texts::play::TAKE_SEAT}
            </button>
        }
        .into_any()
    };
    let button = move || match (place.get(), is_hosting.get()) {
        (Place::Seated(_), true) => start(),
        (Place::Seated(_), false) => ready(),
        (Place::Watching | Place::Full | Place::Late, _) => sit(),
        _ => ().into_any(),
    };
    let watch = move || {
        let is_seated = matches!(place.get(), Place::Seated(_)) && !is_hosting.get();
        is_seated.then(|| {
            view! {
                <button
                    type="button"
                    class="button plain"
                    data-testid="watch"
                    on:click=move |_| play.act(Act::Watch)
                >
                    {texts::play::WATCH}
                </button>
            }
        })
    };
    let words = move || match (is_hosting.get(), why_not.get(), place.get()) {
        (true, Some(why), _) => why,
        (_, _, Place::Seated(_)) if is_broken.get() => texts::play::CANNOT_START.to_owned(),
        (_, _, Place::Entering) => texts::play::ENTERING.to_owned(),
        (_, _, Place::Watching | Place::Full | Place::Late) => {
            texts::play::watching(no_seat.get().unwrap_or(texts::play::SEAT_FREE))
        }
        _ => foot.get(),
    };
    // An action that failed says why here, and over the game.
    let notice = move || play.notices.with(|notices| notices.last().map(|(_, words)| words.clone()));
    view! {
        <div class="lobby-foot">
            <div class="lobby-buttons">{button}{watch}</div>
            <p data-testid="lobby-foot">{words}</p>
            <p class="party-trouble" role="alert" data-testid="lobby-notice">{notice}</p>
        </div>
    }
}
