//! The field to write a post, the names to mention, and why nothing can be written.

use leptos::prelude::*;
use leptos::{ev, web_sys};
use meshwork_core::id::PeerId;
use meshwork_web::talk;
use meshwork_web::texts;

use super::super::super::bead::Bead;
use super::super::super::icon_button::IconButton;
use super::super::super::{browser, icons};
use super::files::Pending;
use super::{Panel, files};

/// Names that are offered at a time.
const NAMES_SHOWN: usize = 6;
/// The code of each key that an input method takes.
const COMPOSING: u32 = 229;

/// The field with its surroundings, or why there is none.
#[component]
pub(super) fn Composer(panel: Panel) -> impl IntoView {
    let (session, draft) = (panel.session, panel.draft);
    let why_not = Memo::new(move |_| {
        session.governing.law.track();
        session.talk.why_none()
    });
    let left = Memo::new(move |_| draft.with(|text| talk::left(text)));
    let refused = move || session.talk.begun(|begun| begun.problem.clone());
    let complaint = move || why_not.get().or(panel.problem.get()).or_else(refused).or(left.get().err());
    let has_files = move || session.talk.begun(|begun| !begun.files.is_empty());
    let has_content = move || draft.with(|text| talk::is_seen(text)) || has_files();
    let is_coming = Memo::new(move |_| {
        panel.edited.with(Option::is_none) && session.talk.begun(|begun| begun.ready().is_none())
    });
    let can_send = Memo::new(move |_| left.with(Result::is_ok) && has_content());
    let names = Names::new(panel);
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        send(panel, can_send);
        panel.focus_field();
    };
    view! {
        <form class="talk-form" hidden=move || why_not.with(Option::is_some) on:submit=submit>
            <About panel/>
            <NameList names/>
            <Pending panel/>
            <div class="talk-field-row">
                <AddFiles panel/>
                <Field panel names can_send/>
                <button
                    type="submit"
                    class="button primary talk-send"
                    data-testid="chat-send"
                    aria-label=texts::talk::SEND
                    title=move || if is_coming.get() { texts::talk::FILES_COMING } else { texts::talk::SEND_KEYS }
                    disabled=move || !can_send.get() || is_coming.get()
                >
                    {icons::send()}
                </button>
            </div>
        </form>
        <p class="complaint" role="alert" id="talk-complaint" data-testid="chat-complaint">{complaint}</p>
        <p class="talk-left" data-testid="chat-left">{move || left.get().ok().flatten()}</p>
    }
}

/// The button that adds files, where posts have any.
#[component]
fn AddFiles(panel: Panel) -> impl IntoView {
    view! {
        <button
            type="button"
            class="icon-button"
            data-testid="file-input"
            aria-label=texts::talk::ADD_FILES
            title=texts::talk::ADD_FILES
            hidden=move || panel.session.talk.whom.get().is_some() || panel.edited.with(Option::is_some)
            on:click=move |_| browser::choose_files(move |chosen| files::add(panel, chosen))
        >
            {icons::clip()}
        </button>
    }
}

/// The field itself.
#[component]
fn Field(panel: Panel, names: Names, can_send: Memo<bool>) -> impl IntoView {
    let (session, draft) = (panel.session, panel.draft);
    let placeholder = move || match session.talk.whom.get() {
        Some(peer) => texts::talk::write_to(&session.people.called_by_peer(peer)),
        None => texts::talk::WRITE_TO_ROOM.to_owned(),
    };
    let on_input = move |event: web_sys::Event| {
        panel.set_draft(event_target_value(&event));
        panel.problem.set(None);
        if untrack(|| session.talk.begun(|begun| begun.problem.is_some())) {
            session.talk.begin_with(|begun| begun.problem = None);
        }
        session.talk.say_writing(draft.with_untracked(|text| !text.is_empty()));
        names.look();
    };
    let on_key = move |event: ev::KeyboardEvent| {
        // Enter ends a word that is being composed; Safari says so by the code alone.
        let is_composing = event.is_composing() || event.key_code() == COMPOSING;
        if !is_composing && takes_key(panel, names, can_send, &event) {
            event.prevent_default();
            event.stop_propagation();
        }
    };
    let take = move |event: &web_sys::Event, found: Vec<web_sys::File>| {
        if !found.is_empty() {
            event.prevent_default();
            files::add(panel, found);
        }
    };
    let on_paste = move |event: ev::ClipboardEvent| {
        take(&event, browser::listed(event.clipboard_data().and_then(|data| data.files())));
    };
    let on_drop = move |event: ev::DragEvent| {
        take(&event, browser::listed(event.data_transfer().and_then(|data| data.files())));
    };
    view! {
        <textarea
            class="talk-field"
            data-testid="chat-input"
            aria-label=texts::talk::WRITE
            aria-describedby="talk-complaint"
            placeholder=placeholder
            rows="1"
            dir="auto"
            node_ref=panel.field
            prop:value=move || draft.get()
            on:input=on_input
            on:keydown=on_key
            on:paste=on_paste
            on:drop=on_drop
            on:blur=move |_| session.talk.say_writing(false)
        ></textarea>
    }
}

