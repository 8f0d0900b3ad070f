//! The page of an address at which there is nothing: what was asked for, and ways on.

use leptos::prelude::*;
use leptos::task::spawn_local;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_web::texts;

use super::brand::Brand;
use super::browser;
use super::home::JoinRoom;
use super::session::Session;

/// The page.
#[component]
pub(crate) fn NotFound(
    /// The page's node.
    session: Session,
    /// The path that was asked for.
    path: String,
    /// Goes to a room.
    join: Callback<RoomAddress>,
) -> impl IntoView {
    browser::set_title(&texts::home::page_title(texts::NOWHERE));
    let has_rooms = RwSignal::new(false);
    spawn_local(async move {
        let kept = session.visited.kept_rooms().await;
        // The page may have gone meanwhile.
        has_rooms.try_set(!kept.is_empty());
    });
    let [to_rooms, make_one] = texts::TO_ROOMS;
    let way_on = move || if has_rooms.get() { to_rooms } else { make_one };
    view! {
        <div class="alone not-found">
            <header>
                <Brand/>
            </header>
            <main>
                <svg class="cut" viewBox="0 0 320 48" aria-hidden="true">
                    <path d="M22 24H132M138 14L132 24L140 32M298 24H188M182 14L188 24L180 32"></path>
                    <circle class="you" cx="12" cy="24" r="10"></circle>
                    <circle class="nobody" cx="308" cy="24" r="10"></circle>
                </svg>
                <h1>{texts::NOWHERE}</h1>
                <p data-testid="no-such-page">
                    {texts::home::NOTHING_AT} <code>{texts::short_path(&path)}</code>
                </p>
                <JoinRoom join/>
                <a class="button secondary" href=browser::at("/") data-testid="go-home">{way_on}</a>
            </main>
        </div>
    }
}
