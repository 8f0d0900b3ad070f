//! One `RTCPeerConnection` with its two channels, from the first description to the last byte.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::time::Duration;

use meshwork_core::node::Input;
use meshwork_core::seam::description::{
    CANDIDATES_MAX, Candidate, Description, Fingerprint, Fingerprints, Role, Signal,
};
use meshwork_core::seam::io::{Channel, LinkId, SEND_WINDOW};
use meshwork_core::seam::path::{IceConfig, IcePolicy, LinkPath, PathEnd};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use super::channel::{DataChannel, message_bytes};
use super::clock::{now, sleep};
use super::facts::{self, RemoteCertificate};
use super::handler::{Handler, object, property, settled, words};
use super::rtc::PeerConnection;
use super::sdp;

/// Bytes kept of what arrives before both channels are open: the other end, once it is up, may send as much
/// before it hears of us.
const EARLY_BYTES_MAX: usize = 2 * SEND_WINDOW;
/// How long a closing connection may take to send what it holds.
const FLUSH_MAX: Duration = Duration::from_secs(2);
/// How often a closing connection looks whether it has sent all.
const FLUSH_STEP: Duration = Duration::from_millis(20);

/// Where a connection's inputs go. It only queues: it never calls back into the connection.
pub(crate) type Sink = Rc<dyn Fn(Input)>;

/// A connection attempt and the link it becomes.
pub(crate) struct Connection {
    link: LinkId,
    role: Role,
    inner: PeerConnection,
    channels: [DataChannel; 2],
    sink: Sink,
    state: RefCell<State>,
    handlers: RefCell<Vec<Handler>>,
}

#[derive(Default)]
struct State {
    phase: Phase,
    local: Option<Fingerprint>,
    remote: Option<Fingerprint>,
    /// Whether the browser has the other end's description: before that it takes no candidates.
    takes_candidates: bool,
    early_candidates: Vec<Candidate>,
    candidates_said: usize,
    early_data: Vec<(Channel, Vec<u8>)>,
    early_bytes: usize,
    path: Option<LinkPath>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Opening,
    Up,
    /// Failed or closed: nothing more is said.
    Over,
}

impl Connection {
    /// Makes the connection; an offerer's description follows.
    ///
    /// # Errors
    /// The browser's words why there can be none.
    pub(crate) fn open(
        link: LinkId,
        role: Role,
        ice: &IceConfig,
        sink: Sink,
    ) -> Result<Rc<Connection>, String> {
        let inner = PeerConnection::new(&configuration(ice)).map_err(|error| words(&error))?;
        let [reliable, unreliable] = Channel::ALL.map(|channel| DataChannel::new(&inner, channel));
        let channels = match (reliable, unreliable) {
            (Ok(reliable), Ok(unreliable)) => [reliable, unreliable],
            (Err(reason), _) | (_, Err(reason)) => {
                // It is of no use, closed or not.
                let _ = inner.close();
                return Err(reason);
            }
        };
        let state = RefCell::default();
        let handlers = RefCell::default();
        let connection = Rc::new(Connection { link, role, inner, channels, sink, state, handlers });
        if let Err(error) = connection.listen() {
            connection.hush();
            return Err(words(&error));
        }
        if role == Role::Offerer {
            connection.negotiate(None);
        }
        Ok(connection)
    }

    /// Takes what the other end said.
    pub(crate) fn handle_signal(self: &Rc<Self>, signal: Signal) {
        let mut state = self.state.borrow_mut();
        if state.phase == Phase::Over {
            return;
        }
        match signal {
            // There is one description in an attempt, and it is the other role's.
            Signal::Description(description) => {
                if state.remote.is_none() && description.role == self.role.opposite() {
                    state.remote = Some(description.fingerprint);
                    drop(state);
                    self.negotiate(Some(description));
                }
            }
            Signal::Candidate(candidate) if state.takes_candidates => {
                drop(state);
                self.add_candidate(&candidate);
            }
            Signal::Candidate(candidate) => {
                if state.early_candidates.len() < CANDIDATES_MAX {
                    state.early_candidates.push(candidate);
                }
            }
        }
    }

