//! Tables beside the first app: which are there, who may write in them, and how much.

use super::*;
use crate::signed::app::{CONVERSATION_SLOT, SLOTS_MAX};
use crate::signed::change::{AppOn, Quota};
use crate::signed::header::Family;
use crate::table::{ENTRIES_MAX, Table, Write, Writer, payloads};

fn number(slot: u8) -> ReplicaNumber {
    ReplicaNumber::new(slot, Family::ByValue).unwrap()
}

fn table(room: &Room, slot: u8) -> &Table {
    room.kept().replicas().get(number(slot)).unwrap().as_any().unwrap()
}

/// One field with this writer, in a row of its own.
fn payload(writer: Writer, row: &str) -> Vec<Vec<u8>> {
    let author = if let Writer::Peer(author) = writer { author } else { peer(0) };
    payloads(author, &[Write::value(row, writer.field(b"f"), "v")]).unwrap()
}

fn rows(room: &Room, slot: u8) -> usize {
    table(room, slot).entries(b"").count()
}

fn turn_on(slot: u8) -> Change {
    Change::App(AppOn { slot, app: "votes".parse().unwrap(), parameters: Bytes::default() })
}

/// The batches that a room says live.
fn said(room: &mut Room, to: Endpoint) -> Vec<RoomMessage> {
    let outputs = core::iter::from_fn(|| room.poll_output());
    let batches = outputs.filter_map(|output| match output {
        RoomOutput::SendAll(targets, message) if targets.contains(&to) => Some(message),
        _ => None,
    });
    batches.collect()
}

#[test]
fn apps_turned_on_have_tables_everywhere() {
    let (owner, writer) = (identity(0), identity(2));
    let mut rooms = [room(0), room(2), room(4)];
    let on = AppOn { slot: 2, app: "votes".parse().unwrap(), parameters: Bytes::default() };
    let early = rooms[1].write(now(1), &writer, number(2), payload(Writer::Anybody, "a"));
    assert_eq!(early, Err(WriteError::AppIsOff(2)));
    rooms[0].govern(now(2), &owner, Act::TurnOn(on)).unwrap();
    rooms[0].write(now(3), &owner, number(2), payload(Writer::Anybody, "a")).unwrap();
    rooms[0].write(now(3), &owner, number(CONVERSATION_SLOT), payload(Writer::Anybody, "b")).unwrap();
    assert_eq!(rooms[0].kept().slot_of(&"votes".parse().unwrap()), Some(2));
    talk(&mut rooms[..2], 4);
    rooms[1].write(now(70_000), &writer, number(2), payload(Writer::Peer(peer(2)), "a")).unwrap();
    // Who comes later gets all of it from one that only heard of it.
    talk(&mut rooms[1..], 70_000);
    for room in &rooms[1..] {
        assert_eq!((rows(room, 2), rows(room, CONVERSATION_SLOT), rows(room, 0)), (2, 1, 0));
        assert!(room.kept().replicas().get(number(3)).is_none());
    }
    assert!(rooms[1].kept().is_in_step(endpoint(4, 99)) && rooms[2].kept().is_in_step(endpoint(2, 99)));
}

#[test]
fn batches_wait_for_the_record_of_their_app() {
    let on = record(0, 10, &[], vec![turn_on(2)], None);
    let mut writing = room(2);
    tell(&mut writing, now(20), endpoint(9, 9), &on);
    let member = Member { name: String::new(), stays: true, stores: false };
    writing.handle_attached(now(20), endpoint(9, 9), member);
    writing.write(now(21), &identity(2), number(2), payload(Writer::Anybody, "a")).unwrap();
    let batches = said(&mut writing, endpoint(9, 9));
    let mut late = room(4);
    for batch in batches {
        hear(&mut late, now(22), endpoint(9, 9), batch);
    }
    assert!(late.kept().replicas().get(number(2)).is_none());
    tell(&mut late, now(23), endpoint(9, 9), &on);
    while late.verify(now(24), 64) > 0 {}
    assert_eq!(rows(&late, 2), 1);
    assert_eq!(offences(&mut late), []);
}

#[test]
fn only_moderators_write_their_fields() {
    let hidden = payload(Writer::Moderators, "post");
    let mut room = room(2);
    let refused = room.write(now(1), &identity(2), number(0), hidden.clone());
    assert!(matches!(refused, Err(WriteError::NotAllowed(_))), "{refused:?}");
    let forged = |signer: u8, sequence: u64| {
        let (author, window) = (endpoint(signer, 1), StampWindow::at(stamp(1)));
        let cost =
            table(&super::room(2), 0).check(&Header::new(author, 1, window, 0), &hidden[0]).unwrap().cost
                as u32;
        let record = RecordName::GENESIS;
        let header = Header { author, sequence, replica: number(0), record, window, cost, used: None };
        SignedBatch::sign(&identity(signer), &room_id(), &header, &hidden[0]).unwrap()
    };
    hear(&mut room, now(2), endpoint(9, 9), live(&forged(3, 1)));
    assert_eq!((offences(&mut room), rows(&room, 0)), (vec![Refusal::BatchRules], 0));
    hear(&mut room, now(2), endpoint(9, 9), live(&forged(0, 1)));
    assert_eq!((offences(&mut room), rows(&room, 0)), (vec![], 1), "the owner moderates");
}

