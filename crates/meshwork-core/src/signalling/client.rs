//! One signalling server as a node talks to it: entering, keep-alive, and coming back when it was away.
//!
//! # How it works
//! The server opens with `welcome`; the client signs its challenge, and from `entered` on requests may be
//! sent. Silence for longer than the server's keep-alive interval is broken by `keep-alive`; when nothing comes
//! back for three of them the socket is given up. Each loss doubles the pause before the next attempt, with
//! jitter so that a restarted server is not met by everybody at once.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use super::announce;
use super::protocol::{Announcement, FromClient, FromServer, SERVER_MESSAGE_MAX, VERSIONS};
use crate::id::Identity;
use crate::reach::Reach;
use crate::rng::Rng;
use crate::seam::choice::Choice;
use crate::seam::config::Config;
use crate::time::{Time, WallTime};

/// Keep-alives without an answer after which the socket is given up.
const UNANSWERED_MAX: u32 = 3;
/// Longest wait for a socket to open and the server to let us in.
const ENTER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may take to answer after the network changed, before the socket is given up.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// Longest that a server may ask to be left alone.
const AWAY_MAX: Duration = Duration::from_secs(60);
/// Longest words about a message that is none, in bytes: they may quote it.
const RUBBISH_MAX: usize = 200;
/// Keep-alive interval used when a server names one outside 1 s to 5 min.
const KEEP_ALIVE_RANGE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// What the node must do for the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAction {
    /// Open the WebSocket.
    Open,
    /// Send a text frame.
    Send(String),
    /// Close the WebSocket.
    Close,
}

/// What the node hears from the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// The server let us in: rooms can be asked for.
    Entered,
    /// A message for the rooms.
    Message(FromServer),
    /// The server said something that is not its protocol.
    Rubbish(String),
    /// The server speaks other versions of the protocol: the lowest and the highest that it does.
    Version((u16, u16)),
    /// The server cannot be reached, with the reason in words; another attempt follows.
    Away(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing is open; the next attempt is due at the deadline.
    Waiting,
    /// The socket is being opened, or the welcome or entry is awaited.
    Opening,
    /// The server let us in.
    Entered,
}

/// The conversation with one server.
#[derive(Debug)]
pub struct ServerClient {
    url: String,
    reach: Reach,
    phase: Phase,
    deadline: Time,
    keep_alive: Duration,
    unanswered: u32,
    failures: u32,
    /// Number of attempts to open the socket.
    attempts: u32,
    /// How long the server takes nobody in, as it said when it left.
    away: Duration,
    /// What its civil clock said last, and when.
    clock: Option<(Time, WallTime)>,
    /// Whether our civil clock was set ahead since then, or our monotonic clock stood still.
    is_clock_doubtful: bool,
    overlay: Choice,
    retry_least: Duration,
    retry_most: Duration,
}

impl ServerClient {
    /// A conversation with the server at `url`, to be opened at once.
    pub fn new(now: Time, url: String, config: &Config) -> ServerClient {
        ServerClient {
            reach: Reach::of_host(host_of(&url)),
            url,
            phase: Phase::Waiting,
            deadline: now,
            keep_alive: KEEP_ALIVE_RANGE.1,
            unanswered: 0,
            failures: 0,
            attempts: 0,
            away: Duration::ZERO,
            clock: None,
            is_clock_doubtful: false,
            overlay: Choice::Auto,
            retry_least: config.retry_least,
            retry_most: config.retry_most,
        }
    }

    /// The server's WebSocket address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The host in its address, an IPv6 one in brackets.
    pub fn host(&self) -> &str {
        host_of(&self.url)
    }

    /// How far away it is: what its host tells, until [`ServerClient::set_reach`].
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// The address to which the WebSocket is open tells how far away it is.
    pub fn set_reach(&mut self, reach: Reach) {
        self.reach = reach;
    }

    /// Whether requests can be sent.
    pub fn is_entered(&self) -> bool {
        self.phase == Phase::Entered
    }