    /// Sends a message.
    pub(crate) fn send(&self, channel: Channel, bytes: &[u8]) {
        if self.phase() != Phase::Up {
            return;
        }
        let data_channel = self.data_channel(channel);
        let gone = data_channel.take_gone();
        if gone > 0 {
            self.say(Input::Writable { link: self.link, bytes: gone });
        }
        if let Err(reason) = data_channel.send(bytes) {
            self.fail(format!("the browser cannot send: {reason}"));
        }
    }

    /// Says nothing more, sends what is buffered within bounds, then closes.
    pub(crate) fn close(self: Rc<Self>) {
        self.end();
        if !self.is_buffering() {
            return self.hush();
        }
        spawn_local(async move {
            let begun = now();
            while self.is_buffering() && now().since(begun) < FLUSH_MAX {
                sleep(FLUSH_STEP).await;
            }
            self.hush();
        });
    }

    fn phase(&self) -> Phase {
        self.state.borrow().phase
    }

    fn is_buffering(&self) -> bool {
        self.channels.iter().any(DataChannel::is_buffering)
    }

    fn data_channel(&self, channel: Channel) -> &DataChannel {
        let [reliable, unreliable] = &self.channels;
        match channel {
            Channel::Reliable => reliable,
            Channel::Unreliable => unreliable,
        }
    }

    fn say(&self, input: Input) {
        if self.phase() != Phase::Over {
            (self.sink)(input);
        }
    }

    fn fail(&self, reason: String) {
        if self.phase() != Phase::Over {
            self.end();
            self.hush();
            (self.sink)(Input::Down { link: self.link, reason });
        }
    }

    fn end(&self) {
        {
            let mut state = self.state.borrow_mut();
            state.phase = Phase::Over;
            state.early_data.clear();
            state.early_candidates.clear();
        }
        // What throws here is no browser's: it calls no handler either, and after this none does anything.
        let _ = self.inner.set_on_candidate(None);
        let _ = self.inner.set_on_state(None);
        for DataChannel { inner, .. } in &self.channels {
            let _ = inner.set_on_open(None);
            let _ = inner.set_on_message(None);
            let _ = inner.set_on_low(None);
            let _ = inner.set_on_close(None);
        }
        // The handlers themselves stay until the connection is dropped: one of them may be running.
    }

    /// Lets the browser close the connection; one that throws is let go of.
    fn hush(&self) {
        if let Err(error) = self.inner.close() {
            tracing::debug!(reason = words(&error), "the browser does not close a connection");
        }
    }
}

/// Negotiation: descriptions and candidates, each in its order.
impl Connection {
    fn negotiate(self: &Rc<Self>, remote: Option<Description>) {
        let connection = self.clone();
        spawn_local(async move {
            let done = match remote {
                None => connection.offer().await,
                Some(description) => connection.accept(&description).await,
            };
            if let Err(reason) = done {
                connection.fail(format!("the browser cannot connect: {reason}"));
            }
        });
    }

    async fn offer(&self) -> Result<(), String> {
        let offer = settled(self.inner.create_offer()).await?;
        self.describe(offer).await
    }

    async fn accept(self: &Rc<Self>, description: &Description) -> Result<(), String> {
        let kind = match description.role {
            Role::Offerer => "offer",
            Role::Answerer => "answer",
        };
        let text = sdp::write_description(description);
        let remote = object(&[("type", kind.into()), ("sdp", text.into())]);
        settled(self.inner.set_remote_description(&remote)).await?;
        let early = {
            let mut state = self.state.borrow_mut();
            state.takes_candidates = true;
            std::mem::take(&mut state.early_candidates)
        };
        if self.phase() == Phase::Over {
            return Ok(());
        }
        for candidate in &early {
            self.add_candidate(candidate);
        }
        if self.role == Role::Offerer {
            return Ok(());
        }
        let answer = settled(self.inner.create_answer()).await?;
        self.describe(answer).await
    }

