//! A room's code as six letter beads on a thread: shown, or typed.

use leptos::prelude::*;
use meshwork_core::id::Code;
use meshwork_web::code_input::{self, Entry};
use meshwork_web::texts;

/// The beads of a code that is shown.
#[component]
pub(crate) fn LetterBeads(
    /// The code.
    #[prop(into)]
    code: Signal<String>,
) -> impl IntoView {
    view! {
        <span class="letter-beads" role="img" aria-label=move || spelled(&code.get())>
            {(0..Code::LEN)
                .map(|index| {
                    let letter = move || code.get().chars().nth(index).map(String::from);
                    view! { <span class="letter-bead">{letter}</span> }
                })
                .collect_view()}
        </span>
    }
}

/// Letter by letter, so that it is not read as a word.
fn spelled(code: &str) -> String {
    let letters: Vec<String> = code.chars().map(String::from).collect();
    texts::home::code(&letters.join(" "))
}

/// The field in which a code is typed, or a link pasted.
#[component]
pub(crate) fn CodeInput(
    /// What stands in the field.
    entry: RwSignal<Entry>,
    /// The id of what describes the field.
    described_by: &'static str,
) -> impl IntoView {
    let is_focused = RwSignal::new(false);
    let refusals = RwSignal::new(0_u32);
    let text = move || match entry.get() {
        Entry::Code { text, .. } => text,
        Entry::Link(text) => text,
    };
    let on_input = move |event| {
        let read = code_input::read(&event_target_value(&event));
        if matches!(read, Entry::Code { refused: true, .. }) {
            refusals.update(|count| *count += 1);
        }
        entry.set(read);
    };
    let is_link = move || matches!(entry.get(), Entry::Link(_));
    // Two names for one animation: changing between them plays it again.
    let shake = move || match refusals.get() {
        0 => "",
        count if count % 2 == 0 => "shake-even",
        _ => "shake-odd",
    };
    let bead = move |index: usize| {
        let letter = move || text().chars().nth(index).map(String::from);
        let is_next = move || is_focused.get() && text().len().min(Code::LEN - 1) == index;
        view! { <span class="letter-bead" class:next=is_next>{letter}</span> }
    };
    view! {
        <span class=move || format!("code-input {}", shake()) class:as-link=is_link>
            <span class="letter-beads large" aria-hidden="true">
                {(0..Code::LEN).map(bead).collect_view()}
            </span>
            <input
                type="text"
                id="join-code"
                data-testid="join-code"
                autocomplete="off"
                autocapitalize="characters"
                spellcheck="false"
                inputmode="text"
                enterkeyhint="go"
                aria-describedby=described_by
                prop:value=text
                on:input=on_input
                on:focus=move |_| is_focused.set(true)
                on:blur=move |_| is_focused.set(false)
            />
        </span>
    }
}
