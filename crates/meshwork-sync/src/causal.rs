//! Causal order: nobody hears an answer before the question.
//!
//! # Problem
//! What one endpoint says arrives in its order. What two say may arrive the other way round: an answer that took the short
//! way comes before its question, which took the long one.
//!
//! # How it works
//! Each message has a number, which counts what its author said, and names what its author had heard: for each other
//! endpoint the number of its last message (a vector clock, Fidge 1988, Mattern 1989). Of that clock only what
//! changed since the author's last message travels, since that one is heard before in any case. A message waits until
//! what it names was heard.
//!
//! # Driving it
//! [`Order::frame`] makes the bytes to say and [`Order::said`] notes that they were; [`Order::handle_frame`] takes in what
//! others said, [`Order::poll`] hands it on in order. At [`Order::poll_timeout`] call [`Order::handle_timeout`].
//!
//! # Invariants
//! - A message is never handed on before one of the same author that came earlier.
//! - Nothing is lost here: what waits in vain is handed on after [`WAIT_MAX`]. So a lie costs that message two seconds, and
//!   no other.
//!
//! # Limits
//! [`NEEDS_MAX`], [`WAITING_MAX`], [`AUTHORS_MAX`]. Endpoints that said nothing for [`SILENCE_MAX`] are not named: what they said
//! has come everywhere, or nowhere.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use meshwork_core::id::Endpoint;
use meshwork_core::planted;
use meshwork_core::time::Time;
use meshwork_core::wire::{self, Bounded, DecodeError};

/// Longest that a message waits for what its author had heard: a repair by comparison takes less, and what has not come
/// by then may never.
pub const WAIT_MAX: Duration = Duration::from_secs(2);
/// Longest silence after which an endpoint is named.
pub const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Most endpoints that one message names, those heard last: at 8 bytes and a number each they leave a message of 16 KiB
/// its place.
pub const NEEDS_MAX: usize = 128;
/// Most messages that wait, of 16 KiB at most. Beyond, the one that waits longest is handed on.
pub const WAITING_MAX: usize = 256;
/// Most endpoints of which it is known what they said. Beyond, the one that was silent longest is forgotten.
pub const AUTHORS_MAX: usize = 4096;

/// The name of an endpoint in a message is blake3 in its key derivation mode under this context, cut.
const NAME_CONTEXT: &str = "meshwork causal name v1";

/// An endpoint, as messages name it.
type Name = [u8; 8];

/// Something that was said, in its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Who said it.
    pub from: Endpoint,
    /// What.
    pub content: Vec<u8>,
    /// How many before it are not heard, as it was told with the message.
    pub missed: u64,
}

/// What was said and heard on one topic.
#[derive(Debug)]
pub struct Order {
    me: Name,
    said: u64,
    authors: BTreeMap<Name, Author>,
    ready: VecDeque<Heard>,
    /// How many wait.
    waiting: usize,
}

#[derive(Debug)]
struct Author {
    /// The greatest number of what was handed on.
    heard: u64,
    /// When that was.
    at: Time,
    /// Whether that was after this endpoint spoke last.
    is_news: bool,
    /// What came and waits, in the order in which it was said.
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    needs: Vec<(Name, u64)>,
    until: Time,
    heard: Heard,
}

impl Order {
    /// Nothing was said or heard yet.
    pub fn new(me: Endpoint) -> Order {
        let (authors, ready) = (BTreeMap::new(), VecDeque::new());
        Order { me: name(me), said: 0, authors, ready, waiting: 0 }
    }

    /// The bytes that say something after all that was handed on here. It counts once [`Order::said`] is told.
    pub fn frame(&self, now: Time, content: &[u8]) -> Vec<u8> {
        let is_new = |author: &&Author| author.is_news && now.since(author.at) <= SILENCE_MAX;
        let mut news: Vec<(Time, (Name, u64))> = self
            .authors
            .iter()
            .filter(|(_, author)| is_new(author))
            .map(|(name, author)| (author.at, (*name, author.heard)))
            .collect();
        news.sort_unstable_by(|one, other| other.cmp(one));
        let needs = news.into_iter().take(NEEDS_MAX).map(|(_, need)| need).collect();
        let needs: Bounded<(Name, u64), NEEDS_MAX> = Bounded::new(needs).unwrap_or_default();
        let mut frame = wire::encode(&(self.said + 1, needs));
        frame.extend_from_slice(content);
        frame
    }

    /// What [`Order::frame`] made was said.
    pub fn said(&mut self) {
        self.said += 1;
        self.authors.values_mut().for_each(|author| author.is_news = false);
    }

