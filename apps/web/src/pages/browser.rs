//! The browser around the page: its address, storage, clipboard and network, none of which may be there.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use leptos::prelude::{on_cleanup, set_timeout};
use leptos::web_sys;
use meshwork_play::shelf::{Refused, RequestClock};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// The least space for another room, in bytes: a conversation or a canvas with years of use, without its files.
const SPACE_LOW: f64 = 16.0 * 1024.0 * 1024.0;

// What is not there over plain http, and what extensions put others in the place of: an exception that no import catches leaves what
// the page holds borrowed.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch)]
    fn fetch(address: &str, options: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = ["navigator", "clipboard"], js_name = writeText, catch)]
    fn write_text(text: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = navigator, js_name = share, catch)]
    fn share_data(data: &JsValue) -> Result<JsValue, JsValue>;
}

/// What a call came to that should return a promise, which is followed by one of this page's own: one that is none cannot throw here.
///
/// # Errors
/// What the call threw, or with what its promise was rejected.
pub(crate) async fn settled(called: Result<JsValue, JsValue>) -> Result<JsValue, JsValue> {
    let returned = called?;
    let followed = js_sys::Promise::new(&mut |resolve, _| {
        // A resolver throws nothing.
        let _ = resolve.call1(&JsValue::UNDEFINED, &returned);
    });
    JsFuture::from(followed).await
}

/// The key of an event. What fills fields for people sends events without one.
pub(crate) fn key(event: &impl AsRef<JsValue>) -> String {
    text_of(event.as_ref(), "key")
}

/// The place of an event's key on the keyboard.
pub(crate) fn code(event: &impl AsRef<JsValue>) -> String {
    text_of(event.as_ref(), "code")
}

fn text_of(event: &JsValue, name: &str) -> String {
    js_sys::Reflect::get(event, &name.into()).ok().and_then(|text| text.as_string()).unwrap_or_default()
}

fn window() -> Option<web_sys::Window> {
    web_sys::window()
}

/// The page's whole address.
pub(crate) fn href() -> String {
    window().and_then(|window| window.location().href().ok()).unwrap_or_default()
}

/// The host in the page's address.
pub(crate) fn host() -> String {
    window().and_then(|window| window.location().hostname().ok()).unwrap_or_default()
}

/// The address of the server that the page comes from: `http(s)://HOST`, and its path where it has one.
pub(crate) fn server() -> String {
    let origin = window().and_then(|window| window.location().origin().ok()).unwrap_or_default();
    origin + &base()
}

/// An address below the server's, such as `/place`.
pub(crate) fn at(path: &str) -> String {
    base() + path
}

/// The path of the page's address, below the server's.
pub(crate) fn path() -> String {
    let path = window().and_then(|window| window.location().pathname().ok()).unwrap_or_default();
    path.strip_prefix(&base()).map_or(path.clone(), str::to_owned)
}

/// The path of the server's address, such as `/mesh`: empty for most. The page's files name it.
fn base() -> String {
    let document = window().and_then(|window| window.document());
    let script =
        document.and_then(|document| document.query_selector("script[src*='/assets/']").ok().flatten());
    let source = script.and_then(|script| script.get_attribute("src")).unwrap_or_default();
    source.split_once("/assets/").map_or_else(String::new, |(base, _)| base.to_owned())
}

/// A number that nobody else draws.
pub(crate) fn random() -> u64 {
    let part = || u64::from((js_sys::Math::random() * f64::from(u32::MAX)) as u32);
    part() << u32::BITS | part()
}

/// Whether a sheet or another dialog lies over the page.
pub(crate) fn is_sheet_open() -> bool {
    let document = window().and_then(|window| window.document());
    document.and_then(|document| document.query_selector("dialog[open]").ok().flatten()).is_some()
}

/// Ends after this long.
pub(crate) async fn pause(length: Duration) {
    let passed = js_sys::Promise::new(&mut |resolve, _| {
        set_timeout(move || drop(resolve.call0(&JsValue::UNDEFINED)), length);
    });
    // It is never rejected.
    let _ = JsFuture::from(passed).await;
}

/// Loads another address.
pub(crate) fn go_to(address: &str) {
    if let Some(window) = window() {
        // An address that cannot be loaded leaves the page as it is.
        let _ = window.location().assign(address);
    }
}

