//! `join-1000`: from nothing to all cells of a full canvas of 1000 by 1000, over loopback.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use meshwork_core::id::{Code, Identity, RoomId};
use meshwork_core::node::{Config, Event, Node, RoomHandle, StoredRoom};
use meshwork_core::rng::Rng;
use meshwork_core::signalling::address::{RoomAddress, RoomKeys};
use meshwork_place::Place as _;
use meshwork_place::canvas::{self, Canvas, CanvasSize};
use meshwork_rtc::native::{Addresses, Driver, Events, Options, start};
use tokio::runtime::Runtime;

use super::paintings::{self, Cell};
use super::picture;
use super::yjs::{self, YrsCanvas};
use crate::clock::{process_cpu, wall};
use crate::links::ours::Server;
use crate::machine::locked;
use crate::race::{Needs, Plan, Race, Row, Samples};

/// The race.
pub(crate) const RACE: Race = Race {
    name: "join-1000",
    about: "A newcomer joins a room with a full canvas of 1000 by 1000: two programs with the native driver and a \
            meeting point, over loopback, from the command to the last cell (wall clock), server, ICE, DTLS, proofs \
            and all signatures included. The other: a yrs document of the same cells by one client, written, read \
            and taken in within one program, without any network or signature. The page that Place began with can \
            be joined up to some 2,970 cells: beyond, its one snapshot message is too long to be sent.",
    needs: Needs::Nothing,
    run,
};

/// The race against nobody that takes minutes.
pub(crate) const CLICKS: Race = Race {
    name: "join-1000-clicks",
    about: "The same where 16 authors clicked each of the million cells once and nobody folded: a million batches, as \
            many signatures. One round, stated only.",
    needs: Needs::Nothing,
    run: run_clicks,
};

/// The longest that a newcomer may take.
const DEADLINE: Duration = Duration::from_secs(1800);

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let size = size(plan);
    let runtime = runtime()?;
    let mut rows = Vec::new();
    let random = Painted::new(size, |room| paintings::folded_scribbles(room, size))?;
    rows.extend(rows_of(plan, &runtime, "join-1000", &random, ["1", "8"])?);
    let cells = picture::landscape(size);
    let picture = Painted::new(size, |room| paintings::picture(room, size, &cells))?;
    rows.extend(rows_of(plan, &runtime, "join-1000/picture", &picture, ["1", "1.5"])?);
    let cells = picture::in_twelve_colours(&cells);
    let snapped = Painted::new(size, |room| paintings::picture(room, size, &cells))?;
    rows.extend(rows_of(plan, &runtime, "join-1000/picture-of-12-colours", &snapped, ["1", "1.5"])?);
    let notes = [
        "16 authors, each cell in a random colour, painted in overlapping scribbles and folded",
        "a landscape drawn from noise in full colour, painted by one author tile by tile",
        "the same landscape in the palette of Place",
    ];
    for (row, note) in rows.iter_mut().step_by(3).zip(notes) {
        row.note =
            format!("{note}. Nothing is shown before it is verified, so all cells shown means all verified");
    }
    Ok(rows)
}

fn run_clicks(plan: &Plan) -> Result<Vec<Row>> {
    let size = size(plan);
    let runtime = runtime()?;
    let clicks = Painted::new(size, |room| paintings::lone_clicks(room, size))?;
    Ok(vec![lone_clicks(&runtime, &clicks)?])
}

fn size(plan: &Plan) -> CanvasSize {
    plan.size(CanvasSize { width: 1000, height: 1000 }, CanvasSize { width: 80, height: 70 })
}

fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// A full canvas, and the room that it belongs to.
struct Painted {
    genesis: Vec<u8>,
    room: RoomId,
    canvas: Canvas,
    cells: Vec<Cell>,
}

impl Painted {
    fn new(size: CanvasSize, paint: impl FnOnce(&RoomId) -> Result<Canvas>) -> Result<Painted> {
        let owner = Identity::from_secret([200; 32]);
        let (genesis, room) =
            meshwork_place::owned(&mut Rng::new([6; 32]), owner.peer(), size, None).sign(&owner)?;
        let canvas = paint(&room)?;
        let cells = paintings::cells_of(&canvas);
        ensure!(cells.len() == usize::from(size.width) * usize::from(size.height), "every cell is painted");
        Ok(Painted { genesis, room, canvas, cells })
    }

    fn per_cell(&self, bytes: u64) -> f64 {
        bytes as f64 / self.cells.len() as f64
    }
}

