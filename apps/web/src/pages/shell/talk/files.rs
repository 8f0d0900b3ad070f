//! Files of posts: choosing them, showing pictures, and saving.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys;
use meshwork_chat::File;
use meshwork_chat::picture::Head;
use meshwork_core::seam::lane::Slot;
use meshwork_web::talk::Chosen;
use meshwork_web::texts;

use super::super::super::session::Session;
use super::super::super::{browser, icons};
use super::Panel;

/// The largest file that a page takes: it holds the bytes in memory on their way.
const FILE_MAX: u64 = 64 * 1024 * 1024;
/// The largest picture that loads by itself.
const SMALL: u64 = 1024 * 1024;
/// Pixels of a side, and of a picture, beyond which it is a file to save.
const SIDE_MAX: u32 = 8_192;
const PIXELS_MAX: u64 = 40_000_000;

/// Adds files to the post that is being written, in this order.
pub(super) fn add(panel: Panel, files: Vec<web_sys::File>) {
    let (session, talk) = (panel.session, panel.session.talk);
    if talk.whom.get_untracked().is_some() {
        return panel.problem.set(Some(texts::talk::NO_FILES_DIRECT.to_owned()));
    }
    if panel.edited.with_untracked(Option::is_some) {
        return panel.problem.set(Some(texts::talk::NO_FILES_EDITED.to_owned()));
    }
    panel.problem.set(None);
    for file in files {
        // The list may be gone, and another conversation shown, once the bytes are read.
        let Some(number) = talk.choose(&called(&file), file.size() as u64) else { continue };
        spawn_local(async move { talk.arrive(number, hold(session, &file).await) });
    }
    // Fingers get no keyboard that they did not ask for.
    if browser::has_mouse() {
        panel.focus_field();
    }
}

/// The name of a file; pasted ones may have none.
fn called(file: &web_sys::File) -> String {
    Some(file.name()).filter(|name| !name.is_empty()).unwrap_or_else(|| texts::talk::PASTED.to_owned())
}

/// Holds a file as a blob of the conversation.
async fn hold(session: Session, file: &web_sys::File) -> Result<File, String> {
    let name = called(file);
    if file.size() > FILE_MAX as f64 {
        return Err(texts::talk::file_too_long(&name, &texts::amount(FILE_MAX)));
    }
    // Another room may be open once the bytes are read.
    let shelf = session.shelf(Slot::CONVERSATION);
    let shelf = shelf.ok_or_else(|| texts::notices::ROOM_NOT_OPEN.to_owned())?;
    let unreadable = || texts::file_unreadable(&name);
    let bytes = browser::bytes_of(file).await.ok_or_else(unreadable)?;
    let head = Head::read(&bytes).filter(is_shown);
    let size = bytes.len() as u64;
    let blob = shelf.put(&bytes).await?;
    let side = |side: u32| u16::try_from(side).unwrap_or_default();
    let kind = head.map_or_else(|| file.type_(), |head| head.kind.media_type().to_owned());
    Ok(File {
        blob,
        size,
        name,
        kind: if kind.len() > meshwork_chat::FILE_KIND_MAX { String::new() } else { kind },
        width: head.map_or(0, |head| side(head.width)),
        height: head.map_or(0, |head| side(head.height)),
    })
}

/// Whether the browser may draw a picture of this size.
fn is_shown(head: &Head) -> bool {
    let pixels = u64::from(head.width) * u64::from(head.height);
    !head.is_animated && head.width <= SIDE_MAX && head.height <= SIDE_MAX && pixels <= PIXELS_MAX
}

/// The files of the post that is being written.
#[component]
pub(super) fn Pending(panel: Panel) -> impl IntoView {
    let talk = panel.session.talk;
    let pending = move |chosen: Chosen| {
        let (number, is_coming) = (chosen.number, chosen.file.is_none());
        let remove = texts::talk::remove_file(&chosen.name);
        let size = texts::amount(chosen.size);
        view! {
            <li aria-busy=is_coming.to_string()>
                {icons::page()}
                <span class="file-name" dir="auto">{chosen.name}</span>
                <span class="post-when">{if is_coming { texts::talk::FILE_COMING.to_owned() } else { size }}</span>
                <button
                    type="button"
                    class="icon-button"
                    data-testid="file-remove"
                    aria-label=remove.clone()
                    title=remove
                    on:click=move |_| talk.begin_with(|begun| begun.remove(number))
                >
                    {icons::cross()}
                </button>
            </li>
        }
    };
    // An edited post keeps its files, and gets no others.
    let files = Memo::new(move |_| match panel.edited.with(Option::is_some) {
        true => Vec::new(),
        false => talk.begun(|begun| begun.files.clone()),
    });
    view! {
        <ul class="pending-files" data-testid="pending-files" hidden=move || files.with(Vec::is_empty)>
            {move || files.get().into_iter().map(pending).collect_view()}
        </ul>
    }
}

