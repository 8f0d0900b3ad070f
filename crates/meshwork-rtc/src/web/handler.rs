//! Event handlers that live as long as what they are set on, and the words of a JavaScript exception.

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::JsCast as _;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// Longest text taken from an exception, in characters: one sentence for people.
const WORDS_MAX: usize = 200;

/// A function that JavaScript may call with an event, until it is dropped.
pub(crate) struct Handler(Closure<dyn FnMut(JsValue)>);

impl Handler {
    /// Wraps `callback`, which gets the event.
    pub(crate) fn new<E: JsCast>(mut callback: impl FnMut(E) + 'static) -> Handler {
        Handler(Closure::new(move |event: JsValue| callback(event.unchecked_into())))
    }

    /// The function, to be set on its target.
    pub(crate) fn function(&self) -> &Function {
        self.0.as_ref().unchecked_ref()
    }
}

/// What an exception or an error event says, for people.
pub(crate) fn words(error: &JsValue) -> String {
    let text = error
        .as_string()
        .or_else(|| property(error, "message").and_then(|message| message.as_string()))
        .or_else(|| property(error, "error").and_then(|inner| property(&inner, "message")?.as_string()))
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "the browser gives no reason".to_owned());
    text.chars().take(WORDS_MAX).collect()
}

/// A property of an object, unless it is missing or null.
pub(crate) fn property(object: &JsValue, name: &str) -> Option<JsValue> {
    if !object.is_object() && !object.is_function() {
        return None;
    }
    let value = Reflect::get(object, &JsValue::from_str(name)).ok()?;
    (!value.is_undefined() && !value.is_null()).then_some(value)
}

/// Calls a method without arguments, if the object has it.
pub(crate) fn call(object: &JsValue, name: &str) -> Option<JsValue> {
    property(object, name)?.dyn_into::<Function>().ok()?.call0(object).ok()
}

/// An object with these properties.
pub(crate) fn object(properties: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in properties {
        // A fresh object takes any property.
        let _ = Reflect::set(&object, &JsValue::from_str(name), value);
    }
    object.into()
}

/// What a call came to that should return a promise; one that returned something else has come to that. A promise of this page's own
/// follows it, so that one that is none cannot throw here.
///
/// # Errors
/// The browser's words, whether the call threw or its promise was rejected.
pub(crate) async fn settled(called: Result<JsValue, JsValue>) -> Result<JsValue, String> {
    let returned = called.map_err(|error| words(&error))?;
    let followed = Promise::new(&mut |resolve: Function, _| {
        // A resolver throws nothing.
        let _ = resolve.call1(&JsValue::UNDEFINED, &returned);
    });
    JsFuture::from(followed).await.map_err(|error| words(&error))
}
