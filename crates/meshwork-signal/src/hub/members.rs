//! Who is in a room: found by endpoint, drawn by place.

use std::collections::BTreeMap;

use meshwork_core::id::Endpoint;
use meshwork_core::rng::Rng;

use super::{NAMED_MAX, SocketId};

/// The members of one room; at most `members_max`.
#[derive(Default)]
pub(super) struct Members {
    /// In no order, so that some can be drawn without looking at all.
    listed: Vec<(Endpoint, SocketId)>,
    /// Where each stands in the list.
    places: BTreeMap<Endpoint, usize>,
}

impl Members {
    pub(super) fn len(&self) -> usize {
        self.listed.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    pub(super) fn contains(&self, endpoint: Endpoint) -> bool {
        self.places.contains_key(&endpoint)
    }

    pub(super) fn socket_of(&self, endpoint: Endpoint) -> Option<SocketId> {
        self.places.get(&endpoint).map(|&place| self.listed[place].1)
    }

    /// All of them, in the order of their endpoints.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Endpoint, SocketId)> + '_ {
        self.places.values().map(|&place| self.listed[place])
    }

    pub(super) fn insert(&mut self, endpoint: Endpoint, socket: SocketId) {
        if let Some(&place) = self.places.get(&endpoint) {
            self.listed[place].1 = socket;
        } else {
            self.places.insert(endpoint, self.listed.len());
            self.listed.push((endpoint, socket));
        }
    }

    /// Returns whether it was a member.
    pub(super) fn remove(&mut self, endpoint: Endpoint) -> bool {
        let Some(place) = self.places.remove(&endpoint) else { return false };
        self.listed.swap_remove(place);
        if let Some((moved, _)) = self.listed.get(place) {
            self.places.insert(*moved, place);
        }
        true
    }

    /// The sockets of all but `except` in a room in which everybody is told of everybody, else of [`NAMED_MAX`] that
    /// are drawn; in either none of those that are `known`. It takes as long in a room of a million as in one of a
    /// hundred.
    pub(super) fn named(&self, except: Endpoint, known: &[SocketId], rng: &mut Rng) -> Vec<SocketId> {
        let is_new = |&(member, socket): &(Endpoint, SocketId)| member != except && !known.contains(&socket);
        if self.len() - usize::from(self.contains(except)) <= NAMED_MAX {
            return self.iter().filter(is_new).map(|(_, socket)| socket).collect();
        }
        // Draws without replacement (Floyd 1987): whatever is drawn again stands for the last place.
        let wanted = (NAMED_MAX + known.len() + usize::from(self.contains(except))).min(self.len());
        let mut drawn: Vec<usize> = Vec::with_capacity(wanted);
        for last in self.len() - wanted..self.len() {
            let place = rng.below(last as u64 + 1) as usize;
            drawn.push(if drawn.contains(&place) { last } else { place });
        }
        let drawn = drawn.into_iter().map(|place| self.listed[place]).filter(is_new);
        let mut named: Vec<SocketId> = drawn.map(|(_, socket)| socket).collect();
        while named.len() > NAMED_MAX {
            named.swap_remove(rng.below(named.len() as u64) as usize);
        }
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshwork_core::id::{Instance, PeerId};
    use std::collections::BTreeSet;

    fn endpoint(number: u64) -> Endpoint {
        Endpoint { peer: PeerId([1; 32]), instance: Instance(number) }
    }

    #[test]
    fn everybody_of_a_large_room_is_named_as_often_as_others() {
        let mut members = Members::default();
        (0..100).for_each(|number| members.insert(endpoint(number), SocketId(number)));
        let (mut rng, mut times) = (Rng::new([5; 32]), BTreeMap::<SocketId, u32>::new());
        for _ in 0..1000 {
            let named: BTreeSet<SocketId> = members.named(endpoint(7), &[], &mut rng).into_iter().collect();
            assert_eq!(named.len(), NAMED_MAX, "nobody is named twice");
            named.into_iter().for_each(|socket| *times.entry(socket).or_default() += 1);
        }
        assert_eq!(times.len(), 99, "all but the one that asks");
        let (least, most) = (times.values().min().unwrap(), times.values().max().unwrap());
        // 242 of 1000 on average, with a standard deviation of 14.
        assert!(*least > 180 && *most < 310, "{least} to {most}");
    }

    #[test]
    fn who_asks_again_is_named_others() {
        let mut members = Members::default();
        (0..100).for_each(|number| members.insert(endpoint(number), SocketId(number)));
        let (mut rng, mut known) = (Rng::new([6; 32]), Vec::new());
        for _ in 0..4 {
            let named = members.named(endpoint(7), &known, &mut rng);
            assert!(named.len() == NAMED_MAX && named.iter().all(|socket| !known.contains(socket)));
            known.extend(named);
        }
    }

    #[test]
    fn who_leaves_is_found_no_more_and_others_are() {
        let mut members = Members::default();
        (0..10).for_each(|number| members.insert(endpoint(number), SocketId(number)));
        members.insert(endpoint(3), SocketId(33));
        for gone in [0, 9, 4] {
            assert!(members.remove(endpoint(gone)) && !members.remove(endpoint(gone)));
        }
        let left: Vec<u64> = members.iter().map(|(_, socket)| socket.0).collect();
        assert_eq!(left, [1, 2, 33, 5, 6, 7, 8]);
        assert!((1..9).all(|number| members.contains(endpoint(number)) == (number != 4)));
        assert_eq!(members.socket_of(endpoint(3)), Some(SocketId(33)));
    }
}
