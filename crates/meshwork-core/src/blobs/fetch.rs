//! Fetching one blob: whom to ask, group by group, and what to do when somebody lies or goes away.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use super::Work;
use super::message::{BlobMessage, Part, VALUES_MAX};
use super::outline::{BlobId, GroupValue, Outline, group_count, group_len};
use crate::id::Endpoint;
use crate::seam::lane::Slot;
use crate::time::Time;

/// Groups that are wanted of one holder at a time: what a link of 20 Mbit/s brings in a tenth of a second.
pub const WANTED_MAX: usize = 4;
/// Groups that are on their way or not written yet, of all holders: 2 MiB.
pub const PENDING_MAX: usize = 32;
/// How long a member may say nothing while something is wanted of it: as long as a link that lives.
pub const SILENT_AFTER: Duration = Duration::from_secs(10);
/// When a member is asked again that did not hold the blob, or went silent: it may be fetching it itself.
pub const ASK_AGAIN: Duration = Duration::from_secs(5);

/// How far a fetch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchView {
    /// Bytes of the blob, once they are known.
    pub size: Option<u64>,
    /// Bytes that are held.
    pub held: u64,
    /// Members that say that they hold it whole.
    pub holders: usize,
    /// One of them: the one of whom most of it is wanted now.
    pub holder: Option<Endpoint>,
    /// Members that were asked whether they hold it and did not answer yet.
    pub asked: usize,
    /// How long a member says it is that is above what may be fetched.
    pub too_large: Option<u64>,
}

/// What a member has to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Asked,
    /// It holds the blob, so many bytes.
    Holds(u64),
    /// It does not, for now.
    Lacks,
    /// It sent what the blob is not.
    Useless,
}

#[derive(Debug)]
struct Holder {
    standing: Standing,
    /// Since when it has been silent.
    heard: Time,
    /// Groups that are wanted of it.
    wanted: usize,
}

/// An outline on its way.
#[derive(Debug)]
struct Listing {
    from: Endpoint,
    size: u64,
    values: Vec<GroupValue>,
}

/// One fetch.
#[derive(Debug)]
pub(super) struct Fetch {
    slot: Slot,
    id: BlobId,
    size_max: u64,
    holders: BTreeMap<Endpoint, Holder>,
    outline: Option<Outline>,
    /// Whether a group came that the outline proves, so that it has as many groups as the blob.
    is_proved: bool,
    listing: Option<Listing>,
    /// Groups that are neither held nor on their way.
    lacking: VecDeque<u32>,
    wanted: BTreeMap<u32, Endpoint>,
    writing: BTreeSet<u32>,
    held: u64,
    sends: VecDeque<(Endpoint, BlobMessage)>,
    work: VecDeque<Work>,
}

impl Fetch {
    /// Asks these members. `held` is the outline of what is held already, and the groups that are.
    pub(super) fn new(
        now: Time,
        (slot, id): (Slot, BlobId),
        size_max: u64,
        held: Option<(Outline, &BTreeSet<u32>)>,
        members: impl IntoIterator<Item = Endpoint>,
    ) -> Fetch {
        let mut fetch = Fetch {
            slot,
            id,
            size_max,
            holders: BTreeMap::new(),
            outline: None,
            is_proved: false,
            listing: None,
            lacking: VecDeque::new(),
            wanted: BTreeMap::new(),
            writing: BTreeSet::new(),
            held: 0,
            sends: VecDeque::new(),
            work: VecDeque::new(),
        };
        if let Some((outline, held)) = held.filter(|(outline, _)| outline.id() == id) {
            let size = outline.size();
            fetch.is_proved = !held.is_empty();
            fetch.held = held.iter().map(|&group| group_len(size, group) as u64).sum();
            fetch.lacking = (0..outline.groups()).filter(|group| !held.contains(group)).collect();
            fetch.outline = Some(outline);
        }
        members.into_iter().for_each(|member| fetch.ask(now, member));
        fetch
    }

    pub(super) fn view(&self) -> FetchView {
        let holding = || self.holders.iter().filter(|(_, holder)| self.may_fetch(holder).is_some());
        let sizes = self.holders.values().filter_map(|holder| match holder.standing {
            Standing::Holds(size) => Some(size),
            _ => None,
        });
        FetchView {
            size: self.outline.as_ref().map(Outline::size),
            held: self.held,
            holders: holding().count(),
            asked: self.holders.values().filter(|holder| holder.standing == Standing::Asked).count(),
            holder: holding().max_by_key(|(_, holder)| holder.wanted).map(|(&member, _)| member),
            too_large: sizes.filter(|size| *size > self.size_max).max(),
        }
    }