    /// Tells the other end the own description, then lets the browser gather candidates, which must come
    /// second.
    async fn describe(&self, own: JsValue) -> Result<(), String> {
        let text = property(&own, "sdp").and_then(|sdp| sdp.as_string()).unwrap_or_default();
        let description = sdp::read_description(self.role, &text).map_err(|error| error.to_string())?;
        if self.phase() == Phase::Over {
            return Ok(());
        }
        {
            let mut state = self.state.borrow_mut();
            state.local = Some(description.fingerprint);
            state.candidates_said = description.candidates.len();
        }
        let set = self.inner.set_local_description(&own);
        self.say(Input::Signal { link: self.link, signal: Signal::Description(description) });
        settled(set).await.map(drop)
    }

    fn add_candidate(self: &Rc<Self>, candidate: &Candidate) {
        let text = sdp::write_candidate(candidate);
        let added =
            self.inner.add_ice_candidate(&object(&[("candidate", text.into()), ("sdpMid", "0".into())]));
        let this = self.clone();
        spawn_local(async move {
            match settled(added).await {
                // A relay that answered before it was named is known for one only now, and nothing tells of that.
                Ok(_) if this.phase() == Phase::Up => this.look_up_path(),
                Ok(_) => {}
                Err(reason) => tracing::debug!(reason, "the browser does not take a candidate"),
            }
        });
    }
}

/// What the browser calls back with.
impl Connection {
    fn listen(self: &Rc<Self>) -> Result<(), JsValue> {
        let candidate = self.handler(|this, event| this.on_candidate(&event));
        self.inner.set_on_candidate(Some(candidate.function()))?;
        let state = self.handler(|this, _| this.on_state_change());
        self.inner.set_on_state(Some(state.function()))?;
        let mut handlers = vec![candidate, state];
        for data_channel in &self.channels {
            let (channel, inner) = (data_channel.channel, &data_channel.inner);
            let open = self.handler(|this, _| this.on_open());
            inner.set_on_open(Some(open.function()))?;
            let message = self.handler(move |this, event| this.on_message(channel, &event));
            inner.set_on_message(Some(message.function()))?;
            let writable = self.handler(move |this, _| this.on_writable(channel));
            inner.set_on_low(Some(writable.function()))?;
            let close = self.handler(|this, _| this.on_channel_close());
            inner.set_on_close(Some(close.function()))?;
            handlers.extend([open, message, writable, close]);
        }
        self.handlers.borrow_mut().extend(handlers);
        Ok(())
    }

    fn handler(self: &Rc<Self>, call: impl Fn(&Rc<Connection>, JsValue) + 'static) -> Handler {
        let weak: Weak<Connection> = Rc::downgrade(self);
        Handler::new(move |event: JsValue| {
            if let Some(connection) = weak.upgrade() {
                call(&connection, event);
            }
        })
    }

    fn on_candidate(&self, event: &JsValue) {
        let found = property(event, "candidate").and_then(|found| property(&found, "candidate")?.as_string());
        let Some(candidate) = found.and_then(|found| sdp::read_candidate(&found)) else { return };
        let is_one_too_many = {
            let mut state = self.state.borrow_mut();
            state.candidates_said += 1;
            state.candidates_said > CANDIDATES_MAX
        };
        if !is_one_too_many {
            self.say(Input::Signal { link: self.link, signal: Signal::Candidate(candidate) });
        }
    }

    fn on_state_change(&self) {
        if self.inner.connection_state().is_ok_and(|state| state == "failed") {
            let reason = match self.phase() {
                Phase::Up => "the connection broke off",
                _ => "no way through to them was found",
            };
            self.fail(reason.to_owned());
        }
    }

