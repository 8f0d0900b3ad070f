//! Sessions of an app, on a network in virtual time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use meshwork::session::{Input, Linked, Output, Running, Session, Time, Write, Writer};
use meshwork::testing::Network;
use meshwork::{BlobId, Endpoint, EndpointId, Lane, PeerId, Room, WriteError};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::timeout;

use crate::guard::{create, in_private_rooms_too};

in_private_rooms_too!(
    peers_count_rows_and_fetch_blobs,
    members_come_and_go,
    lanes_reach_sessions,
    last_outputs_of_dropped_sessions_arrive
);

/// Time in which something arrives.
const SOON: Duration = Duration::from_secs(30);
const ROWS: &[u8] = b"toys\0";

/// Writes a row that names its blob, and fetches the blobs that the rows of others name.
struct Toy {
    me: PeerId,
    outputs: VecDeque<Output<Told>>,
    deadline: Option<Time>,
    /// The blobs of rows, by row and author.
    rows: BTreeMap<(Vec<u8>, PeerId), BlobId>,
    near: BTreeSet<EndpointId>,
}

/// A result of the toy.
#[derive(Debug, PartialEq)]
enum Told {
    Rows(usize),
    Fetched(Vec<u8>),
    NotFetched,
    NotWritten(Vec<Write>, WriteError),
    Heard(Lane, Vec<u8>),
    Present(EndpointId, Option<Vec<u8>>),
    Near(EndpointId),
    Gone(EndpointId, bool),
    TimedOut(Time),
}

impl Toy {
    fn new(me: PeerId) -> Toy {
        let (outputs, rows, near) = (VecDeque::new(), BTreeMap::new(), BTreeSet::new());
        Toy { me, outputs, deadline: None, rows, near }
    }

    fn output(mut self, output: Output<Told>) -> Toy {
        self.outputs.push_back(output);
        self
    }

    fn tell(&mut self, told: Told) {
        self.outputs.push_back(Output::Effect(told));
    }

    fn handle_link(&mut self, endpoint: EndpointId, link: Linked) {
        match link {
            Linked::Near(_) => {
                if self.near.insert(endpoint) {
                    self.tell(Told::Near(endpoint));
                }
            }
            Linked::Far => {}
            Linked::Gone { goodbye } => self.tell(Told::Gone(endpoint, goodbye)),
        }
    }

    fn handle_row(&mut self, row: &[u8], writer: Writer, value: Option<&[u8]>) {
        let Writer::Peer(author) = writer else { return };
        match value.and_then(|value| value.try_into().ok()).map(BlobId) {
            Some(blob) => {
                self.rows.insert((row.to_vec(), author), blob);
                if author != self.me {
                    self.outputs.push_back(Output::Fetch { blob, at_most: 1000 });
                }
            }
            None => drop(self.rows.remove(&(row.to_vec(), author))),
        }
        self.tell(Told::Rows(self.rows.len()));
    }
}

impl Session for Toy {
    type Effect = Told;
    const TOPICS: &'static [&'static str] = &["toy"];
    const ROWS: &'static [&'static [u8]] = &[ROWS];

    fn handle(&mut self, now: Time, input: Input<'_>) {
        match input {
            Input::Link { endpoint, link } => self.handle_link(endpoint, link),
            Input::Presence { endpoint, value } => {
                self.tell(Told::Present(endpoint, value.map(<[u8]>::to_vec)));
            }
            Input::Message { lane, bytes, .. } => self.tell(Told::Heard(lane, bytes.to_vec())),
            Input::Row { row, field: (writer, _), entry } => {
                self.handle_row(row, writer, entry.and_then(|entry| entry.value()));
            }
            Input::NotWritten { writes, error } => self.tell(Told::NotWritten(writes, error)),
            Input::Offered { blob, result } => {
                result.unwrap();
                self.outputs.push_back(Output::Write(vec![row_of(self.me, &blob.0)]));
            }
            Input::Fetched { blob, bytes } => match bytes {
                Ok(bytes) => {
                    self.tell(Told::Fetched(bytes));
                    self.outputs.push_back(Output::Free(blob));
                }
                Err(_) => self.tell(Told::NotFetched),
            },
            Input::Timeout => {
                self.deadline = None;
                self.tell(Told::TimedOut(now));
            }
            _ => {}
        }
    }

    fn poll_output(&mut self) -> Option<Output<Told>> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.deadline
    }
}