fn rows_of(
    plan: &Plan,
    runtime: &Runtime,
    name: &str,
    painted: &Painted,
    wants: [&'static str; 2],
) -> Result<Vec<Row>> {
    let keeper = runtime.block_on(Keeper::start(painted))?;
    let document = YrsCanvas::new(1);
    painted.cells.chunks(4096).for_each(|cells| drop(document.paint(cells)));
    let (mut bytes, mut cpu, mut their_bytes) = (Vec::new(), Vec::new(), 0);
    let mut checked = false;
    let (ours, other) = plan.duel(
        || {
            let (busy, joined) = process_cpu(|| runtime.block_on(keeper.join(painted)));
            let joined = joined?;
            bytes.push(painted.per_cell(joined.bytes));
            cpu.push(busy);
            Ok(joined.seconds)
        },
        || {
            let (seconds, joined) = wall(|| -> Result<_> {
                let whole = document.whole();
                their_bytes = whole.len() as u64;
                let newcomer = YrsCanvas::new(2);
                newcomer.apply(yjs::decode(&whole)?)?;
                Ok(newcomer)
            });
            let joined = joined?;
            if !std::mem::replace(&mut checked, true) {
                joined.shows_the_same_as(&painted.canvas)?;
            }
            Ok(seconds)
        },
    )?;
    runtime.block_on(keeper.driver.shut_down());
    let row = |name: String, ours: Samples, unit: &'static str| Row::stated(name, ours, unit, false);
    let [seconds_wanted, bytes_wanted] = wants;
    Ok(vec![
        row(name.to_owned(), ours, "s (wall)").against(locked("yrs"), other).want(seconds_wanted),
        row(format!("{}-bytes", dashed(name)), Samples(bytes), "bytes/cell on the link")
            .against(locked("yrs"), Samples::exact(painted.per_cell(their_bytes)))
            .want(bytes_wanted),
        row(format!("{}-cpu", dashed(name)), Samples(cpu), "s (CPU of both programs)"),
    ])
}

/// A name under which further rows of it stand.
fn dashed(name: &str) -> String {
    if name.contains('/') { name.to_owned() } else { format!("{name}/random") }
}

fn lone_clicks(runtime: &Runtime, painted: &Painted) -> Result<Row> {
    let keeper = runtime.block_on(Keeper::start(painted))?;
    let joined = runtime.block_on(keeper.join(painted))?;
    runtime.block_on(keeper.driver.shut_down());
    let row = Row::stated("join-1000-clicks", Samples::exact(joined.seconds), "s (wall)", false);
    let (count, per_cell) = (painted.canvas.batch_count(), painted.per_cell(joined.bytes));
    Ok(row.note(format!("{count} batches of one cell {per_cell:.0} bytes a cell on the link")))
}

/// The member that has the canvas, and the meeting point.
struct Keeper {
    driver: Driver,
    address: RoomAddress,
    _events: Events,
    _server: Server,
}

struct Joined {
    seconds: f64,
    /// Received on the link, before SCTP.
    bytes: u64,
}

impl Keeper {
    async fn start(painted: &Painted) -> Result<Keeper> {
        let server = Server::start().await?;
        let (driver, mut events) = program(1)?;
        let address = RoomAddress::at_server(&server.url, Some(meshwork_place::app()), Code::from_bits(0))?;
        let address = address.with_keys(RoomKeys { room: painted.room, secrets: None });
        let stored = StoredRoom {
            genesis: painted.genesis.clone(),
            records: Vec::new(),
            batches: painted.canvas.batches().map(|batch| batch.bytes().to_vec()).collect(),
        };
        let joined = driver.call(move |node, now| node.join_room(now, address, Some(stored))).await?;
        let room = joined.context("the keeper opens its room")?;
        let registered = |event: &Event| matches!(event, Event::RoomRegistered { .. });
        wait(&mut events, registered).await?;
        whole(&driver, &mut events, room, painted).await?;
        let address =
            driver.call(move |node, _| node.room(room).address()).await?.context("a registered room")?;
        Ok(Keeper { driver, address, _events: events, _server: server })
    }

    /// A newcomer comes, sees everything and goes.
    async fn join(&self, painted: &Painted) -> Result<Joined> {
        let (driver, mut events) = program(2)?;
        let address = self.address.clone();
        let begin = Instant::now();
        let joined = driver.call(move |node, now| node.join_room(now, address, None)).await?;
        let room = joined.context("the newcomer asks to join")?;
        whole(&driver, &mut events, room, painted).await?;
        let seconds = begin.elapsed().as_secs_f64();
        let digest = move |node: &mut Node| node.canvas(room).map(Canvas::digest);
        let digest = driver.call(move |node, _| digest(node)).await?;
        ensure!(digest == Some(painted.canvas.digest()), "the newcomer has another canvas");
        let bytes =
            move |node: &mut Node| node.room(room).peers().iter().map(|peer| peer.bytes_received).sum();
        let bytes = driver.call(move |node, _| bytes(node)).await?;
        driver.shut_down().await;
        Ok(Joined { seconds, bytes })
    }
}

fn program(number: u8) -> Result<(Driver, Events)> {
    let options = Options {
        addresses: Addresses::loopback(),
        ..Options::new(meshwork_place::make, Config::default(), Identity::from_secret([220 + number; 32]))
    };
    Ok(start(options)?)
}

async fn wait(events: &mut Events, wanted: impl Fn(&Event) -> bool) -> Result<()> {
    let found = async {
        while let Some(event) = events.next().await {
            if wanted(&event) {
                return Ok(());
            }
        }
        bail!("the program ended")
    };
    tokio::time::timeout(DEADLINE, found).await.context("it takes too long")?
}

/// Waits until the program shows as many cells as were painted, by counting what it hears of.
async fn whole(driver: &Driver, events: &mut Events, room: RoomHandle, painted: &Painted) -> Result<()> {
    let count = painted.cells.len();
    let (mut heard, mut missed, mut next_look) = (0, events.missed(), 0);
    let shown = async {
        loop {
            // What was painted is counted where events were dropped, or came before anybody listened.
            if heard >= next_look {
                let painted = move |node: &mut Node| node.canvas(room).map_or(0, Canvas::painted);
                heard = driver.call(move |node, _| painted(node)).await?;
                next_look = count;
            }
            if heard >= count {
                return Ok(());
            }
            match events.next().await {
                Some(Event::Changed { batch: Some(_), changes, .. }) => {
                    heard += canvas::Painted::of(&changes).len()
                }
                Some(_) => {}
                None => bail!("the program ended"),
            }
            if events.missed() != missed {
                missed = events.missed();
                next_look = heard;
            }
        }
    };
    tokio::time::timeout(DEADLINE, shown).await.context("the newcomer does not get all cells in time")?
}
