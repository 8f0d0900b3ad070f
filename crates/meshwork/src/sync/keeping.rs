//! Holding the blobs that people name: versions of documents, their images, and pictures of whiteboards.
//!
//! # Problem
//! Authors are strangers. One may name a blob as short and serve a long one, serve its own slowly so that others' wait, change
//! something each moment, or come with as many keys as it likes.
//!
//! # How it works
//! Of a blob no more is fetched than its author named, which is what its share counts. All authors together have
//! [`BLOBS_MAX`], of which those who have most give way. [`AT_ONCE`] are fetched at a time, each of another author. Where
//! more authors wait, one that has had its [`TURN`] gives way to the one that waits longest, and goes on later where it was. A
//! change adds to the list, which is made at most once a second, and interrupts nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::future::{IntoFuture as _, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use meshwork_core::id::PeerId;
use meshwork_core::table::Table;
use meshwork_sync::about::{self, VERSION_MAX};
use meshwork_sync::whiteboard::{self, PICTURE_MAX};

use crate::app::App;
use crate::blobs::{Blob, BlobId, FetchError};
use crate::error::{Closed, WriteError};
use crate::runner::Boxed;
use crate::sync::version::VersionError;

/// Bytes that [`App::keep_blobs`] holds of all other authors together: as much as a small disk spares, or a browser.
pub const BLOBS_MAX: u64 = if cfg!(target_arch = "wasm32") { 256 * 1024 * 1024 } else { 1024 * 1024 * 1024 };
/// Blobs that are fetched at a time: a quarter of those that a room fetches.
const AT_ONCE: usize = 4;
/// How long one is fetched while others wait: 8 MiB at 7 Mbit/s.
const TURN: Duration = Duration::from_secs(10);
/// How long a blob that nobody held is not asked for again.
const RETRY: Duration = Duration::from_secs(60);
/// How long no list is made after one was.
const PAUSE: Duration = Duration::from_secs(1);

/// A blob that is held for an app.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    /// The document of which it is a version or an image; none for a picture of the whiteboard.
    document: String,
    author: PeerId,
    blob: BlobId,
    /// How long it is, as its author says, and at most.
    size: u64,
    most: u64,
}

/// A blob that is being fetched.
struct Running {
    wanted: Wanted,
    fetch: Boxed<'static, Result<Blob, FetchError>>,
    /// What ends with its turn, and whether that is over.
    turn: Boxed<'static, ()>,
    is_over: bool,
}

/// The state of a keeper of blobs.
struct Keeping<'a> {
    app: &'a App,
    most: u64,
    running: Vec<Running>,
    /// Whether authors wait of whom nothing is fetched.
    others_wait: bool,
    /// When each author had its last turn.
    turns: BTreeMap<PeerId, u64>,
    /// Blobs that were begun, and are to be freed where nobody names them any more.
    begun: BTreeSet<BlobId>,
    /// Blobs that could not be fetched up to such a size, and what ends once that is tried again.
    missing: BTreeSet<(BlobId, u64)>,
    retry: Option<Boxed<'static, ()>>,
    /// What ends once a list may be made again.
    pause: Option<Boxed<'static, ()>>,
}

enum Happened {
    Fetched(usize, Result<Blob, FetchError>),
    TurnOver(usize),
    Changed(bool),
    Retry,
    Paused,
}

impl App {
    /// Holds what people save as versions of documents and put as pictures into documents and on whiteboards, for as long as this
    /// program runs and they are not deleted, and says so: what a program does that stays. Of each author it holds
    /// [`VERSIONS_MAX`](crate::sync::VERSIONS_MAX) versions and as many pictures of either kind, of
    /// [`VERSION_BYTES_MAX`](crate::sync::VERSION_BYTES_MAX) each, and of all others together 1 GiB, in a browser 256 MiB. Dropping
    /// the future stops it; what is held stays held.
    ///
    /// # Errors
    /// [`VersionError`] where what is held cannot be listed or freed, as when the room was left.
    pub async fn keep_blobs(&self) -> Result<(), VersionError> {
        self.keep_blobs_up_to(BLOBS_MAX).await
    }