    /// Takes in what somebody said; `missed` is told with it.
    ///
    /// # Errors
    /// [`DecodeError`] where it is nothing of this kind; nothing of it is kept.
    pub fn handle_frame(
        &mut self,
        now: Time,
        from: Endpoint,
        frame: &[u8],
        missed: u64,
    ) -> Result<(), DecodeError> {
        type Head = (u64, Bounded<(Name, u64), NEEDS_MAX>);
        let ((number, needs), content) = wire::decode_first::<Head>(frame)?;
        let heard = Heard { from, content: content.to_vec(), missed };
        self.waiting += 1;
        let waiting = Waiting { number, needs: needs.into_inner(), until: now + WAIT_MAX, heard };
        self.author(now, name(from)).waiting.push_back(waiting);
        self.settle(now);
        while self.waiting > WAITING_MAX
            && let Some(name) = self.longest(|_| true)
        {
            self.hand_on(now, name);
            self.settle(now);
        }
        Ok(())
    }

    /// The next of what was said, in order.
    pub fn poll(&mut self) -> Option<Heard> {
        self.ready.pop_front()
    }

    /// When something has waited long enough.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.firsts().map(|(_, first)| first.until).min()
    }

    /// Hands on what has waited long enough.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some(name) = self.longest(|first| first.until <= now) {
            self.hand_on(now, name);
            self.settle(now);
        }
    }

    /// Of each author what waits first.
    fn firsts(&self) -> impl Iterator<Item = (Name, &Waiting)> {
        self.authors.iter().filter_map(|(name, author)| Some((*name, author.waiting.front()?)))
    }

    /// Whose message has waited longest of those that are meant.
    fn longest(&self, is_meant: impl Fn(&Waiting) -> bool) -> Option<Name> {
        let meant = self.firsts().filter(|(_, first)| is_meant(first));
        meant.min_by_key(|(_, first)| first.until).map(|(name, _)| name)
    }

    /// Hands on whatever waits for nothing.
    fn settle(&mut self, now: Time) {
        let is_met = |order: &Order, (name, number): &(Name, u64)| {
            // Nobody can have heard of this endpoint what it did not say.
            *name == order.me
                || order.authors.get(name).is_some_and(|author| *number <= author.heard)
                || planted!(CausalUnordered)
        };
        while let Some(name) = self.longest(|first| first.needs.iter().all(|need| is_met(self, need))) {
            self.hand_on(now, name);
        }
    }

    /// Hands on what waits first of an author, whatever it needs.
    fn hand_on(&mut self, now: Time, name: Name) {
        let author = self.author(now, name);
        let Some(Waiting { number, heard, .. }) = author.waiting.pop_front() else { return };
        (author.heard, author.at, author.is_news) = (author.heard.max(number), now, true);
        self.waiting -= 1;
        self.ready.push_back(heard);
    }

    fn author(&mut self, now: Time, name: Name) -> &mut Author {
        if !self.authors.contains_key(&name) && self.authors.len() >= AUTHORS_MAX {
            let silent = self.authors.iter().filter(|(_, author)| author.waiting.is_empty());
            if let Some(name) = silent.min_by_key(|(_, author)| author.at).map(|(name, _)| *name) {
                self.authors.remove(&name);
            }
        }
        let new = || Author { heard: 0, at: now, is_news: false, waiting: VecDeque::new() };
        self.authors.entry(name).or_insert_with(new)
    }
}

