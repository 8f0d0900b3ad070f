//! Deleting all of one's own from this device.

use leptos::prelude::*;
use leptos::task::spawn_local;
use meshwork_rtc::web::{self, Folder, PAGES_DATABASE};
use meshwork_web::texts;

use super::browser;
use super::session::Session;

/// What deleting means, and the button, which asks once more.
#[component]
pub(crate) fn EraseAll(
    /// The page's node.
    session: Session,
) -> impl IntoView {
    let is_asked = RwSignal::new(false);
    let problem = RwSignal::new(None::<String>);
    let erase = move |_| {
        spawn_local(async move {
            match erase_all(session).await {
                Ok(()) => browser::go_to(&browser::at("/")),
                // The sheet may have gone meanwhile.
                Err(why) => drop(problem.try_set(Some(why))),
            }
        });
    };
    view! {
        <section class="sheet-part" aria-labelledby="erase-all-title">
            <h3 id="erase-all-title">{texts::key::ERASE_ALL}</h3>
            <p class="sheet-words">{texts::key::ERASE_ALL_MEANS}</p>
            <div class="sheet-row">
                <Show
                    when=move || is_asked.get()
                    fallback=move || view! {
                        <button
                            type="button"
                            class="button secondary"
                            data-testid="erase-all"
                            on:click=move |_| is_asked.set(true)
                        >
                            {texts::key::ERASE_ALL}
                        </button>
                    }
                >
                    <button type="button" class="button danger" data-testid="erase-all-confirm" on:click=erase>
                        {texts::key::ERASE_FOR_GOOD}
                    </button>
                    <button type="button" class="button secondary" on:click=move |_| is_asked.set(false)>
                        {texts::key::KEEP_ALL}
                    </button>
                </Show>
            </div>
            <p class="complaint" role="alert">{move || problem.get()}</p>
        </section>
    }
}

/// The games that are written in this browser, as `apps/web/editor/drafts.js` names their database.
const DRAFTS_DATABASE: &str = "meshwork-play-drafts";

/// Deletes rooms, what was put into them, games that are written, the key, and all that is remembered of people and tools.
///
/// # Errors
/// In words, why it cannot: then some of it may be there still.
async fn erase_all(session: Session) -> Result<(), String> {
    session.leave();
    for database in [PAGES_DATABASE, DRAFTS_DATABASE] {
        web::delete_rooms(database).await.map_err(|error| texts::sentence(&error.to_string()))?;
    }
    if let Some(folder) = Folder::of_page().await {
        for name in folder.names().await? {
            folder.remove(&name).await?;
        }
    }
    // Last: as long as the key is there, the person can try again.
    browser::unstore_all();
    Ok(())
}