/// Shows another address in a tab of its own.
pub(crate) fn open_beside(address: &str) {
    if let Some(window) = window() {
        // A browser that opens no tab leaves everything as it is.
        let _ = window.open_with_url_and_target(address, "_blank");
    }
}

/// Loads the page again.
pub(crate) fn reload() {
    if let Some(window) = window() {
        let _ = window.location().reload();
    }
}

fn history() -> Option<web_sys::History> {
    window()?.history().ok()
}

/// Shows another address without loading it: as a new entry of the history, or in place of the present one.
pub(crate) fn show_address(address: &str, as_new: bool) {
    let Some(history) = history() else { return };
    let trace = history.state().unwrap_or(JsValue::NULL);
    // Browsers refuse it when it is done too often; the address then stays behind, nothing else.
    let _ = if as_new {
        history.push_state_with_url(&trace, "", Some(address))
    } else {
        history.replace_state_with_url(&trace, "", Some(address))
    };
}

/// Leaves a word beside the page's entry in the history, which outlives a reload even when the profile's storage
/// is cleared, and returns the one that was left there before.
pub(crate) fn exchange_trace(word: &str) -> Option<String> {
    let history = history()?;
    let before = history.state().ok().and_then(|state| state.as_string());
    // A browser that refuses it remembers nothing.
    let _ = history.replace_state(&JsValue::from_str(word), "");
    before
}

/// Under this name the page keeps whether letters are keys.
const LETTERS_KEY: &str = "meshwork-letter-keys";

/// Whether letters are keys of what is drawn on.
pub(crate) fn are_letters_on() -> bool {
    stored(LETTERS_KEY).as_deref() != Some("off")
}

/// Lets letters be keys of what is drawn on, or not.
pub(crate) fn set_letters(are_on: bool) {
    store(LETTERS_KEY, if are_on { "on" } else { "off" });
}

/// Files of a dropped folder that are taken at most.
const DROPPED_MAX: usize = 1000;
/// Kinds of files that browsers show as pictures.
pub(crate) const PICTURES: &str = "image/png,image/jpeg,image/gif,image/webp";

/// Lets one choose a file of these kinds, and takes it.
pub(crate) fn choose_file(kinds: &str, take: impl FnOnce(web_sys::File) + 'static) {
    choose(kinds, false, |mut files| {
        if let Some(file) = files.pop() {
            take(file);
        }
    });
}

/// Lets one choose files of every kind, and takes them.
pub(crate) fn choose_files(take: impl FnOnce(Vec<web_sys::File>) + 'static) {
    choose("", true, take);
}

/// Lets one choose a folder, and takes its files with their paths below the folder.
pub(crate) fn choose_folder(take: impl FnOnce(Vec<(String, web_sys::File)>) + 'static) {
    let below = |path: String| path.split_once('/').map_or(path.clone(), |(_, below)| below.to_owned());
    let path = move |file: &web_sys::File| match text_of(file.as_ref(), "webkitRelativePath") {
        path if path.is_empty() => file.name(),
        path => below(path),
    };
    let with_paths =
        move |files: Vec<web_sys::File>| take(files.into_iter().map(|file| (path(&file), file)).collect());
    choose_by(|input| input.set_attribute("webkitdirectory", "").is_ok(), with_paths);
}

