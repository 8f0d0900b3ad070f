//! A document as a set of signed updates: who holds the same updates shows the same text, and nobody's ban or second
//! content takes honest text away.
//!
//! An item is one letter that stands after its origin. A and B write and fold, C only reads, the peer V is hostile:
//! it signs what it likes, to whom it likes. A is the owner, who bans V and erases what V wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::slice::from_ref;

use meshwork_core::rng::Rng;

use super::harness::{Broken, Schedules, World, breaks, chance, choose, hash, holds};

/// How often each syncs with each before all of it has to be still.
const ROUNDS: u32 = 6;

/// The rules of documents.
#[derive(Clone, Copy, Debug)]
struct Rules {
    /// The digest is over the updates' ids; else over the items and deletions that their headers tell.
    digest_of_ids: bool,
    /// Of two updates that contain each other the one of lesser id stays; else the one that came last.
    lesser_id_stays: bool,
    /// An update contains another only with the same origins and content; else the items' numbers are enough.
    contains_same_content: bool,
    /// The content of items that an update deletes itself may be missing from it.
    contains_deleted: bool,
    /// An update contains only those of its own peer.
    contains_own: bool,
    /// An update contains another that stands only when it stands itself.
    container_stands: bool,
    /// Where nothing can be placed any more, an item takes another of its contents.
    places_other_content: bool,
    /// What a ban took stays when it is needed in several steps, or as a predecessor; else as an origin, in one.
    keeps_needed: bool,
    /// The text of what a ban took does not count.
    banned_text_is_void: bool,
    /// Nor do its deletions.
    banned_deletions_are_void: bool,
    /// A retraction names items; else a stamp, until which what an author said is erased.
    retracts_items: bool,
}

const IN_FORCE: Rules = Rules {
    digest_of_ids: true,
    lesser_id_stays: true,
    contains_same_content: true,
    contains_deleted: true,
    contains_own: true,
    container_stands: true,
    places_other_content: true,
    keeps_needed: true,
    banned_text_is_void: true,
    banned_deletions_are_void: true,
    retracts_items: true,
};

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Peer {
    A,
    B,
    C,
    V,
}

const WRITERS: [Peer; 2] = [Peer::A, Peer::B];
const MEMBERS: [Peer; 3] = [Peer::A, Peer::B, Peer::C];
const PAIRS: [(Peer, Peer); 3] = [(Peer::A, Peer::B), (Peer::B, Peer::C), (Peer::A, Peer::C)];

/// The peer's first item is its number 1, and each other one stands only where the one before it does.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Item {
    peer: Peer,
    number: u64,
}

impl Item {
    fn predecessor(self) -> Option<Item> {
        (self.number > 1).then(|| Item { number: self.number - 1, ..self })
    }
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Content {
    /// Nothing once it is deleted.
    letter: Option<u64>,
    /// Nothing for the start of the document.
    origin: Option<Item>,
}

#[derive(Debug)]
struct Update {
    id: u64,
    peer: Peer,
    stamp: u64,
    items: BTreeMap<Item, Content>,
    deletions: BTreeSet<Item>,
}

impl Update {
    fn contains(&self, other: &Update, rules: Rules) -> bool {
        let has = |(item, content): (&Item, &Content)| {
            self.items.get(item).is_some_and(|own| {
                let is_deleted = rules.contains_deleted && self.deletions.contains(item);
                let is_same = own == content || is_deleted && *own == Content { letter: None, ..*content };
                is_same || !rules.contains_same_content
            })
        };
        (self.peer == other.peer || !rules.contains_own)
            && other.items.iter().all(has)
            && self.deletions.is_superset(&other.deletions)
    }
}

type Placed = BTreeMap<Item, Content>;

/// Which items stand where: only what has its predecessor and its origin is placed.
fn place(contents: &BTreeMap<Item, Vec<Content>>, rules: Rules) -> Placed {
    let mut placed = Placed::new();
    loop {
        let is_placed = |item: Option<Item>| item.is_none_or(|item| placed.contains_key(&item));
        let ready =
            |item: Item, content: &Content| is_placed(item.predecessor()) && is_placed(content.origin);
        let waiting = || contents.iter().filter(|(item, _)| !placed.contains_key(item));
        let mut next: Vec<(Item, Content)> = waiting()
            .map(|(item, all)| (*item, all[0]))
            .filter(|(item, least)| ready(*item, least))
            .collect();
        if next.is_empty() && rules.places_other_content {
            let other = |(item, all): (&Item, &Vec<Content>)| {
                Some((*item, *all.iter().find(|content| ready(*item, content))?))
            };
            next.extend(waiting().find_map(other));
        }
        if next.is_empty() {
            return placed;
        }
        placed.extend(next);
    }
}

/// The items in the order of the text: each after its origin, the greatest first.
fn text(placed: &Placed) -> Vec<Item> {
    let mut after: BTreeMap<Option<Item>, Vec<Item>> = BTreeMap::new();
    for (item, content) in placed {
        after.entry(content.origin).or_default().push(*item);
    }
    let mut order = Vec::new();
    let mut waiting = after.remove(&None).unwrap_or_default();
    while let Some(item) = waiting.pop() {
        order.push(item);
        waiting.extend(after.remove(&Some(item)).unwrap_or_default());
    }
    order
}

/// What the owner's records say.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Records {
    /// The updates of V that stay, once V is banned.
    ban: Option<BTreeSet<u64>>,
    erased: BTreeSet<Item>,
    /// The stamp of the last retraction.
    erased_until: u64,
}

