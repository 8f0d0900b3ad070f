//! The pictures on the board: from this page's blobs or whoever holds them, decoded once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use leptos::task::spawn_local;
use leptos::web_sys::{Blob, ImageBitmap};
use meshwork_core::blobs::BlobId;
use meshwork_core::id::Endpoint;
use meshwork_sync::whiteboard::{PICTURE_MAX, Shape, What};
use meshwork_web::sync::whiteboard::hand;
use meshwork_web::texts;

use super::super::super::browser;
use super::super::shelf;
use super::easel::Easel;
use super::frame::colours_of;

/// Longest edge of a picture that is put down, in units.
const EDGE_MAX: f64 = 480.0;
/// Pictures that are kept decoded.
const HELD_MAX: usize = 256;

/// A picture on its way.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Coming {
    /// So much of it is here, of 1.
    pub(super) share: f64,
    /// Who sends it.
    pub(super) from: Option<Sender>,
}

/// Who sends a picture, as one knows them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sender {
    who: Endpoint,
    pub(super) called: String,
    /// Their bead's.
    pub(super) colour: String,
}

enum State {
    Coming(Coming),
    Here(ImageBitmap),
    Away,
}

/// The pictures of a board.
#[derive(Default)]
pub(super) struct Pictures {
    held: RefCell<BTreeMap<BlobId, State>>,
}

impl Pictures {
    /// The picture that a blob has, if it is here.
    pub(super) fn image(&self, blob: BlobId) -> Option<ImageBitmap> {
        match self.held.borrow().get(&blob) {
            Some(State::Here(image)) => Some(image.clone()),
            _ => None,
        }
    }

    /// What stands in its place while it is not, and how it comes where it is coming.
    pub(super) fn words(&self, blob: BlobId) -> (String, Option<Coming>) {
        let held = self.held.borrow();
        match held.get(&blob) {
            Some(State::Away) => (texts::board::PICTURE_AWAY.to_owned(), None),
            None if held.len() >= HELD_MAX => (texts::board::PICTURE_TOO_MANY.to_owned(), None),
            Some(State::Coming(coming)) => {
                let called = coming.from.as_ref().map(|from| &*from.called);
                (texts::board::picture_comes(called), Some(coming.clone()))
            }
            _ => (texts::board::picture_comes(None), None),
        }
    }

    /// Notes how those come that are coming. Returns those of which that changed.
    fn note_coming(&self, look: impl Fn(BlobId, &Coming) -> Option<Coming>) -> Vec<BlobId> {
        let mut held = self.held.borrow_mut();
        let coming = held.iter_mut().filter_map(|(blob, state)| {
            let State::Coming(before) = state else { return None };
            let now = look(*blob, before).filter(|now| now != before)?;
            *before = now;
            Some(*blob)
        });
        coming.collect()
    }

    /// Drops those that are on the board no more, unless they are on their way.
    pub(super) fn keep_only(&self, blobs: &BTreeSet<BlobId>) {
        let is_kept =
            |blob: &BlobId, state: &State| blobs.contains(blob) || matches!(state, State::Coming(_));
        self.held.borrow_mut().retain(|blob, state| is_kept(blob, state));
    }

    fn set(&self, blob: BlobId, state: State) {
        self.held.borrow_mut().insert(blob, state);
    }

    /// Whether it has to be asked for; from then on it is being asked for.
    fn is_wanted(&self, blob: BlobId) -> bool {
        let mut held = self.held.borrow_mut();
        let is_known = matches!(held.get(&blob), Some(State::Coming(_) | State::Here(_)));
        if is_known || held.len() >= HELD_MAX {
            return false;
        }
        held.insert(blob, State::Coming(Coming::default()));
        true
    }
}

/// The picture that a shape is, if it is one.
pub(super) fn of(shape: &Shape) -> Option<BlobId> {
    match &shape.what {
        What::Picture(picture) => Some(picture.blob()),
        _ => None,
    }
}

impl Easel {
    /// Asks for a picture, unless it is here or was asked for.
    pub(super) fn want_picture(self, blob: BlobId) {
        if self.with(|work| work.pictures.is_wanted(blob)) != Some(true) {
            return;
        }
        spawn_local(async move {
            let file = self.picture_bytes(blob).await.and_then(|bytes| shelf::blob_of(&bytes));
            let image = match file {
                Some(file) => browser::decoded(&file).await,
                None => None,
            };
            self.with(|work| {
                work.pictures.set(blob, image.map_or(State::Away, State::Here));
                work.painter.renew_picture(&work.sketch, blob);
            });
            self.ask_frame();
        });
    }

    /// Shows how the pictures come that are coming.
    pub(super) fn follow_pictures(self) {
        let session = self.sync.session;
        let sender = |who: Endpoint| Sender {
            who,
            called: session.people.called(who),
            colour: colours_of(self).map_or(String::new(), |colours| colours.bead(who).to_owned()),
        };
        let look = |blob, before: &Coming| {
            let view =
                session.node.with_room(|node, _, room| node.room(room).blob(self.sync.slot, blob))??;
            let share = view.size.map_or(0.0, |size| view.held as f64 / size.max(1) as f64);
            // Who sent so far is shown while nobody does.
            let is_known = |who| before.from.as_ref().is_some_and(|from| from.who == who);
            let from = match view.holder {
                Some(who) if !is_known(who) => Some(sender(who)),
                _ => before.from.clone(),
            };
            Some(Coming { share, from })
        };
        let renewed = self.with(|work| {
            let renewed = work.pictures.note_coming(look);
            renewed.iter().for_each(|blob| work.painter.renew_picture(&work.sketch, *blob));
            !renewed.is_empty()
        });
        if renewed == Some(true) {
            self.ask_frame();
        }
    }

    /// The bytes of a picture.
    pub(super) async fn picture_bytes(self, blob: BlobId) -> Option<Vec<u8>> {
        shelf::of(self.sync)?.fetch(blob, PICTURE_MAX).await.ok()
    }

    /// Puts a picture down: at a place, or in the middle of what is seen.
    pub(super) fn put_picture(self, file: Blob, at: Option<(f64, f64)>) {
        if self.is_shut() {
            return;
        }
        spawn_local(async move {
            let (picture, image) = match shelf::put_picture(self.sync, &file).await {
                Ok(put) => put,
                Err(why) => return self.tell(why),
            };
            let (width, height) = (f64::from(image.width()), f64::from(image.height()));
            let share = (EDGE_MAX / width.max(height)).min(1.0);
            self.with(|work| work.pictures.set(picture.blob(), State::Here(image)));
            let id = self.fresh_id();
            let at = at.unwrap_or_else(|| self.middle());
            let shape = self.with(|work| Shape {
                what: What::Picture(picture),
                bounds: hand::centred(at, (width * share, height * share)),
                style: work.hand.style,
                order: work.sketch.top(),
                text: String::new(),
            });
            if let Some(shape) = shape {
                self.write(hand::creation(&[(id, shape)]));
                self.choose([id]);
            }
        });
    }

    /// Holds the bytes of a picture that a file had.
    pub(super) async fn hold_picture(self, bytes: Vec<u8>) {
        if let Some(shelf) = shelf::of(self.sync) {
            // A picture that this page cannot hold comes from others.
            let _ = shelf.put(&bytes).await;
        }
    }
}