/// Files and folders that were dropped, with the paths of files below the folder that was dropped. The list of what was dropped is
/// read before this returns: it is empty afterwards.
pub(crate) fn dropped(
    data: &web_sys::DataTransfer,
) -> impl Future<Output = Vec<(String, web_sys::File)>> + use<> {
    fn get(from: &JsValue, name: &str) -> JsValue {
        js_sys::Reflect::get(from, &name.into()).unwrap_or_default()
    }
    fn call(on: &JsValue, name: &str) -> JsValue {
        let method = get(on, name).dyn_into::<js_sys::Function>();
        method.and_then(|method| method.call0(on)).unwrap_or_default()
    }
    let items = get(data.as_ref(), "items");
    let count = get(&items, "length").as_f64().unwrap_or_default() as u32;
    let entries: Vec<JsValue> = (0..count)
        .map(|place| js_sys::Reflect::get_u32(&items, place).unwrap_or_default())
        .map(|item| call(&item, "webkitGetAsEntry"))
        .filter(|entry| entry.is_object())
        .collect();
    let plain = listed(data.files());
    async move {
        if entries.iter().all(|entry| get(entry, "isFile").is_truthy()) {
            return plain.into_iter().map(|file| (file.name(), file)).collect();
        }
        let (mut found, mut waiting) = (Vec::new(), Vec::new());
        let root = entries.len() == 1;
        waiting.extend(entries.into_iter().map(|entry| (String::new(), entry, root)));
        while let Some((path, entry, is_root)) = waiting.pop() {
            let name = text_of(&entry, "name");
            if get(&entry, "isFile").is_truthy() {
                let file = answered(&entry, "file").await.and_then(|file| file.dyn_into().ok());
                found.extend(file.map(|file: web_sys::File| (format!("{path}{name}"), file)));
                continue;
            }
            let below = if is_root { String::new() } else { format!("{path}{name}/") };
            let reader = call(&entry, "createReader");
            // It hands out some hundred at a time.
            while let Some(some) =
                answered(&reader, "readEntries").await.map(|some| js_sys::Array::from(&some))
                && some.length() > 0
                && found.len() + waiting.len() < DROPPED_MAX
            {
                waiting.extend(some.iter().map(|entry| (below.clone(), entry, false)));
            }
        }
        found
    }
}

/// What a method hands to its first function: an old way of answering, with a second function for failures.
async fn answered(on: &JsValue, name: &str) -> Option<JsValue> {
    let method: js_sys::Function = js_sys::Reflect::get(on, &name.into()).ok()?.dyn_into().ok()?;
    let answer = js_sys::Promise::new(&mut |take, fail| {
        // A failure is reported by its second function.
        let _ = method.call2(on, &take, &fail);
    });
    JsFuture::from(answer).await.ok()
}

/// The files of a list that a browser hands out.
pub(crate) fn listed(files: Option<web_sys::FileList>) -> Vec<web_sys::File> {
    let Some(files) = files else { return Vec::new() };
    (0..files.length()).filter_map(|place| files.get(place)).collect()
}

fn choose(kinds: &str, takes_many: bool, take: impl FnOnce(Vec<web_sys::File>) + 'static) {
    let prepare = |input: &web_sys::HtmlInputElement| {
        input.set_accept(kinds);
        input.set_multiple(takes_many);
        true
    };
    choose_by(prepare, take);
}

fn choose_by(
    prepare: impl FnOnce(&web_sys::HtmlInputElement) -> bool,
    take: impl FnOnce(Vec<web_sys::File>) + 'static,
) {
    let element = window().and_then(|window| window.document()?.create_element("input").ok());
    let Some(Ok(input)) = element.map(|element| element.dyn_into::<web_sys::HtmlInputElement>()) else {
        return;
    };
    input.set_type("file");
    if !prepare(&input) {
        return;
    }
    let taken = input.clone();
    let take = Closure::once_into_js(move || {
        let files = listed(taken.files());
        if !files.is_empty() {
            take(files);
        }
    });
    // It is a name of an event.
    let _ = input.add_event_listener_with_callback("change", take.unchecked_ref());
    input.click();
}

/// Saves a text as a file, where people find what they load down.
pub(crate) fn save_text(name: &str, text: &str) -> Option<()> {
    let parts = js_sys::Array::of1(&JsValue::from_str(text));
    let blob = web_sys::Blob::new_with_str_sequence(&parts).ok()?;
    save_blob(name, &blob)
}

/// Saves bytes as a file.
pub(crate) fn save_blob(name: &str, blob: &web_sys::Blob) -> Option<()> {
    save_address(name, &web_sys::Url::create_object_url_with_blob(blob).ok()?)
}

/// Saves the bytes at an address of the browser's as a file, and lets go of them.
pub(crate) fn save_address(name: &str, address: &str) -> Option<()> {
    let anchor: web_sys::HtmlAnchorElement =
        window()?.document()?.create_element("a").ok()?.dyn_into().ok()?;
    anchor.set_href(address);
    anchor.set_download(name);
    anchor.click();
    // The download has begun with the click; the address is needed for a moment only.
    let address = address.to_owned();
    leptos::prelude::set_timeout(move || forget_address(&address), std::time::Duration::from_secs(10));
    Some(())
}

