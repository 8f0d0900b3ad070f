//! The room sheet, and what was chosen there before it is closed.

use anyhow::Result;
use meshwork_e2e::{Browser, Key, Server, Tab};

use crate::common::hands::mouse;
use crate::common::{close, open_page, wait_gone, wait_linked, wait_says};

async fn open_rules(tab: &Tab) -> Result<()> {
    tab.click("room-chip").await?;
    tab.click("tab-rules").await
}

#[tokio::test]
async fn changed_rules_are_not_lost_unasked() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (owner, _) = open_page(&browser, server.url(), "create-room").await?;
    let owner = &owner;
    open_rules(owner).await?;
    owner.type_text("limit-cells", "3").await?;
    close(owner).await?;
    wait_says(owner, "unsaved", "You changed something here and did not save it.").await?;
    owner.click("unsaved-save").await?;
    wait_gone(owner, "set-rules").await?;
    // What is saved is not asked about.
    open_rules(owner).await?;
    wait_says(owner, "rule-limit", "3 cells every").await?;
    close(owner).await?;
    wait_gone(owner, "set-rules").await?;
    // Escape asks, too, and a press outside.
    open_rules(owner).await?;
    owner.click("limit-off").await?;
    owner.press_keys(Key::Escape).await?;
    wait_says(owner, "unsaved", "did not save it").await?;
    owner.click("unsaved-drop").await?;
    wait_gone(owner, "set-rules").await?;
    open_rules(owner).await?;
    wait_says(owner, "rule-limit", "3 cells every").await?;
    owner.click("limit-off").await?;
    mouse(owner, "mousePressed", (40.0, 500.0), "left", 0).await?;
    mouse(owner, "mouseReleased", (40.0, 500.0), "left", 0).await?;
    wait_says(owner, "unsaved", "did not save it").await?;
    // Chosen as it was, there is nothing to save.
    owner.click("limit-on").await?;
    close(owner).await?;
    wait_gone(owner, "set-rules").await?;
    // So it is with the name, which has a button of its own.
    owner.click("room-chip").await?;
    owner.click("tab-about").await?;
    owner.type_text("room-name-field", "Harbour wall").await?;
    close(owner).await?;
    wait_says(owner, "unsaved", "did not save it").await?;
    owner.click("unsaved-save").await?;
    wait_says(owner, "room-name", "Harbour wall").await?;
    owner.click("room-chip").await?;
    owner.click("tab-about").await?;
    owner.type_text("room-name-field", "Pier").await?;
    owner.click("set-room-name").await?;
    wait_says(owner, "room-name", "Pier").await?;
    close(owner).await?;
    wait_gone(owner, "set-rules").await
}

#[tokio::test]
async fn changed_rules_outlast_marking_and_other_devices() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (owner, link) = open_page(&browser, server.url(), "create-room").await?;
    let owner = &owner;
    let other = &browser.tab(&link).await?;
    wait_linked(other, 1).await?;
    open_rules(owner).await?;
    owner.type_text("limit-cells", "3").await?;
    // The sheet gives way to the canvas, and comes back as it was.
    owner.click("tab-moderation").await?;
    owner.click("erase-mark").await?;
    wait_says(owner, "marking", "Drag over").await?;
    owner.click("marking-cancel").await?;
    wait_says(owner, "rule-moderators", "You").await?;
    // Meanwhile the owner names the room elsewhere.
    other.click("room-chip").await?;
    other.click("tab-about").await?;
    other.type_text("room-name-field", "Pier").await?;
    other.click("set-room-name").await?;
    wait_says(owner, "room-name", "Pier").await?;
    close(owner).await?;
    wait_says(owner, "unsaved", "did not save it").await?;
    owner.click("unsaved-save").await?;
    wait_gone(owner, "set-rules").await?;
    open_rules(owner).await?;
    wait_says(owner, "rule-limit", "3 cells every").await?;
    wait_says(owner, "room-name", "Pier").await
}
