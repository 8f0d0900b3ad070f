//! The conformance suite over real sockets, and what hostile ends and strangers can send.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use meshwork_core::conformance::{self, LinkPair, PATIENCE, Side};
use meshwork_core::node::Effect;
use meshwork_core::seam::description::{
    CANDIDATES_MAX, Candidate, CandidateAddress, CandidateKind, Description, Fingerprint, Role, Signal,
};
use meshwork_core::seam::io::{Channel, FRAME_MAX, Input, LinkId, SEND_WINDOW};
use meshwork_core::seam::path::IceConfig;
use meshwork_core::wire::{Bounded, BoundedText};

use super::{Addresses, CONNECTIONS_MAX, Links};

/// Two drivers on the loopback interface.
struct NativePair {
    a: Links,
    b: Links,
}

impl NativePair {
    fn new(addresses: &Addresses) -> NativePair {
        NativePair { a: Links::new(addresses.clone(), None), b: Links::new(addresses.clone(), None) }
    }

    fn side(&mut self, side: Side) -> &mut Links {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }

    /// Carries signals until both ends of `link` are up.
    async fn connect(&mut self, link: LinkId) {
        self.a.open(link, Role::Offerer, IceConfig::default());
        self.b.open(link, Role::Answerer, IceConfig::default());
        let mut up = 0;
        while up < 2 {
            match self.next(PATIENCE).await.expect("a connection in time") {
                (side, Input::Signal { link, signal }) => self.side(side.other()).signal(link, signal),
                (_, Input::Up { .. }) => up += 1,
                (_, other) => panic!("{other:?}"),
            }
        }
    }
}

impl LinkPair for NativePair {
    async fn apply(&mut self, side: Side, effect: Effect) {
        let links = self.side(side);
        match effect {
            Effect::Open { link, role, ice } => links.open(link, role, ice),
            Effect::Signal { link, signal } => links.signal(link, signal),
            Effect::Send { link, channel, bytes } => links.send(link, channel, bytes),
            Effect::Close { link } => links.close(link),
            other => panic!("{other:?} does not concern a link"),
        }
    }

    async fn next(&mut self, patience: Duration) -> Option<(Side, Input)> {
        let either = async {
            tokio::select! {
                input = self.a.next() => (Side::A, input),
                input = self.b.next() => (Side::B, input),
            }
        };
        tokio::time::timeout(patience, either).await.ok()
    }

    async fn cut(&mut self) -> bool {
        self.a.cut();
        self.b.cut();
        true
    }
}