    /// What the server's civil clock says now, while it lets us in.
    pub fn wall(&self, now: Time) -> Option<WallTime> {
        let (heard, wall) = self.clock.filter(|_| self.is_entered())?;
        Some(wall + now.since(heard))
    }

    /// What the server's civil clock says now, by its last welcome; `None` if our own clocks disagree since then.
    pub fn last_wall(&self, now: Time) -> Option<WallTime> {
        let (heard, wall) = self.clock.filter(|_| !self.is_clock_doubtful)?;
        Some(wall + now.since(heard))
    }

    /// Our civil clock moved ahead of our monotonic clock: somebody set it, or the machine slept.
    pub fn handle_clock_ahead(&mut self) {
        self.is_clock_doubtful = true;
    }

    /// The overlay that the server wants new rooms to have.
    pub fn overlay(&self) -> Choice {
        self.overlay
    }

    /// When [`ServerClient::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Time {
        self.deadline
    }

    /// Opens, keeps alive or gives up, whichever is due.
    pub fn handle_timeout(
        &mut self,
        now: Time,
        rng: &mut Rng,
    ) -> (Option<ClientAction>, Option<ClientEvent>) {
        if now < self.deadline {
            return (None, None);
        }
        match self.phase {
            Phase::Waiting => {
                self.phase = Phase::Opening;
                self.attempts = self.attempts.saturating_add(1);
                self.deadline = now + ENTER_TIMEOUT;
                (Some(ClientAction::Open), None)
            }
            Phase::Entered if self.unanswered < UNANSWERED_MAX => {
                self.unanswered += 1;
                let last = self.unanswered == UNANSWERED_MAX;
                self.deadline = now + if last { self.keep_alive.min(ANSWER_WITHIN) } else { self.keep_alive };
                (Some(ClientAction::Send(to_json(&FromClient::KeepAlive))), None)
            }
            Phase::Opening | Phase::Entered => {
                let away = self.give_up(now, String::from("it does not answer"), rng);
                (Some(ClientAction::Close), Some(away))
            }
        }
    }

    /// Number of attempts to open the socket so far, the present one included.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Number of attempts that have ended, if the server is away: 0 while it admits us.
    pub fn ended_attempts(&self) -> u32 {
        match self.phase {
            Phase::Waiting => self.attempts,
            Phase::Opening => self.attempts.saturating_sub(1),
            Phase::Entered => 0,
        }
    }

    /// Ends the pause before the next attempt. Returns whether there was one.
    pub fn end_pause(&mut self, now: Time) -> bool {
        let is_waiting = self.phase == Phase::Waiting;
        if is_waiting {
            self.deadline = now;
        }
        is_waiting
    }

    /// The machine may have another network now: tries again at once, or asks whether the server is still there.
    pub fn handle_network_changed(&mut self, now: Time) {
        match self.phase {
            Phase::Waiting => self.deadline = now,
            Phase::Opening => {}
            Phase::Entered => {
                // One question, and one short wait for its answer.
                self.unanswered = UNANSWERED_MAX - 1;
                self.deadline = now;
            }
        }
    }

    /// The socket could not be opened or was closed.
    pub fn handle_down(&mut self, now: Time, reason: String, rng: &mut Rng) -> Option<ClientEvent> {
        (self.phase != Phase::Waiting).then(|| self.give_up(now, reason, rng))
    }

    /// A text frame arrived.
    pub fn handle_text(
        &mut self,
        now: Time,
        text: &str,
        identity: &Identity,
        announcement: &Announcement,
    ) -> (Option<ClientAction>, Option<ClientEvent>) {
        if self.phase == Phase::Waiting {
            return (None, None);
        }
        if text.len() > SERVER_MESSAGE_MAX {
            let rubbish = format!("a message of {} bytes, above {SERVER_MESSAGE_MAX}", text.len());
            return (None, Some(ClientEvent::Rubbish(rubbish)));
        }
        let message = match serde_json::from_str(text) {
            Ok(message) => message,
            Err(error) => {
                let mut rubbish = format!("{error}");
                rubbish.truncate(rubbish.floor_char_boundary(RUBBISH_MAX));
                return (None, Some(ClientEvent::Rubbish(rubbish)));
            }
        };
        self.unanswered = 0;
        match message {
            FromServer::Welcome { versions, challenge, time_ms, keep_alive_ms, overlay } => {
                if versions.0 > VERSIONS.1 || versions.1 < VERSIONS.0 {
                    return (None, Some(ClientEvent::Version(versions)));
                }
                self.clock = Some((now, WallTime::from_millis(time_ms)));
                self.is_clock_doubtful = false;
                // A name that this build does not know counts as none.
                self.overlay = overlay.map(|name| Choice::of_record(&name)).unwrap_or_default();
                let interval = Duration::from_millis(keep_alive_ms);
                self.keep_alive = interval.clamp(KEEP_ALIVE_RANGE.0, KEEP_ALIVE_RANGE.1);
                let Some(challenge) = challenge.array() else {
                    let rubbish = format!("a challenge of {} bytes", challenge.len());
                    return (None, Some(ClientEvent::Rubbish(rubbish)));
                };
                let proof = announce::prove_entry(identity, announcement.endpoint, &challenge).into();
                let version = VERSIONS.1.min(versions.1);
                let enter = FromClient::Enter { version, announcement: announcement.clone(), proof };
                (Some(ClientAction::Send(to_json(&enter))), None)
            }
            FromServer::Entered if self.phase == Phase::Opening => {
                self.phase = Phase::Entered;
                self.failures = 0;
                self.deadline = now + self.keep_alive;
                (None, Some(ClientEvent::Entered))
            }
            // A later version may say things that this one does not know.
            FromServer::Entered | FromServer::KeepAlive | FromServer::Ignored => (None, None),
            message => {
                if let FromServer::Goodbye { away_ms: Some(away_ms), .. } = message {
                    self.away = Duration::from_millis(away_ms).min(AWAY_MAX);
                }
                (None, Some(ClientEvent::Message(message)))
            }
        }
    }

    /// Encodes a request and puts off the keep-alive, since the server hears from us anyway.
    pub fn request(&mut self, now: Time, message: &FromClient) -> String {
        if self.phase == Phase::Entered && self.unanswered == 0 {
            self.deadline = now + self.keep_alive;
        }
        to_json(message)
    }

    fn give_up(&mut self, now: Time, reason: String, rng: &mut Rng) -> ClientEvent {
        self.phase = Phase::Waiting;
        self.unanswered = 0;
        let away = core::mem::take(&mut self.away);
        // Who was told to stay away comes back within as long again, and not with everybody else.
        let spread = Duration::from_micros(rng.below(away.as_micros() as u64 + 1));
        self.deadline = now + away + spread + back_off(self.failures, self.retry_least, self.retry_most, rng);
        self.failures += 1;
        ClientEvent::Away(reason)
    }
}

