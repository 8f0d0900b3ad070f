//! The `webrtc` crate: its peer connections with their own reactor threads, paced with `try_send`.

use std::sync::Arc;

use anyhow::Context;
use bytes::BytesMut;
use tokio::sync::mpsc;
use webrtc::data_channel::{DataChannel, DataChannelEvent, RTCDataChannelInit};
use webrtc::error::Error;
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceGatheringState, RTCSessionDescription,
};
use webrtc::runtime::default_runtime;

use super::Path;

/// Bytes that a channel holds before `try_send` refuses.
const SEND_BUFFER: usize = 1024 * 1024;

/// Two linked ends.
pub struct Pair {
    sender: Arc<dyn DataChannel>,
    received: mpsc::UnboundedReceiver<usize>,
    // Dropping them ends the connection.
    _connections: [Arc<dyn PeerConnection>; 2],
}

struct Gathered(mpsc::UnboundedSender<()>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Gathered {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            // An error says that nobody waits any more.
            let _ = self.0.send(());
        }
    }
}

impl Pair {
    /// Links two ends.
    ///
    /// # Errors
    /// Those of the crate.
    pub async fn connect(path: &Path) -> anyhow::Result<Pair> {
        let (offerer, mut offer_gathered) = connection().await?;
        let (answerer, mut answer_gathered) = connection().await?;
        let (sender, receiver) = (channel(&offerer).await?, channel(&answerer).await?);
        let offer = offerer.create_offer(None).await?;
        offerer.set_local_description(offer).await?;
        offer_gathered.recv().await.context("no candidates")?;
        let offer = offerer.local_description().await.context("no offer")?;
        answerer.set_remote_description(through(path, offer)?).await?;
        let answer = answerer.create_answer(None).await?;
        answerer.set_local_description(answer).await?;
        answer_gathered.recv().await.context("no candidates")?;
        let answer = answerer.local_description().await.context("no answer")?;
        offerer.set_remote_description(through(path, answer)?).await?;
        open(&sender).await?;
        open(&receiver).await?;
        let (lengths, received) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(event) = receiver.poll().await {
                if let DataChannelEvent::OnMessage(message) = event
                    && lengths.send(message.data.len()).is_err()
                {
                    return;
                }
            }
        });
        Ok(Pair { sender, received, _connections: [offerer, answerer] })
    }

    /// Sends `count` messages of `payload` bytes one way and waits until all have arrived.
    ///
    /// # Errors
    /// Those of the crate.
    pub async fn transfer(&mut self, payload: usize, count: usize) -> anyhow::Result<()> {
        let sender = Arc::clone(&self.sender);
        let sending = tokio::spawn(async move {
            let message = BytesMut::from(vec![7; payload].as_slice());
            for _ in 0..count {
                loop {
                    match sender.try_send(message.clone()).await {
                        Err(Error::ErrSendBufferFull) => sender.writable().await?,
                        sent => break sent?,
                    }
                }
            }
            anyhow::Ok(())
        });
        let mut left = payload * count;
        while left > 0 {
            left -= self.received.recv().await.context("the receiver ended")?;
        }
        sending.await?
    }
}

async fn connection() -> anyhow::Result<(Arc<dyn PeerConnection>, mpsc::UnboundedReceiver<()>)> {
    let (gathered, gathering) = mpsc::unbounded_channel();
    let connection = PeerConnectionBuilder::new()
        .with_configuration(RTCConfigurationBuilder::new().build())
        .with_handler(Arc::new(Gathered(gathered)))
        .with_runtime(default_runtime().context("no runtime")?)
        .with_udp_addrs(vec!["127.0.0.1:0".to_string()])
        .with_dedicated_reactor_pool_size(1)
        .with_data_channel_send_buffer_limit(SEND_BUFFER)
        .build()
        .await?;
    Ok((Arc::new(connection), gathering))
}

async fn channel(connection: &Arc<dyn PeerConnection>) -> anyhow::Result<Arc<dyn DataChannel>> {
    let init = RTCDataChannelInit { ordered: true, negotiated: Some(0), ..RTCDataChannelInit::default() };
    Ok(connection.create_data_channel("bench", Some(init)).await?)
}

async fn open(channel: &Arc<dyn DataChannel>) -> anyhow::Result<()> {
    while let Some(event) = channel.poll().await {
        if let DataChannelEvent::OnOpen = event {
            return Ok(());
        }
    }
    anyhow::bail!("the channel did not open")
}

/// The description with the addresses that the path stands in for.
fn through(path: &Path, mut description: RTCSessionDescription) -> anyhow::Result<RTCSessionDescription> {
    let mut lines = Vec::new();
    for line in description.sdp.lines() {
        let mut words: Vec<String> = line.split(' ').map(String::from).collect();
        if line.starts_with("a=candidate:") && words.len() > 5 {
            let own = format!("{}:{}", words[4], words[5]).parse()?;
            words[5] = path.told(own)?.port().to_string();
        }
        lines.push(words.join(" "));
    }
    description.sdp = lines.join("\r\n") + "\r\n";
    let kind = description.sdp_type.to_string();
    let sdp = description.sdp;
    Ok(if kind == "offer" { RTCSessionDescription::offer(sdp)? } else { RTCSessionDescription::answer(sdp)? })
}
