//! Rows in the order of time that a room keeps.

use std::fmt;
use std::str::FromStr;

use meshwork_core::id::{Endpoint as EndpointId, PeerId};
use meshwork_core::node::{CommandError, Node};
use meshwork_core::table::{self, ROW_MAX, TIME_TAIL, Writer};
use meshwork_core::time::WallTime;
use serde::Serialize;

use crate::app::{App, read_in, write_in};
use crate::error::{Closed, WriteError};
use crate::fields::{Fields, check_fits_one_batch};
use crate::receipt::Receipt;
use crate::table::{Changes, Entry, Row, Table, Watched};

/// Longest name of a log, in bytes: one more and the 14 of a [`LogId`] follow it in the id of a row.
pub const LOG_NAME_MAX: usize = ROW_MAX - TIME_TAIL - 1;

/// Rows in the order of time, which the room keeps: messages, moves or results. Each row has fields, and each peer's
/// fields are its own: nobody changes what somebody else wrote.
///
/// Old rows can be dropped by age for everybody: [`Rules::keep_logs_for`](crate::Rules::keep_logs_for). Members fetch and
/// compare recent rows without looking at old ones.
///
/// ```
/// # use meshwork::testing::Network;
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let room = Network::new(7).endpoint("Ann").create(meshwork::room("chess")).await?;
/// let moves = room.app("chess").await?.log("moves");
/// let (first, _) = moves.add("e2e4").await?;
/// moves.add("e7e5").await?;
/// let newest = moves.newest(None, 10).await?;
/// assert_eq!(newest[1].entry().unwrap().read::<String>()?, "e7e5");
/// assert_eq!(newest[0].id(), first);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Log(Table);

/// The name of a row of a log: the room's time when it was added, and eight bytes that tell rows of one millisecond apart.
/// Ids are in the order of time, and a row is after those of the same millisecond that its author had. As text they are 28 digits from 0 to f, in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(pub [u8; TIME_TAIL]);

/// A text is not the id of a log's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of a log's row has {} digits from 0 to f", 2 * TIME_TAIL)]
pub struct NoLogId;

/// A row of a log, as it was read.
#[derive(Clone, Debug)]
pub struct LogRow {
    id: LogId,
    /// In the order of writers, then of names.
    fields: Vec<(Writer, String, Entry)>,
}

impl Log {
    pub(crate) fn new(app: App, name: &str) -> Log {
        let is_name = name.len() <= LOG_NAME_MAX && !name.contains('\0');
        assert!(is_name, "the name of a log has at most LOG_NAME_MAX bytes and no zero byte");
        Log(Table::by_time(app, name))
    }

    /// The same rows, with the fields that a peer alone may write: to read.
    #[must_use]
    pub fn of(&self, peer: PeerId) -> Log {
        Log(self.0.of(peer))
    }

    /// The same rows, with the fields that the owner and moderators alone may write: such as a mark that hides a row.
    #[must_use]
    pub fn moderated(&self) -> Log {
        Log(self.0.moderated())
    }

    /// The same rows, written without [`WriteError::Full`]: if this peer's quota is used up, a write evicts the peer's oldest
    /// entries in the app's logs.
    #[must_use]
    pub fn evicting_oldest(&self) -> Log {
        Log(self.0.evicting_oldest())
    }

    /// Adds a row with a value, as JSON, in its unnamed field. It may be added while nobody is linked, and travels later.
    /// Dropping the future leaves it added, or not.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was added. A value has at most [`VALUE_MAX`](crate::VALUE_MAX) bytes.
    pub async fn add<T: Serialize + ?Sized>(&self, value: &T) -> Result<(LogId, Receipt), WriteError> {
        self.add_all(Fields::new().set("", value)).await
    }

