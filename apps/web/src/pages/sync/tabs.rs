//! The tabs of Sync, and beside them what concerns all of them: who holds what one wrote last, and leaving the others for now.

use std::time::Duration;

use leptos::prelude::*;
use meshwork_web::texts;

use super::super::icons;
use super::super::session::Session;
use super::super::tab_list::{TabList, TabName};
use super::document::DocumentPanel;
use super::held::Held;
use super::state::{Sync, Tab};
use super::values::Values;
use super::whiteboard::WhiteboardPanel;

/// How often ages are read again.
const SECOND: Duration = Duration::from_secs(1);

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
