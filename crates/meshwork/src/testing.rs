//! A network in virtual time, for the tests of one's own app.
//!
//! # How it works
//! The endpoints run the very nodes that real ones run, on a network that loses, repeats and delays packets by a seed.
//! Its time is that of the tokio runtime. In a test with `#[tokio::test(start_paused = true)]` that time passes at once
//! when nobody has anything to do: a minute of cuts takes milliseconds, and one seed gives one run.
//!
//! ```
//! # use meshwork::testing::Network;
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let network = Network::new(7);
//! let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
//! let room = ann.create(meshwork::room("votes")).await?;
//! let same = bo.join(room.link()).await?;
//! network.cut(&ann, &bo);
//! room.table("votes").set("ferry", &1).await?;
//! network.heal();
//! same.table("votes").watch("").next().await.expect("it arrives once the network is whole");
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use meshwork_core::id::Endpoint as EndpointId;
use meshwork_core::node::{Config, Node};
use meshwork_core::room::MakeReplica;
use meshwork_core::signed::app::AppWord;
use meshwork_sim::connection::{NodeIndex, PathModel};
use meshwork_sim::world::{SERVER, World};

use crate::blobs::{BlobStore, Memory};
use crate::endpoint::{Endpoint, JOIN_MAX};
use crate::runner::virtual_network::{Program, Virtual};

/// A network in virtual time with one server, and the endpoints on it. Clones are the same network.
#[derive(Clone)]
pub struct Network {
    network: Arc<Virtual>,
    programs: Arc<Mutex<BTreeMap<EndpointId, Started>>>,
    apps: Arc<Mutex<Vec<(AppWord, MakeReplica)>>>,
}

/// A program that was started.
#[derive(Clone)]
struct Started {
    index: NodeIndex,
    /// Whose it is.
    person: u64,
    config: Config,
}

