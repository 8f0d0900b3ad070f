//! The panel of notes: what people wrote, the newest at the bottom, and the field to write one.

use leptos::html;
use leptos::prelude::*;
use leptos::{ev, web_sys};
use meshwork_core::id::PeerId;
use meshwork_place::notes::NoteId;
use meshwork_rtc::web::StorageState;
use meshwork_web::notes::{self, HELD_MAX, Line, PAGE};
use meshwork_web::{beads, words};

use super::super::super::bead::Bead;
use super::super::super::session::Session;
use super::super::super::sheet::Sheet;
use super::super::super::{browser, icons};

/// The panel while it is open. Copies are the same one.
#[derive(Clone, Copy)]
struct Panel {
    session: Session,
    /// What was written and not sent; it outlives the panel.
    draft: RwSignal<String>,
    /// Why something was not done.
    problem: RwSignal<Option<String>>,
    /// What was done last and can be taken back.
    done: RwSignal<Option<Done>>,
    /// How many notes are shown.
    shown: RwSignal<usize>,
    scroller: NodeRef<html::Section>,
    field: NodeRef<html::Textarea>,
}

/// What can be taken back.
#[derive(Clone, Debug, PartialEq)]
enum Done {
    /// A note of one's own is removed; this was its text.
    Removed(String),
    /// A note is hidden.
    Hidden(NoteId),
}

/// The sheet; the session knows whether it is open.
#[component]
pub(super) fn NotesSheet(
    /// The page's node.
    session: Session,
) -> impl IntoView {
    let panel = Panel {
        session,
        draft: RwSignal::new(String::new()),
        problem: RwSignal::new(None),
        done: RwSignal::new(None),
        shown: RwSignal::new(PAGE),
        scroller: NodeRef::new(),
        field: NodeRef::new(),
    };
    view! {
        <style>{include_str!("notes.css")}</style>
        <Sheet open=session.noted.is_open id="notes-title" title="Notes">
            <Content panel/>
        </Sheet>
    }
}

#[component]
fn Content(panel: Panel) -> impl IntoView {
    let session = panel.session;
    panel.begin();
    let lines = Memo::new(move |_| {
        session.noted.list.with(|list| notes::lines(&list[list.len().saturating_sub(panel.shown.get())..]))
    });
    let is_empty = Memo::new(move |_| session.noted.list.with(Vec::is_empty));
    let spoken = move || {
        let newest = session.noted.newest.get()?;
        Some(format!("{}: {}", session.called_by_peer(newest.author), newest.text))
    };
    view! {
        <div class="notes" data-testid="notes">
            <section
                class="notes-scroll"
                tabindex="0"
                aria-label="What was written"
                node_ref=panel.scroller
            >
                <ul class="notes-list">
                    <Earlier panel/>
                    <For
                        each=move || lines.get()
                        key=|line| line.clone()
                        children=move |line| view! { <Row panel line/> }
                    />
                </ul>
                <p class="notes-empty" data-testid="notes-empty" hidden=move || !is_empty.get()>
                    "Nobody has written yet. What you write stays with the room."
                </p>
            </section>
            <TakeBack panel/>
            <Composer panel/>
            <p class="sr-only" aria-live="polite" data-testid="notes-spoken">{spoken}</p>
        </div>
    }
}

impl Panel {
    /// The panel opens: what is shown is read, and what comes from now on is read out.
    fn begin(self) {
        let session = self.session;
        self.shown.set(PAGE);
        self.problem.set(None);
        self.done.set(None);
        session.read_notes();
        session.noted.newest.set(None);
        if browser::has_mouse() {
            // The sheet is shown in this turn, and gives the focus to what comes first on it.
            request_animation_frame(move || self.focus_field());
        }
    }

    fn focus_field(self) {
        if let Some(field) = self.field.try_get_untracked().flatten() {
            // It is in the page.
            let _ = field.focus();
        }
    }