fn to_json(message: &FromClient) -> String {
    serde_json::to_string(message).expect("a client says nothing of a type that it does not know")
}

/// The pause after `failures` earlier ones: doubled each time up to `most`, and of that a random half to whole.
pub fn back_off(failures: u32, least: Duration, most: Duration, rng: &mut Rng) -> Duration {
    let whole = least.saturating_mul(1 << failures.min(16)).min(most);
    let half = whole / 2;
    half + Duration::from_micros(rng.below(half.as_micros() as u64 + 1))
}

/// The host in the address of a WebSocket, an IPv6 one in brackets.
fn host_of(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    let place = after.split(['/', '?', '#']).next().unwrap_or(after);
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    match place.find(']') {
        Some(end) => &place[..=end],
        None => place.split(':').next().unwrap_or(place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Endpoint, Instance};
    use crate::wire::Base64;

    struct World {
        client: ServerClient,
        identity: Identity,
        announcement: Announcement,
        rng: Rng,
    }

    fn world() -> World {
        let identity = Identity::from_secret([1; 32]);
        let endpoint = Endpoint { peer: identity.peer(), instance: Instance(1) };
        let announcement = announce::announce(&identity, endpoint, [2; 32]);
        let client = ServerClient::new(Time(0), "ws://x/signal".into(), &Config::default());
        World { client, identity, announcement, rng: Rng::new([0; 32]) }
    }

    impl World {
        fn text(&mut self, now: Time, text: &str) -> (Option<ClientAction>, Option<ClientEvent>) {
            self.client.handle_text(now, text, &self.identity, &self.announcement)
        }

        fn enter(&mut self) {
            self.enter_with(20_000);
        }

        fn enter_with(&mut self, keep_alive_ms: u64) {
            assert_eq!(self.client.handle_timeout(Time(0), &mut self.rng), (Some(ClientAction::Open), None));
            let challenge = serde_json::to_string(&Base64::from([0u8; 32])).expect("text");
            let welcome = format!(
                r#"{{"type":"welcome","versions":[1,3],"challenge":{challenge},"time_ms":0,"keep_alive_ms":{keep_alive_ms}}}"#
            );
            let (action, event) = self.text(Time(0), &welcome);
            assert!(matches!(action, Some(ClientAction::Send(text)) if text.contains("\"enter\"")));
            assert_eq!(event, None);
            assert_eq!(self.text(Time(0), r#"{"type":"entered"}"#), (None, Some(ClientEvent::Entered)));
        }
    }

    #[test]
    fn a_welcome_is_answered_and_silence_is_broken() {
        let mut world = world();
        world.enter();
        let due = world.client.poll_timeout();
        assert_eq!(due, Time(20_000_000));
        let (action, _) = world.client.handle_timeout(due, &mut world.rng);
        assert_eq!(action, Some(ClientAction::Send(r#"{"type":"keep-alive"}"#.into())));
    }

    #[test]
    fn a_server_that_is_away_keeps_its_clock() {
        let mut world = world();
        world.enter();
        world.client.handle_down(Time(5_000), "closed".into(), &mut world.rng);
        assert_eq!(world.client.wall(Time(9_000)), None);
        assert_eq!(world.client.last_wall(Time(9_000)), Some(WallTime(9_000)));
        // The machine slept, or somebody set its clock: which one is known at the next welcome.
        world.client.handle_clock_ahead();
        assert_eq!(world.client.last_wall(Time(9_000)), None);
    }

    #[test]
    fn a_silent_server_is_given_up_and_retried() {
        let mut world = world();
        world.enter();
        for _ in 0..3 {
            let due = world.client.poll_timeout();
            assert!(matches!(
                world.client.handle_timeout(due, &mut world.rng),
                (Some(ClientAction::Send(_)), None)
            ));
        }
        let due = world.client.poll_timeout();
        let (action, event) = world.client.handle_timeout(due, &mut world.rng);
        assert_eq!(action, Some(ClientAction::Close));
        assert!(matches!(event, Some(ClientEvent::Away(_))));
        let again = world.client.poll_timeout();
        assert!(again > due);
        assert_eq!(world.client.handle_timeout(again, &mut world.rng), (Some(ClientAction::Open), None));
    }

    #[test]
    fn client_obeys_and_ends_a_requested_back_off() {
        let mut world = world();
        for seed in 0..20 {
            world.rng = Rng::new([seed; 32]);
            world.client = ServerClient::new(Time(0), "ws://x/signal".into(), &Config::default());
            world.enter();
            world.text(Time(5), r#"{"type":"goodbye","reason":"shutting-down","detail":"","away_ms":2000}"#);
            world.client.handle_down(Time(5), "closed".into(), &mut world.rng);
            let due = world.client.poll_timeout();
            assert!(due > Time(2_000_005) && due <= Time(4_250_005), "{due:?}");
            world.client.handle_timeout(due, &mut world.rng);
            world.client.handle_down(due, "refused".into(), &mut world.rng);
            assert!(world.client.poll_timeout() < due + Duration::from_secs(1), "it was asked once");
        }
    }

    #[test]
    fn a_server_has_so_long_to_let_in() {
        let mut world = world();
        assert_eq!(world.client.handle_timeout(Time(0), &mut world.rng), (Some(ClientAction::Open), None));
        let late = Time(0) + ENTER_TIMEOUT;
        let early = late - Duration::from_micros(1);
        assert_eq!(world.client.handle_timeout(early, &mut world.rng), (None, None));
        let (action, event) = world.client.handle_timeout(late, &mut world.rng);
        assert_eq!(action, Some(ClientAction::Close));
        assert!(matches!(event, Some(ClientEvent::Away(_))));
    }

    #[test]
    fn servers_choose_keep_alive_intervals_within_bounds() {
        let (least, most) = KEEP_ALIVE_RANGE;
        for (asked_ms, interval) in [
            (0, least),
            (1500, Duration::from_millis(1500)),
            (most.as_millis() as u64 - 1, most - Duration::from_millis(1)),
            (u64::MAX, most),
        ] {
            let mut world = world();
            world.enter_with(asked_ms);
            assert_eq!(world.client.poll_timeout(), Time(0) + interval, "{asked_ms}");
        }
    }

    #[test]
    fn a_server_sends_away_for_so_long() {
        // Retries come on top of it, and as long again by chance.
        let due = |away_ms: u64| {
            let mut world = world();
            world.enter();
            let goodbye =
                format!(r#"{{"type":"goodbye","reason":"shutting-down","detail":"","away_ms":{away_ms}}}"#);
            world.text(Time(0), &goodbye);
            world.client.handle_down(Time(0), "closed".into(), &mut world.rng);
            world.client.poll_timeout()
        };
        let most = AWAY_MAX.as_millis() as u64;
        assert!(due(most) >= Time(0) + AWAY_MAX);
        assert!(due(most - 1) < due(most));
        assert_eq!([most + 1, u64::MAX].map(due), [due(most); 2]);
    }

    #[test]
    fn unknown_types_are_skipped_and_rubbish_is_told() {
        let mut world = world();
        world.enter();
        assert_eq!(world.text(Time(1), r#"{"type":"weather","sun":true}"#), (None, None));
        let quoted = format!(r#"{{"type":"ice-servers","room":"{}"}}"#, "é".repeat(9000));
        let deep = "[".repeat(SERVER_MESSAGE_MAX);
        for rubbish in ["", "[]", "{", r#"{"type":"joined"}"#, r#"{"typ":"joined"}"#, &quoted, &deep] {
            let (None, Some(ClientEvent::Rubbish(words))) = world.text(Time(1), rubbish) else {
                panic!("{rubbish}")
            };
            assert!(words.len() <= RUBBISH_MAX, "{words}");
        }
    }

    #[test]
    fn servers_of_other_versions_are_reported_not_entered() {
        let challenge = serde_json::to_string(&Base64::from([0u8; 32])).expect("text");
        for (least, most) in [(VERSIONS.0 - 1, VERSIONS.0 - 1), (VERSIONS.1 + 1, VERSIONS.1 + 2)] {
            let mut world = world();
            world.client.handle_timeout(Time(0), &mut world.rng);
            let welcome = format!(
                r#"{{"type":"welcome","versions":[{least},{most}],"challenge":{challenge},"time_ms":0,"keep_alive_ms":20000}}"#
            );
            assert_eq!(world.text(Time(0), &welcome), (None, Some(ClientEvent::Version((least, most)))));
            assert!(!world.client.is_entered());
        }
    }

    #[test]
    fn pauses_double_with_jitter_up_to_the_most() {
        let mut rng = Rng::new([0; 32]);
        let (least, most) = (Duration::from_millis(250), Duration::from_secs(15));
        for failures in 0..40 {
            let whole = least.saturating_mul(1 << failures.min(16)).min(most);
            let pause = back_off(failures, least, most, &mut rng);
            assert!(pause >= whole / 2 && pause <= whole);
        }
    }

    #[test]
    fn the_host_of_an_address_is_found() {
        for (url, host) in [
            ("ws://example.org/signal", "example.org"),
            ("wss://example.org:443/mesh/signal", "example.org"),
            ("ws://[::1]:80/signal", "[::1]"),
            ("ws://192.0.2.1:8080", "192.0.2.1"),
        ] {
            assert_eq!(host_of(url), host);
        }
    }
}
