//! Whether one update says all that others say, however they are cut into items.
//!
//! Yjs joins neighbouring items into runs when it writes them, and cuts runs where somebody writes in between. So items are
//! compared part by part: the second part of a run is an item of its own whose origin is the first.

use super::{Id, Item, Kind, Parent, Ranges, Reader, Update};

impl Update<'_> {
    /// Whether an item stands in it.
    pub fn has(&self, id: Id) -> bool {
        find(&self.items, id).is_some()
    }

    /// Whether this update has all deletions of `others`, and all their items with the same places and contents. The content of
    /// an item may lack here where this update deletes it too. It takes a time that is proportional to all of them.
    pub fn contains(&self, others: &[Update<'_>]) -> bool {
        let deleted = self.deleted();
        let mut container = Container::of(self, &deleted);
        others.iter().all(|other| {
            let mut deletions = other.deletions.iter();
            deletions.all(|(client, range)| deleted.has(*client, range)) && container.has_items(other)
        })
    }
}

/// An update that may contain others.
pub(in super::super) struct Container<'u, 'a> {
    items: &'u [Item<'a>],
    deleted: &'u Ranges,
    /// The item looked at last, and its parts: of a long run many are asked for one after the other.
    read: Option<(usize, Parts<'a>)>,
}

impl<'u, 'a> Container<'u, 'a> {
    /// An update, with what it deletes.
    pub(in super::super) fn of(update: &'u Update<'a>, deleted: &'u Ranges) -> Container<'u, 'a> {
        Container { items: &update.items, deleted, read: None }
    }

    /// Whether it has all items of another update.
    pub(in super::super) fn has_items(&mut self, other: &Update<'_>) -> bool {
        other.items.iter().all(|item| self.has(item))
    }

    fn has(&mut self, item: &Item<'_>) -> bool {
        let (parts, mut done) = (Parts::of(item), 0);
        while done < item.length {
            let id = Id { client: item.id.client, clock: item.id.clock + done };
            let Some(place) = find(self.items, id) else { return false };
            let own = &self.items[place];
            let from = id.clock - own.id.clock;
            let length = (own.length - from).min(item.length - done);
            let range = id.clock..id.clock + length;
            let may_lack = own.content.kind == Kind::Deleted && self.deleted.has(id.client, &range);
            let says = |container: &mut Self| {
                container.parts(place).slice(from, length) == parts.slice(done, length)
                    && own.content.kind == item.content.kind
            };
            if place_of(own, from) != place_of(item, done) || !(may_lack || says(self)) {
                return false;
            }
            done += length;
        }
        true
    }

    fn parts(&mut self, place: usize) -> &Parts<'_> {
        let read = self.read.take().filter(|(read, _)| *read == place);
        let read = read.unwrap_or_else(|| (place, Parts::of(&self.items[place])));
        &self.read.insert(read).1
    }
}

/// Which item has this one among its parts.
fn find(items: &[Item<'_>], id: Id) -> Option<usize> {
    // The greatest client stands first.
    let order = |id: Id| (std::cmp::Reverse(id.client), id.clock);
    let place = items.partition_point(|item| order(item.id) <= order(id)).checked_sub(1)?;
    let item = &items[place];
    (item.id.client == id.client && id.clock < item.id.clock + item.length).then_some(place)
}

/// Where something lies: behind what, before what, and where its neighbours do not say it.
type Place<'a> = (Option<Id>, Option<Id>, Option<Parent<'a>>, Option<&'a str>);

/// Where a part of an item lies: the first one where the item does, each other one behind the one before.
fn place_of<'a>(item: &Item<'a>, part: u64) -> Place<'a> {
    let Item { id, origin, right, parent, key, .. } = *item;
    match part {
        0 => (origin, right, parent, key),
        part => (Some(Id { clock: id.clock + part - 1, ..id }), right, None, None),
    }
}

