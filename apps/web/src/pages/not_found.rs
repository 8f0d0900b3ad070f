//! The page of an address at which there is nothing: what was asked for, and ways on.

use leptos::prelude::*;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_web::{texts, words};

use super::brand::Brand;
use super::browser;
use super::home::JoinRoom;

/// The page.
#[component]
pub(crate) fn NotFound(
    /// The path that was asked for.
    path: String,
    /// Goes to a room.
    join: Callback<RoomAddress>,
) -> impl IntoView {
    browser::set_title(&texts::home::page_title(texts::NOWHERE));
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
                    {texts::home::NOTHING_AT} <code>{words::short_path(&path)}</code>
                </p>
                <JoinRoom join/>
                <a class="button secondary" href="/" data-testid="go-home">{texts::TO_ROOMS}</a>
            </main>
        </div>
    }
}
