//! How much is said between the page and the others, and what happened, out of the way.

use leptos::prelude::*;
use leptos::web_sys;
use meshwork_web::sync::statistics::{Kind, Line, Traffic, average_rtt};
use meshwork_web::texts;

use super::super::session::Session;
use super::super::{browser, icons};
use super::state::Sync;

/// Figures and log, behind a fold.
#[component]
pub(super) fn Statistics(sync: Sync) -> impl IntoView {
    let session = sync.session;
    let traffic =
        move |which: usize| Signal::derive(move || texts::amount(sync.traffic.with(Traffic::sums)[which]));
    let figure = |of: &'static str, number: Signal<String>| {
        view! {
            <div>
                <dt>{of}</dt>
                <dd>{move || number.get()}</dd>
            </div>
        }
    };
    let count = move |read: fn(super::state::Counts) -> u64| {
        Signal::derive(move || texts::signed(read(sync.counts.get()).try_into().unwrap_or(i64::MAX)))
    };
    let is_open = RwSignal::new(false);
    let note_open = move |event| is_open.set(event_target::<web_sys::Element>(&event).has_attribute("open"));
    view! {
        <details class="sync-card sync-statistics" data-testid="statistics" on:toggle=note_open>
            <summary>{texts::statistics::STATISTICS}</summary>
            <dl class="sync-figures" data-testid="stats">
                {figure(texts::statistics::OWN_CHANGES, count(|counts| counts.made))}
                {figure(texts::statistics::OTHER_CHANGES, count(|counts| counts.heard))}
                {figure(texts::statistics::COMPARED, count(|counts| counts.compared))}
                {figure(texts::statistics::RECEIVED, traffic(0))}
                {figure(texts::statistics::SENT, traffic(1))}
                {figure(texts::statistics::AVERAGE, Signal::derive(move || average(session)))}
            </dl>
            <LogPart sync is_open/>
        </details>
    }
}

/// What happened, with the choice of what of it is shown.
#[component]
fn LogPart(sync: Sync, is_open: RwSignal<bool>) -> impl IntoView {
    // What is shown of the log; all, where nothing is chosen.
    let shown = RwSignal::new(None::<Kind>);
    let line = |line: Line| {
        view! {
            <li>
                <time>{line.time}</time>
                <span class="log-who">{line.who}</span>
                <span class="log-kind">{line.kind.word()}</span>
                <span class="log-words">{line.words}</span>
                <span class="log-size">{(line.size > 0).then(|| texts::amount(line.size))}</span>
            </li>
        }
    };
    // Nobody waits for lines that are folded away while they type and draw.
    let lines = move || {
        if !is_open.get() {
            return Vec::new();
        }
        let is_shown = |line: &&Line| shown.get().is_none_or(|kind| kind == line.kind);
        sync.log.with(|log| log.lines().filter(is_shown).cloned().collect::<Vec<_>>())
    };
    let choose = move |event| {
        let place = event_target_value(&event).parse().ok();
        shown.set(place.and_then(|place: usize| Kind::ALL.get(place)).copied());
    };
    let save = move |_| {
        // A browser that saves no files says so itself.
        let _ = browser::save_text("sync-log.txt", &sync.log.with_untracked(|log| log.text()));
    };
    view! {
        <div class="sync-card-head">
            <h3>{texts::statistics::LOG}</h3>
            <select
                class="small-select"
                data-testid="log-filter"
                aria-label=texts::statistics::FILTER
                on:change=choose
            >
                <option value="">{texts::statistics::ALL}</option>
                {Kind::ALL
                    .into_iter()
                    .enumerate()
                    .map(|(place, kind)| view! { <option value=place.to_string()>{kind.word()}</option> })
                    .collect_view()}
            </select>
            <button type="button" class="button secondary" data-testid="save-log" on:click=save>
                {icons::download()}
                {texts::statistics::SAVE_LOG}
            </button>
        </div>
        <ol class="log" data-testid="log" tabindex="0" aria-label=texts::statistics::HAPPENED>
            <For each=lines key=|line| line.number children=line/>
        </ol>
        <p class="hint" hidden=move || sync.log.with(|log| log.lines().next().is_some())>
            {texts::statistics::NONE}
        </p>
    }
}

/// The average round trip, among the facts in the panel.
#[component]
pub(super) fn AverageFact(session: Session) -> impl IntoView {
    view! {
        <p class="fact">
            {icons::info()}
            <span>
                {texts::statistics::AVERAGE_IS}
                <strong data-testid="rtt-average">{move || average(session)}</strong>
            </span>
        </p>
    }
}

fn average(session: Session) -> String {
    let average = session.people.rows.with(|rows| average_rtt(rows)).map(texts::round_trip);
    average.map_or_else(|| texts::NOT_MEASURED.to_owned(), |(number, unit)| format!("{number}\u{2009}{unit}"))
}
