//! Where one's last edit is: what happens to a browser just after somebody typed loses none of it, and what is not saved is said.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use meshwork_e2e::{Browser, BrowserOptions, PATIENCE, Server, Tab};
use serde_json::json;

use crate::common::editor::{read, type_at_end, wait_reads};
use crate::common::hands::{crash, fill_storage};
use crate::common::{open_editor, open_values, wait_held, wait_linked};

/// An open document in a private room, alone, and where it is.
async fn alone(browser: &Browser, server: &Server) -> Result<(Tab, String)> {
    let (tab, link) = open_values(browser, server.url()).await?;
    open_editor(&tab).await?;
    Ok((tab, link))
}

/// The same with this text, which is saved: what runs it, the page, and where it is.
async fn saved(text: &str) -> Result<(Server, Browser, Tab, String)> {
    let (server, browser) = (Server::start().await?, Browser::start().await?);
    let (tab, link) = alone(&browser, &server).await?;
    type_at_end(&tab, text).await?;
    wait_held(&tab, "Only this device has it").await?;
    Ok((server, browser, tab, link))
}

/// Kills the page, which has no time for anything, and opens the document in another tab, which was opened before.
async fn crash_into(tab: Tab, next: Tab, link: &str) -> Result<Tab> {
    crash(&tab).await;
    next.goto(link).await?;
    open_editor(&next).await?;
    Ok(next)
}

#[tokio::test]
async fn letters_outlive_tabs_killed_after_them() -> Result<()> {
    let (_server, browser, mut tab, link) = saved("a").await?;
    let mut typed = "a".to_owned();
    for letter in ["b", "c", "d", "e", "f"] {
        let note = "window.typed = null;
            addEventListener('keydown', (event) => { window.typed = event.timeStamp; }, { capture: true });";
        tab.eval(note, vec![]).await?;
        let next = browser.tab("about:blank").await?;
        type_at_end(&tab, letter).await?;
        // It is killed 100 ms after the key, and not before.
        let later = "return new Promise((tell) => {
            const left = () => window.typed + 100 - performance.now();
            setTimeout(() => tell(-left()), Math.max(0, left()));
        });";
        let late = tab.eval(later, vec![]).await?;
        typed.push_str(letter);
        tab = crash_into(tab, next, &link).await?;
        wait_reads(&tab, &typed).await.with_context(|| format!("killed {late} ms beyond the 100"))?;
    }
    Ok(())
}

#[tokio::test]
async fn reloads_show_the_document_that_was_written() -> Result<()> {
    let (server, browser) = (Server::start().await?, Browser::start().await?);
    let (tab, _) = alone(&browser, &server).await?;
    tab.click("document-new").await?;
    tab.press_keys("Ferry times\u{e007}Sat 9:40").await?;
    wait_reads(&tab, "Sat 9:40").await?;
    wait_held(&tab, "Only this device has it").await?;
    tab.reload().await?;
    open_editor(&tab).await?;
    wait_reads(&tab, "Sat 9:40").await
}

/// What is typed within 50 ms of a letter goes out together then: the letter alone is not all that was typed.
#[tokio::test]
async fn letters_that_wait_are_not_called_saved() -> Result<()> {
    let (_server, _browser, tab, _) = saved("a").await?;
    let settled = "const task = () => new Promise((resolve) => setTimeout(resolve));
        const held = document.querySelector('[data-testid=held-by]');
        const begun = performance.now();
        for (const letter of 'bc') {
            document.execCommand('insertText', false, letter);
            await task();
        }
        while (held.ariaBusy !== 'false') {
            await task();
        }
        return performance.now() - begun;";
    let settled = tab.eval(settled, vec![]).await?;
    ensure!(settled.as_f64().is_some_and(|ms| ms >= 50.0), "called saved after {settled} ms");
    wait_held(&tab, "Only this device has it").await?;
    wait_reads(&tab, "abc").await
}

#[tokio::test]
async fn emptied_databases_are_filled_again() -> Result<()> {
    let (server, browser, tab, link) = saved("one").await?;
    let origin = server.url().trim_end_matches('/');
    // As somebody does who has the browser clear what sites store.
    let clear = json!({ "origin": origin, "storageTypes": "indexeddb" });
    tab.devtools("Storage.clearDataForOrigin", clear).await?;
    type_at_end(&tab, " two").await?;
    wait_held(&tab, "Only this device has it").await?;
    let count = "const open = indexedDB.open('meshwork-rooms');
        return new Promise((tell, fail) => {
            open.onerror = () => fail(open.error);
            open.onsuccess = () => {
                const rooms = open.result.transaction('rooms').objectStore('rooms').getAll();
                rooms.onsuccess = () => {
                    open.result.close();
                    tell(rooms.result.map((room) => [!!room.genesis, !!room.link]));
                };
            };
        });";
    tab.wait_until(PATIENCE, "the room in the database", async || {
        let rooms = tab.eval(count, vec![]).await?;
        ensure!(rooms == json!([[true, true]]), "geneses and links: {rooms}");
        Ok(())
    })
    .await?;
    let next = browser.tab("about:blank").await?;
    let again = crash_into(tab, next, &link).await?;
    wait_reads(&again, "one two").await
}

