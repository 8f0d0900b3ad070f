//! The room and its rules as owners, moderators, painters and strangers find them, and every state in words.

use crate::common;
use crate::common::{
    SIZE, close, meddler, open_page, open_start, press_make, press_shown, same_cells, unfold, wait_linked,
    wait_page_says, wait_says, wait_shows,
};
use anyhow::{Context, Result, ensure};
use meshwork_e2e::{Browser, Look, PATIENCE, Server, Tab};
use serde_json::{Value, json};

const RED: [u8; 4] = [0xe6, 0x19, 0x4b, 0xff];
const NOTHING: [u8; 4] = [0; 4];

/// An owner at a desk and a guest with a phone, linked in an open room.
struct Two {
    _server: Server,
    _browsers: [Browser; 2],
    owner: Tab,
    guest: Tab,
}

async fn name(tab: &Tab, name: &str) -> Result<()> {
    tab.type_text("display-name", name).await
}

async fn two() -> Result<Two> {
    let server = Server::start().await?;
    let (one, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let (owner, link) = open_page(&one, server.url(), "open").await?;
    owner.look(Look::DESKTOP).await?;
    name(&owner, "Mira").await?;
    let guest = other.tab(server.url()).await?;
    guest.look(Look::PHONE).await?;
    name(&guest, "Lin").await?;
    guest.goto(&link).await?;
    wait_linked(&owner, 1).await?;
    wait_page_says(&owner, "Lin").await?;
    Ok(Two { _server: server, _browsers: [one, other], owner, guest })
}

/// What the rules forbid stands beside the dock: no card says it once more.
async fn ensure_no_card(tab: &Tab) -> Result<()> {
    tab.wait_laid_out().await?;
    let said = tab.eval("return document.body.innerText", vec![]).await?.to_string();
    ensure!(!said.contains("Your last stroke was not taken"), "{said}");
    Ok(())
}

/// Opens the sheet of the room, and waits for it.
async fn open_room(tab: &Tab) -> Result<()> {
    tab.click("room-chip").await?;
    // It opens where it was left.
    tab.click("tab-about").await?;
    wait_says(tab, "room-entry", " ").await
}

/// Opens one of the tabs of the sheet of the room.
async fn open_room_at(tab: &Tab, word: &str) -> Result<()> {
    open_room(tab).await?;
    tab.click(&format!("tab-{word}")).await
}

/// Chooses an option of a list by its value.
async fn choose(tab: &Tab, testid: &str, value: &str) -> Result<()> {
    let script = "const list = document.querySelector(`[data-testid=\"${arguments[0]}\"]`);
        list.value = arguments[1];
        list.dispatchEvent(new Event('change', { bubbles: true }));
        return list.value === arguments[1];";
    ensure!(tab.eval(script, vec![testid.into(), value.into()]).await? == true, "{testid} has no {value}");
    Ok(())
}

#[tokio::test]
async fn all_read_the_rules_and_owner_sets_them() -> Result<()> {
    let Two { owner, guest, .. } = &two().await?;
    open_room(guest).await?;
    wait_says(guest, "room-owner", "Mira").await?;
    guest.click("tab-rules").await?;
    wait_says(guest, "rule-limit", "with no limit").await?;
    wait_says(guest, "rule-maker", "Mira makes the rules.").await?;
    ensure!(!guest.has("limit-cells").await?, "only the owner changes rules");
    open_room(owner).await?;
    wait_says(owner, "room-owner", "you").await?;
    // Midnight may have passed since.
    let days = "return [0, 3_600_000].map((ms) => {
        const [, month, day, year] = new Date(Date.now() - ms).toDateString().split(' ');
        return `Made by you on ${Number(day)} ${month} ${year}`;
    })";
    let (days, made) = (owner.eval(days, vec![]).await?, owner.text("made-by").await?);
    ensure!(days.as_array().is_some_and(|days| days.contains(&made.clone().into())), "{made}, {days}");
    ensure!(guest.text("made-by").await? == "Made by Mira", "who did not make it does not know when");
    owner.click("tab-rules").await?;
    wait_says(owner, "rule-maker", "Only you can change the rules.").await?;
    wait_says(owner, "room-size", "100").await?;
    owner.type_text("limit-cells", "0").await?;
    owner.click("set-rules").await?;
    wait_page_says(owner, "Give a number of cells from 1").await?;
    owner.type_text("limit-cells", "3").await?;
    choose(owner, "limit-window", "86400000").await?;
    owner.click("set-rules").await?;
    wait_says(owner, "law-known", "Everyone here has it").await?;
    for tab in [owner, guest] {
        wait_says(tab, "rule-limit", "3 cells every day").await?;
        close(tab).await?;
    }
    wait_says(guest, "allowance", "3 cells left, more in").await?;
    guest.click("palette-e6194b").await?;
    guest.drag_cells(SIZE, &[(10, 10), (12, 10)]).await?;
    wait_says(guest, "allowance", "Out of cells. 3 more in").await?;
    guest.click_cell(SIZE, (20, 20)).await?;
    wait_shows(owner, (12, 10), RED).await?;
    ensure_no_card(guest).await?;
    ensure!(owner.cell(SIZE, (20, 20)).await? == NOTHING, "beyond the limit nothing is painted");
    wait_says(owner, "allowance", "3 cells left").await
}

