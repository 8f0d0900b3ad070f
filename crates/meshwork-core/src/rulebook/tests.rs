//! What records do to batches, branch by branch.

use alloc::string::ToString as _;
use alloc::vec;

use super::*;
use crate::id::{Endpoint, Identity, Instance, RoomId};
use crate::rng::Rng;
use crate::signed::admission::EditSeed;
use crate::signed::change::{Age, Rule};
use crate::signed::header::{Family, StampWindow};
use crate::signed::record::{Body, Cut};
use crate::wire::{Bounded, BoundedText, Bytes};

const ROOM: RoomId = RoomId([3; 32]);
const OWNER: u8 = 1;
const MODERATOR: u8 = 2;
const ANN: u8 = 3;
const BEN: u8 = 4;

fn identity(who: u8) -> Identity {
    Identity::from_secret([who; 32])
}

fn peer(who: u8) -> PeerId {
    identity(who).peer()
}

fn peers<const MAX: usize>(who: &[u8]) -> Bounded<PeerId, MAX> {
    let mut peers: Vec<PeerId> = who.iter().map(|who| peer(*who)).collect();
    peers.sort();
    Bounded::new(peers).expect("few")
}

fn id(number: u8) -> ShortId {
    ShortId([number; 16])
}

/// A record of `who` after `before`, the genesis where there are none; with a list of what stays where it takes a right.
fn says(who: u8, before: &[&WithList], changes: Vec<Change>, slots: u16, stays: &[ShortId]) -> WithList {
    let mut names: Vec<RecordName> = before.iter().map(|(record, _)| record.name()).collect();
    if names.is_empty() {
        names.push(RecordName::GENESIS);
    }
    names.sort();
    let list = List::of_ids(stays.to_vec()).expect("few");
    let cuts = slots != 0 || changes.iter().any(Change::takes);
    let body = Body {
        signer: peer(who),
        stamp: Stamp(1000),
        before: Bounded::new(names).expect("few"),
        changes: Bounded::new(changes).expect("few"),
        cut: cuts.then(|| Cut { slots, stays: list.name() }),
    };
    (Record::sign(&identity(who), &ROOM, body).expect("legal"), cuts.then(|| Arc::new(list)))
}

fn owner_says(before: &[&WithList], change: Change, stays: &[ShortId]) -> WithList {
    says(OWNER, before, vec![change], 0, stays)
}

fn rename(before: &[&WithList], name: &str) -> WithList {
    owner_says(before, Change::Name(BoundedText::new(name).expect("short")), &[])
}

fn rule(slot: u8, limit: Option<Limit>, writers: WhoWrites) -> Change {
    Change::Rules(Bounded::new(vec![Rule { slot, limit, writers }]).expect("one"))
}

/// Records in an order that differs each time.
fn book(records: &[&WithList]) -> Rulebook {
    let mut shuffled: Vec<WithList> = records.iter().map(|record| (*record).clone()).collect();
    let mut rng = Rng::new([records.len() as u8; 32]);
    for place in 1..shuffled.len() {
        shuffled.swap(place, rng.below(place as u64 + 1) as usize);
    }
    Rulebook::new(Some(peer(OWNER)), shuffled)
}

fn name(under: Option<&WithList>) -> RecordName {
    under.map_or(RecordName::GENESIS, |(record, _)| record.name())
}

fn header(who: u8, under: Option<&WithList>) -> Header {
    Header {
        author: Endpoint { peer: peer(who), instance: Instance(1) },
        sequence: 1,
        replica: ReplicaNumber::new(0, Family::Own).expect("a slot"),
        record: name(under),
        window: StampWindow::at(Stamp(2000)),
        cost: 1,
        used: None,
    }
}

fn judge(book: &Rulebook, who: u8, under: Option<&WithList>, number: u8) -> Verdict {
    book.judge(&Claim { header: &header(who, under), id: id(number), admitted: &[] })
}

