//! One tab of a browser, and what a person does and sees in it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use thirtyfour::{By, Key, TypingData, WebElement, WindowHandle};

use crate::browser::{Kind, Session};
use crate::wait::{PATIENCE, wait_until};

/// A tab; it stays open until it is closed or its browser ends.
///
/// Elements are named by their `data-testid`.
pub struct Tab {
    session: Arc<Session>,
    window: WindowHandle,
}

impl Tab {
    pub(crate) fn new(session: Arc<Session>, window: WindowHandle) -> Tab {
        Tab { session, window }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.session.kind()
    }

    /// Leads the tab to an address and returns when the page is loaded.
    pub async fn goto(&self, url: &str) -> Result<()> {
        let turn = self.session.turn(&self.window).await?;
        turn.driver.goto(url).await.with_context(|| format!("cannot open {url}"))
    }

    /// Loads the page again.
    pub async fn reload(&self) -> Result<()> {
        let turn = self.session.turn(&self.window).await?;
        turn.driver.refresh().await.context("cannot reload")
    }

    /// Closes the tab.
    pub async fn close(self) -> Result<()> {
        self.session.turn(&self.window).await?.close().await
    }

    /// The address that the tab shows, with its fragment.
    pub async fn url(&self) -> Result<String> {
        let turn = self.session.turn(&self.window).await?;
        Ok(turn.driver.current_url().await?.to_string())
    }

    /// The title of the page.
    pub async fn title(&self) -> Result<String> {
        let turn = self.session.turn(&self.window).await?;
        Ok(turn.driver.title().await?)
    }

    /// Runs the body of a function in the page: `arguments` are its own, a promise that it returns is awaited.
    pub async fn eval(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        let turn = self.session.turn(&self.window).await?;
        // The page holds the promise: Chromium may collect one for which its driver alone waits.
        let script =
            format!("return globalThis.asked = (async function () {{ {script}\n}}).apply(this, arguments)");
        Ok(turn.driver.execute(&script, arguments).await?.json().clone())
    }

    /// Whether there is such an element.
    pub async fn has(&self, testid: &str) -> Result<bool> {
        let turn = self.session.turn(&self.window).await?;
        Ok(!turn.driver.find_all(by(testid)).await?.is_empty())
    }

    /// The text of an element, as it is shown.
    pub async fn text(&self, testid: &str) -> Result<String> {
        self.with(testid, async |element| Ok(element.text().await?)).await
    }

    /// An attribute of an element, or `None` where it has none of that name.
    pub async fn attribute(&self, testid: &str, name: &str) -> Result<Option<String>> {
        self.with(testid, async |element| Ok(element.attr(name).await?)).await
    }

    /// What an input holds, or where a link leads.
    pub async fn value(&self, testid: &str) -> Result<String> {
        let script = "const element = document.querySelector(`[data-testid=\"${arguments[0]}\"]`);\
                      return element ? element.value || element.href || null : null;";
        let value = self.eval(script, vec![testid.into()]).await?;
        Ok(value.as_str().with_context(|| format!("{testid} has no value and no address"))?.to_owned())
    }

    /// Clicks an element with the pointer, once it is there and can be clicked.
    pub async fn click(&self, testid: &str) -> Result<()> {
        wait_until(PATIENCE, "an element to click", async || {
            self.with(testid, async |element| Ok(element.click().await?)).await
        })
        .await
    }

    /// Replaces what an input holds, key by key, once it is there and can be typed into. The end of a line is the Enter key.
    pub async fn type_text(&self, testid: &str, text: &str) -> Result<()> {
        // For Firefox's driver the character is none of a key.
        let text = &text.replace('\n', "\u{e007}");
        wait_until(PATIENCE, "an input to type into", async || {
            self.with(testid, async |element| {
                element.clear().await?;
                Ok(element.send_keys(text).await?)
            })
            .await
        })
        .await
    }

    /// Presses keys one after the other, on whatever has the focus: letters, and the code points that WebDriver has for
    /// other keys, such as [`Key::Tab`](crate::Key).
    pub async fn press_keys(&self, keys: impl Into<TypingData>) -> Result<()> {
        let turn = self.session.turn(&self.window).await?;
        let chain = turn.driver.action_chain_with_delay(Some(Duration::ZERO), Some(Duration::ZERO));
        chain.send_keys(keys).perform().await.context("no key can be pressed")
    }