    /// The same with so many bytes of all others together. Where they have more, those of whom most is held give way, each with
    /// what it named first.
    ///
    /// # Errors
    /// As [`App::keep_blobs`].
    pub async fn keep_blobs_up_to(&self, bytes: u64) -> Result<(), VersionError> {
        let mut changes = self.watch();
        let mut keeping = Keeping {
            app: self,
            most: bytes,
            running: Vec::new(),
            others_wait: false,
            turns: BTreeMap::new(),
            begun: BTreeSet::new(),
            missing: BTreeSet::new(),
            retry: None,
            pause: None,
        };
        let mut is_stale = true;
        loop {
            if is_stale && keeping.pause.is_none() {
                keeping.look().await?;
                keeping.pause = Some(keeping.sleep(PAUSE));
                is_stale = false;
            }
            let happened = {
                let mut changed = pin!(changes.next());
                let mut poll = |context: &mut Context<'_>| {
                    keeping.poll(context, |context| changed.as_mut().poll(context).map(|next| next.is_some()))
                };
                poll_fn(|context| poll(context)).await
            };
            match happened {
                Happened::Changed(false) => return Err(Closed.into()),
                Happened::Changed(true) => is_stale = true,
                Happened::Paused => keeping.pause = None,
                happened => {
                    keeping.conclude(happened).await?;
                    (is_stale, keeping.pause) = (true, None);
                }
            }
        }
    }
}

impl Keeping<'_> {
    fn sleep(&self, time: Duration) -> Boxed<'static, ()> {
        self.app.room.shared().runner.sleep(time)
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        mut changed: impl FnMut(&mut Context<'_>) -> Poll<bool>,
    ) -> Poll<Happened> {
        for (place, running) in self.running.iter_mut().enumerate() {
            if let Poll::Ready(done) = running.fetch.as_mut().poll(context) {
                return Poll::Ready(Happened::Fetched(place, done));
            }
            running.is_over = running.is_over || running.turn.as_mut().poll(context).is_ready();
            if running.is_over && self.others_wait {
                return Poll::Ready(Happened::TurnOver(place));
            }
        }
        if self.pause.as_mut().is_some_and(|pause| pause.as_mut().poll(context).is_ready()) {
            return Poll::Ready(Happened::Paused);
        }
        if self.retry.as_mut().is_some_and(|retry| retry.as_mut().poll(context).is_ready()) {
            return Poll::Ready(Happened::Retry);
        }
        changed(context).map(Happened::Changed)
    }

    async fn conclude(&mut self, happened: Happened) -> Result<(), VersionError> {
        match happened {
            Happened::Fetched(place, done) => {
                let wanted = self.running.swap_remove(place).wanted;
                let is_held = match done {
                    Ok(blob) => blob.size() <= wanted.size && tell_held(self.app, &wanted).await?,
                    Err(FetchError::Closed(closed)) => return Err(closed.into()),
                    Err(_) => false,
                };
                if !is_held {
                    self.missing.insert((wanted.blob, wanted.size));
                    if self.retry.is_none() {
                        self.retry = Some(self.sleep(RETRY));
                    }
                }
            }
            Happened::TurnOver(place) => drop(self.running.swap_remove(place)),
            Happened::Retry => {
                self.missing.clear();
                self.retry = None;
            }
            Happened::Changed(_) | Happened::Paused => {}
        }
        Ok(())
    }

    /// Frees what nothing needs any more, and begins to fetch what there is place for.
    async fn look(&mut self) -> Result<(), VersionError> {
        let (app, most) = (self.app, self.most);
        let me = app.room.me().peer;
        let read = move |table: &Table| (wanted(table, me, most), about::held_by(table, me));
        let (mut all, mut told) = app.read(read).await?;
        let mut held: BTreeMap<BlobId, u64> = BTreeMap::new();
        for blob in all.iter().map(|wanted| wanted.blob).collect::<BTreeSet<_>>() {
            held.extend(app.blobs().get(blob).await?.map(|whole| (blob, whole.size())));
        }
        // One that is longer than was named is nobody's.
        all.retain(|wanted| held.get(&wanted.blob).is_none_or(|size| *size <= wanted.size));
        let named: BTreeSet<BlobId> = all.iter().map(|wanted| wanted.blob).collect();
        self.running.retain(|running| all.contains(&running.wanted));
        self.begun.extend(told.iter().map(|(_, blob)| *blob));
        for blob in self.begun.extract_if(.., |blob| !named.contains(blob)).collect::<Vec<_>>() {
            app.blobs().free(blob).await?;
        }
        for (document, blob) in told.clone() {
            if !all.iter().any(|wanted| wanted.blob == blob && wanted.document == document) {
                told.remove(&(document.clone(), blob));
                app.write(move |_, me| Ok(about::hold(&document, me.peer, blob, false))).await?;
            }
        }
        let is_due = |wanted: &Wanted| {
            let is_told = told.contains(&(wanted.document.clone(), wanted.blob));
            let is_held = held.contains_key(&wanted.blob);
            let is_done = is_told && is_held || self.missing.contains(&(wanted.blob, wanted.size));
            !is_done
        };
        let due: Vec<Wanted> = all.into_iter().filter(is_due).collect();
        self.begin(due);
        Ok(())
    }

    /// Begins to fetch as many as have place, of those authors first who wait longest.
    fn begin(&mut self, due: Vec<Wanted>) {
        loop {
            let is_free = |wanted: &&Wanted| {
                let mut running = self.running.iter().map(|running| &running.wanted);
                !running.any(|other| other.author == wanted.author || other.blob == wanted.blob)
            };
            let free = due.iter().filter(is_free);
            let next =
                free.min_by_key(|wanted| self.turns.get(&wanted.author).copied().unwrap_or(0)).cloned();
            self.others_wait = next.is_some();
            let Some(wanted) = next.filter(|_| self.running.len() < AT_ONCE) else { return };
            let turn = self.turns.values().max().map_or(1, |last| last + 1);
            self.turns.insert(wanted.author, turn);
            self.begun.insert(wanted.blob);
            let fetch = self.app.blobs().fetch(wanted.blob).at_most(wanted.size).into_future();
            let turn = self.sleep(TURN);
            self.running.push(Running { wanted, fetch, turn, is_over: false });
        }
    }
}