#[test]
fn a_ban_leaves_what_its_list_names() {
    let first = rename(&[], "first");
    let ban = owner_says(&[&first], Change::Ban(peers(&[ANN])), &[id(7)]);
    let later = rename(&[&ban], "later");
    let branch = rename(&[&first], "branch");
    let book = book(&[&first, &ban, &later, &branch]);
    assert_eq!(judge(&book, ANN, None, 7), Verdict::Stands, "it is listed");
    assert_eq!(judge(&book, ANN, None, 8), Verdict::Cut);
    assert_eq!(judge(&book, ANN, Some(&branch), 8), Verdict::Cut, "in every branch");
    for under in [&ban, &later] {
        assert_eq!(judge(&book, ANN, Some(under), 7), Verdict::Refused(Refusal::Banned));
        assert_eq!(judge(&book, BEN, Some(under), 8), Verdict::Stands);
    }
    let unknown = rename(&[&later], "unknown");
    assert_eq!(judge(&book, BEN, Some(&unknown), 8), Verdict::Unknown);
}

#[test]
fn a_lifted_ban_binds_what_was_before() {
    let ban = owner_says(&[], Change::Ban(peers(&[ANN, BEN])), &[]);
    let lifted = vec![Lifted { record: ban.0.id(), peer: Some(peer(ANN)) }];
    let lift = owner_says(&[&ban], Change::Lift(Bounded::new(lifted).expect("one")), &[]);
    let again = owner_says(&[&ban], Change::Ban(peers(&[ANN])), &[]);
    let lifted_book = book(&[&ban, &lift]);
    assert_eq!(judge(&lifted_book, ANN, Some(&lift), 8), Verdict::Stands);
    assert_eq!(judge(&lifted_book, ANN, Some(&ban), 8), Verdict::Refused(Refusal::Banned));
    assert_eq!(judge(&lifted_book, ANN, None, 8), Verdict::Cut, "what it wrote while banned stays out");
    assert_eq!(judge(&lifted_book, BEN, Some(&lift), 8), Verdict::Refused(Refusal::Banned));
    assert_eq!(
        judge(&book(&[&ban, &lift, &again]), ANN, Some(&lift), 8),
        Verdict::Cut,
        "banned again elsewhere"
    );
}

#[test]
fn slots_are_cut_in_one_branch() {
    let limit = Some(Limit { cost: 5, window_ms: 1000 });
    let first = rename(&[], "first");
    let stricter = says(OWNER, &[&first], vec![rule(0, limit, WhoWrites::Everybody)], 1, &[id(7)]);
    let branch = rename(&[&first], "branch");
    let forked = book(&[&first, &stricter, &branch]);
    assert_eq!(judge(&forked, ANN, Some(&first), 7), Verdict::Stands);
    assert_eq!(judge(&forked, ANN, Some(&first), 8), Verdict::Cut);
    assert_eq!(judge(&forked, OWNER, Some(&first), 8), Verdict::Stands, "the owner loses nothing");
    assert_eq!(judge(&forked, ANN, Some(&branch), 8), Verdict::Stands, "a right lives on there");
    let conversation = ReplicaNumber::new(1, Family::ByTime).expect("a slot");
    let said = Header { replica: conversation, ..header(ANN, Some(&first)) };
    let claim = Claim { header: &said, id: id(8), admitted: &[] };
    assert_eq!(forked.judge(&claim), Verdict::Stands, "another slot");

    let repeat = forked.repeat();
    assert_eq!(repeat, Repeat { slots: 1, ..Repeat::default() });
    let join = says(OWNER, &[&stricter, &branch], vec![], repeat.slots, &[id(7), id(9)]);
    let joined = book(&[&first, &stricter, &branch, &join]);
    assert_eq!(judge(&joined, ANN, Some(&branch), 8), Verdict::Cut);
    assert_eq!(judge(&joined, ANN, Some(&branch), 9), Verdict::Stands);
    assert_eq!(joined.rule(&name(Some(&join)), 0), Some((limit, WhoWrites::Everybody)), "taken stays taken");
    assert_eq!(joined.repeat(), Repeat::default());
}

