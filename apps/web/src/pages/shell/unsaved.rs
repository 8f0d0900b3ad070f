//! What was changed in the room sheet and is not saved: it is not lost without a question.

use leptos::html;
use leptos::prelude::*;
use meshwork_core::room::rules::terms::Terms;
use meshwork_web::rules::Decision;
use meshwork_web::texts;

use super::super::rules_form::Draft;
use super::super::session::Session;

/// Has what was chosen hold in the room, and leaves what else changed there meanwhile.
///
/// # Errors
/// In words, what cannot be.
pub(super) fn save(session: Session, draft: Draft) -> Result<(), String> {
    let chosen = draft.rules(session.first_app())?;
    let (now, before) = (session.terms_now(), draft.before.get_value());
    let rules = Terms {
        name: pick(now.name, &before.name, &chosen.name),
        limit: pick(now.limit, &before.limit, &chosen.limit),
        writers: pick(now.writers, &before.writers, &chosen.writers),
        moderators: pick(now.moderators, &before.moderators, &chosen.moderators),
        overlay: pick(now.overlay, &before.overlay, &chosen.overlay),
    };
    session.decide(Decision::Rules(rules))?;
    draft.before.set_value(chosen);
    draft.note_saved();
    Ok(())
}

fn pick<T: PartialEq + Clone>(now: T, before: &T, chosen: &T) -> T {
    if chosen == before { now } else { chosen.clone() }
}

/// What is being chosen on the sheet, and whether the question is asked. Copies are the same one.
#[derive(Clone, Copy)]
pub(super) struct Unsaved {
    /// Owns drafts, which outlive what shows them.
    page: StoredValue<Owner>,
    draft: StoredValue<Option<(Owner, Draft)>>,
    is_asked: RwSignal<bool>,
}

impl Unsaved {
    /// Nothing is being chosen.
    pub(super) fn new() -> Unsaved {
        let page = Owner::current().expect("a component has an owner");
        Unsaved {
            page: StoredValue::new(page),
            draft: StoredValue::new(None),
            is_asked: RwSignal::new(false),
        }
    }

    /// What is chosen on the sheet that opens: what holds, unless the sheet gave way to something on the canvas.
    pub(super) fn begin(self, session: Session) -> Draft {
        self.is_asked.set(false);
        if let Some(draft) = self.changed() {
            return draft;
        }
        let owner = self.page.with_value(Owner::child);
        let draft = owner.with(|| Draft::new(session.terms_now(), session.edit_key()));
        self.draft.set_value(Some((owner, draft)));
        draft
    }

    /// What is chosen and does not hold.
    fn changed(self) -> Option<Draft> {
        self.draft
            .with_value(|draft| draft.as_ref().map(|(_, draft)| *draft))
            .filter(|draft| draft.is_changed())
    }

    /// Whether the sheet may be closed; otherwise the question is asked.
    pub(super) fn may_close(self) -> bool {
        let is_changed = self.changed().is_some();
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
    let save_now = move |_| match unsaved.changed().map(|draft| save(session, draft)) {
        Some(Err(why)) => problem.set(Some(why)),
        _ => close(),
    };
    let drop_it = move |_| {
        // The draft itself goes when the sheet opens again: what shows it is still there.
        unsaved.changed().into_iter().for_each(Draft::note_saved);
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
                            {texts::SAVE}
                        </button>
                        <button
                            type="button"
                            class="button secondary"
                            data-testid="unsaved-drop"
                            on:click=drop_it
                        >
                            {texts::room::CLOSE_UNSAVED}
                        </button>
                    </div>
                </div>
            </div>
        </Show>
    }
}
