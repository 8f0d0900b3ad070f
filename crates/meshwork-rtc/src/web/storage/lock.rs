//! The lock of a room that is open in a tab of this profile: the browser's own, or a lease in the database.
//!
//! Every tab stores what it has; none needs the lock for that. The lock says that a page is in the room, so that the
//! room is not forgotten meanwhile. The tab that gets it from another one takes in what that one left.
//!
//! # How it works
//! Where pages have `navigator.locks`, the browser keeps the lock and hands it to the next tab the moment its
//! holder goes. Pages over plain http on a LAN address have none: there a holder writes a lease into the database
//! and renews it; one that ran out, or was given back when its tab closed, is taken by another tab.
//!
//! # Limits
//! After a crash a lease lasts [`LEASE`]. A browser that lets a hidden page's timers run once a minute makes it
//! lose its lease to another tab, which then takes in what this one stored.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use js_sys::{Date, Function, Object, Promise};
use meshwork_core::id::RoomId;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{BroadcastChannel, MessageEvent};

use super::super::clock::Timer;
use super::super::handler::{Handler, property};
use super::StoreError;
use super::database::{Database, LEASES, room_key, set};

/// How long a lease lasts that is not renewed: three renewals, each of which a throttled page may have a second
/// late.
const LEASE: Duration = Duration::from_secs(9);
/// How often it is renewed, and how often a tab without it tries to get it.
const RENEWAL: Duration = Duration::from_secs(3);
/// On this channel a tab tells the others that it gave a lease back.
const CHANNEL: &str = "meshwork-leases";

/// The lock of one room, held until it is dropped.
pub(super) struct Lock {
    kind: Kind,
}

enum Kind {
    /// Calling it resolves the promise that the browser waits for.
    Browser(Function),
    Lease(Rc<Lease>),
}

/// Another tab has the lock.
pub(super) struct Taken;

/// Waits for the lock of a room as long as it `is_wanted`. `tell` hears that another tab has it; `lose` is called
/// when another tab took it away, which only a lease allows.
pub(super) async fn acquire(
    database: &Database,
    room: RoomId,
    holder: &str,
    tell: impl Fn(Taken),
    is_wanted: impl Fn() -> bool,
    lose: impl Fn() + 'static,
) -> Result<Option<Lock>, StoreError> {
    if let Some(locks) = browser_locks() {
        let name = name(database, room);
        // Asked for without waiting first, so that it is known whether another tab has it.
        if let Some(release) = request(&locks, &name, true).await? {
            return Ok(Some(Lock { kind: Kind::Browser(release) }));
        }
        tell(Taken);
        let release = request(&locks, &name, false).await?;
        return Ok(release.map(|release| Lock { kind: Kind::Browser(release) }));
    }
    let lease = Lease::new(database, room, holder, lose);
    while is_wanted() {
        if lease.take().await? {
            Lease::keep_renewed(&lease);
            return Ok(Some(Lock { kind: Kind::Lease(lease) }));
        }
        tell(Taken);
        lease.wait().await;
    }
    Ok(None)
}

/// The lock of a room, for a moment; `None` where another tab has it.
pub(super) async fn acquire_if_free(
    database: &Database,
    room: RoomId,
    holder: &str,
) -> Result<Option<Lock>, StoreError> {
    if let Some(locks) = browser_locks() {
        let release = request(&locks, &name(database, room), true).await?;
        return Ok(release.map(|release| Lock { kind: Kind::Browser(release) }));
    }
    let lease = Lease::new(database, room, holder, || {});
    Ok(lease.take().await?.then_some(Lock { kind: Kind::Lease(lease) }))
}

fn browser_locks() -> Option<JsValue> {
    property(web_sys::window()?.navigator().as_ref(), "locks")
}

/// What the browser calls the lock of a room.
fn name(database: &Database, room: RoomId) -> String {
    format!("{}-{room}", database.name())
}

impl Drop for Lock {
    fn drop(&mut self) {
        match &self.kind {
            // A resolver throws nothing.
            Kind::Browser(release) => drop(release.call0(&JsValue::UNDEFINED)),
            Kind::Lease(lease) => Lease::give_back(lease),
        }
    }
}

