//! Every state of the page for everybody: axe-core finds nothing, at phone and desktop size, light and dark.

use crate::common;
use crate::common::hands::canvas_box;
use crate::common::{
    close, open_board, open_editor, open_page, open_start, open_values, open_values_twice, press_shown,
    unfold, wait_linked, wait_page_says, wait_says,
};
use anyhow::{Context, Result, ensure};
use meshwork_e2e::{Browser, Cli, Kind, Look, Server, Tab};
use serde_json::json;

/// What was found so far, by the state in which it was.
#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    /// Looks at one state in every way.
    async fn look(&mut self, tab: &Tab, state: &str) -> Result<()> {
        for look in Look::ALL {
            tab.look(look).await?;
            let found = tab.violations().await.with_context(|| state.to_owned())?;
            self.0.extend(found.iter().map(|finding| format!("{state}, {look:?}: {finding}")));
        }
        tab.look(Look::DESKTOP).await
    }

    fn check(self) -> Result<()> {
        ensure!(self.0.is_empty(), "{} findings:\n{}", self.0.len(), self.0.join("\n"));
        Ok(())
    }
}

#[tokio::test]
async fn the_start_page_keeps_nobody_out() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let mut findings = Findings::default();
    let tab = open_start(&browser, server.url()).await?;
    findings.look(&tab, "start").await?;
    unfold(&tab, "rules-fold").await?;
    findings.look(&tab, "rules of a new room").await?;
    tab.type_text("join-code", "K7M").await?;
    findings.look(&tab, "half a code").await?;
    tab.click("your-key").await?;
    findings.look(&tab, "key sheet").await?;
    tab.goto(&format!("{}/place/ABCDEF#nonsense", server.url())).await?;
    wait_page_says(&tab, "This link does not open the room").await?;
    findings.look(&tab, "changed link").await?;
    tab.goto(&format!("{}/mosaic/ABCDEF", server.url())).await?;
    wait_page_says(&tab, "This room is for mosaic, which this page does not have").await?;
    findings.look(&tab, "another app").await?;
    tab.goto(&format!("{}/nonsense", server.url())).await?;
    wait_page_says(&tab, "No such page").await?;
    findings.look(&tab, "no page").await?;
    tab.goto(&format!("{}/ABCDEF", server.url())).await?;
    wait_page_says(&tab, "Nobody has this room open").await?;
    findings.look(&tab, "unknown code").await?;
    findings.check()
}

/// What the owner chooses, with its questions.
async fn look_at_room_sheet(findings: &mut Findings, tab: &Tab) -> Result<()> {
    tab.click("more").await?;
    findings.look(tab, "the bar's menu").await?;
    tab.click("menu-room").await?;
    findings.look(tab, "room sheet").await?;
    tab.click("tab-rules").await?;
    tab.click("painters-some").await?;
    tab.click("limit-on").await?;
    tab.click("set-rules").await?;
    findings.look(tab, "rules to choose from").await?;
    tab.click("tab-advanced").await?;
    tab.click("overlay-k-gossip").await?;
    findings.look(tab, "overlays to choose from").await?;
    close(tab).await?;
    wait_says(tab, "unsaved", "did not save").await?;
    findings.look(tab, "rules that are not saved").await?;
    tab.click("discard-rules").await?;
    tab.click("room-chip").await?;
    tab.click("tab-moderation").await?;
    tab.click("erase").await?;
    wait_says(tab, "question", "Erase").await?;
    findings.look(tab, "moderation with a question").await?;
    tab.click("erase-mark").await?;
    wait_says(tab, "marking", "Drag over").await?;
    findings.look(tab, "marking a rectangle").await?;
    tab.click("marking-cancel").await?;
    close(tab).await?;
    Ok(())
}