/// Says that a blob is held here. Returns whether it may: who may not write here keeps it all the same.
async fn tell_held(app: &App, wanted: &Wanted) -> Result<bool, VersionError> {
    let (document, blob) = (wanted.document.clone(), wanted.blob);
    match app.write(move |_, me| Ok(about::hold(&document, me.peer, blob, true))).await {
        Err(WriteError::Closed(closed)) => Err(closed.into()),
        told => Ok(told.is_ok()),
    }
}

/// The blobs that a keeper holds, versions before images and pictures, those named last first.
fn wanted(table: &Table, me: PeerId, most: u64) -> Vec<Wanted> {
    let mut all = named(table);
    share(&mut all, me, most);
    all
}

fn named(table: &Table) -> Vec<Wanted> {
    let versions = about::to_hold(table).into_iter().map(|version| Wanted {
        document: version.document,
        author: version.author,
        blob: version.blob,
        size: version.size,
        most: VERSION_MAX,
    });
    let pictures = whiteboard::to_hold(table).into_iter().map(|(author, picture)| Wanted {
        document: String::new(),
        author,
        blob: picture.blob(),
        size: picture.size,
        most: PICTURE_MAX,
    });
    let images = about::images_to_hold(table).into_iter().map(|(author, image)| Wanted {
        document: image.document,
        author,
        blob: image.blob,
        size: image.size,
        most: PICTURE_MAX,
    });
    versions.chain(images).chain(pictures).filter(|wanted| wanted.size <= wanted.most).collect()
}

/// Leaves of all authors but `me` so many bytes together: of each as much as of any other, or all that it has.
fn share(all: &mut Vec<Wanted>, me: PeerId, most: u64) {
    let mut used: BTreeMap<PeerId, u64> = BTreeMap::new();
    for wanted in all.iter().filter(|wanted| wanted.author != me) {
        *used.entry(wanted.author).or_default() += wanted.size;
    }
    let mut sums: Vec<u64> = used.into_values().collect();
    sums.sort_unstable();
    let (mut left, mut each) = (most, u64::MAX);
    for (place, sum) in sums.iter().enumerate() {
        let even = left / (sums.len() - place) as u64;
        if *sum > even {
            each = even;
            break;
        }
        left -= sum;
    }
    let mut taken: BTreeMap<PeerId, u64> = BTreeMap::new();
    all.retain(|wanted| {
        let taken = taken.entry(wanted.author).or_default();
        let sum = *taken + wanted.size;
        let has_place = wanted.author == me || sum <= each;
        if has_place {
            *taken = sum;
        }
        has_place
    });
}