    fn on_open(self: &Rc<Self>) {
        if self.phase() != Phase::Opening || !self.channels.iter().all(DataChannel::is_open) {
            return;
        }
        let (local, described) = {
            let state = self.state.borrow();
            (state.local, state.remote)
        };
        let remote = match facts::remote_certificate(&self.inner) {
            RemoteCertificate::Seen(fingerprint) => Some(fingerprint),
            RemoteCertificate::NotShown => described,
            RemoteCertificate::Missing => None,
        };
        let (Some(local), Some(remote)) = (local, remote) else {
            return self.fail("the connection opened without certificates".to_owned());
        };
        let path = facts::path(&self.inner);
        let early = {
            let mut state = self.state.borrow_mut();
            state.phase = Phase::Up;
            state.path = Some(path);
            std::mem::take(&mut state.early_data)
        };
        let path_change = self.handler(|this, _| this.on_path_change());
        facts::on_path_change(&self.inner, &path_change);
        self.handlers.borrow_mut().push(path_change);
        self.say(Input::Up { link: self.link, fingerprints: Fingerprints { local, remote }, path });
        for (channel, bytes) in early {
            self.say(Input::Data { link: self.link, channel, bytes });
        }
        self.look_up_unsure(path);
    }

    fn on_message(&self, channel: Channel, event: &JsValue) {
        let Some(bytes) = property(event, "data").and_then(|data| message_bytes(&data)) else { return };
        if self.phase() == Phase::Up {
            return self.say(Input::Data { link: self.link, channel, bytes });
        }
        let mut state = self.state.borrow_mut();
        state.early_bytes += bytes.len();
        if state.phase == Phase::Opening && state.early_bytes <= EARLY_BYTES_MAX {
            state.early_data.push((channel, bytes));
            return;
        }
        drop(state);
        self.fail("they sent too much before the connection was ready".to_owned());
    }

    fn on_writable(&self, channel: Channel) {
        let gone = self.data_channel(channel).take_gone();
        if gone > 0 {
            self.say(Input::Writable { link: self.link, bytes: gone });
        }
    }

    fn on_channel_close(&self) {
        self.fail("they closed the connection".to_owned());
    }

    fn on_path_change(self: &Rc<Self>) {
        let path = facts::path(&self.inner);
        self.note_path(path);
        self.look_up_unsure(path);
    }

    /// Looks up a path that the browser does not tell, or has told before a relay was named that answered already: it knows
    /// the relay from then on, and does not tell the path again.
    fn look_up_unsure(self: &Rc<Self>, path: LinkPath) {
        if path.local.is_none() || path.remote == Some(PathEnd::PeerReflexive) {
            self.look_up_path();
        }
    }

    fn look_up_path(self: &Rc<Self>) {
        let this = Rc::clone(self);
        spawn_local(async move {
            if let Some(path) = facts::path_from_statistics(&this.inner).await {
                this.note_path(path);
            }
        });
    }

    fn note_path(&self, path: LinkPath) {
        let is_new = self.state.borrow_mut().path.replace(path) != Some(path);
        if is_new {
            self.say(Input::PathChanged { link: self.link, path });
        }
    }
}

/// What the browser may use to find a path (W3C WebRTC section 4.2.1).
fn configuration(ice: &IceConfig) -> JsValue {
    let servers = js_sys::Array::new();
    for server in ice.usable_servers().map(|named| &named.ice) {
        let urls: js_sys::Array = server.urls.iter().map(|url| JsValue::from_str(url)).collect();
        let mut entry = vec![("urls", urls.into())];
        if server.is_relay() {
            entry.push(("username", server.username.as_str().into()));
            entry.push(("credential", server.credential.as_str().into()));
        }
        servers.push(&object(&entry));
    }
    let mut configuration = vec![("iceServers", servers.into())];
    if ice.policy == IcePolicy::Relay {
        configuration.push(("iceTransportPolicy", "relay".into()));
    }
    object(&configuration)
}
