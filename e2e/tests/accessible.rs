//! Every state of the page for everybody: axe-core finds nothing, at phone and desktop size, light and dark.

mod common;

use anyhow::{Context, Result, ensure};
use common::{open_page, open_start, press_shown, wait_linked, wait_page_says};
use meshwork_e2e::{Browser, Look, Server, Tab};

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
    let browser = Browser::start().await?;
    let mut findings = Findings::default();
    let tab = open_start(&browser, server.url(), "create-room").await?;
    findings.look(&tab, "start").await?;
    tab.type_text("join-code", "K7M").await?;
    findings.look(&tab, "half a code").await?;
    tab.click("your-key").await?;
    findings.look(&tab, "key sheet").await?;
    tab.goto(&format!("{}/place/ABCDEF#nonsense", server.url())).await?;
    wait_page_says(&tab, "This link does not open the room").await?;
    findings.look(&tab, "changed link").await?;
    tab.goto(&format!("{}/place/ABCDEF", server.url())).await?;
    wait_page_says(&tab, "No room has this code").await?;
    findings.look(&tab, "unknown code").await?;
    findings.check()
}

#[tokio::test]
async fn a_room_keeps_nobody_out() -> Result<()> {
    let mut server = Server::start().await?;
    let browser = Browser::start().await?;
    let mut findings = Findings::default();
    let (tab, link) = open_page(&browser, server.url(), "create-private").await?;
    wait_page_says(&tab, "Nobody else is here yet").await?;
    findings.look(&tab, "alone").await?;
    let other = browser.tab(&link).await?;
    wait_linked(&tab, 1).await?;
    findings.look(&tab, "two people").await?;
    let bare = link.split('#').next().context("an address")?;
    other.goto(bare).await?;
    wait_page_says(&other, "private").await?;
    findings.look(&other, "no secret").await?;
    tab.click("open-share").await?;
    findings.look(&tab, "share sheet").await?;
    tab.click("meet").await?;
    findings.look(&tab, "meet without a server").await?;
    press_shown(&tab, "close-sheet").await?;
    server.kill();
    wait_page_says(&tab, "Nobody can be reached").await?;
    findings.look(&tab, "meeting point away").await?;
    press_shown(&tab, "offer-meet").await?;
    findings.look(&tab, "meet again").await?;
    findings.check()
}
