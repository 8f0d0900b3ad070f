//! The devices of the room, as large as what they lend, each at its distance.

use std::time::Duration;

use leptos::prelude::*;
use meshwork::compute::{JobView, Offer};
use meshwork_core::id::Endpoint;
use meshwork_core::node::LinkState;
use meshwork_web::compute::lending::bead_side;
use meshwork_web::people::beads;
use meshwork_web::{rtt, texts};

use super::super::bead::{Bead, OwnBead};
use super::board::name_of;
use super::state::{Computing, Shown, Wait};

/// Round trips, in ms, at which the scale has a line.
const SCALE: [u64; 4] = [20, 60, 150, 400];

/// A device that is shown.
#[derive(Clone, Debug, PartialEq)]
struct Device {
    endpoint: Endpoint,
    called: String,
    letter: Option<char>,
    is_me: bool,
    rtt: Option<Duration>,
    is_relayed: bool,
    /// Cores that it lends.
    cores: u8,
    is_paused: bool,
    /// The graphics card that it lends; empty without.
    card: String,
    /// Units that run on it now.
    runs: u8,
}

/// Head, comb, legend.
#[component]
pub(super) fn DevicesCard(computing: Computing) -> impl IntoView {
    let devices = Memo::new(move |_| read(computing));
    let keys =
        Memo::new(move |_| devices.with(|all| all.iter().map(|device| device.endpoint).collect::<Vec<_>>()));
    let lenders = move || {
        devices.with(|all| {
            let lend = all.iter().filter(|device| device.cores > 0);
            (lend.clone().count(), lend.map(|device| usize::from(device.cores)).sum::<usize>())
        })
    };
    let title = move || texts::compute::here_and_lend(devices.with(Vec::len), lenders().0);
    let cores = move || (lenders().1 > 0).then(|| texts::compute::cores(lenders().1));
    let mark = |ms: u64| {
        let place = rtt::distance(Duration::from_millis(ms));
        view! { <span class:quiet=ms == 60 style=format!("--at:{place:.3}")>{ms}</span> }
    };
    view! {
        <div class="devices-head">
            <h2 id="devices-title">{title}</h2>
            <span class="hint">{cores}</span>
        </div>
        <div class="devices-scroll">
            <div class="devices-scale" aria-hidden="true" hidden=move || keys.with(Vec::len) < 2>{SCALE.map(mark).collect_view()}</div>
            <ul class="devices" data-testid="devices" aria-label=texts::compute::DEVICES>
                <For each=move || keys.get() key=|endpoint| *endpoint children=move |endpoint| view! { <DeviceRow computing devices endpoint/> }/>
            </ul>
        </div>
        <p class="devices-legend hint" aria-hidden="true">
            <span class="dot small"></span>
            <span class="dot"></span>
            {texts::compute::LARGER}
        </p>
    }
}

/// This device first, then the others by round trip as people are.
fn read(computing: Computing) -> Vec<Device> {
    let session = computing.session;
    let is_lending = computing.is_lending.get();
    let runs = u8::try_from(computing.runs.with(Vec::len)).unwrap_or(u8::MAX);
    let own = Device {
        endpoint: session.node.endpoint(),
        called: own_name(computing),
        letter: None,
        is_me: true,
        rtt: None,
        is_relayed: false,
        cores: if is_lending { computing.terms().cores } else { 0 },
        is_paused: is_lending && computing.waits().is_some(),
        card: computing.lent_card().unwrap_or_default(),
        runs,
    };
    let offers = computing.offers.get();
    let other = |row: &meshwork_web::people::Row| {
        let offer = offers.get(&row.endpoint).cloned().unwrap_or_else(Offer::default);
        Device {
            endpoint: row.endpoint,
            called: row.called.clone(),
            letter: row.letter,
            is_me: false,
            rtt: row.rtt,
            is_relayed: row.state == LinkState::Relayed,
            cores: offer.cores,
            is_paused: offer.is_paused,
            card: offer.card.as_str().to_owned(),
            runs: offer.runs,
        }
    };
    let others = session
        .people
        .rows
        .with(|rows| rows.iter().filter(|row| row.is_linked()).map(other).collect::<Vec<_>>());
    // Devices without a link to this one take part too.
    let beyond =
        offers.iter().filter(|(endpoint, _)| others.iter().all(|device| device.endpoint != **endpoint));
    let beyond: Vec<Device> = beyond
        .map(|(endpoint, offer)| Device {
            endpoint: *endpoint,
            called: session.people.called(*endpoint),
            letter: session.people.letter_of(endpoint.peer),
            is_me: false,
            rtt: None,
            is_relayed: false,
            cores: offer.cores,
            is_paused: offer.is_paused,
            card: offer.card.as_str().to_owned(),
            runs: offer.runs,
        })
        .collect();
    [own].into_iter().chain(others).chain(beyond).collect()
}

/// The name of this person, or of their bead.
fn own_name(computing: Computing) -> String {
    let name = computing.session.me.name.get();
    match name.trim() {
        "" => beads::name(&computing.session.node.peer()),
        name => name.to_owned(),
    }
}

