//! The worker that lets the page load while its server is away, and the line that offers a newer version.

use std::time::Duration;

use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use leptos::task::spawn_local;
use leptos::web_sys::{
    self, ServiceWorker, ServiceWorkerContainer, ServiceWorkerRegistration, ServiceWorkerState,
};
use meshwork_web::texts;
use wasm_bindgen::prelude::*;

use super::browser;

/// The worker below the server's address: a worker is for the pages below its own.
const WORKER: &str = "/sw.js";
/// A page's first worker fetches every file there is, each with a request of its own, so it begins when what the person
/// waits for is long there: 1.1 MB take as long at 1.8 Mbit/s.
const SETTLED: Duration = Duration::from_secs(5);
/// What a worker is told when the person wants the version that it brings.
const CONSENT: &str = "update";

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = ["navigator", "serviceWorker"], catch)]
    fn register(script: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = ["navigator", "serviceWorker"], js_name = getRegistration, catch)]
    fn registration() -> Result<JsValue, JsValue>;
}

/// A newer version that waits for the person's consent.
type Waiting = StoredValue<Option<ServiceWorker>, LocalStorage>;

/// The line that says that a newer version is there, once it is.
#[component]
pub(crate) fn UpdateLine() -> impl IntoView {
    let waiting: Waiting = StoredValue::new_local(None);
    let is_ready = RwSignal::new(false);
    let is_asked = RwSignal::new(false);
    let begin = move || {
        spawn_local(async move {
            // Pages over plain http on a LAN address have no workers: they load while their server is there.
            let _ = watch(waiting, is_ready).await;
        });
    };
    match container().and_then(|container| container.controller()) {
        Some(_) => begin(),
        None => set_timeout(begin, SETTLED),
    }
    let update = move |_| {
        is_asked.set(true);
        if take_over(waiting).is_none() {
            browser::reload();
        }
    };
    view! {
        <div role="status">
            <Show when=move || is_ready.get()>
                <p class="update-line">
                    <span>{texts::notices::NEW_VERSION}</span>
                    <button
                        type="button"
                        class="button secondary"
                        class:busy=move || is_asked.get()
                        data-testid="update"
                        title=texts::notices::UPDATE_WHY
                        on:click=update
                    >
                        {texts::notices::UPDATE}
                    </button>
                    <button
                        type="button"
                        class="button plain"
                        on:click=move |_| is_ready.set(false)
                    >
                        {texts::notices::LATER}
                    </button>
                </p>
            </Show>
        </div>
    }
}

/// Loads the page again in the newest version that its server has, where one is kept in the browser as well.
pub(crate) fn load_newest() {
    spawn_local(async {
        if fetch_newest().await.is_none() {
            browser::reload();
        }
    });
}

/// Asks for a newer version, and lets it take over once it is there.
async fn fetch_newest() -> Option<()> {
    let registration = browser::settled(registration()).await.ok()?;
    let registration: ServiceWorkerRegistration = registration.dyn_into().ok()?;
    browser::settled(registration.update().map(Into::into)).await.ok()?;
    if let Some(worker) = registration.waiting() {
        return let_take_over(&worker);
    }
    let worker = registration.installing()?;
    let installed = worker.clone();
    let changed = Closure::<dyn FnMut()>::new(move || match installed.state() {
        ServiceWorkerState::Installed if let_take_over(&installed).is_none() => browser::reload(),
        ServiceWorkerState::Redundant => browser::reload(),
        _ => {}
    });
    worker.set_onstatechange(Some(changed.into_js_value().unchecked_ref()));
    Some(())
}

fn container() -> Option<ServiceWorkerContainer> {
    let navigator = web_sys::window()?.navigator();
    let container = js_sys::Reflect::get(&navigator, &"serviceWorker".into()).ok()?;
    container.dyn_into().ok()
}

/// Registers the worker, and notices newer ones as they become ready.
async fn watch(waiting: Waiting, is_ready: RwSignal<bool>) -> Option<()> {
    let registration = browser::settled(register(&browser::at(WORKER))).await.ok()?;
    let registration: ServiceWorkerRegistration = registration.dyn_into().ok()?;
    let offer = move |worker: ServiceWorker| {
        waiting.set_value(Some(worker));
        is_ready.set(true);
    };
    if let Some(worker) = registration.waiting() {
        offer(worker);
    }
    let source = registration.clone();
    let found = Closure::<dyn FnMut()>::new(move || {
        let Some(worker) = source.installing() else { return };
        // The first version of all is no newer one.
        if source.active().is_none() {
            return;
        }
        let installed = worker.clone();
        let changed = Closure::<dyn FnMut()>::new(move || {
            if installed.state() == ServiceWorkerState::Installed {
                offer(installed.clone());
            }
        });
        // Both live as long as the page does, and there are as many as versions.
        worker.set_onstatechange(Some(changed.into_js_value().unchecked_ref()));
    });
    registration.set_onupdatefound(Some(found.into_js_value().unchecked_ref()));
    Some(())
}

/// Lets the waiting version take over, then loads the page again; other tabs stay as they are until they load.
fn take_over(waiting: Waiting) -> Option<()> {
    let_take_over(&waiting.try_get_value()??)
}

fn let_take_over(worker: &ServiceWorker) -> Option<()> {
    let reload = Closure::<dyn FnMut()>::new(browser::reload);
    container()?.set_oncontrollerchange(Some(reload.into_js_value().unchecked_ref()));
    worker.post_message(&CONSENT.into()).ok()
}
