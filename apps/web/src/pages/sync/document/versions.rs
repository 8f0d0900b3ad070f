//! Versions of the document that is shown: what people saved, what was changed since, and going back.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::{html, web_sys};
use meshwork_core::id::PeerId;
use meshwork_sync::about::{self, LABEL_MAX, VERSION_MAX, Version};
use meshwork_sync::document::update;
use meshwork_web::texts;

use super::super::super::bead::PersonBead;
use super::super::super::session::set_if_new;
use super::super::super::{browser, icons};
use super::super::counter::called;
use super::super::state::Tab;
use super::desk::{self, Row};
use super::state::Writing;

/// How long nobody writes before the document is compared anew: a comparison of a megabyte takes 150 ms, in which nothing that
/// is typed shows.
const QUIET: Duration = Duration::from_millis(500);

/// What people saved. Copies are the same ones.
#[derive(Clone, Copy)]
pub(super) struct Versions {
    writing: Writing,
    list: RwSignal<Vec<Version>>,
    /// The one that the document is compared with.
    chosen: RwSignal<Option<Version>>,
    /// What was changed since then.
    rows: RwSignal<Vec<Row>>,
    /// Why something was not done.
    problem: RwSignal<Option<String>>,
    /// Whether something is under way.
    is_busy: RwSignal<bool>,
}

impl Versions {
    fn new(writing: Writing) -> Versions {
        let versions = Versions {
            writing,
            list: RwSignal::new(Vec::new()),
            chosen: RwSignal::new(None),
            rows: RwSignal::new(Vec::new()),
            problem: RwSignal::new(None),
            is_busy: RwSignal::new(false),
        };
        Effect::new(move || {
            let name = writing.chosen.get();
            writing.sync.changes.track();
            let list = writing.sync.look(|table| about::versions(table, &name)).unwrap_or_default();
            let is_gone = versions.chosen.with_untracked(|chosen| {
                chosen.as_ref().is_some_and(|chosen| list.iter().all(|version| version != chosen))
            });
            if is_gone {
                versions.chosen.set(None);
            }
            set_if_new(versions.list, list);
        });
        Effect::new(move || versions.follow(writing.edits.get()));
        versions
    }

    /// Compares the document anew once nobody writes in it any more; so many changes of it were told.
    fn follow(self, edits: usize) {
        if self.chosen.with_untracked(Option::is_none) {
            return;
        }
        spawn_local(async move {
            browser::pause(QUIET).await;
            // The sheet may have gone meanwhile.
            if self.writing.edits.try_get_untracked() == Some(edits)
                && let Some(Some(version)) = self.chosen.try_get_untracked()
                && let Err(why) = self.compare(version).await
            {
                self.problem.try_set(Some(texts::sentence(&why)));
            }
        });
    }

