//! Keepers that are killed while they are painted on, and keepers whose disk fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use crate::support::{Home, PATIENCE};
use meshwork_core::id::{Identity, RoomId};
use meshwork_core::node::{CommandError, Config, Event, RoomHandle, WriteError};
use meshwork_core::rng::Rng;
use meshwork_core::room::storage::form;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::batch::{SignedBatch, UnverifiedBatch};
use meshwork_place::Place as _;
use meshwork_place::canvas::{Canvas, CanvasSize, Colour};
use meshwork_rtc::native::history::{Entry, History};
use meshwork_rtc::native::store::RedbStore;
use meshwork_rtc::native::{Addresses, Driver, Events, Options, start};
use tokio::time::{Instant, timeout, timeout_at};

const SIZE: CanvasSize = CanvasSize { width: 200, height: 200 };
const KILLS: u32 = 50;
/// How often the painter paints while it waits for something else.
const STROKE_INTERVAL: Duration = Duration::from_millis(3);

/// What is random follows from MESHWORK_SEED, which `cargo xtask test` sets.
fn seeded(what: u8) -> Rng {
    let seed = std::env::var("MESHWORK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0_u64);
    println!("repeat with MESHWORK_SEED={seed}");
    let mut bytes = [what; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    Rng::new(bytes)
}

/// Paints every cell at most once, each in a colour of its own, and remembers what it was told of.
struct Painter {
    driver: Driver,
    events: Events,
    room: RoomHandle,
    rng: Rng,
    /// Cells painted so far, in the order of their numbers.
    painted: u32,
    strokes: Vec<(RangeInclusive<u64>, RangeInclusive<u32>)>,
    stored: BTreeSet<u64>,
    /// Acknowledgements as stored that it heard.
    heard: usize,
    unstored: usize,
}

fn position(cell: u32) -> (u16, u16) {
    // Neighbours in number lie apart, so that strokes are of several tiles.
    let place = cell * 7919 % (u32::from(SIZE.width) * u32::from(SIZE.height));
    ((place % u32::from(SIZE.width)) as u16, (place / u32::from(SIZE.width)) as u16)
}

fn colour(cell: u32) -> Colour {
    let [_, red, green, blue] = (cell * 97 + 1).to_be_bytes();
    Colour::rgb(red, green, blue)
}

impl Painter {
    async fn start(link: &str, rng: Rng) -> Painter {
        // The keeper's former lives, which nobody says goodbye for, are forgotten soon.
        let config = Config {
            stays: false,
            stale_after: Duration::from_secs(1),
            resume_after: Duration::from_secs(1),
            gone_after: Duration::from_secs(2),
            resume_within: Duration::from_secs(2),
            retry_most: Duration::from_secs(1),
            ..Config::default()
        };
        let options = Options {
            addresses: Addresses::loopback(),
            ..Options::new(meshwork_place::make, config, Identity::from_secret([3; 32]))
        };
        let (driver, mut events) = start(options).unwrap();
        let address: RoomAddress = link.parse().unwrap();
        let room = driver.call(move |node, now| node.join_room(now, address, None)).await.unwrap().unwrap();
        let opened = async { while !matches!(events.next().await, Some(Event::RoomOpened { .. })) {} };
        timeout(PATIENCE, opened).await.expect("the room opens");
        let (strokes, stored) = (Vec::new(), BTreeSet::new());
        Painter { driver, events, room, rng, painted: 0, strokes, stored, heard: 0, unstored: 0 }
    }

    /// Paints a few cells, unless nobody could take them now.
    async fn paint(&mut self) {
        let most = u32::from(SIZE.width) * u32::from(SIZE.height) - self.painted;
        let count = (1 + self.rng.below(6) as u32).min(most);
        assert!(count > 0, "the canvas is full: make it larger");
        let numbers = self.painted..=self.painted + count - 1;
        let cells: Vec<_> = numbers
            .clone()
            .map(|cell| {
                let (x, y) = position(cell);
                (x, y, colour(cell))
            })
            .collect();
        let room = self.room;
        match self.driver.call(move |node, now| node.paint(now, room, &cells)).await.unwrap() {
            Ok(receipt) => {
                self.painted += count;
                self.strokes.push((receipt.sequences, numbers));
            }
            Err(CommandError::Write(WriteError::Backpressure(_))) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// Paints on until `end`, or until `is_enough`.
    async fn paint_until(&mut self, end: Instant, is_enough: impl Fn(&Painter) -> bool) {
        while Instant::now() < end && !is_enough(self) {
            self.paint().await;
            let next = end.min(Instant::now() + STROKE_INTERVAL);
            while let Ok(event) = timeout_at(next, self.events.next()).await {
                self.note(event.expect("the painter runs"));
            }
        }
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Acknowledged { sequences, stored: true, .. } => {
                self.heard += 1;
                self.stored.extend(sequences);
            }
            Event::Acknowledged { .. } => self.unstored += 1,
            _ => {}
        }
    }

    /// The cells of every stroke all of whose batches were acknowledged as stored.
    fn acknowledged(&self) -> impl Iterator<Item = u32> + '_ {
        let stored =
            |sequences: &RangeInclusive<u64>| sequences.clone().all(|one| self.stored.contains(&one));
        self.strokes
            .iter()
            .filter(move |(sequences, _)| stored(sequences))
            .flat_map(|(_, cells)| cells.clone())
    }

    /// Those of them that a canvas does not show.
    fn missing(&self, canvas: &Canvas) -> Vec<u32> {
        let shown = |&cell: &u32| {
            let (x, y) = position(cell);
            canvas.colour(x, y) == Some(colour(cell))
        };
        self.acknowledged().filter(|cell| !shown(cell)).collect()
    }
}

fn verified(bytes: &[u8], room: RoomId) -> SignedBatch {
    UnverifiedBatch::decode(&room, form::read(bytes).0).unwrap().verify().unwrap()
}

fn canvas_of<'a>(batches: impl IntoIterator<Item = &'a Vec<u8>>, room: RoomId) -> Canvas {
    let mut canvas = Canvas::new(SIZE).unwrap();
    for bytes in batches {
        let batch = verified(bytes, room);
        let strokes = canvas.read(&batch).unwrap();
        canvas.apply(batch, &strokes);
    }
    canvas
}

/// What a killed keeper left, read from a copy: the next keeper is to find it as it is.
fn left_behind(data: &Path, room: RoomId) -> Canvas {
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("rooms.redb");
    fs::copy(data.join("rooms.redb"), &path).unwrap();
    let stored = RedbStore::open(&path).unwrap().load(room).unwrap();
    canvas_of(&stored.map(|stored| stored.batches).unwrap_or_default(), room)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_stroke_survives_fifty_kills() {
    let mut rng = seeded(1);
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = home.create(&url, &["--size", &SIZE.to_string()]);
    let room = link.parse::<RoomAddress>().unwrap().room().unwrap();
    let mut painter = Painter::start(&link, rng.fork()).await;
    let keep = ["place", "keep", &link, "--data", "kept", "--json", "--history", "64MiB"];
    let mut lives_with_strokes = 0;
    for kill in 0..KILLS {
        let keeper = home.start(keep);
        let heard = painter.heard;
        // Some die while they start, the others in the middle of a busy time: after some acknowledgements and a
        // moment more. The moments are of real time, since most of what a kill interrupts has no event to wait for;
        // what must hold, holds after each of them, on a machine of any speed.
        let patience =
            Instant::now() + if rng.below(8) == 0 { Duration::from_millis(rng.below(400)) } else { PATIENCE };
        let enough = 1 + rng.below(15) as usize;
        painter.paint_until(patience, |painter| painter.heard >= heard + enough).await;
        painter.paint_until(Instant::now() + Duration::from_micros(rng.below(20_000)), |_| false).await;
        keeper.kill();
        lives_with_strokes += usize::from(painter.heard > heard);
        if home.path("kept/rooms.redb").exists() {
            let missing = painter.missing(&left_behind(&home.path("kept"), room));
            assert!(missing.is_empty(), "after kill {kill} cells {missing:?} are missing");
        }
    }
    assert!(lives_with_strokes > 30, "only {lives_with_strokes} keepers lived long enough");
    let acknowledged = painter.acknowledged().count();
    println!("{acknowledged} of {} cells were acknowledged as stored", painter.painted);
    assert!(acknowledged > 1000, "only {acknowledged}");

    // The painter leaves; what the last keeper hands out it has from its disk.
    painter.driver.shut_down().await;
    let keeper = home.keep(&link, "kept");
    home.run(["place", "export", &link, "--out", "out.png"]).expect_code(0);
    let picture = home.pixels("out.png");
    for cell in painter.acknowledged() {
        let (x, y) = position(cell);
        let [_, red, green, blue] = (cell * 97 + 1).to_be_bytes();
        assert_eq!(picture.get_pixel(x.into(), y.into()).0, [red, green, blue, 255], "cell {cell}");
    }
    keeper.kill();

    // The history has every stroke too, and none twice.
    let history = History::new(&home.path("kept/history"), room);
    let entries: Vec<Entry> = history.since(Default::default()).unwrap().map(Result::unwrap).collect();
    let mut times = BTreeMap::new();
    let mut batches = Vec::new();
    for entry in entries {
        let Entry::Batch { bytes, .. } = entry else { continue };
        *times.entry(verified(&bytes, room).key()).or_insert(0) += 1;
        batches.push(bytes);
    }
    assert!(times.values().all(|&times| times == 1), "a stroke is twice in the history");
    let missing = painter.missing(&canvas_of(&batches, room));
    assert!(missing.is_empty(), "the history lacks cells {missing:?}");
    let said = home.run(["place", "history", "--data", "kept", "--json"]).expect_code(0).json();
    assert_eq!((&said["batches"], &said["room"]), (&batches.len().into(), &room.to_string().into()));
}

/// Any write to a file fails for this process, as on a full disk, or none does.
#[cfg(target_os = "linux")]
fn set_disk_full(process: u32, is_full: bool) {
    let bytes = if is_full { 1 } else { rlimit::INFINITY };
    let pid = process.try_into().unwrap();
    rlimit::prlimit(pid, rlimit::Resource::FSIZE, Some((bytes, rlimit::INFINITY)), None).unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keeper_outlives_and_reports_a_full_disk() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = home.create(&url, &["--size", &SIZE.to_string()]);
    let room = link.parse::<RoomAddress>().unwrap().room().unwrap();
    let mut painter = Painter::start(&link, seeded(2)).await;
    // The signal of that limit would end the process, where a full disk would not.
    let ignoring = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"];
    let keep = ["place", "keep", &link, "--data", "kept", "--json", "--history", "64MiB"];
    let mut keeper = home.start_through(&ignoring, keep);
    keeper.event("ready", |_| true);
    let end = Instant::now() + PATIENCE;
    painter.paint_until(end, |painter| painter.stored.len() > 20).await;

    set_disk_full(keeper.id(), true);
    painter.paint_until(end, |painter| painter.unstored > 5).await;
    let failed = keeper.event("storage", |line| line["state"] == "failed");
    assert!(failed["reason"].as_str().unwrap().contains("cannot be written"), "{failed}");
    // What it called stored is there, what it did not is not claimed; and the canvas goes on.
    assert_eq!(painter.missing(&left_behind(&home.path("kept"), room)), [0; 0]);
    home.run(["place", "export", &link, "--out", "meanwhile.png"]).expect_code(0);

    set_disk_full(keeper.id(), false);
    let painted = painter.strokes.last().map(|(sequences, _)| *sequences.end()).unwrap();
    let all = |painter: &Painter| (1..=painted).all(|sequence| painter.stored.contains(&sequence));
    painter.paint_until(end, all).await;
    assert!(all(&painter), "what was painted on a full disk is acknowledged as stored in the end");
    keeper.event("storage", |line| line["state"] == "working");
    keeper.kill();
    assert_eq!(painter.missing(&left_behind(&home.path("kept"), room)), [0; 0]);
    let summary = History::new(&home.path("kept/history"), room).summary().unwrap();
    assert!(summary.batches >= painted && summary.missed == 0, "{summary:?} of {painted}");
    painter.driver.shut_down().await;
}

#[test]
fn damaged_stores_are_refused_and_left_alone() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let link = home.create(&url, &[]);
    let keeper = home.keep(&link, "kept");
    home.run(["place", "paint", &link, "--pixel", "1,1,#123456"]).expect_code(0);
    keeper.interrupt();
    keeper.end().expect_code(0);
    let path = home.path("kept/rooms.redb");
    let whole = fs::read(&path).unwrap();
    let mut garbled = whole.clone();
    garbled[..4096].fill(0x5a);
    for damaged in [&whole[..whole.len() / 2], &garbled[..], b"", b"some words"] {
        fs::write(&path, damaged).unwrap();
        let keep = ["place", "keep", &link, "--data", "kept", "--json"];
        let ended = home.run(keep).expect_code(5).expect_words(&["rooms.redb", "damaged", "Put back a copy"]);
        assert_eq!(ended.json()["reason"], "storage");
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        assert!(fs::read(&path).unwrap() == damaged, "the file is as it was");
    }
    // A copy put back is all that it takes; and no folder is told as well.
    fs::write(&path, &whole).unwrap();
    home.keep(&link, "kept").kill();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600, "nobody else reads what is kept");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let keeper = home.keep(&link, "kept");
        keeper.interrupt();
        let ended = keeper.end().expect_code(0);
        assert!(ended.stderr.contains("Others could read kept/rooms.redb"), "{}", ended.stderr);
        assert_eq!(mode(), 0o600);
    }
    let nowhere = ["place", "keep", &link, "--data", "kept/rooms.redb"];
    home.run(nowhere).expect_code(5).expect_words(&["cannot be kept in", "--data"]);
}
