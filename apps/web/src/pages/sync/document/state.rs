//! The documents of a room as the page knows them, and what is done with them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use js_sys::Array;
use leptos::html;
use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use leptos::task::spawn_local;
use leptos::web_sys::Blob;
use meshwork_core::id::{Endpoint, PeerId};
use meshwork_core::node::Event;
use meshwork_core::table::Table;
use meshwork_sync::about::{self, Image, TITLE_MAX};
use meshwork_sync::document::{Change, Documents, Pen, client_of};
use meshwork_sync::plain;
use meshwork_sync::whiteboard::PICTURE_MAX;
use meshwork_web::people::beads;
use meshwork_web::sync::documents::{Listed, file_name, fresh_title, image_reference, listed, title_of_file};
use meshwork_web::texts;
use wasm_bindgen::JsValue;

use super::super::super::browser;
use super::super::super::session::set_if_new;
use super::super::super::shelf::Shelf;
use super::super::shelf;
use super::super::state::{Sync, Tab};
use super::desk::{self, Desk, in_words};

/// The document that a room has in front while it has none, as the guides call it.
const FIRST: &str = "notes";
/// Longest file that becomes a document: beyond, a person's share of the room would soon be used up.
const FILE_MAX: f64 = 1_000_000.0;

/// How far the editor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Editor {
    Loading,
    Here,
    Failed,
}

/// Documents of a room. Copies are the same ones.
#[derive(Clone, Copy)]
pub(super) struct Writing {
    pub(super) sync: Sync,
    /// All of them, and the one that is shown.
    pub(super) list: RwSignal<Vec<Listed>>,
    /// The name of the one that is shown.
    pub(super) chosen: RwSignal<String>,
    /// Whether nobody chose it: the stored documents may not be read yet.
    is_default: StoredValue<bool>,
    /// The one whose title is being changed.
    pub(super) renamed: RwSignal<Option<String>>,
    /// Whether the list lies over a narrow page.
    pub(super) is_list_open: RwSignal<bool>,
    pub(super) editor: RwSignal<Editor>,
    /// Rises with each change of the text that is shown.
    pub(super) edits: RwSignal<usize>,
    pub(super) can_undo: RwSignal<bool>,
    pub(super) can_redo: RwSignal<bool>,
    /// Whether its Markdown is shown as it reads, in place of the editor.
    pub(super) is_read: RwSignal<bool>,
    /// Whether it is shown who wrote what.
    pub(super) are_authors_shown: RwSignal<bool>,
    /// Whether the sheet of versions is shown.
    pub(super) are_versions_shown: RwSignal<bool>,
    /// Whether nobody can write here, oneself at least.
    pub(super) is_shut: Memo<bool>,
    /// Why something was not written.
    pub(super) problem: RwSignal<Option<String>>,
    /// Why words of a document are refused for good, by its name: they stand in this page alone.
    pub(super) left_out: RwSignal<BTreeMap<String, String>>,
    /// Where the editor stands.
    pub(super) host: NodeRef<html::Div>,
    desk: StoredValue<Option<Desk>, LocalStorage>,
    /// Whether the list may be another.
    is_stale: StoredValue<bool>,
}

impl Writing {
    /// Starts reading, and loads the editor.
    pub(super) fn new(sync: Sync) -> Writing {
        let writing = Writing {
            sync,
            list: RwSignal::new(Vec::new()),
            chosen: RwSignal::new(FIRST.to_owned()),
            is_default: StoredValue::new(true),
            renamed: RwSignal::new(None),
            is_list_open: RwSignal::new(false),
            editor: RwSignal::new(Editor::Loading),
            edits: RwSignal::new(0),
            can_undo: RwSignal::new(false),
            can_redo: RwSignal::new(false),
            is_read: RwSignal::new(false),
            are_authors_shown: RwSignal::new(false),
            are_versions_shown: RwSignal::new(false),
            is_shut: sync.is_shut,
            problem: RwSignal::new(None),
            left_out: RwSignal::new(BTreeMap::new()),
            host: NodeRef::new(),
            desk: StoredValue::new_local(None),
            is_stale: StoredValue::new(false),
        };
        writing.read_list();
        sync.on_event(move |event| writing.hear(event));
        writing.follow();
        writing.load();
        on_cleanup(move || writing.tell(Desk::close));
        writing
    }

