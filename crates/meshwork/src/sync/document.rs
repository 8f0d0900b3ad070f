//! Documents: text, maps and lists that several people edit at once, in the format of Yjs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use meshwork_core::id::{Endpoint, Instance, PeerId};
use meshwork_core::node::{CommandError, Node, WriteError as NodeWriteError};
use meshwork_core::room::rules::publish::Retract;
use meshwork_core::signed::header::Family;
use meshwork_core::table::Table;
use meshwork_core::wire::Bytes;
use meshwork_sync::about;
use meshwork_sync::document::{self as documents, Change, Documents, Pen, SaidError, ShareError, update};

use crate::app::App;
use crate::error::{Closed, RuleError, WriteError};
use crate::inbox::Inbox;
use crate::receipt::Receipt;
use crate::room::Room;
use crate::runner::{Boxed, MaybeSend, unless};
use crate::shared::{Changed, Shared, locked};

/// A text, map or list that several people edit at once, online or off: nothing that anybody wrote is lost, and all read the
/// same. It is a document of Yjs, so any program that knows its format can take part.
///
/// Natively [`text`](Document::text) and [`edit`](Document::edit) read and write it; in a browser npm's yjs does, by way of
/// [`whole`](Document::whole), [`watch`](Document::watch) and [`say`](Document::say).
#[derive(Clone)]
pub struct Document {
    pub(crate) app: App,
    pub(crate) name: String,
    pub(crate) in_hand: Arc<InHand>,
}

/// What a program has in hand of a document: the same for all its parts, so that no two write under one number.
pub(crate) struct InHand {
    pen: Mutex<Pen>,
    /// The document as a library has it, once it was read or edited here.
    #[cfg(all(feature = "documents", not(target_arch = "wasm32")))]
    pub(crate) open: tokio::sync::Mutex<Option<crate::sync::text::Open>>,
}

/// The documents of an app that a program has in hand, by name.
#[derive(Default)]
struct AllInHand(Mutex<BTreeMap<String, Arc<InHand>>>);

/// A document reads different now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DocumentChange {
    /// It is what it was, and this.
    Said {
        /// Who said it; `None` for something that had come before and waited for this.
        author: Option<PeerId>,
        /// An update of Yjs, in its first encoding.
        update: Vec<u8>,
    },
    /// It is not only added to, as after a ban: [`Document::whole`] says what it is. That is told at most once a second; what is
    /// said until then is in it.
    Anew,
}

/// The changes of a document from the moment on at which they were asked for.
pub struct DocumentChanges {
    name: String,
    inbox: Inbox<Changed>,
    waiting: VecDeque<DocumentChange>,
    missed: u64,
    /// Whether the document is another one, which is still to be told.
    is_anew: bool,
    /// What ends once that may be told again, where it was told lately.
    pause: Mutex<Option<Boxed<'static, ()>>>,
    shared: Weak<Shared>,
}

/// A document is [another one](DocumentChange::Anew) at most once in this time: whoever hears so opens it anew as a whole.
const ANEW_PAUSE: Duration = Duration::from_secs(1);

impl App {
    /// A text, map or list that several people edit at once. Naming a document makes nothing.
    pub fn document(&self, name: &str) -> Document {
        Document::new(self, name)
    }
}

impl Room {
    /// A document of the app that the room opened with: see [`App::document`].
    pub fn document(&self, name: &str) -> Document {
        self.opening_app().document(name)
    }
}

impl Document {
    /// The document of an app with this name.
    pub(crate) fn new(app: &App, name: &str) -> Document {
        Document {
            app: app.clone(),
            name: name.to_owned(),
            in_hand: {
                let all = app.room.state.state::<AllInHand>(app.slot);
                let in_hand = || Arc::new(InHand::new(app.room.me()));
                locked(&all.0).entry(name.to_owned()).or_insert_with(in_hand).clone()
            },
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number under which this program writes in the document as it is now: the `clientID` of a `Y.Doc` that is opened, and
    /// that it [says](Document::say) things of. Whoever opens the document [anew](DocumentChange::Anew) asks again: where
    /// something is not there any more that was written under the former number, it is another one.
    ///
    /// # Errors
    /// [`WriteError`] where the room was left, or nothing random can be drawn.
    pub async fn client(&self) -> Result<u64, WriteError> {
        let (in_hand, fresh) = (self.in_hand.clone(), fresh_instance()?);
        Ok(self.read(move |documents, name| in_hand.pen().open(documents, name, fresh)).await?)
    }

    /// The number under which a member writes in documents as long as all that it wrote is there: what it says of itself under
    /// another member's number, of its caret for example, is not that member's.
    pub fn client_of(member: Endpoint) -> u64 {
        documents::client_of(member)
    }

    /// An update of Yjs that makes the document what it is, for an empty one.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn whole(&self) -> Result<Vec<u8>, Closed> {
        self.read(|documents, name| documents.whole(name).unwrap_or_else(|| update::EMPTY.to_vec())).await
    }

    /// The same in updates that are to be applied one after the other, the first one at once: none needs what is in a later one,
    /// so a page may draw and be typed in between them. None where nobody wrote.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn slices(&self) -> Result<Vec<Vec<u8>>, Closed> {
        let client = self.in_hand.pen().client();
        self.read(move |documents, name| documents.slices(name, client)).await
    }

