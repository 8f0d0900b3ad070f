//! A room, with its canvas.

use js_sys::{Uint8ClampedArray, Uint32Array};
use meshwork::{Colour, Erase, Receipt, Region, Repainted, Room};
use serde_json::json;
use wasm_bindgen::prelude::*;

use crate::app::RawApp;
use crate::border::at_once;
use crate::chat::RawChat;
use crate::endpoint::{hold, new_room};
use crate::error::{thrown, unfit};
use crate::game::RawGame;
use crate::reader::{Reader, Source, member};
use crate::rules::RawRules;

/// A room.
#[wasm_bindgen]
pub struct RawRoom(Room);

/// Something that this page wrote.
#[wasm_bindgen]
pub struct RawReceipt(Receipt);

impl RawRoom {
    pub(crate) fn new(room: Room) -> RawRoom {
        RawRoom(room)
    }
}

#[wasm_bindgen(wasm_bindgen_futures = crate::promise)]
impl RawReceipt {
    /// The first and the last of its numbers.
    pub fn sequences(&self) -> Vec<f64> {
        let sequences = self.0.sequences();
        vec![*sequences.start() as f64, *sequences.end() as f64]
    }

    /// Waits until members that stay have it.
    pub async fn kept(&self) -> Result<(), JsValue> {
        self.0.kept().await.map_err(thrown)
    }
}

#[wasm_bindgen(wasm_bindgen_futures = crate::promise)]
impl RawRoom {
    /// Its link.
    pub fn link(&self) -> String {
        self.0.link().to_string()
    }

    /// Its code, where a server knows it.
    pub fn code(&self) -> Option<String> {
        self.0.code().map(|code| code.to_string())
    }

    /// Its id.
    pub fn id(&self) -> Option<String> {
        self.0.id().map(|id| id.to_string())
    }

    /// What people see it called.
    pub fn name(&self) -> Result<String, JsValue> {
        at_once(self.0.name()).map_err(thrown)
    }

    /// Who made it.
    pub fn owner(&self) -> Result<Option<String>, JsValue> {
        Ok(at_once(self.0.owner()).map_err(thrown)?.map(|owner| owner.to_string()))
    }

    /// The word of the app that it opened with.
    #[wasm_bindgen(js_name = openedWith)]
    pub fn opened_with(&self) -> Result<Option<String>, JsValue> {
        at_once(self.0.opened_with()).map_err(thrown)
    }

    /// Who else is here, as JSON.
    pub fn members(&self) -> Result<String, JsValue> {
        let members = at_once(self.0.members()).map_err(thrown)?;
        Ok(json!(members.iter().map(member).collect::<Vec<_>>()).to_string())
    }

    /// One of them, as JSON.
    pub fn member(&self, id: &str) -> Result<Option<String>, JsValue> {
        let id = id.parse().map_err(unfit)?;
        Ok(at_once(self.0.member(id)).map(|who| member(&who).to_string()))
    }

    /// The name of a peer, now or when it was here last.
    #[wasm_bindgen(js_name = nameOf)]
    pub fn name_of(&self, peer: &str) -> Result<Option<String>, JsValue> {
        at_once(self.0.name_of(peer.parse().map_err(unfit)?)).map_err(thrown)
    }

    /// Registers it with one more server.
    #[wasm_bindgen(js_name = addServer)]
    pub async fn add_server(&self, url: String) -> Result<(), JsValue> {
        self.0.add_server(&url).await.map_err(thrown)
    }

    /// What happens in it from now on.
    pub fn events(&self) -> Reader {
        Reader::of(Source::Events(self.0.events()))
    }

    /// What one of its apps has.
    pub fn app(&self, word: &str) -> Result<RawApp, JsValue> {
        at_once(self.0.app(word)).map(RawApp::new).map_err(thrown)
    }

    /// Turns an app on that these options in JSON name.
    #[wasm_bindgen(js_name = turnOn)]
    pub async fn turn_on(&self, options: String) -> Result<RawApp, JsValue> {
        let (app, package) = new_room(&options, self.0.me().peer)?;
        let app = self.0.turn_on(app).await.map(RawApp::new).map_err(thrown)?;
        hold(&self.0, package).await?;
        Ok(app)
    }

    /// Its rules.
    pub fn rules(&self) -> RawRules {
        RawRules::new(self.0.clone())
    }

    /// Waits until a server took it in.
    pub async fn registered(&self) -> Result<(), JsValue> {
        self.0.registered().await.map_err(thrown)
    }

    /// Makes an invitation.
    pub async fn invite(&self) -> Result<String, JsValue> {
        self.0.invite().await.map_err(thrown)
    }

    /// Takes the answer to it, and returns who gave it.
    pub async fn accept(&self, answer: String) -> Result<String, JsValue> {
        Ok(self.0.accept(&answer).await.map_err(thrown)?.id().to_string())
    }

    /// Waits until a member let this page in.
    pub async fn joined(&self) -> Result<(), JsValue> {
        self.0.joined().await.map_err(thrown)
    }

    /// Waits until members that stay have all that this program wrote.
    pub async fn kept(&self) -> Result<(), JsValue> {
        self.0.kept().await.map_err(thrown)
    }

