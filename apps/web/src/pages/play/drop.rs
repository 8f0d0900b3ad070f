//! Elements on which files and folders are dropped.

use leptos::attr::Attribute;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys::{DragEvent, File};

use super::super::browser;

/// Attributes of an element that hands dropped files with their paths to `take`. It has the class `over` while files are over it.
pub(super) fn drops(take: impl AsyncFn(Vec<(String, File)>) + Copy + 'static) -> impl Attribute {
    let is_over = RwSignal::new(false);
    let over = move |event: DragEvent| {
        event.prevent_default();
        is_over.set(true);
    };
    let drop = move |event: DragEvent| {
        event.prevent_default();
        is_over.set(false);
        if let Some(files) = event.data_transfer().map(|data| browser::dropped(&data)) {
            spawn_local(async move { take(files.await).await });
        }
    };
    view! { <{..} class:over=is_over on:dragover=over on:dragleave=move |_| is_over.set(false) on:drop=drop/> }
}
