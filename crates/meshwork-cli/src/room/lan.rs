//! The local network in place of a server: its options, and new rooms that are on it alone.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::Args;
use meshwork::{Builder, Lan, NewRoom, Room};
use serde_json::json;

use super::attempt::{Attempt, guest};
use super::signal::Stop;
use super::{Common, link};
use crate::exit::Failure;
use crate::style;

/// Options for the local network.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct LanOptions {
    /// Use the local network, with no server: a room there has a LINK and a CODE, and either leads to it.
    #[arg(long, conflicts_with = "hide_address")]
    lan: bool,
    /// The address of another program of the network, if broadcasts do not reach it; may be repeated.
    /// It implies --lan.
    #[arg(long = "lan-peer", value_name = "ADDR", value_parser = parse_peer, conflicts_with = "hide_address")]
    lan_peers: Vec<SocketAddr>,
    /// A network interface to use; may be repeated. It implies --lan. [default: all that are up]
    #[arg(
        long = "lan-interface",
        value_name = "NAME",
        conflicts_with = "hide_address",
        verbatim_doc_comment
    )]
    lan_interfaces: Vec<String>,
    /// The UDP port that all programs share, so that tests do not meet each other.
    #[arg(long, value_name = "PORT", hide = true)]
    lan_port: Option<u16>,
    #[arg(skip)]
    times: Option<(Duration, Duration)>,
    #[arg(skip)]
    lsnp: Option<String>,
}

impl LanOptions {
    fn is_used(&self) -> bool {
        self.lan || !self.lan_peers.is_empty() || !self.lan_interfaces.is_empty()
    }

    /// Adds what a command without other networks calls by shorter names.
    pub(crate) fn add(&mut self, near: &Near) {
        self.lan_peers.extend(&near.peers);
        self.lan_interfaces.extend(near.interfaces.iter().cloned());
    }

    /// Uses the local network, with these times: between two announcements, and of silence.
    pub(crate) fn enter(&mut self, announce: Duration, timeout: Duration) {
        (self.lan, self.times) = (true, Some((announce, timeout)));
    }

    /// Speaks LSNP too, under this name.
    pub(crate) fn speak_lsnp(&mut self, user: String) {
        self.lsnp = Some(user);
    }

    /// An endpoint with these options.
    pub(crate) fn apply(&self, builder: Builder) -> Builder {
        if !self.is_used() {
            return builder;
        }
        let lan = self.lan_peers.iter().fold(Lan::default(), |lan, peer| lan.peer(*peer));
        let lan = self.lan_interfaces.iter().fold(lan, Lan::interface);
        let timed = |lan: Lan, (announce, timeout)| lan.announce(announce).timeout(timeout);
        let lan = self.times.into_iter().fold(lan, timed);
        let lan = self.lsnp.iter().fold(lan, Lan::lsnp);
        builder.lan(self.lan_port.into_iter().fold(lan, Lan::shared_port))
    }
}

/// The same options, of commands that are about the local network alone.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Near {
    /// The address of another program of the network, if broadcasts do not reach it; may be repeated.
    #[arg(long = "peer", value_name = "ADDR", value_parser = parse_peer)]
    peers: Vec<SocketAddr>,
    /// A network interface to use; may be repeated. [default: all that are up]
    #[arg(long = "interface", value_name = "NAME", verbatim_doc_comment)]
    interfaces: Vec<String>,
}

/// An address with a port, or without one.
fn parse_peer(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse().or_else(|_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, Lan::PORT)));
    address.map_err(|_| String::from("an address is like 192.168.1.5 or 192.168.1.5:8000"))
}

/// The place at which a new room is found.
#[derive(Args)]
pub(crate) struct Registry {
    /// The meeting point that registers the room, such as http://127.0.0.1:8080. Without one: --lan.
    #[arg(long, value_name = "URL", value_parser = link::parse_server, required_unless_present = "lan")]
    server: Option<String>,
}

impl Registry {
    /// An endpoint for a new room. Without a server the program stays in the room, and others count on it.
    pub(crate) fn builder(&self) -> Builder {
        match &self.server {
            Some(server) => guest().server(server),
            None => guest().stays(),
        }
    }

    /// Whether a server keeps the room on its list when this program ends.
    pub(crate) fn has_server(&self) -> bool {
        self.server.is_some()
    }

    /// Makes a room, with a secret if it is private, hands it out, and leaves it.
    pub(crate) async fn make(&self, new: NewRoom, is_private: bool, common: &Common) -> Result<(), Failure> {
        let mut stop = Stop::listen()?;
        let attempt = Attempt::start(common, self.builder()).await?;
        let new = if is_private { new.private() } else { new };
        let made = async { self.hand_out(&attempt.create(new).await?, common, &mut stop).await };
        let result = made.await;
        attempt.close().await;
        result
    }

    /// Prints the LINK of a new room. Without a server prints its code too, and stays in the room until the program is asked to
    /// stop: nobody else has it yet.
    pub(crate) async fn hand_out(
        &self,
        room: &Room,
        common: &Common,
        stop: &mut Stop,
    ) -> Result<(), Failure> {
        let link = room.link().to_string();
        if self.has_server() {
            return common.tell(&link, &json!({ "link": link }));
        }
        let code = room.code().map(|code| code.to_string()).unwrap_or_default();
        common.tell(&format!("{link}\n{code}"), &json!({ "link": link, "code": code }))?;
        style::note(
            "the room is on this network until this program is interrupted, or while others are in it",
        );
        tokio::select! {
            reason = room.refused() => Err(reason.into()),
            () = stop.asked() => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_have_a_port_or_the_shared_one() {
        let shared = SocketAddr::new([192, 168, 1, 5].into(), Lan::PORT);
        assert_eq!(parse_peer("192.168.1.5"), Ok(shared));
        assert_eq!(parse_peer("[fd00::5]:8000"), Ok("[fd00::5]:8000".parse().unwrap()));
        assert!(parse_peer("laptop").is_err());
    }
}