    /// Presses a key while another one is held.
    pub async fn press_with(&self, held: Key, key: impl Into<TypingData>) -> Result<()> {
        let turn = self.session.turn(&self.window).await?;
        let chain = turn.driver.action_chain_with_delay(Some(Duration::ZERO), Some(Duration::ZERO));
        let chain = chain.key_down(held.clone()).send_keys(key).key_up(held);
        chain.perform().await.context("no key can be pressed")
    }

    /// Gives the browser a command of the DevTools protocol for this tab.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Result<Value> {
        let turn = self.session.turn(&self.window).await?;
        turn.driver.cdp().send_raw(command, parameters).await.with_context(|| command.to_owned())
    }

    /// Runs a script in Firefox as its own code is run, in the tab's window.
    pub(crate) async fn privileged(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        self.session.turn(&self.window).await?.privileged(script, arguments).await
    }

    /// Takes a picture of the tab, as PNG.
    pub async fn screenshot(&self, file: &Path) -> Result<()> {
        let turn = self.session.turn(&self.window).await?;
        turn.driver.screenshot(file).await.context("no screenshot")
    }

    /// What the consoles of this browser's tabs said so far, a line each.
    pub async fn console(&self) -> Vec<String> {
        self.session.console().await
    }

    /// Waits until the browser laid out and drew what was changed, with what the page makes of that: two frames.
    pub async fn wait_laid_out(&self) -> Result<()> {
        let frames =
            "return new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)));";
        self.eval(frames, Vec::new()).await.map(drop)
    }

    /// [`wait_until`], which on failure also tells the console.
    pub async fn wait_until<T>(
        &self,
        deadline: Duration,
        what: &str,
        look: impl AsyncFnMut() -> Result<T>,
    ) -> Result<T> {
        match wait_until(deadline, what, look).await {
            Ok(value) => Ok(value),
            Err(error) => {
                let console = self.console().await;
                Err(error.context(format!("the console said:\n  {}", console.join("\n  "))))
            }
        }
    }

    /// Waits until an element is in the page.
    pub async fn wait_there(&self, deadline: Duration, testid: &str) -> Result<()> {
        self.wait_until(deadline, testid, async || {
            ensure!(self.has(testid).await?, "it is not there yet");
            Ok(())
        })
        .await
    }

    /// Does something to an element while the tab has the turn.
    async fn with<T>(&self, testid: &str, act: impl AsyncFnOnce(WebElement) -> Result<T>) -> Result<T> {
        let turn = self.session.turn(&self.window).await?;
        let element = turn.driver.find(by(testid)).await.with_context(|| format!("there is no {testid}"))?;
        act(element).await.with_context(|| format!("at {testid}"))
    }

    /// Presses at the first of some points of an element, moves over the others and lets go at the last. Points are pixels
    /// from its corner.
    pub async fn drag_on(&self, testid: &str, points: &[(i64, i64)]) -> Result<()> {
        let script = format!(
            "const box = document.querySelector('[data-testid=\"{testid}\"]').getBoundingClientRect();
            return [box.left, box.top];"
        );
        let corner: [f64; 2] = serde_json::from_value(self.eval(&script, vec![]).await?)?;
        #[expect(clippy::cast_possible_truncation, reason = "a place on a screen is a small number")]
        let [left, top] = corner.map(|place| place as i64);
        let points: Vec<(i64, i64)> = points.iter().map(|(x, y)| (left + x, top + y)).collect();
        self.press_and_move(&points).await
    }

    pub(crate) async fn press_and_move(&self, points: &[(i64, i64)]) -> Result<()> {
        let turn = self.session.turn(&self.window).await?;
        let mut chain = turn.driver.action_chain_with_delay(Some(Duration::ZERO), Some(Duration::ZERO));
        for (index, (x, y)) in points.iter().enumerate() {
            chain = chain.move_to(*x, *y);
            if index == 0 {
                chain = chain.click_and_hold();
            }
        }
        chain.release().perform().await.context("the pointer does not move")
    }
}

fn by(testid: &str) -> By {
    By::Css(format!("[data-testid=\"{testid}\"]"))
}
