//! Pictures on the clipboard, where the browser has one for the page.

use js_sys::{Array, Function, Object, Promise, Reflect};
use leptos::web_sys::{self, HtmlCanvasElement};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// Puts what a canvas shows on the clipboard, as PNG. `None` where that is not to be had or not allowed.
pub(crate) async fn copy_picture(canvas: &HtmlCanvasElement) -> Option<()> {
    let window = web_sys::window()?;
    let item: Function = Reflect::get(&window, &"ClipboardItem".into()).ok()?.dyn_into().ok()?;
    let source = canvas.clone();
    // The clipboard takes a promise, so that it is asked while the press of the button still counts.
    let picture = Promise::new(&mut |made, failed| {
        let tell = Closure::once_into_js(move |blob: JsValue| {
            let told = if blob.is_null() { &failed } else { &made };
            // Both belong to the promise, and settle it.
            let _ = told.call1(&JsValue::UNDEFINED, &blob);
        });
        // It fails on a canvas with foreign pictures only.
        let _ = source.to_blob(tell.unchecked_ref());
    });
    let kinds = Object::new();
    Reflect::set(&kinds, &"image/png".into(), &picture).ok()?;
    let item = Reflect::construct(&item, &Array::of1(&kinds)).ok()?;
    let clipboard = Reflect::get(&window.navigator(), &"clipboard".into()).ok()?;
    let write: Function = Reflect::get(&clipboard, &"write".into()).ok()?.dyn_into().ok()?;
    let written: Promise = write.call1(&clipboard, &Array::of1(&item)).ok()?.dyn_into().ok()?;
    JsFuture::from(written).await.ok().map(drop)
}
