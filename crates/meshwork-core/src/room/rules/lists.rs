//! Fetches the lists that records name: too long for one message, so a neighbour is asked for piece after piece.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::records::{RecordHash, Records};
use crate::id::Endpoint;
use crate::room::message::{AskList, ListPiece, PIECE_MAX, RoomMessage};
use crate::signed::list::{List, ListKind, ListName};
use crate::signed::record::Record;
use crate::time::Time;
use crate::wire::Bytes;

/// Lists that are fetched at once, of at most 1 MiB each. Further records come again with the next comparison.
const FETCHES_MAX: usize = 16;
/// How long a neighbour may take for a piece before another one that has the record is asked.
const PATIENCE: Duration = Duration::from_secs(5);

/// The fetches, by the record that waits for each.
#[derive(Debug, Default)]
pub(super) struct Lists(BTreeMap<RecordHash, Fetch>);

#[derive(Debug)]
struct Fetch {
    record: Record,
    kind: ListKind,
    name: ListName,
    from: Endpoint,
    asked_at: Time,
    bytes: Vec<u8>,
}

/// The result of a piece.
pub(super) enum Piece {
    /// The next request, or nothing if the piece was not requested.
    More(Option<RoomMessage>),
    /// The list is complete.
    Whole(Record, Arc<List>),
    /// It is not the list that the record names, with the reason.
    Wrong(String),
}

impl Lists {
    /// `from` has a record whose list is not here. Returns the request for it.
    pub(super) fn begin(
        &mut self,
        now: Time,
        from: Endpoint,
        record: Record,
        (kind, name): (ListKind, ListName),
    ) -> Option<RoomMessage> {
        let hash = record.hash();
        let is_full = self.0.len() == FETCHES_MAX;
        match self.0.get_mut(&hash) {
            Some(fetch) if now.since(fetch.asked_at) < PATIENCE => None,
            Some(fetch) => {
                // Pieces of two neighbours are never mixed, so that the source of a wrong list is known.
                if fetch.from != from {
                    (fetch.from, fetch.bytes) = (from, Vec::new());
                }
                fetch.asked_at = now;
                Some(fetch.ask())
            }
            None if is_full => None,
            None => {
                let fetch = Fetch { record, kind, name, from, asked_at: now, bytes: Vec::new() };
                let ask = fetch.ask();
                self.0.insert(hash, fetch);
                Some(ask)
            }
        }
    }

    /// A piece arrived.
    pub(super) fn handle_piece(&mut self, now: Time, from: Endpoint, piece: &ListPiece) -> Piece {
        let is_meant = |fetch: &Fetch| {
            let Fetch { from: asked, name, bytes, .. } = fetch;
            (*asked, name.hash, bytes.len() as u32) == (from, piece.list, piece.offset)
        };
        let Some((&hash, fetch)) = self.0.iter_mut().find(|(_, fetch)| is_meant(fetch)) else {
            return Piece::More(None);
        };
        let length = fetch.length();
        let is_within = !piece.bytes.is_empty() && fetch.bytes.len() + piece.bytes.len() <= length;
        if is_within {
            fetch.bytes.extend_from_slice(&piece.bytes);
            fetch.asked_at = now;
            if fetch.bytes.len() < length {
                return Piece::More(Some(fetch.ask()));
            }
        }
        let Some(fetch) = self.0.remove(&hash) else { return Piece::More(None) };
        let Fetch { record, kind, name, bytes, .. } = fetch;
        match List::decode(kind, &bytes, &name) {
            Ok(list) => Piece::Whole(record, Arc::new(list)),
            Err(error) => Piece::Wrong(error.to_string()),
        }
    }

    /// A neighbour is gone: others that have the record are asked when they show it.
    pub(super) fn handle_detached(&mut self, endpoint: Endpoint) {
        self.0.retain(|_, fetch| fetch.from != endpoint);
    }
}

impl Fetch {
    fn length(&self) -> usize {
        self.name.count as usize * self.kind.item_len()
    }

    fn ask(&self) -> RoomMessage {
        RoomMessage::AskList(AskList { list: self.name.hash, offset: self.bytes.len() as u32 })
    }
}

/// The requested piece, if the list is here and has it.
pub(super) fn piece(records: &Records, ask: &AskList) -> Option<RoomMessage> {
    let rest = records.list(&ask.list)?.bytes();
    let rest = rest.get(ask.offset as usize..).filter(|rest| !rest.is_empty())?;
    let bytes = Bytes::new(rest[..rest.len().min(PIECE_MAX)].to_vec()).expect("just cut to the limit");
    Some(RoomMessage::ListPiece(ListPiece { list: ask.list, offset: ask.offset, bytes }))
}
