//! Who is in a circle of a room: found by endpoint, named to others so that nobody fills it with members that never answer.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;

use ipnet::IpNet;
use meshwork_core::id::Endpoint;
use meshwork_core::rng::Rng;

use super::{NAMED_MAX, SocketId};
use crate::fair::Network;

/// Of those that are named so many may be from one site.
const OF_A_SITE_MAX: usize = NAMED_MAX / 4;
/// So many of those that are named have been members longest: no later flood displaces them.
const ELDERS_MAX: usize = NAMED_MAX / 4;
/// Of these so many are from one provider, so that whoever came first alone does not have all of them.
const ELDERS_OF_A_PROVIDER_MAX: usize = 2;
/// So many of those that are named are known to answer, where there are as many.
const ANSWERING_MAX: usize = NAMED_MAX / 4 * 3;

/// The members of one circle; at most `members_max`.
#[derive(Default)]
pub(super) struct Members {
    members: BTreeMap<Endpoint, Member>,
    sites: BTreeMap<IpNet, Site>,
    providers: BTreeMap<IpNet, Provider>,
    /// The providers, to be drawn from.
    all: Urn<IpNet>,
    /// Those of somebody who is known to answer.
    answering: Urn<IpNet>,
    /// The providers by the member of theirs that came first.
    eldest: BTreeSet<(u64, IpNet)>,
    /// How many ever came.
    came: u64,
}

struct Member {
    socket: SocketId,
    site: IpNet,
    provider: IpNet,
    /// Its number among those that ever came.
    came: u64,
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

/// The sites in one IPv4 /16 or IPv6 /32, and the members there.
#[derive(Default)]
struct Provider {
    all: Urn<IpNet>,
    answering: Urn<IpNet>,
    /// Those who came first stand first.
    members: BTreeMap<u64, Endpoint>,
}

impl Provider {
    fn urn(&self, answers: bool) -> &Urn<IpNet> {
        if answers { &self.answering } else { &self.all }
    }

