//! Data for others and for our own later programs: admissions, forked records, long lists, re-signed content.

use super::*;
use crate::id::Secret;
use crate::room::{Signer, given_secret};
use crate::signed::app::CONVERSATION_SLOT;

#[test]
fn writing_under_earlier_rules_is_signed_again() {
    let (owner, writer) = (identity(0), identity(2));
    let mut rooms = vec![room(0), room(2)];
    rooms[1].write(now(1), &writer, ReplicaNumber::FIRST, Board::payloads(&[(1, 5), (2, 6)])).unwrap();
    rooms[0]
        .govern(
            now(2),
            &owner,
            Act::SetTerms(Terms { limit: Some(Limit { cost: 9, window_ms: 1000 }), ..Terms::default() }),
        )
        .unwrap();
    let record = rooms[0].kept().records().all().next().unwrap().clone();
    tell(&mut rooms[1], now(3), endpoint(0, 99), &record);
    assert_eq!(board(&rooms[1]).shown(), 0);
    rooms[1].set_signer(Signer::new(writer));
    outputs(&mut rooms[1]);
    assert_eq!([1, 2].map(|place| board(&rooms[1]).value(place)), [Some(5), Some(6)]);
    talk(&mut rooms, 5);
    assert_eq!((state(&rooms[0]), board(&rooms[0]).shown()), (state(&rooms[1]), 2));
}

#[test]
fn what_is_taken_back_is_not_said_again() {
    let (mut room, writer, owner) = (room(2), identity(2), endpoint(0, 99));
    room.write(now(1), &writer, ReplicaNumber::FIRST, Board::payloads(&[(1, 5), (2, 6)])).unwrap();
    // The owner has not heard of it, and takes back what stands in one place.
    let erasing = record(0, 2, &[], vec![retract(None, 2, &[1, 1])], None);
    tell(&mut room, now(3), owner, &erasing);
    assert_eq!([1, 2].map(|place| board(&room).value(place)), [Some(HIDDEN), Some(6)]);
    let limit = vec![limited(9, 1000, WhoWrites::Everybody)];
    tell(&mut room, now(4), owner, &record(0, 4, &[&erasing], limit, Some((1, vec![]))));
    room.sign_due(now(5), &writer);
    assert_eq!([1, 2].map(|place| board(&room).value(place)), [None, Some(6)]);
}

/// A record by which those may write who are admitted by this seed, and nothing stays of anybody.
fn closes_to(seed: &EditSeed, millis: u64) -> WithList {
    let rules = vec![Rule { slot: GENESIS_SLOT, limit: None, writers: WhoWrites::Admitted }];
    let changes = vec![Change::Rules(Bounded::new(rules).unwrap()), Change::EditKey(Some(seed.key()))];
    record(0, millis, &[], changes, Some((1, vec![])))
}

#[test]
fn saying_again_keeps_the_order_and_the_beaten() {
    let (seed, writers) = (EditSeed([5; 16]), [2, 3].map(identity));
    let mut rooms = vec![room(0), room(2), room(3)];
    for (at, number) in [(0, 1), (60_000, 2)] {
        let value = Board::payloads(&[(1, number as u32)]);
        rooms[number].write(now(at), &writers[number - 1], ReplicaNumber::FIRST, value).unwrap();
        talk(&mut rooms, at);
    }
    let closing = closes_to(&seed, 120_000);
    for room in &mut rooms {
        room.kept_mut().admit_self(&seed);
        tell(room, now(120_000), endpoint(9, 9), &closing);
        assert_eq!(board(room).shown(), 0);
    }
    // Who wrote first says it again last.
    for number in [2, 1] {
        rooms[number].sign_due(now(121_000 - number as u64), &writers[number - 1]);
    }
    talk(&mut rooms, 122_000);
    assert!(rooms.iter().all(|room| board(room).value(1) == Some(2)), "what was later is later");
    let banned = ban(0, 180_000, &[&closing], 3, vec![]);
    rooms.iter_mut().for_each(|room| tell(room, now(190_000), endpoint(9, 9), &banned));
    assert!(rooms.iter().all(|room| board(room).value(1) == Some(1)), "what it had beaten shows");
}

#[test]
fn other_sessions_are_said_again_without_limits() {
    let seed = EditSeed([5; 16]);
    let limit = record(0, 30, &[], vec![limited(9, 1000, WhoWrites::Everybody)], Some((1, vec![])));
    // As new it would cover what the other session, which may be there, has written since.
    for (cutting, shown) in [(closes_to(&seed, 30), Some(7)), (limit, None)] {
        let mut rooms = vec![room(0), room_of(endpoint(2, 5000))];
        let former = free((2, 1, 1), 10, &[(1, 7)]);
        rooms.iter_mut().for_each(|room| hear(room, now(20), endpoint(9, 9), live(&former)));
        for room in &mut rooms {
            room.kept_mut().admit_self(&seed);
            tell(room, now(40), endpoint(9, 9), &cutting);
        }
        rooms[1].sign_due(now(50), &identity(2));
        talk(&mut rooms, 60);
        assert!(rooms.iter().all(|room| board(room).value(1) == shown));
    }
}