#[tokio::test]
async fn the_owner_chooses_the_overlay_while_both_paint() -> Result<()> {
    let Two { owner, guest, .. } = &two().await?;
    guest.click("palette-e6194b").await?;
    owner.click("palette-e6194b").await?;
    guest.click_cell(SIZE, (1, 1)).await?;
    wait_shows(owner, (1, 1), RED).await?;
    open_room_at(guest, "advanced").await?;
    wait_says(guest, "overlay-now", "Full mesh (automatic). This page has 1 link").await?;
    ensure!(!guest.has("overlay-emergent").await?, "only the owner chooses");
    close(guest).await?;
    let steps = [("k-gossip", "k-gossip, 99.999"), ("full-mesh", "Full mesh"), ("emergent", "Emergent")];
    for (at, (overlay, called)) in (2..).zip(steps) {
        open_room_at(owner, "advanced").await?;
        owner.click(&format!("overlay-{overlay}")).await?;
        if overlay == "k-gossip" {
            choose(owner, "overlay-nines", "5").await?;
        }
        owner.click("set-rules").await?;
        wait_says(owner, "law-known", "Everyone here has it").await?;
        close(owner).await?;
        // While one page has changed and the other perhaps has not.
        owner.click_cell(SIZE, (at, 10)).await?;
        guest.click_cell(SIZE, (at, 20)).await?;
        for tab in [owner, guest] {
            open_room_at(tab, "advanced").await?;
            wait_says(tab, "rule-overlay", called).await?;
            wait_says(tab, "overlay-now", called).await?;
            wait_says(tab, "overlay-now", "This page has 1 link").await?;
            close(tab).await?;
        }
        wait_shows(guest, (at, 10), RED).await?;
        wait_shows(owner, (at, 20), RED).await?;
    }
    guest.click_cell(SIZE, (1, 30)).await?;
    wait_shows(owner, (1, 30), RED).await?;
    same_cells(owner, guest).await
}

#[tokio::test]
async fn a_ban_is_asked_in_the_persons_row() -> Result<()> {
    let Two { owner, guest, .. } = &two().await?;
    owner.click("open-person").await?;
    owner.click("ban").await?;
    wait_says(owner, "question", "Ban Lin?").await?;
    let is_in_row = "return document.querySelector('[data-testid=question]').closest('.person') !== null";
    ensure!(owner.eval(is_in_row, vec![]).await? == true, "it stands where it was asked");
    owner.click("confirm").await?;
    wait_says(guest, "allowance", "Mira has banned you from painting here.").await?;
    owner.click("lift-ban").await?;
    guest
        .wait_until(PATIENCE, "the ban is lifted", async || {
            ensure!(!guest.has("allowance").await?, "still banned");
            Ok(())
        })
        .await
}