    /// Says what this program did to the document, as an update of Yjs under a [number](Document::client) of its own, of which no
    /// item may be said twice with another content. It may be said while nobody is linked, and travels later. Dropping the future
    /// leaves it said, or not.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was said, so nothing that builds on it can be read by others. A program has at most
    /// [`BYTES_MAX`](crate::sync::DOCUMENT_BYTES_MAX) in all documents of an app. An update that
    /// [is refused for good](WriteError::is_final) never goes out: say its [places](Document::emptied) in its stead, or open the
    /// document anew.
    pub async fn say(&self, update: &[u8]) -> Result<Receipt, WriteError> {
        let saying = self.in_hand.pen().say(&self.name, update).map_err(|error| match error {
            SaidError::Head => WriteError::TooLarge { size: self.name.len(), max: documents::NAME_MAX },
            SaidError::TooLong(size) => WriteError::TooLarge { size, max: documents::UPDATE_MAX },
            error => WriteError::Invalid(error.to_string()),
        })?;
        let (replica, me) = (self.app.slot.replica(Family::Own), self.app.room.me());
        let in_hand = self.in_hand.clone();
        let work = move |node: &mut Node, now, room| {
            let documents = node.room(room).replica::<Documents>(replica);
            let Some(documents) = documents else {
                return Err(CommandError::Write(NodeWriteError::AppIsOff(replica.slot())));
            };
            if let Err(error) = saying.check_share(documents, me.peer) {
                return Ok(Err(full(error, documents.used(me.peer))));
            }
            let receipt = node.room_mut(now, room).write(replica, saying.payloads.clone())?;
            // Whoever waits for it may be dropped.
            in_hand.pen().wrote(&saying);
            Ok(Ok(receipt))
        };
        let receipt = self.app.room.call_patiently(work).await?.map_err(WriteError::from)??;
        Ok(Receipt::new(self.app.room.clone(), receipt))
    }

    /// The same update with places alone: others see nothing of it, and everything that this program writes behind or within it
    /// has a place. A program that keeps refused words on its screen [says](Document::say) this in place of them.
    ///
    /// # Errors
    /// [`WriteError::Invalid`] for bytes that are no update.
    pub fn emptied(update: &[u8]) -> Result<Vec<u8>, WriteError> {
        let read = update::read_long(update).map_err(|error| WriteError::Invalid(error.to_string()))?;
        Ok(update::emptied(&read))
    }

    /// Puts something into the document that stands there once, whoever seeds it, offline too: an update of Yjs whose items
    /// have the client 0 and lie in nobody else's.
    ///
    /// # Errors
    /// [`WriteError`]; the document is as it was. A seed has place in one message.
    pub async fn seed(&self, update: &[u8]) -> Result<(), WriteError> {
        let seed =
            documents::seed(&self.name, update).map_err(|error| WriteError::Invalid(error.to_string()))?;
        let first = update::read(&seed).ok().and_then(|read| read.items.first().map(|item| item.id));
        let stands = self
            .read(move |documents, name| first.is_some_and(|id| documents.author(name, id).is_some()))
            .await?;
        if !stands {
            self.say(&seed).await?;
        }
        Ok(())
    }

    /// Who wrote an item, whatever client it names: the peer that signed it. `None` where nobody wrote it.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn author_of(&self, client: u64, clock: u64) -> Result<Option<PeerId>, Closed> {
        self.read(move |documents, name| documents.author(name, update::Id { client, clock })).await
    }

    /// Erases what a peer wrote in the document up to now, in all its sessions: nobody is shown it any more. What others wrote
    /// between its letters stays, and so does what anybody may put in, as by [`seed`](Document::seed). The owner's to do, or a
    /// moderator's. False where there was nothing.
    ///
    /// # Errors
    /// [`RuleError`]; of a peer with more than fifty sessions some may be erased.
    pub async fn erase_by(&self, peer: PeerId) -> Result<bool, RuleError> {
        let items = self.read(move |documents, name| documents.items_of(name, peer)).await?;
        self.erase_items(&items).await
    }

    pub(crate) async fn erase_items(&self, items: &update::Ranges) -> Result<bool, RuleError> {
        let replica = self.app.slot.replica(Family::Own);
        for scope in documents::erase_scopes(&self.name, items) {
            let scope = Bytes::new(scope).expect("a scope has place in a record");
            let retract = Retract { replica, author: None, scope };
            let erase = move |node: &mut Node, now, room| node.room_mut(now, room).retract(retract).map(drop);
            self.app.room.call(erase).await??;
        }
        Ok(!items.is_empty())
    }

    /// Hears from now on what changes in the document, by whomever.
    pub fn watch(&self) -> DocumentChanges {
        let inbox = self.app.watch_in(Family::Own);
        DocumentChanges {
            name: self.name.clone(),
            inbox,
            waiting: VecDeque::new(),
            missed: 0,
            is_anew: false,
            pause: Mutex::default(),
            shared: Arc::downgrade(self.app.room.shared()),
        }
    }

    /// Reads in the app's documents, which are empty where the app is off.
    pub(crate) fn read<R: MaybeSend + 'static>(
        &self,
        read: impl FnOnce(&Documents, &str) -> R + MaybeSend + 'static,
    ) -> impl Future<Output = Result<R, Closed>> {
        let name = self.name.clone();
        self.app.read_documents(move |documents| read(documents, &name))
    }
}