    /// Adds a row with several fields, as [`Log::add`] does.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was added. [`WriteError::TooLarge`] if the fields do not fit one batch: see [`Fields`].
    pub async fn add_all(&self, fields: Fields) -> Result<(LogId, Receipt), WriteError> {
        let rows = &self.0;
        rows.check_writer()?;
        let (me, when_full) = (rows.app.room.me(), rows.when_full);
        // The id is not known before the node is called: it has the room's time.
        let mut writes = fields.writes(&rows.row_id(&LogId([0; TIME_TAIL]).to_string()), rows.writer)?;
        check_fits_one_batch(me.peer, &writes)?;
        let (replica, head) = (rows.app.slot.replica(rows.family), rows.row_id(""));
        let row_of = |head: &[u8], id: LogId| [head, &id.0].concat();
        let add = move |node: &mut Node, now, room| {
            let time = node.room(room).time(now).ok_or(CommandError::NotOpen)?;
            let id = read_in(node, room, replica, |table| {
                let end = row_of(&head, LogId::at_ms(time.as_millis() + 1));
                let last = table.entries_before(&head, &end).next();
                let last =
                    last.and_then(|entry| Some(LogId(entry.row().strip_prefix(&*head)?.try_into().ok()?)));
                LogId::new(time, me, last)
            });
            writes.iter_mut().for_each(|write| write.row = row_of(&head, id));
            let written = write_in(node, now, (room, replica), me, &writes, when_full)?;
            Ok(written.map(|written| (id, written)))
        };
        let (id, written) = rows.app.room.call_patiently(add).await?.map_err(WriteError::from)??;
        Ok((id, rows.receipt(written)?))
    }

    /// A row, to change this program's own fields of it or to read them. In a row of somebody else they stand beside the
    /// fields of its author, such as a reaction. Of [`Log::of`] and [`Log::moderated`] the row has their fields.
    #[must_use]
    pub fn row(&self, id: LogId) -> Row {
        self.0.row(&id.to_string())
    }

    /// The newest rows, at most `most`, in the order of time; with `before` only rows before that one. Removed rows are not
    /// among them. A row has the fields of all its writers.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn newest(&self, before: Option<LogId>, most: usize) -> Result<Vec<LogRow>, Closed> {
        let log = self.0.clone();
        let head = log.row_id("");
        // The first row behind all of this log.
        let end = [&head[..head.len() - 1], &[1]].concat();
        let until = before.map_or(end, |id| log.row_id(&id.to_string()));
        let read = move |table: &table::Table| {
            let mut rows = rows(&log, table.entries_before(&head, &until), most);
            rows.reverse();
            rows
        };
        self.0.app.read_from(self.0.family, read).await
    }

    /// The oldest rows, at most `most`, in the order of time; with `after` only rows after that one.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn oldest(&self, after: Option<LogId>, most: usize) -> Result<Vec<LogRow>, Closed> {
        let log = self.0.clone();
        let head = log.row_id("");
        let last = after.map(|id| log.row_id(&id.to_string()));
        let from = last.clone().unwrap_or_else(|| head.clone());
        let read = move |table: &table::Table| {
            let entries = table.entries_from(&head, &from);
            rows(&log, entries.filter(|entry| last.as_deref() != Some(entry.row())), most)
        };
        self.0.app.read_from(self.0.family, read).await
    }

    /// A row as it is now; `None` if it has no field.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn get(&self, id: LogId) -> Result<Option<LogRow>, Closed> {
        let log = self.0.clone();
        let row = log.row_id(&id.to_string());
        let read = move |table: &table::Table| rows(&log, table.row(&row), 1).pop();
        self.0.app.read_from(self.0.family, read).await
    }

    /// Hears from now on what changes in fields that each peer wrote as its own. The [key](crate::Change::key) of a change is
    /// the text of a [`LogId`].
    pub fn watch(&self) -> Changes {
        self.0.watch_by(Watched::From(String::new()), true)
    }

    /// The same of the fields of one writer: of [`Log::of`] a peer, of [`Log::moderated`] the moderators, else this program's
    /// peer.
    pub fn watch_own(&self) -> Changes {
        self.0.watch_by(Watched::From(String::new()), false)
    }
}

/// The rows of these entries, at most `most`, in the order of the entries.
fn rows<'a>(log: &Table, entries: impl Iterator<Item = &'a table::Entry>, most: usize) -> Vec<LogRow> {
    let mut rows: Vec<LogRow> = Vec::new();
    for entry in entries {
        let (writer, name) = entry.field();
        // Other kinds of programs may have other rows and names.
        let Ok(name) = str::from_utf8(name).map(str::to_owned) else { continue };
        let Some(read) = log.entry(entry.clone()) else { continue };
        let Ok(id) = read.key.parse() else { continue };
        if rows.last().is_none_or(|row| row.id != id) {
            if rows.len() == most {
                break;
            }
            rows.push(LogRow { id, fields: Vec::new() });
        }
        if let Some(row) = rows.last_mut() {
            row.fields.push((writer, name, read));
        }
    }
    for row in &mut rows {
        row.fields.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
    }
    rows
}