fn name(endpoint: Endpoint) -> Name {
    let mut hasher = blake3::Hasher::new_derive_key(NAME_CONTEXT);
    hasher.update(&endpoint.peer.0).update(&endpoint.instance.0.to_le_bytes());
    hasher.finalize().as_bytes().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use meshwork_core::id::{Instance, PeerId};
    use proptest::prelude::*;

    use super::*;

    fn endpoint(number: u8) -> Endpoint {
        Endpoint { peer: PeerId([number; 32]), instance: Instance(number.into()) }
    }

    /// Somebody on a topic, with what they heard in their order.
    struct Person {
        me: Endpoint,
        order: Order,
        heard: Vec<Vec<u8>>,
    }

    impl Person {
        fn new(number: u8) -> Person {
            Person { me: endpoint(number), order: Order::new(endpoint(number)), heard: Vec::new() }
        }

        fn say(&mut self, now: Time, content: &[u8]) -> (Endpoint, Vec<u8>) {
            let frame = self.order.frame(now, content);
            self.order.said();
            (self.me, frame)
        }

        fn hear(&mut self, now: Time, (from, frame): &(Endpoint, Vec<u8>)) {
            self.order.handle_frame(now, *from, frame, 0).expect("of this kind");
            self.take();
        }

        fn take(&mut self) {
            while let Some(heard) = self.order.poll() {
                self.heard.push(heard.content);
            }
        }
    }

    #[test]
    fn answers_wait_for_their_questions() {
        let now = Time(0);
        let [mut ann, mut bo, mut kim] = [1, 2, 3].map(Person::new);
        let question = ann.say(now, b"When?");
        bo.hear(now, &question);
        let answer = bo.say(now, b"At nine.");
        kim.hear(now, &answer);
        assert!(kim.heard.is_empty(), "the question is on its way");
        kim.hear(now, &question);
        assert_eq!(kim.heard, [b"When?".to_vec(), b"At nine.".to_vec()]);
        // Who asked waits for nothing.
        ann.hear(now, &answer);
        assert_eq!(ann.heard, [b"At nine.".to_vec()]);
        assert_eq!(kim.order.poll_timeout(), None);
    }

    #[test]
    fn what_never_comes_is_waited_for_once() {
        let [mut ann, mut bo, mut kim] = [1, 2, 3].map(Person::new);
        let question = ann.say(Time(0), b"When?");
        bo.hear(Time(0), &question);
        let answers = [bo.say(Time(0), b"At nine."), bo.say(Time(0), b"Sharp.")];
        kim.hear(Time(5), &answers[0]);
        assert_eq!(kim.order.poll_timeout(), Some(Time(5) + WAIT_MAX));
        kim.order.handle_timeout(Time(5) + WAIT_MAX);
        kim.hear(Time(6) + WAIT_MAX, &answers[1]);
        assert_eq!(kim.heard, [b"At nine.".to_vec(), b"Sharp.".to_vec()]);
        kim.hear(Time(7) + WAIT_MAX, &question);
        assert_eq!(kim.heard.len(), 3, "what comes late is heard all the same");
    }

    #[test]
    fn only_what_changed_travels() {
        let mut ann = Person::new(1);
        let mut others: Vec<Person> = (2..40).map(Person::new).collect();
        for other in &mut others {
            let hello = other.say(Time(0), b"Hello");
            ann.hear(Time(0), &hello);
        }
        let sizes = [0, 1, 2].map(|_| ann.say(Time(1), b"").1.len());
        assert!(sizes[0] > 38 * 8 && sizes[1] == 2 && sizes[2] == 2, "{sizes:?}");
        let again = others[0].say(Time(2), b"Again");
        ann.hear(Time(2), &again);
        assert_eq!(ann.say(Time(3), b"").1.len(), 2 + 9);
        // Who was silent for long is left out.
        let again = others[0].say(Time(3), b"Again");
        ann.hear(Time(3), &again);
        assert_eq!(ann.say(Time(4) + SILENCE_MAX, b"").1.len(), 2);
    }

    #[test]
    fn lies_cost_bounded_memory_and_two_seconds() {
        let mut kim = Person::new(3);
        for number in 0..3000_u64 {
            let names = (0..2_u64).map(|n| (((number * 2 + n) << 8).to_le_bytes(), u64::MAX)).collect();
            let needs: Bounded<(Name, u64), NEEDS_MAX> = Bounded::new(names).expect("few");
            let mut frame = wire::encode(&(number, needs));
            frame.extend_from_slice(&[7; 1000]);
            kim.order
                .handle_frame(Time(number), endpoint((number % 200) as u8 + 4), &frame, 0)
                .expect("legal");
        }
        assert!(kim.order.waiting <= WAITING_MAX && kim.order.authors.len() <= AUTHORS_MAX);
        assert!(kim.order.waiting > WAITING_MAX / 2, "most of them wait");
        kim.order.handle_timeout(Time(3000) + WAIT_MAX);
        kim.take();
        assert_eq!((kim.heard.len(), kim.order.waiting), (3000, 0));
        assert!(kim.order.handle_frame(Time(0), endpoint(9), &[0xff; 4], 0).is_err());
    }

    proptest! {
        /// However messages overtake each other, each is heard once and after all that its author had heard.
        #[test]
        fn nothing_is_heard_before_its_cause(
            acts in prop::collection::vec((0..4usize, 0..4usize, any::<bool>()), 1..120),
        ) {
            let mut people: Vec<Person> = (0..4).map(Person::new).collect();
            // What is on its way from one to another, in the order of its author alone.
            type Way = VecDeque<(Endpoint, Vec<u8>)>;
            let mut ways: BTreeMap<(usize, usize), Way> = BTreeMap::new();
            let mut causes: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
            for (number, (who, other, says)) in acts.into_iter().enumerate() {
                if says {
                    let content = number.to_le_bytes().to_vec();
                    causes.insert(content.clone(), people[who].heard.clone());
                    let frame = people[who].say(Time(0), &content);
                    people[who].heard.push(content);
                    for to in (0..4).filter(|to| *to != who) {
                        ways.entry((who, to)).or_default().push_back(frame.clone());
                    }
                } else if let Some(frame) = ways.get_mut(&(who, other)).and_then(VecDeque::pop_front) {
                    people[other].hear(Time(0), &frame);
                }
            }
            for ((_, to), way) in ways {
                way.iter().for_each(|frame| people[to].hear(Time(0), frame));
            }
            for person in &people {
                prop_assert_eq!(person.heard.len(), causes.len());
                for (place, content) in person.heard.iter().enumerate() {
                    let before = &person.heard[..place];
                    prop_assert!(causes[content].iter().all(|cause| before.contains(cause)));
                }
            }
        }
    }
}
