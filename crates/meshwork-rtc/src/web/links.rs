//! The link half of the driver: effects in, inputs out, without a node or a server.
//!
//! A browser takes ten milliseconds or more to make a connection, and who enters a room connects to many at once. So connections are
//! made one in a turn, between which the page draws; what the other end says of one that waits for its turn waits with it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::{Rc, Weak};

use meshwork_core::node::{Effect, Input};
use meshwork_core::seam::description::{Role, Signal};
use meshwork_core::seam::io::LinkId;
use meshwork_core::seam::path::IceConfig;

use super::clock::Turn;
use super::connection::{Connection, Sink};

/// The connections of one node.
///
/// Inputs come through the function given at birth, at any time, also while an effect is carried out: it must
/// only queue them.
pub struct Links(Rc<Inner>);

struct Inner {
    open: RefCell<BTreeMap<LinkId, Rc<Connection>>>,
    /// Connections that are to be made, and whether one was made since the last turn.
    waiting: RefCell<Vec<Waiting>>,
    awaits_turn: Cell<bool>,
    turn: Turn,
    sink: Sink,
}

/// A connection that is to be made, and what the other end said of it meanwhile.
struct Waiting {
    link: LinkId,
    role: Role,
    ice: IceConfig,
    signals: Vec<Signal>,
}

impl Links {
    /// No connections yet; `sink` gets every input.
    pub fn new(sink: impl Fn(Input) + 'static) -> Links {
        Links(Rc::new_cyclic(|inner: &Weak<Inner>| {
            let (map, turning) = (inner.clone(), inner.clone());
            let sink = Rc::new(move |input: Input| {
                if let (Input::Down { link, .. }, Some(inner)) = (&input, map.upgrade()) {
                    inner.open.borrow_mut().remove(link);
                }
                sink(input);
            });
            let turn = Turn::new(move || {
                if let Some(inner) = turning.upgrade() {
                    inner.handle_turn();
                }
            });
            let (open, waiting, awaits_turn) = (RefCell::default(), RefCell::default(), Cell::new(false));
            Inner { open, waiting, awaits_turn, turn, sink }
        }))
    }

    /// Carries out an effect that concerns a link; any other is given back.
    pub fn carry_out(&self, effect: Effect) -> Option<Effect> {
        let inner = &self.0;
        match effect {
            Effect::Open { link, role, ice } => inner.plan(Waiting { link, role, ice, signals: Vec::new() }),
            Effect::Signal { link, signal } => {
                if let Some(connection) = inner.connection(link) {
                    connection.handle_signal(signal);
                } else if let Some(waiting) =
                    inner.waiting.borrow_mut().iter_mut().find(|waiting| waiting.link == link)
                {
                    waiting.signals.push(signal);
                }
            }
            Effect::Send { link, channel, bytes } => {
                if let Some(connection) = inner.connection(link) {
                    connection.send(channel, &bytes);
                }
            }
            Effect::Close { link } => {
                inner.waiting.borrow_mut().retain(|waiting| waiting.link != link);
                let closed = inner.open.borrow_mut().remove(&link);
                if let Some(connection) = closed {
                    connection.close();
                }
            }
            other => return Some(other),
        }
        None
    }

    /// How many connections were made and are not closed.
    pub fn count(&self) -> usize {
        self.0.open.borrow().len()
    }
}

impl Inner {
    /// Makes a connection at once, or in a later turn if one was made in this one.
    fn plan(&self, planned: Waiting) {
        // A number has one connection, however often it is asked for.
        let is_known = self.open.borrow().contains_key(&planned.link)
            || self.waiting.borrow().iter().any(|waiting| waiting.link == planned.link);
        if is_known {
            return;
        }
        if self.awaits_turn.get() {
            self.waiting.borrow_mut().push(planned);
        } else {
            self.make(planned);
        }
    }

    fn handle_turn(&self) {
        self.awaits_turn.set(false);
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.is_empty() {
            let next = waiting.remove(0);
            drop(waiting);
            self.make(next);
        }
    }

    fn make(&self, Waiting { link, role, ice, signals }: Waiting) {
        self.awaits_turn.set(true);
        self.turn.ask();
        match Connection::open(link, role, &ice, self.sink.clone()) {
            Ok(connection) => {
                self.open.borrow_mut().insert(link, connection.clone());
                signals.into_iter().for_each(|signal| connection.handle_signal(signal));
            }
            Err(reason) => {
                (self.sink)(Input::Down { link, reason: format!("the browser cannot connect: {reason}") });
            }
        }
    }

    fn connection(&self, link: LinkId) -> Option<Rc<Connection>> {
        self.open.borrow().get(&link).cloned()
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        self.0.waiting.borrow_mut().clear();
        for (_, connection) in std::mem::take(&mut *self.0.open.borrow_mut()) {
            connection.close();
        }
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("open", &self.0.open.borrow().keys().collect::<Vec<_>>()).finish()
    }
}
