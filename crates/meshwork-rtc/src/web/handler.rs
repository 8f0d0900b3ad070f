//! Event handlers that live as long as what they are set on, and the words of a JavaScript exception.

use js_sys::{Function, Reflect};
use wasm_bindgen::JsCast as _;
use wasm_bindgen::prelude::*;

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
