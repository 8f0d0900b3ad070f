//! Who holds what one wrote last.

use std::collections::BTreeSet;
use std::time::Duration;

use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;
use meshwork_core::id::PeerId;
use meshwork_web::sync;

use super::super::session::set_if_new;
use super::super::{browser, icons};
use super::counter::PersonBead;
use super::state::Sync;

/// People whose beads stand beside what they hold.
const HOLDERS_SHOWN: usize = 5;
/// What holds for less than this, in milliseconds, is not shown: at each letter one types, nobody has it for a moment.
const BRIEF: f64 = 300.0;
/// What is shown is as old as this at most, in milliseconds.
const OLDEST: f64 = 1000.0;

/// Who holds it, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    words: String,
    is_safe: bool,
    people: BTreeSet<PeerId>,
}

/// In words, with the beads of whoever does. It is busy while something else holds than what it shows.
#[component]
pub(super) fn Held(sync: Sync) -> impl IntoView {
    let is_away = sync.session.is_disconnected;
    let held = Memo::new(move |_| {
        let is_away = is_away.get();
        sync.holders.with(|holders| {
            let holders = holders.as_ref()?;
            let (words, is_safe) = sync::held(holders, is_away);
            let members = holders.members.iter().filter(|_| !is_away);
            Some(Shown { words, is_safe, people: members.map(|member| member.peer).collect() })
        })
    });
    let shown = settled(held);
    let is_safe = Memo::new(move |_| shown.with(|shown| shown.as_ref().is_none_or(|shown| shown.is_safe)));
    let sign = move || if is_safe.get() { icons::check().into_any() } else { icons::warn().into_any() };
    let people = Memo::new(move |_| {
        shown.with(|shown| shown.as_ref().map_or_else(BTreeSet::new, |shown| shown.people.clone()))
    });
    let count = move || Some(people.with(BTreeSet::len)).filter(|count| *count > 0);
    let beads = move || {
        let beads = people.get().into_iter().take(HOLDERS_SHOWN);
        beads.map(|peer| view! { <PersonBead sync peer/> }).collect_view()
    };
    let is_busy = Memo::new(move |_| held.with(|held| shown.with(|shown| held != shown)));
    view! {
        <p class="held" class:done=is_safe hidden=move || shown.with(Option::is_none)>
            {sign}
            <span data-testid="held-by" aria-busy=move || is_busy.get().to_string()>
                {move || shown.with(|shown| shown.as_ref().map(|shown| shown.words.clone()))}
            </span>
            <span class="held-count" aria-hidden="true">{count}</span>
            <span class="held-beads" aria-hidden="true">{beads}</span>
        </p>
    }
}

/// What holds once it has done so for a moment, or at once where nothing is shown yet.
fn settled(held: Memo<Option<Shown>>) -> RwSignal<Option<Shown>> {
    let shown = RwSignal::new(held.get_untracked());
    let timer = StoredValue::new(None::<TimeoutHandle>);
    let stop = move || {
        if let Some(timer) = timer.try_update_value(Option::take).flatten() {
            timer.clear();
        }
    };
    // Since when something else holds than what is shown.
    let since = StoredValue::new(None::<f64>);
    let settle = move || {
        since.set_value(None);
        set_if_new(shown, held.get_untracked());
    };
    Effect::new(move || {
        stop();
        let is_shown = held
            .with(|held| shown.with_untracked(|shown| held == shown || held.is_none() || shown.is_none()));
        if is_shown {
            return settle();
        }
        let now = browser::milliseconds();
        let begun = since.get_value().unwrap_or(now);
        since.set_value(Some(begun));
        let wait = BRIEF.min(begun + OLDEST - now).max(0.0);
        timer.set_value(set_timeout_with_handle(settle, Duration::from_millis(wait as u64)).ok());
    });
    on_cleanup(stop);
    shown
}
