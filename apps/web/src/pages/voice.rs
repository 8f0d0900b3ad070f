//! What is said in passing: toasts for comings and goings, and sentences for those who listen.

use std::collections::BTreeMap;
use std::time::Duration;

use leptos::prelude::*;
use meshwork_core::id::PeerId;
use meshwork_web::texts;

use super::bead::Bead;

/// How long comings and goings are gathered before they are told together.
const GATHER: Duration = Duration::from_millis(700);
/// How long a toast stays.
const TOAST: Duration = Duration::from_secs(5);
/// Toasts at a time.
const TOASTS_MAX: usize = 2;
/// How often others' painting is summed up.
const PAINTING: Duration = Duration::from_secs(5);
/// After a pause so long what was painted is summed up.
const PAUSE: Duration = Duration::from_secs(1);
/// It is summed up after so long even without one.
const PAINTING_MAX: Duration = Duration::from_secs(15);
/// Painters named one by one in a sum; more are counted.
const PAINTERS_MAX: usize = 8;

/// A line that comes and goes.
#[derive(Clone, Debug, PartialEq)]
struct Toast {
    number: u32,
    peer: Option<PeerId>,
    letter: Option<char>,
    title: String,
    detail: String,
}

/// Who came or went.
#[derive(Clone, Debug)]
pub(crate) struct Passing {
    /// Who, for the bead.
    pub(crate) peer: PeerId,
    /// What they are called.
    pub(crate) called: String,
    /// The letter on their bead.
    pub(crate) letter: Option<char>,
    /// What there is to say beside it.
    pub(crate) detail: String,
}

/// Says things in passing.
#[derive(Clone, Copy)]
pub(crate) struct Voice {
    toasts: RwSignal<Vec<Toast>>,
    next: StoredValue<u32>,
    joined: StoredValue<Vec<Passing>>,
    left: StoredValue<Vec<Passing>>,
    painted: StoredValue<BTreeMap<String, usize>>,
    summed: RwSignal<String>,
    spoken: RwSignal<String>,
}

impl Voice {
    pub(crate) fn new() -> Voice {
        Voice {
            toasts: RwSignal::new(Vec::new()),
            next: StoredValue::new(0),
            joined: StoredValue::new(Vec::new()),
            left: StoredValue::new(Vec::new()),
            painted: StoredValue::new(BTreeMap::new()),
            summed: RwSignal::new(String::new()),
            spoken: RwSignal::new(String::new()),
        }
    }

    /// Someone came.
    pub(crate) fn joined(self, who: Passing) {
        self.gather(self.joined, who, texts::notices::JOINED);
    }

    /// Someone went.
    pub(crate) fn left(self, who: Passing) {
        self.gather(self.left, who, texts::notices::LEFT);
    }

    /// A link was closed because somebody did not want it: oneself, or the other.
    pub(crate) fn unlinked(self, who: Passing, by_me: bool) {
        let (title, detail) = if by_me {
            (texts::notices::you_unlinked(&who.called), texts::notices::LINK_AGAIN.to_owned())
        } else {
            (texts::notices::unlinked_you(&who.called), String::new())
        };
        self.show(Some(&who), title, detail);
    }

    /// Something that is seen and heard for a moment, and once while it is.
    pub(crate) fn told(self, sentence: String) {
        if self.toasts.with_untracked(|toasts| toasts.iter().all(|toast| toast.title != sentence)) {
            self.show(None, sentence, String::new());
        }
    }

    /// Someone painted cells.
    pub(crate) fn painted(self, called: String, cells: usize) {
        let is_first = self.painted.with_value(BTreeMap::is_empty);
        self.painted.update_value(|painted| {
            if painted.len() < PAINTERS_MAX || painted.contains_key(&called) {
                *painted.entry(called).or_default() += cells;
            } else {
                *painted.entry(texts::notices::OTHERS.to_owned()).or_default() += cells;
            }
        });
        if is_first {
            set_timeout(move || self.sum_up(0, PAINTING), PAINTING);
        }
    }

    /// Speaks at once, to those who listen: where the frame is, what was painted.
    pub(crate) fn speak(self, sentence: String) {
        self.spoken.set(sentence);
    }

    /// Says how much was painted, once no more comes for a while: a fill is one sum. So many cells were known `PAUSE` ago,
    /// and the first of them came `waited` ago.
    fn sum_up(self, known: usize, waited: Duration) {
        // The page may have gone meanwhile.
        let Some(cells) = self.painted.try_with_value(|painted| painted.values().sum::<usize>()) else {
            return;
        };
        if cells > known && waited < PAINTING_MAX {
            return set_timeout(move || self.sum_up(cells, waited + PAUSE), PAUSE);
        }
        let mut painted = BTreeMap::new();
        self.painted.update_value(|gathered| painted = std::mem::take(gathered));
        let sums = painted
            .iter()
            .map(|(called, cells)| texts::canvas::called_painted(called, &texts::count(*cells, texts::CELL)));
        self.summed.set(sums.collect::<Vec<_>>().join(". "));
    }

    fn gather(self, list: StoredValue<Vec<Passing>>, who: Passing, verb: &'static str) {
        let is_first = list.with_value(Vec::is_empty);
        list.update_value(|gathered| gathered.push(who));
        if is_first {
            set_timeout(
                move || {
                    let mut gathered = Vec::new();
                    list.update_value(|list| gathered = std::mem::take(list));
                    self.toast(gathered, verb);
                },
                GATHER,
            );
        }
    }

    fn toast(self, who: Vec<Passing>, verb: &str) {
        let Some(first) = who.first().cloned() else { return };
        let names: Vec<String> = who.iter().map(|passing| passing.called.clone()).collect();
        let title = format!("{} {verb}", texts::short_list(&names));
        let detail = if who.len() == 1 { first.detail.clone() } else { String::new() };
        self.show(Some(&first), title, detail);
    }

    fn show(self, who: Option<&Passing>, title: String, detail: String) {
        let number = self.next.get_value();
        self.next.set_value(number.wrapping_add(1));
        let (peer, letter) = (who.map(|who| who.peer), who.and_then(|who| who.letter));
        let toast = Toast { number, peer, letter, title, detail };
        self.toasts.update(|toasts| {
            toasts.push(toast);
            let surplus = toasts.len().saturating_sub(TOASTS_MAX);
            toasts.drain(..surplus);
        });
        set_timeout(
            move || self.toasts.update(|toasts| toasts.retain(|toast| toast.number != number)),
            TOAST,
        );
    }
}

/// Where all of it is seen and heard.
#[component]
pub(crate) fn VoiceOutlet(
    /// What speaks.
    voice: Voice,
) -> impl IntoView {
    let one = |toast: Toast| {
        view! {
            <div class="toast">
                {toast.peer.map(|peer| view! { <Bead peer letter=toast.letter/> })}
                <span class="toast-words">
                    <strong>{toast.title}</strong>
                    <span>{toast.detail}</span>
                </span>
            </div>
        }
    };
    view! {
        <div class="toasts" role="status">
            <For each=move || voice.toasts.get() key=|toast| toast.number children=one/>
        </div>
        <div class="sr-only" aria-live="polite">{move || voice.summed.get()}</div>
        <div class="sr-only" aria-live="assertive">{move || voice.spoken.get()}</div>
    }
}