    /// Loads the editor, unless that is under way.
    pub(super) fn load(self) {
        self.editor.set(Editor::Loading);
        spawn_local(async move {
            let loaded = desk::load(self).await;
            // The page may have gone meanwhile.
            if self.editor.is_disposed() {
                return;
            }
            let state = if loaded.is_ok() { Editor::Here } else { Editor::Failed };
            self.desk.set_value(loaded.ok());
            self.editor.set(state);
        });
    }

    /// Keeps the editor what the page is.
    fn follow(self) {
        Effect::new(move || {
            let is_in_front = self.sync.tab.get() == Tab::Document;
            let (name, host) = (self.chosen.get(), self.host.get());
            if self.editor.get() != Editor::Here {
                return;
            }
            match host.filter(|_| is_in_front) {
                Some(host) => {
                    self.sync.look_at_document(&name);
                    self.problem.set(None);
                    self.tell(|desk| desk.show(&name, &host));
                }
                None => self.tell(Desk::hide),
            }
        });
        Effect::new(move || {
            self.sync.session.people.rows.track();
            if self.editor.get() == Editor::Here {
                self.tell_people();
            }
        });
        let keep = move |is: Signal<bool>, set: fn(&Desk, bool) -> Result<(), JsValue>| {
            Effect::new(move || {
                let is = is.get();
                if self.editor.get() == Editor::Here {
                    self.tell(|desk| set(desk, is));
                }
            });
        };
        keep(self.is_shut.into(), Desk::set_shut);
        keep(self.is_read.into(), Desk::set_read);
        keep(self.are_authors_shown.into(), Desk::set_authors);
        Effect::new(move || {
            self.sync.now_ms.track();
            if self.is_stale.get_value() {
                self.read_list();
            }
        });
    }

    fn hear(self, event: Option<&Event>) {
        if self.list.is_disposed() {
            return;
        }
        match event {
            None => {
                self.tell(Desk::catch_up);
                self.read_list();
            }
            Some(Event::Changed { replica, changes, .. }) if *replica == self.sync.documents() => {
                self.is_stale.set_value(true);
                for change in changes.of::<Change>() {
                    let (name, update) = match change {
                        Change::Said { name, update } => (name, Some((&**update).into())),
                        Change::Anew { name } => (name, None),
                    };
                    self.tell(|desk| desk.changed(name, update));
                }
            }
            Some(Event::Changed { replica: changed, .. }) if *changed == self.sync.replica() => {
                self.read_list()
            }
            Some(Event::Said { slot, from, topic, bytes, .. }) if *slot == self.sync.slot => {
                self.tell(|desk| desk.said(&from.to_string(), topic, (&**bytes).into()));
            }
            Some(Event::MemberAttached { .. } | Event::MemberDetached { .. }) => self.tell_people(),
            _ => {}
        }
    }

    fn tell_people(self) {
        let session = self.sync.session;
        let members = session.node.with_room(|node, _, room| node.room(room).peers()).unwrap_or_default();
        let members = members.into_iter().filter(|member| member.attached || member.distant);
        let person = |endpoint: Endpoint| {
            let look = self.look_of(endpoint.peer);
            let called = texts::capital(&session.people.called(endpoint));
            let client = JsValue::from(client_of(endpoint) as f64);
            Array::of4(&endpoint.to_string().into(), &client, &called.into(), &look.into())
        };
        let people = members.map(|member| person(member.endpoint)).collect();
        self.tell(|desk| desk.set_people(people));
    }