#[test]
fn the_strictest_of_many_branches_counts() {
    let limit = |cost| Some(Limit { cost, window_ms: 1000 });
    let said =
        |before: &[&WithList], limit, writers| says(OWNER, before, vec![rule(0, limit, writers)], 1, &[]);
    let listed = said(&[], limit(9), WhoWrites::Listed);
    let tight = said(&[], limit(2), WhoWrites::Everybody);
    let loose = said(&[], limit(5), WhoWrites::Everybody);
    let branches = [&listed, &tight, &loose];
    let join = says(OWNER, &branches, vec![], 1, &[]);
    let of_all = book(&[&listed, &tight, &loose, &join]);
    assert_eq!(of_all.rule(&name(Some(&join)), 0), Some((limit(2), WhoWrites::Listed)));
    assert_eq!(of_all.joined_rule(&of_all.heads(), 0), (limit(2), WhoWrites::Listed));
    // A join says nothing, so what another device says who knows all branches is the last word.
    let open = said(&branches, None, WhoWrites::Everybody);
    let again = says(OWNER, &[&join, &open], vec![], 1, &[]);
    let reopened = book(&[&listed, &tight, &loose, &join, &open, &again]);
    assert_eq!(reopened.rule(&name(Some(&again)), 0), Some((None, WhoWrites::Everybody)));
}

#[test]
fn a_limit_counts_what_was_used() {
    let limit = Some(Limit { cost: 5, window_ms: 1000 });
    let record = says(OWNER, &[], vec![rule(0, limit, WhoWrites::Everybody)], 0, &[]);
    let book = book(&[&record]);
    let of = |who, change: fn(&mut Header)| {
        let mut header = header(who, Some(&record));
        (header.cost, header.used) = (2, Some(3));
        change(&mut header);
        book.judge(&Claim { header: &header, id: id(1), admitted: &[] })
    };
    assert_eq!(of(ANN, |_| ()), Verdict::Stands);
    let refused: [fn(&mut Header); 5] = [
        |header| header.used = Some(4),
        |header| header.used = None,
        |header| header.used = Some(u32::MAX),
        |header| header.window.least = Stamp(1999),
        |header| header.window = StampWindow::at(Stamp(999)),
    ];
    for change in refused {
        assert_eq!([ANN, OWNER].map(|who| of(who, change)), [Verdict::Refused(Refusal::Limit); 2]);
    }
    let free = Header { used: Some(0), ..header(ANN, None) };
    let claim = Claim { header: &free, id: id(1), admitted: &[] };
    assert_eq!(book.judge(&claim), Verdict::Refused(Refusal::Limit), "nothing is counted there");
}

#[test]
fn who_may_write_follows_from_the_named_record() {
    let seed = EditSeed([8; 16]);
    let listed =
        says(OWNER, &[], vec![rule(0, None, WhoWrites::Listed), Change::List(peers(&[ANN]))], 0, &[]);
    let changes = vec![rule(0, None, WhoWrites::Admitted), Change::EditKey(Some(seed.key()))];
    let admitted = says(OWNER, &[&listed], changes, 1, &[]);
    let book = book(&[&listed, &admitted]);
    assert_eq!(judge(&book, BEN, Some(&listed), 1), Verdict::Refused(Refusal::Writer));
    assert_eq!(judge(&book, ANN, Some(&listed), 1), Verdict::Cut, "not listed when the key came");
    assert_eq!(judge(&book, ANN, Some(&admitted), 1), Verdict::Refused(Refusal::Writer));
    let header = header(BEN, Some(&admitted));
    let by = |key: &[EditKey]| book.judge(&Claim { header: &header, id: id(1), admitted: key });
    assert_eq!(by(&[EditSeed([9; 16]).key()]), Verdict::Refused(Refusal::Writer));
    assert_eq!(by(&[EditSeed([9; 16]).key(), seed.key()]), Verdict::Stands);
}

