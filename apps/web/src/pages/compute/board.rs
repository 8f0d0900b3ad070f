//! The parts of Compute and where they stand: columns on a wide page, three tabs on a phone.

use leptos::ev;
use leptos::prelude::*;
use meshwork::compute::{JobId, JobView, State};
use meshwork_web::compute::credit;
use meshwork_web::texts;

use super::super::session::set_if_new;
use super::super::sheet::Sheet;
use super::super::tab_list::{TabList, TabName};
use super::super::{browser, icons};
use super::devices::DevicesCard;
use super::job::JobPanel;
use super::lend::{LendFoot, LendPanel};
use super::new_job::NewJob;
use super::own::OwnCode;
use super::state::{Computing, Shown};
use super::terms::TermsForm;

/// A page of this width is a phone's.
const PHONE: &str = "(width < 640px)";

/// The tabs of a phone.
const TABS: [TabName; 3] =
    [("jobs", texts::compute::JOBS), ("devices", texts::compute::DEVICES), ("lend", texts::compute::LEND)];

/// All of it.
#[component]
pub(super) fn Board(computing: Computing) -> impl IntoView {
    computing.begin();
    let is_phone = RwSignal::new(browser::matches(PHONE));
    let resized = window_event_listener(ev::resize, move |_| set_if_new(is_phone, browser::matches(PHONE)));
    on_cleanup(move || resized.remove());
    // The devices take the place of the people.
    let is_panel_taken = computing.session.apps.is_panel_taken;
    is_panel_taken.set(true);
    on_cleanup(move || is_panel_taken.set(false));
    move || match is_phone.get() {
        true => view! { <Phone computing/> }.into_any(),
        false => view! { <Wide computing/> }.into_any(),
    }
}

/// Two columns below the jobs.
#[component]
fn Wide(computing: Computing) -> impl IntoView {
    let is_own = Memo::new(move |_| computing.shown.get() == Shown::Own);
    view! {
        <div class="compute">
            <JobTabs computing/>
            <Show when=move || is_own.get()>
                <OwnCode computing/>
            </Show>
            <Show when=move || !is_own.get()>
                <div class="compute-columns">
                    <section class="compute-card devices-card" aria-labelledby="devices-title">
                        <DevicesCard computing/>
                        <LendFoot computing/>
                    </section>
                    <div class="compute-main">
                        <Main computing/>
                    </div>
                </div>
            </Show>
            <Sheet
                open=computing.is_terms_open
                id="terms-title"
                title=Signal::stored(texts::compute::THIS_DEVICE.to_owned())
            >
                <TermsForm computing/>
            </Sheet>
        </div>
    }
}

/// Three tabs.
#[component]
fn Phone(computing: Computing) -> impl IntoView {
    let tab = computing.tab;
    let panel = move |place: usize, content: AnyView| {
        let word = TABS[place].0;
        view! {
            <div
                class="compute-panel"
                id=format!("panel-{word}")
                role="tabpanel"
                aria-labelledby=format!("tab-{word}")
                hidden=move || tab.get() != place
            >
                {content}
            </div>
        }
    };
    let main = move || match computing.shown.get() {
        Shown::Own => view! { <OwnCode computing/> }.into_any(),
        _ => view! { <Main computing/> }.into_any(),
    };
    view! {
        <div class="compute phone">
            <div class="compute-tabs">
                <TabList
                    label=texts::compute::SHOWN
                    tabs=&TABS
                    chosen=tab
                    choose=move |place: usize| tab.set(place)
                />
            </div>
            {panel(0, view! { <JobTabs computing/> <div class="compute-scroll">{main}</div> }.into_any())}
            {panel(1, view! {
                <div class="compute-scroll">
                    <section class="compute-card devices-card" aria-labelledby="devices-title">
                        <DevicesCard computing/>
                    </section>
                </div>
            }
            .into_any())}
            {panel(2, view! { <LendPanel computing/> }.into_any())}
        </div>
    }
}

/// The chosen job, or the ready ones.
#[component]
fn Main(computing: Computing) -> impl IntoView {
    move || match computing.shown.get() {
        Shown::Job(id) => view! { <JobPanel computing id/> }.into_any(),
        _ => view! { <NewJob computing/> }.into_any(),
    }
}

/// The row of jobs, and the ways to another one.
#[component]
fn JobTabs(computing: Computing) -> impl IntoView {
    let shown = computing.shown;
    let ids =
        Memo::new(move |_| computing.jobs.with(|jobs| jobs.iter().map(|(id, _)| *id).collect::<Vec<_>>()));
    let own = move || {
        // A wide page has the button in its place.
        (shown.get() == Shown::Own).then(|| {
            let name = computing.own.name;
            view! {
                <span class="job-tab chosen">
                    <strong>{move || texts::name(&name.get())}</strong>
                    <small>{texts::compute::DRAFT}</small>
                </span>
            }
        })
    };
    view! {
        <div class="compute-head">
            <nav class="job-tabs" aria-label=texts::compute::JOBS>
                <For each=move || ids.get() key=|id| *id children=move |id| job_tab(computing, id)/>
                {own}
            </nav>
            <div class="compute-head-end">
                <button
                    type="button"
                    class="button plain"
                    data-testid="own-code-open"
                    aria-current=move || (shown.get() == Shown::Own).then_some("true")
                    on:click=move |_| shown.set(Shown::Own)
                >
                    {icons::page()}
                    <span>{texts::compute::OWN_CODE}</span>
                </button>
                <button
                    type="button"
                    class="button secondary"
                    data-testid="new-job"
                    on:click=move |_| shown.set(Shown::New)
                >
                    {icons::plus()}
                    <span>{texts::compute::NEW_JOB}</span>
                </button>
            </div>
        </div>
    }
}

fn job_tab(computing: Computing, id: JobId) -> impl IntoView {
    let shown = computing.shown;
    let view = Memo::new(move |_| computing.view(id));
    let name = name_of(view.get_untracked().as_ref());
    let is_chosen = Memo::new(move |_| shown.get() == Shown::Job(id));
    let beside = move || match view.with(|view| view.as_ref().map(|view| (view.state.clone(), percent(view))))
    {
        Some((State::Done { .. }, _)) => {
            view! { {icons::check()} <span class="sr-only">{texts::compute::DONE_PHRASE}</span> }.into_any()
        }
        Some((State::Failed { .. }, _)) => {
            view! { {icons::cross()} <span class="sr-only">{texts::compute::FAILED}</span> }.into_any()
        }
        Some((State::Cancelled, _)) => view! { <small>{texts::compute::CANCELLED}</small> }.into_any(),
        Some((State::Paused, _)) => view! { <small>{texts::compute::PAUSED}</small> }.into_any(),
        Some((State::Running, percent)) => {
            view! { <small>{texts::compute::percent(percent)}</small> }.into_any()
        }
        None => ().into_any(),
    };
    view! {
        <button
            type="button"
            class="job-tab"
            class:chosen=is_chosen
            class:failed=move || view.with(|view| view.as_ref().is_some_and(|view| matches!(view.state, State::Failed { .. })))
            aria-current=move || is_chosen.get().then_some("true")
            data-testid=format!("job-{name}")
            on:click=move |_| shown.set(Shown::Job(id))
        >
            <strong>{name.clone()}</strong>
            {beside}
        </button>
    }
}

/// The name of a job as it is shown.
pub(super) fn name_of(view: Option<&JobView>) -> String {
    view.map(|view| texts::name(view.job.program.name.as_str())).unwrap_or_default()
}

fn percent(view: &JobView) -> u32 {
    credit::percent(view.accepted, view.units)
}