    fn write(self, text: &str) {
        let written = self.session.write_note(text);
        if written.is_ok() {
            self.draft.set(String::new());
            if let Some(scroller) = self.scroller.get_untracked() {
                // Its rows are laid out from the bottom.
                scroller.set_scroll_top(0);
            }
        }
        self.finish(written, None);
    }

    fn remove(self, line: &Line) {
        let removed = self.session.remove_note(line.id);
        self.finish(removed, Some(Done::Removed(line.text.clone())));
    }

    fn hide(self, line: &Line) {
        let hidden = self.session.set_note_hidden(line.id, true);
        self.finish(hidden, Some(Done::Hidden(line.id)));
    }

    fn take_back(self, done: Done) {
        match done {
            Done::Removed(text) => self.write(&text),
            Done::Hidden(id) => self.finish(self.session.set_note_hidden(id, false), None),
        }
        self.focus_field();
    }

    fn finish<T>(self, outcome: Result<T, String>, done: Option<Done>) {
        self.done.set(done.filter(|_| outcome.is_ok()));
        self.problem.set(outcome.err());
        self.session.read_notes();
    }
}

/// What leads to notes before those that are shown.
#[component]
fn Earlier(panel: Panel) -> impl IntoView {
    let held = move || panel.session.noted.list.with(Vec::len);
    let button = move || {
        (panel.shown.get() < held()).then(|| {
            view! {
                <li class="notes-aside">
                    <button
                        type="button"
                        class="button secondary"
                        data-testid="notes-earlier"
                        on:click=move |_| panel.shown.update(|shown| *shown += PAGE)
                    >
                        "Earlier notes"
                    </button>
                </li>
            }
        })
    };
    let is_end = move || held() == HELD_MAX && panel.shown.get() >= HELD_MAX;
    let end = move || {
        let words = format!("Only the newest {} are shown here.", words::count(HELD_MAX, "note"));
        is_end().then(|| view! { <li class="notes-aside">{words}</li> })
    };
    view! {
        {button}
        {end}
    }
}

#[component]
fn Row(panel: Panel, line: Line) -> impl IntoView {
    let session = panel.session;
    let is_own = line.author == session.peer();
    let missing = (line.missing > 0).then(
        || view! { <li class="notes-aside" data-testid="notes-missing">{notes::missing(line.missing)}</li> },
    );
    let when = browser::time_in_words(line.at_ms, false);
    view! {
        {missing}
        <li class="note-row" class:own=is_own class:follows=line.follows data-testid="note">
            {(!is_own).then(|| view! { <Author session peer=line.author/> })}
            <span class="note-when" title=when.clone()>{when.clone()}</span>
            <p class="note-text" data-testid="note-text">{line.text.clone()}</p>
            <Act panel line=line.clone() when/>
            {is_own.then(|| view! { <Reached session id=line.id/> })}
        </li>
    }
}

#[component]
fn Author(session: Session, peer: PeerId) -> impl IntoView {
    let called = Memo::new(move |_| {
        // People come, go and change their names.
        session.people.track();
        session.called_by_peer(peer)
    });
    let letter = Signal::derive(move || called.with(|called| beads::letter(called)));
    view! {
        <Bead peer letter/>
        <strong class="note-author" style=format!("color:var(--bead-{})", beads::colour(&peer))>
            {move || called.get()}
        </strong>
    }
}

/// Removes a note of one's own, or hides another's where one may.
#[component]
fn Act(panel: Panel, line: Line, when: String) -> impl IntoView {
    let session = panel.session;
    let is_own = line.author == session.peer();
    let may =
        move || is_own || session.governing.law.with(|law| law.as_ref().is_some_and(|law| law.moderates));
    let (verb, test_id) = if is_own { ("Remove", "note-remove") } else { ("Hide", "note-hide") };
    let button = move || {
        let line = line.clone();
        let act = move |_| if is_own { panel.remove(&line) } else { panel.hide(&line) };
        let icon = if is_own { icons::cross().into_any() } else { icons::eye_shut().into_any() };
        let title = if is_own { "Remove" } else { "Hide from everybody" };
        view! {
            <button
                type="button"
                class="icon-button note-act"
                data-testid=test_id
                aria-label=format!("{verb} the note of {when}")
                title=title
                on:click=act
            >
                {icon}
            </button>
        }
    };
    move || may().then(&button)
}

