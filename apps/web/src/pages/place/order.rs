//! Keeping order: bans and erases, each asked about before it is done.

use leptos::html;
use leptos::prelude::*;
use meshwork_core::id::PeerId;
use meshwork_place::canvas::{Erase, Region};
use meshwork_web::rules::{self, Decision};

use super::super::session::Session;
use super::board::Board;

/// What the owner and moderators do.
#[component]
pub(crate) fn Order(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let session = board.session;
    let asked = RwSignal::new(None::<Decision>);
    let problem = RwSignal::new(None::<String>);
    let ask = Callback::new(move |decision| {
        problem.set(None);
        asked.set(Some(decision));
    });
    view! {
        <section class="sheet-part order" aria-labelledby="order-title">
            <h3 id="order-title">"Keep order"</h3>
            <div class="asked" role="alert">
                {move || asked.get().map(|decision| view! { <Question session decision asked problem/> })}
                <p class="complaint">{move || problem.get()}</p>
            </div>
            <Bans session ask/>
            <EraseForm board ask problem/>
            <Undo session ask/>
        </section>
    }
}

/// The question, and its two answers.
#[component]
fn Question(
    session: Session,
    decision: Decision,
    asked: RwSignal<Option<Decision>>,
    problem: RwSignal<Option<String>>,
) -> impl IntoView {
    let (question, follows, button) = decision.question(|peer| session.called_by_peer(peer));
    let no = NodeRef::<html::Button>::new();
    Effect::new(move || {
        if let Some(no) = no.get() {
            // It is in the page.
            let _ = no.focus();
        }
    });
    let yes = move |_| {
        problem.set(session.decide(decision.clone()).err());
        asked.set(None);
    };
    view! {
        <div class="notice warn">
            <div class="notice-words">
                <strong data-testid="question">{question}</strong>
                <p>{follows}</p>
                <div class="sheet-row">
                    <button type="button" class="button danger" data-testid="confirm" on:click=yes>{button}</button>
                    <button
                        type="button"
                        class="button secondary"
                        data-testid="cancel"
                        node_ref=no
                        on:click=move |_| asked.set(None)
                    >
                        "Cancel"
                    </button>
                </div>
            </div>
        </div>
    }
}

/// The people here, each with what can be done.
#[component]
fn Bans(session: Session, ask: Callback<Decision>) -> impl IntoView {
    let others = Memo::new(move |_| {
        let (owner, banned) = session
            .governing
            .law
            .with(|law| law.as_ref().map(|law| (law.owner, law.banned.clone())))
            .unwrap_or_default();
        let mut others = session.others();
        others.retain(|(peer, _)| Some(*peer) != owner && !banned.contains(peer));
        others
    });
    let row = move |(peer, called): (PeerId, String)| {
        let ban = format!("Ban {called}");
        let both = format!("Ban and erase the cells of {called}");
        view! {
            <li>
                <span class="called">{called}</span>
                <span class="short-key">{peer.short()}</span>
                <button
                    type="button"
                    class="button secondary"
                    data-testid="ban"
                    aria-label=ban
                    on:click=move |_| ask.run(Decision::Ban(peer, false))
                >
                    "Ban"
                </button>
                <button
                    type="button"
                    class="button secondary"
                    data-testid="ban-and-erase"
                    aria-label=both
                    on:click=move |_| ask.run(Decision::Ban(peer, true))
                >
                    "Ban and erase"
                </button>
            </li>
        }
    };
    view! {
        <ul class="order-list">
            <For each=move || others.get() key=Clone::clone children=row/>
        </ul>
        <p class="hint" hidden=move || !others.with(Vec::is_empty)>"Nobody is here who could be banned."</p>
    }
}

