//! The panel of notes: what people wrote, the newest at the bottom, and the field to write one.

use leptos::html;
use leptos::prelude::*;
use leptos::{ev, web_sys};
use meshwork_chat::PostId as NoteId;
use meshwork_core::id::PeerId;
use meshwork_rtc::web::StorageState;
use meshwork_web::notes::{self, Line, SHOWN_MAX};
use meshwork_web::{beads, texts};

use super::super::super::bead::Bead;
use super::super::super::session::Session;
use super::super::super::sheet::Sheet;
use super::super::super::{browser, icons};

/// The panel. Copies are the same one.
#[derive(Clone, Copy)]
struct Panel {
    session: Session,
    /// What was written and not sent; it outlives the panel's closing.
    draft: RwSignal<String>,
    /// Why something was not done.
    problem: RwSignal<Option<String>>,
    /// What was done last and can be taken back.
    done: RwSignal<Option<Done>>,
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
pub(crate) fn NotesSheet(
    /// The page's node.
    session: Session,
) -> impl IntoView {
    let panel = Panel {
        session,
        draft: RwSignal::new(String::new()),
        problem: RwSignal::new(None),
        done: RwSignal::new(None),
        field: NodeRef::new(),
    };
    view! {
        <style>{include_str!("notes.css")}</style>
        <Sheet open=session.notes.is_open id="notes-title" title=texts::notes::NOTES>
            <Content panel/>
        </Sheet>
    }
}

#[component]
fn Content(panel: Panel) -> impl IntoView {
    let session = panel.session;
    panel.begin();
    let held = Memo::new(move |_| {
        session.notes.changes.track();
        notes::lines(&session.notes.list())
    });
    let shown = move || held.with(|lines| lines[lines.len().saturating_sub(SHOWN_MAX)..].to_vec());
    let about = move || match held.with(Vec::len) {
        0 => texts::notes::NONE.to_owned(),
        count if count > SHOWN_MAX => texts::notes::newest(&texts::count(SHOWN_MAX, texts::NOTE)),
        _ => String::new(),
    };
    let row = move |line| view! { <Row panel line/> };
    view! {
        <div class="notes">
            <section class="notes-scroll" tabindex="0" aria-label=texts::notes::WRITTEN>
                <ul class="notes-list">
                    <For each=shown key=|line| line.clone() children=row/>
                </ul>
                <p class="notes-aside" data-testid="notes-about">{about}</p>
            </section>
            <TakeBack panel/>
            <Composer panel/>
            <p class="sr-only" aria-live="polite" data-testid="notes-spoken">
                {move || session.notes.spoken.get()}
            </p>
        </div>
    }
}

impl Panel {
    /// The panel opens: what is shown is read, and what comes from now on is read out.
    fn begin(self) {
        self.problem.set(None);
        self.done.set(None);
        self.session.notes.refresh();
        self.session.notes.spoken.set(String::new());
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
        let written = self.session.notes.write(text);
        self.finish(written.map(|()| self.draft.set(String::new())), None);
    }

    fn take_back(self, done: Done) {
        match done {
            Done::Removed(text) => self.finish(self.session.notes.write(&text), None),
            Done::Hidden(id) => self.finish(self.session.notes.set_hidden(id, false).map(drop), None),
        }
        self.focus_field();
    }

