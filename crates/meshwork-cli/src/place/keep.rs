//! `place keep`: stays in a room and keeps its canvas in a store on disk.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use meshwork_core::node::{Event, RoomHandle};
use meshwork_core::signalling::address::RoomAddress;
use meshwork_rtc::native::store::RedbStore;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::session::{Session, Stay};
use super::{Common, counted};
use crate::exit::Failure;
use crate::identity;

/// How long a keeper that is just ending, or was killed, may still hold the folder.
const LOCK_WAIT: Duration = Duration::from_secs(1);
/// How often the folder is tried meanwhile.
const LOCK_INTERVAL: Duration = Duration::from_millis(20);

/// What `place keep` is asked for.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The room's address, with its part after #; without it for an open room.
    #[arg(value_name = "LINK")]
    link: RoomAddress,
    /// The folder to keep the canvas in, made when there is none. One keeper uses it at a time.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { mut link, data, mut common } = arguments;
    // Heard from here on, so that a signal during the start ends the program in good order too.
    let mut stop = super::signal::Stop::listen()?;
    identity::create_private_folder(&data)
        .with_context(|| format!("cannot make the folder {}", data.display()))?;
    let _lock = lock(&data).await?;
    common.identity.get_or_insert_with(|| data.join("identity"));
    let store = open_store(&data)?;
    let address = bare_address(&link);
    if link.room.is_none() {
        link.room = store.room_at(&address).context("cannot read what is kept")?;
    }
    let stored = match link.room {
        Some(room) => store.load(room).context("cannot read what is kept")?,
        None => None,
    };

    let mut session = Session::start(&common, Stay::Keeps(store.clone())).await?;
    let result = tokio::select! {
        result = keep(&mut session, link, stored, &store, &address, &common) => result,
        () = stop.asked() => Ok(()),
    };
    session.close().await;
    result
}

async fn keep(
    session: &mut Session,
    link: RoomAddress,
    stored: Option<meshwork_core::node::StoredRoom>,
    store: &RedbStore,
    address: &str,
    common: &Common,
) -> Result<(), Failure> {
    let room = session.join(link, stored).await?;
    if let Some(id) = session.room_id(room).await? {
        store.note_address(address, id).context("cannot note the room's address")?;
    }
    tell_ready(session, room, address, common).await?;
    session.stay();
    loop {
        match session.next().await? {
            Event::StorageFailed { reason, .. } => return Err(storage_failed(&reason)),
            event => tracing::debug!(?event, "heard"),
        }
    }
}

/// Says that the room is open and what is kept of it. The link's secret does not belong into a log.
async fn tell_ready(
    session: &mut Session,
    room: RoomHandle,
    address: &str,
    common: &Common,
) -> Result<(), Failure> {
    let canvas = session.canvas(room).await?;
    let words = format!(
        "Keeping {address}: {} of {} painted so far. Stop with Ctrl-C.",
        counted(canvas.painted, "cell"),
        canvas.size
    );
    let value = json!({
        "event": "ready",
        "address": address,
        "peer": session.endpoint().peer.to_string(),
        "cells": canvas.painted,
        "width": canvas.size.width,
        "height": canvas.size.height,
    });
    common.tell(&words, &value)
}

/// A keeper that cannot keep says so and ends, rather than let people rely on it. What it has acknowledged is
/// on disk.
fn storage_failed(reason: &str) -> Failure {
    Failure::Unexpected(anyhow!(
        "The canvas cannot be kept any more: {reason}. What was acknowledged before is safe. \
         Make room on the disk or repair it, then start the keeper again."
    ))
}

/// `http://HOST/place/CODE`: what is the same for a room's link with and without its fragment.
fn bare_address(link: &RoomAddress) -> String {
    RoomAddress { room: None, secret: None, ..link.clone() }.to_string()
}

/// Locks the folder as long as the file lives; the system lets go when the process ends, however it ends.
async fn lock(data: &Path) -> Result<File, Failure> {
    let path = data.join("lock");
    let name = path.display();
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot open {name}"))?;
    let given_up = Instant::now() + LOCK_WAIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < given_up => sleep(LOCK_INTERVAL).await,
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::Unexpected(anyhow!(
                    "Another keeper uses {}. Two would write over each other. \
                     Stop that one, or name another folder with --data.",
                    data.display()
                )));
            }
            Err(TryLockError::Error(error)) => {
                return Err(anyhow::Error::from(error).context(format!("cannot lock {name}")).into());
            }
        }
    }
}

fn open_store(data: &Path) -> Result<RedbStore, Failure> {
    let path = data.join("rooms.redb");
    let store =
        RedbStore::open(&path).with_context(|| format!("cannot open what is kept in {}", path.display()))?;
    Ok(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_folder_is_locked_by_one_keeper() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock(folder.path()).await.unwrap();
        let error = lock(folder.path()).await.unwrap_err();
        assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
        // One that is about to end is waited for.
        let (second, ()) = tokio::join!(lock(folder.path()), async {
            sleep(LOCK_INTERVAL).await;
            drop(first);
        });
        second.unwrap();
    }

    #[test]
    fn a_bare_address_has_no_secret() {
        let link = "http://127.0.0.1:8080/place/k7m4qx".parse::<RoomAddress>().unwrap();
        let whole = RoomAddress {
            room: Some(meshwork_core::id::RoomId([1; 32])),
            secret: Some(meshwork_core::id::Secret([2; 16])),
            ..link.clone()
        };
        assert_eq!(bare_address(&whole), "http://127.0.0.1:8080/place/K7M4QX");
        assert_eq!(bare_address(&whole), bare_address(&link));
    }
}