#[tokio::test]
async fn full_storage_loses_no_letter() -> Result<()> {
    let (_server, browser, tab, link) = saved("one").await?;
    fill_storage(&tab).await?;
    type_at_end(&tab, " two").await?;
    wait_held(&tab, "Only this page has it").await?;
    wait_reads(&tab, "one two").await?;
    tab.eval("window.isFull = false", vec![]).await?;
    wait_held(&tab, "Only this device has it").await?;
    let next = browser.tab("about:blank").await?;
    let again = crash_into(tab, next, &link).await?;
    wait_reads(&again, "one two").await
}

#[tokio::test]
async fn second_tabs_save_when_the_first_is_killed() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (first, link) = alone(&browser, &server).await?;
    let second = browser.tab(&link).await?;
    wait_linked(&second, 1).await?;
    open_editor(&second).await?;
    type_at_end(&second, "one").await?;
    wait_reads(&first, "one").await?;
    type_at_end(&first, " two").await?;
    wait_reads(&second, "one two").await?;
    let next = browser.tab("about:blank").await?;
    crash(&first).await;
    type_at_end(&second, " three").await?;
    wait_held(&second, "Only this device has it").await?;
    let next = crash_into(second, next, &link).await?;
    wait_reads(&next, "one two three").await
}

/// Both are apart, as without a network; only the profile is common.
#[tokio::test]
async fn unlinked_tabs_lose_nothing_whichever_is_closed_first() -> Result<()> {
    let server = Server::start().await?;
    for is_first_closed in [true, false] {
        let browser = Browser::start().await?;
        let (first, link) = alone(&browser, &server).await?;
        type_at_end(&first, "start").await?;
        wait_held(&first, "Only this device has it").await?;
        let second = browser.tab(&link).await?;
        open_editor(&second).await?;
        wait_reads(&second, "start").await?;
        for (tab, text) in [(&first, " first"), (&second, " second")] {
            tab.click("disconnect").await?;
            type_at_end(tab, text).await?;
            wait_held(tab, "Saved here").await?;
        }
        wait_reads(&first, "start first").await?;
        wait_reads(&second, "start second").await?;
        let (closed, open) = if is_first_closed { (first, second) } else { (second, first) };
        let has_both = async |tab: &Tab, when: &str| {
            tab.wait_until(PATIENCE, when, async || {
                let text = read(tab).await?;
                ensure!(text.contains(" first") && text.contains(" second"), "{text:?}");
                ensure!(text.starts_with("start") && text.len() == "start first second".len(), "{text:?}");
                Ok(())
            })
            .await
        };
        closed.close().await?;
        if is_first_closed {
            // The lock falls to the other one, which takes in what was stored.
            has_both(&open, "both texts in the tab that stayed").await?;
        }
        open.reload().await?;
        open_editor(&open).await?;
        has_both(&open, "both texts after a reload").await?;
    }
    Ok(())
}

/// Copies a folder with all that is in it.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if kind.is_file() {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn copied_profiles_write_on_and_lose_nothing() -> Result<()> {
    let server = Server::start().await?;
    let folder = tempfile::tempdir()?;
    let profile = |name: &str| BrowserOptions::default().profile(folder.path().join(name));
    let browser = Browser::start_with(profile("one")).await?;
    let (tab, link) = alone(&browser, &server).await?;
    type_at_end(&tab, "start").await?;
    wait_held(&tab, "Only this device has it").await?;
    drop(tab);
    browser.quit().await?;
    copy_folder(&folder.path().join("one"), &folder.path().join("other"))?;
    // Both write as the same author with the same past, and know nothing of each other.
    let mut browsers = Vec::new();
    for (name, text) in [("one", " here"), ("other", " there")] {
        let browser = Browser::start_with(profile(name)).await?;
        let tab = browser.tab(&link).await?;
        open_editor(&tab).await?;
        wait_reads(&tab, "start").await?;
        tab.click("disconnect").await?;
        type_at_end(&tab, text).await?;
        wait_reads(&tab, &format!("start{text}")).await?;
        browsers.push((browser, tab));
    }
    let [(_, one), (_, other)] = &browsers[..] else { anyhow::bail!("there are two") };
    one.click("connect").await?;
    other.click("connect").await?;
    wait_linked(one, 1).await?;
    let both = one
        .wait_until(PATIENCE, "both texts", async || {
            let [mine, theirs] = [read(one).await?, read(other).await?];
            ensure!(mine == theirs, "one reads {mine:?}, the other {theirs:?}");
            ensure!(mine.contains(" here") && mine.contains(" there"), "{mine:?}");
            Ok(mine)
        })
        .await?;
    for (browser, tab) in browsers {
        wait_held(&tab, "Saved here").await?;
        let next = browser.tab("about:blank").await?;
        let again = crash_into(tab, next, &link).await?;
        wait_reads(&again, &both).await?;
    }
    Ok(())
}