    /// More may be fetched than so far.
    pub(super) fn allow(&mut self, size_max: u64) {
        self.size_max = self.size_max.max(size_max);
    }

    /// The length that a member says the blob has, where so much may be fetched.
    fn may_fetch(&self, holder: &Holder) -> Option<u64> {
        match holder.standing {
            Standing::Holds(size) if size <= self.size_max => Some(size),
            _ => None,
        }
    }

    /// Asks a member whether it holds the blob.
    pub(super) fn ask(&mut self, now: Time, member: Endpoint) {
        let holder =
            self.holders.entry(member).or_insert(Holder { standing: Standing::Asked, heard: now, wanted: 0 });
        if holder.standing != Standing::Useless {
            (holder.standing, holder.heard) = (Standing::Asked, now);
            self.send(member, BlobMessage::Ask(self.slot, self.id));
        }
    }

    pub(super) fn handle_detached(&mut self, member: Endpoint) {
        self.take_back(member);
        self.holders.remove(&member);
    }

    pub(super) fn handle_held(&mut self, now: Time, from: Endpoint, size: u64) {
        let Some(holder) = self.holders.get_mut(&from).filter(|holder| holder.standing == Standing::Asked)
        else {
            return;
        };
        holder.heard = now;
        holder.standing = Standing::Holds(size);
    }

    pub(super) fn handle_lacked(&mut self, now: Time, from: Endpoint) {
        self.stand(now, from, Standing::Lacks);
    }