/// The write of a row that this peer alone may write.
fn row_of(peer: PeerId, value: &[u8]) -> Write {
    Write::value([ROWS, b"blob"].concat(), Writer::Peer(peer).field(b""), value)
}

type Results = UnboundedReceiver<Told>;

fn run(room: &Room, toy: Toy) -> (Running<Toy>, Results) {
    let (sender, told) = mpsc::unbounded_channel();
    // An error means that the test listens no more.
    (room.run(toy, move |_, told| drop(sender.send(told))), told)
}

/// Waits for results until this one has come.
async fn until(results: &mut Results, wanted: &Told) {
    let found = async { while results.recv().await.expect("the run goes on") != *wanted {} };
    timeout(SOON, found).await.unwrap_or_else(|_| panic!("{wanted:?} did not come"));
}

async fn two(network: &Network) -> ([Endpoint; 2], [Room; 2]) {
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let room = create(&ann, meshwork::room("toys")).await.unwrap();
    let same = bo.join(room.link()).await.unwrap();
    ([ann, bo], [room, same])
}

#[tokio::test(start_paused = true)]
async fn peers_count_rows_and_fetch_blobs() {
    let network = Network::new(7);
    let ([ann, bo], [room, same]) = two(&network).await;
    let toy = |endpoint: &Endpoint, bytes: &[u8]| {
        Toy::new(endpoint.id().peer).output(Output::Offer(bytes.to_vec()))
    };
    let (_anns, mut of_ann) = run(&room, toy(&ann, b"from Ann"));
    until(&mut of_ann, &Told::Rows(1)).await;
    // Bo's session begins with the row that is there.
    let (bos, mut of_bo) = run(&same, toy(&bo, b"from Bo"));
    until(&mut of_bo, &Told::Fetched(b"from Ann".to_vec())).await;
    until(&mut of_ann, &Told::Fetched(b"from Bo".to_vec())).await;
    assert_eq!(bos.read(|toy| toy.rows.len()), 2);
    // Rows of sessions are those of tables, and what was freed is not held.
    assert_eq!(room.table("toys").entries_of_each("").await.unwrap().len(), 2);
    room.table("toys").mine().remove("blob").await.unwrap();
    until(&mut of_bo, &Told::Rows(1)).await;
    let held = same.blobs().list().await.unwrap();
    assert_eq!(held.iter().map(|blob| blob.size()).collect::<Vec<_>>(), [7]);
}

#[tokio::test(start_paused = true)]
async fn blobs_that_nobody_holds_are_reported() {
    let network = Network::calm(7);
    let ([ann, _bo], [room, _same]) = two(&network).await;
    let fetch = Output::Fetch { blob: BlobId([7; 32]), at_most: 1000 };
    let (_anns, mut of_ann) = run(&room, Toy::new(ann.id().peer).output(fetch));
    until(&mut of_ann, &Told::NotFetched).await;
}

