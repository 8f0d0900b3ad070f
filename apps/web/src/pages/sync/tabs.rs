//! The tabs of Sync, and beside them what concerns all of them: who holds what one wrote last, and leaving the others for now.

use std::collections::BTreeSet;
use std::time::Duration;

use leptos::prelude::*;
use meshwork_web::sync::statistics;
use meshwork_web::texts;

use super::super::bead::PersonBead;
use super::super::icons;
use super::super::session::Session;
use super::super::tab_list::{TabList, TabName};
use super::document::DocumentPanel;
use super::state::{Sync, Tab};
use super::values::Values;
use super::whiteboard::WhiteboardPanel;

/// How often ages are read again.
const SECOND: Duration = Duration::from_secs(1);

/// People whose beads stand beside what they hold.
const HOLDERS_SHOWN: usize = 5;

/// What stands on the tabs, in the order of [`Tab::ALL`].
const TABS: [TabName; 3] = [
    (Tab::Values.word(), texts::parts::VALUES),
    (Tab::Whiteboard.word(), texts::parts::WHITEBOARD),
    (Tab::Document.word(), texts::parts::DOCUMENT),
];

/// All of them. What was looked at once stays as it was left.
#[component]
pub(super) fn Tabs(sync: Sync) -> impl IntoView {
    if let Ok(timer) = set_interval_with_handle(move || sync.tick(), SECOND) {
        on_cleanup(move || timer.clear());
    }
    let session = sync.session;
    // What is in a tab comes when it is opened first, and stays.
    let later = move |tab: Tab, panel: fn(Sync) -> AnyView| {
        let word = tab.word();
        let was_opened = Memo::new(move |before: Option<&bool>| {
            before.is_some_and(|before| *before) || sync.tab.get() == tab
        });
        view! {
            <div
                class="sync-document"
                id=format!("panel-{word}")
                role="tabpanel"
                aria-labelledby=format!("tab-{word}")
                hidden=move || sync.tab.get() != tab
            >
                <Show when=move || was_opened.get()>{panel(sync)}</Show>
            </div>
        }
    };
    let away = move || {
        session.is_disconnected.get().then(|| {
            view! {
                <p class="sync-away" role="status">
                    {icons::info()}
                    {texts::parts::DISCONNECTED}
                </p>
            }
        })
    };
    view! {
        <div class="sync">
            <div class="sync-head">
                <TabList
                    label=texts::parts::SHOWN
                    tabs=&TABS
                    chosen=Signal::derive(move || sync.tab.get() as usize)
                    choose=move |place: usize| sync.tab.set(Tab::ALL[place])
                />
                <Held sync/>
                <Connection session/>
                {away}
            </div>
            <div
                class="sync-scroll"
                id="panel-values"
                role="tabpanel"
                aria-labelledby="tab-values"
                tabindex="0"
                hidden=move || sync.tab.get() != Tab::Values
            >
                <Values sync/>
            </div>
            {later(Tab::Whiteboard, |sync| view! { <WhiteboardPanel sync/> }.into_any())}
            {later(Tab::Document, |sync| view! { <DocumentPanel sync/> }.into_any())}
        </div>
    }
}

/// Who holds what one wrote last. It is busy while something else holds than what it shows.
#[component]
fn Held(sync: Sync) -> impl IntoView {
    let is_away = sync.session.is_disconnected;
    let held = Memo::new(move |_| {
        sync.holders.with(|holders| holders.as_ref().map(|holders| statistics::held(holders, is_away.get())))
    });
    let is_safe = Memo::new(move |_| held.with(|held| held.as_ref().is_none_or(|(_, is_safe)| *is_safe)));
    let sign = move || if is_safe.get() { icons::check().into_any() } else { icons::warn().into_any() };
    let people = Memo::new(move |_| {
        let members = sync.holders.with(|holders| holders.as_ref().map(|holders| holders.members.clone()));
        let people = members.filter(|_| !is_away.get()).unwrap_or_default();
        people.into_iter().map(|member| member.peer).collect::<BTreeSet<_>>()
    });
    let count = move || Some(people.with(BTreeSet::len)).filter(|count| *count > 0);
    let beads = move || {
        let beads = people.get().into_iter().take(HOLDERS_SHOWN);
        beads.map(|peer| view! { <PersonBead session=sync.session peer/> }).collect_view()
    };
    view! {
        <p class="held" class:done=is_safe hidden=move || held.with(Option::is_none)>
            {sign}
            <span data-testid="held-by" aria-busy=move || sync.are_holders_old.get().to_string()>
                {move || held.with(|held| held.as_ref().map(|(words, _)| words.clone()))}
            </span>
            <span class="held-count" aria-hidden="true">{count}</span>
            <span class="held-beads" aria-hidden="true">{beads}</span>
        </p>
    }
}

/// Leaves the others, and comes back.
#[component]
fn Connection(session: Session) -> impl IntoView {
    let button = move || {
        let connects = session.is_disconnected.get();
        let (class, test_id, words) = match connects {
            true => ("button primary", "connect", texts::parts::CONNECT),
            false => ("button secondary brief", "disconnect", texts::parts::DISCONNECT),
        };
        view! {
            <button
                type="button"
                class=class
                data-testid=test_id
                title=words
                on:click=move |_| session.set_connected(connects)
            >
                {(!connects).then(icons::cut)}
                <span>{words}</span>
            </button>
        }
    };
    view! { <div class="sync-connection">{button}</div> }
}
