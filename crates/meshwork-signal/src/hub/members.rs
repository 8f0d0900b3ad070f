//! Who is in a circle of a room: found by endpoint, named to others so that nobody fills it with members that never answer.

use std::collections::BTreeMap;
use std::hash::Hash;

use ipnet::IpNet;
use meshwork_core::id::Endpoint;
use meshwork_core::rng::Rng;

use super::{NAMED_MAX, SocketId};

/// Of those that are named so many may be from one site.
const OF_A_SITE_MAX: usize = NAMED_MAX / 4;
/// So many of those that are named are known to answer, where there are as many.
const ANSWERING_MAX: usize = NAMED_MAX / 4 * 3;

/// The members of one circle; at most `members_max`.
#[derive(Default)]
pub(super) struct Members {
    members: BTreeMap<Endpoint, Member>,
    sites: BTreeMap<IpNet, Site>,
    /// The sites, to be drawn from.
    all: Urn<IpNet>,
    /// Those of somebody who is known to answer.
    answering: Urn<IpNet>,
}

struct Member {
    socket: SocketId,
    site: IpNet,
    /// Whether it ever answered somebody.
    answers: bool,
}

/// The members from one IPv4 /24 or IPv6 /48.
#[derive(Default)]
struct Site {
    all: Urn<Endpoint>,
    answering: Urn<Endpoint>,
}

impl Site {
    fn urn(&self, answers: bool) -> &Urn<Endpoint> {
        if answers { &self.answering } else { &self.all }
    }
}

impl Members {
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn contains(&self, endpoint: Endpoint) -> bool {
        self.members.contains_key(&endpoint)
    }

    pub(super) fn socket_of(&self, endpoint: Endpoint) -> Option<SocketId> {
        self.members.get(&endpoint).map(|member| member.socket)
    }

    /// All of them, in the order of their endpoints.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Endpoint, SocketId)> + '_ {
        self.members.iter().map(|(&endpoint, member)| (endpoint, member.socket))
    }

    pub(super) fn insert(&mut self, endpoint: Endpoint, socket: SocketId, site: IpNet) {
        self.remove(endpoint);
        self.members.insert(endpoint, Member { socket, site, answers: false });
        self.sites.entry(site).or_default().all.insert(endpoint);
        self.all.insert(site);
    }

    /// A member answered somebody who had signalled to it.
    pub(super) fn note_answer(&mut self, endpoint: Endpoint) {
        let Some(member) = self.members.get_mut(&endpoint).filter(|member| !member.answers) else { return };
        member.answers = true;
        let site = member.site;
        self.sites.entry(site).or_default().answering.insert(endpoint);
        self.answering.insert(site);
    }

    pub(super) fn remove(&mut self, endpoint: Endpoint) {
        let Some(member) = self.members.remove(&endpoint) else { return };
        let Some(site) = self.sites.get_mut(&member.site) else { return };
        site.all.remove(endpoint);
        site.answering.remove(endpoint);
        if site.answering.is_empty() {
            self.answering.remove(member.site);
        }
        if site.all.is_empty() {
            self.sites.remove(&member.site);
            self.all.remove(member.site);
        }
    }

    /// The sockets of all but `except` in a circle in which everybody is told of everybody, else of [`NAMED_MAX`]; in
    /// either none of those that are `known`.
    ///
    /// Sites are drawn first and then members, so that many members of few sites crowd nobody out: at most a quarter of
    /// one site, as long as there are others. Three quarters are known to answer, where there are as many.
    pub(super) fn named(&self, except: Endpoint, known: &[SocketId], rng: &mut Rng) -> Vec<SocketId> {
        let is_new = |endpoint: Endpoint, socket: SocketId| endpoint != except && !known.contains(&socket);
        if self.len() - usize::from(self.contains(except)) <= NAMED_MAX {
            let all = self.iter().filter(|&(endpoint, socket)| is_new(endpoint, socket));
            return all.map(|(_, socket)| socket).collect();
        }
        let mut naming =
            Naming { members: self, except, known, named: Vec::new(), of_sites: BTreeMap::new() };
        naming.draw(true, ANSWERING_MAX, OF_A_SITE_MAX, rng);
        naming.draw(false, NAMED_MAX, OF_A_SITE_MAX, rng);
        naming.draw(false, NAMED_MAX, NAMED_MAX, rng);
        naming.named
    }
}

/// Members that are being drawn for a newcomer.
struct Naming<'a> {
    members: &'a Members,
    except: Endpoint,
    known: &'a [SocketId],
    named: Vec<SocketId>,
    of_sites: BTreeMap<IpNet, usize>,
}

