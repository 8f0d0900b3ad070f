//! The endpoints that were heard on the network, with their addresses.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use meshwork_core::id::Endpoint;
use meshwork_core::rng::Rng;
use meshwork_core::signalling::announce::Introduction;
use meshwork_core::time::Time;

use super::{Seen, Way};
use crate::wire::Tag;

/// Endpoints of the whole network.
pub(super) const ENDPOINTS_MAX: usize = 1_024;
/// Endpoints of one address.
pub(super) const ENDPOINTS_OF_ONE_MAX: usize = 32;
/// Addresses of one endpoint.
pub(super) const PLACES_MAX: usize = 3;

/// One address of an endpoint, and what was said there. An announcement that somebody repeats elsewhere says nothing about
/// the endpoint's own address.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) address: SocketAddr,
    pub(super) way: Way,
    pub(super) heard: Time,
    pub(super) tags: Vec<Tag>,
    pub(super) pages: Option<u16>,
    pub(super) has_answered: bool,
}

#[derive(Debug)]
pub(super) struct Known {
    pub(super) introduction: Introduction,
    pub(super) places: Vec<Place>,
}

impl Known {
    /// The places, the one that was heard last first; of those heard at once the one that has answered.
    pub(super) fn freshest(&self) -> Vec<&Place> {
        let mut places: Vec<_> = self.places.iter().collect();
        places.sort_by_key(|place| std::cmp::Reverse((place.heard, place.has_answered)));
        places
    }

    fn has_answered(&self) -> bool {
        self.places.iter().any(|place| place.has_answered)
    }

    fn is_at(&self, ip: IpAddr) -> bool {
        self.places.iter().any(|place| place.address.ip() == ip)
    }
}

/// The change that an announcement made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// Nothing but times and rooms.
    None,
    /// The endpoint is new, or is heard at a new address.
    Address,
    /// The table is full, or the address has too many.
    Refused,
}

/// All endpoints.
#[derive(Debug, Default)]
pub(super) struct Table {
    by_endpoint: BTreeMap<Endpoint, Known>,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.by_endpoint.len()
    }

    pub(super) fn get(&self, endpoint: &Endpoint) -> Option<&Known> {
        self.by_endpoint.get(endpoint)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Endpoint, &Known)> {
        self.by_endpoint.iter()
    }

    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        self.by_endpoint.values().flat_map(|known| &known.places)
    }

    /// Whether an endpoint was heard at an address.
    pub(super) fn is_heard_at(&self, address: SocketAddr) -> bool {
        self.places().any(|place| place.address == address)
    }

    /// Notes what was said at `place`. Returns endpoints that gave way, too.
    pub(super) fn hear(
        &mut self,
        rng: &mut Rng,
        introduction: Introduction,
        place: Place,
    ) -> (Change, Option<Endpoint>) {
        let endpoint = introduction.endpoint;
        let mut gave_way = None;
        if !self.by_endpoint.contains_key(&endpoint) {
            match self.make_room(rng, place.address.ip()) {
                Ok(gone) => gave_way = gone,
                Err(Full) => return (Change::Refused, None),
            }
        }
        let known = self
            .by_endpoint
            .entry(endpoint)
            .or_insert_with(|| Known { introduction: introduction.clone(), places: Vec::new() });
        known.introduction = introduction;
        if let Some(same) = known.places.iter_mut().find(|known| known.address == place.address) {
            let (way, has_answered) = (same.way, same.has_answered);
            *same = Place { way, has_answered, ..place };
            return (Change::None, gave_way);
        }
        if known.places.len() == PLACES_MAX {
            // The newest that never answered gives way, so that nobody who repeats an announcement drives out its endpoint.
            let never = known.places.iter().rposition(|place| !place.has_answered);
            let oldest = || (0..PLACES_MAX).min_by_key(|&at| known.places[at].heard).unwrap_or(0);
            let at = never.unwrap_or_else(oldest);
            known.places.remove(at);
        }
        known.places.push(place);
        (Change::Address, gave_way)
    }

    /// Whether there is space for one more endpoint at `ip`; in a full table one of the address that has most gives way.
    fn make_room(&mut self, rng: &mut Rng, ip: IpAddr) -> Result<Option<Endpoint>, Full> {
        let own = self.by_endpoint.values().filter(|known| known.is_at(ip)).count();
        if own >= ENDPOINTS_OF_ONE_MAX {
            return Err(Full);
        }
        if self.len() < ENDPOINTS_MAX {
            return Ok(None);
        }
        let mut by_ip: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for place in self.places() {
            *by_ip.entry(place.address.ip()).or_default() += 1;
        }
        let Some((heaviest, most)) = by_ip.into_iter().max_by_key(|&(_, count)| count) else {
            return Err(Full);
        };
        // Endpoints that have answered stay, unless the newcomer's address has far fewer.
        let candidates: Vec<_> = self.by_endpoint.iter().filter(|(_, known)| known.is_at(heaviest)).collect();
        let never: Vec<_> = candidates.iter().filter(|(_, known)| !known.has_answered()).collect();
        let chosen = match (never.is_empty(), own + 1 < most) {
            (false, _) => *never[rng.below(never.len() as u64) as usize].0,
            (true, true) => *candidates[rng.below(candidates.len() as u64) as usize].0,
            (true, false) => return Err(Full),
        };
        self.by_endpoint.remove(&chosen);
        Ok(Some(chosen))
    }

    /// The endpoint is at `address`: it took a datagram there.
    pub(super) fn handle_answer(&mut self, endpoint: &Endpoint, address: SocketAddr) {
        let known = self.by_endpoint.get_mut(endpoint).into_iter();
        for place in known.flat_map(|known| &mut known.places) {
            place.has_answered |= place.address == address;
        }
    }

    /// Removes the places for which `is_gone` holds, and returns the endpoints that have none left.
    pub(super) fn remove(&mut self, mut is_gone: impl FnMut(&Endpoint, &Place) -> bool) -> Vec<Endpoint> {
        for (endpoint, known) in &mut self.by_endpoint {
            known.places.retain(|place| !is_gone(endpoint, place));
        }
        let gone = self.by_endpoint.extract_if(.., |_, known| known.places.is_empty());
        gone.map(|(endpoint, _)| endpoint).collect()
    }

    /// When the first place will have been silent for `timeout`.
    pub(super) fn first_silent(&self, timeout: Duration) -> Option<Time> {
        self.places().map(|place| place.heard + timeout).min()
    }

    pub(super) fn seen(&self) -> impl Iterator<Item = Seen> + '_ {
        self.by_endpoint.iter().filter_map(|(&endpoint, known)| {
            let places = known.freshest();
            // People know addresses of IPv4, and loopback says nothing.
            let is_known = |place: &&&Place| place.address.is_ipv4() && !place.address.ip().is_loopback();
            let place = *places.iter().find(is_known).or(places.first())?;
            Some(Seen {
                endpoint,
                address: place.address,
                way: place.way,
                heard: place.heard,
                rooms: place.tags.len(),
                pages: place.pages,
                has_answered: known.has_answered(),
            })
        })
    }
}

/// There is no space for one more.
#[derive(Debug)]
struct Full;
