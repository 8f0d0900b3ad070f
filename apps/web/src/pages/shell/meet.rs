//! The sheet for meeting without a server: two texts that two people carry to each other.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys;
use meshwork_web::texts;

use super::super::copy_field::CopyField;
use super::super::qr::qr;
use super::super::scan::{self, Scan};
use super::super::session::meeting::Meeting;
use super::super::session::{Phase, Session};
use super::super::sheet::Sheet;
use super::super::{browser, icons};

/// The sheet; [`Meeting::is_open`] shows it.
#[component]
pub(crate) fn MeetSheet(
    /// The page's node.
    session: Session,
) -> impl IntoView {
    let meeting = session.meeting;
    // Whoever is linked has met.
    Effect::new(move |before: Option<usize>| {
        let met = meeting.met.get();
        if before.is_some_and(|before| before != met) {
            meeting.is_open.set(false);
        }
        met
    });
    view! {
        <Sheet open=meeting.is_open id="meet-title" title=texts::MEET>
            <p class="sheet-words">
                {texts::meet::HOW}
            </p>
            <Replied meeting/>
            <Show when=move || session.phase.get() == Phase::Open && meeting.reply.with(Option::is_none)>
                <Invite meeting/>
            </Show>
            <Show when=move || meeting.reply.with(Option::is_none)>
                <Take meeting/>
            </Show>
        </Sheet>
    }
}

/// Makes an invitation and shows it.
#[component]
fn Invite(meeting: Meeting) -> impl IntoView {
    let is_asked = RwSignal::new(false);
    let make = move |_| {
        is_asked.set(true);
        meeting.invite();
    };
    let button = move || {
        let label =
            if meeting.invitation.with(Option::is_some) { texts::meet::MAKE_NEW } else { texts::meet::MAKE };
        let is_busy = is_asked.get()
            && meeting.invitation.with(Option::is_none)
            && meeting.failed.with(Option::is_none);
        view! {
            <button
                type="button"
                class="button"
                class:busy=is_busy
                class:primary=meeting.invitation.with(Option::is_none)
                class:secondary=meeting.invitation.with(Option::is_some)
                data-testid="make-invitation"
                on:click=make
            >
                {label}
            </button>
        }
    };
    view! {
        <section class="sheet-part" aria-labelledby="invite-title">
            <h3 id="invite-title">{texts::meet::YOU_BEGIN}</h3>
            {move || meeting.invitation.get().map(|text| view! {
                <p class="sheet-words">{texts::meet::SEND_THIS}</p>
                <Carried
                    text
                    label=texts::meet::INVITATION
                    button=texts::meet::COPY_INVITATION
                    test_id="invitation"
                />
            })}
            {button}
        </section>
    }
}

/// Takes a text that somebody carried here.
#[component]
fn Take(meeting: Meeting) -> impl IntoView {
    let text = RwSignal::new(String::new());
    let is_scanning = RwSignal::new(false);
    let take = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        meeting.take(&text.get_untracked());
    };
    let on_found = Callback::new(move |found: String| {
        is_scanning.set(false);
        meeting.take(&found);
        text.set(found);
    });
    view! {
        <form class="sheet-part" aria-labelledby="take-title" on:submit=take>
            <h3 id="take-title"><label for="carried-text">{texts::meet::TEXT_YOU_GOT}</label></h3>
            <textarea
                class="text-area"
                id="carried-text"
                rows="3"
                data-testid="carried-text"
                data-first=""
                placeholder=texts::meet::EITHER
                autocomplete="off"
                spellcheck="false"
                prop:value=move || text.get()
                on:input=move |event| text.set(event_target_value(&event))
            ></textarea>
            <div class="sheet-row">
                <button
                    type="submit"
                    class="button secondary"
                    data-testid="take-text"
                    disabled=move || text.with(|text| text.trim().is_empty())
                >
                    {texts::meet::LINK_WITH_IT}
                </button>
                {scan::is_possible().then(|| view! {
                    <button
                        type="button"
                        class="button secondary"
                        on:click=move |_| is_scanning.update(|is_scanning| *is_scanning = !*is_scanning)
                    >
                        {move || match is_scanning.get() {
                            true => texts::meet::STOP_CAMERA,
                            false => texts::meet::READ_WITH_CAMERA,
                        }}
                    </button>
                })}
            </div>
            <Show when=move || is_scanning.get()><Scan on_found/></Show>
            {(!scan::is_possible()).then_some(view! {
                <p class="sheet-words small">
                    {texts::meet::NO_READER}
                </p>
            })}
            <p class="complaint" role="alert" data-testid="meeting-failed">
                {move || meeting.failed.get()}
            </p>
        </form>
    }
}

/// The reply that is to be carried back.
#[component]
fn Replied(meeting: Meeting) -> impl IntoView {
    move || {
        meeting.reply.get().map(|text| {
            view! {
                <section class="sheet-part" aria-labelledby="reply-title">
                    <h3 id="reply-title">{texts::meet::SEND_BACK}</h3>
                    <p class="sheet-words">{texts::meet::LINKED_WHEN}</p>
                    <Carried text label=texts::meet::REPLY button=texts::meet::COPY_REPLY test_id="reply"/>
                    <button type="button" class="button plain" on:click=move |_| meeting.reply.set(None)>
                        {texts::meet::BEGIN_AGAIN}
                    </button>
                </section>
            }
        })
    }
}

/// A text that is to be carried: as a picture, as text, and by what the system offers.
#[component]
fn Carried(text: String, label: &'static str, button: &'static str, test_id: &'static str) -> impl IntoView {
    let told = RwSignal::new(None::<&'static str>);
    let carried = StoredValue::new(text.clone());
    let share = move |_| {
        spawn_local(async move {
            if !browser::share(&carried.get_value()).await {
                told.set(Some(texts::meet::NOT_SENT));
            }
        });
    };
    view! {
        <div class="carried">
            {qr(&text, label)}
            <CopyField value=text label=label button=button test_id=test_id/>
            {browser::can_share().then(|| view! {
                <button type="button" class="button secondary" on:click=share>
                    {icons::share()}
                    {texts::meet::SEND}
                </button>
            })}
            <p class="sheet-words small" role="status">{move || told.get()}</p>
        </div>
    }
}
