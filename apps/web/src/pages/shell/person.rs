//! One person of the comb: a row, and what opens below it.

use leptos::prelude::*;
use meshwork_core::id::{Endpoint, PeerId};
use meshwork_core::node::LinkState;
use meshwork_web::people::Row;
use meshwork_web::rules::Decision;
use meshwork_web::sparkline::{self, History};
use meshwork_web::{rtt, texts};

use super::super::copy_field::CopyField;
use super::super::session::Session;
use super::ban::{Asking, BanButtons};

/// What is known of a person's link, and what can be done about it.
#[component]
pub(crate) fn PersonDetails(
    /// The page's node.
    session: Session,
    /// Who.
    endpoint: Endpoint,
    /// The person's row, while there is one.
    row: Signal<Option<Row>>,
) -> impl IntoView {
    let peer = endpoint.peer;
    let with = move |read: fn(&Row) -> String| row.with(|row| row.as_ref().map(read).unwrap_or_default());
    view! {
        <div class="person-details" data-testid="person-details">
            <p class="person-status" dir="auto" data-testid="person-status">{move || session.profiles.status(peer)}</p>
            <p class="sparkline-row">
                <Sparkline session endpoint/>
                <span>{texts::people::ROUND_TRIP}</span>
            </p>
            <dl>
                <dt>{texts::people::LINK}</dt>
                <dd data-testid="link-words">{move || with(link_words)}</dd>
                <dt>{texts::people::PATH}</dt>
                <dd data-testid="link-way">{move || with(texts::people::way)}</dd>
                <dt>{texts::people::JITTER}</dt>
                <dd data-testid="link-jitter">{move || with(texts::people::jitter)}</dd>
                <dt title=texts::people::LOSS_OF>{texts::people::LOSS}</dt>
                <dd data-testid="link-loss">{move || with(texts::people::loss)}</dd>
                <dt>{texts::people::RECEIVED}</dt>
                <dd>{move || with(|row| texts::amount(row.received))}</dd>
                <dt>{texts::people::SENT}</dt>
                <dd>{move || with(|row| texts::amount(row.sent))}</dd>
                <dt>{texts::people::LAST_HEARD}</dt>
                <dd>{move || with(heard)}</dd>
                <dt>{texts::people::KEY}</dt>
                <dd class="key">{peer.short()}</dd>
            </dl>
            <CopyField
                value=Signal::stored(peer.to_string())
                label=texts::people::KEY_OF_PERSON
                button=texts::COPY_KEY
                test_id="peer-key"
            />
            <Actions session peer row/>
        </div>
    }
}

/// Actions on a person.
#[component]
fn Actions(session: Session, peer: PeerId, row: Signal<Option<Row>>) -> impl IntoView {
    let is_own = Memo::new(move |_| row.with(|row| row.as_ref().is_some_and(|row| row.own)));
    let is_unlinked = Memo::new(move |_| row.with(|row| row.as_ref().is_some_and(|row| row.unlinked)));
    let is_muted = Memo::new(move |_| session.people.muted.with(|muted| muted.has(peer)));
    let called =
        Memo::new(move |_| row.with(|row| row.as_ref().map(|row| row.called.clone()).unwrap_or_default()));
    let asking = Asking::new(session);
    move || {
        (!is_own.get()).then(|| {
            view! {
                <div class="person-actions">
                    <button
                        type="button"
                        class="button secondary"
                        data-testid="message-privately"
                        on:click=move |_| write_to(session, peer)
                    >
                        {texts::talk::PRIVATELY}
                    </button>
                    <button
                        type="button"
                        class="button secondary"
                        data-testid="mute"
                        on:click=move |_| session.set_muted(peer, !is_muted.get_untracked())
                    >
                        {move || if is_muted.get() { texts::people::UNMUTE } else { texts::people::MUTE }}
                    </button>
                    <button
                        type="button"
                        class="button secondary"
                        data-testid="unlink"
                        on:click=move |_| session.set_unlinked(peer, !is_unlinked.get_untracked())
                    >
                        {move || match is_unlinked.get() {
                            true => texts::people::LINK_AGAIN,
                            false => texts::people::UNLINK,
                        }}
                    </button>
                    <BanButtons asking peer called=called.get_untracked()/>
                </div>
                {asking.question(move |decision| matches!(decision, Decision::Ban(asked, _) if *asked == peer))}
                <p class="complaint" role="alert">{move || asking.problem()}</p>
            }
        })
    }
}

/// Opens the conversation with a person.
fn write_to(session: Session, peer: PeerId) {
    session.talk.set_blocked(peer, false);
    session.talk.show(Some(peer));
    session.is_people_open.set(false);
    if !session.talk.is_in_front.get_untracked() {
        session.talk.is_open.set(true);
    }
}

/// The state, its reason, and since when.
fn link_words(row: &Row) -> String {
    let state = match row.state {
        LinkState::Connecting => return texts::people::connecting(&row.beside),
        LinkState::Direct => texts::people::DIRECT,
        LinkState::Relayed => texts::people::RELAYED,
        LinkState::Stale => texts::people::STALE,
        LinkState::Gone => texts::people::GONE,
    };
    let ms = millis(row.since_ago);
    match (row.beside.as_str(), texts::ago::lasting(ms)) {
        ("", Some(time)) => texts::people::state_for(state, &time),
        ("", None) => texts::people::state_since(state, &texts::ago::shown(ms)),
        (beside, _) => format!("{state}, {beside}, {}", texts::ago::shown(ms)),
    }
}

fn heard(row: &Row) -> String {
    match row.heard_ago {
        Some(ago) => texts::ago::shown(millis(ago)),
        None => texts::people::NOT_NOW.to_owned(),
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The round-trip times of the last minute.
#[component]
pub(super) fn Sparkline(session: Session, endpoint: Endpoint) -> impl IntoView {
    let links = session.people.round_trips;
    let history = Memo::new(move |_| links.with(|links| links.get(&endpoint).cloned()).unwrap_or_default());
    let (width, height) = sparkline::SIZE;
    // The path counts in tenths of a pixel.
    let drawing = move || {
        let drawing = history.with(History::draw);
        let dot = drawing.dot.map(|(x, y)| {
            view! { <circle cx=x.to_string() cy=y.to_string() r="22"></circle> }
        });
        view! {
            <path d=drawing.path></path>
            {dot}
        }
    };
    let step = move || {
        session.people.rows.with(|rows| {
            let row = rows.iter().find(|row| row.endpoint == endpoint);
            row.and_then(|row| row.rtt).map_or(0, rtt::step)
        })
    };
    view! {
        <svg
            class="sparkline"
            width=width
            height=height
            viewBox=format!("0 0 {} {}", width * 10, height * 10)
            role="img"
            data-testid="sparkline"
            data-step=step
            aria-label=move || history.with(History::words)
        >
            {drawing}
        </svg>
    }
}