fn send(panel: Panel, can_send: Memo<bool>) {
    if can_send.get_untracked() {
        panel.send();
    }
}

/// Does what a key means in the field. Returns whether it means something.
fn takes_key(panel: Panel, names: Names, can_send: Memo<bool>, event: &ev::KeyboardEvent) -> bool {
    let key = browser::key(event);
    match key.as_str() {
        "Enter" | "Tab" if !event.shift_key() && names.take_chosen() => true,
        "ArrowDown" | "ArrowUp" if names.step(key == "ArrowDown") => true,
        "Escape" if names.close() || panel.close_menu() => true,
        "Escape" => step_back(panel),
        "ArrowUp" if panel.draft.with_untracked(String::is_empty) => {
            panel.edit_newest();
            true
        }
        "Enter" if !event.shift_key() => {
            send(panel, can_send);
            true
        }
        _ => false,
    }
}

/// Stops editing or answering. Returns whether one did.
fn step_back(panel: Panel) -> bool {
    if panel.edited.with_untracked(Option::is_some) {
        panel.stop_editing();
        return true;
    }
    let talk = panel.session.talk;
    let answers = untrack(|| talk.begun(|begun| begun.answered.is_some()));
    if answers {
        talk.begin_with(|begun| begun.answered = None);
    }
    answers
}

/// The post that is edited or answered, above the field.
#[component]
fn About(panel: Panel) -> impl IntoView {
    let stop = move |label: &'static str| {
        let act = move |()| {
            step_back(panel);
            panel.focus_field();
        };
        view! { <IconButton test_id="stop-about" label sign=icons::cross().into_any() act/> }
    };
    move || {
        if panel.edited.with(Option::is_some) {
            return Some(
                view! {
                    <div class="talk-about" data-testid="editing">
                        {icons::pencil()}
                        <span>{texts::talk::EDITING}</span>
                        {stop(texts::talk::CANCEL_EDIT)}
                    </div>
                }
                .into_any(),
            );
        }
        let answered = panel.session.talk.begun(|begun| begun.answered.clone())?;
        let called = panel.session.people.listed(answered.author);
        Some(
            view! {
                <div class="talk-about" data-testid="replying">
                    {icons::reply()}
                    <span>
                        <strong>{texts::talk::replying(&called)}</strong>
                        <span class="talk-excerpt">{answered.excerpt}</span>
                    </span>
                    {stop(texts::talk::CANCEL_REPLY)}
                </div>
            }
            .into_any(),
        )
    }
}

/// The names that fit the one being typed behind an `@`. Copies are the same ones.
#[derive(Clone, Copy)]
struct Names {
    panel: Panel,
    found: RwSignal<Vec<(PeerId, String)>>,
    chosen: RwSignal<usize>,
    /// Byte at which the `@` stands.
    at: StoredValue<usize>,
}

impl Names {
    fn new(panel: Panel) -> Names {
        Names { panel, found: RwSignal::new(Vec::new()), chosen: RwSignal::new(0), at: StoredValue::new(0) }
    }

