//! The editor of a document in a page.

use anyhow::{Result, ensure};
use meshwork_e2e::{Key, PATIENCE, Tab};

/// What the editor reads, without what it shows of others.
const READ: &str = "const lines = document.querySelectorAll('[data-testid=\"document-editor\"] .cm-line');
    const read = (line) => Array.from(line.childNodes)
        .filter((node) => !node.classList?.contains('cm-placeholder'))
        .map((node) => node.textContent).join('');
    return Array.from(lines).map(read).join('\\n');";

/// The text as one reads it.
pub(crate) async fn read(tab: &Tab) -> Result<String> {
    Ok(tab.eval(READ, vec![]).await?.as_str().unwrap_or_default().to_owned())
}

/// Waits until the editor reads so.
pub(crate) async fn wait_reads(tab: &Tab, text: &str) -> Result<()> {
    tab.wait_until(PATIENCE, "a text", async || {
        let shown = read(tab).await?;
        ensure!(shown == text, "it reads {shown:?} instead of {text:?}");
        Ok(())
    })
    .await
}

/// Types at the end of the text.
pub(crate) async fn type_at_end(tab: &Tab, text: &str) -> Result<()> {
    tab.click("document-editor").await?;
    tab.press_with(Key::Control, Key::End).await?;
    tab.press_keys(text).await
}
