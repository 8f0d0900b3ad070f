//! The sheet of one's own profile in the room: name, status and face.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::{html, web_sys};
use meshwork_chat::picture::Head;
use meshwork_chat::profile::{Profile, STATUS_MAX};
use meshwork_web::texts;

use super::super::icon_button::IconButton;
use super::super::name_field::NameField;
use super::super::session::{Phase, Session, profiles};
use super::super::sheet::Sheet;
use super::super::{browser, icons};

/// The button that shows the sheet.
#[component]
pub(crate) fn ProfileButton(
    /// The page's node.
    session: Session,
) -> impl IntoView {
    view! {
        <IconButton
            test_id="profile"
            label=texts::talk::PROFILE
            sign=icons::face().into_any()
            is_off=Signal::derive(move || session.phase.get() != Phase::Open)
            act=move |()| session.profiles.is_open.set(true)
        />
    }
}

/// The sheet; the session knows whether it is open.
#[component]
pub(crate) fn ProfileSheet(
    /// The page's node.
    session: Session,
) -> impl IntoView {
    view! {
        <Sheet open=session.profiles.is_open id="profile-title" title=texts::talk::PROFILE>
            <Content session/>
        </Sheet>
    }
}

#[component]
fn Content(session: Session) -> impl IntoView {
    let own = session.profiles.own();
    let status = RwSignal::new(own.status.clone());
    let face = RwSignal::new(own.avatar);
    let address = RwSignal::new(None::<String>);
    let problem = RwSignal::new(None::<String>);
    let field = NodeRef::<html::Textarea>::new();
    Effect::new(move || {
        let made = face.with(|bytes| {
            let bytes = bytes.as_deref()?;
            browser::address_of(bytes, Head::read(bytes)?.kind.media_type())
        });
        if let Some(before) = address.try_update(|address| std::mem::replace(address, made)).flatten() {
            browser::forget_address(&before);
        }
    });
    let take = move |file: web_sys::File| {
        spawn_local(async move {
            match profiles::face_of(&file).await {
                Ok(bytes) => {
                    problem.set(None);
                    face.set(Some(bytes));
                }
                Err(words) => problem.set(Some(words)),
            }
        });
    };
    let save = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let name = session.me.name.get_untracked().trim().to_owned();
        let profile =
            Profile { name, status: status.get_untracked().trim().to_owned(), avatar: face.get_untracked() };
        match session.profiles.write(&profile) {
            Ok(()) => session.profiles.is_open.set(false),
            Err(words) => problem.set(Some(words)),
        }
    };
    let forget = move |_| match session.profiles.write(&Profile::default()) {
        Ok(()) => session.profiles.is_open.set(false),
        Err(words) => problem.set(Some(words)),
    };
    let is_too_long = move || status.with(|status| status.trim().len() > STATUS_MAX);
    let picture = move || match address.get() {
        Some(address) => {
            view! { <img class="profile-face" data-testid="profile-face" src=address alt=""/> }.into_any()
        }
        None => view! { <span class="profile-face none">{icons::face()}</span> }.into_any(),
    };
    let complaint =
        move || is_too_long().then(|| texts::talk::status_too_long(STATUS_MAX)).or_else(|| problem.get());
    view! {
        <form class="profile-form" on:submit=save>
            <style>{include_str!("profile.css")}</style>
            <div class="profile-head">
                {picture}
                <div>
                    <button
                        type="button"
                        class="button secondary"
                        data-testid="avatar-input"
                        on:click=move |_| browser::choose_file(browser::PICTURES, take)
                    >
                        {icons::picture()}
                        {texts::talk::CHOOSE_FACE}
                    </button>
                    <button
                        type="button"
                        class="button secondary"
                        data-testid="avatar-remove"
                        hidden=move || face.with(Option::is_none)
                        on:click=move |_| face.set(None)
                    >
                        {texts::talk::REMOVE_FACE}
                    </button>
                </div>
            </div>
            <label class="profile-label">
                {texts::talk::NAME}
                <NameField session/>
            </label>
            <label class="profile-label">
                {texts::talk::STATUS}
                <textarea
                    class="talk-status"
                    data-testid="status-input"
                    rows="2"
                    placeholder=texts::talk::STATUS_EXAMPLE
                    node_ref=field
                    prop:value=move || status.get()
                    on:input=move |event| status.set(event_target_value(&event))
                ></textarea>
            </label>
            <p class="sheet-words">{texts::talk::PROFILE_STAYS}</p>
            <p class="complaint" role="alert" data-testid="profile-complaint">{complaint}</p>
            <button type="submit" class="button primary" data-testid="save-profile" disabled=is_too_long>
                {texts::SAVE}
            </button>
            <p class="sheet-words">{texts::talk::FORGET_ME_MEANS}</p>
            <button type="button" class="button danger" data-testid="forget-me" on:click=forget>
                {texts::talk::FORGET_ME}
            </button>
        </form>
    }
}
