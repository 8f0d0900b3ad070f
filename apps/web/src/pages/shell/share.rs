//! The share sheet: code, links and a picture of the link for a phone's camera.

use leptos::prelude::*;
use leptos::task::spawn_local;
use meshwork_core::room::rules::terms::Writers;
use meshwork_web::rules::{Decision, Links};
use meshwork_web::texts;

use super::super::copy_field::CopyField;
use super::super::front::{Front, Section};
use super::super::letter_beads::LetterBeads;
use super::super::notices::NoticeCard;
use super::super::qr::qr;
use super::super::session::Session;
use super::super::sheet::Sheet;
use super::super::{browser, icons};
use super::new_link::NewLink;

/// The sheet, shown while [`Session::is_share_open`] says so.
#[component]
pub(crate) fn ShareSheet(
    /// The page's node.
    session: Session,
    /// The app in front.
    front: Front,
) -> impl IntoView {
    Effect::new(move || {
        if session.is_share_open.get() {
            session.address.share();
        }
    });
    let is_unlinked = Memo::new(move |_| session.is_unshared());
    let before_link = move || match session.servers.away() {
        Some(reason) => texts::notices::server_away(true, &reason),
        None => texts::notices::Notice::new(texts::notices::Tone::Calm, texts::LINK_SOUGHT, None),
    };
    view! {
        <Sheet open=session.is_share_open id="share-title" title=texts::share::BRING_IN>
            <Show
                when=move || !is_unlinked.get()
                fallback=move || view! { <div role="status">{move || view! { <NoticeCard notice=before_link()/> }}</div> }
            >
                <PassOn session/>
                <NewLink session/>
            </Show>
            <button
                type="button"
                class="button plain"
                data-testid="meet"
                on:click=move |_| {
                    session.is_share_open.set(false);
                    session.meeting.is_open.set(true);
                }
            >
                {texts::MEET}
            </button>
            {front.section(Section::Share)}
        </Sheet>
    }
}

/// The links, with the code and the picture of the one that is chosen.
#[component]
fn PassOn(session: Session) -> impl IntoView {
    let links = Memo::new(move |_| session.governing.links());
    let code = Memo::new(move |_| session.address.code_text());
    let whole = Memo::new(move |_| session.address.link_in_bar());
    let view_link = Memo::new(move |_| {
        let address = session.address.link.get();
        address.map_or_else(|| whole.get(), |address| address.to_look().to_string())
    });
    let is_to_look = RwSignal::new(false);
    let link = Memo::new(move |_| match links.get() == Links::View || is_to_look.get() {
        true => view_link.get(),
        false => whole.get(),
    });
    let is_private = move || session.address.is_private.get() == Some(true);
    let beside = move || match (links.get(), is_private()) {
        (_, false) => texts::share::SCAN,
        (Links::One, true) => texts::share::SCAN_PRIVATE,
        (Links::EditAndView, true) if !is_to_look.get() => texts::share::SCAN_EDIT,
        _ => texts::share::SCAN_VIEW,
    };
    let fields = move || match links.get() {
        Links::One => view! {
            <CopyField
                value=whole
                label=texts::ROOM_LINK
                button=texts::COPY_LINK
                test_id="share-link-sheet"
            />
        }
        .into_any(),
        Links::View => view! {
            <CopyField
                value=view_link
                label=texts::share::VIEW_LINK
                button=texts::COPY_LINK
                test_id="view-link-sheet"
            />
        }
        .into_any(),
        Links::EditAndView => view! { <Choice session is_to_look whole view_link/> }.into_any(),
    };
    view! {
        <div class="sheet-code">
            {move || qr(&link.get(), texts::share::QR)}
            <div>
                <p class="sheet-words">{beside}</p>
                <LetterBeads code/>
            </div>
        </div>
        {fields}
        {browser::can_share().then(|| view! { <SendLink link/> })}
        <p class="sheet-words small">
            {move || is_private().then_some(texts::SECRET_PART)}
            {texts::LINK_WORKS}
            {move || (!is_private()).then_some(texts::share::NAMES_STAY)}
        </p>
        <SplitLink session links/>
    }
}

/// The choice between the link to edit and the one to look.
#[component]
fn Choice(
    session: Session,
    is_to_look: RwSignal<bool>,
    whole: Memo<String>,
    view_link: Memo<String>,
) -> impl IntoView {
    let choice = move |title: &'static str, means: String, test_id: &'static str, looks: bool| {
        view! {
            <label class="option link-choice" class:chosen=move || is_to_look.get() == looks>
                <input
                    type="radio"
                    name="link"
                    data-testid=test_id
                    prop:checked=move || is_to_look.get() == looks
                    on:change=move |_| is_to_look.set(looks)
                />
                <span>
                    <strong>{title}</strong>
                    <span class="hint">{means}</span>
                </span>
            </label>
        }
    };
    let means_edit = texts::share::means_edit(&texts::capital(session.apps.in_front().verbs.0));
    view! {
        <fieldset class="choice link-choices">
            <legend class="sr-only">{texts::share::WHICH_LINK}</legend>
            {choice(texts::share::EDIT_LINK, means_edit, "choose-edit", false)}
            <CopyField
                value=whole
                label=texts::share::EDIT_LINK
                button=texts::COPY
                test_id="share-link-sheet"
            />
            {choice(texts::share::VIEW_LINK, texts::MEANS_VIEW.to_owned(), "choose-view", true)}
            <CopyField
                value=view_link
                label=texts::share::VIEW_LINK
                button=texts::COPY
                test_id="view-link-sheet"
            />
        </fieldset>
    }
}

/// For the owner of a private room with one link alone: makes it two.
#[component]
fn SplitLink(session: Session, links: Memo<Links>) -> impl IntoView {
    let problem = RwSignal::new(None::<String>);
    let may_split = move || {
        let lets_all = session
            .governing
            .law
            .with(|law| law.as_ref().is_some_and(|law| law.rules.writers == Writers::Everybody));
        session.governing.is_owner()
            && lets_all
            && links.get() == Links::One
            && session.address.is_private.get() == Some(true)
    };
    view! {
        <Show when=may_split>
            <section class="sheet-part">
                <p class="hint">{texts::SPLITTING}</p>
                <button
                    type="button"
                    class="button secondary"
                    data-testid="split-link"
                    on:click=move |_| problem.set(session.governing.decide(Decision::SplitLink).err())
                >
                    {texts::share::SPLIT}
                </button>
                <p class="complaint" role="alert">{move || problem.get()}</p>
            </section>
        </Show>
    }
}

/// What the system offers to send the link with.
#[component]
fn SendLink(link: Memo<String>) -> impl IntoView {
    let send = move |_| {
        spawn_local(async move {
            // Whoever closes the system's sheet has sent nothing, and knows it.
            let _ = browser::share(&link.get_untracked()).await;
        });
    };
    view! {
        <button type="button" class="button secondary send-link" data-testid="send-link" on:click=send>
            {icons::share()}
            {texts::share::SEND_LINK}
        </button>
    }
}
