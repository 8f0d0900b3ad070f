//! Erasing cells of the canvas, and bringing them back.

use leptos::html;
use leptos::prelude::*;
use meshwork_core::id::PeerId;
use meshwork_core::signed::list::ShortId;
use meshwork_place::canvas::{Erase, Region};
use meshwork_web::rules::{self, Decision};
use meshwork_web::texts;

use super::super::entries::Entry as _;
use super::super::session::Session;
use super::super::shell::ban::Asking;
use super::board::Board;
use super::entry::Place;
use super::entry::PlaceSession as _;

/// What the owner and moderators do with the canvas, asked about where it takes something away.
#[component]
pub(crate) fn Erasing(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let session = board.session;
    let asking = Asking::new(session);
    view! {
        <p class="complaint" role="alert">{move || asking.problem()}</p>
        <EraseForm board asking/>
        {asking.question(|decision| matches!(decision, Decision::Retract { .. }))}
        <Erased session asking/>
    }
}

/// A rectangle, and whose cells in it.
#[component]
fn EraseForm(board: Board, asking: Asking) -> impl IntoView {
    let session = board.session;
    let Some(size) = session.canvas().size.get_untracked() else { return ().into_any() };
    let all = Region { x: 0, y: 0, width: size.width, height: size.height };
    let whole = [(); 4].map(|()| RwSignal::new(String::new()));
    let button = NodeRef::<html::Button>::new();
    Effect::new(move || {
        let marked = board.marked.get().filter(|_| !board.is_marking.get());
        let Region { x, y, width, height } = marked.unwrap_or(all);
        for (field, number) in whole.into_iter().zip([x, y, width, height]) {
            field.set(number.to_string());
        }
        if let Some(button) = button.get().filter(|_| marked.is_some()) {
            // What was marked is decided about next, wherever on the sheet that is.
            let _ = button.focus();
        }
    });
    let author = RwSignal::new(None::<PeerId>);
    let people = untrack(move || session.people.others());
    let options = people.clone().into_iter().enumerate().map(|(index, (_, called))| {
        view! { <option value=index.to_string()>{texts::erase::cells_of(&called)}</option> }
    });
    let options = options.collect_view();
    let submit = move |event: leptos::web_sys::SubmitEvent| {
        event.prevent_default();
        let typed = whole.map(|field| field.get_untracked());
        match rules::region([&typed[0], &typed[1], &typed[2], &typed[3]], size) {
            Ok(region) => {
                let region = Some(region).filter(|region| *region != all);
                let erase = Erase { author: author.get_untracked(), region };
                let words = texts::rules::erased(&erase, |peer| session.people.called_by_peer(peer));
                let what = erase.to_retract(session.apps.slot_of(Place.about()));
                asking.ask(Decision::Retract { what, words });
            }
            Err(words) => asking.complain(words),
        }
    };
    let field = move |index: usize, label: &'static str, test_id: &'static str| {
        view! {
            <label>
                <span>{label}</span>
                <input
                    type="text"
                    class="number"
                    inputmode="numeric"
                    autocomplete="off"
                    data-testid=test_id
                    prop:value=move || whole[index].get()
                    on:input=move |event| whole[index].set(event_target_value(&event))
                />
            </label>
        }
    };
    view! {
        <form class="erase-form" aria-label=texts::erase::A_RECTANGLE on:submit=submit>
            <h4>{texts::erase::A_RECTANGLE}</h4>
            <button
                type="button"
                class="button secondary"
                data-testid="erase-mark"
                on:click=move |_| board.begin_marking()
            >
                {texts::SELECT}
            </button>
            <div class="erase-fields">
                {field(0, "x", "erase-x")}
                {field(1, "y", "erase-y")}
                {field(2, texts::WIDTH, "erase-width")}
                {field(3, texts::erase::HEIGHT, "erase-height")}
            </div>
            <div class="sheet-row">
                <select
                    class="small-select"
                    data-testid="erase-author"
                    aria-label=texts::erase::WHOSE
                    on:change=move |event| {
                        let index = event_target_value(&event).parse::<usize>().ok();
                        author.set(index.and_then(|index| people.get(index)).map(|(peer, _)| *peer));
                    }
                >
                    <option value="">{texts::erase::EVERYBODYS}</option>
                    {options}
                </select>
                <button type="submit" class="button secondary" data-testid="erase" node_ref=button>
                    {texts::erase::ERASE}
                </button>
            </div>
        </form>
    }
    .into_any()
}

/// What the owner can bring back.
#[component]
fn Erased(session: Session, asking: Asking) -> impl IntoView {
    let erased = Memo::new(move |_| {
        session.governing.law.with(|law| {
            let law = law.as_ref().filter(|law| law.is_own)?;
            let words = |erase| texts::rules::erased(&erase, |peer| session.people.called_by_peer(peer));
            let erased = law.retractions.iter().filter_map(|(hash, retraction)| {
                Some((*hash, texts::erase::erased(&words(Erase::of(retraction)?))))
            });
            Some(erased.collect::<Vec<_>>())
        })
    });
    let row = move |(hash, words): (ShortId, String)| {
        let label = texts::erase::bring_back(&words);
        view! {
            <li>
                <span class="called">{words}</span>
                <button
                    type="button"
                    class="button secondary"
                    data-testid="bring-back"
                    aria-label=label
                    on:click=move |_| asking.decide(Decision::Lift(hash))
                >
                    {texts::erase::BRING_BACK}
                </button>
            </li>
        }
    };
    view! {
        <ul class="order-list">
            {move || erased.get().unwrap_or_default().into_iter().map(row).collect_view()}
        </ul>
    }
}