/// An address at which the browser finds these bytes of a media type, until [`forget_address`].
pub(crate) fn address_of(bytes: &[u8], kind: &str) -> Option<String> {
    let parts = js_sys::Array::of1(&js_sys::Uint8Array::from(bytes));
    let options = web_sys::BlobPropertyBag::new();
    options.set_type(kind);
    let blob = web_sys::Blob::new_with_u8_array_sequence_and_options(&parts, &options).ok()?;
    web_sys::Url::create_object_url_with_blob(&blob).ok()
}

/// Lets go of the bytes at an address of [`address_of`].
pub(crate) fn forget_address(address: &str) {
    // An address that is none holds nothing.
    let _ = web_sys::Url::revoke_object_url(address);
}

/// The bytes of a file.
pub(crate) async fn bytes_of(file: &web_sys::Blob) -> Option<Vec<u8>> {
    let buffer = JsFuture::from(file.array_buffer()).await.ok()?;
    Some(js_sys::Uint8Array::new(&buffer).to_vec())
}

/// The picture that a file is; `None` if the browser cannot read it.
pub(crate) async fn decoded(file: &web_sys::Blob) -> Option<web_sys::ImageBitmap> {
    let image = window()?.create_image_bitmap_with_blob(file).ok()?;
    JsFuture::from(image).await.ok()?.dyn_into().ok()
}

/// The middle of a picture as a square of at most `side` pixels, as WebP or JPEG of at most `length` bytes: smaller and coarser
/// until it fits. `None` for a file that the browser reads as no picture.
pub(crate) async fn square_picture(file: &web_sys::Blob, side: u32, length: usize) -> Option<Vec<u8>> {
    let image = decoded(file).await?;
    let canvas: web_sys::HtmlCanvasElement =
        window()?.document()?.create_element("canvas").ok()?.dyn_into().ok()?;
    let (width, height) = (f64::from(image.width()), f64::from(image.height()));
    let edge = width.min(height);
    let mut side = side;
    while side >= 16 {
        canvas.set_width(side);
        canvas.set_height(side);
        let (left, top) = ((width - edge) / 2.0, (height - edge) / 2.0);
        let to = f64::from(side);
        paper(&canvas)?
            .draw_image_with_image_bitmap_and_sw_and_sh_and_dx_and_dy_and_dw_and_dh(
                &image, left, top, edge, edge, 0.0, 0.0, to, to,
            )
            .ok()?;
        for kind in ["image/webp", "image/jpeg"] {
            for quality in [0.9, 0.7, 0.5] {
                let address = canvas
                    .to_data_url_with_type_and_encoder_options(kind, &JsValue::from_f64(quality))
                    .ok()?;
                let data = address.strip_prefix(&format!("data:{kind};base64,"));
                let bytes = data.and_then(|data| base64::engine::general_purpose::STANDARD.decode(data).ok());
                if let Some(bytes) = bytes.filter(|bytes| bytes.len() <= length) {
                    return Some(bytes);
                }
            }
        }
        side = side * 3 / 4;
    }
    None
}

/// Sets what the browser's tab says.
pub(crate) fn set_title(title: &str) {
    if let Some(document) = window().and_then(|window| window.document()) {
        document.set_title(title);
    }
}

fn storage() -> Option<web_sys::Storage> {
    meshwork_rtc::web::page_storage().ok()
}

thread_local! {
    /// Actions that [`before_page_ends`] registered, by number.
    static ENDS: RefCell<BTreeMap<u64, Rc<dyn Fn()>>> = RefCell::default();
}

/// Runs the actions of [`before_page_ends`] when the page ends or is put aside. Called once, before the page starts its node:
/// Chromium calls all listeners of this event in the order in which they came, and the node leaves its rooms in its own.
pub(crate) fn listen_for_end() {
    let Some(window) = window() else { return };
    let run = Closure::<dyn FnMut()>::new(|| {
        // An action may end others.
        let acts: Vec<_> = ENDS.with_borrow(|ends| ends.values().cloned().collect());
        for act in acts {
            act();
        }
    });
    // It refuses nothing: an event's name and a function, which stays for as long as the page does.
    let _ = window.add_event_listener_with_callback("pagehide", run.as_ref().unchecked_ref());
    run.forget();
}

