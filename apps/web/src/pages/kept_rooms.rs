//! Rooms on this device: the way back to a room, and forgetting it.

use leptos::prelude::*;
use leptos::task::spawn_local;
use meshwork_web::visits::Visit;
use meshwork_web::{texts, words};

use super::icons;
use super::letter_beads::LetterBeads;
use super::session::Session;
use super::session::visited::KeptRoom;
use super::{documents, shelf, thumbnail};

/// Rooms that are shown at once; the others are behind a fold.
const SHOWN: usize = 4;

/// The rooms that this browser keeps; nothing where it keeps none.
#[component]
pub(crate) fn KeptRooms(
    /// The page's node.
    session: Session,
) -> impl IntoView {
    let rooms = RwSignal::new(Vec::<KeptRoom>::new());
    spawn_local(async move {
        let kept = session.kept_rooms().await;
        thumbnail::keep_only(&kept.iter().map(|room| room.id).collect::<Vec<_>>());
        // The page may have gone meanwhile.
        rooms.try_set(kept);
    });
    let part = move |range: fn(usize) -> bool| {
        let rooms = rooms.get().into_iter().enumerate();
        rooms.filter(|(index, _)| range(*index)).map(|(_, room)| room).collect::<Vec<_>>()
    };
    let card = move |room: KeptRoom| view! { <Card session room rooms/> };
    let list = move |range: fn(usize) -> bool| {
        view! {
            <ul class="kept-list">
                <For each=move || part(range) key=|room| room.id children=card/>
            </ul>
        }
    };
    view! {
        <Show when=move || !rooms.with(Vec::is_empty)>
            <section class="kept" aria-labelledby="kept-title" data-testid="kept-rooms">
                <div class="kept-head">
                    <h2 id="kept-title">{texts::KEPT}</h2>
                    <p class="hint">{texts::KEPT_HERE}</p>
                </div>
                {list(|index| index < SHOWN)}
                <Show when=move || { rooms.with(Vec::len) > SHOWN }>
                    <details>
                        <summary>{move || format!("All {} rooms", rooms.with(Vec::len))}</summary>
                        {list(|index| index >= SHOWN)}
                    </details>
                </Show>
            </section>
        </Show>
    }
}

/// One room: all of its card opens it, but the button that forgets it.
#[component]
fn Card(session: Session, room: KeptRoom, rooms: RwSignal<Vec<KeptRoom>>) -> impl IntoView {
    let is_asked = RwSignal::new(false);
    let problem = RwSignal::new(None::<String>);
    let KeptRoom { id, link, app, name, code, visit } = room;
    let label = format!("Forget room {code}");
    let title = if name.is_empty() { format!("{} room", app.title) } else { name };
    let Visit { met, .. } = visit;
    let forget = move |_| {
        let has_blobs = app.word == meshwork_sync::WORD || documents::are_remembered(id);
        spawn_local(async move {
            match session.forget_room(id).await {
                Ok(()) => {
                    rooms.update(|rooms| rooms.retain(|room| room.id != id));
                    if has_blobs {
                        // Where the part does not come now, it removes them when it does.
                        let _ = shelf::forget(id).await;
                    }
                }
                Err(reason) => problem.set(Some(reason)),
            }
        });
    };
    view! {
        <li class="kept-room" data-testid="kept-room">
            <span class="kept-picture" aria-hidden="true">
                {match thumbnail::of(id) {
                    Some(picture) => view! { <img src=picture alt="" data-testid="kept-picture"/> }.into_any(),
                    None => icons::app_sign(app.word),
                }}
            </span>
            <span class="kept-title">
                <span class="app-sign" aria-hidden="true">{icons::app_sign(app.word)}</span>
                <a class="kept-link" href=link data-testid="kept-link">{title}</a>
            </span>
            <LetterBeads code/>
            <span class="kept-facts">
                <span data-testid="kept-met">{visit.people()}</span>
                <span>{visit.when(js_sys::Date::now() as u64)}</span>
            </span>
            <button
                type="button"
                class="icon-button kept-forget"
                data-testid="forget-room"
                aria-label=label
                title="Forget this room"
                on:click=move |_| is_asked.set(true)
            >
                {icons::cross()}
            </button>
            <Show when=move || is_asked.get()>
                <div class="kept-question" role="alert">
                    <p>{words::forgetting(met)}</p>
                    <button type="button" class="button danger" data-testid="forget-now" on:click=forget>"Forget"</button>
                    <button type="button" class="button secondary" on:click=move |_| is_asked.set(false)>"Keep"</button>
                    <p class="complaint">{move || problem.get()}</p>
                </div>
            </Show>
        </li>
    }
}
