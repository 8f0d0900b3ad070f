//! What was changed in the room sheet and is not saved: it is not lost without a question.

use leptos::html;
use leptos::prelude::*;
use meshwork_core::room::rules::terms::Terms;
use meshwork_web::rules::Decision;
use meshwork_web::texts;

use super::super::rules_form::Draft;
use super::super::session::Session;

/// Has what was chosen hold in the room.
///
/// # Errors
/// In words, what cannot be.
pub(super) fn save(session: Session, draft: Draft) -> Result<(), String> {
    let rules = draft.rules(session.first_app(), session.terms_now())?;
    session.decide(Decision::Rules(rules))?;
    draft.note_saved();
    Ok(())
}

/// What is being chosen on the sheet, and whether the question is asked. Copies are the same one.
#[derive(Clone, Copy)]
pub(super) struct Unsaved {
    draft: Draft,
    is_asked: RwSignal<bool>,
}

impl Unsaved {
    /// Nothing is being chosen.
    pub(super) fn new() -> Unsaved {
        Unsaved { draft: Draft::new(Terms::default(), None), is_asked: RwSignal::new(false) }
    }

    /// What is chosen on the sheet that opens: what holds, unless the sheet gave way to something on the canvas.
    pub(super) fn begin(self, session: Session) -> Draft {
        if !self.draft.is_changed() {
            self.draft.begin(session.terms_now(), session.edit_key());
        }
        self.is_asked.set(false);
        self.draft
    }

    /// Whether the sheet may be closed; otherwise the question is asked.
    pub(super) fn may_close(self) -> bool {
        let is_changed = self.draft.is_changed();
        self.is_asked.set(is_changed);
        !is_changed
    }
}

/// The question, and its two answers.
#[component]
pub(super) fn UnsavedQuestion(session: Session, unsaved: Unsaved) -> impl IntoView {
    let problem = RwSignal::new(None::<String>);
    let close = move || session.governing.is_sheet_open.set(false);
    let first = NodeRef::<html::Button>::new();
    Effect::new(move || {
        if let Some(first) = first.get() {
            // It is in the page, and comes into view.
            let _ = first.focus();
        }
    });
    let save_now = move |_| match save(session, unsaved.draft) {
        Err(why) => problem.set(Some(why)),
        Ok(()) => close(),
    };
    let drop_it = move |_| {
        unsaved.draft.note_saved();
        close();
    };
    view! {
        <Show when=move || unsaved.is_asked.get()>
            <div class="notice warn" role="alert">
                <div class="notice-words">
                    <strong data-testid="unsaved">{texts::UNSAVED}</strong>
                    <p class="complaint">{move || problem.get()}</p>
                    <div class="sheet-row">
                        <button
                            type="button"
                            class="button primary"
                            data-testid="unsaved-save"
                            node_ref=first
                            on:click=save_now
                        >
                            "Save"
                        </button>
                        <button
                            type="button"
                            class="button secondary"
                            data-testid="unsaved-drop"
                            on:click=drop_it
                        >
                            "Close without saving"
                        </button>
                    </div>
                </div>
            </div>
        </Show>
    }
}