#[test]
fn what_another_batch_keeps_is_not_said_again() {
    let (writer, owner) = (identity(2), endpoint(0, 99));
    for keeps_fold in [true, false] {
        let mut room = room(2);
        for number in 0..FOLD_LEAST as u32 {
            let payloads = Board::payloads(&[(number, number)]);
            room.write(now(number.into()), &writer, ReplicaNumber::FIRST, payloads).unwrap();
        }
        let written = room.kept().unacknowledged().cloned();
        let stays: Vec<SignedBatch> =
            written.filter(|batch| (batch.header().cost > 1) == keeps_fold).collect();
        let limit = vec![limited(9, 1000, WhoWrites::Everybody)];
        tell(&mut room, now(100), owner, &record(0, 99, &[], limit, Some((1, stays.clone()))));
        room.sign_due(now(101), &writer);
        assert_eq!(board(&room).shown(), FOLD_LEAST);
        assert!(first(&room).batches().all(|batch| stays.contains(batch)), "the fold stays: {keeps_fold}");
    }
}

#[test]
fn records_survive_with_the_room() {
    let owner = identity(0);
    let mut rooms = vec![room(0), room(6)];
    hear_all(&mut rooms[1], everything().into_iter());
    rooms[0].govern(now(1), &owner, Act::SetTerms(Terms::default())).unwrap();
    for original in &rooms {
        let mut kept = None;
        let mut storing = room(8);
        storing.kept.storage =
            crate::room::storage::Storage::new(&Config { stores: true, ..Config::default() }, b"");
        for record in original.kept().records().all() {
            tell(&mut storing, now(30_000), endpoint(9, 9), record);
        }
        storing.finish(now(30_000));
        while let Some(output) = storing.poll_output() {
            if let RoomOutput::Persist { token, change } = output {
                kept = change.records.or(kept);
                storing.handle_persisted(now(30_000), token, Ok(()));
            }
        }
        let mut restored = room(7);
        assert_eq!(restored.kept_mut().restore_records(&kept.unwrap()), 0);
        assert_eq!(restored.kept().records().digest(), original.kept().records().digest());
    }
    let mut other = room(7);
    assert_eq!(other.kept_mut().restore_records(b"torn"), 1);
    assert!(other.kept().records().is_empty());
}

#[test]
fn secrets_survive_with_the_room() {
    let mut owned = room(0);
    let given = [1, 2, 3].map(|number| Secret([number; 16]));
    for (at, secret) in (1..).zip(given) {
        owned.kept_mut().offer_secret(secret);
        owned.govern(now(at), &identity(0), Act::Renew(secret, vec![])).unwrap();
    }
    let mut restored = room(0);
    restored.kept_mut().restore_records(&owned.kept().rules.stored().unwrap());
    // Of two that fork either may be in force once they are joined.
    let held = [owned, restored].map(|room| room.kept().secrets().collect::<Vec<_>>());
    let latest_first = vec![given[2], given[1], given[0]];
    assert_eq!(held, [latest_first.clone(), latest_first]);
}

#[test]
fn secrets_of_lost_branches_are_handed_to_nobody() {
    let (secret, from) = (Secret([5; 16]), endpoint(0, 99));
    let mut owned = room(0);
    owned.govern(now(1), &identity(0), Act::Renew(secret, vec![])).unwrap();
    let renewed: Vec<WithList> = owned.kept().records().all().cloned().collect();
    let mut member = room(1);
    hear(&mut member, now(2), from, RoomMessage::Secret(secret.0));
    tell(&mut member, now(2), from, &renewed[0]);
    assert_eq!(given_secret(member.kept()), Some(secret));
    let one = ban(0, 3, &[], 2, vec![]);
    let two = ban(0, 4, &[&one], 3, vec![]);
    [one, two].iter().for_each(|record| tell(&mut member, now(5), from, record));
    assert_eq!(given_secret(member.kept()), None, "by the record in force everybody is let in");
    assert_eq!(member.kept().secret(), Some(secret), "it is held: its record counts once both are joined");
}