#[test]
fn records_raise_the_quota_of_tables() {
    let least = crate::table::Quota::default().values;
    let mut rooms = [room(2), room(2)];
    let raised = Quota { replica: number(0), values: least + 300, removals: 1, bytes: 1 };
    tell(&mut rooms[1], now(1), endpoint(9, 9), &record(0, 1, &[], vec![Change::Quota(raised)], None));
    for room in &mut rooms {
        for first in (0..least as usize + 256).step_by(ENTRIES_MAX) {
            let fields = (first..first + ENTRIES_MAX)
                .map(|field| Write::value("row", Writer::Anybody.field(format!("{field}").as_bytes()), "v"));
            let payloads = payloads(peer(2), &fields.collect::<Vec<_>>()).unwrap();
            room.write(now(2 + first as u64), &identity(2), number(0), payloads).unwrap();
            room.kept.writing.outbox_mut().retain(|_| false);
        }
    }
    let held = rooms.each_ref().map(|room| table(room, 0).used(peer(2)).values);
    assert!(held[0] == least && held[1] > least, "{held:?}");
}

#[test]
fn a_limit_holds_for_its_app_alone() {
    let writer = identity(2);
    let mut room = room(2);
    tell(
        &mut room,
        now(1),
        endpoint(9, 9),
        &record(0, 1, &[], vec![limited(1, 60_000, WhoWrites::Everybody)], Some((1, vec![]))),
    );
    room.write(now(2), &writer, ReplicaNumber::FIRST, Board::payloads(&[(1, 5)])).unwrap();
    let more = room.write(now(3), &writer, number(0), payload(Writer::Anybody, "a"));
    assert!(matches!(more, Err(WriteError::TooFast { .. })), "the tables of an app count with it: {more:?}");
    for row in ["a", "b"] {
        room.write(now(4), &writer, number(CONVERSATION_SLOT), payload(Writer::Anybody, row)).unwrap();
    }
    assert_eq!(room.kept().writing_left(now(4), CONVERSATION_SLOT), Ok(None));
    assert_eq!(room.kept().writing_left(now(4), SLOTS_MAX - 1), Err(WriteError::AppIsOff(SLOTS_MAX - 1)));
}

#[test]
fn an_app_that_lost_its_slot_gets_another() {
    let own = |slot| ReplicaNumber::new(slot, Family::Own).unwrap();
    let on =
        |app: &str| Act::TurnOn(AppOn { slot: 2, app: app.parse().unwrap(), parameters: Bytes::default() });
    // Of two records with one number the lower hash counts, so that each app comes first in some of these rooms.
    let mut winners = BTreeSet::new();
    for began in 0..8 {
        let (owner, writer) = (identity(0), identity(2));
        let mut rooms = vec![room(0), room_of(endpoint(0, 5000)), room(2), room(4)];
        rooms[0].govern(now(began), &owner, on("toys")).unwrap();
        rooms[1].govern(now(began + 1), &owner, on("votes")).unwrap();
        // Members of either side write before they hear of the other.
        for (device, member) in [(0, 2), (1, 3)] {
            let record = rooms[device].kept().records().book().owned().next().unwrap().clone();
            tell(&mut rooms[member], now(began + 2), endpoint(9, 9), &record);
        }
        rooms[2].write(now(began + 3), &writer, own(2), Board::payloads(&[(1, 7)])).unwrap();
        rooms[2].write(now(began + 3), &writer, number(2), payload(Writer::Anybody, "toy")).unwrap();
        rooms[3].write(now(began + 3), &identity(4), number(2), payload(Writer::Anybody, "votes")).unwrap();
        for at in [60_100, 120_200, 180_300] {
            talk(&mut rooms, at);
            for room in &mut rooms[..2] {
                room.sign_due(now(at + 60_000), &owner);
            }
        }
        talk(&mut rooms, 300_000);
        let slot = |room: &Room, app: &str| room.kept().slot_of(&app.parse().unwrap());
        let toy = slot(&rooms[0], "toys").unwrap();
        winners.insert(toy);
        for room in &mut rooms {
            assert_eq!((slot(room, "toys"), slot(room, "votes")), (Some(toy), Some(5 - toy)));
            let families = [2, 3].map(|slot| room.kept().replicas().get(own(slot)).is_some());
            assert_eq!(families, [toy == 2, toy == 3], "one replica of the toys' family, in its slot");
            let values = room.kept().replicas().get(own(toy)).unwrap().as_any::<Board>().unwrap().value(1);
            assert_eq!((values, rows(room, 2)), ((toy == 2).then_some(7), 1), "what the slot's app holds");
            assert_eq!(offences(room), [], "nobody could know");
        }
        let digests: BTreeSet<_> = rooms.iter().map(|room| format!("{:?}", digests(room))).collect();
        assert_eq!(digests.len(), 1);
    }
    assert_eq!(winners, BTreeSet::from([2, 3]));
}