    /// Does something that takes a while, and says why where it was not done.
    fn act<F: Future<Output = Result<(), String>> + 'static>(self, act: F) {
        self.is_busy.set(true);
        self.problem.set(None);
        spawn_local(async move {
            let done = act.await;
            if !self.is_busy.is_disposed() {
                self.is_busy.set(false);
                self.problem.set(done.err().map(|why| texts::sentence(&why)));
            }
        });
    }

    /// Saves the document under a label, in place of a version that one has under it.
    fn save(self, label: String) {
        let writing = self.writing;
        self.act(async move {
            let label = label.trim();
            if !(1..=LABEL_MAX).contains(&label.len()) {
                return Err(texts::documents::bad_version_name(LABEL_MAX, label.len()));
            }
            writing.desk()?.flush().await?;
            let name = writing.chosen.get_untracked();
            let whole = desk::whole(writing, &name);
            let size = whole.len() as u64;
            if size > VERSION_MAX {
                return Err(texts::documents::version_too_long(VERSION_MAX, size));
            }
            let blob = writing.shelf()?.put(&whole).await?;
            writing.sync.write(|_, me| Ok(about::save(&name, me.peer, label, blob, size)));
            writing.sync.problem.get_untracked().map_or(Ok(()), Err)
        });
    }

    /// Shows what was changed since a version.
    fn choose(self, version: Version) {
        self.chosen.set(Some(version.clone()));
        self.rows.set(Vec::new());
        self.act(self.compare(version));
    }

    async fn compare(self, version: Version) -> Result<(), String> {
        let whole = self.whole(&version).await?;
        let rows = self.writing.desk()?.rows_since(&whole).await?;
        // The sheet may have gone meanwhile.
        if self.chosen.try_with_untracked(|chosen| chosen.as_ref() == Some(&version)) == Some(true) {
            set_if_new(self.rows, rows);
        }
        Ok(())
    }

    async fn whole(self, version: &Version) -> Result<Vec<u8>, String> {
        let shelf = self.writing.shelf()?;
        let whole = shelf.fetch(version.blob, VERSION_MAX).await?;
        // Somebody else wrote it: nothing of it reaches a library unread.
        update::read_long(&whole).map_err(texts::documents::version_unreadable)?;
        Ok(whole)
    }

    fn restore(self, version: Version) {
        self.act(async move {
            let whole = self.whole(&version).await?;
            self.writing.desk()?.go_back(&whole).await?;
            self.compare(version).await
        });
    }

    fn open_copy(self, version: Version) {
        self.act(async move {
            let text = self.writing.desk()?.read(&self.whole(&version).await?)?;
            self.writing.make_of(&version.label, &text).await
        });
    }

    fn delete(self, version: Version) {
        let writing = self.writing;
        self.act(async move {
            let is_deleted =
                writing.sync.write(|_, me| Ok(about::delete(&version.document, me.peer, &version.label)));
            let is_named = writing
                .sync
                .look(|table| about::to_hold(table).iter().any(|other| other.blob == version.blob));
            if is_deleted && is_named == Some(false) {
                writing.shelf()?.free(version.blob).await;
            }
            Ok(())
        });
    }
}

/// The sheet beside the text.
#[component]
pub(super) fn VersionSheet(writing: Writing) -> impl IntoView {
    let versions = Versions::new(writing);
    let label = RwSignal::new(String::new());
    let field = NodeRef::<html::Input>::new();
    Effect::new(move || {
        if let Some(field) = field.get().filter(|_| browser::has_mouse()) {
            // It is in the page.
            let _ = field.focus();
        }
    });
    let (tab, is_panel_taken) = (writing.sync.tab, writing.sync.session.apps.is_panel_taken);
    Effect::new(move || is_panel_taken.set(tab.get() == Tab::Document));
    on_cleanup(move || is_panel_taken.set(false));
    let save = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        versions.save(label.get_untracked());
        label.set(String::new());
    };
    view! {
        <aside class="document-versions" aria-labelledby="versions-title">
            <div class="document-side-head">
                <h2 id="versions-title">{texts::documents::VERSIONS}</h2>
                <button
                    type="button"
                    class="icon-button"
                    aria-label=texts::CLOSE
                    title=texts::CLOSE
                    data-testid="close-versions"
                    on:click=move |_| writing.are_versions_shown.set(false)
                >
                    {icons::cross()}
                </button>
            </div>
            <form class="version-form" on:submit=save>
                <input
                    type="text"
                    class="line-field"
                    data-testid="version-label"
                    node_ref=field
                    aria-label=texts::documents::VERSION_NAME
                    placeholder=texts::documents::NAME_VERSION
                    autocomplete="off"
                    disabled=move || writing.is_shut.get()
                    prop:value=move || label.get()
                    on:input=move |event| label.set(event_target_value(&event))
                />
                <button
                    type="submit"
                    class="button secondary"
                    data-testid="save-version"
                    disabled=move || writing.is_shut.get() || label.with(|label| label.trim().is_empty())
                >
                    {texts::SAVE}
                </button>
            </form>
            <p class="complaint" role="alert" data-testid="version-problem">{move || versions.problem.get()}</p>
            <ul class="version-list" data-testid="version-list">
                <For
                    each=move || versions.list.get()
                    key=|version| (version.label.clone(), version.author, version.stamp.millis())
                    children=move |version| view! { <Entry versions version/> }
                />
            </ul>
            <p class="hint" hidden=move || versions.list.with(|list| !list.is_empty())>
                {texts::documents::NO_VERSIONS}
            </p>
            {move || versions.chosen.get().map(|version| view! { <Comparison versions version/> })}
        </aside>
    }
}