/// A room on the start page, which is forgotten and taken back.
async fn look_at_forgetting(findings: &mut Findings, tab: &Tab) -> Result<()> {
    tab.click("open-room-menu").await?;
    wait_says(tab, "forget-room", "Forget").await?;
    findings.look(tab, "a kept room").await?;
    tab.click("forget-room").await?;
    wait_says(tab, "forgotten", "Forgot").await?;
    findings.look(tab, "a room that was forgotten").await?;
    tab.click("forget-undo").await?;
    Ok(())
}

#[tokio::test]
async fn a_room_keeps_nobody_out() -> Result<()> {
    let mut server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let mut findings = Findings::default();
    let (tab, link) = open_page(&browser, server.url(), "private").await?;
    wait_page_says(&tab, "Nobody else is here yet").await?;
    findings.look(&tab, "alone").await?;
    tab.click("open-chat").await?;
    findings.look(&tab, "no posts").await?;
    Cli::new()?.run(["place", "notes", &link, "--write", "One"]).await?.success()?;
    for note in ["Two\n", "Three\n", "Four"] {
        tab.type_text("chat-input", note).await?;
    }
    let last = "Array.from(document.querySelectorAll('[data-testid=post-more]')).at(-1).click()";
    tab.eval(last, vec![]).await?;
    findings.look(&tab, "the menu of a post").await?;
    press_shown(&tab, "delete").await?;
    wait_page_says(&tab, "Your post is deleted.").await?;
    findings.look(&tab, "posts").await?;
    close(&tab).await?;
    let other = browser.tab(&link).await?;
    wait_linked(&tab, 1).await?;
    findings.look(&tab, "two people").await?;
    look_at_room_sheet(&mut findings, &tab).await?;
    wait_says(&tab, "allowance", "cells left").await?;
    findings.look(&tab, "limited").await?;
    let bare = link.split('#').next().context("an address")?;
    other.goto(bare).await?;
    wait_page_says(&other, "private").await?;
    findings.look(&other, "no secret").await?;
    other.goto(server.url()).await?;
    look_at_forgetting(&mut findings, &other).await?;
    {
        let stranger = Browser::start_kind(Kind::of_this_run()).await?;
        let guest = stranger.tab(&link).await?;
        wait_says(&guest, "guest", "You are").await?;
        findings.look(&guest, "a guest without a name").await?;
        guest.goto("about:blank").await?;
    }
    tab.click("open-share").await?;
    findings.look(&tab, "share sheet").await?;
    tab.click("meet").await?;
    findings.look(&tab, "meet without a server").await?;
    close(&tab).await?;
    server.kill();
    wait_page_says(&tab, "You're offline in this room").await?;
    findings.look(&tab, "meeting point away").await?;
    press_shown(&tab, "offer-meet").await?;
    findings.look(&tab, "meet again").await?;
    findings.check()
}

/// Makes all text twice as large, as browsers do that zoom text alone; what is so already, no larger.
const TWICE: &str = "for (const element of document.querySelectorAll('[data-twice]')) {
        element.style.fontSize = element.style.lineHeight = '';
        element.removeAttribute('data-twice');
    }
    const sizes = Array.from(document.querySelectorAll('body, body *'), element => {
        const style = getComputedStyle(element);
        return [element, parseFloat(style.fontSize), parseFloat(style.lineHeight)];
    });
    for (const [element, size, line] of sizes) {
        element.dataset.twice = '';
        element.style.fontSize = `${2 * size}px`;
        if (!Number.isNaN(line)) element.style.lineHeight = `${2 * line}px`;
    }";

/// Sync's page, with people and long words in it.
#[tokio::test]
async fn values_keep_nobody_out() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let mut findings = Findings::default();
    let (tab, link) = open_values(&browser, server.url()).await?;
    findings.look(&tab, "no values").await?;
    let _other = browser.tab(&link).await?;
    wait_linked(&tab, 1).await?;
    tab.click("increment").await?;
    tab.type_text("value-key", "a-key-of-many-letters-that-is-longer-than-a-phone-is-wide").await?;
    tab.type_text("value-input", &format!("{}\n", "long".repeat(50))).await?;
    tab.click("value-history").await?;
    unfold(&tab, "statistics").await?;
    findings.look(&tab, "values").await?;
    check_widths(&tab, "values").await?;
    tab.click("value-edit").await?;
    findings.look(&tab, "a value is changed").await?;
    tab.click("value-delete").await?;
    tab.click("disconnect").await?;
    wait_page_says(&tab, "You are disconnected").await?;
    findings.look(&tab, "disconnected").await?;
    tab.look(Look { width: 320, height: 640, dark: false }).await?;
    check_within(&tab, "values").await?;
    findings.check()
}