/// Calls `act` when the page ends or is put aside, as long as the component is there: before the page's node stores its rooms
/// and leaves them.
pub(crate) fn before_page_ends(act: impl Fn() + 'static) {
    let number = ENDS.with_borrow_mut(|ends| {
        let number = ends.last_key_value().map_or(0, |(last, _)| last + 1);
        ends.insert(number, Rc::new(act));
        number
    });
    on_cleanup(move || ENDS.with_borrow_mut(|ends| drop(ends.remove(&number))));
}

/// Asks the browser to keep what this page stores even where its space runs short. Some ask the person first, and none
/// does over plain http.
pub(crate) fn ask_to_keep() {
    if let Some(window) = window() {
        // What comes of it is read where it is shown.
        let _ = window.navigator().storage().persist();
    }
}

/// Whether the browser keeps what this page stores even where its space runs short.
pub(crate) async fn keeps_for_good() -> bool {
    let promise = window().and_then(|window| window.navigator().storage().persisted().ok());
    let Some(promise) = promise else { return false };
    JsFuture::from(promise).await.is_ok_and(|is_kept| is_kept.is_truthy())
}

/// Whether the browser has so little space left for this site that a room of usual size does not fit; not where it does not
/// say.
pub(crate) async fn is_space_low() -> bool {
    let promise = window().and_then(|window| window.navigator().storage().estimate().ok());
    let Some(promise) = promise else { return false };
    let Ok(estimate) = JsFuture::from(promise).await else { return false };
    let number = |name: &str| js_sys::Reflect::get(&estimate, &name.into()).ok()?.as_f64();
    number("quota").zip(number("usage")).is_some_and(|(quota, usage)| quota - usage < SPACE_LOW)
}

/// A value kept in this profile.
pub(crate) fn stored(key: &str) -> Option<String> {
    storage()?.get_item(key).ok()?
}

/// Keeps a value in this profile, where the browser lets us.
pub(crate) fn store(key: &str, value: &str) {
    if let Some(storage) = storage() {
        // Refused storage is told once, by the identity.
        let _ = storage.set_item(key, value);
    }
}

/// Keeps a value no longer.
pub(crate) fn unstore(key: &str) {
    if let Some(storage) = storage() {
        // Who may not write has nothing to remove.
        let _ = storage.remove_item(key);
    }
}

/// Keeps no value of this page any longer. Other pages of the profile hear of it.
pub(crate) fn unstore_all() {
    if let Some(storage) = storage() {
        // Who may not write has nothing to remove.
        let _ = storage.clear();
    }
}

/// The names of all values that are kept in this profile.
pub(crate) fn stored_names() -> Vec<String> {
    let Some(storage) = storage() else { return Vec::new() };
    let length = storage.length().unwrap_or_default();
    (0..length).filter_map(|place| storage.key(place).ok()?).collect()
}

/// Puts a text on the clipboard, where the page has one of its own: pages over plain http have none. Returns whether it is there.
pub(crate) async fn copy_alone(text: &str) -> bool {
    settled(write_text(text)).await.is_ok()
}

/// Puts a text on the clipboard. Where the page has none of its own, `select` selects the field that has the text, and the browser is
/// told to copy.
pub(crate) async fn copy(text: &str, select: impl FnOnce()) -> bool {
    if copy_alone(text).await {
        return true;
    }
    let Some(window) = window() else { return false };
    select();
    let document = window.document().and_then(|document| document.dyn_into::<web_sys::HtmlDocument>().ok());
    document.is_some_and(|document| document.exec_command("copy").unwrap_or(false))
}

/// Whether the browser has what links are made of; whether that works as well, a trial tells.
pub(crate) fn has_webrtc() -> bool {
    window().is_some_and(|window| {
        js_sys::Reflect::get(&window, &"RTCPeerConnection".into()).is_ok_and(|rtc| rtc.is_function())
    })
}

/// Whether the system offers to send texts to others.
pub(crate) fn can_share() -> bool {
    window().is_some_and(|window| {
        js_sys::Reflect::get(&window.navigator(), &"share".into()).is_ok_and(|share| share.is_function())
    })
}