/// One version.
#[component]
fn Entry(versions: Versions, version: Version) -> impl IntoView {
    let sync = versions.writing.sync;
    let (author, at_ms, label) = (version.author, version.stamp.millis(), texts::name(&version.label));
    let by = move || {
        format!("{}, {}", called(sync, author), texts::ago::shown(sync.now_ms.get().saturating_sub(at_ms)))
    };
    let version = StoredValue::new(version);
    let is_chosen = Memo::new(move |_| {
        versions.chosen.with(|chosen| version.with_value(|version| chosen.as_ref() == Some(version)))
    });
    view! {
        <li>
            <button
                type="button"
                data-testid="document-version"
                aria-pressed=move || is_chosen.get().to_string()
                on:click=move |_| versions.choose(version.get_value())
            >
                <PersonBead session=sync.session peer=author/>
                <span class="version-words"><strong>{label}</strong><small>{by}</small></span>
            </button>
        </li>
    }
}

/// What was changed since a version, and what can be done with it.
#[component]
fn Comparison(versions: Versions, version: Version) -> impl IntoView {
    let Versions { writing, rows, is_busy, .. } = versions;
    let is_own = version.author == writing.sync.session.node.peer();
    let title = texts::documents::since(&texts::name(&version.label));
    let version = StoredValue::new(version);
    let count = move |kind: &str| rows.with(|rows| rows.iter().filter(|row| row.kind == kind).count());
    let sums = move || match (count("added"), count("removed")) {
        _ if is_busy.get() => String::new(),
        (0, 0) => texts::documents::UNCHANGED.to_owned(),
        (added, removed) => texts::documents::lines_changed(added, removed),
    };
    let button = move |label: &'static str, test_id: &'static str, act: fn(Versions, Version)| {
        view! {
            <button
                type="button"
                class="button secondary"
                data-testid=test_id
                disabled=move || writing.is_shut.get() || is_busy.get()
                on:click=move |_| act(versions, version.get_value())
            >
                {label}
            </button>
        }
    };
    view! {
        <section class="version-since" aria-labelledby="since-title">
            <div class="version-sums">
                <h3 id="since-title">{title}</h3>
                <span role="status" data-testid="version-sums">{sums}</span>
            </div>
            <ol
                class="version-rows"
                data-testid="version-rows"
                tabindex="0"
                aria-label=texts::documents::CHANGES
            >
                {move || rows.get().into_iter().map(|row| shown(writing, row)).collect_view()}
            </ol>
            <p class="hint">{texts::documents::RESTORING}</p>
            <div class="version-acts">
                {button(texts::documents::RESTORE, "restore-version", Versions::restore)}
                {button(texts::documents::OPEN_COPY, "copy-version", Versions::open_copy)}
                {is_own.then(|| button(texts::DELETE, "delete-version", Versions::delete))}
            </div>
        </section>
    }
}

fn shown(writing: Writing, row: Row) -> AnyView {
    if row.kind == "same" {
        let lines = texts::count(row.count, texts::LINE);
        return view! { <li class="same">{texts::documents::unchanged(&lines)}</li> }.into_any();
    }
    let (sign, spoken) = if row.kind == "added" {
        ("+", texts::documents::ADDED)
    } else {
        ("\u{2212}", texts::documents::REMOVED)
    };
    let author = row.author.and_then(|author| author.parse::<PeerId>().ok());
    let sync = writing.sync;
    let by = author.map(|peer| {
        view! { <span title=move || called(sync, peer)><PersonBead session=sync.session peer/></span> }
    });
    view! {
        <li class=row.kind>
            <span aria-hidden="true">{sign}</span>
            <span class="sr-only">{spoken}</span>
            <span class="version-line">{row.text}</span>
            {by}
        </li>
    }
    .into_any()
}