async fn run_suite(addresses: Addresses) {
    let made = conformance::run_all(async || NativePair::new(&addresses)).await;
    made.unwrap_or_else(|(case, failure)| panic!("{case}: {failure}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conformance_on_loopback() {
    run_suite(Addresses::loopback()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conformance_on_every_interface() {
    run_suite(Addresses::Interfaces).await;
}

#[tokio::test]
async fn conformance_on_one_thread() {
    run_suite(Addresses::Only(vec![Ipv4Addr::LOCALHOST.into()])).await;
}

fn nonsense(role: Role, candidates: Vec<Candidate>) -> Description {
    let description = Description {
        role,
        user_fragment: BoundedText::new("AAAA").unwrap(),
        password: BoundedText::new("AAAAAAAAAAAAAAAAAAAAAA").unwrap(),
        fingerprint: Fingerprint([0; 32]),
        candidates: Bounded::new(candidates).unwrap(),
    };
    description.check().unwrap();
    description
}

fn strange_candidates() -> Vec<Candidate> {
    let texts =
        ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.255.255.255", "0.0.0.1", "fe80::1", "2001:db8::1"];
    let kinds = [CandidateKind::Host, CandidateKind::ServerReflexive, CandidateKind::Relayed];
    let mut candidates: Vec<Candidate> = texts
        .iter()
        .zip(kinds.iter().cycle())
        .zip([1, i32::MAX as u32, 7].into_iter().cycle())
        .map(|((text, kind), priority)| Candidate {
            kind: *kind,
            priority,
            address: CandidateAddress::Ip(text.parse().unwrap()),
            port: 9,
        })
        .collect();
    let first = candidates[0];
    candidates.push(Candidate { address: CandidateAddress::Mdns([0xff; 16]), ..first });
    candidates.resize(CANDIDATES_MAX, first);
    candidates
}

/// Descriptions that are valid and lead nowhere: no fault, no word but an answer, and other links do not suffer.
#[tokio::test]
async fn descriptions_that_lead_nowhere_harm_nothing() {
    let mut pair = NativePair::new(&Addresses::loopback());
    for (number, role) in [Role::Offerer, Role::Answerer].into_iter().enumerate() {
        let link = LinkId(number as u64);
        pair.a.open(link, role, IceConfig::default());
        let description = nonsense(role.opposite(), strange_candidates());
        for _ in 0..3 {
            pair.a.signal(link, Signal::Description(description.clone()));
        }
        for candidate in strange_candidates().into_iter().cycle().take(10 * CANDIDATES_MAX) {
            pair.a.signal(link, Signal::Candidate(candidate));
        }
    }
    for _ in 0..2 {
        let said = pair.next(PATIENCE).await;
        assert!(matches!(said, Some((Side::A, Input::Signal { .. }))), "{said:?}");
    }
    assert_eq!(pair.next(conformance::QUIET).await, None);
    pair.connect(LinkId(9)).await;
}

/// Where the sockets of a link are, as its description says.
async fn address_of(links: &mut Links) -> SocketAddr {
    let Input::Signal { signal: Signal::Description(description), .. } = links.next().await else {
        panic!("an offerer describes itself first");
    };
    let ip = |candidate: &Candidate| match candidate.address {
        CandidateAddress::Ip(ip) => SocketAddr::new(ip, candidate.port),
        CandidateAddress::Mdns(_) => panic!("native ends do not hide"),
    };
    let address = description.candidates.iter().map(ip).find(|address| address.is_ipv4());
    address.expect("an IPv4 address")
}

#[tokio::test]
async fn strangers_cannot_disturb_a_link_with_datagrams() {
    let only = Addresses::Only(vec![IpAddr::from(Ipv4Addr::LOCALHOST)]);
    let mut pair = NativePair::new(&only);
    pair.a.open(LinkId(1), Role::Offerer, IceConfig::default());
    let target = address_of(&mut pair.a).await;
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut random = [0u8; 1200];
    let mut junk = |target: SocketAddr| {
        for first in [0, 1, 20, 22, 23, 25, 47, 63, 64, 128, 191, 255] {
            for length in [0, 1, 2, 12, 19, 20, 28, 100, 1200] {
                getrandom::fill(&mut random).unwrap();
                random[0] = first;
                let _ = stranger.send_to(&random[..length], target);
            }
        }
    };
    // Before the other end is known, and while a link is up.
    junk(target);
    pair.connect(LinkId(2)).await;
    junk(target);
    pair.a.send(LinkId(2), Channel::Reliable, vec![5; FRAME_MAX]);
    loop {
        match pair.next(PATIENCE).await {
            Some((Side::B, Input::Data { bytes, .. })) => break assert_eq!(bytes, vec![5; FRAME_MAX]),
            Some((_, Input::Writable { .. })) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn shutting_down_tells_the_other_end() {
    let mut pair = NativePair::new(&Addresses::loopback());
    pair.connect(LinkId(1)).await;
    pair.a.send(LinkId(1), Channel::Reliable, b"goodbye".to_vec());
    let NativePair { a, mut b } = pair;
    a.shut_down().await;
    let first = b.next().await;
    assert!(matches!(&first, Input::Data { bytes, .. } if bytes == b"goodbye"), "{first:?}");
    let second = tokio::time::timeout(PATIENCE, b.next()).await.unwrap();
    assert!(matches!(second, Input::Down { .. }), "{second:?}");
}

/// A node that is busy does not make its driver grow: the other end is held back, and nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_node_holds_the_other_end_back() {
    /// More than every buffer on the way holds: the queue of inputs, SCTP's window, the sender's window.
    const FRAMES: usize = 2 * super::INPUTS_MAX;
    let mut pair = NativePair::new(&Addresses::loopback());
    pair.connect(LinkId(1)).await;
    let (mut room, mut sent) = (SEND_WINDOW, 0);
    let frame = |number: usize| vec![(number % 251) as u8; FRAME_MAX];
    // The node at B does not listen until A is stuck or done.
    loop {
        while room >= FRAME_MAX && sent < FRAMES {
            pair.a.send(LinkId(1), Channel::Reliable, frame(sent));
            (room, sent) = (room - FRAME_MAX, sent + 1);
        }
        match tokio::time::timeout(Duration::from_secs(1), pair.a.next()).await {
            Ok(Input::Writable { bytes, .. }) => room += bytes,
            Ok(other) => panic!("{other:?}"),
            Err(_) => break,
        }
    }
    assert!(sent < FRAMES, "the sender was never held back");
    let mut received = 0;
    while received < FRAMES {
        while room >= FRAME_MAX && sent < FRAMES {
            pair.a.send(LinkId(1), Channel::Reliable, frame(sent));
            (room, sent) = (room - FRAME_MAX, sent + 1);
        }
        match pair.next(PATIENCE).await.expect("progress") {
            (Side::A, Input::Writable { bytes, .. }) => room += bytes,
            (Side::B, Input::Data { bytes, .. }) => {
                assert_eq!(bytes, frame(received));
                received += 1;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_program_has_so_many_connections() {
    let mut links = Links::new(Addresses::Only(vec![Ipv4Addr::LOCALHOST.into()]), None);
    for number in 0..=CONNECTIONS_MAX as u64 {
        links.open(LinkId(number), Role::Answerer, IceConfig::default());
    }
    let said = tokio::time::timeout(PATIENCE, links.next()).await.expect("a word of the last one");
    let late = LinkId(CONNECTIONS_MAX as u64);
    let reason = format!("this program has {CONNECTIONS_MAX} connections already");
    assert_eq!(said, Input::Down { link: late, reason });
    links.close(LinkId(0));
    // It is gone when nobody has to wait for it any more.
    while links.tasks.len() >= CONNECTIONS_MAX {
        assert!(links.tasks.join_next().await.is_some());
    }
    links.open(late, Role::Offerer, IceConfig::default());
    let said = tokio::time::timeout(PATIENCE, links.next()).await.expect("a word of the last one");
    assert!(matches!(said, Input::Signal { link, .. } if link == late), "{said:?}");
}

#[tokio::test]
async fn a_stack_fault_ends_one_link_only() {
    let mut pair = NativePair::new(&Addresses::loopback());
    pair.connect(LinkId(1)).await;
    pair.connect(LinkId(2)).await;
    pair.a.break_task(LinkId(1));
    pair.a.send(LinkId(1), Channel::Reliable, vec![1]);
    let said = pair.next(PATIENCE).await;
    assert!(matches!(said, Some((Side::A, Input::Down { link: LinkId(1), .. }))), "{said:?}");
    pair.a.send(LinkId(2), Channel::Reliable, b"still here".to_vec());
    loop {
        match pair.next(PATIENCE).await {
            Some((Side::B, Input::Data { link: LinkId(2), bytes, .. })) => {
                break assert_eq!(bytes, b"still here");
            }
            Some((Side::A, Input::Writable { link: LinkId(2), .. })) => {}
            other => panic!("{other:?}"),
        }
    }
}
