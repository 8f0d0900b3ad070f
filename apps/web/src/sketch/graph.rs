//! Who is linked to whom and how a stroke travels, made of what members say of their links.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use meshwork_core::id::Endpoint;
use meshwork_core::node::LinkState;
use meshwork_core::overlay::Kind;
use meshwork_core::overlay::message::Tag;
use meshwork_core::overlay::sketch::{SIGHTS_MAX, Sight};
use meshwork_core::overlay::trees::tree_of;

use crate::people::Row;
use crate::people::beads;
use crate::texts;

/// Members in a picture: all who may answer, and some that are only named.
pub const MEMBERS_MAX: usize = SIGHTS_MAX + 40;
/// What a batch that is asked for costs beyond three times its link's round-trip time, in ms of round trips: it is
/// asked for 80 ms after its name came.
const ASKED_MS: f64 = 160.0;
/// Round-trip time that a link counts with while it is not known, in ms.
const UNKNOWN_MS: f64 = 100.0;

/// A member in the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its tag, by which others name it.
    pub tag: Tag,
    /// Who; `None` when others name it and it does not say anything itself.
    pub endpoint: Option<Endpoint>,
    /// What it is called.
    pub called: String,
    /// The letter on its bead.
    pub letter: Option<char>,
    /// One's own link to it, if there is one or one is being made.
    pub link: Option<LinkState>,
    /// Its links, as far as is known.
    pub links: usize,
    /// Round-trip time from oneself over links that carry, in ms; `None` when no way is known.
    pub far_ms: Option<f64>,
    /// Who of the picture is before it on that way.
    pub before: Option<usize>,
    /// How a stroke of the chosen origin comes to it; `None` when no way is known.
    pub heard: Option<Heard>,
}

/// How a stroke of the chosen origin comes to a member.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard {
    /// Links on its way.
    pub hops: usize,
    /// After how long, in ms: half of all round trips on its way.
    pub after_ms: f64,
    /// From whom.
    pub from: Option<usize>,
    /// Whether only its name comes by itself, so that it asks for the stroke.
    pub is_asked: bool,
    /// To how many it passes the stroke on.
    pub sends: usize,
}

/// A link in the picture, by the places of its ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// One end.
    pub one: usize,
    /// The other end.
    pub other: usize,
    /// Round-trip time, once known.
    pub rtt: Option<Duration>,
    /// Whether packets go through a relay.
    pub relayed: bool,
    /// Whether it is on the way of the chosen origin's strokes.
    pub carries: bool,
    /// Whether they come along it only when they are asked for.
    pub is_asked: bool,
    /// Trees in which the second end gets batches in full from the first, and the first from the second.
    eager: (u8, u8),
}

/// Everybody, and all links that are known. The first member is oneself.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// Members.
    pub members: Vec<Member>,
    /// Links, those of oneself as well.
    pub edges: Vec<Edge>,
    /// Whose strokes are followed: a place among the members.
    pub origin: usize,
    kind: Kind,
}