/// Sync's documents, as they are written, read and listed.
#[tokio::test]
async fn documents_keep_nobody_out() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let mut findings = Findings::default();
    let (tab, other) = open_values_twice(&browser, server.url()).await?;
    for tab in [&tab, &other] {
        open_editor(tab).await?;
    }
    findings.look(&tab, "an empty document").await?;
    other.click("document-editor").await?;
    other.press_keys("# Trip\u{e007}- [ ] Maps and *more*\u{e007}[a link](https://a.test)").await?;
    wait_says(&tab, "document-editor", "a link").await?;
    tab.click("document-authors").await?;
    findings.look(&tab, "a document with its authors").await?;
    check_widths(&tab, "a document").await?;
    tab.click("document-preview").await?;
    findings.look(&tab, "a document as it reads").await?;
    tab.click("document-new").await?;
    findings.look(&tab, "a title is typed").await?;
    tab.press_keys("a-title-that-is-longer-than-the-list-is-wide\u{e007}").await?;
    tab.click("document-delete").await?;
    findings.look(&tab, "a document is to be deleted").await?;
    tab.look(Look { width: 320, height: 640, dark: false }).await?;
    check_within(&tab, "a document").await?;
    tab.click("document-menu").await?;
    check_within(&tab, "the list of documents").await?;
    findings.look(&tab, "the list of documents").await?;
    findings.check()
}

/// Versions of a document, and an image in it that is not here.
#[tokio::test]
async fn versions_keep_nobody_out() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let mut findings = Findings::default();
    let (tab, _) = open_values(&browser, server.url()).await?;
    open_editor(&tab).await?;
    tab.click("document-editor").await?;
    tab.press_keys(&format!("![A map](blob:{})", "a".repeat(64))).await?;
    tab.click("document-preview").await?;
    // Half a minute later nobody has it, which looks the same in other words.
    wait_page_says(&tab, "This image is coming: A map").await?;
    findings.look(&tab, "an image that is not here").await?;
    tab.click("document-write").await?;
    tab.click("document-versions").await?;
    findings.look(&tab, "no version is saved").await?;
    tab.type_text("version-label", "Plan").await?;
    tab.click("save-version").await?;
    wait_says(&tab, "version-list", "Plan").await?;
    findings.look(&tab, "a version is saved").await?;
    tab.click("document-editor").await?;
    tab.press_keys(" of the pier").await?;
    tab.click("document-version").await?;
    wait_says(&tab, "version-rows", "pier").await?;
    findings.look(&tab, "a version beside the document").await?;
    check_widths(&tab, "a version beside the document").await?;
    findings.check()
}

/// Sync's whiteboard, as it is drawn on and looked at.
#[tokio::test]
async fn whiteboards_keep_nobody_out() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let mut findings = Findings::default();
    let (tab, other) = open_values_twice(&browser, server.url()).await?;
    for tab in [&tab, &other] {
        open_board(tab).await?;
    }
    findings.look(&tab, "an empty whiteboard").await?;
    tab.click("tool-rectangle").await?;
    tab.drag_on("whiteboard", &[(100, 100), (200, 160)]).await?;
    findings.look(&tab, "a shape is chosen").await?;
    tab.click("board-files").await?;
    findings.look(&tab, "what a whiteboard is saved as").await?;
    tab.click("open-keys").await?;
    findings.look(&tab, "the keys of the whiteboard").await?;
    tab.press_keys("\u{e00c}").await?;
    tab.click("tool-note").await?;
    tab.drag_on("whiteboard", &[(300, 100), (460, 260)]).await?;
    findings.look(&tab, "a note is written").await?;
    tab.press_keys("Umbrella\u{e00c}").await?;
    check_widths(&tab, "a whiteboard").await?;
    tab.look(Look { width: 320, height: 640, dark: false }).await?;
    check_within(&tab, "a whiteboard").await?;
    tab.click("tool-more").await?;
    check_within(&tab, "all tools of a whiteboard").await?;
    findings.look(&tab, "all tools of a whiteboard").await?;
    findings.check()
}

