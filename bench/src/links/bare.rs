//! str0m with nothing above it: one task an end, batched datagrams, one negotiated channel.

use std::io::IoSliceMut;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use anyhow::Context;
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use str0m::channel::{ChannelConfig, ChannelId, Reliability};
use str0m::config::DtlsVersion;
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};

use super::Path;

/// Bytes of one receive buffer.
const BUFFER_LEN: usize = 64 * 1024;
/// Buffers filled by one system call.
const BUFFERS: usize = 8;
/// Bytes sent by one system call.
const BATCH_MAX: usize = 60 * 1024;

/// Two linked ends.
pub struct Pair {
    sender: mpsc::UnboundedSender<Order>,
    receiver: mpsc::UnboundedSender<Order>,
}

enum Order {
    Send { payload: Vec<u8>, count: usize },
    Count { bytes: usize, done: oneshot::Sender<()> },
}

impl Pair {
    /// Links two ends, each of which buffers `buffered` bytes.
    ///
    /// # Errors
    /// When the system has no sockets or str0m refuses the set-up.
    pub async fn connect(path: &Path, buffered: usize) -> anyhow::Result<Pair> {
        let mut offerer = End::open(buffered)?;
        let mut answerer = End::open(buffered)?;
        offerer.meet(&mut answerer, path, true)?;
        answerer.meet(&mut offerer, path, false)?;
        offerer.begin(true)?;
        answerer.begin(false)?;
        let ((sender, sending), (receiver, receiving)) = (offerer.spawn(), answerer.spawn());
        sending.await.context("the first end failed")?;
        receiving.await.context("the second end failed")?;
        Ok(Pair { sender, receiver })
    }

    /// Sends `count` messages of `payload` bytes one way and waits until all have arrived.
    ///
    /// # Errors
    /// When an end failed.
    pub async fn transfer(&mut self, payload: usize, count: usize) -> anyhow::Result<()> {
        let (done, all) = oneshot::channel();
        self.receiver
            .send(Order::Count { bytes: payload * count, done })
            .ok()
            .context("the receiver ended")?;
        let order = Order::Send { payload: vec![7; payload], count };
        self.sender.send(order).ok().context("the sender ended")?;
        all.await.context("the receiver failed")
    }
}

struct End {
    rtc: Rtc,
    socket: UdpSocket,
    state: UdpSocketState,
    address: SocketAddr,
    channel: ChannelId,
    timeout: Instant,
    out: Vec<Transmission>,
    opened: Option<oneshot::Sender<()>>,
    sending: Option<(Vec<u8>, usize)>,
    /// Bytes received that nobody was told of.
    counted: usize,
    counting: Option<(usize, oneshot::Sender<()>)>,
}

struct Transmission {
    destination: SocketAddr,
    bytes: Vec<u8>,
}

impl End {
    fn open(buffered: usize) -> anyhow::Result<End> {
        let mut rtc = Rtc::builder()
            .clear_codecs()
            .clear_extension_map()
            .set_dtls_version(DtlsVersion::Auto)
            .set_sctp_max_buffered_amount(buffered)
            .build(Instant::now());
        let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        super::measure::widen_buffers(&socket);
        let socket = UdpSocket::from_std(socket)?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        let address = socket.local_addr()?;
        rtc.add_local_candidate(Candidate::host(address, Protocol::Udp)?);
        let channel = rtc.direct_api().create_data_channel(ChannelConfig {
            label: "bench".into(),
            ordered: true,
            reliability: Reliability::Reliable,
            negotiated: Some(0),
            protocol: String::new(),
        });
        Ok(End {
            rtc,
            socket,
            state,
            address,
            channel,
            timeout: Instant::now(),
            out: Vec::new(),
            opened: None,
            sending: None,
            counted: 0,
            counting: None,
        })
    }

    /// Tells this end all about the other.
    fn meet(&mut self, other: &mut End, path: &Path, controlling: bool) -> anyhow::Result<()> {
        let told = path.told(other.address)?;
        self.rtc.add_remote_candidate(Candidate::host(told, Protocol::Udp)?);
        let remote = other.rtc.direct_api();
        let (credentials, fingerprint) =
            (remote.local_ice_credentials(), remote.local_dtls_fingerprint().clone());
        let mut direct = self.rtc.direct_api();
        direct.set_ice_controlling(controlling);
        direct.set_remote_ice_credentials(credentials);
        direct.set_remote_fingerprint(fingerprint);
        Ok(())
    }

    fn begin(&mut self, active: bool) -> anyhow::Result<()> {
        let mut direct = self.rtc.direct_api();
        direct.start_dtls(active)?;
        direct.start_sctp(active);
        Ok(())
    }