impl Graph {
    /// The picture of what members say (one's own sight first), of the links that one has or makes (`rows`) and of
    /// the way of the strokes of `origin`, or of oneself where that is not in the picture.
    pub fn new(sights: &[Sight], rows: &[Row], kind: Kind, origin: Option<Endpoint>) -> Option<Graph> {
        let me = sights.first()?.endpoint;
        let mut graph = Graph { members: Vec::new(), edges: Vec::new(), origin: 0, kind };
        let mut places = BTreeMap::<Tag, usize>::new();
        for sight in sights {
            graph.add(&mut places, Tag::of(&sight.endpoint), Some(sight.endpoint), sight.name.as_str());
        }
        let mut made: Vec<&Row> = rows.iter().filter(|row| is_shown(row)).collect();
        made.sort_by_key(|row| row.endpoint);
        for row in made {
            let name = if row.letter.is_some() { row.called.as_str() } else { "" };
            let place = graph.add(&mut places, Tag::of(&row.endpoint), Some(row.endpoint), name);
            if let Some(member) = place.and_then(|place| graph.members.get_mut(place)) {
                member.link = Some(row.state);
                (member.called, member.letter) = (row.called.clone(), row.letter);
            }
        }
        let mut known = BTreeMap::<(usize, usize), usize>::new();
        for sight in sights {
            let Some(&one) = places.get(&Tag::of(&sight.endpoint)) else { continue };
            for seen in sight.links.iter() {
                let Some(other) = graph.add(&mut places, seen.to, None, "") else { continue };
                if other == one {
                    continue;
                }
                let key = (one.min(other), one.max(other));
                // Of one's own links one knows more than others.
                if key.0 == 0 && one != 0 && !known.contains_key(&key) {
                    continue;
                }
                let index = *known.entry(key).or_insert(graph.edges.len());
                if index == graph.edges.len() {
                    let (one, other) = key;
                    graph.edges.push(Edge {
                        one,
                        other,
                        rtt: None,
                        relayed: false,
                        carries: false,
                        is_asked: false,
                        eager: (0, 0),
                    });
                }
                let edge = &mut graph.edges[index];
                let rtt = (seen.rtt_ms > 0).then(|| Duration::from_millis(seen.rtt_ms.into()));
                // The two ends measure the same: the quicker answer had less to wait for.
                edge.rtt = edge.rtt.into_iter().chain(rtt).min();
                edge.relayed |= seen.relayed;
                let eager = if one == key.0 { &mut edge.eager.0 } else { &mut edge.eager.1 };
                *eager |= seen.eager;
            }
        }
        for edge in &graph.edges {
            graph.members[edge.one].links += 1;
            graph.members[edge.other].links += 1;
        }
        let chosen = origin.and_then(|origin| graph.members.iter().position(|m| m.endpoint == Some(origin)));
        graph.origin = chosen.unwrap_or(0);
        graph.members[0].called = texts::YOU.to_owned();
        graph.measure(me);
        graph.follow();
        Some(graph)
    }

    fn add(
        &mut self,
        places: &mut BTreeMap<Tag, usize>,
        tag: Tag,
        endpoint: Option<Endpoint>,
        name: &str,
    ) -> Option<usize> {
        if let Some(&place) = places.get(&tag) {
            return Some(place);
        }
        if self.members.len() == MEMBERS_MAX {
            return None;
        }
        let called = match (name.trim(), endpoint) {
            ("", Some(endpoint)) => beads::name(&endpoint.peer),
            ("", None) => texts::SOMEBODY.to_owned(),
            (name, _) => name.to_owned(),
        };
        let letter = beads::letter(name);
        let member = Member {
            tag,
            endpoint,
            called,
            letter,
            link: None,
            links: 0,
            far_ms: None,
            before: None,
            heard: None,
        };
        places.insert(tag, self.members.len());
        self.members.push(member);
        Some(self.members.len() - 1)
    }

    /// How far everybody is from oneself, over links that carry one's own strokes; where none do, over any.
    fn measure(&mut self, me: Endpoint) {
        let mut ways = self.ways(0, tree_bit(&me), true);
        let any = self.ways(0, u8::MAX, false);
        for (way, any) in ways.iter_mut().zip(any) {
            if way.is_none() {
                *way = any;
            }
        }
        let own: Vec<(usize, f64)> =
            self.edges.iter().filter(|edge| edge.one == 0).map(|e| (e.other, ms(e))).collect();
        for (member, way) in self.members.iter_mut().zip(&ways) {
            member.far_ms = way.map(|way| way.ms);
            member.before = way.and_then(|way| way.from);
        }
        for (other, ms) in own {
            (self.members[other].far_ms, self.members[other].before) = (Some(ms), Some(0));
        }
    }

