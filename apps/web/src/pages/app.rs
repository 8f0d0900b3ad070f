//! The program: one node, two routes.

use std::time::Duration;

use leptos::ev;
use leptos::prelude::*;
use leptos::web_sys;
use meshwork_core::signalling::address::{AddressError, RoomAddress};
use meshwork_core::signed::app::AppWord;
use meshwork_web::apps::{self, App as AppInfo};
use meshwork_web::{code_input, texts};

use super::brand::Brand;
use super::home::{self, Aim};
use super::notices::NoticeCard;
use super::parts::{Part, Stage};
use super::session::Session;
use super::session::apps::{parameters, word};
use super::shell::RoomPage;
use super::update::UpdateLine;
use super::{browser, place, sync, theme};

/// Which page is shown.
#[derive(Clone, PartialEq)]
enum Route {
    /// The start page.
    Home,
    /// A room that is to be joined.
    Join(RoomAddress),
    /// A room that was made here.
    Made,
    /// An app alone, in a room that nobody was invited to yet.
    Unshared(&'static AppInfo),
    /// A room with an app in front that this page does not have.
    OtherApp(AppWord),
    /// The address is not a room's.
    Nowhere(AddressError),
}

/// Shows the page that the address names. Of a program that stopped for good the script tells that started it.
pub(crate) fn start() {
    std::panic::set_hook(Box::new(|panic| web_sys::console::error_1(&panic.to_string().into())));
    browser::listen_for_end();
    leptos::mount::mount_to_body(App);
}

/// Whether a task of its own may show the page: the browser prepares the program and the node begins in the first one, and
/// together they would hold up a frame for longer than one notices.
fn is_begun() -> RwSignal<bool> {
    let is_begun = RwSignal::new(false);
    set_timeout(move || is_begun.set(true), Duration::ZERO);
    is_begun
}

impl Route {
    fn of(path: &str, href: &str) -> Route {
        let word = path.trim_matches('/');
        if let Some(app) = apps::named(word) {
            return Route::Unshared(app);
        }
        if matches!(word, "" | "index.html") {
            return Route::Home;
        }
        match href.parse() {
            Ok(address) => Route::to(address),
            Err(error) => Route::Nowhere(error),
        }
    }