#[tokio::test]
async fn painters_and_moderators_are_named_and_others_watch() -> Result<()> {
    let Two { owner, guest, .. } = &two().await?;
    open_room_at(owner, "rules").await?;
    owner.click("painters-some").await?;
    owner.click("set-rules").await?;
    wait_says(owner, "law-known", "Everyone here has it").await?;
    wait_says(guest, "allowance", "Only people Mira chose can paint here.").await?;
    guest.click("palette-e6194b").await?;
    guest.click_cell(SIZE, (5, 5)).await?;
    ensure_no_card(guest).await?;
    owner.click("painter").await?;
    owner.click("set-rules").await?;
    wait_says(owner, "rule-painters", "You and Lin").await?;
    owner.click("tab-moderation").await?;
    owner.click("moderator").await?;
    owner.click("set-rules").await?;
    wait_says(owner, "rule-moderators", "You and Lin").await?;
    guest
        .wait_until(PATIENCE, "the guest may paint", async || {
            ensure!(!guest.has("allowance").await?, "still watching");
            Ok(())
        })
        .await?;
    guest.click_cell(SIZE, (5, 5)).await?;
    wait_shows(owner, (5, 5), RED).await?;
    open_room_at(guest, "rules").await?;
    wait_says(guest, "rule-painters", "Mira and You").await?;
    guest.click("tab-moderation").await?;
    guest.click("erase").await?;
    wait_says(guest, "question", "Erase the whole canvas?").await?;
    guest.click("confirm").await?;
    wait_shows(owner, (5, 5), NOTHING).await
}

#[tokio::test]
async fn bans_and_erases_are_confirmed_and_revocable() -> Result<()> {
    let Two { owner, guest, .. } = &two().await?;
    guest.click("palette-e6194b").await?;
    guest.click_cell(SIZE, (3, 3)).await?;
    guest.click_cell(SIZE, (30, 30)).await?;
    wait_shows(owner, (30, 30), RED).await?;
    open_room_at(owner, "moderation").await?;
    for (field, number) in [("erase-x", "2"), ("erase-y", "2"), ("erase-width", "900"), ("erase-height", "4")]
    {
        owner.type_text(field, number).await?;
    }
    owner.click("erase").await?;
    wait_says(owner, "question", "98").await?;
    owner.click("cancel").await?;
    ensure!(owner.cell(SIZE, (3, 3)).await? == RED, "nothing was decided");
    owner.click("erase").await?;
    owner.click("confirm").await?;
    wait_says(owner, "law-known", "Everyone here has it").await?;
    wait_shows(guest, (3, 3), NOTHING).await?;
    ensure!(guest.cell(SIZE, (30, 30)).await? == RED, "only the rectangle");
    owner.click("bring-back").await?;
    wait_shows(guest, (3, 3), RED).await?;
    owner.click("ban").await?;
    wait_says(owner, "question", "Ban Lin?").await?;
    owner.click("confirm").await?;
    wait_says(guest, "allowance", "Mira has banned you from painting here.").await?;
    guest.click_cell(SIZE, (40, 40)).await?;
    ensure_no_card(guest).await?;
    ensure!(owner.cell(SIZE, (30, 30)).await? == RED, "what was painted stays");
    owner.click("lift-ban").await?;
    guest
        .wait_until(PATIENCE, "the ban is lifted", async || {
            ensure!(!guest.has("allowance").await?, "still banned");
            Ok(())
        })
        .await?;
    guest.click_cell(SIZE, (41, 41)).await?;
    wait_shows(owner, (41, 41), RED).await
}

/// What stands in the fields of the rectangle.
async fn rectangle(tab: &Tab) -> Result<[String; 4]> {
    let field = async |testid| tab.value(testid).await;
    Ok([
        field("erase-x").await?,
        field("erase-y").await?,
        field("erase-width").await?,
        field("erase-height").await?,
    ])
}