/// Lets the person send a text by what the system offers. Returns whether it was sent.
pub(crate) async fn share(text: &str) -> bool {
    let data = web_sys::ShareData::new();
    data.set_text(text);
    settled(share_data(&data)).await.is_ok()
}

/// Asks this page's server for an address, with a body if there is one: the status of the answer, and its bytes. `None` if no
/// answer comes.
pub(crate) async fn ask(method: &str, address: &str, body: Option<&[u8]>) -> Option<(u16, Vec<u8>)> {
    let options = web_sys::RequestInit::new();
    options.set_method(method);
    options.set_cache(web_sys::RequestCache::NoStore);
    if let Some(body) = body {
        options.set_body(&js_sys::Uint8Array::from(body));
    }
    let answer: web_sys::Response = settled(fetch(address, &options)).await.ok()?.dyn_into().ok()?;
    let bytes = JsFuture::from(answer.array_buffer().ok()?).await.ok()?;
    Some((answer.status(), js_sys::Uint8Array::new(&bytes).to_vec()))
}

/// The same with a signed request, which `body` returns for its time in milliseconds since 1970. If the server refuses the time, the
/// request is signed once more by the server's clock, and so are later ones of this page.
pub(crate) async fn ask_signed(
    method: &str,
    address: &str,
    body: impl Fn(u64) -> Vec<u8>,
) -> Option<(u16, Vec<u8>)> {
    thread_local! {
        static CLOCK: Cell<RequestClock> = Cell::default();
    }
    let own_ms = || js_sys::Date::now() as u64;
    let signed = || body(CLOCK.get().at_ms(own_ms()));
    let (status, answer) = ask(method, address, Some(&signed())).await?;
    let refused: Option<Refused> = serde_json::from_slice(&answer).ok().filter(|_| status > 399);
    let mut clock = CLOCK.get();
    if !refused.is_some_and(|refused| clock.handle_refused(own_ms(), &refused)) {
        return Some((status, answer));
    }
    CLOCK.set(clock);
    ask(method, address, Some(&signed())).await
}

/// Whether the server that gave this page answers now.
pub(crate) async fn is_server_healthy() -> bool {
    let options = web_sys::RequestInit::new();
    options.set_cache(web_sys::RequestCache::NoStore);
    let answer = settled(fetch(&at("/health"), &options)).await;
    answer
        .ok()
        .and_then(|answer| answer.dyn_into::<web_sys::Response>().ok())
        .is_some_and(|answer| answer.ok())
}

/// Whether the person asked their system for less motion.
pub(crate) fn wants_no_motion() -> bool {
    thread_local! {
        // It is asked for each cursor that moves, and follows what the person says by itself.
        static QUERY: Option<web_sys::MediaQueryList> =
            window().and_then(|window| window.match_media("(prefers-reduced-motion: reduce)").ok().flatten());
    }
    QUERY.with(|query| query.as_ref().is_some_and(web_sys::MediaQueryList::matches))
}

/// Whether the person does not point with fingers: then a field may take the focus by itself, since no keyboard comes over
/// the page with it.
pub(crate) fn has_mouse() -> bool {
    matches("not all and (pointer: coarse)")
}

/// Whether the page is as a media query says, now.
pub(crate) fn matches(query: &str) -> bool {
    let query = window().and_then(|window| window.match_media(query).ok().flatten());
    query.is_some_and(|query| query.matches())
}

/// The element with this id, if the page has one.
pub(crate) fn element(id: &str) -> Option<web_sys::Element> {
    window()?.document()?.get_element_by_id(id)
}

/// Gives the focus to what has this id, where the page has that.
pub(crate) fn focus(id: &str) {
    if let Some(element) = element(id).and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
        // It is in the page.
        let _ = element.focus();
    }
}

/// Scrolls to the element of this id, if the page has it, so that it stands in the middle.
pub(crate) fn scroll_to(id: &str) {
    if let Some(element) = element(id) {
        let options = web_sys::ScrollIntoViewOptions::new();
        options.set_block(web_sys::ScrollLogicalPosition::Center);
        element.scroll_into_view_with_scroll_into_view_options(&options);
    }
}

/// Whether keys have the names of a Mac.
pub(crate) fn is_apple() -> bool {
    let platform = window().and_then(|window| window.navigator().platform().ok()).unwrap_or_default();
    platform.starts_with("Mac") || platform.starts_with("iP")
}

