//! The room sheet, and what was chosen there before it is closed.

use anyhow::{Result, ensure};
use meshwork_e2e::{Browser, Key, PATIENCE, Server, Tab};

use crate::common::hands::mouse;
use crate::common::{close, open_page, wait_says};

async fn open_rules(tab: &Tab) -> Result<()> {
    tab.click("room-chip").await?;
    tab.click("tab-rules").await
}

async fn wait_closed(tab: &Tab) -> Result<()> {
    tab.wait_until(PATIENCE, "the sheet is closed", async || {
        ensure!(!tab.has("set-rules").await?, "it is open");
        Ok(())
    })
    .await
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
    wait_says(owner, "unsaved", "You changed the rules and did not save them.").await?;
    owner.click("unsaved-save").await?;
    wait_closed(owner).await?;
    // What is saved is not asked about.
    open_rules(owner).await?;
    wait_says(owner, "rule-limit", "3 cells every").await?;
    close(owner).await?;
    wait_closed(owner).await?;
    // Escape asks, too, and a press outside.
    open_rules(owner).await?;
    owner.click("limit-off").await?;
    owner.press_keys(Key::Escape).await?;
    wait_says(owner, "unsaved", "did not save them").await?;
    owner.click("unsaved-drop").await?;
    wait_closed(owner).await?;
    open_rules(owner).await?;
    wait_says(owner, "rule-limit", "3 cells every").await?;
    owner.click("limit-off").await?;
    mouse(owner, "mousePressed", (40.0, 500.0), "left", 0).await?;
    mouse(owner, "mouseReleased", (40.0, 500.0), "left", 0).await?;
    wait_says(owner, "unsaved", "did not save them").await?;
    // Chosen as it was, there is nothing to save.
    owner.click("limit-on").await?;
    close(owner).await?;
    wait_closed(owner).await
}
