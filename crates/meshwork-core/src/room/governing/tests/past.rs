//! The past of a room in which people write by an edit link.

use super::*;
use crate::room::history::HistoryState;
use crate::seam::io::{HistoryEntry, HistoryPart};

#[test]
fn the_past_comes_with_its_authors_admissions() {
    let seed = EditSeed([5; 16]);
    let rules = vec![Rule { slot: 0, limit: None, writers: WhoWrites::Admitted }];
    let changes = vec![Change::Rules(Bounded::new(rules).unwrap()), Change::EditKey(Some(seed.key()))];
    let closed = record(0, 10, &[], changes, Some((1, vec![])));
    let (genesis, bytes, id) = Genesis::of_test(&identity(0));
    let config = Config { stores: true, keeps_history: true, ..Config::default() };
    let mut keeper = Room::new(
        RoomHandle(1),
        id,
        genesis,
        bytes,
        crate::room::Makers::new(toy::make),
        endpoint(4, 99),
        &config,
    );
    let mut newcomer = room(6);
    for room in [&mut keeper, &mut newcomer] {
        tell(room, now(20), endpoint(9, 9), &closed);
    }
    let admission = seed.admit(&room_id(), peer(2)).to_bytes();
    let admission = RoomMessage::Admission(Bytes::new(admission.to_vec()).unwrap());
    hear(&mut keeper, now(20), endpoint(9, 9), admission);
    // Only the log has it: it was beaten long ago.
    let past = batch((2, 1, 1), closed.0.name(), None, 30, &[(1, 7)]);
    let member = Member { name: String::new(), stays: true, stores: false };
    let (to, from) = (newcomer.kept.me, keeper.kept.me);
    keeper.handle_attached(now(40), to, member.clone());
    newcomer.handle_attached(now(40), from, member);
    newcomer.begin_history(now(40), ReplicaNumber::FIRST);
    for tick in 0..100 {
        let at = now(40 + tick * 50);
        while let Some(output) = newcomer.poll_output() {
            if let RoomOutput::Send(_, message) = output {
                keeper.handle_message(at, to, message);
            }
        }
        let mut said = vec![];
        while let Some(output) = keeper.poll_output() {
            match output {
                RoomOutput::Send(_, message) => said.push(message),
                RoomOutput::ReadHistory { token, bytes, .. } => {
                    let bytes_of = past.bytes().to_vec();
                    let entry = HistoryEntry::Batch { number: 0, at: at.wall, bytes: bytes_of };
                    let entries = Vec::from_iter((bytes > 0).then_some(entry));
                    let since = Some(WallTime::from_millis(START));
                    let part = HistoryPart { first: 0, since, bytes: 100, entries, next: 1, is_end: true };
                    keeper.handle_history_read(at, token, Ok(part));
                }
                _ => {}
            }
        }
        said.extend(served(&mut keeper, to));
        said.into_iter().for_each(|message| hear(&mut newcomer, at, from, message));
        keeper.handle_timeout(at);
        newcomer.handle_timeout(at);
    }
    assert_eq!(newcomer.history().map(|view| view.state), Some(HistoryState::Complete));
    let told: Vec<BatchKey> = newcomer.take_history(now(6000), 100).iter().map(|batch| batch.key()).collect();
    assert_eq!(told, [past.key()]);
}
