//! Passive views: peers that one is not linked to, each with the way there over links.

use meshwork_core::rng::Rng;

use meshwork_sim::chance;

/// Peers between the one who knows and the one who is known: an entry is at most 6 links away.
const HOPS_MAX: usize = 5;

/// The peers that lead to an entry, the nearest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Route {
    hops: [u32; HOPS_MAX],
    count: u8,
}

impl Route {
    /// A route over these; what is more than fits leads nowhere, as the entry would be too far away.
    pub(crate) fn over(hops: &[u32]) -> Route {
        let mut route = Route::default();
        for (place, &hop) in route.hops.iter_mut().zip(hops) {
            *place = hop;
        }
        route.count = hops.len().min(HOPS_MAX) as u8;
        route
    }

    /// Who lies between.
    pub(crate) fn hops(self) -> impl Iterator<Item = u32> {
        self.hops.into_iter().take(self.count.into())
    }
}

/// The passive views of all peers: a row of entries each.
#[derive(Clone, Debug)]
pub(crate) struct PassiveView {
    size: usize,
    entries: Vec<u32>,
    routes: Vec<Route>,
    counts: Vec<u8>,
}

impl PassiveView {
    /// Empty views of so many entries, 255 at most.
    pub(crate) fn new(peers: usize, size: usize) -> PassiveView {
        let size = size.min(255);
        PassiveView {
            size,
            entries: vec![0; peers * size],
            routes: vec![Route::default(); peers * size],
            counts: vec![0; peers],
        }
    }

    pub(crate) fn of(&self, peer: u32) -> &[u32] {
        let start = peer as usize * self.size;
        &self.entries[start..start + self.counts[peer as usize] as usize]
    }

    /// Puts an entry in, at another's place when the view is full; a known one gets the newer route.
    pub(crate) fn put(&mut self, peer: u32, known: u32, route: Route, rng: &mut Rng) {
        if self.size == 0 {
            return;
        }
        let count = self.counts[peer as usize] as usize;
        let place = match self.place_of(peer, known) {
            Some(place) => place,
            None if count < self.size => {
                self.counts[peer as usize] += 1;
                count
            }
            None => chance::below(rng, self.size),
        };
        let place = peer as usize * self.size + place;
        self.entries[place] = known;
        self.routes[place] = route;
    }

    /// One of the entries.
    pub(crate) fn draw(&self, peer: u32, rng: &mut Rng) -> Option<(u32, Route)> {
        let count = self.counts[peer as usize] as usize;
        if count == 0 {
            return None;
        }
        let place = peer as usize * self.size + chance::below(rng, count);
        Some((self.entries[place], self.routes[place]))
    }

    pub(crate) fn remove(&mut self, peer: u32, known: u32) {
        let Some(place) = self.place_of(peer, known) else { return };
        self.counts[peer as usize] -= 1;
        let start = peer as usize * self.size;
        let last = start + self.counts[peer as usize] as usize;
        self.entries[start + place] = self.entries[last];
        self.routes[start + place] = self.routes[last];
    }

    fn place_of(&self, peer: u32, known: u32) -> Option<usize> {
        let entries = self.of(peer);
        // Most are not there, which is seen many at a time.
        if entries.contains(&known) { entries.iter().position(|&entry| entry == known) } else { None }
    }

    pub(crate) fn clear(&mut self, peer: u32) {
        self.counts[peer as usize] = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshwork_sim::chance::generator;

    #[test]
    fn views_are_bounded_and_know_the_newest_route() {
        let (mut view, mut rng) = (PassiveView::new(2, 3), generator(1, [0; 3]));
        for known in 10..20 {
            view.put(1, known, Route::over(&[known]), &mut rng);
        }
        assert_eq!((view.of(0).len(), view.of(1).len()), (0, 3));
        let known = view.of(1)[0];
        view.put(1, known, Route::over(&[1, 2, 3]), &mut rng);
        let drawn =
            std::iter::repeat_with(|| view.draw(1, &mut rng)).flatten().find(|(entry, _)| *entry == known);
        assert_eq!(drawn.map(|(_, route)| route.hops().collect()), Some(vec![1, 2, 3]));
        view.remove(1, known);
        assert!(!view.of(1).contains(&known) && view.of(1).len() == 2);
    }
}
