//! The program: one node, two routes.

use std::time::Duration;

use leptos::ev;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys;
use meshwork_core::signalling::address::{AddressError, RoomAddress};
use meshwork_core::signed::app::AppWord;
use meshwork_web::apps::App;
use meshwork_web::{code_input, texts};

use super::brand::Brand;
use super::home::Home;
use super::not_found::NotFound;
use super::notices::NoticeCard;
use super::session::apps::word;
use super::session::{Session, set_if_new};
use super::shell::RoomPage;
use super::update::UpdateLine;
use super::{browser, entries, theme};

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
    Unshared(&'static App),
    /// A page of an app's own, by its word.
    Own(&'static App, &'static str),
    /// A code of an app that may name something else than a room.
    Code(&'static App, RoomAddress),
    /// A room with an app in front that this page does not have.
    OtherApp(AppWord),
    /// The address is not a room's.
    Nowhere(AddressError),
}

/// Shows the page that the address names, with these apps. Of a program that stopped for good the script tells that started it.
pub fn start(apps: entries::Table) {
    entries::set(apps);
    std::panic::set_hook(Box::new(|panic| web_sys::console::error_1(&panic.to_string().into())));
    browser::listen_for_end();
    leptos::mount::mount_to_body(Page);
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
        if let Some(app) = entries::named(word) {
            return Route::alone(app);
        }
        if let Some((app, page)) = entries::page_at(word) {
            return Route::Own(app, page);
        }
        if matches!(word, "" | "index.html") {
            return Route::Home;
        }
        match href.parse() {
            Ok(address) => Route::to(address),
            Err(error) => Route::Nowhere(error),
        }
    }

    /// The app without a room of several: its start page, or a room that nobody was invited to.
    fn alone(app: &'static App) -> Route {
        if entries::of(app).has_start_page() { Route::Own(app, "") } else { Route::Unshared(app) }
    }

    fn to(address: RoomAddress) -> Route {
        match address.app().map(|app| (app, entries::named(app))) {
            Some((app, None)) => Route::OtherApp(app.clone()),
            Some((_, Some(app))) if address.room().is_none() && entries::of(app).has_codes() => {
                Route::Code(app, address)
            }
            _ => Route::Join(address),
        }
    }
}

#[component]
fn Page() -> impl IntoView {
    theme::provide();
    let session = match Session::start() {
        Ok(session) => session,
        Err(reason) => return view! { <NoNode reason/> }.into_any(),
    };
    provide_context(session.profiles);
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
    let alone = Callback::new(move |app: &'static App| {
        browser::show_address(&browser::at(&format!("/{}", app.word)), true);
        route.set(Route::alone(app));
    });
    Effect::new(move || {
        let Some(address) = session.address.link.get() else { return };
        if address.server().is_none_or(|(server, _)| server != browser::server()) {
            return;
        }
        let is_made_here = matches!(route.get_untracked(), Route::Home | Route::Own(..) | Route::Code(..));
        browser::show_address(&address.to_string(), is_made_here);
        if is_made_here {
            route.set(Route::Made);
        }
    });
    let shown = Memo::new(move |_| route.get());
    let page = move || match shown.get() {
        Route::Home => {
            // A picture that is painted here becomes a room of the first app.
            set_timeout(move || spawn_local(async { drop(entries::all()[0].load().await) }), Duration::ZERO);
            view! { <Home session join alone/> }.into_any()
        }
        Route::Made => view! { <InFront session named=None/> }.into_any(),
        Route::Unshared(app) => {
            if !session.has_room() {
                session.open_unshared(word(app), entries::of(app).parameters());
            }
            view! { <InFront session named=Some(app)/> }.into_any()
        }
        Route::Join(address) => {
            let named = address.app().and_then(|word| entries::named(word));
            if !session.has_room() {
                session.join(address);
            }
            view! { <InFront session named/> }.into_any()
        }
        Route::Own(app, word) => {
            let page = Callback::new(move |()| entries::of(app).page(session, word));
            view! { <OwnPage app page/> }.into_any()
        }
        Route::Code(app, address) => {
            let join_room = Callback::new(move |address: RoomAddress| route.set(Route::Join(address)));
            let page = Callback::new(move |()| entries::of(app).page_of(session, address.clone(), join_room));
            view! { <OwnPage app page/> }.into_any()
        }
        Route::OtherApp(app) => view! { <Alone notice=texts::notices::other_app(&app)/> }.into_any(),
        Route::Nowhere(AddressError::Fragment) => {
            view! { <Alone notice=texts::notices::refused(texts::notices::damaged_link())/> }.into_any()
        }
        Route::Nowhere(_) => view! { <NotFound session path=browser::path() join/> }.into_any(),
    };
    let is_begun = is_begun();
    view! {
        {move || is_begun.get().then_some(page)}
        <UpdateLine/>
    }
    .into_any()
}

/// The page of a room, with one of its apps in front: until the room's apps are known the one in the address, or the first of
/// all.
#[component]
fn InFront(
    /// The page's node, which has the room.
    session: Session,
    /// The app in the address.
    named: Option<&'static App>,
) -> impl IntoView {
    let wanted = Memo::new(move |_| session.apps.front.get().or(named).unwrap_or_else(entries::first));
    // The app before stays until the code of this one is loaded.
    let loaded = RwSignal::new(None);
    Effect::new(move || {
        let app = wanted.get();
        spawn_local(async move {
            let is_loaded = entries::of(app).load().await.is_ok();
            // The page may show something else by now.
            if wanted.try_get_untracked() == Some(app) {
                session.is_part_missed.set(!is_loaded);
                if is_loaded {
                    set_if_new(loaded, Some(app));
                }
            }
        });
    });
    move || match loaded.get() {
        Some(app) => {
            entries::of(app).open(session).map(|front| view! { <RoomPage session front/> }.into_any())
        }
        None => session
            .is_part_missed
            .get()
            .then(|| view! { <Alone notice=texts::notices::part_missing()/> }.into_any()),
    }
}

/// A page of an app's own.
#[component]
fn OwnPage(
    /// The app.
    app: &'static App,
    /// The page, once the app is loaded.
    page: Callback<(), Option<AnyView>>,
) -> impl IntoView {
    let is_loaded = RwSignal::new(None);
    spawn_local(async move {
        let loaded = entries::of(app).load().await.is_ok();
        // The page may show something else by now.
        is_loaded.try_set(Some(loaded));
    });
    move || match is_loaded.get() {
        Some(true) => page.run(()),
        Some(false) => Some(view! { <Alone notice=texts::notices::part_missing()/> }.into_any()),
        None => None,
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