    fn eldest(&self) -> Option<u64> {
        self.members.first_key_value().map(|(&came, _)| came)
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

    pub(super) fn insert(&mut self, endpoint: Endpoint, socket: SocketId, network: Network) {
        self.remove(endpoint);
        let (site, provider, came) = (network.site(), network.provider(), self.came);
        self.came += 1;
        self.members.insert(endpoint, Member { socket, site, provider, came, answers: false });
        self.sites.entry(site).or_default().all.insert(endpoint);
        self.all.insert(provider);
        let around = self.providers.entry(provider).or_default();
        around.all.insert(site);
        around.members.insert(came, endpoint);
        if around.members.len() == 1 {
            self.eldest.insert((came, provider));
        }
    }

    /// A member answered somebody who had signalled to it.
    pub(super) fn note_answer(&mut self, endpoint: Endpoint) {
        let Some(member) = self.members.get_mut(&endpoint).filter(|member| !member.answers) else { return };
        member.answers = true;
        let (site, provider) = (member.site, member.provider);
        self.sites.entry(site).or_default().answering.insert(endpoint);
        self.providers.entry(provider).or_default().answering.insert(site);
        self.answering.insert(provider);
    }

    pub(super) fn remove(&mut self, endpoint: Endpoint) {
        let Some(Member { site, provider, came, .. }) = self.members.remove(&endpoint) else { return };
        let (Some(within), Some(around)) = (self.sites.get_mut(&site), self.providers.get_mut(&provider))
        else {
            return;
        };
        within.all.remove(endpoint);
        within.answering.remove(endpoint);
        if within.answering.is_empty() {
            around.answering.remove(site);
        }
        if within.all.is_empty() {
            around.all.remove(site);
            self.sites.remove(&site);
        }
        let eldest = around.eldest();
        around.members.remove(&came);
        if around.eldest() != eldest {
            self.eldest.remove(&(came, provider));
            self.eldest.extend(around.eldest().map(|eldest| (eldest, provider)));
        }
        if around.answering.is_empty() {
            self.answering.remove(provider);
        }
        if around.all.is_empty() {
            self.all.remove(provider);
            self.providers.remove(&provider);
        }
    }

    /// The sockets of all but `except` in a circle in which everybody is told of everybody, else of [`NAMED_MAX`]; in
    /// either none of those that are `known`.
    ///
    /// A quarter have been members longest. Of the others providers are drawn first, then sites of each, then members, so
    /// that many members of few sites or providers crowd nobody out: at most a quarter of one site, as long as there are
    /// others. Three quarters are known to answer, where there are as many.
    pub(super) fn named(&self, except: Endpoint, known: &[SocketId], rng: &mut Rng) -> Vec<SocketId> {
        let is_new = |endpoint: Endpoint, socket: SocketId| endpoint != except && !known.contains(&socket);
        if self.len() - usize::from(self.contains(except)) <= NAMED_MAX {
            let all = self.iter().filter(|&(endpoint, socket)| is_new(endpoint, socket));
            return all.map(|(_, socket)| socket).collect();
        }
        let mut naming =
            Naming { members: self, except, known, named: Vec::new(), of_sites: BTreeMap::new() };
        naming.name_elders();
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
    fn name(&mut self, socket: SocketId, site: IpNet) {
        self.named.push(socket);
        *self.of_sites.entry(site).or_default() += 1;
    }

    /// Those who came first, a few of each provider.
    fn name_elders(&mut self) {
        let members = self.members;
        for (_, provider) in members.eldest.iter().take(NAMED_MAX) {
            let Some(around) = members.providers.get(provider) else { continue };
            // Each that is passed over is known already, but for one.
            let eldest = around.members.values().take(self.known.len() + 1 + ELDERS_OF_A_PROVIDER_MAX);
            let eldest = eldest.filter_map(|endpoint| Some((*endpoint, members.members.get(endpoint)?)));
            let new = eldest.filter(|(endpoint, member)| self.is_new(*endpoint, member.socket));
            let new: Vec<&Member> = new.map(|(_, member)| member).take(ELDERS_OF_A_PROVIDER_MAX).collect();
            for member in new {
                if self.named.len() < ELDERS_MAX {
                    self.name(member.socket, member.site);
                }
            }
        }
    }

    /// Draws on until `most` are named, of one site at most `of_a_site`, or there is nobody left.
    fn draw(&mut self, answers: bool, most: usize, of_a_site: usize, rng: &mut Rng) {
        let providers = if answers { &self.members.answering } else { &self.members.all };
        let mut open = providers.draw(NAMED_MAX, rng);
        while self.named.len() < most && !open.is_empty() {
            open.retain(|provider| {
                if self.named.len() >= most {
                    return false;
                }
                let Some((socket, site)) = self.pick(provider, answers, of_a_site, rng) else { return false };
                self.name(socket, site);
                true
            });
        }
    }

    /// Somebody of a provider who is not named yet, from a site of which few are.
    fn pick(
        &self,
        provider: &IpNet,
        answers: bool,
        of_a_site: usize,
        rng: &mut Rng,
    ) -> Option<(SocketId, IpNet)> {
        // One more than could have nobody left.
        let most = self.known.len() + self.named.len() + 2;
        let sites = self.members.providers.get(provider)?.urn(answers).draw(most, rng);
        sites.into_iter().find_map(|site| {
            if self.of_sites.get(&site).is_some_and(|&named| named >= of_a_site) {
                return None;
            }
            let drawn = self.members.sites.get(&site)?.urn(answers).draw(most, rng);
            let mut sockets = drawn.into_iter().filter_map(|endpoint| {
                self.members.socket_of(endpoint).filter(|&socket| self.is_new(endpoint, socket))
            });
            sockets.next().map(|socket| (socket, site))
        })
    }

    fn is_new(&self, endpoint: Endpoint, socket: SocketId) -> bool {
        endpoint != self.except && !self.known.contains(&socket) && !self.named.contains(&socket)
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

    /// An address of a site, all of which are one provider's.
    fn site(number: u64) -> Network {
        Network::of(format!("198.51.{number}.1").parse().unwrap())
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
        let eldest: Vec<u32> = (0..2).filter_map(|number| times.remove(&SocketId(number))).collect();
        assert_eq!(eldest, [1000, 1000], "who came first");
        let (least, most) = (times.values().min().unwrap(), times.values().max().unwrap());
        // 227 of 1000 on average, with a standard deviation of 14.
        assert!(*least > 165 && *most < 295, "{least} to {most}");
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
    fn answering_ghosts_of_one_provider_crowd_nobody_out() {
        let mut members = Members::default();
        // They come first, from a site each, and all of them answer each other.
        for number in 0..600 {
            let network = Network::of(format!("2001:db8:{number:x}::1").parse().unwrap());
            members.insert(endpoint(number), SocketId(number), network);
            members.note_answer(endpoint(number));
        }
        for number in 1_000..1_005 {
            let network = Network::of(format!("203.{}.113.9", number - 1_000).parse().unwrap());
            members.insert(endpoint(number), SocketId(number), network);
        }
        let mut rng = Rng::new([8; 32]);
        for _ in 0..20 {
            let named = members.named(endpoint(9_999), &[], &mut rng);
            assert_eq!(named.len(), NAMED_MAX);
            assert_eq!(named.iter().filter(|socket| socket.0 >= 1_000).count(), 5, "all of them");
        }
    }

    #[test]
    fn later_floods_displace_no_elders() {
        let mut members = Members::default();
        members.insert(endpoint(9_000), SocketId(9_000), site(1));
        members.insert(endpoint(9_001), SocketId(9_001), site(2));
        // A ghost that answers from each of a thousand providers.
        for number in 0..1_000 {
            let network = Network::of(format!("{}.{}.0.1", 1 + number / 200, number % 200).parse().unwrap());
            members.insert(endpoint(number), SocketId(number), network);
            members.note_answer(endpoint(number));
        }
        let mut rng = Rng::new([9; 32]);
        for _ in 0..20 {
            let named = members.named(endpoint(9_999), &[], &mut rng);
            assert_eq!(named.len(), NAMED_MAX);
            assert!([9_000, 9_001].iter().all(|&elder| named.contains(&SocketId(elder))));
        }
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
        assert!(members.answering.is_empty() && members.sites.len() == 3 && members.eldest.len() == 1);
        (1..9).for_each(|number| members.remove(endpoint(number)));
        let Members { members, sites, providers, all, eldest, .. } = members;
        assert!(members.is_empty() && sites.is_empty() && providers.is_empty() && eldest.is_empty());
        assert!(all.is_empty() && all.places.is_empty());
    }
}
