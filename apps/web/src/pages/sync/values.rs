//! The tab of values: a counter, keys and what they stand for, and what is to be known about both.

use std::time::Duration;

use leptos::prelude::*;
use meshwork_web::sync;

use super::super::icons;
use super::super::session::Session;
use super::counter::CounterCard;
use super::rows::ValuesCard;
use super::state::Sync;
use super::statistics::Statistics;

/// How often ages are read again.
const SECOND: Duration = Duration::from_secs(1);

/// The tab.
#[component]
pub(super) fn Values(sync: Sync) -> impl IntoView {
    if let Ok(timer) = set_interval_with_handle(move || sync.tick(), SECOND) {
        on_cleanup(move || timer.clear());
    }
    let session = sync.session;
    let away = move || {
        session.is_disconnected.get().then(|| {
            view! {
                <p class="sync-away" role="status">
                    {icons::info()}
                    "You are disconnected. What you change is sent once you connect."
                </p>
            }
        })
    };
    view! {
        <div class="sync">
            <div class="sync-head">
                <div class="sync-tabs" role="tablist" aria-label="What Sync shows">
                    <button
                        type="button"
                        class="sync-tab"
                        id="tab-values"
                        data-testid="tab-values"
                        role="tab"
                        aria-selected="true"
                        aria-controls="panel-values"
                    >
                        "Values"
                    </button>
                </div>
                <Held sync/>
                <Connection session/>
            </div>
            <div class="sync-scroll" id="panel-values" role="tabpanel" aria-labelledby="tab-values" tabindex="0">
                {away}
                <p class="complaint" role="alert" data-testid="not-written">{move || sync.problem.get()}</p>
                <div class="sync-cards">
                    <CounterCard sync/>
                    <ValuesCard sync/>
                </div>
                <Statistics sync/>
            </div>
        </div>
    }
}

/// Who holds what one wrote last.
#[component]
fn Held(sync: Sync) -> impl IntoView {
    let held = Memo::new(move |_| sync.holders.with(sync::held));
    let sign = move || match held.with(|(_, is_safe)| *is_safe) {
        true => icons::check().into_any(),
        false => icons::warn().into_any(),
    };
    view! {
        <p class="held" class:done=move || held.with(|(_, is_safe)| *is_safe)>
            {sign}
            <span data-testid="held-by">{move || held.with(|(words, _)| words.clone())}</span>
        </p>
    }
}

/// Leaves the others, and comes back.
#[component]
fn Connection(session: Session) -> impl IntoView {
    let button = move || match session.is_disconnected.get() {
        false => view! {
            <button
                type="button"
                class="button secondary"
                data-testid="disconnect"
                on:click=move |_| session.set_connected(false)
            >
                "Disconnect"
            </button>
        }
        .into_any(),
        true => view! {
            <button
                type="button"
                class="button primary"
                data-testid="connect"
                on:click=move |_| session.set_connected(true)
            >
                "Connect"
            </button>
        }
        .into_any(),
    };
    view! { <div class="sync-connection">{button}</div> }
}
