//! Play: parties with a lobby and a game, and the start page of games.

mod beat;
mod begin;
mod drop;
mod engine;
mod entry;
mod frame;
mod games;
mod hands;
mod lobby;
mod notes;
mod outer;
mod publish;
mod sound;
mod stage;
mod start;
mod state;
mod studio;
mod told;
mod trial;
mod trust;

use leptos::prelude::*;
use leptos::wasm_split::wasm_split;
use meshwork_core::id::Code;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_web::apps::App as About;

pub(crate) use self::entry::Play as Entry;
use self::entry::about;
use self::games::GamePage;
use self::lobby::LobbyView;
use self::stage::GameView;
use self::start::StartPage;
use self::state::Play;
use self::studio::StudioPage;
use super::front::{App, Front};
use super::parts::Loaded;
use super::session::{Phase, Session};

/// What of Play is to be shown.
pub(crate) enum Wanted {
    /// The party in the session's room.
    Room,
    /// A page of its own, by its word; empty for the start page.
    Page(String),
    /// The game with this code, or else the room at this address, to which the callback leads.
    Game(Code, RoomAddress, Callback<RoomAddress>),
}

/// What of Play is shown.
pub(crate) enum Shown {
    /// The party.
    Room(Front),
    /// A page of its own.
    Page(AnyView),
}

/// Loads Play and shows something of it.
#[wasm_split(play, wasm_split_path = ::leptos::wasm_split, preload(load), fallible)]
pub(crate) fn show(session: Session, wanted: Wanted) -> Loaded<Shown> {
    let page = match wanted {
        Wanted::Room => {
            // A page shows it as long as it lives.
            return Ok(Shown::Room(Box::leak(Box::new(PlayFront { play: Play::of(session) }))));
        }
        Wanted::Page(word) if word == "new" => view! { <StudioPage session/> }.into_any(),
        Wanted::Page(_) => view! { <StartPage session/> }.into_any(),
        Wanted::Game(code, address, join) => view! { <GamePage session code address join/> }.into_any(),
    };
    Ok(Shown::Page(view! { <style>{include_str!("play.css")}</style> {page} }.into_any()))
}

/// Play as the page of a room knows it.
struct PlayFront {
    play: Play,
}

impl App for PlayFront {
    fn about(&self) -> &'static About {
        about()
    }

    fn view(&self, before_open: AnyView) -> AnyView {
        let play = self.play;
        let is_open = Memo::new(move |_| play.session.phase.get() == Phase::Open);
        view! {
            <style>{include_str!("play.css")}</style>
            <div class="stage-box play-box">
                {before_open}
                <Show when=move || is_open.get()>
                    <Party play/>
                </Show>
            </div>
        }
        .into_any()
    }

    fn is_empty(&self) -> bool {
        true
    }
}

/// The party of the open room: its lobby, and its game over it.
#[component]
fn Party(play: Play) -> impl IntoView {
    play.begin();
    view! {
        <LobbyView play/>
        <GameView play/>
    }
}
