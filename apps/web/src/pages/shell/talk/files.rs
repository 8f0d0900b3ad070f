//! Files of posts: choosing them, showing pictures, and saving.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys;
use meshwork_chat::picture::Head;
use meshwork_chat::{FILES_MAX, File};
use meshwork_core::seam::lane::Slot;
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

/// Adds files to the post that is being written.
pub(super) fn add(panel: Panel, files: Vec<web_sys::File>) {
    if panel.session.talk.whom.get_untracked().is_some() {
        return panel.problem.set(Some(texts::talk::NO_FILES_DIRECT.to_owned()));
    }
    for file in files {
        spawn_local(async move {
            match hold(panel.session, &file).await {
                Ok(_) if panel.files.with_untracked(Vec::len) >= FILES_MAX => {
                    panel.problem.set(Some(texts::talk::files_too_many(FILES_MAX)));
                }
                Ok(file) => {
                    panel.problem.set(None);
                    panel.files.update(|files| files.push(file));
                }
                Err(words) => panel.problem.set(Some(words)),
            }
        });
    }
}

/// Holds a file as a blob of the conversation.
async fn hold(session: Session, file: &web_sys::File) -> Result<File, String> {
    let name = file.name();
    if file.size() > FILE_MAX as f64 {
        return Err(texts::talk::file_too_long(&name, &texts::amount(FILE_MAX)));
    }
    let unreadable = || texts::file_unreadable(&name);
    let bytes = browser::bytes_of(file).await.ok_or_else(unreadable)?;
    let head = Head::read(&bytes).filter(is_shown);
    let (size, shelf) = (bytes.len() as u64, session.shelf(Slot::CONVERSATION));
    let shelf = shelf.ok_or_else(|| texts::notices::ROOM_NOT_OPEN.to_owned())?;
    let blob = shelf.put(&bytes).await?;
    let side = |side: u32| u16::try_from(side).unwrap_or_default();
    let kind = head.map_or_else(|| file.type_(), |head| head.kind.media_type().to_owned());
    Ok(File {
        blob,
        size,
        name: if name.is_empty() { texts::talk::PASTED.to_owned() } else { name },
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
    let pending = move |(place, file): (usize, File)| {
        let remove = move |_| panel.files.update(|files| drop(files.remove(place)));
        let name = file.name.clone();
        view! {
            <li>
                {icons::page()}
                <span class="file-name">{file.name}</span>
                <span class="post-when">{texts::amount(file.size)}</span>
                <button
                    type="button"
                    class="icon-button"
                    data-testid="file-remove"
                    aria-label=texts::talk::remove_file(&name)
                    title=texts::talk::remove_file(&name)
                    on:click=remove
                >
                    {icons::cross()}
                </button>
            </li>
        }
    };
    let list = move || panel.files.get().into_iter().enumerate().map(pending).collect_view();
    view! {
        <ul class="pending-files" data-testid="pending-files" hidden=move || panel.files.with(Vec::is_empty)>
            {list}
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
    /// The address at which the browser finds the picture.
    Shown(String),
    /// Why it does not come.
    Failed(String),
}

#[component]
fn OneFile(session: Session, file: File, is_own: bool) -> impl IntoView {
    let progress = RwSignal::new(Progress::Away);
    let is_picture = file.width > 0 && file.height > 0;
    let (width, height) = (file.width.to_string(), file.height.to_string());
    let (blob, size, name) = (file.blob, file.size, file.name.clone());
    let safe_name = StoredValue::new(file.safe_name());
    // Fetches the bytes, and shows or saves them.
    let fetch = move |is_to_save: bool| {
        progress.set(Progress::Coming);
        spawn_local(async move {
            let fetched = match session.shelf(Slot::CONVERSATION) {
                Some(shelf) => shelf.fetch(blob, size.min(meshwork_core::blobs::BLOB_MAX)).await,
                None => Err(texts::notices::ROOM_NOT_OPEN.to_owned()),
            };
            let next = match fetched {
                Ok(bytes) if is_to_save => {
                    save(&bytes, &safe_name.get_value());
                    Progress::Away
                }
                Ok(bytes) => shown(&bytes),
                Err(words) => Progress::Failed(words),
            };
            // The post may have gone meanwhile.
            progress.try_set(next);
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
                progress.try_set(shown(&bytes));
            }
        });
    }
    on_cleanup(move || {
        if let Some(Progress::Shown(address)) = progress.try_get_untracked() {
            browser::forget_address(&address);
        }
    });
    let label = name.clone();
    let picture = move || match progress.get() {
        Progress::Shown(address) => Some(view! {
            <img
                class="post-picture"
                data-testid="post-picture"
                src=address
                width=width.clone()
                height=height.clone()
                alt=label.clone()
            />
        }),
        _ => None,
    };
    let can_show = move || is_picture && !matches!(progress.get(), Progress::Shown(_) | Progress::Coming);
    let is_coming = move || progress.get() == Progress::Coming;
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

/// A picture, if its own head says that the browser may draw it.
fn shown(bytes: &[u8]) -> Progress {
    let head = Head::read(bytes).filter(is_shown);
    let address = head.and_then(|head| browser::address_of(bytes, head.kind.media_type()));
    address.map_or_else(|| Progress::Failed(texts::talk::NOT_SHOWN.to_owned()), Progress::Shown)
}

/// Saves bytes where people find what they download. They are of no kind that a browser opens by itself.
fn save(bytes: &[u8], name: &str) {
    if let Some(address) = browser::address_of(bytes, "application/octet-stream") {
        browser::save_address(name, &address);
    }
}