/// The digest of each replica.
fn digests(room: &Room) -> Vec<impl core::fmt::Debug> {
    room.kept().replicas().iter().map(|(number, replica)| (number, replica.digest())).collect()
}

/// Who may write changes while somebody writes whom it lets write, in an app that follows the first.
#[test]
fn what_a_rule_overtook_is_said_again() {
    let (seed, owner, writer) = (EditSeed([3; 16]), identity(0), identity(2));
    let mut rooms = vec![room(0), room(2)];
    let on = AppOn { slot: 2, app: "votes".parse().unwrap(), parameters: Bytes::default() };
    rooms[0].govern(now(1), &owner, Act::TurnOn(on)).unwrap();
    rooms[1].kept_mut().admit_self(&seed);
    talk(&mut rooms, 2);
    rooms[1].write(now(60_100), &writer, number(2), payload(Writer::Peer(peer(2)), "a")).unwrap();
    let writers = Writers::Admitted(Some(seed.key()));
    rooms[0].govern(now(60_101), &owner, Act::SetTerms(Terms { writers, ..Terms::default() })).unwrap();
    rooms[0].write(now(60_102), &owner, number(2), payload(Writer::Peer(peer(0)), "a")).unwrap();
    talk(&mut rooms, 60_103);
    rooms[1].sign_due(now(121_000), &writer);
    talk(&mut rooms, 121_001);
    for room in &rooms {
        assert_eq!(rows(room, 2), 2);
    }
}

#[test]
fn further_apps_follow_who_writes_first() {
    let (owner, keys) = (identity(0), [EditSeed([3; 16]), EditSeed([4; 16])]);
    let terms = |key: &EditSeed| {
        let writers = Writers::Admitted(Some(key.key()));
        Act::SetTerms(Terms { writers, ..Terms::default() })
    };
    let on = |slot, app: &str| {
        Act::TurnOn(AppOn { slot, app: app.parse().unwrap(), parameters: Bytes::default() })
    };
    let writers = |room: &Room, slot| {
        let records = room.kept().records();
        records.book().rule(&records.in_force(), slot).map(|(_, writers)| writers)
    };
    let cut = |room: &Room| {
        let newest = room.kept().records().book().in_force().and_then(|record| record.body().cut);
        newest.map_or(0, |cut| cut.slots)
    };
    let mut rooms = [room(0), room(2)];
    for (slot, app) in [(2, "votes"), (3, "games")] {
        rooms[0].govern(now(1), &owner, on(slot, app)).unwrap();
    }
    let apart = Rule { slot: 3, limit: None, writers: WhoWrites::Listed };
    rooms[0].govern(now(2), &owner, Act::SetRule(apart)).unwrap();
    rooms[0].govern(now(3), &owner, terms(&keys[0])).unwrap();
    rooms[0].govern(now(4), &owner, on(4, "chat")).unwrap();
    let expected = [WhoWrites::Admitted, WhoWrites::Everybody, WhoWrites::Admitted, WhoWrites::Listed];
    for (slot, expected) in [0, CONVERSATION_SLOT, 2, 3].into_iter().zip(expected) {
        assert_eq!(writers(&rooms[0], slot), Some(expected), "slot {slot}");
    }
    assert_eq!(writers(&rooms[0], 4), Some(WhoWrites::Admitted), "from its first batch on");
    assert_eq!(cut(&rooms[0]), 1 << 4, "another device may have given it to everybody");
    talk(&mut rooms, 5);
    let stranger = rooms[1].write(now(70_000), &identity(2), number(4), payload(Writer::Anybody, "a"));
    assert!(matches!(stranger, Err(WriteError::NotWriter)), "{stranger:?}");

    // Whom the former key admitted cannot write as if the new one were unknown: the cut holds in each app that follows, and in
    // what is for the admitted by a rule of its own.
    let closed = Rule { slot: CONVERSATION_SLOT, limit: None, writers: WhoWrites::Admitted };
    rooms[0].govern(now(70_001), &owner, Act::SetRule(closed)).unwrap();
    rooms[0].govern(now(70_002), &owner, terms(&keys[1])).unwrap();
    assert_eq!(cut(&rooms[0]), 1 | 1 << CONVERSATION_SLOT | 1 << 2 | 1 << 4);

    // So it is when the first app alone is given a rule.
    let listed = Rule { slot: GENESIS_SLOT, limit: None, writers: WhoWrites::Listed };
    rooms[0].govern(now(70_003), &owner, Act::SetRule(listed)).unwrap();
    let expected = [WhoWrites::Listed, WhoWrites::Admitted, WhoWrites::Listed, WhoWrites::Listed];
    for (slot, expected) in [0, CONVERSATION_SLOT, 2, 4].into_iter().zip(expected) {
        assert_eq!(writers(&rooms[0], slot), Some(expected), "slot {slot}");
    }
    assert_eq!(cut(&rooms[0]), 1 | 1 << 2 | 1 << 4);
}