#[test]
fn only_holders_of_the_edit_seed_may_write() {
    let (seed, owner) = (EditSeed([3; 16]), identity(0));
    let mut rooms = vec![room(0), room(2), room(4)];
    let writers = Writers::Admitted(Some(seed.key()));
    rooms[0].govern(now(0), &owner, Act::SetTerms(Terms { writers, ..Terms::default() })).unwrap();
    talk(&mut rooms, 0);
    rooms[1].kept_mut().admit_self(&seed);
    rooms[1].write(now(60_000), &identity(2), ReplicaNumber::FIRST, Board::payloads(&[(1, 7)])).unwrap();
    let refused = rooms[2].write(now(60_000), &identity(4), ReplicaNumber::FIRST, Board::payloads(&[(2, 7)]));
    assert_eq!(refused, Err(WriteError::NotWriter));
    talk(&mut rooms, 60_100);
    // A newcomer is handed the admission with the batch, by somebody else than its author.
    let mut later = vec![rooms.remove(2), room(6)];
    talk(&mut later, 120_000);
    assert!(later.iter().chain(&rooms).all(|room| board(room).value(1) == Some(7)));
    assert!(later.iter().chain(&rooms).all(|room| board(room).shown() == 1));
    // Who had looked comes back with the link to edit.
    let stored = later[0].kept().rules.stored().unwrap();
    let mut again = room(4);
    again.kept_mut().admit_self(&seed);
    again.kept_mut().restore_records(&stored);
    again.write(now(180_000), &identity(4), ReplicaNumber::FIRST, Board::payloads(&[(2, 7)])).unwrap();
}

#[test]
fn forked_records_of_two_owner_programs_are_joined() {
    let owner = identity(0);
    let mut rooms = vec![room(0), room_of(endpoint(0, 5000)), room(2)];
    let moderators = |numbers: &[u8]| Terms { moderators: peers(numbers), ..Terms::default() };
    rooms[0].govern(now(0), &owner, Act::SetTerms(moderators(&[2, 3]))).unwrap();
    talk(&mut rooms, 0);
    // One dismisses, the other limits.
    let limit = Some(Limit { cost: 9, window_ms: 1000 });
    rooms[0].govern(now(60_000), &owner, Act::SetTerms(moderators(&[2]))).unwrap();
    let limited = Terms { limit, ..moderators(&[2, 3]) };
    rooms[1].govern(now(60_001), &owner, Act::SetTerms(limited)).unwrap();
    for at in [60_100, 120_200] {
        talk(&mut rooms, at);
        for room in &mut rooms[..2] {
            room.sign_due(now(at + 60_000), &owner);
        }
    }
    let held = Terms { limit, ..moderators(&[2]) };
    for room in &rooms {
        assert_eq!((room.kept().records().book().heads().len(), room.kept().records().terms()), (1, &held));
    }
}

#[test]
fn what_one_branch_closed_stays_closed() {
    let owner = identity(0);
    let mut rooms = vec![room(0), room_of(endpoint(0, 5000))];
    let limited = |cost| {
        let limit = Some(Limit { cost, window_ms: 1000 });
        Act::SetRule(Rule { slot: GENESIS_SLOT, limit, writers: WhoWrites::Everybody })
    };
    let closed = Rule { slot: CONVERSATION_SLOT, limit: None, writers: WhoWrites::Listed };
    rooms[0].govern(now(1), &owner, Act::SetRule(closed)).unwrap();
    // The longer branch goes on, and knows nothing of that.
    rooms[1].govern(now(2), &owner, limited(9)).unwrap();
    rooms[1].govern(now(3), &owner, limited(8)).unwrap();
    talk(&mut rooms, 4);
    rooms[1].govern(now(60_100), &owner, limited(7)).unwrap();
    let records = rooms[1].kept().records();
    assert_eq!(records.book().heads().len(), 1);
    let rule = records.book().rule(&records.in_force(), CONVERSATION_SLOT);
    assert_eq!(rule, Some((None, WhoWrites::Listed)));
}

#[test]
fn joining_cuts_where_each_branch_was_stricter() {
    let owner = identity(0);
    let mut rooms = vec![room(0), room_of(endpoint(0, 5000)), room(2)];
    let rule = |limit, writers| Act::SetRule(Rule { slot: GENESIS_SLOT, limit, writers });
    let limit = Some(Limit { cost: 9, window_ms: 1000 });
    rooms[0].govern(now(1), &owner, rule(limit, WhoWrites::Listed)).unwrap();
    talk(&mut rooms, 2);
    let first = rooms[0].kept().records().in_force();
    // One lets everybody write, the other as fast as they can.
    rooms[0].govern(now(60_100), &owner, rule(limit, WhoWrites::Everybody)).unwrap();
    rooms[1].govern(now(60_100), &owner, rule(None, WhoWrites::Listed)).unwrap();
    let branches = [0, 1].map(|number: usize| rooms[number].kept().records().in_force());
    talk(&mut rooms, 60_200);
    rooms[0].govern(now(120_300), &owner, Act::Join).unwrap();
    let records = rooms[0].kept().records();
    let rule_of = |record: &RecordName| records.book().rule(record, GENESIS_SLOT);
    assert_eq!(rule_of(&records.in_force()), rule_of(&first));
    assert!(branches.iter().all(|branch| rule_of(branch) != rule_of(&first)));
    let join = records.book().in_force().unwrap();
    assert_eq!(join.body().cut.map(|cut| cut.slots), Some(1), "who wrote by a branch wrote by looser rules");
}

