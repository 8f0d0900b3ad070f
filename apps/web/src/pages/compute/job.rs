//! A job: its result so far, its progress, the people who did it, and the orders to it.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys;
use meshwork::compute::{JobId, JobView, Reduce, Shape, State, View};
use meshwork_compute::job::Kind;
use meshwork_core::id::PeerId;
use meshwork_web::compute::lending::Refusal;
use meshwork_web::compute::tiles::Layout;
use meshwork_web::compute::{credit, results};
use meshwork_web::people::beads;
use meshwork_web::texts;

use super::super::bead::PersonBead;
use super::super::icon_button::IconButton;
use super::super::{browser, icons};
use super::board::name_of;
use super::chart::Chart;
use super::checks::Checks;
use super::picture::Picture;
use super::state::Computing;

/// The card of a job, and those below it.
#[component]
pub(super) fn JobPanel(computing: Computing, id: JobId) -> impl IntoView {
    let view = Memo::new(move |_| computing.view(id));
    let Some(first) = view.get_untracked() else { return ().into_any() };
    let canvas = NodeRef::<html::Canvas>::new();
    let layout = Layout::of(first.job.program.view, first.units);
    let title = texts::compute::title(&name_of(Some(&first)), layout.map(|layout| layout.size()));
    let is_text = first.job.program.result != Shape::Bytes || first.job.program.view == View::Table;
    let shape = first.job.program.result;
    let result = match layout {
        Some(layout) => view! { <Picture computing id layout canvas view/> }.into_any(),
        None if is_text => view! { <Chart computing id shape/> }.into_any(),
        None => {
            view! { <p class="hint" data-testid="job-result">{texts::compute::RESULT_IS_FILE}</p> }.into_any()
        }
    };
    view! {
        <section class="compute-card job-card" aria-labelledby="job-title">
            <div class="job-head">
                <div class="job-words">
                    <h2 id="job-title">{title}</h2>
                    <p class="hint">{move || view.with(|view| view.as_ref().map(|view| made_by(computing, view)))}</p>
                </div>
                <Orders computing id view canvas/>
            </div>
            <Standing computing view/>
            <p class="complaint" role="alert">{move || computing.job_problem.get()}</p>
            <div class="job-body">
                <div class="job-result-box">{result}</div>
                <Figures view has_tiles=layout.is_some()/>
            </div>
            <Credit computing view/>
        </section>
        <Checks computing view/>
    }
    .into_any()
}

/// The submitter, the steward, and the next one.
fn made_by(computing: Computing, view: &JobView) -> String {
    let called = |peer: PeerId| computing.called(peer);
    let steward = view.steward.map(|steward| steward.peer);
    let here = computing.session.people.rows.with(|rows| {
        rows.iter().filter(|row| row.is_linked()).map(|row| row.endpoint.peer).collect::<Vec<_>>()
    });
    let me = computing.session.node.peer();
    let is_here = |peer: &&PeerId| **peer == me || here.contains(peer);
    let next = view.job.trusted.iter().filter(is_here).find(|peer| Some(**peer) != steward).copied();
    // Only the submitter's leaving is spoken of.
    let next = next.filter(|_| steward == Some(view.submitter) && !view.state.is_over());
    texts::compute::made_by(
        &called(view.submitter),
        steward.map(called).as_deref(),
        next.map(called).as_deref(),
    )
}

/// An order to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Pause,
    GoOn,
    Cancel,
    Erase,
}

/// Carries out an order, and says why it was refused.
async fn carry_out(computing: Computing, id: JobId, order: Order) {
    computing.job_problem.set(None);
    let (Some(job), opening) = (computing.job(id), computing.opening()) else { return };
    let done = match order {
        Order::Pause => job.pause().await,
        Order::GoOn => job.resume().await,
        Order::Cancel => job.cancel().await,
        Order::Erase => job.erase().await,
    };
    if let Err(error) = done
        && computing.is_opening(opening)
    {
        computing.job_problem.set(Some(texts::sentence(&error.to_string())));
    }
}