impl InHand {
    fn new(me: Endpoint) -> InHand {
        InHand {
            pen: Mutex::new(Pen::new(me)),
            #[cfg(all(feature = "documents", not(target_arch = "wasm32")))]
            open: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn pen(&self) -> MutexGuard<'_, Pen> {
        self.pen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An instance of which nothing was said yet.
pub(crate) fn fresh_instance() -> Result<Instance, WriteError> {
    Ok(Instance(u64::from_le_bytes(random()?)))
}

/// What a refusal for a peer's share is called, of which these batches and bytes are used.
fn full(error: ShareError, (batches, bytes): (usize, usize)) -> WriteError {
    match error {
        ShareError::Bytes { size, used } => {
            WriteError::ShareExceeded { size, used, max: documents::BYTES_MAX }
        }
        _ => WriteError::Full { entries: batches, bytes: bytes as u64 },
    }
}

/// Bytes that nobody else draws.
pub(crate) fn random() -> Result<[u8; 8], WriteError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| WriteError::Invalid(error.to_string()))?;
    Ok(bytes)
}

impl App {
    /// Names of the documents that have something in them, or a title, in ascending order.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn documents(&self) -> Result<Vec<String>, Closed> {
        let showing = |documents: &Documents| documents.showing().map(str::to_owned).collect::<BTreeSet<_>>();
        let titled = |table: &Table| about::titles(table, "").into_keys().map(str::to_owned).collect();
        let (mut names, mut titled): (_, BTreeSet<String>) =
            (self.read_documents(showing).await?, self.read(titled).await?);
        names.append(&mut titled);
        Ok(names.into_iter().collect())
    }

    fn read_documents<R: MaybeSend + 'static>(
        &self,
        read: impl FnOnce(&Documents) -> R + MaybeSend + 'static,
    ) -> impl Future<Output = Result<R, Closed>> {
        let replica = self.slot.replica(Family::Own);
        let call = move |node: &mut Node, _, room| match node.room(room).replica::<Documents>(replica) {
            Some(documents) => read(documents),
            None => read(&Documents::new()),
        };
        self.room.call(call)
    }
}

impl DocumentChanges {
    /// Waits for the next change; `None` once the room was left. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<DocumentChange> {
        let pause = self.pause.get_mut().unwrap_or_else(PoisonError::into_inner);
        loop {
            match self.waiting.pop_front() {
                Some(DocumentChange::Anew) => self.is_anew = true,
                // The document that the caller opens anew contains this change.
                Some(_) if self.is_anew => continue,
                Some(change) => return Some(change),
                None => {}
            }
            if self.is_anew && pause.is_none() {
                self.is_anew = false;
                *pause = self.shared.upgrade().map(|shared| shared.runner.sleep(ANEW_PAUSE));
                return Some(DocumentChange::Anew);
            }
            if !self.waiting.is_empty() {
                continue;
            }
            let heard = match pause {
                Some(pause) => unless(pause, self.inbox.next()).await,
                None => Some(self.inbox.next().await),
            };
            let Some(heard) = heard else {
                *pause = None;
                continue;
            };
            let (changed, missed) = heard?;
            self.missed += missed;
            if missed > 0 {
                self.waiting.push_back(DocumentChange::Anew);
            }
            self.waiting.extend(changes_of(&changed, &self.name));
        }
    }

    /// How many times something changed in the app's documents, so far, that this reader was too slow to hear: each time it
    /// is told that the document is [another one](DocumentChange::Anew).
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

/// What of some changes is of the document with this name.
pub(crate) fn changes_of(changed: &Changed, name: &str) -> Vec<DocumentChange> {
    let mut author = changed.batch.map(|batch| batch.author.peer);
    let mut of_name = Vec::new();
    for change in changed.changes.of::<Change>() {
        match change {
            // The first is the batch's own.
            Change::Said { name: other, update } if other == name => {
                of_name.push(DocumentChange::Said { author: author.take(), update: update.clone() });
            }
            Change::Anew { name: other } if other == name => of_name.push(DocumentChange::Anew),
            _ => {}
        }
    }
    of_name
}

impl fmt::Debug for DocumentChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DocumentChanges").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("name", &self.name).finish_non_exhaustive()
    }
}
