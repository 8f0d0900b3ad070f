//! Deciding about somebody or something: the question in its place, and the buttons that ban and lift a ban.

use leptos::html;
use leptos::prelude::*;
use meshwork_core::id::PeerId;
use meshwork_web::rules::{Decision, RoomLaw};
use meshwork_web::texts;

use super::super::session::Session;

/// What is being decided on a sheet or in a row. Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Asking {
    session: Session,
    asked: RwSignal<Option<Decision>>,
    problem: RwSignal<Option<String>>,
}

impl Asking {
    /// Nothing is asked yet.
    pub(crate) fn new(session: Session) -> Asking {
        Asking { session, asked: RwSignal::new(None), problem: RwSignal::new(None) }
    }

    /// Asks first, where the decision takes something away.
    pub(crate) fn ask(self, decision: Decision) {
        self.problem.set(None);
        self.asked.set(Some(decision));
    }

    /// Decides.
    pub(crate) fn decide(self, decision: Decision) {
        self.asked.set(None);
        self.problem.set(self.session.governing.decide(decision).err());
    }

    /// Says what is wrong with what was typed.
    pub(crate) fn complain(self, words: String) {
        self.problem.set(Some(words));
    }

    /// What went wrong last.
    pub(crate) fn problem(self) -> Option<String> {
        self.problem.get()
    }

    /// The question, where one of these is asked: below what asked it.
    pub(crate) fn question(self, is_here: impl Fn(&Decision) -> bool + Send + 'static) -> impl IntoView {
        let asked = move || self.asked.get().filter(|decision| is_here(decision));
        view! {
            <div class="asked" role="alert">
                {move || asked().map(|decision| view! { <Question asking=self decision/> })}
            </div>
        }
    }
}

/// The question, and its two answers.
#[component]
fn Question(asking: Asking, decision: Decision) -> impl IntoView {
    let session = asking.session;
    let is_own = session.governing.law.with_untracked(|law| law.as_ref().is_some_and(|law| law.is_own));
    let words = texts::rules::question(
        &decision,
        |peer| session.people.called_by_peer(peer),
        is_own,
        session.apps.in_front(),
    );
    let no = NodeRef::<html::Button>::new();
    Effect::new(move || {
        if let Some(no) = no.get() {
            // It is in the page.
            let _ = no.focus();
        }
    });
    let decision = StoredValue::new(decision);
    words.map(move |(question, follows, button)| {
        view! {
            <div class="notice warn">
                <div class="notice-words">
                    <strong data-testid="question">{question}</strong>
                    <p>{follows}</p>
                    <div class="sheet-row">
                        <button
                            type="button"
                            class="button danger"
                            data-testid="confirm"
                            on:click=move |_| asking.decide(decision.get_value())
                        >
                            {button}
                        </button>
                        <button
                            type="button"
                            class="button secondary"
                            data-testid="cancel"
                            node_ref=no
                            on:click=move |_| asking.asked.set(None)
                        >
                            {texts::CANCEL}
                        </button>
                    </div>
                </div>
            </div>
        }
    })
}

/// What one may do about a person here; nothing where that is oneself or the owner, or one does not moderate.
#[component]
pub(crate) fn BanButtons(
    /// What is being decided.
    asking: Asking,
    /// About whom.
    peer: PeerId,
    /// What they are called.
    called: String,
    /// Whether their cells can go with them.
    #[prop(optional)]
    can_erase: bool,
) -> impl IntoView {
    let session = asking.session;
    let standing = Memo::new(move |_| session.governing.law.with(|law| standing(law.as_ref(), peer)));
    let called = StoredValue::new(called);
    let button = move |word: &'static str, test_id: &'static str, act: Callback<()>| {
        view! {
            <button
                type="button"
                class="button secondary"
                data-testid=test_id
                aria-label=format!("{word}: {}", called.get_value())
                on:click=move |_| act.run(())
            >
                {word}
            </button>
        }
    };
    let ask = move |erases| Callback::new(move |()| asking.ask(Decision::Ban(peer, erases)));
    let lift = Callback::new(move |()| asking.decide(Decision::Unban(peer)));
    move || match standing.get() {
        Standing::Untouchable => ().into_any(),
        Standing::Free => view! {
            {button(texts::ban::BAN, "ban", ask(false))}
            {can_erase.then(|| button(texts::ban::BAN_AND_ERASE, "ban-and-erase", ask(true)))}
        }
        .into_any(),
        Standing::Banned => view! { <span class="banned">{texts::ban::BANNED}</span> }.into_any(),
        Standing::BannedByUs => button(texts::ban::LIFT_BAN, "lift-ban", lift).into_any(),
    }
}

/// What one may do about somebody.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Standing {
    /// Nothing.
    Untouchable,
    /// They can be banned.
    Free,
    /// They are banned, and only the owner lifts that.
    Banned,
    /// They are banned, and one is the owner.
    BannedByUs,
}

fn standing(law: Option<&RoomLaw>, peer: PeerId) -> Standing {
    match law {
        Some(law) if law.moderates && law.owner != Some(peer) => {
            match (law.banned.contains(&peer), law.is_own) {
                (false, _) => Standing::Free,
                (true, false) => Standing::Banned,
                (true, true) => Standing::BannedByUs,
            }
        }
        _ => Standing::Untouchable,
    }
}