/// Who has the last note of one's own.
#[component]
fn Reached(session: Session, id: NoteId) -> impl IntoView {
    let reached = Memo::new(move |_| {
        let (last, reached, of) = session.noted.reached.get()?;
        let is_kept = matches!(session.storage.get(), StorageState::Kept | StorageState::KeptByAnotherTab);
        (last == id).then(|| notes::reached(reached, of, is_kept))
    });
    move || {
        reached
            .get()
            .map(|words| view! { <span class="note-reached" data-testid="note-reached">{words}</span> })
    }
}

/// What was done last, and the button that takes it back.
#[component]
fn TakeBack(panel: Panel) -> impl IntoView {
    let offer = move || {
        let done = panel.done.get()?;
        let (words, verb) = match done {
            Done::Removed(_) => ("Your note is removed.", "Write it again"),
            Done::Hidden(_) => ("The note is hidden from everybody.", "Show it again"),
        };
        let button = NodeRef::<html::Button>::new();
        // What had the focus is gone.
        button.on_load(|button| drop(button.focus()));
        Some(view! {
            <p>{words}</p>
            <button
                type="button"
                class="button secondary"
                data-testid="note-take-back"
                node_ref=button
                on:click=move |_| panel.take_back(done.clone())
            >
                {verb}
            </button>
        })
    };
    view! { <div class="notes-done" role="status">{offer}</div> }
}

/// The field, or why there is none.
#[component]
fn Composer(panel: Panel) -> impl IntoView {
    let session = panel.session;
    let why_not = Memo::new(move |_| {
        session.governing.law.track();
        session.why_no_notes()
    });
    view! {
        <p class="complaint" role="alert" data-testid="notes-problem">{move || panel.problem.get()}</p>
        <Show
            when=move || why_not.with(Option::is_none)
            fallback=move || view! { <p class="notes-shut" data-testid="notes-shut">{move || why_not.get()}</p> }
        >
            <Field panel/>
        </Show>
    }
}

#[component]
fn Field(panel: Panel) -> impl IntoView {
    let draft = panel.draft;
    let left = Memo::new(move |_| draft.with(|text| notes::left(text)));
    let can_send = move || left.with(Result::is_ok) && draft.with(|text| !text.trim().is_empty());
    let send = move || {
        if untrack(can_send) {
            panel.write(draft.get_untracked().trim());
        }
    };
    let on_key = move |event: ev::KeyboardEvent| {
        // What ends with Enter while a word is composed is that word.
        if event.key() == "Enter" && !event.shift_key() && !event.is_composing() {
            event.prevent_default();
            send();
        }
    };
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        send();
        panel.focus_field();
    };
    view! {
        <form class="notes-form" on:submit=submit>
            <textarea
                class="notes-field"
                data-testid="note-field"
                aria-label="Write a note"
                aria-describedby="notes-left"
                placeholder="Write to the room"
                rows="1"
                node_ref=panel.field
                prop:value=move || draft.get()
                on:input=move |event| draft.set(event_target_value(&event))
                on:keydown=on_key
            ></textarea>
            <button
                type="submit"
                class="button primary notes-send"
                data-testid="note-send"
                aria-label="Write it"
                title="Write it (Enter; Shift Enter begins a line)"
                disabled=move || !can_send()
            >
                {icons::send()}
            </button>
        </form>
        <p
            class="notes-left"
            class:complaint=move || left.with(Result::is_err)
            id="notes-left"
            data-testid="notes-left"
        >
            {move || left.get().unwrap_or_else(Some)}
        </p>
    }
}