/// Asks the browser for a lock and returns what gives it back; `None` when it is not to be waited for and taken.
async fn request(locks: &JsValue, name: &str, only_if_free: bool) -> Result<Option<Function>, StoreError> {
    let refused = |exception: &JsValue| super::request::error(exception);
    let ask: Function = property(locks, "request")
        .and_then(|ask| ask.dyn_into().ok())
        .ok_or_else(|| StoreError::Refused("this browser has no locks".to_owned()))?;
    let options = Object::new();
    set(&options, "ifAvailable", &only_if_free.into());
    let mut granted_handler = None;
    let granted = Promise::new(&mut |resolve: Function, reject: Function| {
        // The lock is held until the promise is resolved that this returns.
        let held = Closure::once(move |lock: JsValue| -> JsValue {
            let mut release = JsValue::NULL;
            let until = Promise::new(&mut |give_back, _| release = give_back.into());
            let answer = if lock.is_null() { &JsValue::NULL } else { &release };
            let _ = resolve.call1(&JsValue::UNDEFINED, answer);
            if lock.is_null() { JsValue::UNDEFINED } else { until.into() }
        });
        let asked = ask.call3(locks, &name.into(), &options, held.as_ref());
        granted_handler = Some(held);
        match asked {
            Err(exception) => drop(reject.call1(&JsValue::UNDEFINED, &exception)),
            Ok(outcome) => {
                if let Ok(outcome) = outcome.dyn_into::<Promise>() {
                    spawn_local(async move {
                        if let Err(exception) = JsFuture::from(outcome).await {
                            let _ = reject.call1(&JsValue::UNDEFINED, &exception);
                        }
                    });
                }
            }
        }
    });
    let answer = JsFuture::from(granted).await.map_err(|exception| refused(&exception))?;
    drop(granted_handler);
    Ok(answer.dyn_into::<Function>().ok())
}

/// A room's lease, held or wanted.
struct Lease {
    database: Database,
    key: JsValue,
    holder: String,
    channel: Option<BroadcastChannel>,
    is_held: Cell<bool>,
    renewal: RefCell<Option<Timer>>,
    lose: Box<dyn Fn()>,
}

impl Lease {
    fn new(database: &Database, room: RoomId, holder: &str, lose: impl Fn() + 'static) -> Rc<Lease> {
        Rc::new(Lease {
            database: database.clone(),
            key: room_key(room),
            holder: holder.to_owned(),
            channel: BroadcastChannel::new(CHANNEL).ok(),
            is_held: Cell::new(false),
            renewal: RefCell::new(None),
            lose: Box::new(lose),
        })
    }

    /// Takes or renews the lease, unless another tab has it. Returns whether it is held now.
    async fn take(&self) -> Result<bool, StoreError> {
        let now_ms = Date::now();
        let mut is_ours = false;
        let change = |present: &JsValue| {
            let until_ms = property(present, "until").and_then(|until| until.as_f64()).unwrap_or(0.0);
            let holder = property(present, "holder").and_then(|holder| holder.as_string());
            // One that lasts longer than leases do was written before the clock was set back.
            let is_running = until_ms > now_ms && until_ms <= now_ms + LEASE.as_millis() as f64;
            is_ours = !is_running || holder.is_none_or(|holder| holder == self.holder);
            is_ours.then(|| {
                let lease = Object::new();
                set(&lease, "holder", &self.holder.as_str().into());
                set(&lease, "until", &(now_ms + LEASE.as_millis() as f64).into());
                lease.into()
            })
        };
        self.database.exchange(LEASES, &self.key, change).await?;
        self.is_held.set(is_ours);
        Ok(is_ours)
    }

    /// Renews the lease until it is given back or lost.
    fn keep_renewed(lease: &Rc<Lease>) {
        let weak = Rc::downgrade(lease);
        let timer = Timer::new(RENEWAL, move || {
            if let Some(lease) = weak.upgrade() {
                spawn_local(async move {
                    // A database that fails here fails the next write too, which is told.
                    let is_held = lease.is_held.get() && lease.take().await.unwrap_or(true);
                    if is_held {
                        Lease::keep_renewed(&lease);
                    } else if lease.renewal.borrow_mut().take().is_some() {
                        (lease.lose)();
                    }
                });
            }
        });
        *lease.renewal.borrow_mut() = Some(timer);
    }

    /// Waits until it is worth trying again: some time has passed, or a tab gave a lease back.
    async fn wait(&self) {
        let mut kept = None;
        let channel = self.channel.clone();
        let woken = Promise::new(&mut |resolve: Function, _| {
            let wake = resolve.clone();
            let heard = Handler::new(move |_: MessageEvent| drop(wake.call0(&JsValue::UNDEFINED)));
            if let Some(channel) = &channel {
                channel.set_onmessage(Some(heard.function()));
            }
            let timer = Timer::new(RENEWAL, move || drop(resolve.call0(&JsValue::UNDEFINED)));
            kept = Some((heard, timer));
        });
        // It is never rejected.
        let _ = JsFuture::from(woken).await;
        if let Some(channel) = &self.channel {
            channel.set_onmessage(None);
        }
        drop(kept);
    }

    fn give_back(lease: &Rc<Lease>) {
        lease.renewal.borrow_mut().take();
        if !lease.is_held.replace(false) {
            return;
        }
        // Asked for within this call, since the tab may be closing. Where it fails the lease runs out by itself.
        let _ = lease.database.remove(LEASES, &lease.key);
        if let Some(channel) = &lease.channel {
            let _ = channel.post_message(&"given back".into());
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(channel) = &self.channel {
            channel.close();
        }
    }
}
