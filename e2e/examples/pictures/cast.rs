//! Who is in the pictures: always the same people, in rooms with the same code.

use anyhow::{Context, Result};
use meshwork_core::id::Identity;
use meshwork_e2e::{Browser, Cli, Look, PATIENCE, Server, Tab};
use serde_json::json;

use crate::common::{make_room, share_sync, wait_linked};
use crate::scene;

/// The people, each with the secret of a key whose bead looks unlike the others'.
pub(crate) const MIRA: Person = Person { name: "Mira", secret: 1 };
pub(crate) const LIN: Person = Person { name: "Lin", secret: 2 };
pub(crate) const KAVEH: Person = Person { name: "Kaveh", secret: 3 };
pub(crate) const SOFIA: Person = Person { name: "Sofia", secret: 4 };

#[derive(Clone, Copy)]
pub(crate) struct Person {
    name: &'static str,
    secret: u8,
}

impl Person {
    /// A browser whose profile is this person's, at an address.
    pub(crate) async fn open(self, url: &str, script: &str) -> Result<(Browser, Tab)> {
        let browser = Browser::start_whole().await?;
        let tab = browser.tab("about:blank").await?;
        let secret = format!("{:02x}", self.secret).repeat(32);
        let source = format!(
            "try {{ localStorage.setItem('meshwork-identity', '{secret}');
                    localStorage.setItem('meshwork-name', '{}'); }} catch {{}}
             {script}",
            self.name
        );
        tab.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await?;
        tab.devtools("Emulation.setScrollbarsHidden", json!({ "hidden": true })).await?;
        tab.look(Look::DESKTOP).await?;
        tab.goto(url).await?;
        Ok((browser, tab))
    }
}

/// A room, the page of who made it, and those of the others.
pub(crate) struct Cast {
    pub(crate) link: String,
    pub(crate) host: Tab,
    pub(crate) others: Vec<Tab>,
    _browsers: Vec<Browser>,
}

/// Makes the random numbers of a page alike in every run, as far as its first address: so is the room's code.
pub(crate) const ALIKE: &str = "if (location.pathname === '/') {
        let state = 20261120;
        crypto.getRandomValues = array => {
            const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
            for (let index = 0; index < bytes.length; index++) {
                state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
                bytes[index] = state >>> 24;
            }
            return array;
        };
    }";

/// Mira makes a room, and the others come.
pub(crate) async fn gather(server: &Server, others: &[Person], painted: bool) -> Result<Cast> {
    let (browser, host) = MIRA.open(server.url(), ALIKE).await?;
    let choose = "const list = document.querySelector('.small-select');
        list.value = '2';
        list.dispatchEvent(new Event('change', { bubbles: true }));";
    host.wait_there(PATIENCE, "make-room").await?;
    host.eval(choose, vec![]).await?;
    let link = make_room(&host, "private").await?;
    let browsers = vec![browser];
    if painted {
        for (person, picture) in [(KAVEH, scene::harbour()), (LIN, scene::meadow())] {
            let cli = Cli::new()?;
            let (file, key) = (cli.path("picture.png"), cli.path("key"));
            picture.save(&file)?;
            std::fs::write(&key, Identity::from_secret([person.secret; 32]).export())?;
            let (file, key) = (file.to_string_lossy(), key.to_string_lossy());
            cli.run(["identity", "import", &key]).await?.success()?;
            let paint = cli.run(["place", "paint", &link, "--image", &file]).await?;
            paint.success().context("the picture is painted")?;
        }
        // Who painted and left is not in the picture.
        host.reload().await?;
    }
    join(host, link, browsers, others).await
}

/// The same in a room of Sync.
pub(crate) async fn gather_values(server: &Server, others: &[Person]) -> Result<Cast> {
    let (browser, host) = MIRA.open(server.url(), ALIKE).await?;
    host.wait_there(PATIENCE, "make-room").await?;
    let link = share_sync(&host).await?;
    join(host, link, vec![browser], others).await
}

async fn join(host: Tab, link: String, mut browsers: Vec<Browser>, others: &[Person]) -> Result<Cast> {
    let mut tabs = Vec::new();
    for person in others {
        let (browser, tab) = person.open(&link, "").await?;
        browsers.push(browser);
        tabs.push(tab);
    }
    wait_linked(&host, others.len()).await?;
    Ok(Cast { link, host, others: tabs, _browsers: browsers })
}