#[test]
fn lifts_undo_the_bans_of_moderators() {
    let first = owner_says(&[], Change::Appoint(peers(&[MODERATOR])), &[]);
    let ban = says(MODERATOR, &[&first], vec![Change::Ban(peers(&[ANN, BEN]))], 0, &[]);
    let lifted = vec![Lifted { record: ban.0.id(), peer: Some(peer(ANN)) }];
    let branch = rename(&[&first], "branch");
    let lift = owner_says(&[&first], Change::Lift(Bounded::new(lifted).expect("one")), &[]);
    let book = book(&[&first, &ban, &branch, &lift]);
    for under in [None, Some(&first), Some(&branch), Some(&lift)] {
        assert_eq!(judge(&book, ANN, under, 8), Verdict::Stands, "what it wrote before, and in every branch");
        assert_eq!(judge(&book, BEN, under, 8), Verdict::Suspended, "another one's ban goes on");
    }
}

#[test]
fn moderators_records_stand_while_they_do() {
    let first = owner_says(&[], Change::Appoint(peers(&[MODERATOR])), &[]);
    let ban = says(MODERATOR, &[&first], vec![Change::Ban(peers(&[ANN]))], 0, &[id(7)]);
    let strangers = says(BEN, &[&first], vec![Change::Ban(peers(&[ANN]))], 0, &[]);
    let too_much = says(MODERATOR, &[&first], vec![Change::Appoint(peers(&[BEN]))], 0, &[]);
    let standing = book(&[&first, &ban, &strangers, &too_much]);
    assert_eq!(standing.edicts().map(|(record, _)| record.id()).collect::<Vec<_>>(), [ban.0.id()]);
    assert_eq!(standing.in_force().map(Record::id), Some(first.0.id()), "nothing builds on it");
    assert_eq!(judge(&standing, ANN, Some(&first), 7), Verdict::Stands);
    assert_eq!(judge(&standing, ANN, Some(&first), 8), Verdict::Suspended);

    for (stays, verdict) in [(vec![], Verdict::Stands), (vec![ban.0.id()], Verdict::Suspended)] {
        let dismissal = owner_says(&[&first], Change::Dismiss(peers(&[MODERATOR])), &stays);
        let late = says(MODERATOR, &[&first], vec![Change::Ban(peers(&[BEN]))], 0, &[]);
        let dismissed = book(&[&first, &ban, &dismissal, &late]);
        assert_eq!(judge(&dismissed, ANN, Some(&first), 8), verdict);
        assert_eq!(judge(&dismissed, BEN, Some(&first), 8), Verdict::Stands, "no ban after the fact");
        assert!(!dismissed.moderates(&name(Some(&dismissal)), &peer(MODERATOR)));
    }
    let coup = says(MODERATOR, &[&first], vec![Change::Ban(peers(&[OWNER, MODERATOR]))], 0, &[]);
    let against = book(&[&first, &coup]);
    assert_eq!([OWNER, MODERATOR].map(|who| judge(&against, who, Some(&first), 8)), [Verdict::Stands; 2]);
}

#[test]
fn rights_that_one_branch_took_stay_taken() {
    let first = owner_says(&[], Change::Appoint(peers(&[MODERATOR])), &[]);
    let dismissal = owner_says(&[&first], Change::Dismiss(peers(&[MODERATOR])), &[]);
    let branch = owner_says(&[&first], Change::Appoint(peers(&[MODERATOR, ANN])), &[]);
    let join = says(OWNER, &[&dismissal, &branch], vec![], 0, &[]);
    let again = owner_says(&[&join], Change::Appoint(peers(&[MODERATOR])), &[]);
    let book = book(&[&first, &dismissal, &branch, &join, &again]);
    let moderates = |under: &WithList, who| book.moderates(&name(Some(under)), &peer(who));
    assert!(moderates(&branch, MODERATOR) && moderates(&branch, ANN));
    assert!(!moderates(&join, MODERATOR) && moderates(&join, ANN));
    assert!(moderates(&again, MODERATOR));
}

