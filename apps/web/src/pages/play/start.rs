//! The start page of Play: a file or folder becomes a party.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys::File;
use meshwork_web::texts;

use super::super::notices::NoticeCard;
use super::super::session::Session;
use super::super::{browser, icons};
use super::begin;
use super::drop::drops;
use super::games::Gallery;
use super::outer::Outer;

/// The page.
#[component]
pub(super) fn StartPage(session: Session) -> impl IntoView {
    browser::set_title(&texts::home::page_title(texts::play::PLAY));
    view! {
        <Outer session>
            <div class="play-words">
                <h1>{texts::play::PLAY}</h1>
                <p class="lead">{texts::play::LEAD}</p>
            </div>
            <div class="play-doors">
                <PlayFile session/>
                <section class="play-door" aria-labelledby="new-game-title">
                    <h2 id="new-game-title">{texts::play::NEW_GAME}</h2>
                    <p class="hint">{texts::play::NEW_GAME_HINT}</p>
                    <div class="play-buttons">
                        <a class="button secondary" href=browser::at("/play/new") data-testid="new-game">
                            {icons::pencil()}
                            {texts::play::NEW_GAME}
                        </a>
                    </div>
                </section>
            </div>
            <Gallery/>
        </Outer>
    }
}

/// Where a game is dropped or chosen.
#[component]
fn PlayFile(session: Session) -> impl IntoView {
    let is_busy = RwSignal::new(false);
    let problem = RwSignal::new(None::<String>);
    let take = move |files: Vec<(String, File)>| {
        problem.set(None);
        is_busy.set(true);
        spawn_local(async move {
            let made = begin::package_of(files)
                .await
                .and_then(|package| begin::party(session, &package, false, None));
            // The page may show the party by now.
            is_busy.try_set(made.is_ok());
            problem.try_set(made.err());
        });
    };
    let named = |files: Vec<File>| files.into_iter().map(|file| (file.name(), file)).collect::<Vec<_>>();
    let notice = move || begin::notice(session, is_busy, problem);
    view! {
        <section class="play-door drop" aria-labelledby="play-file-title" {..drops(async move |files| take(files))}>
            <h2 id="play-file-title">{texts::play::PLAY_FILE}</h2>
            <p class="hint">{texts::play::FILE_HINT}</p>
            <div class="play-buttons">
                <button
                    type="button"
                    class="button primary"
                    class:busy=is_busy
                    data-testid="play-file"
                    on:click=move |_| browser::choose_files(move |files| take(named(files)))
                >
                    {icons::play()}
                    {texts::play::PLAY_FILE}
                </button>
                <button
                    type="button"
                    class="button secondary"
                    data-testid="play-folder"
                    on:click=move |_| browser::choose_folder(take)
                >
                    {texts::play::PLAY_FOLDER}
                </button>
            </div>
            <div role="alert" data-testid="play-file-notice">
                {move || notice().map(|notice| view! { <NoticeCard notice/> })}
            </div>
        </section>
    }
}
