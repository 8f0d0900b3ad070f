//! What was changed in the room sheet and is not saved: it is counted, and not lost without a question.

use leptos::html;
use leptos::prelude::*;
use meshwork_core::room::rules::terms::Terms;
use meshwork_web::rules::Decision;
use meshwork_web::texts;

use super::super::rules_form::Draft;
use super::super::session::Session;

fn pick<T: PartialEq + Clone>(now: T, before: &T, chosen: &T) -> T {
    if chosen == before { now } else { chosen.clone() }
}

/// What is being chosen on the sheet, and whether the question is asked. Copies are the same one.
#[derive(Clone, Copy)]
pub(super) struct Unsaved {
    session: Session,
    /// Owns drafts, all of them as long as the page is there: what shows one may read it once more after the next one came.
    page: StoredValue<Owner>,
    draft: RwSignal<Option<Draft>>,
    is_asked: RwSignal<bool>,
    problem: RwSignal<Option<String>>,
}

impl Unsaved {
    /// Nothing is being chosen.
    pub(super) fn new(session: Session) -> Unsaved {
        let page = Owner::current().expect("a component has an owner");
        Unsaved {
            session,
            page: StoredValue::new(page),
            draft: RwSignal::new(None),
            is_asked: RwSignal::new(false),
            problem: RwSignal::new(None),
        }
    }

    /// The sheet opens: chosen is what holds, unless the sheet gave way to something on the canvas.
    pub(super) fn begin(self) {
        self.is_asked.set(false);
        if untrack(move || self.changes()) == 0 {
            self.discard();
        }
    }

    /// The rules may be others, by another device of the owner's: where nothing else was chosen, they are what is chosen.
    pub(super) fn follow(self) {
        let holds = self.session.governing.terms_now();
        let is_old = untrack(move || self.draft())
            .is_some_and(|draft| draft.before.with_value(|before| *before != holds));
        if is_old && untrack(move || self.changes()) == 0 {
            self.discard();
        }
    }

    /// What is being chosen; tracked.
    pub(super) fn draft(self) -> Option<Draft> {
        self.draft.get()
    }

    /// How many rules are chosen otherwise than they hold; tracked.
    fn changes(self) -> usize {
        self.draft().map_or(0, Draft::changes)
    }

    /// Chosen is what holds.
    fn discard(self) {
        let draft = || Draft::new(self.session.governing.terms_now(), self.session.address.edit_key());
        self.problem.set(None);
        self.draft.set(Some(self.page.with_value(|page| page.with(draft))));
    }

    /// Whether the sheet may be closed; otherwise the question is asked.
    pub(super) fn may_close(self) -> bool {
        let is_changed = untrack(move || self.changes()) > 0;
        self.is_asked.set(is_changed);
        !is_changed
    }

    /// Has what was chosen hold in the room, and leaves what else changed there meanwhile.
    pub(super) fn save(self) {
        let Some(draft) = untrack(move || self.draft()) else { return };
        let saved = untrack(move || draft.rules(self.session.apps.first())).and_then(|chosen| {
            let (now, before) = (self.session.governing.terms_now(), draft.before.get_value());
            let rules = Terms {
                name: pick(now.name, &before.name, &chosen.name),
                limit: pick(now.limit, &before.limit, &chosen.limit),
                writers: pick(now.writers, &before.writers, &chosen.writers),
                moderators: pick(now.moderators, &before.moderators, &chosen.moderators),
                overlay: pick(now.overlay, &before.overlay, &chosen.overlay),
            };
            self.session.governing.decide(Decision::Rules(rules))?;
            draft.before.set_value(chosen);
            draft.note_saved();
            Ok(())
        });
        let is_saved = saved.is_ok();
        self.problem.set(saved.err());
        if is_saved {
            self.close_if_asked();
        }
    }

    fn close_if_asked(self) {
        if self.is_asked.get_untracked() {
            self.is_asked.set(false);
            self.session.governing.is_sheet_open.set(false);
        }
    }
}

/// What is not saved, at the foot of the sheet, with the buttons that save it and take it back. Who closes the sheet meanwhile
/// is asked here.
#[component]
pub(super) fn SaveBar(unsaved: Unsaved) -> impl IntoView {
    let Unsaved { is_asked, problem, .. } = unsaved;
    let changes = Memo::new(move |_| unsaved.changes());
    let first = NodeRef::<html::Button>::new();
    Effect::new(move || {
        if let Some(first) = first.get().filter(|_| is_asked.get()) {
            // It is in the page, and comes into view.
            let _ = first.focus();
        }
    });
    let words = move || match is_asked.get() {
        true => texts::UNSAVED.to_owned(),
        false => texts::rules::unsaved(changes.get()),
    };
    let drop_it = move |_| {
        unsaved.discard();
        unsaved.close_if_asked();
    };
    view! {
        <p class="complaint" role="alert">{move || problem.get()}</p>
        <Show when=move || changes.get() != 0>
            <div class="save-bar">
                <p role="status">
                    <strong data-testid="unsaved">{words}</strong>
                    <span class="hint">{texts::room::FOR_EVERYONE}</span>
                </p>
                <button
                    type="button"
                    class="button plain"
                    data-testid="discard-rules"
                    on:click=drop_it
                >
                    {move || if is_asked.get() { texts::room::CLOSE_UNSAVED } else { texts::room::DISCARD }}
                </button>
                <button
                    type="button"
                    class="button primary"
                    data-testid="set-rules"
                    node_ref=first
                    on:click=move |_| unsaved.save()
                >
                    {texts::SAVE_RULES}
                </button>
            </div>
        </Show>
    }
}