/// Pause, go on, cancel, save, remove.
#[component]
fn Orders(
    computing: Computing,
    id: JobId,
    view: Memo<Option<JobView>>,
    canvas: NodeRef<html::Canvas>,
) -> impl IntoView {
    let is_asking = RwSignal::new(false);
    let state = Memo::new(move |_| view.with(|view| view.as_ref().map(|view| view.state.clone())));
    let may = Memo::new(move |_| {
        view.with(|view| view.as_ref().is_some_and(|view| computing.may_order(view.submitter)))
    });
    let is_mine = Memo::new(move |_| {
        let me = computing.session.node.peer();
        view.with(|view| view.as_ref().is_some_and(|view| view.submitter == me))
    });
    let order = move |order: Order| spawn_local(carry_out(computing, id, order));
    let pause = move || {
        let is_paused = match state.get() {
            Some(State::Running) => false,
            Some(State::Paused) => true,
            _ => return None,
        };
        may.get().then(|| {
            let (sign, words) = match is_paused {
                true => (icons::play().into_any(), texts::compute::GO_ON),
                false => (icons::pause().into_any(), texts::compute::PAUSE_JOB),
            };
            view! {
                <button
                    type="button"
                    class="button secondary"
                    data-testid="job-pause"
                    on:click=move |_| order(if is_paused { Order::GoOn } else { Order::Pause })
                >
                    {sign}
                    {words}
                </button>
            }
        })
    };
    let is_going_on = move || state.with(|state| state.as_ref().is_some_and(|state| !state.is_over()));
    let cancel = move || {
        (may.get() && is_going_on()).then(|| {
            let press = move |_| match is_asking.get_untracked() {
                true => order(Order::Cancel),
                false => is_asking.set(true),
            };
            view! {
                <button type="button" class="button plain danger-text" data-testid="job-cancel" on:click=press>
                    {move || if is_asking.get() { texts::compute::SURE } else { texts::compute::CANCEL_JOB }}
                </button>
            }
        })
    };
    let remove = move || {
        (is_mine.get() && !is_going_on()).then(|| {
            view! {
                <button type="button" class="button plain danger-text" data-testid="job-remove" on:click=move |_| order(Order::Erase)>
                    {texts::compute::REMOVE_JOB}
                </button>
            }
        })
    };
    view! {
        <div class="job-orders">
            {pause}
            {cancel}
            {remove}
            <IconButton
                test_id="job-save"
                label=texts::compute::SAVE_RESULT
                sign=icons::download().into_any()
                act=move |()| save(computing, id, canvas)
            />
        </div>
    }
}

/// Saves the picture as it is, numbers and texts as JSON, and a file as it is once the job is done.
fn save(computing: Computing, id: JobId, canvas: NodeRef<html::Canvas>) {
    let Some(view) = untrack(move || computing.view(id)) else { return };
    let name = name_of(Some(&view));
    if let Some(canvas) = canvas.get_untracked() {
        if let Ok(address) = canvas.to_data_url_with_type("image/png") {
            browser::save_address(&format!("{name}.png"), &address);
        }
        return;
    }
    let program = &view.job.program;
    if program.result == Shape::Bytes && program.view != View::Table {
        return spawn_local(save_outcome(computing, id, name));
    }
    if let Some(gathered) = computing.gathered(id) {
        let text = results::json(program.result, &gathered.values.borrow());
        browser::save_text(&format!("{name}.json"), &text);
    }
}

async fn save_outcome(computing: Computing, id: JobId, name: String) {
    let Some(job) = computing.job(id) else { return };
    // A job that is not done, or whose outcome nobody has, has nothing to save.
    let is_done = job.view().is_some_and(|view| matches!(view.state, State::Done { .. }));
    if !is_done {
        return;
    }
    let Ok(outcome) = job.outcome().await else { return };
    let parts = js_sys::Array::of1(&js_sys::Uint8Array::from(outcome.as_slice()));
    if let Ok(blob) = web_sys::Blob::new_with_u8_array_sequence(&parts) {
        browser::save_blob(&format!("{name}.bin"), &blob);
    }
}

/// Why the job does not go on, or has ended without an outcome.
#[component]
fn Standing(computing: Computing, view: Memo<Option<JobView>>) -> impl IntoView {
    let words = Memo::new(move |_| {
        view.with(|view| {
            let view = view.as_ref()?;
            if let State::Failed { unit, reason } = &view.state {
                let (words, engine) = texts::compute::ended(*unit, reason);
                return Some((words, engine, true));
            }
            let why = view.standstill.as_ref()?;
            Some((texts::compute::standstill(why, |peer| computing.called(peer)), String::new(), false))
        })
    });
    let line = move || {
        words.get().map(|(words, engine, is_bad)| {
            let sign = if is_bad { icons::cross().into_any() } else { icons::warn().into_any() };
            view! {
                <p class="standstill" class:bad=is_bad data-testid="job-standstill">
                    {sign}
                    <span>
                        {words}
                        {(!engine.is_empty()).then(|| view! { <small>{engine}</small> })}
                    </span>
                </p>
            }
        })
    };
    view! {
        <div role="status">
            {line}
            <NotForThis computing view/>
        </div>
    }
}

/// Why nothing of the job runs on this device, though it lends.
#[component]
fn NotForThis(computing: Computing, view: Memo<Option<JobView>>) -> impl IntoView {
    let refusal = Memo::new(move |_| {
        let kinds = computing.kinds();
        let is_open = |view: &&JobView| computing.is_lending.get() && !view.state.is_over();
        view.with(|view| {
            let view = view.as_ref().filter(is_open)?;
            computing.terms().refusal(
                computing.session.node.peer(),
                kinds,
                view.job.program.kind,
                view.submitter,
            )
        })
    });
    let change = move |_| {
        computing.is_terms_open.set(true);
        // On a phone the terms are a tab.
        computing.tab.set(2);
    };
    move || {
        refusal.get().map(|refusal| {
            let can_change = !matches!(refusal, Refusal::Kind(Kind::Wasm | Kind::Offered));
            view! {
                <p class="standstill" data-testid="job-not-here">
                    {icons::info()}
                    <span>{texts::compute::not_for_this(refusal, |peer| computing.called(peer))}</span>
                    {can_change
                        .then(|| {
                            view! {
                                <button type="button" class="button plain" on:click=change>
                                    {texts::compute::CHANGE}
                                </button>
                            }
                        })}
                </p>
            }
        })
    }
}

