//! The room sheet, and what was chosen there before it is closed.

use anyhow::{Result, ensure};
use meshwork_e2e::{Browser, Key, Look, PATIENCE, Server, Tab};

use crate::common::hands::mouse;
use crate::common::{SIZE, close, open_page, wait_gone, wait_linked, wait_says, wait_shows};

const RED: [u8; 4] = [0xe6, 0x19, 0x4b, 0xff];

async fn open_rules(tab: &Tab) -> Result<()> {
    tab.click("room-chip").await?;
    tab.click("tab-rules").await
}

#[tokio::test]
async fn changed_rules_are_not_lost_unasked() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (owner, _) = open_page(&browser, server.url(), "open").await?;
    let owner = &owner;
    open_rules(owner).await?;
    wait_says(owner, "rule-limit", "with no limit").await?;
    owner.type_text("limit-cells", "3").await?;
    wait_says(owner, "rule-limit", "3 cells every").await?;
    wait_says(owner, "unsaved", "1 change, not saved").await?;
    close(owner).await?;
    wait_says(owner, "unsaved", "You changed something here and did not save it.").await?;
    owner.click("set-rules").await?;
    wait_gone(owner, "tab-rules").await?;
    // What is saved is not asked about.
    open_rules(owner).await?;
    wait_says(owner, "rule-limit", "3 cells every").await?;
    close(owner).await?;
    wait_gone(owner, "tab-rules").await?;
    // Escape asks, too.
    open_rules(owner).await?;
    owner.click("limit-off").await?;
    owner.press_keys(Key::Escape).await?;
    wait_says(owner, "unsaved", "did not save it").await?;
    owner.click("discard-rules").await?;
    wait_gone(owner, "tab-rules").await?;
    open_rules(owner).await?;
    wait_says(owner, "rule-limit", "3 cells every").await?;
    owner.click("limit-off").await?;
    wait_says(owner, "rule-limit", "with no limit").await?;
    owner.click("discard-rules").await?;
    wait_says(owner, "rule-limit", "3 cells every").await?;
    wait_gone(owner, "unsaved").await?;
    // Chosen as it was, there is nothing to save.
    owner.click("limit-off").await?;
    owner.click("limit-on").await?;
    close(owner).await?;
    wait_gone(owner, "tab-rules").await?;
    // So it is with the name, to which the pencil leads, and which Enter saves.
    owner.click("room-chip").await?;
    owner.click("rename-room").await?;
    owner
        .wait_until(PATIENCE, "the field has the focus", async || {
            let focused = owner.eval("return document.activeElement.dataset.testid", vec![]).await?;
            ensure!(focused == "room-name-field", "{focused} has it");
            Ok(())
        })
        .await?;
    owner.type_text("room-name-field", "Harbour wall").await?;
    close(owner).await?;
    wait_says(owner, "unsaved", "did not save it").await?;
    owner.click("set-rules").await?;
    wait_says(owner, "room-name", "Harbour wall").await?;
    owner.click("room-chip").await?;
    owner.click("tab-about").await?;
    owner.type_text("room-name-field", "Pier\n").await?;
    wait_says(owner, "room-name", "Pier").await?;
    close(owner).await?;
    wait_gone(owner, "tab-rules").await?;
    // Over a narrow page a press beside the sheet asks, too.
    owner.look(Look::PHONE).await?;
    open_rules(owner).await?;
    owner.click("limit-off").await?;
    mouse(owner, "mousePressed", (40.0, 20.0), "left", 0).await?;
    mouse(owner, "mouseReleased", (40.0, 20.0), "left", 0).await?;
    wait_says(owner, "unsaved", "did not save it").await
}

#[tokio::test]
async fn people_paint_on_beside_the_room_sheet() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (owner, _) = open_page(&browser, server.url(), "open").await?;
    let owner = &owner;
    let width = "return document.querySelector('.stage-area').getBoundingClientRect().width";
    let before = owner.eval(width, vec![]).await?.as_f64().unwrap_or_default();
    owner.click("palette-e6194b").await?;
    open_rules(owner).await?;
    owner
        .wait_until(PATIENCE, "the canvas makes room", async || {
            let now = owner.eval(width, vec![]).await?.as_f64().unwrap_or_default();
            ensure!(now > 300.0 && now < before - 100.0, "{now} of {before} are left");
            Ok(())
        })
        .await?;
    owner.click_cell(SIZE, (30, 30)).await?;
    wait_shows(owner, (30, 30), RED).await?;
    ensure!(owner.has("tab-rules").await?, "the sheet stays");
    owner.click("tab-rules").await?;
    owner.press_keys(Key::Escape).await?;
    wait_gone(owner, "tab-rules").await
}

#[tokio::test]
async fn changed_rules_outlast_marking_and_other_devices() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (owner, link) = open_page(&browser, server.url(), "open").await?;
    let owner = &owner;
    let other = &browser.tab(&link).await?;
    wait_linked(other, 1).await?;
    open_rules(owner).await?;
    owner.type_text("limit-cells", "3").await?;
    // Marking on the canvas leaves the sheet as it was.
    owner.click("tab-moderation").await?;
    owner.click("erase-mark").await?;
    wait_says(owner, "marking", "Drag over").await?;
    owner.click("marking-cancel").await?;
    wait_says(owner, "rule-moderators", "You").await?;
    // Meanwhile the owner names the room elsewhere.
    other.click("room-chip").await?;
    other.click("tab-about").await?;
    other.type_text("room-name-field", "Pier").await?;
    other.click("set-rules").await?;
    wait_says(owner, "room-name", "Pier").await?;
    close(owner).await?;
    wait_says(owner, "unsaved", "did not save it").await?;
    owner.click("set-rules").await?;
    wait_gone(owner, "tab-rules").await?;
    open_rules(owner).await?;
    wait_says(owner, "rule-limit", "3 cells every").await?;
    wait_says(owner, "room-name", "Pier").await?;
    // What is decided elsewhere is shown where nothing else was chosen.
    other.click("tab-rules").await?;
    other.type_text("limit-cells", "5").await?;
    other.click("set-rules").await?;
    wait_says(owner, "rule-limit", "5 cells every").await
}