    fn to(address: RoomAddress) -> Route {
        match address.app() {
            Some(app) if apps::named(app).is_none() => Route::OtherApp(app.clone()),
            _ => Route::Join(address),
        }
    }
}

#[component]
fn App() -> impl IntoView {
    theme::provide();
    let session = match Session::start() {
        Ok(session) => session,
        Err(reason) => return view! { <NoNode reason/> }.into_any(),
    };
    let route = RwSignal::new(Route::of(&browser::path(), &browser::href()));
    if code_input::is_secret_in_path(&browser::href())
        && let Route::Join(address) = route.get_untracked()
    {
        session.address.is_spilt.set(true);
        // Loaded again it tells the server nothing more.
        if address.server().is_some_and(|(server, _)| server == browser::server()) {
            browser::show_address(&address.to_string(), false);
        }
    }
    // Going back or to another fragment is another room or none: the page begins anew.
    let _back = window_event_listener(ev::popstate, |_| browser::reload());
    // A page that the browser kept aside has said goodbye to everyone.
    let _kept = window_event_listener(ev::pageshow, |event| {
        if event.persisted() {
            browser::reload();
        }
    });
    // Who deletes all of theirs in another tab is nobody here any more.
    let _erased = window_event_listener(ev::storage, |event| {
        if event.key().is_none() {
            browser::reload();
        }
    });
    let join = Callback::new(move |address: RoomAddress| {
        match address.server() {
            Some((server, _)) if server != browser::server() => {
                return browser::go_to(&address.to_string());
            }
            Some(_) => browser::show_address(&address.to_string(), true),
            // No page is at an address without a server.
            None => {}
        }
        route.set(Route::to(address));
    });
    let alone = Callback::new(move |app: &'static AppInfo| {
        browser::show_address(&browser::at(&format!("/{}", app.word)), true);
        route.set(Route::Unshared(app));
    });
    Effect::new(move || {
        let Some(address) = session.address.link.get() else { return };
        if address.server().is_none_or(|(server, _)| server != browser::server()) {
            return;
        }
        let is_made_here = route.get_untracked() == Route::Home;
        browser::show_address(&address.to_string(), is_made_here);
        if is_made_here {
            route.set(Route::Made);
        }
    });
    let shown = Memo::new(move |_| route.get());
    let start_page = Part::new();
    let page = move || match shown.get() {
        Route::Home => {
            start_page.load(home::load);
            view! { <Start part=start_page aim=Aim::Home session join alone/> }.into_any()
        }
        Route::Made => view! { <InFront session named=None/> }.into_any(),
        Route::Unshared(app) => {
            if !session.has_room() {
                session.open_unshared(word(app), parameters(app));
            }
            view! { <InFront session named=Some(app)/> }.into_any()
        }
        Route::Join(address) => {
            let named = address.app().and_then(|word| apps::named(word));
            if !session.has_room() {
                session.join(address);
            }
            view! { <InFront session named/> }.into_any()
        }
        Route::OtherApp(app) => view! { <Alone notice=texts::notices::other_app(&app)/> }.into_any(),
        Route::Nowhere(AddressError::Fragment) => {
            view! { <Alone notice=texts::notices::refused(texts::notices::damaged_link())/> }.into_any()
        }
        Route::Nowhere(_) => {
            start_page.load(home::load);
            view! { <Start part=start_page aim=Aim::Nowhere session join alone/> }.into_any()
        }
    };
    let is_begun = is_begun();
    view! {
        {move || is_begun.get().then_some(page)}
        <UpdateLine/>
    }
    .into_any()
}

/// The page of a room, with one of its apps in front; while they are not known with the one that the address named, or with
/// the first.
#[component]
fn InFront(
    /// The page's node, which has the room.
    session: Session,
    /// The app in the address.
    named: Option<&'static AppInfo>,
) -> impl IntoView {
    let word = Memo::new(move |_| session.apps.front.get().or(named).unwrap_or(&apps::APPS[0]).word);
    move || {
        let front = match word.get() {
            meshwork_sync::WORD => sync::open(session),
            _ => place::open(session),
        };
        view! { <RoomPage session front/> }
    }
}

/// The home page or that of an address at which there is nothing, which are a part of their own: whoever opens a room's
/// link does not need it.
#[component]
fn Start(
    /// The part.
    part: Part,
    /// Which of the two.
    aim: Aim,
    /// The page's node.
    session: Session,
    /// Goes to a room.
    join: Callback<RoomAddress>,
    /// Shows an app in the room that was just made for oneself alone.
    alone: Callback<&'static AppInfo>,
) -> impl IntoView {
    let missing = move || {
        (part.stage() == Stage::Failed).then(|| view! { <Alone notice=texts::notices::part_missing()/> })
    };
    view! {
        {part.made(move || home::page(aim, session, join, alone))}
        {missing}
    }
}

/// There is no node.
#[component]
fn NoNode(
    /// Why.
    reason: String,
) -> impl IntoView {
    let text = texts::notices::cannot_start(&reason);
    let notice = texts::notices::Notice::new(texts::notices::Tone::Bad, &text, None);
    view! { <Alone notice/> }
}

/// A page with nothing but a notice.
#[component]
fn Alone(
    /// What it says.
    notice: texts::notices::Notice,
) -> impl IntoView {
    view! {
        <div class="alone">
            <header>
                <Brand/>
            </header>
            <main>
                <h1 class="sr-only">{texts::home::MESHWORK}</h1>
                <NoticeCard notice/>
            </main>
        </div>
    }
}
