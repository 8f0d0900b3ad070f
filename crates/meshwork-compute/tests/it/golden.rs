//! The bytes of each format, and the refusal of everything malformed.

use meshwork_compute::book::{Book, Ended, Entry, Index, Standing, State};
use meshwork_compute::job::{Check, Input, Kind, Limits, Program, Reduce, Shape, View};
use meshwork_compute::message::{Failure, Fresh, Grant, Grants, News, Offer, Packet, Ran, Report, Tag8};
use meshwork_compute::order::Order;
use meshwork_compute::{FormatError, Job, JobId, packet};
use meshwork_core::blobs::BlobId;
use meshwork_core::id::{Endpoint, Instance, PeerId, RoomId};
use meshwork_core::wire::{Bounded, BoundedText, Bytes};
use proptest::prelude::*;

pub(crate) fn job() -> Job {
    Job {
        program: Program {
            name: BoundedText::new("Primes").unwrap(),
            about: BoundedText::default(),
            kind: Kind::Js,
            code: Some((BlobId([3; 32]), 40)),
            result: Shape::U32,
            tolerance: (0, 0),
            view: View::Numbers,
            limits: Limits { memory_mib: 64, unit_ms: 1000, result: 4 },
        },
        units: 300,
        params: Bytes::new(b"{}".to_vec()).unwrap(),
        input: Input::None,
        check: Check::Sample,
        reduce: Reduce::Sum,
        trusted: Bounded::new(vec![PeerId([1; 32])]).unwrap(),
        nonce: [9; 8],
    }
}

fn book() -> Book {
    let reason = Ended::Fails(Failure::Trapped(BoundedText::new("no").unwrap()));
    let state = State::Failed { unit: 17, reason };
    Book {
        epoch: 2,
        by: Instance(7),
        accepted: 30,
        checked: 4,
        caught: 1,
        state,
        index: Some((BlobId([5; 32]), 99)),
        fresh: 5,
    }
}

fn index() -> Index {
    let entry = Entry { first: 3, units: 4, packet: (BlobId([4; 32]), 0, 20), by: 1, confirmed: Some(0) };
    Index {
        peers: Bounded::new(vec![PeerId([1; 32]), PeerId([2; 32])]).unwrap(),
        caught: Bounded::default(),
        entries: Bounded::new(vec![entry]).unwrap(),
    }
}

fn report() -> Report {
    let ran =
        Ran { span: (0, 2), packet: Packet::Inline(Bytes::new(vec![1, 7, 1, 8]).unwrap()), micros: 500 };
    Report {
        job: JobId([6; 16]),
        answers: (1, Tag8([2; 8])),
        number: 3,
        seen: 4,
        wants: 5,
        runs: Bounded::new(vec![(2, 8)]).unwrap(),
        ran: Bounded::new(vec![ran]).unwrap(),
        failed: Bounded::new(vec![((10, 4), 12, Failure::Time)]).unwrap(),
    }
}

fn grants() -> Grants {
    let grant = Grant {
        to: Tag8([2; 8]),
        number: 1,
        taken: 3,
        spans: Bounded::new(vec![(2, 8)]).unwrap(),
        hold: Bounded::new(vec![(0, 2)]).unwrap(),
    };
    let fresh = Bounded::new(vec![Fresh { number: 9, blob: BlobId([5; 32]), length: 130 }]).unwrap();
    Grants { job: JobId([6; 16]), epoch: 1, accepted: 2, fresh, lenders: Bounded::new(vec![grant]).unwrap() }
}