/// Per cent, speed, time left, units in work.
#[component]
fn Figures(view: Memo<Option<JobView>>, has_tiles: bool) -> impl IntoView {
    let read = move |read: fn(&JobView) -> String| {
        move || view.with(|view| view.as_ref().map(read).unwrap_or_default())
    };
    let is_going_on =
        Memo::new(move |_| view.with(|view| view.as_ref().is_some_and(|view| view.state == State::Running)));
    let left =
        move || view.with(|view| view.as_ref()?.left).filter(|_| is_going_on.get()).map(texts::compute::left);
    let in_work = |view: &JobView| view.spans.iter().map(|(_, (_, units))| u32::from(*units)).sum::<u32>();
    let works = Memo::new(move |_| view.with(|view| view.as_ref().map(in_work).unwrap_or_default()));
    let figure = |value: AnyView, words: &'static str| view! { <div>{value}<span>{words}</span></div> };
    view! {
        <div class="job-figures">
            <div>
                <strong data-testid="job-progress">
                    {read(|view| texts::compute::percent(credit::percent(view.accepted, view.units)))}
                </strong>
                <span data-testid="job-units">{read(|view| texts::compute::done_of(view.accepted, view.units))}</span>
            </div>
            <Show when=move || is_going_on.get()>
                {figure(
                    view! { <strong data-testid="job-speed">{read(|view| texts::compute::speed(view.per_second))}</strong> }.into_any(),
                    texts::compute::UNITS_A_SECOND,
                )}
                {move || left().map(|left| figure(
                    view! { <strong data-testid="job-left">{left}</strong> }.into_any(),
                    texts::compute::LEFT,
                ))}
                {move || Some(works.get()).filter(|works| *works > 0).map(|works| figure(
                    view! { <strong>{texts::grouped(works as usize)}</strong> }.into_any(),
                    texts::compute::IN_WORK,
                ))}
            </Show>
            {has_tiles.then(|| view! {
                <p class="picture-legend hint" hidden=move || works.get() == 0>
                    <span class="tile-mark" aria-hidden="true"></span>
                    {texts::compute::TILES_IN_WORK}
                </p>
            })}
        </div>
    }
}

/// The units that each person's devices did, and the units that are left.
#[component]
fn Credit(computing: Computing, view: Memo<Option<JobView>>) -> impl IntoView {
    let me = computing.session.node.peer();
    let shares = Memo::new(move |_| {
        view.with(|view| view.as_ref().map(|view| credit::shares(&view.credit)).unwrap_or_default())
    });
    let to_do = Memo::new(move |_| {
        view.with(|view| {
            view.as_ref().map(|view| view.units.saturating_sub(view.accepted)).unwrap_or_default()
        })
    });
    // Away from the steward, credit is that of the last index that is here.
    let rest = move || {
        let units = view.with(|view| view.as_ref().map(|view| view.units).unwrap_or_default());
        let credited: u32 = shares.with(|shares| shares.iter().map(|(_, units)| units).sum());
        format!("flex-grow:{}", units.saturating_sub(credited))
    };
    let part = move |(peer, units): (PeerId, u32)| {
        let colour = match peer == me {
            true => "var(--you)".to_owned(),
            false => format!("var(--bead-{})", beads::colour(&peer)),
        };
        view! { <span style=format!("flex-grow:{units};background:{colour}")></span> }
    };
    let entry = move |(peer, units): (PeerId, u32)| {
        view! {
            <li>
                <PersonBead session=computing.session peer/>
                <span class="called">{move || texts::capital(&computing.called(peer))}</span>
                <strong>{texts::grouped(units as usize)}</strong>
            </li>
        }
    };
    view! {
        <div class="credit">
            <div class="credit-bar" aria-hidden="true">
                {move || shares.get().into_iter().map(part).collect_view()}
                <span class="rest" style=rest></span>
            </div>
            <div class="credit-line">
                <ul class="credit-list" data-testid="job-credit" aria-label=texts::compute::WHO_DID>
                    <For each=move || shares.get() key=|share| *share children=entry/>
                </ul>
                <span class="still" hidden=move || to_do.get() == 0>
                    {texts::compute::STILL_TO_DO}
                    <strong>{move || texts::grouped(to_do.get() as usize)}</strong>
                </span>
            </div>
        </div>
    }
}

/// How a form names reductions.
pub(super) const REDUCTIONS: [(Reduce, &str, &str); 4] = [
    (Reduce::List, "list", texts::compute::REDUCE_LIST),
    (Reduce::Sum, "sum", texts::compute::REDUCE_SUM),
    (Reduce::Min, "min", texts::compute::REDUCE_MIN),
    (Reduce::Max, "max", texts::compute::REDUCE_MAX),
];