/// The parts of an item one by one.
enum Parts<'a> {
    /// Letters of one byte and one unit each.
    Plain(&'a [u8]),
    Letters(Vec<u16>),
    Values(Vec<&'a [u8]>),
    /// One part alone, or parts of which nothing but their number is known.
    Bytes(&'a [u8]),
}

/// Some of them.
enum Slice<'s, 'a> {
    Plain(&'a [u8]),
    Letters(&'s [u16]),
    Values(&'s [&'a [u8]]),
    Bytes(&'a [u8]),
}

impl<'a> Parts<'a> {
    fn of(item: &Item<'a>) -> Parts<'a> {
        let (kind, bytes) = (item.content.kind, item.content.bytes);
        let mut reader = Reader(bytes);
        match kind {
            Kind::Text => {
                let text = reader.text().unwrap_or_default();
                let is_plain = text.is_ascii();
                if is_plain {
                    Parts::Plain(text.as_bytes())
                } else {
                    Parts::Letters(text.encode_utf16().collect())
                }
            }
            Kind::Any => Parts::Values(reader.values()),
            Kind::Deleted => Parts::Bytes(&[]),
            _ => Parts::Bytes(bytes),
        }
    }

    fn slice(&self, from: u64, length: u64) -> Slice<'_, 'a> {
        let range = from as usize..(from + length) as usize;
        match self {
            Parts::Plain(letters) => Slice::Plain(letters.get(range).unwrap_or_default()),
            Parts::Letters(letters) => Slice::Letters(letters.get(range).unwrap_or_default()),
            Parts::Values(values) => Slice::Values(values.get(range).unwrap_or_default()),
            Parts::Bytes(bytes) => Slice::Bytes(bytes),
        }
    }
}

impl PartialEq for Slice<'_, '_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Slice::Plain(one), Slice::Plain(other)) | (Slice::Bytes(one), Slice::Bytes(other)) => {
                one == other
            }
            (Slice::Letters(one), Slice::Letters(other)) => one == other,
            (Slice::Plain(plain), Slice::Letters(letters))
            | (Slice::Letters(letters), Slice::Plain(plain)) => {
                plain.iter().map(|letter| u16::from(*letter)).eq(letters.iter().copied())
            }
            (Slice::Values(one), Slice::Values(other)) => one == other,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;

    /// An update of one client with these structs and deletions, which begins with clock 0.
    fn update(structs: &[&[u8]], deletions: &[u8]) -> Vec<u8> {
        let head = [1, structs.len() as u8, 5, 0];
        [&head[..], &structs.concat(), deletions].concat()
    }

    fn contains(one: &[u8], other: &[u8]) -> bool {
        read(one).expect("an update").contains(&[read(other).expect("an update")])
    }

    const NOTHING: &[u8] = &[0];
    const ABC: &[u8] = b"\x04\x01\x01t\x03abc";
    const A: &[u8] = b"\x04\x01\x01t\x01a";
    const BC: &[u8] = b"\x84\x05\x00\x02bc";

    #[test]
    fn runs_and_single_items_say_the_same() {
        let (run, cut) = (update(&[ABC], NOTHING), update(&[A, BC], NOTHING));
        assert!(contains(&run, &cut) && contains(&cut, &run));
        let first = update(&[A], NOTHING);
        assert!(contains(&run, &first) && !contains(&first, &run));
    }

    #[test]
    fn letters_of_any_width_are_compared() {
        let (run, cut) = (
            update(&["\x04\x01\x01t\x04abé".as_bytes()], NOTHING),
            update(&[b"\x04\x01\x01t\x02ab"], NOTHING),
        );
        assert!(contains(&run, &cut) && !contains(&cut, &run));
        let other = update(&[b"\x04\x01\x01t\x02ac"], NOTHING);
        assert!(!contains(&run, &other));
    }

    #[test]
    fn other_places_and_contents_are_told_apart() {
        let run = update(&[ABC], NOTHING);
        for other in [
            update(&[b"\x04\x01\x01t\x03abd"], NOTHING),
            update(&[b"\x04\x01\x01u\x03abc"], NOTHING),
            update(&[b"\x84\x06\x00\x03abc"], NOTHING),
            update(&[b"\x44\x06\x00\x03abc"], NOTHING),
            update(&[b"\x24\x01\x01t\x01k\x03abc"], NOTHING),
            update(&[A, b"\x84\x06\x00\x02bc"], NOTHING),
            update(&[b"\x03\x01\x01t\x03abc"], NOTHING),
            update(&[A, BC, b"\x84\x05\x02\x01d"], NOTHING),
        ] {
            assert!(!contains(&run, &other), "{other:x?}");
        }
    }

    #[test]
    fn only_deleted_contents_may_lack() {
        let cut = update(&[A, BC], b"\x01\x05\x01\x01\x01");
        let lacks = |deletions: &[u8]| update(&[A, b"\x81\x05\x00\x01", b"\x84\x05\x01\x01c"], deletions);
        assert!(contains(&lacks(b"\x01\x05\x01\x01\x01"), &cut), "the b is deleted");
        assert!(!contains(&lacks(b"\x01\x05\x01\x00\x01"), &cut), "the a is");
        assert!(!contains(&cut, &lacks(b"\x01\x05\x01\x01\x01")), "it has less to say");
        let all = update(&[ABC], b"\x01\x05\x02\x02\x01\x00\x02");
        assert!(contains(&all, &cut), "deleted in two ranges that meet");
    }

    #[test]
    fn values_are_compared_one_by_one() {
        let list = update(&[b"\x08\x01\x01l\x03\x7d\x01\x77\x01x\x7e"], NOTHING);
        let cut = update(&[b"\x08\x01\x01l\x01\x7d\x01", b"\x88\x05\x00\x02\x77\x01x\x7e"], NOTHING);
        let other = update(&[b"\x08\x01\x01l\x03\x7d\x01\x77\x01y\x7e"], NOTHING);
        assert!(contains(&list, &cut) && contains(&cut, &list) && !contains(&list, &other));
    }
}