/// Whether anything names a blob.
pub(crate) fn names(table: &Table, blob: BlobId) -> bool {
    named(table).iter().any(|wanted| wanted.blob == blob)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(author: u8, number: u8, size: u64) -> Wanted {
        let (document, most) = ("notes".to_owned(), VERSION_MAX);
        Wanted { document, author: PeerId([author; 32]), blob: BlobId([number; 32]), size, most }
    }

    fn left(mut all: Vec<Wanted>, most: u64) -> Vec<u8> {
        share(&mut all, PeerId([0; 32]), most);
        all.iter().map(|wanted| wanted.blob.0[0]).collect()
    }

    #[test]
    fn authors_with_most_give_way() {
        let all = vec![
            wanted(1, 1, 40),
            wanted(2, 2, 10),
            wanted(1, 3, 40),
            wanted(0, 4, 900),
            wanted(1, 5, 40),
            wanted(3, 6, 10),
        ];
        assert_eq!(left(all.clone(), 1000), [1, 2, 3, 4, 5, 6]);
        assert_eq!(left(all.clone(), 120), [1, 2, 3, 4, 6], "what it named first goes");
        assert_eq!(left(all.clone(), 60), [1, 2, 4, 6]);
        assert_eq!(left(all, 30), [2, 4, 6], "one's own stays");
        // Any number of keys have no more.
        let many: Vec<Wanted> = (1..=200).map(|author| wanted(author, author, 10)).collect();
        let held: u64 = {
            let mut many = many;
            share(&mut many, PeerId([0; 32]), 1000);
            many.iter().map(|wanted| wanted.size).sum()
        };
        assert!(held <= 1000, "{held}");
    }
}

#[cfg(all(test, feature = "testing"))]
mod rooms {
    use meshwork_core::id::Endpoint as EndpointId;

    use super::*;
    use crate::endpoint::Endpoint;
    use crate::room::Room;
    use crate::testing::Network;

    /// Two people, and a keeper with what it keeps.
    async fn three(network: &Network) -> ([Endpoint; 3], [Room; 3]) {
        let (ann, bo, kim) = (network.endpoint("Ann"), network.endpoint("Bo"), network.keeper("Kim"));
        let room = ann.create(crate::sync::room()).await.unwrap();
        let same = bo.join(room.link().to_string()).await.unwrap();
        let kept = kim.join(room.link().to_string()).await.unwrap();
        ([ann, bo, kim], [room, same, kept])
    }

    /// Says that a blob is a version of so many bytes, as somebody does who may lie.
    async fn name(room: &Room, label: &str, blob: BlobId, size: u64) {
        let label = label.to_owned();
        let save = move |_: &Table, me: EndpointId| Ok(about::save("notes", me.peer, &label, blob, size));
        room.app(crate::sync::APP).await.unwrap().write(save).await.unwrap();
    }

    async fn blobs(room: &Room) -> crate::blobs::Blobs {
        room.app(crate::sync::APP).await.unwrap().blobs()
    }

    async fn held(room: &Room) -> BTreeSet<BlobId> {
        blobs(room).await.list().await.unwrap().iter().map(Blob::id).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_is_held_than_was_named() {
        let network = Network::new(31);
        let (_endpoints, rooms) = three(&network).await;
        let keeps = rooms[2].app(crate::sync::APP).await.unwrap();
        let keeper = tokio::spawn(async move { keeps.keep_blobs().await });
        let long = blobs(&rooms[1]).await.offer_bytes(&[7; 300_000]).await.unwrap().id();
        let short = blobs(&rooms[0]).await.offer_bytes(&[8; 100_000]).await.unwrap().id();
        name(&rooms[0], "mine", short, 100_000).await;
        network.run(Duration::from_secs(1)).await;
        // Somebody names a blob of its own as short, and somebody else's too.
        name(&rooms[1], "liar", long, 1).await;
        name(&rooms[1], "other", short, 1).await;
        network.run(Duration::from_secs(90)).await;
        assert_eq!(held(&rooms[2]).await, [short].into());
        name(&rooms[1], "liar", long, 300_000).await;
        network.run(Duration::from_secs(90)).await;
        assert_eq!(held(&rooms[2]).await, [short, long].into());
        // Named as shorter than it is, it is held no longer.
        name(&rooms[1], "liar", long, 299_999).await;
        network.run(Duration::from_secs(10)).await;
        assert_eq!(held(&rooms[2]).await, [short].into());
        keeper.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_keeps_a_keeper_from_others_blobs() {
        let network = Network::new(32);
        let (_endpoints, rooms) = three(&network).await;
        let keeps = rooms[2].app(crate::sync::APP).await.unwrap();
        let keeper = tokio::spawn(async move { keeps.keep_blobs().await });
        let honest = blobs(&rooms[0]).await.offer_bytes(&[8; 500_000]).await.unwrap().id();
        name(&rooms[0], "mine", honest, 500_000).await;
        // Blobs that nobody hands out are named after it, and something changes all the time.
        let mut steps = 0;
        while !held(&rooms[2]).await.contains(&honest) {
            name(&rooms[1], &format!("{}", steps % 20), BlobId([steps as u8; 32]), 1_000_000).await;
            network.run(Duration::from_millis(50)).await;
            steps += 1;
            assert!(steps < 200, "it is held within ten seconds");
        }
        keeper.abort();
    }
}
