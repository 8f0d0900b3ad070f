//! A client that does what a race needs and no more: an allocation, and a channel.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use meshwork_core::time::WallTime;
use meshwork_signal::turn::Secret;
use stun_types::attribute::{AttributeWrite, Nonce, Realm, Username};
use stun_types::message::{
    IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageClass, MessageType, MessageWriteVec, Method,
};
use stun_types::prelude::*;
use turn_types::attribute::{ChannelNumber, RequestedTransport, XorPeerAddress, XorRelayedAddress};
use turn_types::message::{ALLOCATE, CHANNEL_BIND};

use super::server::{REALM, SECRET};

/// The one channel of each client.
pub const CHANNEL: u16 = 0x4000;

/// A client with an allocation.
pub struct Client {
    /// Connected to the relay.
    pub socket: UdpSocket,
    /// Its relayed address.
    pub relayed: SocketAddr,
    username: String,
    password: String,
    nonce: String,
    transaction: u128,
}

/// A socket of this machine that gives up after a while.
///
/// # Errors
/// The system gives none.
pub fn socket() -> Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    Ok(socket)
}

/// A request for an allocation without credentials.
pub fn unauthenticated(transaction: u128) -> Vec<u8> {
    let mut message = request(ALLOCATE, transaction);
    message.add_attribute(&RequestedTransport::new(17)).expect("the first");
    message.finish()
}

impl Client {
    /// Gets an allocation from the relay at `server`.
    ///
    /// # Errors
    /// It is refused, or the relay does not answer.
    pub fn allocate(server: SocketAddr, name: &str) -> Result<Client> {
        let socket = socket()?;
        socket.connect(server)?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let expires = WallTime(u64::try_from(since.as_micros())?) + Duration::from_secs(3600);
        let minted = Secret::from_text(SECRET)?.mint(name, expires)?;
        let relayed = socket.local_addr()?;
        let (username, password) = (minted.username, minted.password);
        let mut client = Client { socket, relayed, username, password, nonce: String::new(), transaction: 1 };
        let challenge = client.exchange(&unauthenticated(1))?;
        client.nonce = Message::from_bytes(&challenge)?.attribute::<Nonce>()?.nonce().to_owned();
        let answer = client.ask(ALLOCATE, &[&RequestedTransport::new(17)])?;
        let answer = Message::from_bytes(&answer)?;
        client.relayed = answer.attribute::<XorRelayedAddress>()?.addr(answer.transaction_id());
        Ok(client)
    }

    /// Binds the channel to a peer.
    ///
    /// # Errors
    /// It is refused, or the relay does not answer.
    pub fn bind(&mut self, peer: SocketAddr) -> Result<()> {
        let peer = XorPeerAddress::new(peer, (self.transaction + 1).into());
        self.ask(CHANNEL_BIND, &[&ChannelNumber::new(CHANNEL), &peer]).map(drop)
    }

    fn ask(&mut self, method: Method, attributes: &[&dyn AttributeWrite]) -> Result<Vec<u8>> {
        self.transaction += 1;
        let mut message = request(method, self.transaction);
        let own: [&dyn AttributeWrite; 3] =
            [&Username::new(&self.username)?, &Realm::new(REALM)?, &Nonce::new(&self.nonce)?];
        for attribute in attributes.iter().chain(&own) {
            message.add_attribute(*attribute)?;
        }
        let key =
            LongTermKeyCredentials::new(self.username.clone(), self.password.clone(), String::from(REALM));
        let key = key.make_key(IntegrityAlgorithm::Sha1);
        message.add_message_integrity_with_key(&key, IntegrityAlgorithm::Sha1)?;
        let answer = self.exchange(&message.finish())?;
        ensure!(Message::from_bytes(&answer)?.has_class(MessageClass::Success), "the relay refuses {method}");
        Ok(answer)
    }

    /// Asks until an answer comes.
    fn exchange(&self, request: &[u8]) -> Result<Vec<u8>> {
        let mut buffer = [0; 2048];
        for _ in 0..5 {
            self.socket.send(request)?;
            if let Ok(length) = self.socket.recv(&mut buffer) {
                return Ok(buffer[..length].to_vec());
            }
        }
        bail!("the relay does not answer")
    }
}

fn request(method: Method, transaction: u128) -> MessageWriteVec {
    let kind = MessageType::from_class_method(MessageClass::Request, method);
    Message::builder(kind, transaction.into(), MessageWriteVec::new())
}

/// `size` bytes of data, behind the header of channel data where it goes over a channel.
pub fn packet(size: usize, is_channel_data: bool) -> Result<Vec<u8>> {
    let length = u16::try_from(size).context("longer than channel data can be")?;
    let header = [CHANNEL.to_be_bytes(), length.to_be_bytes()].concat();
    let header = if is_channel_data { header } else { Vec::new() };
    Ok([header, vec![7; size]].concat())
}