/// A rectangle, and whose cells in it.
#[component]
fn EraseForm(board: Board, ask: Callback<Decision>, problem: RwSignal<Option<String>>) -> impl IntoView {
    let session = board.session;
    let Some(size) = session.size.get_untracked() else { return ().into_any() };
    let all = Region { x: 0, y: 0, width: size.width, height: size.height };
    let marked = board.marked.get_untracked();
    let Region { x, y, width, height } = marked.unwrap_or(all);
    let whole = [x, y, width, height].map(|number| RwSignal::new(number.to_string()));
    let button = NodeRef::<html::Button>::new();
    Effect::new(move || {
        if let Some(button) = button.get().filter(|_| marked.is_some()) {
            // What was marked is decided about next, wherever on the sheet that is.
            let _ = button.focus();
        }
    });
    let author = RwSignal::new(None::<PeerId>);
    let people = session.others_now();
    let options = people.clone().into_iter().enumerate().map(|(index, (_, called))| {
        view! { <option value=index.to_string()>{format!("{called}\u{2019}s cells")}</option> }
    });
    let options = options.collect_view();
    let submit = move |event: leptos::web_sys::SubmitEvent| {
        event.prevent_default();
        let typed = whole.map(|field| field.get_untracked());
        match rules::region([&typed[0], &typed[1], &typed[2], &typed[3]], size) {
            Ok(region) => {
                let region = Some(region).filter(|region| *region != all);
                ask.run(Decision::Erase(Erase { author: author.get_untracked(), region }));
            }
            Err(words) => problem.set(Some(words)),
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
        <form class="erase-form" aria-label="Erase a rectangle" on:submit=submit>
            <h4>"Erase a rectangle"</h4>
            <button
                type="button"
                class="button secondary"
                data-testid="erase-mark"
                on:click=move |_| board.begin_marking()
            >
                "Mark it on the canvas"
            </button>
            <div class="erase-fields">
                {field(0, "x", "erase-x")}
                {field(1, "y", "erase-y")}
                {field(2, "Width", "erase-width")}
                {field(3, "Height", "erase-height")}
            </div>
            <div class="sheet-row">
                <select
                    class="small-select"
                    data-testid="erase-author"
                    aria-label="Whose cells"
                    on:change=move |event| {
                        let index = event_target_value(&event).parse::<usize>().ok();
                        author.set(index.and_then(|index| people.get(index)).map(|(peer, _)| *peer));
                    }
                >
                    <option value="">"Everybody\u{2019}s cells"</option>
                    {options}
                </select>
                <button type="submit" class="button secondary" data-testid="erase" node_ref=button>"Erase"</button>
            </div>
        </form>
    }
    .into_any()
}

/// What the owner can take back.
#[component]
fn Undo(session: Session, ask: Callback<Decision>) -> impl IntoView {
    let done = Memo::new(move |_| {
        session.governing.law.with(|law| {
            let law = law.as_ref().filter(|law| law.is_own)?;
            let banned = law.banned.iter().map(|peer| {
                (Decision::Unban(*peer), format!("{} is banned", session.called_by_peer(*peer)), "Lift ban")
            });
            let erased = law.erases.iter().map(|(hash, erase)| {
                let what = rules::erased(erase, |peer| session.called_by_peer(peer));
                (Decision::Lift(*hash), format!("Erased: {what}"), "Bring back")
            });
            Some(banned.chain(erased).collect::<Vec<_>>())
        })
    });
    let row = move |(decision, words, button): (Decision, String, &'static str)| {
        let label = format!("{button}: {words}");
        let test_id = if matches!(decision, Decision::Unban(_)) { "lift-ban" } else { "bring-back" };
        view! {
            <li>
                <span class="called">{words}</span>
                <button
                    type="button"
                    class="button secondary"
                    data-testid=test_id
                    aria-label=label
                    on:click=move |_| ask.run(decision.clone())
                >
                    {button}
                </button>
            </li>
        }
    };
    view! {
        <ul class="order-list">
            {move || done.get().unwrap_or_default().into_iter().map(row).collect_view()}
        </ul>
    }
}
