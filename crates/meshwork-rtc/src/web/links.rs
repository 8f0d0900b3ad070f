//! The link half of the driver: effects in, inputs out, without a node or a server.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use meshwork_core::node::{Effect, Input};
use meshwork_core::seam::description::Role;
use meshwork_core::seam::io::LinkId;
use meshwork_core::seam::path::IceConfig;

use super::connection::{Connection, Sink};

/// The connections of one node.
///
/// Inputs come through the function given at birth, at any time, also while an effect is carried out: it must
/// only queue them.
pub struct Links {
    open: Rc<RefCell<BTreeMap<LinkId, Rc<Connection>>>>,
    sink: Sink,
}

impl Links {
    /// No connections yet; `sink` gets every input.
    pub fn new(sink: impl Fn(Input) + 'static) -> Links {
        let open: Rc<RefCell<BTreeMap<LinkId, Rc<Connection>>>> = Rc::default();
        let map = Rc::downgrade(&open);
        let sink = Rc::new(move |input: Input| {
            if let (Input::Down { link, .. }, Some(map)) = (&input, map.upgrade()) {
                map.borrow_mut().remove(link);
            }
            sink(input);
        });
        Links { open, sink }
    }

    /// Carries out an effect that concerns a link; any other is given back.
    pub fn carry_out(&self, effect: Effect) -> Option<Effect> {
        match effect {
            Effect::Open { link, role, ice } => self.open(link, role, &ice),
            Effect::Signal { link, signal } => {
                if let Some(connection) = self.connection(link) {
                    connection.handle_signal(signal);
                }
            }
            Effect::Send { link, channel, bytes } => {
                if let Some(connection) = self.connection(link) {
                    connection.send(channel, &bytes);
                }
            }
            Effect::Close { link } => {
                let closed = self.open.borrow_mut().remove(&link);
                if let Some(connection) = closed {
                    connection.close();
                }
            }
            other => return Some(other),
        }
        None
    }

    fn open(&self, link: LinkId, role: Role, ice: &IceConfig) {
        // A number has one connection, however often it is asked for.
        if self.open.borrow().contains_key(&link) {
            return;
        }
        match Connection::open(link, role, ice, self.sink.clone()) {
            Ok(connection) => {
                self.open.borrow_mut().insert(link, connection);
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
        for (_, connection) in std::mem::take(&mut *self.open.borrow_mut()) {
            connection.close();
        }
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("open", &self.open.borrow().keys().collect::<Vec<_>>()).finish()
    }
}