    /// What the editor tells of the document that is shown, at each change of it.
    pub(super) fn heed_shown(self, [can_undo, can_redo]: [bool; 2]) {
        self.edits.update(|edits| *edits += 1);
        set_if_new(self.can_undo, can_undo);
        set_if_new(self.can_redo, can_redo);
    }

    /// Something was not said; it is tried again.
    pub(super) fn heed_failed(self, why: &str) {
        self.problem.set(Some(texts::sentence(why)));
    }

    /// What was typed is said, and what failed before with it.
    pub(super) fn heed_said(self) {
        set_if_new(self.problem, None);
    }

    /// Words of a document are refused for good, or no such words are left.
    pub(super) fn heed_left_out(self, name: &str, why: Option<String>) {
        self.left_out.update(|left_out| match why {
            Some(why) => drop(left_out.insert(name.to_owned(), texts::documents::left_out(&why))),
            None => drop(left_out.remove(name)),
        });
    }

    /// Puts such words of the document that is shown on the clipboard.
    pub(super) fn copy_left_out(self) {
        let name = self.chosen.get_untracked();
        let Some(copied) = self.with_desk(|desk| desk.copy_left_out(&name)) else { return };
        spawn_local(async move {
            if browser::settled(copied.map(JsValue::from)).await.is_ok_and(|is_copied| is_copied.is_truthy())
            {
                self.sync.session.voice.told(texts::documents::COPIED_LEFT_OUT.to_owned());
            }
        });
    }

    /// Hides the notice of such words of the document that is shown.
    pub(super) fn hide_left_out(self) {
        let name = self.chosen.get_untracked();
        self.tell(|desk| desk.forget_lost(&name));
        self.heed_left_out(&name, None);
    }

    /// A key of the page's own was pressed in the editor.
    pub(super) fn heed_key(self, word: &str) {
        match word {
            "preview" => self.is_read.update(|is_read| *is_read = !*is_read),
            "authors" => self.are_authors_shown.update(|are_shown| *are_shown = !*are_shown),
            "save" => self.are_versions_shown.set(true),
            _ => {}
        }
    }

    /// Somebody typed where nobody can.
    pub(super) fn tell_why_shut(self) {
        if let Some(why) = self.sync.why_shut() {
            self.sync.session.voice.told(why);
        }
    }

    /// What others' editors call one, and the number of one's colour.
    pub(super) fn user(self) -> Array {
        let session = self.sync.session;
        let name = session.me.name.get_untracked();
        let name = if name.is_empty() { beads::name(&session.node.peer()) } else { name };
        Array::of2(&name.into(), &beads::colour(&session.node.peer()).into())
    }

    /// What an author is called here, how their bead is coloured, and its outline.
    pub(super) fn person(self, author: &str) -> Array {
        let session = self.sync.session;
        let Ok(peer) = author.parse::<PeerId>() else { return Array::new() };
        let shape = if peer == session.node.peer() { beads::ROUND } else { beads::shape(&peer) };
        let called = texts::capital(&session.people.called_by_peer(peer));
        Array::of3(&called.into(), &self.look_of(peer).into(), &shape.path.into())
    }

    /// The style of somebody's bead on this screen.
    fn look_of(self, peer: PeerId) -> String {
        match peer == self.sync.session.node.peer() {
            true => "--bead:var(--you);--bead-ink:var(--on-you)".to_owned(),
            false => format!("--bead:var(--bead-{})", beads::colour(&peer)),
        }
    }

    /// Tells the editor something, where it is there, and says so where it failed.
    pub(super) fn tell(self, work: impl FnOnce(&Desk) -> Result<(), JsValue>) {
        if let Some(Err(error)) = self.with_desk(work) {
            // The page may be gone.
            self.problem.try_set(Some(texts::sentence(&in_words(&error))));
        }
    }

    /// The editor.
    ///
    /// # Errors
    /// In words, that it is not there yet.
    pub(super) fn desk(self) -> Result<Desk, String> {
        self.with_desk(Desk::clone).ok_or_else(|| texts::documents::NOT_THERE.to_owned())
    }