    /// Waits until all linked members have what this program has.
    #[wasm_bindgen(js_name = inStep)]
    pub async fn in_step(&self) -> Result<(), JsValue> {
        self.0.in_step().await.map_err(thrown)
    }

    /// Waits until what this browser keeps of it is shown.
    pub async fn restored(&self) -> Result<(), JsValue> {
        self.0.restored().await.map_err(thrown)
    }

    /// Leaves it, and removes what this browser keeps of it.
    pub async fn forget(&self) -> Result<(), JsValue> {
        self.0.clone().forget().await.map_err(thrown)
    }

    /// Leaves it.
    pub fn leave(&self) {
        self.0.clone().leave();
    }

    /// Columns and rows of its canvas.
    #[wasm_bindgen(js_name = canvasSize)]
    pub fn canvas_size(&self) -> Result<Option<Vec<u16>>, JsValue> {
        let size = at_once(self.0.canvas().size()).map_err(thrown)?;
        Ok(size.map(|(width, height)| vec![width, height]))
    }

    /// The colour of a cell, as `0xrrggbb`.
    #[wasm_bindgen(js_name = canvasGet)]
    pub fn canvas_get(&self, x: u16, y: u16) -> Result<Option<u32>, JsValue> {
        let colour = at_once(self.0.canvas().get(x, y)).map_err(thrown)?;
        Ok(colour.map(|[red, green, blue]| Colour::rgb(red, green, blue).bits()))
    }

    /// Red, green, blue and opacity of all cells.
    #[wasm_bindgen(js_name = canvasImage)]
    pub fn canvas_image(&self) -> Result<Option<Uint8ClampedArray>, JsValue> {
        let image = at_once(self.0.canvas().image()).map_err(thrown)?;
        Ok(image.map(|image| Uint8ClampedArray::from(&*image.rgba)))
    }

    /// Paints cells: column, row and `0xrrggbb` of each; as a part of what was painted last, or not.
    #[wasm_bindgen(js_name = canvasPaint)]
    pub async fn canvas_paint(&self, cells: Uint32Array, on: bool) -> Result<RawReceipt, JsValue> {
        let cell = |cell: &[u32]| {
            let [x, y, colour] = cell.try_into().ok()?;
            Some((u16::try_from(x).ok()?, u16::try_from(y).ok()?, Colour::from_bits(colour)?))
        };
        let cells: Option<Vec<_>> = cells.to_vec().chunks(3).map(cell).collect();
        let cells = cells.ok_or_else(|| unfit("a cell has a column, a row and a colour"))?;
        let canvas = self.0.canvas();
        let painted = if on { canvas.paint_on(&cells).await } else { canvas.paint(&cells).await };
        painted.map(RawReceipt).map_err(thrown)
    }

    /// Takes the last step back, or does it again: cells that were painted, that others have painted over, and that are
    /// left.
    #[wasm_bindgen(js_name = canvasGo)]
    pub async fn canvas_go(&self, again: bool) -> Result<Option<Vec<u32>>, JsValue> {
        let canvas = self.0.canvas();
        let gone = if again { canvas.redo().await } else { canvas.undo().await };
        // A canvas has fewer cells than the number holds.
        let told =
            |gone: Repainted| [gone.painted, gone.theirs, gone.left].map(|cells| cells as u32).to_vec();
        Ok(gone.map_err(thrown)?.map(told))
    }

    /// Erases what was painted up to now: by a peer, or by everybody; in a column, a row, a width and a height, or everywhere.
    #[wasm_bindgen(js_name = canvasErase)]
    pub async fn canvas_erase(
        &self,
        author: Option<String>,
        region: Option<Vec<u32>>,
    ) -> Result<(), JsValue> {
        let author = author.map(|author| author.parse().map_err(unfit)).transpose()?;
        let fitting = |region: Vec<u32>| {
            let numbers: Option<Vec<u16>> = region.iter().map(|number| u16::try_from(*number).ok()).collect();
            let [x, y, width, height] = numbers?.try_into().ok()?;
            Some(Region { x, y, width, height })
        };
        let unread = || unfit("a region has a column, a row, a width and a height");
        let region = region.map(|region| fitting(region).ok_or_else(unread)).transpose()?;
        self.0.canvas().erase(Erase { author, region }).await.map_err(thrown)
    }

    /// How many steps can be taken back, and how many done again.
    #[wasm_bindgen(js_name = canvasSteps)]
    pub fn canvas_steps(&self) -> Vec<u32> {
        let (undo, redo) = self.0.canvas().steps();
        vec![undo as u32, redo as u32]
    }

    /// The cells that look different from now on.
    #[wasm_bindgen(js_name = canvasWatch)]
    pub fn canvas_watch(&self) -> Reader {
        Reader::of(Source::Cells(self.0.canvas().watch()))
    }

    /// Its conversation as an app.
    pub fn conversation(&self) -> RawApp {
        RawApp::new(self.0.conversation())
    }

    /// The posts of its conversation.
    pub fn chat(&self) -> RawChat {
        RawChat::new(self.0.chat())
    }

    /// Its party.
    pub fn game(&self) -> RawGame {
        RawGame::new(self.0.game())
    }
}
