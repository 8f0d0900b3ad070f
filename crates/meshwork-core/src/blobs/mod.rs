//! Blobs: bytes named by their hash, verified while they arrive, from any member that holds them.
//!
//! # Problem
//! A picture or a recording is too long for a batch, and nobody wants it in memory, on disk or in its name whom it does
//! not concern. Whoever sends a part of one may lie or go away.
//!
//! # How it works
//! A blob belongs to an app of a room. Its name is the BLAKE3 hash of its bytes, which are cut into groups of
//! [`GROUP`] bytes; an [`Outline`] proves each. Who fetches a blob asks the members that it is attached to, takes the
//! outline from one that holds it, and wants groups of all of them, a few at a time. A group that is not what the
//! outline says ends its sender's part in the fetch, and counts as an offence. Of two lengths that members claim one is
//! a lie, which brings no group that holds. docs/protocol/blobs.md has the messages.
//!
//! # Driving it
//! Bytes lie where the application keeps them. It takes out what is to be done ([`Blobs::take_work`]) when
//! [`Event::BlobsWaiting`](crate::seam::event::Event::BlobsWaiting) says that there is something, and answers each. A room has
//! [`Blobs`] once its application does something about them; until then nobody is told anything.
//!
//! # Invariants
//! - What is to be written was proved.
//! - Nothing is fetched, held or served that the application did not ask for or say that it holds.
//! - A group goes out when next to nothing else waits for its link.
//!
//! # Limits
//! [`BLOB_MAX`], [`FETCHES_MAX`], [`WANTED_MAX`], [`PENDING_MAX`], [`WANTS_MAX`], [`ASKS_MAX`].

mod fetch;
pub mod message;
mod outline;
mod serve;
#[cfg(test)]
mod tests;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;

use self::fetch::Fetch;
pub use self::fetch::{ASK_AGAIN, FetchView, PENDING_MAX, SILENT_AFTER, WANTED_MAX};
use self::message::{BlobMessage, Packed};
pub use self::outline::{
    BLOB_MAX, BlobId, GROUP, GROUPS_MAX, GroupValue, NoBlobId, NotItsOutline, Outline, Outliner, group_count,
    group_len,
};
use self::serve::Serving;
pub use self::serve::{ASKS_MAX, WANTS_MAX};
use crate::id::Endpoint;
use crate::seam::event::Refusal;
use crate::seam::lane::Slot;
use crate::time::Time;

/// Blobs that are fetched in a room at a time; each has up to 2 MiB on its way.
pub const FETCHES_MAX: usize = 16;

/// A blob and whose it is: the same bytes in two apps are two blobs.
type Name = (Slot, BlobId);

/// Something that the application is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// A member asks for a blob: [`Blobs::looked`] is to be told whether it is held whole.
    Look {
        /// In which app.
        slot: Slot,
        /// Which.
        blob: BlobId,
    },
    /// A member wants a group: [`Blobs::read`] is to be handed its bytes.
    Read {
        /// In which app.
        slot: Slot,
        /// Which.
        blob: BlobId,
        /// Which of its groups.
        group: u32,
    },
    /// A fetch begins, by this outline. Groups that are held stay if it has as many as the one before.
    Begin {
        /// In which app.
        slot: Slot,
        /// Of the blob.
        outline: Outline,
    },
    /// A group came, and is to be written: [`Blobs::written`] is to be told.
    Write {
        /// In which app.
        slot: Slot,
        /// Which.
        blob: BlobId,
        /// Which of its groups.
        group: u32,
        /// Its bytes, which are proved.
        bytes: Vec<u8>,
    },
    /// All groups are written: the fetch is over.
    End {
        /// In which app.
        slot: Slot,
        /// Which.
        blob: BlobId,
    },
}

/// What comes out of the blobs of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobsOutput {
    /// To be sent to an attached member.
    Send(Endpoint, Packed),
    /// The application is to be told that there is something to do.
    Waiting,
    /// A member said what no honest one does.
    Offence(Endpoint, Refusal, String),
    /// A member wants more than it gets, so many times.
    Refused(Endpoint, Refusal, String, u64),
}

/// What a room needs of its blobs. A program that never has any is without the code behind it.
pub trait Share: Send {
    /// How far a fetch is; `None` where there is none.
    fn view(&self, slot: Slot, blob: BlobId) -> Option<FetchView>;

    /// A member is attached, or over another link than before.
    fn handle_attached(&mut self, now: Time, member: Endpoint);

    /// A member is attached no longer.
    fn handle_detached(&mut self, now: Time, member: Endpoint);

    /// Somebody visits: that is as good as being attached.
    fn handle_guest(&mut self, now: Time, guest: Endpoint);

