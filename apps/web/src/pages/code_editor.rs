//! The editor of code: numbered lines, JavaScript in colours, and an error at its line.

use js_sys::{Array, Function, Promise, Reflect};
use leptos::web_sys::Element;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// Loads the script; the page's own first script has this, since no other can.
    #[wasm_bindgen(js_name = loadEditor, catch)]
    fn load_editor() -> Result<Promise, JsValue>;

    /// `Code` of `apps/web/editor/code.js`.
    #[derive(Clone, Debug)]
    type Code;

    #[wasm_bindgen(method, catch, js_name = setText)]
    fn set_text(this: &Code, text: &str) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch, js_name = setFault)]
    fn set_fault(this: &Code, line: u32, message: &str, place: &str) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    fn end(this: &Code) -> Result<(), JsValue>;
}

/// An editor that is on the page, and what it calls. It is removed on drop.
pub(crate) struct CodeEditor {
    code: Code,
    _changed: Closure<dyn Fn(String)>,
}

impl CodeEditor {
    /// Loads an editor into an element. `changed` is called with the text when somebody changes it. `None` if it cannot be loaded.
    pub(crate) async fn load(
        parent: &Element,
        label: &str,
        changed: impl Fn(String) + 'static,
    ) -> Option<CodeEditor> {
        let script = JsFuture::from(load_editor().ok()?).await.ok()?;
        let make: Function = Reflect::get(&script, &"code".into()).ok()?.dyn_into().ok()?;
        let changed = Closure::<dyn Fn(String)>::new(changed);
        let given = Array::of3(parent, &label.into(), changed.as_ref());
        let code: Code = make.apply(&JsValue::UNDEFINED, &given).ok()?.unchecked_into();
        Some(CodeEditor { code, _changed: changed })
    }

    /// Shows another text.
    pub(crate) fn set_text(&self, text: &str) {
        // A text that an editor cannot show leaves the one before.
        let _ = self.code.set_text(text);
    }

    /// Shows an error at a line; none at line 0.
    pub(crate) fn set_fault(&self, line: u32, message: &str, place: &str) {
        // A text that an editor cannot show an error in is shown without.
        let _ = self.code.set_fault(line, message, place);
    }
}

impl Drop for CodeEditor {
    fn drop(&mut self) {
        let _ = self.code.end();
    }
}