    /// The blobs of the room that this page holds.
    ///
    /// # Errors
    /// In words, that they cannot be reached.
    pub(super) fn shelf(self) -> Result<Shelf, String> {
        shelf::of(self.sync).ok_or_else(|| texts::documents::UNREACHABLE.to_owned())
    }

    fn with_desk<R>(self, work: impl FnOnce(&Desk) -> R) -> Option<R> {
        let desk = self.desk.try_get_value().flatten();
        desk.as_ref().map(work)
    }

    /// The pen with which this page writes in a document.
    pub(super) fn with_pen<R>(self, name: &str, work: impl FnOnce(&mut Pen) -> R) -> R {
        let me = self.sync.session.node.endpoint();
        let mut pens = self.sync.pens.write_value();
        if pens.iter().all(|(of, _)| of != name) {
            pens.push((name.to_owned(), Pen::new(me)));
        }
        let pen = pens.iter_mut().find(|(of, _)| of == name);
        work(&mut pen.expect("it is there by now").1)
    }

    fn names(self) -> Vec<Listed> {
        let titles = |table: &Table| {
            let titles = about::titles(table, "").into_iter();
            titles.map(|(name, title)| (name.to_owned(), title.to_owned())).collect()
        };
        let showing = desk::look(self, |documents| documents.showing().map(str::to_owned).collect());
        listed(showing.unwrap_or_default(), self.sync.look(titles).unwrap_or_default())
    }

    fn read_list(self) {
        self.is_stale.set_value(false);
        let mut list = self.names();
        let chosen = self.chosen.get_untracked();
        if list.iter().all(|document| document.name != chosen) {
            let was_titled = self.list.with_untracked(|list| {
                list.iter().any(|document| document.name == chosen && document.title.is_some())
            });
            let is_untouched = || self.is_default.get_value() && !list.is_empty() && !self.has_unsent_words();
            if was_titled || is_untouched() {
                // Somebody deleted it, or it was shown before this room's documents were known.
                let next = list.first().map_or(FIRST, |first| &first.name).to_owned();
                self.chosen.set(next);
            }
            let chosen = self.chosen.get_untracked();
            if list.iter().all(|document| document.name != chosen) {
                list.push(Listed { name: chosen, title: None });
            }
        }
        set_if_new(self.list, list);
    }

    /// Whether the editor shows words of a document that the room has not got yet.
    fn has_unsent_words(self) -> bool {
        matches!(self.with_desk(Desk::text), Some(Ok(text)) if !text.is_empty())
    }

    /// What the document that is shown is called; tracked.
    pub(super) fn shown_title(self) -> String {
        let chosen = self.chosen.get();
        self.list.with(|list| {
            let document = list.iter().find(|document| document.name == chosen);
            document.map_or_else(|| texts::name(&chosen), Listed::shown)
        })
    }

    /// Shows another document.
    pub(super) fn choose(self, name: String) {
        self.is_default.set_value(false);
        self.chosen.set(name);
        self.is_list_open.set(false);
    }

    /// Makes a document with this title, and shows it. Returns whether it was made.
    pub(super) fn make(self, title: &str) -> bool {
        let name = random_name();
        let is_made = self.rename(&name, title);
        if is_made {
            self.is_default.set_value(false);
            self.chosen.set(name);
            self.read_list();
        }
        is_made
    }

    /// Makes an empty document, whose title is to be typed.
    pub(super) fn make_untitled(self) {
        let taken: BTreeSet<String> =
            self.list.with_untracked(|list| list.iter().map(Listed::shown).collect());
        if self.make(&fresh_title(&taken)) {
            self.renamed.set(Some(self.chosen.get_untracked()));
        }
    }

    /// Gives a document a title, or none. Returns whether that was taken.
    pub(super) fn rename(self, name: &str, title: &str) -> bool {
        let title = title.trim();
        let is_taken = self.sync.write(|_, _| match title.len() {
            0 => Ok(about::set_title(name, None)),
            1..=TITLE_MAX => Ok(about::set_title(name, Some(title))),
            size => Err(texts::documents::title_too_long(TITLE_MAX, size)),
        });
        self.problem.set(self.sync.problem.get_untracked());
        is_taken
    }