    /// How the strokes of the chosen origin travel.
    fn follow(&mut self) {
        let trees = self.members[self.origin].endpoint.map_or(u8::MAX, |origin| tree_bit(&origin));
        let ways = self.ways(self.origin, trees, true);
        let mut sends = vec![0; self.members.len()];
        for edge in &self.edges {
            for (from, to) in [(edge.one, edge.other), (edge.other, edge.one)] {
                let leads_to = |to: usize, from: usize| ways[to].is_some_and(|way| way.from == Some(from));
                let is_pushed = self.carries(edge, from, trees) && to != self.origin && !leads_to(from, to);
                let is_asked = leads_to(to, from) && ways[to].is_some_and(|way| way.is_asked);
                let is_sent = ways[from].is_some() && (is_pushed || is_asked);
                sends[from] += usize::from(is_sent);
            }
        }
        for (place, way) in ways.iter().enumerate() {
            self.members[place].heard = way.map(|way| Heard {
                hops: way.hops,
                after_ms: way.ms / 2.0,
                from: way.from,
                is_asked: way.is_asked,
                sends: sends[place],
            });
        }
        for edge in &mut self.edges {
            let ends = [(edge.one, edge.other), (edge.other, edge.one)];
            let led = ends.into_iter().find_map(|(from, to)| ways[to].filter(|way| way.from == Some(from)));
            edge.carries = led.is_some();
            edge.is_asked = led.is_some_and(|way| way.is_asked);
        }
    }

    /// Whether a batch of the origin goes along a link in full, away from `from`.
    fn carries(&self, edge: &Edge, from: usize, trees: u8) -> bool {
        let eager = if from == edge.one { edge.eager.0 } else { edge.eager.1 };
        if eager & trees == 0 {
            return false;
        }
        // In a full mesh only what somebody has no link to its author for is passed on.
        let to = edge.one + edge.other - from;
        self.kind != Kind::FullMesh || from == self.origin || !self.is_linked(to, self.origin)
    }

    fn is_linked(&self, one: usize, other: usize) -> bool {
        let key = (one.min(other), one.max(other));
        self.edges.iter().any(|edge| (edge.one, edge.other) == key)
    }

    /// The quickest way to everybody (Dijkstra 1959), along links that carry the trees or along all.
    fn ways(&self, start: usize, trees: u8, only_carrying: bool) -> Vec<Option<Way>> {
        let mut ways: Vec<Option<Way>> = vec![None; self.members.len()];
        let mut near = vec![Vec::new(); self.members.len()];
        for (index, edge) in self.edges.iter().enumerate() {
            near[edge.one].push(index);
            near[edge.other].push(index);
        }
        let mut next = BinaryHeap::from([Next {
            way: Way { ms: 0.0, hops: 0, from: None, is_asked: false },
            to: start,
        }]);
        while let Some(Next { way, to: from }) = next.pop() {
            if ways[from].is_some() {
                continue;
            }
            ways[from] = Some(way);
            for edge in near[from].iter().map(|&index| &self.edges[index]) {
                let to = edge.one + edge.other - from;
                let is_asked = only_carrying && !self.carries(edge, from, trees);
                // Elsewhere nothing is told by its name.
                if ways[to].is_some() || is_asked && self.kind != Kind::Emergent {
                    continue;
                }
                let more = if is_asked { 3.0 * ms(edge) + ASKED_MS } else { ms(edge) };
                let way = Way { ms: way.ms + more, hops: way.hops + 1, from: Some(from), is_asked };
                next.push(Next { way, to });
            }
        }
        ways
    }
}

fn is_shown(row: &Row) -> bool {
    row.attached || matches!(row.state, LinkState::Connecting | LinkState::Stale)
}

/// An author takes one of three trees by what it has heard, which nobody else knows beforehand: this is the first.
fn tree_bit(origin: &Endpoint) -> u8 {
    1 << tree_of(origin)
}