    /// The visits of those are over who do not hear us any more.
    fn end_guests(&mut self, now: Time, hears: &dyn Fn(Endpoint) -> bool);

    /// An attached member said something.
    fn handle_message(&mut self, now: Time, from: Endpoint, message: &Packed);

    /// Whether something is ready for anybody.
    fn is_serving(&self) -> bool;

    /// The next part of a blob for a member.
    fn serve(&mut self, to: Endpoint) -> Option<Packed>;

    /// Does what is due.
    fn handle_timeout(&mut self, now: Time);

    /// When [`Share::handle_timeout`] has something to do.
    fn poll_timeout(&self) -> Option<Time>;

    /// What is to be sent or told.
    fn poll_output(&mut self) -> Option<BlobsOutput>;

    /// As what it is, for the application.
    fn as_any(&mut self) -> &mut dyn Any;
}

impl fmt::Debug for dyn Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blobs")
    }
}

/// More fetches than may go on at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{FETCHES_MAX} blobs are being fetched already")]
pub struct TooManyFetches;

/// The blobs of a room.
#[derive(Debug, Default)]
pub struct Blobs {
    members: BTreeSet<Endpoint>,
    /// Those of them who visit, and are no neighbours.
    guests: BTreeSet<Endpoint>,
    fetches: BTreeMap<Name, Fetch>,
    serving: Serving,
    work: VecDeque<Work>,
    /// Whether the application was told that there is some.
    is_told: bool,
    outputs: VecDeque<BlobsOutput>,
}

impl Blobs {
    /// Those of a room to whose members these are attached.
    pub fn new(members: impl IntoIterator<Item = Endpoint>) -> Blobs {
        Blobs { members: members.into_iter().collect(), ..Blobs::default() }
    }

    /// Begins to fetch a blob of at most `size_max` bytes. `held` are its outline and groups as far as they are held
    /// from an earlier fetch. One that is being fetched already goes on, up to `size_max` if that is more.
    ///
    /// # Errors
    /// [`TooManyFetches`]; nothing begins.
    pub fn fetch(
        &mut self,
        now: Time,
        slot: Slot,
        blob: BlobId,
        size_max: u64,
        held: Option<(Outline, &BTreeSet<u32>)>,
    ) -> Result<(), TooManyFetches> {
        if let Some(fetch) = self.fetches.get_mut(&(slot, blob)) {
            fetch.allow(size_max);
            self.settle(now);
            return Ok(());
        }
        if self.fetches.len() == FETCHES_MAX {
            return Err(TooManyFetches);
        }
        let fetch = Fetch::new(now, (slot, blob), size_max, held, self.members.iter().copied());
        self.fetches.insert((slot, blob), fetch);
        self.settle(now);
        Ok(())
    }

    /// Fetches a blob no longer. What was written stays, for another time.
    pub fn cancel(&mut self, slot: Slot, blob: BlobId) {
        self.fetches.remove(&(slot, blob));
    }

    /// Takes out what is to be done.
    pub fn take_work(&mut self) -> Vec<Work> {
        self.is_told = false;
        self.work.drain(..).collect()
    }

    /// Answers [`Work::Look`], or says on one's own that a blob is held.
    pub fn looked(&mut self, slot: Slot, blob: BlobId, held: Option<Outline>) {
        self.serving.handle_looked((slot, blob), held);
        self.take_outputs();
    }

    /// Answers [`Work::Read`]; `None` where the group cannot be read, and the blob is held no longer.
    pub fn read(&mut self, slot: Slot, blob: BlobId, group: u32, bytes: Option<Vec<u8>>) {
        self.serving.handle_read((slot, blob), group, bytes);
        self.take_outputs();
    }

    /// Answers [`Work::Write`].
    pub fn written(&mut self, now: Time, slot: Slot, blob: BlobId, group: u32) {
        if let Some(fetch) = self.fetches.get_mut(&(slot, blob)) {
            fetch.handle_written(group);
        }
        self.settle(now);
    }

    /// A blob is not held any more.
    pub fn forget(&mut self, slot: Slot, blob: BlobId) {
        self.serving.forget((slot, blob));
        self.take_outputs();
    }

    fn fetching<T>(&mut self, slot: Slot, blob: BlobId, handle: impl FnOnce(&mut Fetch) -> T) -> Option<T> {
        self.fetches.get_mut(&(slot, blob)).map(handle)
    }

    fn part_with(&mut self, member: Endpoint) {
        self.members.remove(&member);
        self.guests.remove(&member);
        self.fetches.values_mut().for_each(|fetch| fetch.handle_detached(member));
        self.serving.handle_detached(member);
    }

    fn refuse(&mut self, from: Endpoint, count: u64) {
        if count > 0 {
            let words = String::from("it asks for more of blobs than is served at a time");
            self.outputs.push_back(BlobsOutput::Refused(from, Refusal::Flood, words, count));
        }
    }

