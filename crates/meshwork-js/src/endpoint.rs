//! This page among peers.

use js_sys::{Array, Function};
use meshwork::play::{self, Package, Party};
use meshwork::{Endpoint, Identity, KeptRoom, NewRoom, PeerId, Room, Store, compute, place};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use wasm_bindgen::prelude::*;

use crate::error::{make_errors_by, thrown, unfit};
use crate::game::package;
use crate::room::RawRoom;

/// An endpoint.
#[wasm_bindgen]
pub struct RawEndpoint(Endpoint);

/// What an endpoint is started with.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Options {
    name: String,
    identity: Option<String>,
    store: Option<String>,
    servers: Vec<String>,
    /// Address, user name and credential of each.
    ice_servers: Vec<(String, String, String)>,
    stays: bool,
    hides_address: bool,
    trusted_relays: Vec<String>,
}

/// What a new room is like.
#[derive(Deserialize)]
struct NewRoomOptions {
    app: Option<String>,
    width: Option<u16>,
    height: Option<u16>,
    /// The settings of a party.
    game: Option<Map<String, Value>>,
    #[serde(default)]
    private: bool,
    name: Option<String>,
    parameters: Option<Vec<u8>>,
}

#[wasm_bindgen(wasm_bindgen_futures = crate::promise)]
impl RawEndpoint {
    /// From now on this function makes errors of JSON: their class, code, message and fields.
    #[wasm_bindgen(js_name = errorsBy)]
    pub fn errors_by(make: Function) {
        make_errors_by(make);
    }

    /// An identity that nobody has seen, as the text that it is exported as.
    #[wasm_bindgen(js_name = newIdentity)]
    pub fn new_identity() -> Result<String, JsValue> {
        Ok(Identity::generate().map_err(thrown)?.export())
    }

    /// Which peer an exported identity is.
    #[wasm_bindgen(js_name = peerOf)]
    pub fn peer_of(identity: &str) -> Result<String, JsValue> {
        Ok(Identity::import(identity).map_err(thrown)?.peer().to_string())
    }

    /// Starts one, as these options in JSON say.
    pub async fn bind(options: String) -> Result<RawEndpoint, JsValue> {
        let options: Options = serde_json::from_str(&options).map_err(unfit)?;
        let mut builder = Endpoint::builder().name(options.name).keep_name();
        if let Some(identity) = options.identity {
            builder = builder.identity(Identity::import(&identity).map_err(thrown)?);
        }
        if let Some(store) = options.store {
            builder = builder.store(Store::browser(store));
        }
        builder = options.servers.into_iter().fold(builder, |builder, server| builder.server(server));
        builder = options.trusted_relays.into_iter().fold(builder, |builder, host| builder.trust_relay(host));
        builder = options.ice_servers.into_iter().fold(builder, |builder, (url, username, credential)| {
            builder.ice_server(url, username, credential)
        });
        if options.stays {
            builder = builder.stays();
        }
        if options.hides_address {
            builder = builder.hide_address();
        }
        Ok(RawEndpoint(builder.bind().await.map_err(thrown)?))
    }

    /// Which endpoint it is.
    pub fn id(&self) -> String {
        self.0.id().to_string()
    }

    /// Whose endpoint it is.
    pub fn peer(&self) -> String {
        self.0.id().peer.to_string()
    }

    /// Makes a room, as these options in JSON say.
    pub async fn create(&self, options: String) -> Result<RawRoom, JsValue> {
        let (room, package) = new_room(&options, self.0.id().peer)?;
        let room = self.0.create(room).await.map_err(thrown)?;
        hold(&room, package).await?;
        Ok(RawRoom::new(room))
    }

    /// Joins a room.
    pub async fn join(&self, link: String) -> Result<RawRoom, JsValue> {
        Ok(RawRoom::new(self.0.join(link).await.map_err(thrown)?))
    }

    /// Answers an invitation: the text that goes back, and the room.
    pub async fn answer(&self, link: String, invitation: String) -> Result<Array, JsValue> {
        let (answer, room) = self.0.answer(link, &invitation).await.map_err(thrown)?;
        Ok(Array::of2(&answer.into(), &RawRoom::new(room).into()))
    }

    /// Opens a room that is kept in this browser.
    pub async fn open(&self, link: String) -> Result<RawRoom, JsValue> {
        Ok(RawRoom::new(self.0.open(link).await.map_err(thrown)?))
    }

    /// The rooms that are kept in this browser, as JSON.
    pub async fn rooms(&self) -> Result<String, JsValue> {
        let rooms = self.0.rooms().await.map_err(thrown)?;
        let room = |KeptRoom { id, link, app, name }: KeptRoom| {
            let link = link.map(|link| link.to_string());
            json!({ "id": id.to_string(), "link": link, "app": app, "name": name })
        };
        Ok(json!(rooms.into_iter().map(room).collect::<Vec<_>>()).to_string())
    }

    /// Removes what is kept of a room in this browser.
    pub async fn forget(&self, id: String) -> Result<(), JsValue> {
        self.0.forget(id.parse().map_err(unfit)?).await.map_err(thrown)
    }

    /// Says goodbye to everybody.
    pub async fn close(&self) {
        self.0.close().await;
    }
}

/// Reads options in JSON, for a room or an app of this peer. A party has a package, for [`hold`] once it is open.
pub(crate) fn new_room(options: &str, me: PeerId) -> Result<(NewRoom, Option<Package>), JsValue> {
    serde_json::from_str::<NewRoomOptions>(options).map_err(unfit)?.into_room(me)
}

/// Members fetch the package of a party from this page.
pub(crate) async fn hold(room: &Room, package: Option<Package>) -> Result<(), JsValue> {
    match package {
        Some(package) => room.game().hold(&package).await.map_err(thrown),
        None => Ok(()),
    }
}

impl NewRoomOptions {
    fn into_room(self, me: PeerId) -> Result<(NewRoom, Option<Package>), JsValue> {
        let package = self.game.as_ref().map(package).transpose()?;
        let mut room = match (&package, self.app, self.width.zip(self.height)) {
            (None, None, Some((width, height))) => place::canvas(width, height),
            (None, Some(app), None) if app == compute::APP => compute::room(),
            (None, Some(app), None) => meshwork::room(&app),
            (Some(package), None, None) => play::party(&Party::of(package, me, None)),
            _ => {
                let words = "a room opens with an app, with a game, or with a canvas of a width and a height";
                return Err(unfit(words));
            }
        };
        if let Some(parameters) = self.parameters.filter(|_| package.is_none()) {
            room = room.parameters(&parameters);
        }
        if self.private {
            room = room.private();
        }
        if let Some(name) = self.name {
            room = room.named(name);
        }
        Ok((room, package))
    }
}
