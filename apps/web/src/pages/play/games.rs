//! Published games: the list on the start page, and the page of one game.

use std::sync::Arc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use meshwork_core::id::Code;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_play::shelf::{GAMES_PATH, Game, GameAnswer, GamesAnswer, PACKAGES_PATH};
use meshwork_play::{Package, PackageId, Release};
use meshwork_web::texts::{self, notices::Notice};

use super::super::notices::NoticeCard;
use super::super::session::Session;
use super::super::{browser, icons};
use super::begin;
use super::outer::Outer;

/// The package of a game from the server, checked by its hash.
pub(super) async fn package(id: PackageId) -> Option<Package> {
    let bytes = answer(&format!("{PACKAGES_PATH}/{id}")).await?;
    let package = Package::read(Arc::from(bytes)).ok()?;
    (package.id() == id).then_some(package)
}

/// A game of the server with all that a visitor needs.
pub(super) async fn game(code: Code) -> Option<GameAnswer> {
    serde_json::from_slice(&answer(&format!("{GAMES_PATH}/{code}")).await?).ok()
}

/// The games of the server; `None` on a server without a shelf.
async fn games() -> Option<Vec<Game>> {
    let read: GamesAnswer = serde_json::from_slice(&answer(GAMES_PATH).await?).ok()?;
    Some(read.games)
}

/// The server's answer for a path, if it has one.
async fn answer(path: &str) -> Option<Vec<u8>> {
    let (status, bytes) = browser::ask("GET", &browser::at(path), None).await?;
    (status == 200).then_some(bytes)
}

/// The games of the server, with pictures; nothing on a server without a shelf.
#[component]
pub(super) fn Gallery() -> impl IntoView {
    let found = RwSignal::new(None::<Vec<Game>>);
    spawn_local(async move {
        let games = games().await;
        // The page may have gone meanwhile.
        found.try_set(games);
    });
    let one = |game: Game| {
        let page = browser::at(&format!("/play/{}", game.code));
        let card = browser::at(&format!("/play/{}/card.png", game.code));
        let online = texts::play::online(game.seats.0, game.seats.1);
        view! {
            <a class="game-card" href=page data-testid=format!("game-{}", game.code)>
                <img src=card alt="" loading="lazy"/>
                <strong>{game.title}</strong>
                <span>{game.description}</span>
                <small>{online}</small>
            </a>
        }
    };
    move || {
        found.get().map(|games| {
            let list = match games.is_empty() {
                true => view! { <p class="hint">{texts::play::NO_GAMES}</p> }.into_any(),
                false => view! { <div class="game-cards">{games.into_iter().map(one).collect_view()}</div> }
                    .into_any(),
            };
            view! {
                <section class="play-gallery" aria-labelledby="gallery-title">
                    <h2 id="gallery-title">{texts::play::GAMES}</h2>
                    {list}
                </section>
            }
        })
    }
}

/// The page at a code that is a game's; another code is a room's, and leads there.
#[component]
pub(super) fn GamePage(
    session: Session,
    code: Code,
    address: RoomAddress,
    join: Callback<RoomAddress>,
) -> impl IntoView {
    let found = RwSignal::new(None::<GameAnswer>);
    let problem = RwSignal::new(None::<String>);
    let is_busy = RwSignal::new(false);
    spawn_local(async move {
        match game(code).await {
            Some(answer) => {
                browser::set_title(&texts::home::page_title(&answer.game.title));
                // The page may have gone meanwhile.
                found.try_set(Some(answer));
            }
            None => join.run(address),
        }
    });
    let make_party = move |is_private: bool| {
        let Some(answer) = found.get_untracked() else { return };
        is_busy.set(true);
        problem.set(None);
        spawn_local(async move {
            let made = make(session, &answer, is_private).await;
            // The page may show the party by now.
            is_busy.try_set(made.is_ok());
            problem.try_set(made.err());
        });
    };
    let join_game = move || {
        is_busy.set(true);
        problem.set(None);
        spawn_local(async move {
            // Parties come and go: they are asked for anew.
            let answer = game(code).await;
            let party =
                answer.and_then(|answer| answer.parties.into_iter().find(|party| party.seats < party.most));
            match party.and_then(|party| party.link.parse::<RoomAddress>().ok()) {
                Some(address) => join.run(address),
                None => make_party(false),
            }
        });
    };
    let page = move |answer| {
        let notice = Signal::derive(move || begin::notice(session, is_busy, problem));
        let (join_game, begin) = (Callback::new(move |()| join_game()), Callback::new(make_party));
        view! { <About answer join_game begin is_busy notice/> }
    };
    view! {
        <Outer session>{move || found.get().map(page)}</Outer>
    }
}

/// What a game's page says of it.
#[component]
fn About(
    answer: GameAnswer,
    join_game: Callback<()>,
    begin: Callback<bool>,
    is_busy: RwSignal<bool>,
    notice: Signal<Option<Notice>>,
) -> impl IntoView {
    let game = answer.game;
    let card = browser::at(&format!("/play/{}/card.png", game.code));
    let author = match game.author_name.trim() {
        "" => game.author.short(),
        name => name.to_owned(),
    };
    let watched =
        answer.parties.first().filter(|party| party.seats >= party.most).map(|party| party.link.clone());
    view! {
        <article class="game-page" data-testid="game-page">
            <img class="cover" src=card alt=texts::play::COVER/>
            <h1 data-testid="game-title">{game.title}</h1>
            <p>{game.description}</p>
            <p class="hint">
                {texts::play::by(&author)}" "{texts::play::players(game.players.0, game.players.1)}
            </p>
            <p data-testid="online">{texts::play::online(game.seats.0, game.seats.1)}</p>
            <div class="play-buttons">
                <button
                    type="button"
                    class="button primary large"
                    class:busy=is_busy
                    data-testid="join-game"
                    on:click=move |_| join_game.run(())
                >
                    {icons::play()}
                    {texts::play::JOIN_GAME}
                </button>
                <button
                    type="button"
                    class="button secondary large"
                    data-testid="play-with-friends"
                    on:click=move |_| begin.run(true)
                >
                    {texts::play::PLAY_WITH_FRIENDS}
                </button>
                {watched.map(|link| view! { <a class="button plain" href=link data-testid="watch">{texts::play::WATCH}</a> })}
            </div>
            <div role="alert">
                {move || notice.get().map(|notice| view! { <NoticeCard notice/> })}
            </div>
        </article>
    }
}

/// Makes a party of a published game.
async fn make(session: Session, answer: &GameAnswer, is_private: bool) -> Result<(), String> {
    let release =
        Release::check(answer.release.as_ref()).map_err(|error| texts::sentence(&error.to_string()))?;
    if release.package != answer.game.package {
        return Err(texts::play::NOT_SIGNED.to_owned());
    }
    let package = package(release.package).await.ok_or(texts::play::NO_ANSWER)?;
    begin::party(session, &package, is_private, Some((answer.game.code, release.author)))
}