#[test]
fn who_is_dismissed_keeps_what_is_listed() {
    let first = owner_says(&[], Change::Appoint(peers(&[MODERATOR])), &[]);
    let dismissal = owner_says(&[&first], Change::Dismiss(peers(&[MODERATOR])), &[id(7)]);
    let branch = rename(&[&first], "branch");
    let listed = owner_says(&[], Change::List(peers(&[ANN])), &[]);
    let unlisting = owner_says(&[&listed], Change::Unlist(peers(&[ANN])), &[id(7)]);
    let book = book(&[&first, &dismissal, &branch, &listed, &unlisting]);
    for (who, under, by) in [(MODERATOR, &first, &dismissal), (ANN, &listed, &unlisting)] {
        assert_eq!(
            [7, 8].map(|number| judge(&book, who, Some(under), number)),
            [Verdict::Stands, Verdict::Cut]
        );
        assert_eq!(judge(&book, who, Some(by), 8), Verdict::Stands, "it may write what others may");
        assert_eq!(judge(&book, BEN, Some(under), 8), Verdict::Stands);
    }
    assert_eq!(judge(&book, MODERATOR, Some(&branch), 8), Verdict::Stands, "a right lives on there");
}

#[test]
fn lists_of_a_room_are_bounded() {
    let list = |first: u32| -> Vec<ShortId> {
        let number = |number: u32| ShortId(core::array::from_fn(|place| (number >> (8 * (place % 4))) as u8));
        (first..first + 65_536).map(number).collect()
    };
    let mut chain: Vec<WithList> = Vec::new();
    for step in 0..17 {
        let before: Vec<&WithList> = chain.last().into_iter().collect();
        let next = owner_says(&before, Change::Ban(peers(&[ANN])), &list(step));
        chain.push(next);
    }
    let book = Rulebook::new(Some(peer(OWNER)), chain.clone());
    assert_eq!(book.in_force(), Some(&chain[15].0), "sixteen full lists are as many as may be");
}

#[test]
fn a_record_counts_once_its_list_is_here() {
    let ban = owner_says(&[], Change::Ban(peers(&[ANN])), &[]);
    let later = rename(&[&ban], "later");
    let missing = book(&[&(ban.0.clone(), None), &later]);
    assert_eq!((missing.in_force(), judge(&missing, ANN, None, 8)), (None, Verdict::Stands));
    assert_eq!(judge(&missing, BEN, Some(&later), 8), Verdict::Unknown);
    let other = Some(Arc::new(List::of_ids(vec![id(8)]).expect("one")));
    assert_eq!(book(&[&(ban.0.clone(), other)]).in_force(), None, "another list");
    let twice = book(&[&(ban.0.clone(), None), &ban, &later]);
    assert_eq!((twice.in_force(), judge(&twice, ANN, None, 8)), (Some(&later.0), Verdict::Cut));
}

#[test]
fn apps_quotas_and_retractions_add_up() {
    let app = |slot, word: &str| {
        let app = word.parse().expect("a word");
        Change::App(AppOn { slot, app, parameters: Bytes::default() })
    };
    let replica = ReplicaNumber::new(2, Family::ByValue).expect("a slot");
    let quota = |values| Change::Quota(Quota { replica, values, removals: 5, bytes: 9 });
    let retraction = Retraction { replica, author: None, until: Stamp(9), scope: Bytes::default() };
    let first = says(OWNER, &[], vec![app(2, "vote"), quota(7), Change::Retract(retraction)], 0, &[]);
    let taken = says(OWNER, &[&first], vec![app(2, "notes"), quota(6)], 0, &[]);
    let book_of_both = book(&[&first, &taken]);
    assert_eq!(book_of_both.app(2).map(|on| &*on.app), Some("vote"), "a slot is given once");
    assert_eq!(book_of_both.quota(replica).map(|quota| quota.values), Some(7), "never lower");
    assert_eq!(book_of_both.retractions().count(), 1);
    let vote = |under| {
        let header = Header { replica, ..header(ANN, under) };
        book_of_both.judge(&Claim { header: &header, id: id(1), admitted: &[] })
    };
    assert_eq!(vote(Some(&first)), Verdict::Stands);
    assert_eq!(vote(None), Verdict::Refused(Refusal::App), "it was not on then");
    let lifted = vec![Lifted { record: first.0.id(), peer: None }];
    let lift = owner_says(&[&taken], Change::Lift(Bounded::new(lifted).expect("one")), &[]);
    assert_eq!(book(&[&first, &taken, &lift]).retractions().count(), 0);
}