impl LogRow {
    /// Its id.
    pub fn id(&self) -> LogId {
        self.id
    }

    /// The value that [`Log::add`] gave it: the unnamed field of its author. If several peers wrote one in this row, the
    /// earliest.
    pub fn entry(&self) -> Option<&Entry> {
        let unnamed = self.fields().filter(|(_, name, _)| name.is_empty());
        unnamed.map(|(.., entry)| entry).min_by_key(|entry| entry.entry.stamp())
    }

    /// The fields that each peer wrote as its own: the peer, the name and the value.
    pub fn fields(&self) -> impl Iterator<Item = (PeerId, &str, &Entry)> {
        self.fields.iter().filter_map(|(writer, name, entry)| match writer {
            Writer::Peer(peer) => Some((*peer, &**name, entry)),
            _ => None,
        })
    }

    /// A field that a peer wrote as its own; `None` if it has no value.
    pub fn field_of(&self, peer: PeerId, name: &str) -> Option<&Entry> {
        self.fields().find(|(of, of_name, _)| (*of, *of_name) == (peer, name)).map(|(.., entry)| entry)
    }

    /// A field of the owner and moderators; `None` if it has no value.
    pub fn moderated(&self, name: &str) -> Option<&Entry> {
        let is_it = |(writer, of_name, _): &&(Writer, String, Entry)| {
            *writer == Writer::Moderators && of_name == name
        };
        self.fields.iter().find(is_it).map(|(.., entry)| entry)
    }
}

impl LogId {
    /// An id that no other endpoint makes. Within one millisecond it is after the `last` row that is here.
    fn new(time: WallTime, me: EndpointId, last: Option<LogId>) -> LogId {
        let LogId(mut id) = LogId::at_ms(time.as_millis());
        let of_now = last.filter(|last| last.0[..6] == id[..6]);
        let counter = of_now.map_or(0, |last| u16::from_be_bytes([last.0[6], last.0[7]]).saturating_add(1));
        let mut hasher = blake3::Hasher::new_derive_key("meshwork log id v1");
        hasher.update(&me.to_bytes()).update(&time.0.to_le_bytes());
        // The last row tells apart the rows beyond the greatest counter.
        hasher.update(&of_now.map_or(id, |last| last.0));
        id[6..8].copy_from_slice(&counter.to_be_bytes());
        id[8..].copy_from_slice(&hasher.finalize().as_bytes()[..TIME_TAIL - 8]);
        LogId(id)
    }

    /// The room's time when the row was added, by its author's word: milliseconds since 1970. It is never after the
    /// [time](Entry::time_ms) of an entry in the row.
    pub fn time_ms(&self) -> u64 {
        self.0[..6].iter().fold(0, |time, byte| time << 8 | u64::from(*byte))
    }

    /// The least id of a time in milliseconds since 1970, below 2^48: for [`Log::newest`] and [`Log::oldest`].
    pub fn at_ms(time_ms: u64) -> LogId {
        let mut id = [0; TIME_TAIL];
        id[..6].copy_from_slice(&time_ms.min((1 << 48) - 1).to_be_bytes()[2..]);
        LogId(id)
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for LogId {
    type Err = NoLogId;

    fn from_str(text: &str) -> Result<LogId, NoLogId> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(NoLogId),
        };
        let digits: &[u8; 2 * TIME_TAIL] = text.as_bytes().try_into().map_err(|_| NoLogId)?;
        let mut id = [0; TIME_TAIL];
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(LogId(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_as_they_are_written() {
        let id = LogId([0, 1, 2, 3, 4, 5, 0xf6, 7, 8, 9, 10, 11, 12, 0xff]);
        assert_eq!(id.to_string(), "000102030405f60708090a0b0cff");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(LogId::at_ms(id.time_ms()).time_ms(), 0x0001_0203_0405);
        assert!(LogId::at_ms(id.time_ms()) < id && id < LogId::at_ms(id.time_ms() + 1));
        for wrong in ["", &"0".repeat(27), &"0".repeat(29), &"g".repeat(28), &"A".repeat(28), &"é".repeat(14)]
        {
            assert_eq!(wrong.parse::<LogId>(), Err(NoLogId), "{wrong}");
        }
    }
}