    /// Part of an outline came.
    ///
    /// # Errors
    /// What is wrong with it, in words: no honest member sends that.
    pub(super) fn handle_values(
        &mut self,
        now: Time,
        from: Endpoint,
        first: u32,
        values: &[GroupValue],
    ) -> Result<(), &'static str> {
        let Some(listing) = self.listing.as_mut().filter(|listing| listing.from == from) else {
            return Ok(());
        };
        let count = group_count(listing.size) as usize;
        let expected = (count - listing.values.len()).min(VALUES_MAX);
        if first as usize != listing.values.len() || values.len() != expected {
            self.stand(now, from, Standing::Useless);
            return Err("a part of an outline that is not the one that was asked for");
        }
        listing.values.extend_from_slice(values);
        if let Some(holder) = self.holders.get_mut(&from) {
            holder.heard = now;
        }
        if listing.values.len() < count {
            let next = listing.values.len() as u32;
            self.send(from, BlobMessage::Want(self.slot, self.id, Part::Values(next)));
            return Ok(());
        }
        let Some(Listing { size, values, .. }) = self.listing.take() else { return Ok(()) };
        match Outline::new(self.id, size, values) {
            Ok(outline) => self.begin(outline),
            Err(_) => {
                self.stand(now, from, Standing::Useless);
                return Err("an outline that does not lead to the hash of its blob");
            }
        }
        Ok(())
    }

    /// A group came.
    ///
    /// # Errors
    /// As [`Fetch::handle_values`].
    pub(super) fn handle_group(
        &mut self,
        now: Time,
        from: Endpoint,
        number: u32,
        bytes: Vec<u8>,
    ) -> Result<(), &'static str> {
        // One that is wanted of another by now came late.
        if self.wanted.get(&number) != Some(&from) {
            return Ok(());
        }
        let Some(outline) = &self.outline else { return Ok(()) };
        if !outline.holds(number, &bytes) {
            self.stand(now, from, Standing::Useless);
            return Err("a group that is not its blob's");
        }
        self.wanted.remove(&number);
        if let Some(holder) = self.holders.get_mut(&from) {
            holder.heard = now;
            holder.wanted -= 1;
        }
        self.is_proved = true;
        self.writing.insert(number);
        self.work.push_back(Work::Write { slot: self.slot, blob: self.id, group: number, bytes });
        Ok(())
    }

    /// A group was written.
    pub(super) fn handle_written(&mut self, number: u32) {
        if self.writing.remove(&number)
            && let Some(outline) = &self.outline
        {
            self.held += group_len(outline.size(), number) as u64;
        }
    }

    /// Whether all of it is held.
    pub(super) fn is_whole(&self) -> bool {
        self.outline.is_some() && self.lacking.is_empty() && self.wanted.is_empty() && self.writing.is_empty()
    }

    /// Asks and wants what is to be asked and wanted now.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        let mut again = Vec::new();
        for (&member, holder) in &mut self.holders {
            if Self::due(holder, &self.listing, member).is_some_and(|at| at <= now) {
                again.push((member, holder.standing));
            }
        }
        for (member, standing) in again {
            match standing {
                Standing::Holds(_) => self.stand(now, member, Standing::Lacks),
                _ => self.ask(now, member),
            }
        }
        self.choose_outline(now);
        self.want(now);
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let due = |(&member, holder)| Self::due(holder, &self.listing, member);
        self.holders.iter().filter_map(due).min()
    }

    pub(super) fn poll_send(&mut self) -> Option<(Endpoint, BlobMessage)> {
        self.sends.pop_front()
    }

    pub(super) fn poll_work(&mut self) -> Option<Work> {
        self.work.pop_front()
    }

    /// When something is to be done about a member if it stays silent.
    fn due(holder: &Holder, listing: &Option<Listing>, member: Endpoint) -> Option<Time> {
        let lists = listing.as_ref().is_some_and(|listing| listing.from == member);
        match holder.standing {
            Standing::Asked => Some(holder.heard + SILENT_AFTER),
            Standing::Lacks => Some(holder.heard + ASK_AGAIN),
            Standing::Holds(_) => (lists || holder.wanted > 0).then_some(holder.heard + SILENT_AFTER),
            Standing::Useless => None,
        }
    }

    /// From now on a member is of no use, or for a while.
    fn stand(&mut self, now: Time, member: Endpoint, standing: Standing) {
        self.take_back(member);
        if let Some(holder) = self.holders.get_mut(&member).filter(|one| one.standing != Standing::Useless) {
            (holder.standing, holder.heard) = (standing, now);
        }
    }

    /// What was wanted of a member is wanted of another.
    fn take_back(&mut self, member: Endpoint) {
        self.listing.take_if(|listing| listing.from == member);
        for (group, _) in self.wanted.extract_if(.., |_, of| *of == member) {
            self.lacking.push_front(group);
        }
        if let Some(holder) = self.holders.get_mut(&member) {
            holder.wanted = 0;
        }
    }

    /// Takes this outline from here on. What is held stays where it has as many groups.
    fn begin(&mut self, outline: Outline) {
        let is_as_long = self.outline.as_ref().is_some_and(|known| known.groups() == outline.groups());
        if !is_as_long {
            self.lacking = (0..outline.groups()).collect();
            self.held = 0;
        }
        self.work.push_back(Work::Begin { slot: self.slot, outline: outline.clone() });
        self.outline = Some(outline);
    }

    /// Asks for an outline where there is none, or none that anybody holds the blob by.
    fn choose_outline(&mut self, now: Time) {
        if self.listing.is_some() || self.is_whole() {
            return;
        }
        let known = self.outline.as_ref();
        let mut other = None;
        for (&member, holder) in &self.holders {
            let Some(size) = self.may_fetch(holder) else { continue };
            if known.is_some_and(|known| known.size() == size) {
                return;
            }
            // Of a proved outline all but the length of the last group is so for ever.
            let may_be = |known: &Outline| !self.is_proved || known.groups() == group_count(size);
            if known.is_none_or(may_be) {
                other.get_or_insert((member, size));
            }
        }
        let Some((from, size)) = other else { return };
        if group_count(size) == 1 {
            if let Ok(outline) = Outline::new(self.id, size, Vec::new()) {
                self.begin(outline);
            }
            return;
        }
        self.listing = Some(Listing { from, size, values: Vec::new() });
        if let Some(holder) = self.holders.get_mut(&from) {
            holder.heard = now;
        }
        self.send(from, BlobMessage::Want(self.slot, self.id, Part::Values(0)));
    }

    /// Wants groups of those who hold the blob, of each as many.
    fn want(&mut self, now: Time) {
        let Some(size) = self.outline.as_ref().map(Outline::size) else { return };
        while self.wanted.len() + self.writing.len() < PENDING_MAX {
            let holds = |holder: &Holder| holder.standing == Standing::Holds(size);
            let free = self.holders.iter_mut().filter(|(_, holder)| holds(holder));
            let free = free.filter(|(_, holder)| holder.wanted < WANTED_MAX);
            let Some((&member, holder)) = free.min_by_key(|(_, holder)| holder.wanted) else { return };
            let Some(group) = self.lacking.pop_front() else { return };
            if holder.wanted == 0 {
                holder.heard = now;
            }
            holder.wanted += 1;
            self.wanted.insert(group, member);
            self.send(member, BlobMessage::Want(self.slot, self.id, Part::Group(group)));
        }
    }

    fn send(&mut self, to: Endpoint, message: BlobMessage) {
        self.sends.push_back((to, message));
    }
}
