//! Rooms on this device: the way back to a room, and forgetting it.

use std::time::Duration;

use leptos::html;
use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;
use leptos::task::spawn_local;
use meshwork_core::id::RoomId;
use meshwork_web::people::beads;
use meshwork_web::people::visits::{SHOWN_MAX, room_to_ask_about};
use meshwork_web::texts;

use super::bead::Bead;
use super::copy_field::CopyField;
use super::icons;
use super::letter_beads::LetterBeads;
use super::session::Session;
use super::session::visited::KeptRoom;
use super::{browser, thumbnail};

/// Rooms that are shown at once; the others are behind a fold.
const SHOWN: usize = 4;
/// How long forgetting a room can be taken back.
const UNDO: Duration = Duration::from_secs(10);
/// Under this name a profile keeps which room is forgotten soon, for a page that was left before it was done.
const KEY: &str = "meshwork-forgetting";

/// The rooms that this browser keeps; nothing where it keeps none.
#[component]
pub(crate) fn KeptRooms(
    /// The page's node.
    session: Session,
    /// Whether there are any, as soon as that is known.
    has_rooms: RwSignal<bool>,
) -> impl IntoView {
    let rooms = RwSignal::new(Vec::<KeptRoom>::new());
    let (are_safe, is_low) = (RwSignal::new(true), RwSignal::new(false));
    let forgetting = Forgetting::new(session, rooms);
    spawn_local(async move {
        let keeps_for_good = browser::keeps_for_good().await;
        let mut kept = session.visited.kept_rooms().await;
        if let Some(at) = kept.iter().position(is_left)
            && forget(session, &kept[at]).await.is_ok()
        {
            kept.remove(at);
        }
        thumbnail::keep_only(&kept.iter().map(|room| room.id).collect::<Vec<_>>());
        // The page may have gone meanwhile.
        are_safe.try_set(keeps_for_good);
        is_low.try_set(browser::is_space_low().await);
        has_rooms.try_set(!kept.is_empty());
        rooms.try_set(kept);
    });
    let where_kept = move || if are_safe.get() { texts::KEPT_HERE } else { texts::KEPT_FOR_NOW };
    let part = move |range: fn(usize) -> bool| {
        let rooms = rooms.get().into_iter().enumerate();
        rooms.filter(|(index, _)| range(*index)).map(|(_, room)| room).collect::<Vec<_>>()
    };
    let card = move |room: KeptRoom| view! { <Card room forgetting/> };
    let list = move |range: fn(usize) -> bool| {
        view! {
            <ul class="kept-list">
                <For each=move || part(range) key=|room| room.id children=card/>
            </ul>
        }
    };
    view! {
        <Undo forgetting/>
        <Question forgetting is_low/>
        <p class="complaint" role="alert">{move || forgetting.problem.get()}</p>
        <Show when=move || !rooms.with(Vec::is_empty)>
            <section class="kept" aria-labelledby="kept-title" data-testid="kept-rooms">
                <div class="kept-head">
                    <h2 id="kept-title">{texts::KEPT}</h2>
                    <p class="hint" class:warned=move || !are_safe.get() data-testid="kept-where">
                        {where_kept}
                    </p>
                </div>
                {list(|index| index < SHOWN)}
                <Show when=move || { rooms.with(Vec::len) > SHOWN }>
                    <details>
                        <summary>{move || texts::home::all_rooms(rooms.with(Vec::len))}</summary>
                        {list(|index| index >= SHOWN)}
                    </details>
                </Show>
            </section>
        </Show>
    }
}

/// Removes what this browser has of a room.
///
/// # Errors
/// In words, why it cannot.
async fn forget(session: Session, room: &KeptRoom) -> Result<(), String> {
    session.visited.forget(room.id).await?;
    if is_left(room) {
        browser::unstore(KEY);
    }
    Ok(())
}

/// Whether forgetting this room was begun. Who was there again since then wants it.
fn is_left(room: &KeptRoom) -> bool {
    let left = browser::stored(KEY).unwrap_or_default();
    left.split_once(' ').is_some_and(|(id, at_ms)| {
        id == room.id.to_string() && at_ms.parse().is_ok_and(|at_ms: u64| room.visit.at_ms <= at_ms)
    })
}

/// Forgetting a room, which can be taken back for a while. Copies are the same one.
#[derive(Clone, Copy)]
struct Forgetting {
    session: Session,
    rooms: RwSignal<Vec<KeptRoom>>,
    /// The room that is forgotten soon, and where its card was.
    soon: RwSignal<Option<(usize, KeptRoom)>>,
    timer: StoredValue<Option<TimeoutHandle>>,
    problem: RwSignal<Option<String>>,
}

impl Forgetting {
    /// Nothing is forgotten yet. What is forgotten soon is forgotten when the page is left.
    fn new(session: Session, rooms: RwSignal<Vec<KeptRoom>>) -> Forgetting {
        let (soon, timer, problem) = (RwSignal::new(None), StoredValue::new(None), RwSignal::new(None));
        let forgetting = Forgetting { session, rooms, soon, timer, problem };
        browser::before_page_ends(move || forgetting.finish());
        on_cleanup(move || forgetting.finish());
        forgetting
    }

    /// Hides a room, and forgets it unless that is taken back.
    fn begin(self, id: RoomId) {
        self.finish();
        self.problem.set(None);
        let at = self.rooms.with_untracked(|rooms| rooms.iter().position(|room| room.id == id));
        let Some((at, room)) = at.zip(at.and_then(|at| self.rooms.try_update(|rooms| rooms.remove(at))))
        else {
            return;
        };
        browser::store(KEY, &format!("{id} {}", room.visit.at_ms));
        self.soon.set(Some((at, room)));
        self.timer.set_value(set_timeout_with_handle(move || self.finish(), UNDO).ok());
    }

