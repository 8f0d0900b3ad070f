//! What a room's owner and moderators decide.

use std::time::Duration;

use meshwork::{PeerId, Room, Rules};
use wasm_bindgen::prelude::*;

use crate::app::RawApp;
use crate::border::at_once;
use crate::error::{thrown, unfit};

/// The rules of a room.
#[wasm_bindgen]
pub struct RawRules(Rules);

impl RawRules {
    pub(crate) fn new(room: Room) -> RawRules {
        RawRules(room.rules())
    }
}

fn peers(texts: Vec<String>) -> Result<Vec<PeerId>, JsValue> {
    texts.iter().map(|text| text.parse().map_err(unfit)).collect()
}

fn texts(peers: Vec<PeerId>) -> Vec<String> {
    peers.iter().map(PeerId::to_string).collect()
}

#[wasm_bindgen(wasm_bindgen_futures = crate::promise)]
impl RawRules {
    /// Changes what people see the room called.
    #[wasm_bindgen(js_name = setName)]
    pub async fn set_name(&self, name: String) -> Result<(), JsValue> {
        self.0.set_name(&name).await.map_err(thrown)
    }

    /// Limits what each may write in an app to `cost` in so many milliseconds; lifts the limit where there is no cost.
    pub async fn limit(&self, app: &RawApp, cost: Option<u32>, window_ms: u32) -> Result<(), JsValue> {
        let window = Duration::from_millis(window_ms.into());
        match cost {
            Some(cost) => self.0.limit(app.app(), cost, window).await,
            None => self.0.lift_limit(app.app()).await,
        }
        .map_err(thrown)
    }

    /// These peers alone write from now on; everybody where none are given.
    #[wasm_bindgen(js_name = setWriters)]
    pub async fn set_writers(&self, writers: Option<Vec<String>>) -> Result<(), JsValue> {
        match writers {
            Some(writers) => self.0.set_writers(peers(writers)?).await,
            None => self.0.let_everybody_write().await,
        }
        .map_err(thrown)
    }

    /// Names the moderators.
    #[wasm_bindgen(js_name = setModerators)]
    pub async fn set_moderators(&self, moderators: Vec<String>) -> Result<(), JsValue> {
        self.0.set_moderators(peers(moderators)?).await.map_err(thrown)
    }

    /// Who moderates.
    pub fn moderators(&self) -> Result<Vec<String>, JsValue> {
        at_once(self.0.moderators()).map(texts).map_err(thrown)
    }

    /// Bans a peer.
    pub async fn ban(&self, peer: String) -> Result<(), JsValue> {
        self.0.ban(peer.parse().map_err(unfit)?).await.map_err(thrown)
    }

    /// Lifts all bans of a peer.
    pub async fn unban(&self, peer: String) -> Result<(), JsValue> {
        self.0.unban(peer.parse().map_err(unfit)?).await.map_err(thrown)
    }

    /// Who is banned.
    pub fn banned(&self) -> Result<Vec<String>, JsValue> {
        at_once(self.0.banned()).map(texts).map_err(thrown)
    }

    /// The link without what lets one write.
    #[wasm_bindgen(js_name = viewLink)]
    pub fn view_link(&self) -> String {
        self.0.view_link().to_string()
    }

    /// From now on whoever has the link that is returned writes.
    #[wasm_bindgen(js_name = newEditLink)]
    pub async fn new_edit_link(&self) -> Result<String, JsValue> {
        self.0.new_edit_link().await.map(|link| link.to_string()).map_err(thrown)
    }

    /// Gives the room a new secret.
    #[wasm_bindgen(js_name = newLink)]
    pub async fn new_link(&self, keep: Vec<String>) -> Result<String, JsValue> {
        self.0.new_link(peers(keep)?).await.map(|link| link.to_string()).map_err(thrown)
    }
}