    fn settle(&mut self, now: Time) {
        self.fetches.values_mut().for_each(|fetch| fetch.handle_timeout(now));
        self.take_outputs();
        for (slot, blob) in self.fetches.extract_if(.., |_, fetch| fetch.is_whole()).map(|(name, _)| name) {
            self.work.push_back(Work::End { slot, blob });
        }
        self.tell();
    }

    fn tell(&mut self) {
        if !self.work.is_empty() && !core::mem::replace(&mut self.is_told, true) {
            self.outputs.push_back(BlobsOutput::Waiting);
        }
    }

    fn take_outputs(&mut self) {
        for fetch in self.fetches.values_mut() {
            self.outputs.extend(core::iter::from_fn(|| fetch.poll_send()).map(sent));
            self.work.extend(core::iter::from_fn(|| fetch.poll_work()));
        }
        let serving = &mut self.serving;
        self.outputs.extend(core::iter::from_fn(|| serving.poll_send()).map(sent));
        self.work.extend(core::iter::from_fn(|| serving.poll_work()));
        self.tell();
    }
}

impl Share for Blobs {
    fn view(&self, slot: Slot, blob: BlobId) -> Option<FetchView> {
        self.fetches.get(&(slot, blob)).map(Fetch::view)
    }

    fn handle_attached(&mut self, now: Time, member: Endpoint) {
        self.part_with(member);
        self.members.insert(member);
        self.fetches.values_mut().for_each(|fetch| fetch.ask(now, member));
        self.settle(now);
    }

    fn handle_detached(&mut self, now: Time, member: Endpoint) {
        self.part_with(member);
        self.settle(now);
    }

    fn handle_guest(&mut self, now: Time, guest: Endpoint) {
        if !self.members.contains(&guest) {
            self.handle_attached(now, guest);
            self.guests.insert(guest);
        }
    }

    fn end_guests(&mut self, now: Time, hears: &dyn Fn(Endpoint) -> bool) {
        let gone: Vec<Endpoint> = self.guests.extract_if(.., |guest| !hears(*guest)).collect();
        gone.into_iter().for_each(|guest| self.handle_detached(now, guest));
    }

    fn handle_message(&mut self, now: Time, from: Endpoint, message: &Packed) {
        let message = match message.open() {
            Ok(Some(message)) => message,
            Ok(None) => return,
            Err(error) => {
                let words = error.to_string();
                return self.outputs.push_back(BlobsOutput::Offence(from, Refusal::Message, words));
            }
        };
        let done = match message {
            BlobMessage::Ask(slot, blob) => {
                if let Err(count) = self.serving.handle_ask(now, from, (slot, blob)) {
                    self.refuse(from, count);
                }
                Ok(())
            }
            BlobMessage::Want(slot, blob, part) => {
                if !self.serving.handle_want(from, (slot, blob), part) {
                    self.refuse(from, 1);
                }
                Ok(())
            }
            BlobMessage::Held(slot, blob, size) => {
                self.fetching(slot, blob, |fetch| fetch.handle_held(now, from, size));
                Ok(())
            }
            BlobMessage::Lacked(slot, blob) => {
                self.fetching(slot, blob, |fetch| fetch.handle_lacked(now, from));
                Ok(())
            }
            BlobMessage::Values(slot, blob, first, values) => {
                let handle = |fetch: &mut Fetch| fetch.handle_values(now, from, first, &values);
                self.fetching(slot, blob, handle).unwrap_or(Ok(()))
            }
            BlobMessage::Group(slot, blob, number, bytes) => {
                let handle = |fetch: &mut Fetch| fetch.handle_group(now, from, number, bytes.into_inner());
                self.fetching(slot, blob, handle).unwrap_or(Ok(()))
            }
        };
        if let Err(words) = done {
            self.outputs.push_back(BlobsOutput::Offence(from, Refusal::Blob, String::from(words)));
        }
        self.settle(now);
    }

    fn is_serving(&self) -> bool {
        self.serving.is_ready()
    }

    fn serve(&mut self, to: Endpoint) -> Option<Packed> {
        let message = self.serving.take(to);
        self.take_outputs();
        message.as_ref().map(Packed::from)
    }

    fn handle_timeout(&mut self, now: Time) {
        if self.poll_timeout().is_some_and(|at| at <= now) {
            self.settle(now);
        }
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.fetches.values().filter_map(Fetch::poll_timeout).min()
    }

    fn poll_output(&mut self) -> Option<BlobsOutput> {
        self.outputs.pop_front()
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

fn sent((to, message): (Endpoint, BlobMessage)) -> BlobsOutput {
    BlobsOutput::Send(to, Packed::from(&message))
}
