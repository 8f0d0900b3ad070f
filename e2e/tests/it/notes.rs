//! Notes beside a canvas: live, offline, removed, hidden, refused.

use crate::common::{close, open_page, open_start, press_shown, wait_linked, wait_page_says, wait_says};
use anyhow::{Result, ensure};
use meshwork_e2e::{Browser, Key, Look, PATIENCE, Server, ServerOptions, Tab};
use serde_json::json;

/// The texts that are shown, the newest last.
const TEXTS: &str =
    "return Array.from(document.querySelectorAll('[data-testid=note-text]'), note => note.innerText)";

/// Waits until exactly these notes are shown, the newest last.
async fn wait_notes(tab: &Tab, expected: &[&str]) -> Result<()> {
    tab.wait_until(PATIENCE, "notes", async || {
        let texts = tab.eval(TEXTS, vec![]).await?;
        ensure!(texts == json!(expected), "{texts} instead of {expected:?}");
        Ok(())
    })
    .await
}

/// Waits until the button in the bar says that so many are unread.
async fn wait_unread(tab: &Tab, count: &str) -> Result<()> {
    tab.wait_until(PATIENCE, "a count", async || {
        let shown = tab.text("notes-unread").await?;
        ensure!(shown == count, "{shown:?} are unread");
        Ok(())
    })
    .await
}

/// Writes a note in the open panel.
async fn write(tab: &Tab, text: &str) -> Result<()> {
    tab.type_text("note-field", text).await?;
    tab.press_keys(Key::Enter).await
}

/// An owner at a desk, whose key is kept and whose address is returned, and somebody on a phone.
async fn two(server: &Server, browsers: &[Browser; 2]) -> Result<(Tab, Tab, String)> {
    let (owner, link) = open_page(&browsers[0], server.url(), "open").await?;
    owner.type_text("display-name", "Mira").await?;
    let guest = open_start(&browsers[1], server.url()).await?;
    guest.look(Look::PHONE).await?;
    guest.type_text("display-name", "Lin").await?;
    guest.goto(&link).await?;
    wait_linked(&owner, 1).await?;
    wait_page_says(&owner, "Lin").await?;
    Ok((owner, guest, link))
}

async fn browsers() -> Result<[Browser; 2]> {
    let (one, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    Ok([one, other])
}

#[tokio::test]
async fn people_see_each_others_notes_at_once() -> Result<()> {
    let server = Server::start().await?;
    let browsers = browsers().await?;
    let (owner, guest, _) = two(&server, &browsers).await?;
    guest.click("open-notes").await?;
    wait_says(&guest, "notes-about", "Nobody has written yet.").await?;
    write(&guest, "Who takes the <b>left</b> half?").await?;
    wait_says(&guest, "notes-left", "Your last note reached 1 of 1").await?;
    wait_unread(&owner, "1").await?;

    owner.eval("document.querySelector('[data-testid=place-canvas]').focus()", vec![]).await?;
    owner.press_keys("t").await?;
    wait_notes(&owner, &["Who takes the <b>left</b> half?"]).await?;
    wait_says(&owner, "note", "Lin").await?;
    wait_unread(&owner, "").await?;
    owner.type_text("note-field", "I do.").await?;
    owner.press_with(Key::Shift, Key::Enter).await?;
    owner.press_keys("You the right?").await?;
    owner.press_keys(Key::Enter).await?;
    let both = ["Who takes the <b>left</b> half?", "I do.\nYou the right?"];
    wait_notes(&guest, &both).await?;
    let spoken = "return document.querySelector('[data-testid=notes-spoken]').textContent";
    guest
        .wait_until(PATIENCE, "what comes to be read out", async || {
            let said = guest.eval(spoken, vec![]).await?;
            ensure!(said == "Mira: I do.\nYou the right?", "{said} is read out");
            Ok(())
        })
        .await?;

    // One's own can be removed, and written again.
    let hides =
        guest.eval("return document.querySelector('[data-testid=note-hide]').checkVisibility()", vec![]);
    ensure!(hides.await? == false, "who does not moderate hides nothing");
    press_shown(&guest, "note-remove").await?;
    wait_notes(&owner, &both[1..]).await?;
    wait_says(&owner, "notes-missing", "1 note before this is not here").await?;
    guest.click("note-take-back").await?;
    let turned = [both[1], both[0]];
    wait_notes(&owner, &turned).await?;

    // The owner hides another's, for everybody.
    press_shown(&owner, "note-hide").await?;
    wait_notes(&guest, &turned[..1]).await?;
    owner.click("note-take-back").await?;
    wait_notes(&guest, &turned).await?;
    close(&guest).await?;
    write(&owner, "See you there.").await?;
    wait_unread(&guest, "1").await
}

#[tokio::test]
async fn notes_are_written_offline_and_outlive_a_reload() -> Result<()> {
    let data = tempfile::tempdir()?;
    let options = ServerOptions { data: Some(data.path().to_owned()), ..ServerOptions::default() };
    let mut server = Server::start_with(options).await?;
    let browsers = browsers().await?;
    let (owner, guest, _) = two(&server, &browsers).await?;
    owner.click("open-notes").await?;
    write(&owner, "One").await?;
    wait_unread(&guest, "1").await?;
    guest.click("open-notes").await?;
    wait_notes(&guest, &["One"]).await?;
    owner.eval("await navigator.serviceWorker.ready", vec![]).await?;

    server.kill();
    owner.reload().await?;
    wait_page_says(&owner, "You're offline in this room.").await?;
    owner.click("open-notes").await?;
    wait_notes(&owner, &["One"]).await?;
    write(&owner, "Two, alone").await?;
    wait_says(&owner, "notes-left", "Your last note is saved here").await?;
    owner.reload().await?;
    owner.click("open-notes").await?;
    wait_notes(&owner, &["One", "Two, alone"]).await?;

    server.restart().await?;
    wait_linked(&owner, 1).await?;
    wait_notes(&guest, &["One", "Two, alone"]).await?;
    // What was read stays read, and what was written while one was away does not count.
    guest.goto("about:blank").await?;
    write(&owner, "Three").await?;
    guest.goto(owner.url().await?.as_str()).await?;
    wait_unread(&guest, "1").await
}

#[tokio::test]
async fn the_field_says_what_cannot_be_written() -> Result<()> {
    let server = Server::start().await?;
    let browsers = browsers().await?;
    let (owner, guest, _) = two(&server, &browsers).await?;
    guest.click("open-notes").await?;
    guest.type_text("note-field", "x").await?;
    let fill = "const field = document.querySelector('[data-testid=note-field]');
        field.value = 'x'.repeat(arguments[0]);
        field.dispatchEvent(new Event('input', { bubbles: true }));";
    guest.eval(fill, vec![11_990.into()]).await?;
    wait_says(&guest, "notes-left", "10 bytes left of 12,000").await?;
    guest.eval(fill, vec![12_001.into()]).await?;
    wait_says(&guest, "notes-complaint", "This is 1 byte too long.").await?;
    ensure!(guest.attribute("note-send", "disabled").await?.is_some(), "it cannot be sent");
    owner.click("room-chip").await?;
    owner.click("tab-moderation").await?;
    owner.click("ban").await?;
    owner.click("confirm").await?;
    let words = "You are banned in this room and cannot write here any more.";
    wait_says(&guest, "notes-complaint", words).await?;
    let field =
        guest.eval("return document.querySelector('[data-testid=note-field]').checkVisibility()", vec![]);
    ensure!(field.await? == false, "there is no field");
    Ok(())
}
