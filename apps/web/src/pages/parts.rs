//! Parts of the program that a first look does not need: loaded once the page is shown, or when they are wanted.

use std::future::Future;
use std::iter::successors;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::SplitLoaderError;

use super::browser;

/// How long after a part could not be loaded that is tried once more: a network that has just changed cuts all that was under
/// way, and a part has several files.
const AGAIN: Duration = Duration::from_secs(1);
/// How long that becomes at most, while the part still cannot be loaded.
const AGAIN_MOST: Duration = Duration::from_secs(60);

/// How long is waited before each further try: ever longer, without end.
pub(crate) fn pauses() -> impl Iterator<Item = Duration> {
    successors(Some(AGAIN), |pause| Some(AGAIN_MOST.min(2 * *pause)))
}

/// What a door to a part gives.
pub(crate) type Loaded<T> = Result<T, SplitLoaderError>;

/// How far a part is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stage {
    /// Nobody wanted it yet.
    Away,
    /// It is being loaded.
    Loading,
    /// It is there.
    Here,
    /// It could not be loaded.
    Failed,
}

/// A part of the program. Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    stage: RwSignal<Stage>,
}

impl Part {
    /// A part that is not there yet.
    pub(crate) fn new() -> Part {
        Part { stage: RwSignal::new(Stage::Away) }
    }

    /// How far it is.
    pub(crate) fn stage(self) -> Stage {
        self.stage.get()
    }

    /// Loads it, unless it is there or on its way. What fails twice has failed; it is tried again ever more seldom, and at once
    /// where somebody wishes for it.
    pub(crate) fn load<F: Future<Output = Loaded<()>> + 'static>(self, load: impl Fn() -> F + 'static) {
        // Who wanted it may have gone meanwhile, with what it was shown on.
        if matches!(self.stage.try_get_untracked(), None | Some(Stage::Loading | Stage::Here)) {
            return;
        }
        self.stage.set(Stage::Loading);
        let first = load();
        spawn_local(async move {
            let mut loaded = first.await;
            for (tried_again, pause) in pauses().enumerate() {
                if loaded.is_ok() {
                    break;
                }
                if tried_again == 1 {
                    self.stage.try_set(Stage::Failed);
                }
                browser::pause(pause).await;
                // Whoever wished for it meanwhile tries by themselves.
                if tried_again > 0 && self.stage.try_get_untracked() != Some(Stage::Failed) {
                    return;
                }
                loaded = load().await;
            }
            self.stage.try_set(Stage::Here);
        });
    }

    /// Loads it when one of these is opened. Whoever opened it is answered when trying has failed, not while it is tried
    /// once more: what was opened is closed, and `is_missed` says so.
    pub(crate) fn load_when_opened<F: Future<Output = Loaded<()>> + 'static>(
        self,
        openings: impl IntoIterator<Item = RwSignal<bool>>,
        load: fn() -> F,
        is_missed: RwSignal<bool>,
    ) {
        let openings: Vec<_> = openings.into_iter().collect();
        let closing = openings.clone();
        let is_wanted = Memo::new(move |_| openings.iter().any(|opening| opening.get()));
        Effect::new(move || {
            if is_wanted.get() {
                self.load(load);
            }
        });
        Effect::new(move || match self.stage() {
            Stage::Failed if is_wanted.get_untracked() => {
                closing.iter().for_each(|opening| opening.set(false));
                is_missed.set(true);
            }
            Stage::Here => is_missed.set(false),
            _ => {}
        });
    }

    /// Whether it is there, now.
    pub(crate) fn is_here(self) -> bool {
        self.stage.get_untracked() == Stage::Here
    }

    /// Goes through a door, where the part is there.
    pub(crate) fn enter(self, door: impl Future<Output = Loaded<Option<AnyView>>>) {
        if self.is_here() {
            // It stands open, so nothing is missing.
            let _ = at_once(door);
        }
    }

    /// What a door makes, as soon as the part is there; it is made where this stands among the views.
    pub(crate) fn made<F>(self, door: impl Fn() -> F + Send + 'static) -> impl Fn() -> Option<AnyView> + Send
    where
        F: Future<Output = Loaded<Option<AnyView>>>,
    {
        let is_here = Memo::new(move |_| self.stage.get() == Stage::Here);
        move || is_here.get().then(|| at_once(door())?.ok()?).flatten()
    }
}

/// What a door gives that stands open: it waits for nothing but its part.
fn at_once<T>(door: impl Future<Output = T>) -> Option<T> {
    match pin!(door).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(made) => Some(made),
        Poll::Pending => None,
    }
}