/// A moment as people here say it: `12:03` of today, with the seconds where they count, else the day before it.
pub(crate) fn time_in_words(millis: u64, with_seconds: bool) -> String {
    let date = js_sys::Date::new(&JsValue::from_f64(millis as f64));
    let today = js_sys::Date::new_0();
    let two = |number: u32| format!("{number:02}");
    let time = format!("{}:{}", two(date.get_hours()), two(date.get_minutes()));
    let day = |date: &js_sys::Date| (date.get_full_year(), date.get_month(), date.get_date());
    if day(&date) == day(&today) {
        return if with_seconds { format!("{time}:{}", two(date.get_seconds())) } else { time };
    }
    let (year, month, number) = day(&date);
    format!("{year}-{}-{}, {time}", two(month + 1), two(number))
}

/// The time of day of a moment: `12:03`.
pub(crate) fn time_of_day(millis: u64) -> String {
    let date = js_sys::Date::new(&JsValue::from_f64(millis as f64));
    format!("{:02}:{:02}", date.get_hours(), date.get_minutes())
}

/// The day of a moment in words: `14 Nov 2026`.
pub(crate) fn day_in_words(millis: u64) -> String {
    // The day of the week and the day in English, whatever the language: `Sat Nov 14 2026` (ECMA-262, 21.4.4.35).
    let text = String::from(js_sys::Date::new(&JsValue::from_f64(millis as f64)).to_date_string());
    let mut words = text.split(' ').skip(1);
    let mut next = || words.next().unwrap_or_default();
    let (month, day, year) = (next(), next(), next());
    [day.trim_start_matches('0'), month, year].join(" ")
}

/// A text's characters as readers see them, one by one (Unicode Standard Annex 29); code points where the browser cannot
/// tell.
pub(crate) fn characters(text: &str) -> Vec<String> {
    segments(text).unwrap_or_else(|| text.chars().map(String::from).collect())
}

fn segments(text: &str) -> Option<Vec<String>> {
    let get = |from: &JsValue, name: &str| js_sys::Reflect::get(from, &name.into()).ok();
    let segmenter: js_sys::Function = get(&get(&js_sys::global(), "Intl")?, "Segmenter")?.dyn_into().ok()?;
    let segmenter = js_sys::Reflect::construct(&segmenter, &js_sys::Array::new()).ok()?;
    let segment: js_sys::Function = get(&segmenter, "segment")?.dyn_into().ok()?;
    let found = js_sys::Array::from(&segment.call1(&segmenter, &text.into()).ok()?);
    found.iter().map(|part| get(&part, "segment")?.as_string()).collect()
}

/// Width of the page in CSS pixels; 0 where it has none.
pub(crate) fn width() -> f64 {
    window().and_then(|window| window.inner_width().ok()?.as_f64()).unwrap_or(0.0)
}

/// Height of the page in CSS pixels; 0 where it has none.
pub(crate) fn height() -> f64 {
    window().and_then(|window| window.inner_height().ok()?.as_f64()).unwrap_or(0.0)
}

/// Milliseconds on the page's clock.
pub(crate) fn milliseconds() -> f64 {
    let clock = window().and_then(|window| window.performance());
    clock.map_or_else(js_sys::Date::now, |clock| clock.now())
}

/// Now, as `YYYY-MM-DDTHH:MM:SS.mmmZ`.
pub(crate) fn iso_time() -> String {
    js_sys::Date::new_0().to_iso_string().into()
}

/// The time on the clock of this device, as `HH:MM:SS`.
pub(crate) fn clock() -> String {
    String::from(js_sys::Date::new_0().to_time_string()).split(' ').next().unwrap_or_default().to_owned()
}

/// Whether nobody looks at the page.
pub(crate) fn is_hidden() -> bool {
    web_sys::window().and_then(|window| window.document()).is_some_and(|page| page.hidden())
}

/// What draws on a canvas; nothing where the browser has no more of that.
pub(crate) fn paper(canvas: &web_sys::HtmlCanvasElement) -> Option<web_sys::CanvasRenderingContext2d> {
    canvas.get_context("2d").ok()??.dyn_into().ok()
}