#[tokio::test(start_paused = true)]
async fn sessions_are_called_at_their_deadline() {
    let network = Network::new(7);
    let ([ann, _bo], [room, _same]) = two(&network).await;
    let (running, mut of_ann) = run(&room, Toy::new(ann.id().peer));
    // Past several looks at the links.
    let deadline = room.now() + Duration::from_millis(3333);
    running.with(|toy, _| toy.deadline = Some(deadline));
    let late = async {
        loop {
            if let Told::TimedOut(at) = of_ann.recv().await.unwrap() {
                return at.since(deadline);
            }
        }
    };
    let late = timeout(SOON, late).await.unwrap();
    assert!(late < Duration::from_millis(5), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn members_come_and_go() {
    let network = Network::calm(7);
    let ([ann, bo], [room, same]) = two(&network).await;
    let cy = network.endpoint("Cy");
    let third = cy.join(room.link()).await.unwrap();
    let (_anns, mut of_ann) = run(&room, Toy::new(ann.id().peer));
    until(&mut of_ann, &Told::Near(bo.id())).await;
    let (bos, _) = run(&same, Toy::new(bo.id().peer).output(Output::Presence(Some(b"here".to_vec()))));
    until(&mut of_ann, &Told::Present(bo.id(), Some(b"here".to_vec()))).await;
    bos.with(|toy, _| toy.outputs.push_back(Output::Presence(None)));
    until(&mut of_ann, &Told::Present(bo.id(), None)).await;
    bo.close().await;
    until(&mut of_ann, &Told::Gone(bo.id(), true)).await;
    network.kill(&cy);
    until(&mut of_ann, &Told::Gone(cy.id(), false)).await;
    drop(third);
}

#[tokio::test(start_paused = true)]
async fn lanes_reach_sessions() {
    let network = Network::calm(7);
    let ([ann, bo], [room, same]) = two(&network).await;
    let (_anns, mut of_ann) = run(&room, Toy::new(ann.id().peer));
    let (bos, mut of_bo) = run(&same, Toy::new(bo.id().peer).output(Output::Visit(ann.id())));
    until(&mut of_bo, &Told::Near(ann.id())).await;
    let (to, topic) = (ann.id(), "toy");
    for (lane, output) in [
        (Lane::Say, Output::Say { topic, bytes: b"all".to_vec() }),
        (Lane::Direct, Output::Direct { to, topic, bytes: b"all".to_vec() }),
        (Lane::Datagram, Output::Datagram { to: Some(to), topic, bytes: b"all".to_vec() }),
        (Lane::Datagram, Output::Datagram { to: None, topic, bytes: b"all".to_vec() }),
    ] {
        bos.with(|toy, _| toy.outputs.push_back(output));
        until(&mut of_ann, &Told::Heard(lane, b"all".to_vec())).await;
    }
}

#[tokio::test(start_paused = true)]
async fn refused_writes_come_back() {
    let network = Network::calm(7);
    let ([ann, bo], [room, _same]) = two(&network).await;
    let writes = vec![row_of(bo.id().peer, &[7; 32])];
    let (_anns, mut of_ann) = run(&room, Toy::new(ann.id().peer).output(Output::Write(writes.clone())));
    let told = timeout(SOON, async {
        loop {
            if let Told::NotWritten(writes, error) = of_ann.recv().await.unwrap() {
                return (writes, error);
            }
        }
    });
    let (refused, error) = told.await.unwrap();
    assert_eq!(refused, writes);
    assert!(matches!(error, WriteError::Invalid(_)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn last_outputs_of_dropped_sessions_arrive() {
    let network = Network::calm(7);
    let ([ann, bo], [room, same]) = two(&network).await;
    let (_anns, mut of_ann) = run(&room, Toy::new(ann.id().peer));
    let (bos, mut of_bo) = run(&same, Toy::new(bo.id().peer));
    until(&mut of_bo, &Told::Near(ann.id())).await;
    bos.with(|toy, _| toy.outputs.push_back(Output::Say { topic: "toy", bytes: b"bye".to_vec() }));
    drop(bos);
    until(&mut of_ann, &Told::Heard(Lane::Say, b"bye".to_vec())).await;
    while of_bo.recv().await.is_some() {}
}

#[tokio::test(start_paused = true)]
async fn runs_end_with_their_room() {
    let network = Network::calm(7);
    let ([ann, _bo], [room, _same]) = two(&network).await;
    let (_anns, mut of_ann) = run(&room, Toy::new(ann.id().peer));
    room.leave();
    let ended = timeout(SOON, async { while of_ann.recv().await.is_some() {} });
    ended.await.expect("the run ends with the room");
}

#[tokio::test(start_paused = true)]
async fn tasks_of_rooms_keep_time() {
    let network = Network::calm(7);
    let (_endpoints, [room, _same]) = two(&network).await;
    let (begun, (sender, mut done)) = (room.now(), mpsc::unbounded_channel());
    let wait = room.sleep(Duration::from_secs(60));
    room.spawn(async move {
        wait.await;
        sender.send(()).unwrap();
    });
    done.recv().await.unwrap();
    assert_eq!(room.now().since(begun).as_secs(), 60);
}
