//! The jobs that run on this device, and their submitters.

use std::collections::BTreeMap;

use leptos::prelude::*;
use meshwork::compute::JobId;
use meshwork_web::texts;

use super::super::bead::{OwnBead, PersonBead};
use super::board::name_of;
use super::state::{Computing, Wait};

/// The list. It says why nothing runs.
#[component]
pub(super) fn RunningHere(computing: Computing) -> impl IntoView {
    let runs = Memo::new(move |_| {
        let mut by_job: BTreeMap<JobId, usize> = BTreeMap::new();
        computing.runs.with(|runs| runs.iter().for_each(|run| *by_job.entry(run.job).or_default() += 1));
        by_job.into_iter().collect::<Vec<_>>()
    });
    let line = move |(id, units): (JobId, usize)| {
        let view = computing.view(id)?;
        let peer = view.submitter;
        Some(view! {
            <li>
                <span class="run-words">
                    <strong>{name_of(Some(&view))}</strong>
                    <span>{texts::compute::runs_for(&computing.called(peer), units)}</span>
                </span>
                <span class="run-strand" aria-hidden="true">
                    <OwnBead called=Signal::stored(String::new())/>
                    <PersonBead session=computing.session peer/>
                </span>
            </li>
        })
    };
    let nothing = move || {
        if !runs.with(Vec::is_empty) {
            return None;
        }
        let words = match computing.waits().filter(|_| computing.is_lending.get()) {
            Some(Wait::Battery) => texts::compute::ON_BATTERY,
            Some(Wait::Hidden) => texts::compute::HIDDEN,
            None => texts::compute::RUNS_NOTHING,
        };
        Some(view! { <p class="hint">{words}</p> })
    };
    view! {
        <ul class="run-list" data-testid="runs-here">
            {move || runs.get().into_iter().filter_map(line).collect_view()}
        </ul>
        {nothing}
    }
}