    fn spawn(mut self) -> (mpsc::UnboundedSender<Order>, oneshot::Receiver<()>) {
        let (orders, mut queue) = mpsc::unbounded_channel();
        let (opened, opening) = oneshot::channel();
        self.opened = Some(opened);
        tokio::spawn(async move {
            let mut buffer = vec![0; BUFFER_LEN * BUFFERS];
            if let Err(error) = self.run(&mut queue, &mut buffer).await {
                eprintln!("an end of str0m failed: {error:#}");
            }
        });
        (orders, opening)
    }

    async fn run(
        &mut self,
        orders: &mut mpsc::UnboundedReceiver<Order>,
        buffer: &mut [u8],
    ) -> anyhow::Result<()> {
        self.rtc.handle_input(Input::Timeout(Instant::now()))?;
        loop {
            self.drain()?;
            self.write()?;
            self.flush().await?;
            let timeout = tokio::time::Instant::from_std(self.timeout);
            tokio::select! {
                order = orders.recv() => match order {
                    None => return Ok(()),
                    Some(Order::Send { payload, count }) => {
                        self.rtc.handle_input(Input::Timeout(Instant::now()))?;
                        self.sending = Some((payload, count));
                    }
                    Some(Order::Count { bytes, done }) => {
                        self.counting = Some((bytes, done));
                        self.tell();
                    }
                },
                ready = self.socket.readable() => {
                    ready?;
                    self.receive(buffer)?;
                }
                () = tokio::time::sleep_until(timeout) => self.rtc.handle_input(Input::Timeout(Instant::now()))?,
            }
        }
    }

    fn drain(&mut self) -> anyhow::Result<()> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(timeout) => {
                    self.timeout = timeout;
                    return Ok(());
                }
                Output::Transmit(transmit) => self.out.push(Transmission {
                    destination: transmit.destination,
                    bytes: transmit.contents.into(),
                }),
                Output::Event(Event::ChannelOpen(..)) => {
                    self.opened.take().map(|opened| opened.send(()));
                }
                Output::Event(Event::ChannelData(data)) => {
                    self.counted += data.data.len();
                    self.tell();
                }
                Output::Event(_) => {}
            }
        }
    }

    /// Tells whoever counts, when all that they wait for is there.
    fn tell(&mut self) {
        if let Some((bytes, done)) = self.counting.take_if(|(bytes, _)| *bytes <= self.counted) {
            self.counted -= bytes;
            // An error says that nobody waits any more.
            let _ = done.send(());
        }
    }

    fn write(&mut self) -> anyhow::Result<()> {
        let Some((payload, mut left)) = self.sending.take() else { return Ok(()) };
        while left > 0
            && self.rtc.channel(self.channel).context("the channel is gone")?.write(true, &payload)?
        {
            left -= 1;
            self.drain()?;
        }
        if left > 0 {
            self.sending = Some((payload, left));
        }
        Ok(())
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        let mut batch = Vec::new();
        let mut rest = self.out.as_slice();
        while let Some(first) = rest.first() {
            batch.clear();
            let mut run = 0;
            for next in rest.iter().take(self.state.max_gso_segments()) {
                let equal = next.destination == first.destination && next.bytes.len() <= first.bytes.len();
                if !equal || batch.len() + next.bytes.len() > BATCH_MAX {
                    break;
                }
                batch.extend_from_slice(&next.bytes);
                run += 1;
                if next.bytes.len() < first.bytes.len() {
                    break;
                }
            }
            let transmit = Transmit {
                destination: first.destination,
                ecn: None,
                contents: &batch,
                segment_size: (run > 1).then_some(first.bytes.len()),
                src_ip: None,
            };
            loop {
                self.socket.writable().await?;
                let sent = self.socket.try_io(Interest::WRITABLE, || {
                    self.state.try_send(UdpSockRef::from(&self.socket), &transmit)
                });
                if !matches!(&sent, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock) {
                    break;
                }
            }
            rest = &rest[run..];
        }
        self.out.clear();
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> anyhow::Result<()> {
        let mut metas = [RecvMeta::default(); BUFFERS];
        let count = {
            let mut chunks = buffer.chunks_mut(BUFFER_LEN);
            let mut slices: [IoSliceMut<'_>; BUFFERS] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
            let received = self.socket.try_io(Interest::READABLE, || {
                self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut metas)
            });
            match received {
                Ok(count) => count,
                Err(_) => return Ok(()),
            }
        };
        let now = Instant::now();
        for (meta, bytes) in metas.iter().zip(buffer.chunks(BUFFER_LEN)).take(count) {
            for datagram in bytes[..meta.len].chunks(meta.stride.max(1)) {
                let Ok(receive) = Receive::new(Protocol::Udp, meta.addr, self.address, datagram) else {
                    continue;
                };
                self.rtc.handle_input(Input::Receive(now, receive))?;
                self.drain()?;
            }
        }
        Ok(())
    }
}