fn ms(edge: &Edge) -> f64 {
    edge.rtt.map_or(UNKNOWN_MS, |rtt| rtt.as_secs_f64() * 1000.0)
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Way {
    ms: f64,
    hops: usize,
    from: Option<usize>,
    /// Whether its last link brings names alone.
    is_asked: bool,
}

/// A way that is not yet known to be the quickest; the greatest is the quickest, then the one with fewer links.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Next {
    way: Way,
    to: usize,
}

impl Eq for Next {}

impl Ord for Next {
    fn cmp(&self, other: &Next) -> Ordering {
        let key = |next: &Next| (next.way.hops, next.way.from, next.to);
        other.way.ms.total_cmp(&self.way.ms).then(key(other).cmp(&key(self)))
    }
}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Next) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use meshwork_core::id::{Instance, PeerId};
    use meshwork_core::overlay::sketch::SeenLink;
    use meshwork_core::wire::{Bounded, BoundedText};

    pub(crate) fn endpoint(number: u16) -> Endpoint {
        Endpoint { peer: PeerId([number as u8; 32]), instance: Instance(number.into()) }
    }

    /// What `who` says: to whom it is linked, at which round-trip time, and whether it sends in full.
    pub(crate) fn sight(who: u16, name: &str, links: &[(u16, u16, bool)]) -> Sight {
        let seen = |&(to, rtt_ms, eager): &(u16, u16, bool)| SeenLink {
            to: Tag::of(&endpoint(to)),
            rtt_ms,
            relayed: to == 9,
            eager: if eager { u8::MAX } else { 0 },
        };
        let links = Bounded::new(links.iter().map(seen).collect()).expect("few");
        Sight { endpoint: endpoint(who), name: BoundedText::new(name).expect("short"), links }
    }

    /// One in the middle with two neighbours, one of whom leads to a fourth; the fourth names a fifth that is silent.
    pub(crate) fn five() -> Vec<Sight> {
        vec![
            sight(1, "Mira", &[(2, 10, true), (3, 80, true)]),
            sight(2, "Lin", &[(1, 12, true), (3, 20, false), (4, 30, true)]),
            sight(3, "Sofia", &[(1, 80, true), (2, 20, false)]),
            sight(4, "Kaveh", &[(2, 30, true), (9, 50, true)]),
        ]
    }

    fn graph(origin: Option<Endpoint>) -> Graph {
        Graph::new(&five(), &[], Kind::Emergent, origin).expect("there is oneself")
    }

    fn place(graph: &Graph, called: &str) -> usize {
        graph.members.iter().position(|member| member.called == called).expect("there")
    }

    #[test]
    fn links_told_by_both_ends_count_as_one() {
        let graph = graph(None);
        assert_eq!((graph.members.len(), graph.edges.len()), (5, 5));
        assert_eq!(graph.edges[0].rtt, Some(Duration::from_millis(10)), "the quicker of the two");
        let called: Vec<&str> = graph.members.iter().map(|member| member.called.as_str()).collect();
        assert_eq!(called, ["You", "Lin", "Sofia", "Kaveh", "Somebody"]);
        let links: Vec<usize> = graph.members.iter().map(|member| member.links).collect();
        assert_eq!(links, [2, 3, 2, 2, 1]);
        assert!(graph.edges.iter().any(|edge| edge.relayed && edge.other == 4));
    }

    #[test]
    fn an_origins_tree_follows_links_carrying_in_full() {
        let of_me = graph(None);
        let [lin, sofia, kaveh] = ["Lin", "Sofia", "Kaveh"].map(|called| place(&of_me, called));
        let heard = of_me.members[kaveh].heard.expect("reached");
        assert_eq!((heard.hops, heard.from, heard.after_ms), (2, Some(lin), 20.0));
        let heard = of_me.members[sofia].heard.expect("reached");
        assert_eq!((heard.hops, heard.after_ms), (1, 40.0), "not over the link that carries names alone");
        let of_kaveh = graph(Some(endpoint(4)));
        assert_eq!(of_kaveh.origin, kaveh);
        assert_eq!(of_kaveh.members[sofia].heard.map(|heard| heard.hops), Some(3));
        assert_eq!(of_kaveh.members[0].far_ms, Some(0.0), "one stays in the middle");
        assert_eq!(of_kaveh.members[lin].heard.map(|heard| heard.sends), Some(1));
        let carrying = of_kaveh.edges.iter().filter(|edge| edge.carries).count();
        assert_eq!(carrying, 4, "a tree of five has four links");
        assert!(of_kaveh.edges.iter().all(|edge| !edge.is_asked));
        assert_eq!(graph(Some(endpoint(77))).origin, 0, "who has left is no origin");
    }

    #[test]
    fn a_member_hearing_names_alone_asks_and_waits() {
        let sights = vec![
            sight(1, "Mira", &[(2, 10, true), (3, 40, false)]),
            sight(2, "Lin", &[(1, 10, true), (3, 20, false)]),
            sight(3, "Sofia", &[(1, 40, false), (2, 20, false), (4, 10, true)]),
            sight(4, "Kaveh", &[(1, 10, true), (3, 10, true)]),
        ];
        let graph = Graph::new(&sights, &[], Kind::Emergent, None).expect("there is oneself");
        let [sofia, kaveh] = ["Sofia", "Kaveh"].map(|called| place(&graph, called));
        let heard = graph.members[sofia].heard.expect("reached");
        assert_eq!((heard.is_asked, heard.after_ms), (true, (10.0 + 60.0 + 160.0) / 2.0));
        let heard = graph.members[kaveh].heard.expect("reached");
        assert!(!heard.is_asked && heard.from == Some(sofia));
        let sends: Vec<usize> = graph.members.iter().filter_map(|member| Some(member.heard?.sends)).collect();
        assert_eq!(sends.iter().sum::<usize>(), 3, "whoever asks is sent it, too: {sends:?}");
        assert_eq!(graph.members[0].links, 2, "of one's own links one knows more than Kaveh claims");
        assert_eq!(graph.edges.iter().filter(|edge| edge.is_asked).count(), 1);
    }

    #[test]
    fn full_mesh_members_hear_straight_from_the_author() {
        let sights: Vec<Sight> = (1..=4u16)
            .map(|who| {
                let links: Vec<(u16, u16, bool)> =
                    (1..=4).filter(|to| *to != who).map(|to| (to, 5, true)).collect();
                sight(who, "Lin", &links)
            })
            .collect();
        let graph = Graph::new(&sights, &[], Kind::FullMesh, Some(endpoint(3))).expect("there is oneself");
        let sends: Vec<usize> = graph.members.iter().filter_map(|m| Some(m.heard?.sends)).collect();
        assert_eq!(sends, [0, 0, 3, 0], "nobody passes it on");
        let flooded =
            Graph::new(&sights, &[], Kind::KGossip(3), Some(endpoint(3))).expect("there is oneself");
        let sends: Vec<usize> = flooded.members.iter().filter_map(|m| Some(m.heard?.sends)).collect();
        assert_eq!(sends, [2, 2, 3, 2], "all pass it on");
    }

    #[test]
    fn the_graph_stays_bounded_whatever_others_claim() {
        let links: Vec<(u16, u16, bool)> = (100..140).map(|to| (to, 1, true)).collect();
        let mut sights = vec![sight(1, "Mira", &links)];
        sights.extend((100..140).map(|who| {
            let links: Vec<(u16, u16, bool)> = (0..40).map(|to| (who * 40 + to, 1, true)).collect();
            sight(who, "Liar", &links)
        }));
        let graph = Graph::new(&sights, &[], Kind::Emergent, None).expect("there is oneself");
        assert_eq!(graph.members.len(), MEMBERS_MAX);
        assert_eq!(Graph::new(&[], &[], Kind::Emergent, None), None);
        let own = sight(1, "Mira", &[(1, 1, true)]);
        assert!(
            Graph::new(&[own], &[], Kind::Emergent, None).expect("oneself").edges.is_empty(),
            "no link to oneself"
        );
    }
}