/// The files of a post.
#[component]
pub(super) fn Files(session: Session, files: Vec<File>, is_own: bool) -> impl IntoView {
    files.into_iter().map(|file| view! { <OneFile session file is_own/> }).collect_view()
}

/// How far a file is.
#[derive(Clone, Debug, PartialEq)]
enum Progress {
    Away,
    Coming,
    /// Why it does not come.
    Failed(String),
}

#[component]
fn OneFile(session: Session, file: File, is_own: bool) -> impl IntoView {
    let progress = RwSignal::new(Progress::Away);
    // The address at which the browser finds the picture.
    let shown = RwSignal::new(None::<String>);
    let is_picture = file.width > 0 && file.height > 0;
    let (width, height) = (file.width.to_string(), file.height.to_string());
    let (blob, size, name) = (file.blob, file.size, file.name.clone());
    let safe_name = StoredValue::new(file.safe_name());
    let show = move |bytes: &[u8]| {
        let next = match address(bytes) {
            Some(address) => {
                if let Some(Some(address)) = shown.try_set(Some(address)) {
                    // The post went meanwhile.
                    browser::forget_address(&address);
                }
                Progress::Away
            }
            None => Progress::Failed(texts::talk::NOT_SHOWN.to_owned()),
        };
        progress.try_set(next);
    };
    // Fetches the bytes, and shows or saves them.
    let fetch = move |is_to_save: bool| {
        progress.set(Progress::Coming);
        spawn_local(async move {
            let fetched = match session.shelf(Slot::CONVERSATION) {
                Some(shelf) => shelf.fetch(blob, size.min(meshwork_core::blobs::BLOB_MAX)).await,
                None => Err(texts::notices::ROOM_NOT_OPEN.to_owned()),
            };
            match fetched {
                Ok(bytes) if is_to_save => {
                    // The post may have gone meanwhile.
                    if let Some(name) = safe_name.try_get_value() {
                        save(&bytes, &name);
                    }
                    progress.try_set(Progress::Away);
                }
                Ok(bytes) => show(&bytes),
                Err(words) => drop(progress.try_set(Progress::Failed(words))),
            }
        });
    };
    // Small pictures load by themselves where everybody was let in by somebody, and what is held here shows anyway.
    let loads =
        is_picture && size <= SMALL && (is_own || session.address.is_private.get_untracked() == Some(true));
    if loads {
        fetch(false);
    } else if is_picture {
        spawn_local(async move {
            if let Some(shelf) = session.shelf(Slot::CONVERSATION)
                && let Some(bytes) = shelf.held(blob).await
            {
                show(&bytes);
            }
        });
    }
    on_cleanup(move || {
        if let Some(Some(address)) = shown.try_get_untracked() {
            browser::forget_address(&address);
        }
    });
    let label = name.clone();
    let picture = move || {
        shown.get().map(|address| {
            view! {
                <img
                    class="post-picture"
                    data-testid="post-picture"
                    src=address
                    width=width.clone()
                    height=height.clone()
                    alt=label.clone()
                />
            }
        })
    };
    let is_coming = move || progress.get() == Progress::Coming;
    let can_show = move || is_picture && shown.with(Option::is_none) && !is_coming();
    let failed = move || match progress.get() {
        Progress::Failed(words) => Some(words),
        _ => None,
    };
    view! {
        <div class="post-file" data-testid="post-file">
            {picture}
            <div class="file-card" aria-busy=move || is_coming().to_string()>
                {icons::page()}
                <span class="file-name" dir="auto">{name}</span>
                <span class="post-when">{texts::amount(size)}</span>
                <button
                    type="button"
                    class="button secondary"
                    data-testid="file-show"
                    hidden=move || !can_show()
                    on:click=move |_| fetch(false)
                >
                    {texts::talk::SHOW_PICTURE}
                </button>
                <button
                    type="button"
                    class="button secondary"
                    data-testid="file-fetch"
                    disabled=is_coming
                    on:click=move |_| fetch(true)
                >
                    {move || if is_coming() { texts::talk::FILE_COMING } else { texts::SAVE }}
                </button>
            </div>
            <p class="complaint" role="alert">{failed}</p>
        </div>
    }
}

/// Where the browser finds a picture, if the picture's own head says that it may be drawn.
fn address(bytes: &[u8]) -> Option<String> {
    let head = Head::read(bytes).filter(is_shown)?;
    browser::address_of(bytes, head.kind.media_type())
}

/// Saves bytes where people find what they download. They are of no kind that a browser opens by itself.
fn save(bytes: &[u8], name: &str) {
    if let Some(address) = browser::address_of(bytes, "application/octet-stream") {
        browser::save_address(name, &address);
    }
}
