//! The profiles of people in the room: statuses and faces, as signals.

use std::collections::BTreeMap;
use std::time::Duration;

use leptos::prelude::*;
use leptos::web_sys;
use meshwork_chat::picture::Head;
use meshwork_chat::profile::{self, Profile, profiles};
use meshwork_core::id::PeerId;
use meshwork_core::node::Event;
use meshwork_web::texts;

use super::super::browser;
use super::node::PageNode;
use super::people::People;
use super::talk::{not_open, read, written};

/// How long profiles gather that arrive together: a whole room's come with the first synchronisation, each with a face of up
/// to 16 KiB.
const GATHER: Duration = Duration::from_millis(100);

/// The profiles of a room. Copies are the same ones.
#[derive(Clone, Copy)]
pub(crate) struct Profiles {
    node: PageNode,
    people: People,
    /// Whether the sheet of one's own profile is shown.
    pub(crate) is_open: RwSignal<bool>,
    known: RwSignal<BTreeMap<PeerId, Shown>>,
    /// Whether they are read again soon.
    is_awaited: StoredValue<bool>,
}

/// A profile as pages show it.
#[derive(Clone, Debug, PartialEq)]
struct Shown {
    profile: Profile,
    /// The address at which the browser finds the face.
    face: Option<String>,
}

impl Profiles {
    pub(super) fn new(node: PageNode, people: People) -> Profiles {
        Profiles {
            node,
            people,
            is_open: RwSignal::new(false),
            known: RwSignal::new(BTreeMap::new()),
            is_awaited: StoredValue::new(false),
        }
    }

    pub(super) fn hear(self, event: &Event) {
        if let Event::Changed { room, replica, .. } = event
            && *replica == profiles()
            && self.node.is_in(*room)
        {
            self.gather();
        }
    }

    /// Profiles may be others than before: they are read again soon, once for all that arrive until then.
    fn gather(self) {
        if self.is_awaited.get_value() {
            return;
        }
        self.is_awaited.set_value(true);
        let read = move || {
            // The page may have gone meanwhile.
            if self.is_awaited.try_set_value(false).is_none() {
                self.refresh();
            }
        };
        set_timeout(read, GATHER);
    }

    /// Reads the profiles again.
    pub(super) fn refresh(self) {
        let read = self.node.chat().map(|chat| read(chat.profiles())).unwrap_or_default();
        self.people.set_profile_names(read.iter().map(|(peer, profile)| (*peer, profile.name.clone())));
        let is_new = self.known.with_untracked(|known| {
            let is_same = |(peer, profile): &(PeerId, Profile)| {
                known.get(peer).is_some_and(|known| known.profile == *profile)
            };
            read.len() != known.len() || !read.iter().all(is_same)
        });
        if is_new {
            self.known.update(|known| {
                let mut before = std::mem::take(known);
                for (peer, profile) in read {
                    let shown = before.remove(&peer).filter(|shown| shown.profile == profile);
                    known.insert(peer, shown.unwrap_or_else(|| Shown::new(profile)));
                }
                before
                    .into_values()
                    .filter_map(|shown| shown.face)
                    .for_each(|face| browser::forget_address(&face));
            });
        }
    }

    /// The address of somebody's face. Tracked.
    pub(crate) fn face(self, peer: PeerId) -> Option<String> {
        self.known.with(|known| known.get(&peer)?.face.clone())
    }

    /// Somebody's status; empty if there is none. Tracked.
    pub(crate) fn status(self, peer: PeerId) -> String {
        self.known
            .with(|known| known.get(&peer).map(|shown| shown.profile.status.clone()))
            .unwrap_or_default()
    }

    /// One's own profile.
    pub(crate) fn own(self) -> Profile {
        self.node.chat().map(|chat| read(chat.profile(self.node.peer()))).unwrap_or_default()
    }

    /// Makes this one's own profile.
    ///
    /// # Errors
    /// In words, why not.
    pub(crate) fn write(self, profile: &Profile) -> Result<(), String> {
        let chat = self.node.chat().ok_or_else(not_open)?;
        written(chat.set_profile(profile))?;
        self.refresh();
        Ok(())
    }
}

impl Shown {
    fn new(profile: Profile) -> Shown {
        let face = profile.avatar.as_deref().and_then(|bytes| {
            let kind = Head::read(bytes)?.kind.media_type();
            browser::address_of(bytes, kind)
        });
        Shown { profile, face }
    }
}

/// A picture as it may be a face: cut to a square and made smaller until it fits.
///
/// # Errors
/// In words, why the file is no face.
pub(crate) async fn face_of(file: &web_sys::Blob) -> Result<Vec<u8>, String> {
    browser::square_picture(file, profile::AVATAR_SIDE_MAX, profile::AVATAR_MAX)
        .await
        .ok_or_else(|| texts::NOT_A_PICTURE.to_owned())
}