    fn finish(self, outcome: Result<(), String>, done: Option<Done>) {
        self.done.set(done.filter(|_| outcome.is_ok()));
        self.problem.set(outcome.err());
        self.session.notes.refresh();
    }
}

#[component]
fn Row(panel: Panel, line: Line) -> impl IntoView {
    let session = panel.session;
    let is_own = line.author == session.node.peer();
    let when = browser::time_in_words(line.at_ms, false);
    let missing = (line.missing > 0).then(|| texts::notes::missing(line.missing));
    let follows = line.follows;
    view! {
        <li class="note-row" class:own=is_own class:follows=follows data-testid="note">
            {missing.map(|words| view! { <p class="notes-aside" data-testid="notes-missing">{words}</p> })}
            {is_own.then(|| view! { <span class="sr-only">{texts::YOU}</span> })}
            {(!is_own).then(|| view! { <Author session peer=line.author/> })}
            <span class="note-when">{when.clone()}</span>
            <p class="note-text" data-testid="note-text">{line.text.clone()}</p>
            <Act panel line when/>
        </li>
    }
}

#[component]
fn Author(session: Session, peer: PeerId) -> impl IntoView {
    let called = Memo::new(move |_| {
        // People come, go and change their names.
        session.people.rows.track();
        session.people.called_by_peer(peer)
    });
    let letter = Signal::derive(move || {
        called.track();
        session.people.letter_of(peer)
    });
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
    let is_own = line.author == session.node.peer();
    let may_not =
        move || !is_own && !session.governing.law.with(|law| law.as_ref().is_some_and(|law| law.moderates));
    let (test_id, title, icon) = match is_own {
        true => ("note-remove", texts::notes::REMOVE, icons::cross().into_any()),
        false => ("note-hide", texts::notes::HIDE, icons::eye_shut().into_any()),
    };
    let act = move |_| {
        let (done, outcome) = match is_own {
            true => (Done::Removed(line.text.clone()), session.notes.remove(line.id)),
            false => (Done::Hidden(line.id), session.notes.set_hidden(line.id, true)),
        };
        panel.finish(outcome.map(drop), Some(done));
    };
    view! {
        <button
            type="button"
            class="icon-button note-act"
            data-testid=test_id
            aria-label=texts::notes::note_of(title, &when)
            title=title
            hidden=may_not
            on:click=act
        >
            {icon}
        </button>
    }
}

/// What was done last, and the button that takes it back.
#[component]
fn TakeBack(panel: Panel) -> impl IntoView {
    let offer = move || {
        let done = panel.done.get()?;
        let (words, verb) = match done {
            Done::Removed(_) => (texts::notes::REMOVED, texts::notes::WRITE_AGAIN),
            Done::Hidden(_) => (texts::notes::HIDDEN, texts::notes::SHOW_AGAIN),
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

/// The field with what is said about it, or why there is none.
#[component]
fn Composer(panel: Panel) -> impl IntoView {
    let (session, draft) = (panel.session, panel.draft);
    let why_not = Memo::new(move |_| {
        session.governing.law.track();
        session.notes.why_none()
    });
    let left = Memo::new(move |_| draft.with(|text| notes::left(text)));
    let complaint = move || why_not.get().or(panel.problem.get()).or(left.get().err());
    let aside = move || {
        let reached = session.notes.reach.reached.get().map(|(reached, of)| {
            let is_kept = session.storage.get() == StorageState::Kept;
            texts::notes::reached(reached, of, is_kept)
        });
        left.get().ok().flatten().or(reached)
    };
    let can_send = move || left.with(Result::is_ok) && draft.with(|text| !text.trim().is_empty());
    let send = move || {
        if untrack(can_send) {
            panel.write(draft.get_untracked().trim());
        }
    };
    let on_key = move |event: ev::KeyboardEvent| {
        // What ends with Enter while a word is composed is that word.
        if browser::key(&event) == "Enter" && !event.shift_key() && !event.is_composing() {
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
        <form class="notes-form" hidden=move || why_not.with(Option::is_some) on:submit=submit>
            <textarea
                class="notes-field"
                data-testid="note-field"
                aria-label=texts::notes::WRITE
                aria-describedby="notes-complaint"
                placeholder=texts::notes::WRITE_TO_ROOM
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
                aria-label=texts::notes::WRITE_IT
                title=texts::notes::WRITE_IT_KEYS
                disabled=move || !can_send()
            >
                {icons::send()}
            </button>
        </form>
        <p class="complaint" role="alert" id="notes-complaint" data-testid="notes-complaint">{complaint}</p>
        <p class="notes-left" data-testid="notes-left">{aside}</p>
    }
}