    /// Deletes all that is in a document, and its title.
    pub(super) fn delete(self, name: &str) {
        let deletion = desk::look(self, |documents: &Documents| documents.deletion(name)).flatten();
        if let Some(deletion) = deletion
            && let Err(error) = desk::say(self, name, &deletion)
        {
            return self.heed_failed(&in_words(&error));
        }
        let rest = self.sync.look(|table| about::clearing(table, name)).unwrap_or_default();
        if !rest.is_empty() {
            self.sync.write_all(|_, _| Ok(rest));
            self.problem.set(self.sync.problem.get_untracked());
        }
        self.read_list();
    }

    /// Saves the document that is shown as a file.
    pub(super) fn download(self) {
        let Some(Ok(text)) = self.with_desk(Desk::text) else { return };
        // A browser that saves no files says so itself.
        let _ = browser::save_text(&file_name(&self.shown_title()), &text);
    }

    /// Makes a document of a file, or puts it into the one that is shown where it is an image.
    pub(super) fn take_file(self, called: String, file: Blob) {
        if self.is_shut.get_untracked() {
            return self.tell_why_shut();
        }
        if file.type_().starts_with("image/") {
            spawn_local(async move { self.problem.set(self.put_image(&called, &file).await.err()) });
            return;
        }
        if file.size() > FILE_MAX {
            let why = texts::documents::file_too_long(&called);
            return self.problem.set(Some(why));
        }
        spawn_local(async move {
            let Some(bytes) = browser::bytes_of(&file).await else {
                return self.problem.set(Some(texts::file_unreadable(&called)));
            };
            match plain::read(&bytes) {
                Ok((text, _)) => {
                    if let Err(why) = self.make_of(&title_of_file(&called), &text).await {
                        self.problem.try_set(Some(texts::sentence(&why)));
                    }
                }
                Err(error) => self.problem.set(Some(texts::documents::no_text(&called, error))),
            }
        });
    }

    /// Puts an image where the caret is.
    async fn put_image(self, called: &str, file: &Blob) -> Result<(), String> {
        let document = self.chosen.get_untracked();
        let (picture, _) = shelf::put_picture(self.sync, file).await?;
        let (blob, size) = (picture.blob(), picture.size);
        let image = Image { document, blob, size };
        self.sync.write(|_, _| Ok(about::set_image(&image, true)));
        if let Some(problem) = self.sync.problem.get_untracked() {
            return Err(problem);
        }
        self.tell(|desk| desk.insert(&image.document, &image_reference(called, blob)));
        Ok(())
    }

    /// An image of this page's or of whoever holds it, once it is here; nothing where nobody has it.
    pub(super) async fn image(self, id: String) -> Option<Blob> {
        let shelf = shelf::of(self.sync)?;
        shelf::blob_of(&shelf.fetch(id.parse().ok()?, PICTURE_MAX).await.ok()?)
    }

    /// Makes a document that reads so. There is none where that fails.
    ///
    /// # Errors
    /// In words, why not.
    pub(super) async fn make_of(self, title: &str, text: &str) -> Result<(), String> {
        let desk = self.desk()?;
        let before = self.chosen.get_untracked();
        if !self.make(title) {
            return self.problem.get_untracked().map_or(Ok(()), Err);
        }
        let name = self.chosen.get_untracked();
        // The editor shows it from the next turn on.
        browser::pause(Duration::ZERO).await;
        let written = desk.append(&name, text).map_err(|error| in_words(&error));
        if written.is_err() && !self.chosen.is_disposed() {
            self.delete(&name);
            self.choose(before);
            // To show that one says nothing of what failed, so it is said after.
            browser::pause(Duration::ZERO).await;
        }
        written
    }
}

fn random_name() -> String {
    format!("{:016x}", browser::random())
}