async fn wait_rectangle(tab: &Tab, numbers: [&str; 4]) -> Result<()> {
    tab.wait_until(PATIENCE, "the marked rectangle", async || {
        ensure!(tab.has("erase-x").await?, "the sheet is away");
        let shown = rectangle(tab).await?;
        ensure!(shown == numbers, "it is {shown:?}");
        ensure!(tab.has("mark").await?, "it is not shown on the canvas");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn mouse_finger_and_keys_mark_what_to_erase() -> Result<()> {
    let Two { owner, guest, .. } = &two().await?;
    guest.click("palette-e6194b").await?;
    for cell in [(10, 10), (60, 60), (61, 61)] {
        guest.click_cell(SIZE, cell).await?;
        wait_shows(owner, cell, RED).await?;
    }
    open_room_at(owner, "moderation").await?;
    owner.click("erase-mark").await?;
    wait_says(owner, "marking", "Drag over").await?;
    owner.drag_cells(SIZE, &[(20, 15), (8, 12), (5, 5)]).await?;
    wait_rectangle(owner, ["5", "5", "16", "11"]).await?;
    owner.click("erase").await?;
    owner.click("confirm").await?;
    wait_shows(guest, (10, 10), NOTHING).await?;
    ensure!(guest.cell(SIZE, (60, 60)).await? == RED, "what was not marked stays");
    ensure!(owner.cell(SIZE, (20, 15)).await? == NOTHING, "to mark is not to paint");

    // By keys: Space at two corners, and Escape leads back.
    owner.click("erase-mark").await?;
    let key = async |key: &str| {
        let code = if key == " " { "Space" } else { key };
        for kind in ["rawKeyDown", "keyUp"] {
            owner
                .devtools("Input.dispatchKeyEvent", json!({ "type": kind, "key": key, "code": code }))
                .await?;
        }
        anyhow::Ok(())
    };
    wait_marking(owner).await?;
    key(" ").await?;
    for _ in 0..3 {
        key("ArrowRight").await?;
    }
    key("ArrowDown").await?;
    // A timer of the page's that is younger and longer than the one that shows who painted a cell.
    let covered = "return new Promise(done => setTimeout(() => done(
        document.querySelector('[data-testid=\"cell-card\"]').checkVisibility()), 500))";
    ensure!(owner.eval(covered, vec![]).await? == false, "no card covers what is marked");
    key(" ").await?;
    wait_says(owner, "rule-moderators", "You").await?;
    let marked = rectangle(owner).await?;
    ensure!(marked[2..] == ["4", "2"], "{marked:?}");
    owner.click("erase-mark").await?;
    wait_marking(owner).await?;
    key("Escape").await?;
    wait_rectangle_gone(owner).await?;
    close(owner).await?;

    // By a finger, with the hand in hand.
    common::hands::resize(owner, common::hands::NARROW).await?;
    owner.click("tool-hand").await?;
    open_room_at(owner, "moderation").await?;
    common::hands::tap(owner, "erase-mark").await?;
    wait_says(owner, "marking", "Drag over").await?;
    common::hands::draw_by_finger(owner, &[(58, 58), (59, 59), (60, 60)]).await?;
    wait_rectangle(owner, ["58", "58", "3", "3"]).await?;
    common::hands::tap(owner, "erase").await?;
    common::hands::tap(owner, "confirm").await?;
    wait_shows(guest, (60, 60), NOTHING).await?;
    ensure!(guest.cell(SIZE, (61, 61)).await? == RED, "no further than the finger went");
    common::hands::tap(owner, "erase-mark").await?;
    common::hands::tap(owner, "marking-cancel").await?;
    wait_rectangle_gone(owner).await
}