impl Network {
    /// A network of mobile phones, which lose one packet in twenty, by this seed. Print the seed when a test fails.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(seed: u64) -> Network {
        Network::of(seed, PathModel::MOBILE)
    }

    /// One that loses nothing and delays little.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn calm(seed: u64) -> Network {
        Network::of(seed, PathModel::LAN)
    }

    fn of(seed: u64, path: PathModel) -> Network {
        let network = Virtual::new(World::new(seed, path));
        Network { network, programs: Arc::default(), apps: Arc::default() }
    }

    /// Registers an app for all programs that start from now on: see [`Builder::app`](crate::Builder::app).
    ///
    /// # Panics
    /// For an invalid name.
    pub fn app(&self, name: &str, make: MakeReplica) {
        let name = name.parse().expect("the name of an app has a to z, 0 to 9 and -");
        self.apps.lock().unwrap_or_else(PoisonError::into_inner).push((name, make));
    }

    /// A program of another person.
    pub fn endpoint(&self, name: &str) -> Endpoint {
        self.start(Config { name: name.to_owned(), ..Config::default() })
    }

    /// A program of another person that [keeps its name](crate::Builder::keep_name) with its writes.
    pub fn naming_endpoint(&self, name: &str) -> Endpoint {
        let endpoint = self.endpoint(name);
        endpoint.shared.keeps_name.store(true, std::sync::atomic::Ordering::Relaxed);
        endpoint
    }

    /// A program of another person that names no server: its rooms are made alone.
    pub fn endpoint_without_server(&self, name: &str) -> Endpoint {
        let person = self.programs().len() as u64;
        self.start_at(Vec::new(), person, Config { name: name.to_owned(), ..Config::default() })
    }

    /// A program of another person that stays in its rooms and stores them.
    pub fn keeper(&self, name: &str) -> Endpoint {
        self.start(Config { name: name.to_owned(), stays: true, stores: true, ..Config::default() })
    }

    /// Ends a program without a goodbye, as if it was killed, and starts it again: the same person, with what it had stored.
    /// It has to join its rooms anew.
    ///
    /// # Panics
    /// For an endpoint of another network, or one that has ended.
    pub fn restart(&self, endpoint: &Endpoint) -> Endpoint {
        let Started { index, person, config } = self.started(endpoint);
        let links = self.network.links_of(index);
        let (skew, store) = self.network.with(|world| (world.look_at(index).skew, world.crash(index)));
        let again = self.start_as(person, config);
        let index = self.index(&again);
        self.network.with(|world| {
            world.program(index).store = store;
            if skew != 0 {
                world.jump_clock(index, skew);
            }
        });
        self.network.note_links(index, links);
        again
    }

    /// Another device of the person whose program `endpoint` is: it has nothing in common with it but the identity.
    ///
    /// # Panics
    /// For an endpoint of another network.
    pub fn device(&self, endpoint: &Endpoint, name: &str) -> Endpoint {
        let Started { person, config, .. } = self.started(endpoint);
        self.start_as(person, Config { name: name.to_owned(), ..config })
    }

    /// The signed batches that a program has stored of all its rooms, as their bytes lie on its disk: those that count, and
    /// behind a byte 00 and four bytes of a day those that wait for a week since others took their place.
    ///
    /// # Panics
    /// For an endpoint of another network, or one that has ended.
    pub fn stored(&self, endpoint: &Endpoint) -> Vec<Vec<u8>> {
        let index = self.index(endpoint);
        let batches = |world: &mut World| {
            let rooms = world.look_at(index).store.values();
            rooms.flat_map(|room| room.batches.values().cloned()).collect()
        };
        self.network.with(batches)
    }

    fn start(&self, config: Config) -> Endpoint {
        let person = self.programs().len() as u64;
        self.start_as(person, config)
    }

    fn start_as(&self, person: u64, config: Config) -> Endpoint {
        self.start_at(vec![SERVER.to_owned()], person, config)
    }

    fn start_at(&self, servers: Vec<String>, person: u64, config: Config) -> Endpoint {
        let (index, id) = self.network.with(|world| {
            let index =
                world.start_with(config.clone(), person, 0, |_, config, identity, seed, now, wall| {
                    Node::new(crate::makers::make, config, identity, seed, now, wall)
                });
            for (app, make) in &*self.apps.lock().unwrap_or_else(PoisonError::into_inner) {
                world.command(index, |node, _| node.register_app(app.clone(), *make));
            }
            (index, world.node(index).endpoint())
        });
        self.programs().insert(id, Started { index, person, config });
        let events = self.network.listen(index);
        let program = Program { network: Arc::clone(&self.network), index, id };
        let blobs = BlobStore::Memory(Memory::default());
        Endpoint::start(Box::new(program), blobs, servers, JOIN_MAX, events)
    }

    /// Lets time pass.
    pub async fn run(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Nothing arrives any more between two endpoints.
    ///
    /// # Panics
    /// For an endpoint of another network.
    pub fn cut(&self, one: &Endpoint, other: &Endpoint) {
        let (one, other) = (self.index(one), self.index(other));
        self.network.with(|world| world.cut(&[one], &[other]));
    }

    /// Ends all cuts.
    pub fn heal(&self) {
        self.network.with(World::heal);
    }

    /// Sets the civil clock of an endpoint's device so many milliseconds ahead of the right time, or behind it. Servers have the
    /// right time.
    ///
    /// # Panics
    /// For an endpoint of another network, or one that has ended.
    pub fn set_clock(&self, endpoint: &Endpoint, ahead_ms: i64) {
        let index = self.index(endpoint);
        self.network.with(|world| world.jump_clock(index, ahead_ms.saturating_mul(1000)));
    }

    /// Stops the server: nobody finds anybody by it until [`Network::start_server`].
    pub fn stop_server(&self) {
        self.network.with(World::stop_server);
    }

    /// Starts the server again.
    pub fn start_server(&self) {
        self.network.with(|world| world.servers.start());
    }

    /// Ends a program without a goodbye, as if it was killed.
    ///
    /// # Panics
    /// For an endpoint of another network.
    pub fn kill(&self, endpoint: &Endpoint) {
        let index = self.index(endpoint);
        self.network.with(|world| drop(world.crash(index)));
    }

    fn index(&self, endpoint: &Endpoint) -> NodeIndex {
        self.started(endpoint).index
    }

    fn started(&self, endpoint: &Endpoint) -> Started {
        self.programs().get(&endpoint.id()).expect("it is an endpoint of this network").clone()
    }

    fn programs(&self) -> std::sync::MutexGuard<'_, BTreeMap<EndpointId, Started>> {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