#[test]
fn what_is_set_holds_beside_what_branches_said() {
    let owner = identity(0);
    let mut rooms = vec![room(0), room_of(endpoint(0, 5000))];
    let key = |number| Some(EditSeed([number; 16]).key());
    let terms = |name: &str, moderators: &[u8], cost, key| Terms {
        name: BoundedText::new(name).unwrap(),
        moderators: peers(moderators),
        limit: Some(Limit { cost, window_ms: 1000 }),
        writers: Writers::Admitted(key),
        ..Terms::default()
    };
    rooms[0].govern(now(1), &owner, Act::SetTerms(terms("one", &[2, 3], 9, key(1)))).unwrap();
    talk(&mut rooms, 2);
    rooms[0].govern(now(60_100), &owner, Act::SetTerms(terms("two", &[2, 4], 7, key(2)))).unwrap();
    // The longer branch goes on, and is what people see.
    let listed = Writers::Listed(peers(&[6]));
    let seen = Terms { writers: listed, ..terms("one", &[2, 3], 8, None) };
    rooms[1].govern(now(60_100), &owner, Act::SetTerms(terms("one", &[2, 3], 8, key(1)))).unwrap();
    rooms[1].govern(now(60_101), &owner, Act::SetTerms(seen.clone())).unwrap();
    talk(&mut rooms, 60_200);
    assert_eq!(rooms[0].kept().records().terms(), &seen);
    assert_eq!(rooms[0].kept().records().book().heads().len(), 2);
    // It dismisses one whom the other branch dismissed too, appoints one whom it appointed and one more, and is slower.
    let set = Terms { writers: seen.writers.clone(), ..terms("one", &[2, 4, 5], 6, None) };
    rooms[0].govern(now(120_300), &owner, Act::SetTerms(set)).unwrap();
    talk(&mut rooms, 120_400);
    let held = Terms { writers: seen.writers, ..terms("two", &[2, 4, 5], 6, None) };
    for room in &rooms {
        assert_eq!(room.kept().records().book().heads().len(), 1);
        assert_eq!(room.kept().records().terms(), &held, "what was not touched is as branches hold together");
    }
}

#[test]
fn long_lists_come_in_pieces() {
    let stays: Vec<SignedBatch> = (0..5000).map(|instance| free((2, instance, 1), 5, &[(0, 1)])).collect();
    let (record, list) = record(0, 10, &[], vec![Change::Ban(peers(&[2]))], Some((0, stays)));
    let (bytes, name) = (list.as_ref().unwrap().bytes().to_vec(), list.as_ref().unwrap().name());
    let piece = |range: core::ops::Range<usize>| {
        let (list, offset) = (name.hash, range.start as u32);
        RoomMessage::ListPiece(ListPiece { list, offset, bytes: Bytes::new(bytes[range].to_vec()).unwrap() })
    };
    let (from, other, at) = (endpoint(9, 9), endpoint(8, 8), now(20));
    let mut heard = room(6);
    hear(&mut heard, at, from, told(&record));
    hear(&mut heard, at, from, piece(0..65_536));
    hear(&mut heard, at, other, piece(65_536..80_000));
    assert_eq!(heard.kept().records().banned().count(), 0, "nobody else was asked");
    hear(&mut heard, at, from, piece(65_536..80_000));
    assert_eq!((heard.kept().records().banned().count(), offences(&mut heard)), (1, vec![]));
    // Not the list, and one that goes on beyond its end.
    for wrong in [[piece(0..40_000), piece(0..40_000)], [piece(0..65_536), piece(14_464..80_000)]] {
        let mut room = room(6);
        hear(&mut room, at, from, told(&record));
        for (place, message) in wrong.into_iter().enumerate() {
            let RoomMessage::ListPiece(piece) = message else { continue };
            let offset = if place == 0 { 0 } else { piece.bytes.len() as u32 };
            hear(&mut room, at, from, RoomMessage::ListPiece(ListPiece { offset, ..piece }));
        }
        assert_eq!((room.kept().records().banned().count(), offences(&mut room)), (0, vec![Refusal::Record]));
    }
    // Who has it hands it on.
    let mut rooms = vec![heard, room(7)];
    talk(&mut rooms, 60_000);
    assert!(rooms.iter().all(|room| room.kept().records().banned().eq([peer(2)])));
}
