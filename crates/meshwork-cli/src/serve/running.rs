//! A server that runs: what signals make it do, until it is to end.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use meshwork_signal::http::{ServerHandle, Tls};

use super::config::Config;
use super::gateways::gateways;
use super::layers::Chosen;
use super::relay::Relay;
use super::settings::{FROM_A_RESTART, arguments};
use super::{ServeArgs, choose, log};

/// What the server was told, and how it is reached.
pub(super) struct Running<'a> {
    pub(super) arguments: &'a ServeArgs,
    pub(super) chosen: Chosen,
    pub(super) handle: ServerHandle,
    pub(super) tls: Option<Arc<Tls>>,
    /// The own relay, of which members are told whatever the configuration says of others.
    pub(super) relay: Option<&'a mut Relay>,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// To tell everybody and then end.
    Drain,
    /// To end.
    End,
    /// To read the configuration and the certificate again.
    Reload,
}

impl Running<'_> {
    /// Does what signals ask for, and is done when the server is to end.
    pub(super) async fn until_it_is_to_end(mut self, mut signals: Signals) {
        loop {
            match signals.next().await {
                Asked::End => return,
                Asked::Reload => self.reload(),
                Asked::Drain => {
                    tracing::info!("the server drains");
                    let relay = self.relay.as_deref().map(Relay::handle);
                    let nobody_is_relayed = async {
                        if let Some(relay) = &relay {
                            relay.drain().await;
                        }
                    };
                    tokio::select! {
                        () = self.handle.drain(nobody_is_relayed) => {}
                        // Whoever asks twice does not want to wait.
                        () = async { while signals.next().await == Asked::Reload {} } => {}
                    }
                    return;
                }
            }
        }
    }

    fn reload(&mut self) {
        if let Err(error) = self.reload_settings() {
            tracing::error!("the configuration stays as it was: {error:#}");
        }
        match self.tls.as_deref().map(Tls::reload) {
            Some(Ok(true)) => tracing::info!("the certificate was replaced"),
            Some(Err(error)) => tracing::error!("the certificate stays as it was: {error:#}"),
            Some(Ok(false)) | None => {}
        }
    }

    fn reload_settings(&mut self) -> Result<()> {
        let chosen = choose(self.arguments)?;
        let mut config = Config::new(&chosen)?;
        config.fit_descriptors();
        config.http.forwarders = gateways();
        if let Some(relay) = &mut self.relay {
            config.hub.ice = relay.reconfigure(&config.relay, &self.handle)?;
        }
        log::change(&config.log);
        self.handle.reconfigure(config.hub, config.http)?;
        let text = |chosen: &Chosen, name: &str| chosen.said.get(name).map(|(text, _)| text.clone());
        let names = arguments().map(|arg| arg.get_id().to_string());
        let changed = names.filter(|name| text(&self.chosen, name) != text(&chosen, name));
        let (waiting, live): (Vec<_>, Vec<_>) =
            changed.partition(|name| FROM_A_RESTART.contains(&name.as_str()));
        tracing::info!(changed = live.join(", "), "the configuration was read again");
        if !waiting.is_empty() {
            tracing::warn!(settings = waiting.join(", "), "these settings count from a restart");
        }
        // What waits is told each time until then.
        for name in live {
            match chosen.said.get(&name) {
                Some(said) => drop(self.chosen.said.insert(name, said.clone())),
                None => drop(self.chosen.said.remove(&name)),
            }
        }
        Ok(())
    }
}

/// The signals that a server heeds.
#[cfg(unix)]
pub(super) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn new() -> Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            terminate: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?,
            hang_up: signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Drain,
            _ = self.interrupt.recv() => Asked::End,
            _ = self.hang_up.recv() => Asked::Reload,
        }
    }
}

/// Where there are no signals, Ctrl-C is one.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn new() -> Result<Signals> {
        Ok(Signals)
    }

    async fn next(&mut self) -> Asked {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Asked::End
    }
}