    /// Byte of the text at which the caret stands; browsers count in units of UTF-16.
    fn caret(self) -> usize {
        let field = self.panel.field.get_untracked();
        let units = field.and_then(|field| field.selection_start().ok()?).unwrap_or_default() as usize;
        self.panel.draft.with_untracked(|text| {
            let mut passed = 0;
            let place = text.char_indices().find(|(_, letter)| {
                let is_there = passed >= units;
                passed += letter.len_utf16();
                is_there
            });
            place.map_or(text.len(), |(place, _)| place)
        })
    }

    /// Looks which names are meant.
    fn look(self) {
        let caret = self.caret();
        let found = self.panel.draft.with_untracked(|text| {
            let (at, typed) = talk::mention_at(text, caret)?;
            self.at.set_value(at);
            let typed = typed.to_lowercase();
            let session = self.panel.session;
            let authors = session.talk.lines.with_untracked(|lines| {
                let mut authors: Vec<PeerId> = lines.keys().map(|(_, author)| *author).collect();
                authors.sort_unstable();
                authors.dedup();
                authors
            });
            let mut people = untrack(|| session.people.others_and(authors));
            people.retain(|(_, called)| {
                called.to_lowercase().split(' ').any(|word| word.starts_with(&typed))
                    || called.to_lowercase().starts_with(&typed)
            });
            people.truncate(NAMES_SHOWN);
            Some(people)
        });
        self.chosen.set(0);
        self.found.set(found.unwrap_or_default());
    }

    fn close(self) -> bool {
        let was_open = self.found.with_untracked(|found| !found.is_empty());
        self.found.set(Vec::new());
        was_open
    }

    fn step(self, is_down: bool) -> bool {
        let count = self.found.with_untracked(Vec::len);
        if count > 0 {
            self.chosen.update(|chosen| *chosen = (*chosen + if is_down { 1 } else { count - 1 }) % count);
        }
        count > 0
    }

    fn take_chosen(self) -> bool {
        let chosen = self.found.with_untracked(|found| found.get(self.chosen.get_untracked()).cloned());
        chosen.map(|(peer, called)| self.take(peer, &called)).is_some()
    }

    /// Writes a name in place of what was typed of it.
    fn take(self, peer: PeerId, called: &str) {
        let (at, caret) = (self.at.get_value(), self.caret());
        let text = self.panel.draft.get_untracked();
        let (Some(before), Some(behind)) = (text.get(..at), text.get(caret..)) else { return };
        let called = called.trim_matches(['\u{2068}', '\u{2069}']);
        let head = format!("{before}@{called} ");
        let units = head.encode_utf16().count() as u32;
        let text = head + behind;
        // At once: a key pressed before the caret stood there would write at another place.
        if let Some(field) = self.panel.field.get_untracked() {
            field.set_value(&text);
            self.panel.focus_field();
            // It is a field of text.
            let _ = field.set_selection_range(units, units);
        }
        self.panel.set_draft(text);
        self.panel.mentioned.update_value(|people| people.push((called.to_owned(), peer)));
        self.close();
    }
}

#[component]
fn NameList(names: Names) -> impl IntoView {
    let people = names.panel.session.people;
    let name = move |(place, (peer, called)): (usize, (PeerId, String))| {
        let letter = people.letter_of(peer);
        let taken = called.clone();
        view! {
            <button
                type="button"
                class="talk-name"
                class:chosen=move || names.chosen.get() == place
                data-testid="mention"
                tabindex="-1"
                on:mousedown=|event| event.prevent_default()
                on:click=move |_| names.take(peer, &taken)
            >
                <Bead peer letter=Signal::stored(letter)/>
                {called}
            </button>
        }
    };
    let list = move || names.found.get().into_iter().enumerate().map(name).collect_view();
    let spoken = move || {
        let chosen = names.chosen.get();
        names.found.with(|found| found.get(chosen).map(|(_, called)| called.clone()))
    };
    view! {
        <div
            class="talk-names"
            role="group"
            aria-label=texts::talk::MENTION
            hidden=move || names.found.with(Vec::is_empty)
        >
            {list}
        </div>
        <span class="sr-only" aria-live="polite">{spoken}</span>
    }
}