    fn take(self) -> Option<(usize, KeptRoom)> {
        if let Some(timer) = self.timer.try_get_value().flatten() {
            timer.clear();
        }
        self.soon.try_update(Option::take).flatten()
    }

    fn take_back(self) {
        browser::unstore(KEY);
        self.show_again(self.take());
    }

    fn show_again(self, room: Option<(usize, KeptRoom)>) {
        if let Some((at, room)) = room {
            // The page may have gone meanwhile.
            self.rooms.try_update(|rooms| rooms.insert(at.min(rooms.len()), room));
        }
    }

    fn finish(self) {
        let Some((at, room)) = self.take() else { return };
        spawn_local(async move {
            if let Err(why) = forget(self.session, &room).await {
                self.problem.try_set(Some(why));
                self.show_again(Some((at, room)));
            }
        });
    }
}

/// What was forgotten last, and the way back.
#[component]
fn Undo(forgetting: Forgetting) -> impl IntoView {
    let button = NodeRef::<html::Button>::new();
    Effect::new(move || {
        if let Some(button) = button.get() {
            // What had the focus went with the card.
            let _ = button.focus();
        }
    });
    let line = move || {
        forgetting.soon.get().map(|(_, room)| {
            view! {
                <div class="update-line">
                    <span data-testid="forgotten">
                        {texts::home::FORGOT} <strong>{room.title()}</strong> "."
                    </span>
                    <button
                        type="button"
                        class="button plain"
                        data-testid="forget-undo"
                        node_ref=button
                        on:click=move |_| forgetting.take_back()
                    >
                        {texts::UNDO}
                    </button>
                </div>
            }
        })
    };
    view! { <div role="status">{line}</div> }
}

/// Before another room is made for which there is no space: which room may go.
#[component]
fn Question(
    forgetting: Forgetting,
    /// Whether the browser has no space left.
    is_low: RwSignal<bool>,
) -> impl IntoView {
    let asked = Memo::new(move |_| {
        forgetting.rooms.with(|rooms| {
            let only_here: Vec<bool> = rooms.iter().map(|room| room.is_only_here).collect();
            room_to_ask_about(&only_here, is_low.get()).map(|at| rooms[at].clone())
        })
    });
    let question = move || {
        asked.get().map(|room| {
            let id = room.id;
            let forget = move |_| {
                // Whether that was enough is known when the page is opened next.
                is_low.set(false);
                forgetting.begin(id);
            };
            view! {
                <div class="update-line" data-testid="no-place">
                    <span>
                        <strong>{texts::home::NO_PLACE}</strong> " " {texts::home::may_go(&room.title_and_day())}
                    </span>
                    <button type="button" class="button danger" data-testid="forget-asked" on:click=forget>
                        {texts::home::FORGET}
                    </button>
                </div>
            }
        })
    };
    view! { <div role="status">{question}</div> }
}

/// One room: all of its card opens it, but the button for what else can be done with it.
#[component]
fn Card(room: KeptRoom, forgetting: Forgetting) -> impl IntoView {
    let is_open = RwSignal::new(false);
    let button = NodeRef::<html::Button>::new();
    let close = move || {
        is_open.set(false);
        if let Some(button) = button.get_untracked() {
            // What had the focus goes with the menu.
            let _ = button.focus();
        }
    };
    let title = room.title();
    let KeptRoom { id, link, app, code, visit, is_only_here, .. } = room;
    let label = texts::home::more_of_room(&code);
    let beads = visit.named.iter().take(SHOWN_MAX).map(|(peer, name)| {
        view! { <Bead peer=*peer letter=Signal::stored(beads::letter(name))/> }
    });
    let (beads, has_beads) = (beads.collect_view(), !visit.named.is_empty());
    let address = Signal::stored(link.clone());
    let more = move || {
        view! {
            <div class="kept-menu" data-testid="room-menu">
                <CopyField
                    value=address
                    label=texts::ROOM_LINK
                    button=texts::COPY_LINK
                    test_id="kept-address"
                />
                <p>{texts::home::forgetting(is_only_here)}</p>
                <button type="button" class="button danger" data-testid="forget-room" on:click=move |_| forgetting.begin(id)>
                    {texts::home::FORGET}
                </button>
            </div>
        }
    };
    view! {
        <li
            class="kept-room"
            data-testid="kept-room"
            on:keydown=move |event| {
                if browser::key(&event) == "Escape" && is_open.get_untracked() {
                    close();
                }
            }
        >
            <span class="kept-picture" aria-hidden="true">
                {match thumbnail::of(id) {
                    Some(picture) => view! { <img src=picture alt="" data-testid="kept-picture"/> }.into_any(),
                    None => icons::app_sign(app),
                }}
            </span>
            <span class="kept-title">
                <span class="app-sign" aria-hidden="true">{icons::app_sign(app)}</span>
                <a class="kept-link" href=link data-testid="kept-link">{title}</a>
            </span>
            <LetterBeads code/>
            <span class="kept-facts">
                <span class="kept-people">
                    <span class="kept-beads" aria-hidden="true" hidden=!has_beads>{beads}</span>
                    <span data-testid="kept-met">{visit.people()}</span>
                </span>
                <span>{visit.when(js_sys::Date::now() as u64)}</span>
            </span>
            <button
                type="button"
                class="icon-button kept-more"
                data-testid="open-room-menu"
                aria-label=label
                node_ref=button
                aria-expanded=move || is_open.get().to_string()
                title=texts::MORE
                on:click=move |_| is_open.update(|is_open| *is_open = !*is_open)
            >
                {icons::dots()}
            </button>
            <Show when=move || is_open.get()>{more()}</Show>
        </li>
    }
}