/// A device. Touched, it shows its work.
#[component]
fn DeviceRow(computing: Computing, devices: Memo<Vec<Device>>, endpoint: Endpoint) -> impl IntoView {
    let device = Memo::new(move |_| {
        devices.with(|all| all.iter().find(|device| device.endpoint == endpoint).cloned())
    });
    let is_open = RwSignal::new(false);
    let Some(first) = device.get_untracked() else { return ().into_any() };
    let peer = endpoint.peer;
    let is_me = first.is_me;
    let job = Memo::new(move |_| shown_job(computing));
    let is_caught =
        Memo::new(move |_| job.with(|job| job.as_ref().is_some_and(|job| job.caught.contains(&peer))));
    let units = move || {
        let units = job.with(|job| job.as_ref().and_then(|job| job.credit.get(&peer).copied()));
        units.filter(|units| *units > 0).map(texts::compute::units)
    };
    let look = move || {
        device.with(|device| {
            let device = device.as_ref();
            let side = bead_side(device.map_or(0, |device| device.cores));
            let at = device.and_then(|device| device.rtt).map_or(0.12, rtt::distance);
            let step = device.and_then(|device| device.rtt).map_or(0, rtt::step);
            let colour = if step == 0 { "var(--edge)".to_owned() } else { format!("var(--step-{step})") };
            format!("--side:{side:.0}px;--at:{at:.3};--strand:{colour}")
        })
    };
    let lends_nothing = move || device.with(|device| device.as_ref().is_none_or(|device| device.cores == 0));
    let about = move || {
        if is_caught.get() {
            return texts::compute::CAUGHT.to_owned();
        }
        device.with(|device| device.as_ref().map(about).unwrap_or_default())
    };
    let called =
        move || device.with(|device| device.as_ref().map(|device| device.called.clone()).unwrap_or_default());
    let time = move || {
        let (number, unit) = texts::round_trip(device.with(|device| device.as_ref()?.rtt)?);
        Some(view! { <small>{format!("{number}\u{2009}{unit}")}</small> })
    };
    let bead = match is_me {
        true => view! { <OwnBead called=computing.session.me.name/> }.into_any(),
        false => {
            let letter = Signal::derive(move || device.with(|device| device.as_ref()?.letter));
            view! { <Bead peer letter/> }.into_any()
        }
    };
    view! {
        <li
            class="device"
            class:me=is_me
            class:idle=lends_nothing
            class:caught=is_caught
            class:relayed=move || device.with(|device| device.as_ref().is_some_and(|device| device.is_relayed))
            data-testid=format!("device-{}", first.called)
            style=look
        >
            <button
                type="button"
                class="device-line"
                aria-expanded=move || is_open.get().to_string()
                on:click=move |_| is_open.update(|is_open| *is_open = !*is_open)
            >
                <span class="device-strand" aria-hidden="true">
                    <span class="device-bead">{bead}</span>
                </span>
                <span class="device-words">
                    <span class="device-name">
                        <strong>{called}</strong>
                        {is_me.then(|| view! { <span>{texts::compute::YOU_BRACKETS}</span> })}
                        {time}
                    </span>
                    <span class="device-about">{about}</span>
                </span>
                <span class="device-units">{units}</span>
            </button>
            <Show when=move || is_open.get()>
                <ul class="device-more">
                    {move || details(computing, endpoint, device).into_iter().map(|line| view! { <li>{line}</li> }).collect_view()}
                </ul>
            </Show>
        </li>
    }
    .into_any()
}

/// The job in front, if there is any.
fn shown_job(computing: Computing) -> Option<JobView> {
    match computing.shown.get() {
        Shown::Job(id) => computing.view(id),
        _ => None,
    }
}

/// The cores of a device in a line.
fn about(device: &Device) -> String {
    let lends = texts::compute::lends(device.cores, device.is_paused);
    let relayed = if device.is_relayed { ", relayed" } else { "" };
    format!("{lends}{relayed}")
}

/// The jobs that run on a device and their submitters, or the reason that nothing runs.
fn details(computing: Computing, endpoint: Endpoint, device: Memo<Option<Device>>) -> Vec<String> {
    let Some(device) = device.get() else { return Vec::new() };
    let jobs = computing.jobs.get();
    let mut lines = Vec::new();
    let runs = computing.runs.get();
    for (id, view) in &jobs {
        let spans: Vec<(u32, u32)> = match device.is_me {
            true => {
                let of_job = runs.iter().filter(|run| run.job == *id);
                of_job.map(|run| (run.unit, run.end.saturating_sub(run.unit))).collect()
            }
            false => {
                let of_device = view.spans.iter().filter(|(lender, _)| *lender == endpoint);
                of_device.map(|(_, (first, units))| (*first, (*units).into())).collect()
            }
        };
        if !spans.is_empty() {
            let submitter = computing.called(view.submitter);
            lines.push(texts::compute::has_in_hand(&name_of(Some(view)), &submitter, &spans));
        }
    }
    let waits = computing.waits();
    if lines.is_empty() {
        lines.push(match (device.cores, device.is_paused, waits) {
            (0, ..) => texts::compute::LENDS_NOTHING.to_owned(),
            (_, true, Some(Wait::Battery)) if device.is_me => texts::compute::ON_BATTERY.to_owned(),
            (_, true, _) => texts::compute::PAUSED_LENDER.to_owned(),
            _ => texts::compute::runs_now(device.runs),
        });
    }
    if !device.card.is_empty() {
        lines.push(texts::compute::lends_card(&device.card));
    }
    let caught = jobs.iter().filter(|(_, view)| view.caught.contains(&endpoint.peer));
    lines.extend(caught.map(|(_, view)| format!("{}: {}", name_of(Some(view)), texts::compute::CAUGHT)));
    lines
}