fn news() -> News {
    let results = vec![
        ((2, 1), Packet::Inline(Bytes::new(vec![1, 7]).unwrap())),
        ((8, 3), Packet::Blob(BlobId([4; 32]), 20)),
    ];
    News { number: 9, opened: Bounded::new(vec![(2, 4)]).unwrap(), results: Bounded::new(results).unwrap() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn bytes_are_golden() {
    let key = |byte: &str| byte.repeat(32);
    let golden = [
        (
            job().encode(),
            format!(
                "01065072696d6573000101{}2804000001 40e80704ac02027b7d000102 01{}0909090909090909",
                key("03"),
                key("01")
            ),
        ),
        (Order::Pause.encode(), "0101".to_owned()),
        (book().encode(), format!("0102071e04010311000002 6e6f01{}6305", key("05"))),
        (index().encode(), format!("0102{}{}00010304{}0014010100", key("01"), key("02"), key("04"))),
        (Standing { agreed: 11, is_caught: false }.encode(), "010b00".to_owned()),
        (
            report().encode(),
            format!("01{}01{}0304050102080100020004 01070108f403010a040c01", "06".repeat(16), "02".repeat(8)),
        ),
        (
            grants().encode(),
            format!("01{}01020109{}820101{}0103010208010002", "06".repeat(16), key("05"), "02".repeat(8)),
        ),
        (news().encode(), format!("0109010204020201000201070803 01{}14", key("04"))),
        (Offer { cores: 4, engines: 3, ..Offer::default() }.encode(), "0104030000 0000".to_owned()),
        (packet::write(&[vec![7u8; 2], vec![], vec![8; 200]]), format!("02070700c801{}", "08".repeat(200))),
    ];
    for (at, (bytes, expected)) in golden.iter().enumerate() {
        assert_eq!(hex(bytes), expected.replace(' ', ""), "format {at}");
    }
}

#[test]
fn names_are_golden() {
    let id = JobId::of(&RoomId([8; 32]), &PeerId([1; 32]), &job().encode());
    assert_eq!(hex(&id.row()), "fe6a47a50183736b35c7122ce66659c5d17f");
    assert_eq!(JobId::of_row(&id.row()), Some(id));
    assert_eq!(JobId::of_row(b"fe"), None);
    let endpoint = Endpoint { peer: PeerId([1; 32]), instance: Instance(7) };
    assert_eq!(hex(&Tag8::of(&endpoint).0), "5dc02b3097439f1f");
}

#[test]
fn values_survive_their_bytes() {
    assert_eq!(Job::decode(&job().encode()), Ok(job()));
    assert_eq!(Book::decode(&book().encode()), Ok(book()));
    assert_eq!(Index::decode(&index().encode()), Ok(index()));
    assert_eq!(Report::decode(&report().encode()), Ok(report()));
    assert_eq!(Grants::decode(&grants().encode()), Ok(grants()));
    assert_eq!(News::decode(&news().encode()), Ok(news()));
}

#[test]
fn other_versions_are_refused() {
    let mut bytes = job().encode();
    bytes[0] = 2;
    assert_eq!(Job::decode(&bytes), Err(FormatError::Newer(2)));
    bytes[0] = 0;
    assert_eq!(Job::decode(&bytes), Err(FormatError::NoVersion));
    assert_eq!(Job::decode(&[]), Err(FormatError::NoVersion));
}

#[test]
fn longer_forms_are_refused() {
    assert_eq!(Standing::decode(&[1, 0x8b, 0x00, 0]), Err(FormatError::NotShortest(4)));
    let mut bytes = book().encode();
    bytes.push(0);
    assert!(matches!(Book::decode(&bytes), Err(FormatError::Body(_))));
}

#[test]
fn values_out_of_range_are_refused() {
    let refused = |change: &dyn Fn(&mut Job)| {
        let mut job = job();
        change(&mut job);
        Job::decode(&job.encode()).is_err()
    };
    assert!(refused(&|job| job.units = 0));
    assert!(refused(&|job| job.units = 1_000_001));
    assert!(refused(&|job| job.program.code = None));
    assert!(refused(&|job| job.program.limits.memory_mib = 1025));
    assert!(refused(&|job| job.program.limits.unit_ms = 60_001));
    assert!(refused(&|job| job.program.limits.result = (1 << 20) + 1));
    assert!(refused(&|job| job.program.tolerance = (1f64.to_bits(), 0)));
    assert!(refused(&|job| job.program.result = Shape::Bytes));
    assert!(refused(&|job| job.trusted = Bounded::default()));
    assert!(refused(&|job| job.trusted = Bounded::new(vec![PeerId([1; 32]); 2]).unwrap()));
    let mut far = report();
    far.runs = Bounded::new(vec![(999_990, 11)]).unwrap();
    assert!(Report::decode(&far.encode()).is_err());
    let mut other = index();
    other.peers = Bounded::default();
    assert!(Index::decode(&other.encode()).is_err());
}

#[test]
fn packets_with_errors_are_refused() {
    let bytes = packet::write(&[vec![1u8, 2], vec![3]]);
    assert_eq!(packet::read(&bytes, 2, 2).unwrap(), [&[1u8, 2][..], &[3]]);
    assert_eq!(packet::read(&bytes, 3, 2), Err(packet::PacketError::BreaksOff(2)));
    assert_eq!(packet::read(&bytes, 1, 2), Err(packet::PacketError::Trailing(2)));
    assert!(matches!(packet::read(&bytes, 2, 1), Err(packet::PacketError::TooLong { .. })));
    assert_eq!(packet::read(&[0x80, 0], 1, 9), Err(packet::PacketError::BreaksOff(0)));
    assert_eq!(packet::results(&job(), &bytes, 2), Err(packet::PacketError::Shape(0)));
}

#[test]
fn tolerance_applies_to_numbers() {
    let mut job = job();
    job.program.result = Shape::Json;
    assert!(!packet::agree(&job, b"{\"a\":1}", b"{\"a\":1.0000000000001}"));
    job.program.tolerance = (0, 1e-9f64.to_bits());
    assert!(packet::agree(&job, b"{\"a\":1}", b"{\"a\":1.0000000000001}"));
    assert!(!packet::agree(&job, b"{\"a\":1}", b"{\"a\":1.1}"));
    assert!(!packet::agree(&job, b"{\"a\":1}", b"{\"b\":1}"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = (Job::decode(&bytes), Book::decode(&bytes), Index::decode(&bytes), Report::decode(&bytes));
        let _ = (News::decode(&bytes), Grants::decode(&bytes), Offer::decode(&bytes), Standing::decode(&bytes), Order::decode(&bytes));
        for count in 0..4 {
            if let Ok(values) = packet::read(&bytes, count, 64) {
                prop_assert_eq!(packet::write(&values), bytes.clone());
            }
        }
    }

    #[test]
    fn changed_bytes_are_another_value(at in 0usize..400, byte in any::<u8>()) {
        for bytes in [report().encode(), index().encode()] {
            let mut other = bytes.clone();
            let at = at % other.len();
            other[at] = byte;
            if let Ok(report) = Report::decode(&other) {
                prop_assert_eq!(report.encode(), other.clone());
            }
            if let Ok(index) = Index::decode(&other) {
                prop_assert_eq!(index.encode(), other);
            }
        }
    }
}