/// Waits until something can be marked by keys: they go where the focus is.
async fn wait_marking(tab: &Tab) -> Result<()> {
    wait_says(tab, "marking", "Drag over").await?;
    tab.wait_until(PATIENCE, "the focus on the canvas", async || {
        let focused = tab.eval("return document.activeElement.dataset.testid", vec![]).await?;
        ensure!(focused == "place-canvas", "{focused} has it");
        Ok(())
    })
    .await
}

/// Waits for the sheet with nothing marked.
async fn wait_rectangle_gone(tab: &Tab) -> Result<()> {
    tab.wait_until(PATIENCE, "the whole canvas", async || {
        ensure!(tab.has("erase-x").await?, "the sheet is away");
        let shown = rectangle(tab).await?;
        ensure!(shown == ["0", "0", "100", "100"], "it is {shown:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_room_is_made_with_its_rules() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let tab = open_start(&browser, server.url()).await?;
    tab.look(Look::PHONE).await?;
    unfold(&tab, "rules-fold").await?;
    tab.type_text("limit-cells", "5").await?;
    choose(&tab, "limit-window", "3600000").await?;
    tab.click("painters-some").await?;
    common::make_room(&tab, "private").await?;
    open_room(&tab).await?;
    wait_says(&tab, "room-entry", "full link").await?;
    tab.click("tab-rules").await?;
    wait_says(&tab, "rule-limit", "5 cells every hour").await?;
    wait_says(&tab, "rule-painters", "Only you").await?;
    close(&tab).await?;
    wait_says(&tab, "allowance", "5 cells left").await
}

/// Opens an address through a server that says something else.
async fn open_meddled(
    browser: &Browser,
    server: &Server,
    link: &str,
    change: impl Fn(&str) -> String + Send + Sync + 'static,
) -> Result<Tab> {
    let liar = meddler::start(server.address(), change).await?;
    browser.tab(&link.replace(server.url(), &liar)).await
}

#[tokio::test]
async fn failed_entry_says_why_and_what_to_do() -> Result<()> {
    let mut server = Server::start().await?;
    let (browser, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let (_host, link) = open_page(&browser, server.url(), "private").await?;

    let wrong = common::with_wrong_secret(&link)?;
    let tab = other.tab(&wrong).await?;
    wait_page_says(&tab, "This link does not open the room.").await?;
    wait_page_says(&tab, "Ask for it again.").await?;
    ensure!(tab.has("offer-home").await?);

    let full = |text: &str| match serde_json::from_str::<Value>(text) {
        Ok(message) if message["type"] == "joined" => {
            let refusal = json!({ "type": "refused", "reason": "room-full", "detail": "24 of 24 are here", "room": message["room"] });
            refusal.to_string()
        }
        _ => text.to_owned(),
    };
    let tab = open_meddled(&other, &server, &link, full).await?;
    wait_page_says(&tab, "The room is full.").await?;
    wait_page_says(&tab, "24 of 24 are here. Ask someone to make room.").await?;
    ensure!(!is_canvas_seen(&tab).await?, "a room that is full is not to be painted in");
    tab.wait_until(PATIENCE, "the colour in hand", async || {
        let chosen = "const icon = document.querySelector('.swatch[aria-pressed=\"true\"] .icon');
            return icon ? icon.checkVisibility({ visibilityProperty: true }) : 'not there'";
        let seen = tab.eval(chosen, vec![]).await?;
        ensure!(seen == false, "seen without the tools: {seen}");
        Ok(())
    })
    .await?;
    ensure!(tab.has("offer-reload").await?);

    let old = |text: &str| text.replace("\"versions\":[2,2]", "\"versions\":[7,9]");
    let tab = open_meddled(&other, &server, &link, old).await?;
    wait_page_says(&tab, "This page is of another version than its server.").await?;
    wait_page_says(&tab, "1 here").await?;
    tab.eval("window.isOld = true", vec![]).await?;
    press_shown(&tab, "offer-update").await?;
    tab.wait_until(PATIENCE, "the page is loaded again", async || {
        ensure!(tab.eval("return window.isOld", vec![]).await?.is_null(), "it is the same page");
        Ok(())
    })
    .await?;

    let tab = other.tab(&format!("{}/place/ABCDEF", server.url())).await?;
    wait_page_says(&tab, "Nobody has this room open.").await?;
    wait_page_says(&tab, "Check the code, or wait").await?;
    server.kill();
    wait_page_says(&tab, "The server is unreachable.").await
}

#[tokio::test]
async fn browser_without_webrtc_says_so_and_still_paints() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let tab = browser.tab("about:blank").await?;
    let without = "delete window.RTCPeerConnection; delete window.webkitRTCPeerConnection;";
    tab.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": without })).await?;
    tab.goto(server.url()).await?;
    for look in [Look::PHONE, Look::DESKTOP] {
        tab.look(look).await?;
        wait_page_says(&tab, "This browser can't connect you.").await?;
    }
    press_make(&tab, "open").await?;
    wait_page_says(&tab, "open the link in another browser").await?;
    tab.click("palette-e6194b").await?;
    tab.click_cell(SIZE, (8, 8)).await?;
    wait_shows(&tab, (8, 8), RED).await?;

    // A canvas whose people cannot be reached is not shown as an empty one.
    let other = Browser::start().await?;
    let (_host, link) = open_page(&other, server.url(), "open").await?;
    tab.goto(&link).await?;
    tab.wait_until(PATIENCE, "a canvas that is covered, and why, once", async || {
        ensure!(!is_canvas_seen(&tab).await?, "it is to be seen");
        let said = tab.eval("return document.body.innerText", vec![]).await?.to_string();
        ensure!(said.matches("This browser can't connect you.").count() == 1, "{said}");
        ensure!(!said.contains("You are not linked"), "{said}");
        Ok(())
    })
    .await
}

/// Whether the canvas is to be seen.
async fn is_canvas_seen(tab: &Tab) -> Result<bool> {
    let script = "return document.querySelector('[data-testid=\"place-canvas\"]')
        ?.checkVisibility({ visibilityProperty: true }) ?? false";
    Ok(tab.eval(script, vec![]).await? == true)
}

#[tokio::test]
async fn empty_canvas_and_lonely_room_offer_next_steps() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (tab, _) = open_page(&browser, server.url(), "open").await?;
    for look in [Look::PHONE, Look::DESKTOP] {
        tab.look(look).await?;
        wait_page_says(&tab, "Nobody else is here yet").await?;
        wait_page_says(&tab, "Pick a colour and start painting").await?;
    }
    press_shown(&tab, "offer-share").await?;
    wait_page_says(&tab, "Bring someone in").await?;
    close(&tab).await?;
    tab.click_cell(SIZE, (8, 8)).await?;
    tab.wait_until(PATIENCE, "the canvas is no longer empty", async || {
        let said = tab.eval("return document.body.innerText", vec![]).await?.to_string();
        ensure!(!said.contains("Pick a colour and start painting"), "{said}");
        Ok(())
    })
    .await
}

/// What a camera reads that sees the page.
async fn scan(tab: &Tab) -> Result<String> {
    tab.settle().await?;
    let shot = tempfile::NamedTempFile::with_suffix(".png")?;
    tab.screenshot(shot.path()).await?;
    let shot = image::open(shot.path())?.into_luma8();
    let brightness = |x: usize, y: usize| shot.get_pixel(x as u32, y as u32).0[0];
    let (width, height) = (shot.width() as usize, shot.height() as usize);
    let mut seen = rqrr::PreparedImage::prepare_from_greyscale(width, height, brightness);
    let codes = seen.detect_grids();
    ensure!(codes.len() == 1, "there are {} codes to be seen", codes.len());
    Ok(codes[0].decode()?.1)
}

#[tokio::test]
async fn share_sheet_has_every_way_to_invite_someone() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let tab = browser.tab("about:blank").await?;
    let system = "navigator.share = data => { window.sent = data; return Promise.resolve(); };";
    tab.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": system })).await?;
    tab.goto(server.url()).await?;
    let link = common::make_room(&tab, "private").await?;
    tab.click_cell(SIZE, (8, 8)).await?;
    for look in [Look::PHONE, Look::DESKTOP] {
        tab.look(look).await?;
        tab.click("open-share").await?;
        wait_page_says(&tab, "The code alone does not open a private room").await?;
        ensure!(tab.value("share-link-sheet").await? == link);
        let scanned = scan(&tab).await?;
        ensure!(scanned == link, "a camera reads {scanned}");
        tab.click("send-link").await?;
        let sent = tab.eval("return window.sent.text", vec![]).await?;
        ensure!(sent == link.as_str(), "the system got {sent}");
        close(&tab).await?;
    }
    // The picture, as it would be pasted elsewhere.
    let origin = server.url();
    for permission in ["clipboard-read", "clipboard-write"] {
        let grant = json!({ "permission": { "name": permission }, "setting": "granted", "origin": origin });
        tab.devtools("Browser.setPermission", grant).await?;
    }
    tab.click("open-share").await?;
    tab.click("copy-picture").await?;
    wait_says(&tab, "picture-copied", "Copied.").await?;
    let paste = "return navigator.clipboard.read()
        .then(items => items[0].getType('image/png'))
        .then(createImageBitmap)
        .then(picture => {
            const canvas = new OffscreenCanvas(picture.width, picture.height).getContext('2d');
            canvas.drawImage(picture, 0, 0);
            return [picture.width, picture.height, ...canvas.getImageData(8, 8, 1, 1).data];
        });";
    let pasted = tab.eval(paste, vec![]).await?;
    ensure!(pasted == json!([100, 100, 0, 0, 0, 255]), "{pasted}");
    Ok(())
}

#[tokio::test]
async fn page_can_be_installed_and_starts_without_server() -> Result<()> {
    let mut server = Server::start().await?;
    let browser = Browser::start().await?;
    let (tab, _) = open_page(&browser, server.url(), "open").await?;
    let cached = "return navigator.serviceWorker.ready.then(() => caches.keys()).then(names => names.length)";
    tab.wait_until(PATIENCE, "the worker", async || {
        ensure!(tab.eval(cached, vec![]).await?.as_u64() > Some(0), "nothing is kept");
        Ok(())
    })
    .await?;
    let manifest = tab.devtools("Page.getAppManifest", json!({})).await?;
    ensure!(manifest["errors"] == json!([]), "{}", manifest["errors"]);
    let data: Value = serde_json::from_str(manifest["data"].as_str().context("a manifest")?)?;
    ensure!(data["start_url"] == "../../" && data["display"] == "standalone", "{data}");
    let problems = tab.devtools("Page.getInstallabilityErrors", json!({})).await?;
    ensure!(problems["installabilityErrors"] == json!([]), "{problems}");
    let pictures = "const url = document.querySelector('link[rel=manifest]').href;
        return fetch(url).then(answer => answer.json()).then(manifest =>
            Promise.all([...manifest.icons, ...manifest.screenshots].map(({ src, sizes }) =>
                fetch(new URL(src, url)).then(answer => answer.blob()).then(createImageBitmap)
                    .then(picture => `${picture.width}x${picture.height}` === sizes))));";
    ensure!(tab.eval(pictures, vec![]).await? == json!(vec![true; 7]), "pictures are as large as they say");
    ensure!(
        data["share_target"]["action"] == "../../place"
            && data["file_handlers"][0]["action"] == "../../place",
        "{data}"
    );
    let bars = "return Array.from(document.querySelectorAll('meta[name=theme-color]'), meta => meta.content)";
    tab.look(Look::PHONE.in_the_dark()).await?;
    ensure!(tab.eval(bars, vec![]).await? == json!(["#171f1c", "#171f1c"]), "the chosen theme counts");
    server.kill();
    tab.goto(server.url()).await?;
    wait_page_says(&tab, "Rooms made of people").await
}
