//! Errors as the package's classes.

use std::cell::RefCell;
use std::fmt::Display;
use std::time::Duration;

use js_sys::{Function, TypeError};
use meshwork::play::{ActError, EnterError, GetPackageError};
use meshwork::{
    AppIsOff, BindError, BlobError, Closed, CreateError, DatagramError, DirectError, FetchError,
    IdentityError, ImageError, InviteError, JoinError, KeptError, PresenceError, RuleError, SayError,
    StoreError, VersionError, WriteError,
};
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

thread_local! {
    static MAKE: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// From now on this function makes errors of JSON: their class, code, message and fields.
pub(crate) fn make_errors_by(make: Function) {
    MAKE.with(|place| place.replace(Some(make)));
}

/// The name of a variant, and what a program can read of it.
type Told = (&'static str, Value);

/// An error that has a class in the package.
pub(crate) trait Tell: Display {
    /// Its class in the package.
    const CLASS: &'static str;

    fn tell(&self) -> Told;
}

/// An error as the package throws it.
pub(crate) fn thrown<E: Tell>(error: E) -> JsValue {
    let (code, mut told) = error.tell();
    told["class"] = E::CLASS.into();
    told["code"] = code.into();
    told["message"] = error.to_string().into();
    let told = JsValue::from(told.to_string());
    let make = MAKE.with(|make| make.borrow().clone());
    match make.map(|make| make.call1(&JsValue::UNDEFINED, &told)) {
        Some(Ok(error) | Err(error)) => error,
        None => told,
    }
}

/// Something was handed over that is none of what is expected.
pub(crate) fn unfit(error: impl Display) -> JsValue {
    TypeError::new(&error.to_string()).into()
}

fn plain(code: &'static str) -> Told {
    (code, json!({}))
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn tried(code: &'static str, tried: &[(String, String)]) -> Told {
    let tried: Vec<Value> = tried.iter().map(|(who, why)| json!({ "who": who, "why": why })).collect();
    (code, json!({ "tried": tried }))
}

impl Tell for Closed {
    const CLASS: &'static str = "ClosedError";

    fn tell(&self) -> Told {
        plain("Closed")
    }
}

impl Tell for BindError {
    const CLASS: &'static str = "BindError";

    fn tell(&self) -> Told {
        match self {
            BindError::Store(_) => plain("Store"),
            BindError::Identity(error) => error.tell(),
            BindError::IceServer(_) => plain("IceServer"),
            BindError::Server(url) => ("Server", json!({ "url": url })),
            _ => plain("System"),
        }
    }
}

impl Tell for IdentityError {
    const CLASS: &'static str = "IdentityError";

    fn tell(&self) -> Told {
        plain(match self {
            IdentityError::Text(_) => "Text",
            // A page has no files of identities.
            _ => "Randomness",
        })
    }
}

impl Tell for StoreError {
    const CLASS: &'static str = "StoreError";

    fn tell(&self) -> Told {
        plain(match self {
            StoreError::InUse => "InUse",
            StoreError::Damaged(_) => "Damaged",
            _ => "Failed",
        })
    }
}

impl Tell for CreateError {
    const CLASS: &'static str = "CreateError";

    fn tell(&self) -> Told {
        match self {
            CreateError::App(_) => plain("App"),
            CreateError::TooManyRooms(max) => ("TooManyRooms", json!({ "max": max })),
            CreateError::Rules(error) => error.tell(),
            CreateError::Closed(error) => error.tell(),
            CreateError::Refused(_) => plain("Refused"),
            CreateError::Server { tried: who } => tried("Server", who),
            _ => plain("Parameters"),
        }
    }
}

impl Tell for JoinError {
    const CLASS: &'static str = "JoinError";

    fn tell(&self) -> Told {
        match self {
            JoinError::Link(_) => plain("Link"),
            JoinError::NoServer => plain("NoServer"),
            JoinError::WrongSecret => plain("WrongSecret"),
            JoinError::Full(_) => plain("Full"),
            JoinError::Incompatible(_) => plain("Incompatible"),
            JoinError::NobodyReached { tried: who } => tried("NobodyReached", who),
            JoinError::Unknown { servers } => ("Unknown", json!({ "servers": servers })),
            JoinError::NotStored => plain("NotStored"),
            JoinError::Store(_) => plain("Store"),
            JoinError::TooManyRooms(max) => ("TooManyRooms", json!({ "max": max })),
            JoinError::Closed(error) => error.tell(),
            _ => plain("Refused"),
        }
    }
}

impl Tell for BlobError {
    const CLASS: &'static str = "BlobError";

    fn tell(&self) -> Told {
        match self {
            BlobError::TooLarge { size, max } => ("TooLarge", json!({ "size": size, "max": max })),
            BlobError::Freed => plain("Freed"),
            BlobError::NotOpen => plain("NotOpen"),
            BlobError::Closed(error) => error.tell(),
            _ => plain("Store"),
        }
    }
}

impl Tell for FetchError {
    const CLASS: &'static str = "FetchError";

    fn tell(&self) -> Told {
        match self {
            FetchError::NobodyHolds => plain("NobodyHolds"),
            FetchError::TooLarge { size, max } => ("TooLarge", json!({ "size": size, "max": max })),
            FetchError::TooMany(_) => plain("TooMany"),
            FetchError::Freed => plain("Freed"),
            FetchError::NotOpen => plain("NotOpen"),
            FetchError::Closed(error) => error.tell(),
            _ => plain("Store"),
        }
    }
}

impl Tell for InviteError {
    const CLASS: &'static str = "InviteError";

    fn tell(&self) -> Told {
        match self {
            InviteError::NotWhole => plain("NotWhole"),
            InviteError::OtherRoom => plain("OtherRoom"),
            InviteError::Expired => plain("Expired"),
            InviteError::Own => plain("Own"),
            InviteError::Linked => plain("Linked"),
            InviteError::Replaced => plain("Replaced"),
            InviteError::NoLink(_) => plain("NoLink"),
            InviteError::Busy(_) => plain("Busy"),
            InviteError::Join(error) => error.tell(),
            InviteError::Closed(error) => error.tell(),
            _ => plain("Unusable"),
        }
    }
}

impl Tell for WriteError {
    const CLASS: &'static str = "WriteError";

    fn tell(&self) -> Told {
        match self {
            WriteError::NotAllowed { rule } => ("NotAllowed", json!({ "rule": rule })),
            WriteError::TooFast { left, cost, window, wait } => {
                let (window, wait) = (milliseconds(*window), milliseconds(*wait));
                ("TooFast", json!({ "left": left, "cost": cost, "window": window, "wait": wait }))
            }
            WriteError::TooLarge { size, max } => ("TooLarge", json!({ "size": size, "max": max })),
            WriteError::Full { entries, bytes } => ("Full", json!({ "entries": entries, "bytes": bytes })),
            WriteError::ShareExceeded { size, used, max } => {
                ("ShareExceeded", json!({ "size": size, "used": used, "max": max }))
            }
            WriteError::AppIsOff => plain("AppIsOff"),
            WriteError::NotWriter => plain("NotWriter"),
            WriteError::Banned => plain("Banned"),
            WriteError::NotOpen => plain("NotOpen"),
            WriteError::Closed(error) => error.tell(),
            _ => plain("Invalid"),
        }
    }
}

impl Tell for ImageError {
    const CLASS: &'static str = "ImageError";

    fn tell(&self) -> Told {
        match self {
            ImageError::Blob(error) => error.tell(),
            ImageError::Write(error) => error.tell(),
            ImageError::TooLarge(size) => {
                ("TooLarge", json!({ "size": size, "max": meshwork::sync::shapes::PICTURE_MAX }))
            }
            _ => plain("Invalid"),
        }
    }
}

impl Tell for VersionError {
    const CLASS: &'static str = "VersionError";

    fn tell(&self) -> Told {
        match self {
            VersionError::Label(size) => ("Label", json!({ "size": size, "max": meshwork::sync::LABEL_MAX })),
            VersionError::TooLarge(size) => {
                ("TooLarge", json!({ "size": size, "max": meshwork::sync::VERSION_MAX }))
            }
            VersionError::NotMine => plain("NotMine"),
            VersionError::Blob(error) => error.tell(),
            VersionError::Fetch(error) => error.tell(),
            VersionError::Write(error) => error.tell(),
            VersionError::Closed(error) => error.tell(),
            _ => plain("Damaged"),
        }
    }
}

impl Tell for SayError {
    const CLASS: &'static str = "SayError";

    fn tell(&self) -> Told {
        match self {
            SayError::Write(error) => error.tell(),
            _ => plain("Value"),
        }
    }
}

impl Tell for DirectError {
    const CLASS: &'static str = "DirectError";

    fn tell(&self) -> Told {
        match self {
            DirectError::Value(_) => plain("Value"),
            DirectError::TooLarge(size) => ("TooLarge", json!({ "size": size, "max": meshwork::DIRECT_MAX })),
            DirectError::NotSent(_) => plain("NotSent"),
            DirectError::Closed(error) => error.tell(),
            _ => plain("Unknown"),
        }
    }
}

impl Tell for DatagramError {
    const CLASS: &'static str = "DatagramError";

    fn tell(&self) -> Told {
        match self {
            DatagramError::TooLarge(size) => ("TooLarge", json!({ "size": size })),
            DatagramError::NotLinked => plain("NotLinked"),
            DatagramError::NotOpen => plain("NotOpen"),
            DatagramError::Closed(error) => error.tell(),
            _ => plain("Value"),
        }
    }
}

impl Tell for PresenceError {
    const CLASS: &'static str = "PresenceError";

    fn tell(&self) -> Told {
        match self {
            PresenceError::TooLarge(size) => {
                ("TooLarge", json!({ "size": size, "max": meshwork::PRESENCE_MAX }))
            }
            PresenceError::NotOpen => plain("NotOpen"),
            PresenceError::Closed(error) => error.tell(),
            _ => plain("Value"),
        }
    }
}

impl Tell for KeptError {
    const CLASS: &'static str = "KeptError";

    fn tell(&self) -> Told {
        match self {
            KeptError::Closed(error) => error.tell(),
            _ => plain("NobodyStays"),
        }
    }
}

impl Tell for RuleError {
    const CLASS: &'static str = "RuleError";

    fn tell(&self) -> Told {
        match self {
            RuleError::NotAllowed { rule } => ("NotAllowed", json!({ "rule": rule })),
            RuleError::NotBanned => plain("NotBanned"),
            RuleError::AppIsOff => plain("AppIsOff"),
            RuleError::NotOpen => plain("NotOpen"),
            RuleError::Closed(error) => error.tell(),
            _ => plain("Invalid"),
        }
    }
}

impl Tell for AppIsOff {
    const CLASS: &'static str = "AppIsOffError";

    fn tell(&self) -> Told {
        ("AppIsOff", json!({ "app": self.0 }))
    }
}

impl Tell for EnterError {
    const CLASS: &'static str = "EnterError";

    fn tell(&self) -> Told {
        match self {
            EnterError::Closed(error) => error.tell(),
            _ => plain("NoParty"),
        }
    }
}

impl Tell for GetPackageError {
    const CLASS: &'static str = "BlobError";

    fn tell(&self) -> Told {
        match self {
            GetPackageError::Blob(error) => error.tell(),
            GetPackageError::Enter(error) => error.tell(),
            _ => plain("Store"),
        }
    }
}

impl Tell for ActError {
    const CLASS: &'static str = "ActError";

    fn tell(&self) -> Told {
        match self {
            ActError::NotHost => plain("NotHost"),
            ActError::NotSeated => plain("NotSeated"),
            ActError::TooFew { have, least } => ("TooFew", json!({ "have": have, "least": least })),
            ActError::NotReady(slots) => ("NotReady", json!({ "slots": slots })),
            ActError::NoSuchSeat(slot) => ("NoSuchSeat", json!({ "slot": slot })),
            ActError::NobodyElse => plain("NobodyElse"),
            ActError::Over => plain("Over"),
            _ => plain("Phase"),
        }
    }
}