#[test]
fn two_devices_may_turn_one_app_on() {
    let app = |word: &str| {
        let app = word.parse().expect("a word");
        Change::App(AppOn { slot: 2, app, parameters: Bytes::default() })
    };
    let (one, other) = (owner_says(&[], app("vote"), &[]), rename(&[], "other"));
    let (same, different) =
        (owner_says(&[&other], app("vote"), &[]), owner_says(&[&other], app("notes"), &[]));
    let replica = ReplicaNumber::new(2, Family::ByValue).expect("a slot");
    let book = book(&[&one, &other, &same, &different]);
    let verdicts = [&one, &same, &different, &other].map(|under| {
        let header = Header { replica, ..header(ANN, Some(under)) };
        book.judge(&Claim { header: &header, id: id(1), admitted: &[] })
    });
    let refused = Verdict::Refused(Refusal::App);
    assert_eq!(verdicts, [Verdict::Stands, Verdict::Stands, Verdict::Displaced, refused]);
    let again = book.displaced_apps().into_iter().map(|on| (on.slot, on.app.to_string()));
    assert_eq!(again.collect::<Vec<_>>(), [(3, "notes".to_string())]);
}

#[test]
fn the_last_age_said_is_in_force() {
    let [conversation, other] = [1, 2].map(|slot| ReplicaNumber::new(slot, Family::ByTime).expect("a slot"));
    let says = |before: &[&WithList], replica, days| {
        let age = Change::Age(Age { replica, days: NonZero::new(days) });
        owner_says(before, age, &[])
    };
    let of = |records: &[&WithList]| {
        let book = book(records);
        [conversation, other].map(|replica| book.age(replica).map_or(0, NonZero::get))
    };
    let first = says(&[], conversation, 30);
    let longer = says(&[&first], conversation, 90);
    let elsewhere = says(&[&first], other, 7);
    let later = rename(&[&elsewhere], "later");
    let off = says(&[&longer], conversation, 0);
    assert_eq!([of(&[]), of(&[&first]), of(&[&first, &longer])], [[0, 0], [30, 0], [90, 0]]);
    assert_eq!(of(&[&first, &longer, &off]), [0, 0]);
    assert_eq!(
        of(&[&first, &longer, &elsewhere, &later]),
        [30, 7],
        "the branch in force has not heard of it"
    );
    let join = rename(&[&longer, &later], "join");
    assert_eq!(of(&[&first, &longer, &elsewhere, &later, &join]), [90, 7]);
}

#[test]
fn a_commons_has_no_records() {
    let record = rename(&[], "mine");
    let commons = Rulebook::new(None, [record.clone()]);
    assert_eq!((commons.in_force(), commons.heads()), (None, vec![RecordName::GENESIS]));
    assert_eq!(judge(&commons, ANN, None, 1), Verdict::Stands);
    assert_eq!(judge(&commons, ANN, Some(&record), 1), Verdict::Unknown);
}

#[test]
fn no_more_records_count_than_may() {
    let mut chain = vec![rename(&[], "first")];
    for _ in 0..OWNED_MAX {
        let next = rename(&[chain.last().expect("the first is there")], "next");
        chain.push(next);
    }
    let book = Rulebook::new(Some(peer(OWNER)), chain.clone());
    assert_eq!(book.in_force(), Some(&chain[OWNED_MAX - 1].0));
    assert_eq!(judge(&book, ANN, Some(&chain[OWNED_MAX]), 1), Verdict::Unknown);
}