/// What one can press or type into and that lies beyond the window's sides, or makes the page scroll sideways.
const BEYOND: &str = "const beyond = Array.from(document.querySelectorAll('button, a, input, select, summary, textarea'))
        .filter(element => element.checkVisibility({ visibilityProperty: true }) && !element.closest('.sr-only'))
        .filter(element => !element.classList.contains('sr-only'))
        .map(element => [element, element.getBoundingClientRect()])
        .filter(([, box]) => box.width > 0 && (box.left < -1 || box.right > innerWidth + 1))
        .map(([element, box]) => `${element.outerHTML.slice(0, 120)} from ${box.left} to ${box.right}`);
    if (document.documentElement.scrollWidth > innerWidth) beyond.push('the page scrolls sideways');
    return beyond;";

async fn check_within(tab: &Tab, state: &str) -> Result<()> {
    tab.eval(TWICE, vec![]).await?;
    let beyond = tab.eval(BEYOND, vec![]).await?;
    ensure!(beyond == json!([]), "{state}: {beyond:#}");
    Ok(())
}

#[tokio::test]
async fn nothing_overflows_at_320_pixels_and_doubled_text() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let narrow = Look { width: 320, height: 640, dark: false };
    let tab = open_start(&browser, server.url()).await?;
    tab.look(narrow).await?;
    unfold(&tab, "rules-fold").await?;
    check_within(&tab, "start").await?;
    tab.reload().await?;
    common::make_room(&tab, "open").await?;
    check_within(&tab, "room").await?;
    tab.reload().await?;
    // Firefox sets the size of text again after it has loaded a page, and what was to be clicked has moved by then.
    wait_page_says(&tab, "linked").await?;
    tab.click("open-share").await?;
    wait_page_says(&tab, "Bring someone in").await?;
    check_within(&tab, "share sheet").await?;
    tab.reload().await?;
    // There is no room for the chip in the bar: the way to the sheet is the panel.
    wait_page_says(&tab, "linked").await?;
    tab.eval("document.querySelector('.fold').click()", vec![]).await?;
    tab.click("open-room").await?;
    for word in ROOM_TABS {
        tab.click(&format!("tab-{word}")).await?;
        check_within(&tab, word).await?;
    }
    tab.reload().await?;
    wait_page_says(&tab, "linked").await?;
    tab.click("open-chat").await?;
    tab.type_text("chat-input", &format!("{}\n", "long".repeat(50))).await?;
    wait_says(&tab, "heard", "Saved here").await?;
    check_within(&tab, "notes").await
}

/// What stands in the bar and lies on something else there.
const OVER: &str = "const shown = Array.from(document.querySelectorAll('.bar :is(a, button, .letter-beads)'))
        .filter(element => element.checkVisibility({ visibilityProperty: true }))
        .map(element => [element.outerHTML.slice(0, 120), element.getBoundingClientRect()]);
    return shown.flatMap(([one, box], at) => shown.slice(0, at)
        .filter(([, other]) => box.left < other.right - 1 && other.left < box.right - 1)
        .filter(([, other]) => box.top < other.bottom - 1 && other.top < box.bottom - 1)
        .map(([other]) => `${one} over ${other}`));";

/// The tabs of the sheet of the room.
const ROOM_TABS: [&str; 4] = ["about", "rules", "moderation", "advanced"];

