//! How rooms are left and how a node ends: writes that are on their way have a moment to arrive, and writes that reached
//! nobody are reported.
//!
//! # Limits
//! [`LEAVING_MAX`] rooms wait to be left, for [`SENDING_MAX`] each.

use std::collections::VecDeque;
use std::io::Write as _;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use meshwork_core::id::RoomId;
use meshwork_core::node::{Node, ROOMS_MAX, RoomHandle};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;
use tokio::task::Id;

/// How long writes may take to arrive before their room is left or the node ends. With the goodbyes after it a program
/// waits a second for it at most.
const SENDING_MAX: Duration = Duration::from_millis(800);
/// The same for changes on their way to this device's storage: a slow disk takes longer than a link.
const STORING_MAX: Duration = Duration::from_secs(5);
/// Rooms that wait to be left, a quarter of those that a node has. The first is left at once when there is another.
const LEAVING_MAX: usize = ROOMS_MAX / 4;

/// Where the end of the node is reported.
pub(super) enum Ended {
    /// The program asked for it, and reads elsewhere which of its writes are kept.
    Asked(oneshot::Sender<()>),
    /// The program let go of the node.
    Dropped(Sender<()>),
}

impl Ended {
    pub(super) fn is_asked(&self) -> bool {
        matches!(self, Ended::Asked(_))
    }

    pub(super) fn tell(self) {
        // An error says that the caller does not wait any more.
        match self {
            Ended::Asked(sender) => drop(sender.send(())),
            Ended::Dropped(sender) => drop(sender.send(())),
        }
    }
}

/// Rooms that are left once their writes have arrived, and the end of the node, which waits for the same.
#[derive(Default)]
pub(super) struct Leaving {
    /// Each with the moment at which it is left all the same.
    rooms: VecDeque<(Instant, RoomHandle)>,
    /// Since when the node is to end, and who waits for that.
    end: Option<(Instant, Option<Ended>)>,
}

impl Leaving {
    /// A room is to be left.
    pub(super) fn add(&mut self, now: Instant, room: RoomHandle) {
        self.rooms.push_back((now + SENDING_MAX, room));
    }

    /// The node is to end.
    pub(super) fn end(&mut self, now: Instant, ended: Option<Ended>) {
        self.end.get_or_insert((now, ended));
    }

    /// Whether the node is to end: it takes no more orders.
    pub(super) fn is_ending(&self) -> bool {
        self.end.is_some()
    }

    /// A room to be left now.
    pub(super) fn due(&mut self, now: Instant, node: &Node) -> Option<RoomHandle> {
        let is_due = |(until, room): &(Instant, RoomHandle)| {
            let room = node.room(*room);
            *until <= now || !(room.is_sending() || room.is_storing())
        };
        let too_many = self.rooms.len() > LEAVING_MAX;
        let place = if too_many { Some(0) } else { self.rooms.iter().position(is_due) };
        self.rooms.remove(place?).map(|(_, room)| room)
    }

    /// A room to be left now since the node has no place for another.
    pub(super) fn give_way(&mut self, node: &Node) -> Option<RoomHandle> {
        let is_full = !self.rooms.is_empty() && node.usage().rooms >= ROOMS_MAX;
        is_full.then(|| self.rooms.pop_front()).flatten().map(|(_, room)| room)
    }

    /// Takes out the room with this id, or all.
    pub(super) fn take(&mut self, id: Option<RoomId>, node: &Node) -> Vec<RoomHandle> {
        let (taken, left) =
            self.rooms.iter().partition(|(_, room)| id.is_none() || node.room(*room).id() == id);
        self.rooms = left;
        let taken: VecDeque<(Instant, RoomHandle)> = taken;
        taken.into_iter().map(|(_, room)| room).collect()
    }

    /// Who waits for the end, if it is to be now.
    pub(super) fn end_due(&mut self, now: Instant, node: &Node) -> Option<Option<Ended>> {
        let (since, _) = self.end.as_ref()?;
        let has_sent = *since + SENDING_MAX <= now || !node.is_sending();
        let has_stored = *since + STORING_MAX <= now || !node.is_storing();
        if has_sent && has_stored { self.end.take().map(|(_, ended)| ended) } else { None }
    }

    /// When the first of these is due.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let ends = self.end.iter().flat_map(|(since, _)| [*since + SENDING_MAX, *since + STORING_MAX]);
        self.rooms.iter().map(|(until, _)| *until).chain(ends).filter(|until| *until > now).min()
    }
}

/// Blocks this thread until the node has ended, where its task `driver` goes on meanwhile.
pub(super) fn wait_for(runtime: &Handle, driver: Id, ended: &Receiver<()>, most: Duration) {
    let here = tokio::task::try_id();
    // On a runtime of one thread nothing would go on, and nobody waits for oneself.
    if runtime.runtime_flavor() == RuntimeFlavor::CurrentThread || here == Some(driver) {
        return;
    }
    let wait = || {
        // An error says that the node has ended too, or that there was no time for it.
        let _ = ended.recv_timeout(most);
    };
    let is_on = |handle: Handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread;
    if here.is_some() && Handle::try_current().is_ok_and(is_on) {
        // Other tasks of this thread, among which the node's may be, go on in another one. In a set of local tasks that
        // is not possible, and nothing is waited for.
        let _ = catch_unwind(AssertUnwindSafe(|| tokio::task::block_in_place(wait)));
    } else {
        wait();
    }
}

/// Something whose loss is reported on standard error when it is dropped before somebody [takes](Unreported::take) it.
pub(super) struct Unreported<T> {
    held: Option<T>,
    lost: fn(&T) -> usize,
}

impl<T> Unreported<T> {
    /// `lost` counts the writes that are lost with it.
    pub(super) fn new(held: T, lost: fn(&T) -> usize) -> Unreported<T> {
        Unreported { held: Some(held), lost }
    }

    /// Takes it out without a report.
    pub(super) fn take(mut self) -> T {
        self.held.take().expect("it is held until it is taken, which is once")
    }

    /// Reports what is lost, and takes it out.
    pub(super) fn report(self) -> T {
        report((self.lost)(&self));
        self.take()
    }
}

impl<T> Deref for Unreported<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.held.as_ref().expect("it is held until it is taken")
    }
}

impl<T> DerefMut for Unreported<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().expect("it is held until it is taken")
    }
}

impl<T> Drop for Unreported<T> {
    fn drop(&mut self) {
        // A node that panicked is not asked.
        if let Some(held) = self.held.take().filter(|_| !std::thread::panicking()) {
            report((self.lost)(&held));
        }
    }
}

fn report(lost: usize) {
    if lost > 0 {
        // A program whose standard error is closed cannot be told.
        let _ = writeln!(std::io::stderr(), "{}", words(lost));
    }
}

fn words(lost: usize) -> String {
    let writes = if lost == 1 { String::from("1 write") } else { format!("{lost} writes") };
    format!(
        "meshwork: {writes} reached nobody before the endpoint ended, and no store has them. Call `room.kept().await` and \
         `endpoint.close().await` before the program ends."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_counted_in_words() {
        assert!(words(1).starts_with("meshwork: 1 write reached nobody"));
        assert!(words(12).starts_with("meshwork: 12 writes reached nobody"));
    }
}
