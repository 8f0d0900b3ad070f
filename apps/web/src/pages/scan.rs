//! Reading a QR code with the camera, in browsers that can.

use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use leptos::task::spawn_local;
use leptos::web_sys::{self, HtmlVideoElement, MediaStream, MediaStreamConstraints, MediaStreamTrack};
use meshwork_web::texts;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::browser;

/// How often a picture is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

#[wasm_bindgen]
extern "C" {
    /// The Barcode Detection API, which not all browsers have (WICG draft).
    type BarcodeDetector;
    #[wasm_bindgen(constructor, catch)]
    fn new() -> Result<BarcodeDetector, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn detect(this: &BarcodeDetector, picture: &JsValue) -> Result<JsValue, JsValue>;
}

/// Whether this browser can read QR codes with a camera.
pub(crate) fn is_possible() -> bool {
    let has = |object: &JsValue, name: &str| {
        js_sys::Reflect::get(object, &name.into()).is_ok_and(|value| value.is_object() || value.is_function())
    };
    web_sys::window()
        .is_some_and(|window| has(&window, "BarcodeDetector") && has(&window.navigator(), "mediaDevices"))
}

/// What the camera sees, until a code is found in it.
#[component]
pub(crate) fn Scan(
    /// Hears what the code says.
    on_found: Callback<String>,
) -> impl IntoView {
    let video = NodeRef::<html::Video>::new();
    let stream: StoredValue<Option<MediaStream>, LocalStorage> = StoredValue::new_local(None);
    let problem = RwSignal::new(None::<&'static str>);
    Effect::new(move || {
        let Some(video) = video.get() else { return };
        spawn_local(async move {
            if look(video, stream, on_found).await.is_none() {
                problem.set(Some(texts::meet::NO_CAMERA));
            }
        });
    });
    on_cleanup(move || {
        let seen = stream.try_update_value(Option::take).flatten();
        for track in seen.iter().flat_map(|stream| stream.get_tracks()) {
            track.unchecked_into::<MediaStreamTrack>().stop();
        }
    });
    view! {
        <video
            class="camera"
            node_ref=video
            muted
            playsinline
            autoplay
            aria-label=texts::meet::CAMERA_SEES
        ></video>
        <p class="complaint" role="alert">{move || problem.get()}</p>
    }
}

/// Looks through the camera until a code is found or the view is gone; `None` when it cannot be used.
async fn look(
    video: HtmlVideoElement,
    stream: StoredValue<Option<MediaStream>, LocalStorage>,
    on_found: Callback<String>,
) -> Option<()> {
    let detector = BarcodeDetector::new().ok()?;
    let devices = web_sys::window()?.navigator().media_devices().ok()?;
    let wanted = MediaStreamConstraints::new();
    let facing = js_sys::Object::new();
    js_sys::Reflect::set(&facing, &"facingMode".into(), &"environment".into()).ok()?;
    wanted.set_video(&facing);
    let seen = JsFuture::from(devices.get_user_media_with_constraints(&wanted).ok()?).await.ok()?;
    let seen: MediaStream = seen.dyn_into().ok()?;
    video.set_src_object(Some(&seen));
    // A view that is gone meanwhile stops the camera itself.
    if stream.try_update_value(|slot| *slot = Some(seen.clone())).is_none() {
        seen.get_tracks().iter().for_each(|track| track.unchecked_into::<MediaStreamTrack>().stop());
        return Some(());
    }
    while stream.try_with_value(Option::is_some) == Some(true) {
        // A picture that cannot be looked at is followed by another.
        if let Ok(found) = browser::settled(detector.detect(&video)).await
            && let Some(first) = found.dyn_into::<js_sys::Array>().ok().and_then(|found| found.iter().next())
            && let Ok(text) = js_sys::Reflect::get(&first, &"rawValue".into())
            && let Some(text) = text.as_string()
        {
            on_found.run(text);
            return Some(());
        }
        browser::pause(LOOK_INTERVAL).await;
    }
    Some(())
}