/// Widths of the smallest phone and of a large screen, and what lies at both sides of each place where the page changes.
const WIDTHS: [u32; 11] = [320, 360, 390, 640, 768, 899, 1024, 1099, 1100, 1440, 2560];

#[tokio::test]
async fn bar_never_overflows_or_overlaps_at_any_width() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let tab = open_start(&browser, server.url()).await?;
    check_widths(&tab, "start").await?;
    common::make_room(&tab, "private").await?;
    check_widths(&tab, "room").await?;
    for width in WIDTHS {
        tab.look(Look { width, height: 900, dark: false }).await?;
        let over = tab.eval(OVER, vec![]).await?;
        ensure!(over == json!([]), "at {width}: {over:#}");
    }
    tab.click("room-chip").await?;
    for word in ROOM_TABS {
        tab.click(&format!("tab-{word}")).await?;
        check_widths(&tab, word).await?;
    }
    close(&tab).await?;
    tab.click("open-share").await?;
    wait_page_says(&tab, "Bring someone in").await?;
    check_widths(&tab, "share sheet").await?;
    close(&tab).await?;
    tab.click("open-chat").await?;
    tab.type_text("chat-input", &format!("{}\n", "long".repeat(50))).await?;
    wait_says(&tab, "heard", "Saved here").await?;
    check_widths(&tab, "notes").await
}

#[tokio::test]
async fn low_pages_keep_their_canvas() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let (tab, _) = open_page(&browser, server.url(), "open").await?;
    // A phone on its side, and a page of 1440 by 900 that is enlarged four times.
    for (width, height, least) in [(844, 390, 240.0), (360, 225, 80.0)] {
        tab.look(Look { width, height, dark: false }).await?;
        let [left, top, wide, high] = canvas_box(&tab).await?;
        let is_seen = left >= 0.0 && top >= 0.0 && top + high <= f64::from(height);
        ensure!(is_seen && wide >= least && high >= least, "at {width}: {left}, {top}, {wide}, {high}");
        let beyond = tab.eval(BEYOND, vec![]).await?;
        ensure!(beyond == json!([]), "at {width}: {beyond:#}");
    }
    Ok(())
}

async fn check_widths(tab: &Tab, state: &str) -> Result<()> {
    for width in WIDTHS {
        tab.look(Look { width, height: 900, dark: false }).await?;
        let beyond = tab.eval(BEYOND, vec![]).await?;
        ensure!(beyond == json!([]), "{state} at {width}: {beyond:#}");
    }
    Ok(())
}

#[tokio::test]
async fn less_motion_and_own_colours_are_respected() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let (tab, link) = open_page(&browser, server.url(), "open").await?;
    tab.media(&[("prefers-reduced-motion", "reduce"), ("forced-colors", "active")]).await?;
    let _other = browser.tab(&link).await?;
    wait_linked(&tab, 1).await?;
    tab.click("open-share").await?;
    wait_page_says(&tab, "Bring someone in").await?;
    let moving = "return document.getAnimations().flatMap(animation => animation.effect.getKeyframes())
        .filter(frame => frame.transform && frame.transform !== 'none' || frame.strokeDashoffset)
        .map(frame => JSON.stringify(frame));";
    let moving = tab.eval(moving, vec![]).await?;
    ensure!(moving == json!([]), "what moves: {moving:#}");
    let strands = "const strand = document.querySelector('.strand');
        const probe = document.createElement('i');
        probe.style.color = 'CanvasText';
        document.body.append(probe);
        return getComputedStyle(strand).stroke === getComputedStyle(probe).color";
    ensure!(tab.eval(strands, vec![]).await? == true, "strands are drawn in the person's text colour");
    let shown = "const swatch = document.querySelector('[data-testid=\"palette-e6194b\"]');
        return getComputedStyle(swatch).backgroundColor";
    ensure!(tab.eval(shown, vec![]).await? == "rgb(230, 25, 75)", "colours to paint with stay what they are");
    Ok(())
}