impl Records {
    fn lists(&self, update: &Update) -> bool {
        self.ban.as_ref().is_some_and(|stay| stay.contains(&update.id))
    }

    fn merged(&self, other: &Records) -> Records {
        Records {
            ban: self.ban.clone().or_else(|| other.ban.clone()),
            erased: &self.erased | &other.erased,
            erased_until: self.erased_until.max(other.erased_until),
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Member {
    held: BTreeMap<u64, Rc<Update>>,
    records: Records,
    placed: Placed,
    /// How many items it has written.
    written: u64,
}

impl Member {
    fn stands(&self, update: &Update) -> bool {
        update.peer != Peer::V || self.records.ban.is_none() || self.records.lists(update)
    }

    fn settle(&mut self, arriving: &[Rc<Update>], rules: Rules) {
        let all = self.without_contained(arriving, rules);
        let (standing, taken): (Vec<_>, Vec<_>) = all.into_iter().partition(|update| self.stands(update));
        let kept = needed(&standing, taken, rules);
        let deleting = kept.iter().filter(|update| !rules.banned_deletions_are_void || self.stands(update));
        let deleted = merged(deleting).1;
        self.held = kept.iter().map(|update| (update.id, Rc::clone(update))).collect();
        let mut contents: BTreeMap<Item, Vec<Content>> = BTreeMap::new();
        for update in self.held.values() {
            let is_void = rules.banned_text_is_void && !self.stands(update);
            for (item, content) in &update.items {
                let letter = content.letter.filter(|_| !is_void && !deleted.contains(item));
                contents.entry(*item).or_default().push(Content { letter, ..*content });
            }
        }
        self.placed = place(&contents, rules);
        self.erase(rules);
    }

    /// Everything that is held or arrives, less what something else contains.
    fn without_contained(&self, arriving: &[Rc<Update>], rules: Rules) -> Vec<Rc<Update>> {
        let new = arriving.iter().filter(|update| !self.held.contains_key(&update.id));
        let mut all: Vec<Rc<Update>> = self.held.values().chain(new).cloned().collect();
        let mut at = 0;
        while at < all.len() {
            let update = &all[at];
            let drops = |other: &Rc<Update>| {
                other.id != update.id
                    && other.contains(update, rules)
                    && (!rules.container_stands || self.stands(other) || !self.stands(update))
                    && (!rules.lesser_id_stays || other.id < update.id || !update.contains(other, rules))
            };
            if all.iter().any(drops) { drop(all.remove(at)) } else { at += 1 }
        }
        all
    }

    fn erase(&mut self, rules: Rules) {
        let (records, held) = (&self.records, &self.held);
        let stamps = |item| {
            let says = held.values().filter(move |update| update.items.contains_key(item));
            says.map(|update| update.stamp).max()
        };
        for (item, content) in &mut self.placed {
            let is_erased = if rules.retracts_items {
                records.erased.contains(item)
            } else {
                item.peer == Peer::V && stamps(item) <= Some(records.erased_until)
            };
            content.letter = content.letter.filter(|_| !is_erased);
        }
    }

    fn held_of(&self, peer: Peer) -> impl Iterator<Item = &Rc<Update>> {
        self.held.values().filter(move |update| update.peer == peer)
    }

    fn visible(&self) -> Vec<Item> {
        text(&self.placed).into_iter().filter(|item| self.placed[item].letter.is_some()).collect()
    }

    fn view(&self) -> Vec<u64> {
        text(&self.placed).iter().filter_map(|item| self.placed[item].letter).collect()
    }

    fn digest(&self, rules: Rules) -> u64 {
        if rules.digest_of_ids {
            return hash(&self.held.keys().collect::<Vec<_>>());
        }
        let (items, deletions) = merged(self.held.values());
        hash(&(items.into_keys().collect::<Vec<_>>(), deletions))
    }
}

/// What stands, and of what a ban took what that needs.
fn needed(standing: &[Rc<Update>], mut taken: Vec<Rc<Update>>, rules: Rules) -> Vec<Rc<Update>> {
    let mut kept = standing.to_vec();
    let mut from = 0;
    while from < kept.len() {
        let mut wanted = BTreeSet::new();
        for update in &kept[from..] {
            wanted.extend(update.items.values().filter_map(|content| content.origin));
            if rules.keeps_needed {
                wanted.extend(update.items.keys().filter_map(|item| item.predecessor()));
            }
        }
        from = kept.len();
        kept.extend(taken.extract_if(.., |update| update.items.keys().any(|item| wanted.contains(item))));
        if !rules.keeps_needed {
            break;
        }
    }
    kept
}

#[derive(Clone, Debug)]
enum Action {
    Insert(Peer, usize),
    Delete(Peer, usize),
    Fold(Peer),
    Sync((Peer, Peer)),
    Ban,
    Erase,
    /// What V signs, and who gets it.
    Hostile(Hostile, Vec<Peer>),
}

#[derive(Clone, Copy, Debug)]
enum Hostile {
    Insert(usize),
    Delete(usize),
    /// Another content and origin for an item that it has used.
    Again(u64, usize),
    Fold,
}

#[derive(Debug)]
struct Document {
    rules: Rules,
    now: u64,
    members: [Member; 3],
    /// What honest writers said.
    written: Vec<Rc<Update>>,
    /// What V said, and how many items it has.
    said: Vec<Rc<Update>>,
    items: u64,
    broken: Vec<Broken>,
}

impl Document {
    fn sign(&mut self, peer: Peer, items: Placed, deletions: BTreeSet<Item>) -> Rc<Update> {
        self.now += 1;
        let id = hash(&(peer, self.now, &items, &deletions));
        Rc::new(Update { id, peer, stamp: self.now, items, deletions })
    }

    fn write(&mut self, peer: Peer, items: Placed, deletions: BTreeSet<Item>) {
        let update = self.sign(peer, items, deletions);
        self.members[peer as usize].settle(from_ref(&update), self.rules);
        self.written.push(update);
    }

    fn insert(&mut self, peer: Peer, at: usize) {
        let member = &mut self.members[peer as usize];
        member.written += 1;
        let item = Item { peer, number: member.written };
        let content = Content { letter: Some(self.now), origin: nth(&member.visible(), at) };
        self.write(peer, [(item, content)].into(), BTreeSet::new());
    }

    /// One update with all of one's own, less the content of what one deleted oneself.
    fn fold(&mut self, peer: Peer) {
        let (mut items, deletions) = merged(self.members[peer as usize].held_of(peer));
        for (item, content) in &mut items {
            content.letter = content.letter.filter(|_| !deletions.contains(item));
        }
        self.write(peer, items, deletions);
        let left = self.members[peer as usize].held_of(peer).count();
        if left > 1 {
            self.breaks("folds contain", format!("{left} updates are left after a fold"));
        }
    }

    fn attack(&mut self, attack: Hostile, to: &[Peer]) {
        let placed: BTreeSet<Item> =
            self.members.iter().flat_map(|member| member.placed.keys()).copied().collect();
        let everywhere: Vec<Item> = placed.into_iter().collect();
        let (mut items, mut deletions) = (Placed::new(), BTreeSet::new());
        let letter = Some(self.now);
        match attack {
            Hostile::Insert(at) => {
                self.items += 1;
                let item = Item { peer: Peer::V, number: self.items };
                items.insert(item, Content { letter, origin: nth(&everywhere, at) });
            }
            Hostile::Delete(at) => deletions.extend(nth(&everywhere, at)),
            Hostile::Again(number, at) if self.items > 0 => {
                let item = Item { peer: Peer::V, number: 1 + number % self.items };
                let others: Vec<Item> = everywhere.into_iter().filter(|other| *other != item).collect();
                let origin = nth(&others, at).filter(|_| at > 0);
                items.insert(item, Content { letter, origin });
            }
            Hostile::Again(..) => return,
            Hostile::Fold => (items, deletions) = merged(&self.said),
        }
        let update = self.sign(Peer::V, items, deletions);
        self.said.push(Rc::clone(&update));
        for peer in to {
            self.members[*peer as usize].settle(from_ref(&update), self.rules);
        }
    }

    /// Records first, then updates if the digests differ.
    fn sync(&mut self, (a, b): (Peer, Peer)) {
        let Ok([a, b]) = self.members.get_disjoint_mut([a as usize, b as usize]) else { return };
        let (rules, records) = (self.rules, a.records.merged(&b.records));
        for member in [&mut *a, &mut *b] {
            if member.records != records {
                member.records = records.clone();
                member.settle(&[], rules);
            }
        }
        if a.digest(rules) != b.digest(rules) {
            let [of_a, of_b] = [&*a, &*b].map(|member| member.held.values().cloned().collect::<Vec<_>>());
            a.settle(&of_b, rules);
            b.settle(&of_a, rules);
        }
    }

    fn held(&self) -> Vec<Vec<u64>> {
        self.members.iter().map(|member| member.held.keys().copied().collect()).collect()
    }

    fn breaks(&mut self, promise: &'static str, seen: String) {
        self.broken.push(Broken { promise, seen });
    }

    /// What all show in the end is held against what was written, deleted, erased and banned.
    fn check_text(&mut self) {
        let owner = &self.members[0];
        let standing = || owner.held.values().filter(|update| owner.stands(update));
        let (items, deletions) = merged(&self.written);
        let items: BTreeSet<Item> = items.into_keys().collect();
        let placed: BTreeSet<Item> = owner.placed.keys().copied().collect();
        let shown: BTreeSet<Item> = owner.visible().into_iter().collect();
        let is_said = |item: &&Item| {
            let said = Some(owner.placed[*item].letter);
            standing().any(|update| update.items.get(item).map(|content| content.letter) == said)
        };
        let broken = [
            ("honest text is placed", &items - &placed),
            ("bans void text", &shown - &shown.iter().filter(is_said).copied().collect()),
            ("bans void deletions", &(&(&items & &placed) - &shown) - &merged(standing()).1),
            ("deletions stay", &deletions & &shown),
            ("erased text stays away", &owner.records.erased & &shown),
        ];
        let listed = self.said.iter().filter(|update| owner.records.lists(update));
        let gone = listed.filter(|update| !standing().any(|other| other.contains(update, IN_FORCE))).count();
        for (promise, items) in broken.into_iter().filter(|(_, items)| !items.is_empty()) {
            self.breaks(promise, format!("{items:?}"));
        }
        if gone > 0 {
            self.breaks("bans keep what they list", format!("{gone} updates are gone"));
        }
    }
}

/// All items and deletions; of two contents the last.
fn merged<'a>(updates: impl IntoIterator<Item = &'a Rc<Update>>) -> (Placed, BTreeSet<Item>) {
    let (mut items, mut deletions) = (Placed::new(), BTreeSet::new());
    for update in updates {
        items.extend(&update.items);
        deletions.extend(&update.deletions);
    }
    (items, deletions)
}

/// One of those there are, if any.
fn nth(items: &[Item], at: usize) -> Option<Item> {
    items.get(at % items.len().max(1)).copied()
}

impl World for Document {
    type Rules = Rules;
    type Action = Action;

    fn random_action(rng: &mut Rng) -> Action {
        let (peer, at) = (choose(rng, &WRITERS), rng.below(6) as usize);
        let hostile = match rng.below(6) {
            0..3 => Hostile::Insert(at),
            3 => Hostile::Delete(at),
            4 => Hostile::Again(rng.below(4), at),
            _ => Hostile::Fold,
        };
        match rng.below(22) {
            0..5 => Action::Insert(peer, at),
            5..7 => Action::Delete(peer, at),
            7 => Action::Fold(peer),
            8..12 => Action::Sync(choose(rng, &PAIRS)),
            12 => Action::Ban,
            13 => Action::Erase,
            _ => Action::Hostile(hostile, MEMBERS.into_iter().filter(|_| chance(rng, 5)).collect()),
        }
    }

    fn new(rules: Rules) -> Document {
        let (members, written, said) = Default::default();
        Document { rules, now: 0, members, written, said, items: 0, broken: Vec::new() }
    }

    fn step(&mut self, action: &Action) {
        let (rules, now) = (self.rules, self.now);
        let owner = &mut self.members[0];
        match action {
            Action::Insert(peer, at) => self.insert(*peer, *at),
            Action::Delete(peer, at) => {
                if let Some(item) = nth(&self.members[*peer as usize].visible(), *at) {
                    self.write(*peer, Placed::new(), [item].into());
                }
            }
            Action::Fold(peer) => self.fold(*peer),
            Action::Sync(pair) => self.sync(*pair),
            Action::Ban => {
                let stay = owner.held_of(Peer::V).map(|update| update.id).collect();
                owner.records.ban.get_or_insert(stay);
                owner.settle(&[], rules);
            }
            Action::Erase => {
                owner.records.erased.extend(merged(owner.held_of(Peer::V)).0.into_keys());
                owner.records.erased_until = now;
                owner.settle(&[], rules);
            }
            Action::Hostile(attack, to) => self.attack(*attack, to),
        }
    }

    fn finish(mut self) -> Vec<Broken> {
        let mut before = self.held();
        for _ in 0..ROUNDS {
            before = self.held();
            PAIRS.into_iter().for_each(|pair| self.sync(pair));
        }
        if before != self.held() {
            self.breaks("quiet", "updates travel in the last round".to_owned());
        }
        let views: BTreeSet<Vec<u64>> = self.members.iter().map(Member::view).collect();
        if views.len() > 1 {
            self.breaks("the same", format!("{views:?}"));
        }
        self.check_text();
        self.broken
    }
}

/// So many that the lack of each rule shows ten times and more.
const FEW: Schedules = Schedules { number: 1_500, steps: 8..=24 };
/// As many for rules that seldom matter.
const MANY: Schedules = Schedules { number: 4_000, steps: 8..=24 };

#[test]
fn members_with_the_same_updates_show_the_same() {
    holds::<Document>(IN_FORCE, &Schedules::new(3_000, 50, 4..=24));
}

#[test]
fn folds_and_digests_miss_no_update() {
    breaks::<Document>("the same", Rules { digest_of_ids: false, ..IN_FORCE }, &MANY);
    breaks::<Document>("quiet", Rules { lesser_id_stays: false, ..IN_FORCE }, &FEW);
    breaks::<Document>("folds contain", Rules { contains_deleted: false, ..IN_FORCE }, &FEW);
    breaks::<Document>("deletions stay", Rules { contains_own: false, ..IN_FORCE }, &MANY);
}

#[test]
fn honest_text_survives_second_contents() {
    breaks::<Document>("honest text is placed", Rules { contains_same_content: false, ..IN_FORCE }, &FEW);
    breaks::<Document>("honest text is placed", Rules { places_other_content: false, ..IN_FORCE }, &FEW);
}

#[test]
fn a_ban_takes_only_what_it_names() {
    breaks::<Document>("honest text is placed", Rules { keeps_needed: false, ..IN_FORCE }, &MANY);
    breaks::<Document>("bans keep what they list", Rules { container_stands: false, ..IN_FORCE }, &FEW);
    breaks::<Document>("bans void text", Rules { banned_text_is_void: false, ..IN_FORCE }, &FEW);
    breaks::<Document>("bans void deletions", Rules { banned_deletions_are_void: false, ..IN_FORCE }, &FEW);
}

#[test]
fn erased_text_stays_away() {
    breaks::<Document>("erased text stays away", Rules { retracts_items: false, ..IN_FORCE }, &FEW);
}