impl Naming<'_> {
    /// Draws on until `most` are named, of one site at most `of_a_site`, or there is nobody left.
    fn draw(&mut self, answers: bool, most: usize, of_a_site: usize, rng: &mut Rng) {
        let sites = if answers { &self.members.answering } else { &self.members.all };
        let mut open = sites.draw(NAMED_MAX, rng);
        while self.named.len() < most && !open.is_empty() {
            open.retain(|&site| {
                let of_site = self.of_sites.get(&site).copied().unwrap_or(0);
                if self.named.len() >= most || of_site >= of_a_site {
                    return false;
                }
                let Some(socket) = self.pick(site, answers, rng) else { return false };
                self.named.push(socket);
                self.of_sites.insert(site, of_site + 1);
                true
            });
        }
    }

    /// Somebody of a site who is not named yet.
    fn pick(&self, site: IpNet, answers: bool, rng: &mut Rng) -> Option<SocketId> {
        let urn = self.members.sites.get(&site)?.urn(answers);
        // One more than could be known already.
        let drawn = urn.draw(self.known.len() + self.named.len() + 2, rng);
        let mut sockets = drawn.into_iter().filter(|&endpoint| endpoint != self.except);
        sockets.find_map(|endpoint| {
            let socket = self.members.socket_of(endpoint)?;
            (!self.known.contains(&socket) && !self.named.contains(&socket)).then_some(socket)
        })
    }
}

/// Things to be drawn from, without looking at all of them.
struct Urn<T> {
    listed: Vec<T>,
    places: BTreeMap<T, usize>,
}

impl<T> Default for Urn<T> {
    fn default() -> Urn<T> {
        Urn { listed: Vec::new(), places: BTreeMap::new() }
    }
}

impl<T: Copy + Ord + Hash> Urn<T> {
    fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    fn insert(&mut self, thing: T) {
        let next = self.listed.len();
        if *self.places.entry(thing).or_insert(next) == next {
            self.listed.push(thing);
        }
    }

    fn remove(&mut self, thing: T) {
        let Some(place) = self.places.remove(&thing) else { return };
        self.listed.swap_remove(place);
        if let Some(&moved) = self.listed.get(place) {
            self.places.insert(moved, place);
        }
    }

    /// As many as `wanted`, or all, each once and in no order (Fisher and Yates 1938, as far as is needed).
    fn draw(&self, wanted: usize, rng: &mut Rng) -> Vec<T> {
        let length = self.listed.len();
        // What stands at a place after the exchanges so far, where that is something else than at first.
        let mut moved: BTreeMap<usize, usize> = BTreeMap::new();
        let at = |moved: &BTreeMap<usize, usize>, place: usize| moved.get(&place).copied().unwrap_or(place);
        (0..wanted.min(length))
            .map(|place| {
                let other = place + rng.below((length - place) as u64) as usize;
                let (here, there) = (at(&moved, place), at(&moved, other));
                moved.insert(other, here);
                self.listed[there]
            })
            .collect()
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

    fn site(number: u64) -> IpNet {
        format!("198.51.{number}.0/24").parse().unwrap()
    }

    #[test]
    fn large_room_names_all_members_equally_often() {
        let mut members = Members::default();
        (0..100).for_each(|number| members.insert(endpoint(number), SocketId(number), site(0)));
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
    fn ghosts_of_three_sites_leave_room_for_others() {
        let mut members = Members::default();
        (0..1_500).for_each(|number| members.insert(endpoint(number), SocketId(number), site(number % 3)));
        (1_500..1_506)
            .for_each(|number| members.insert(endpoint(number), SocketId(number), site(number % 100 + 10)));
        let mut rng = Rng::new([7; 32]);
        let honest = |members: &Members, rng: &mut Rng| {
            let named = members.named(endpoint(9_999), &[], rng);
            assert_eq!(named.len(), NAMED_MAX);
            named.into_iter().filter(|socket| socket.0 >= 1_500).count()
        };
        assert_eq!(honest(&members, &mut rng), 6, "all of them");
        (1_506..1_530).for_each(|number| {
            members.insert(endpoint(number), SocketId(number), site(number % 100 + 10));
            members.note_answer(endpoint(number));
        });
        assert!(honest(&members, &mut rng) >= ANSWERING_MAX);
    }

    #[test]
    fn who_asks_again_is_named_others() {
        let mut members = Members::default();
        (0..100).for_each(|number| members.insert(endpoint(number), SocketId(number), site(0)));
        let (mut rng, mut known) = (Rng::new([6; 32]), Vec::new());
        for _ in 0..4 {
            let named = members.named(endpoint(7), &known, &mut rng);
            assert!(named.len() == NAMED_MAX && named.iter().all(|socket| !known.contains(socket)));
            known.extend(named);
        }
    }

    #[test]
    fn removed_member_is_not_found_but_others_are() {
        let mut members = Members::default();
        (0..10).for_each(|number| members.insert(endpoint(number), SocketId(number), site(number % 2)));
        members.note_answer(endpoint(4));
        members.insert(endpoint(3), SocketId(33), site(5));
        for gone in [0, 9, 4] {
            members.remove(endpoint(gone));
            members.remove(endpoint(gone));
        }
        let left: Vec<u64> = members.iter().map(|(_, socket)| socket.0).collect();
        assert_eq!(left, [1, 2, 33, 5, 6, 7, 8]);
        assert!(members.answering.is_empty() && members.all.listed.len() == 3);
        (1..9).for_each(|number| members.remove(endpoint(number)));
        let Members { members, sites, all, .. } = members;
        assert!(members.is_empty() && sites.is_empty() && all.is_empty() && all.places.is_empty());
    }
}
