//! What others write, and an editor that throws: no exception out of JavaScript ends the page.

use anyhow::{Result, ensure};
use meshwork_e2e::{Browser, PATIENCE, Server, Tab};
use serde_json::json;

use crate::common::editor::{read, wait_reads};
use crate::common::{drop_file, open_editor, open_values, share_sync, wait_linked, wait_pressed, wait_says};

/// Fails where the page's program has stopped.
async fn check_runs(tab: &Tab) -> Result<()> {
    let stopped = tab.eval("return document.body.classList.contains('stopped')", vec![]).await?;
    ensure!(stopped == false, "the page crashed");
    tab.click("tab-values").await?;
    let before = tab.text("counter").await?;
    tab.click("increment").await?;
    tab.wait_until(PATIENCE, "the counter", async || {
        ensure!(tab.text("counter").await? != before, "it still says {before}");
        Ok(())
    })
    .await?;
    tab.click("tab-document").await
}

#[tokio::test]
async fn deep_texts_crash_no_reader() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (ann, link) = open_values(&browser, server.url()).await?;
    open_editor(&ann).await?;
    let bo = browser.tab(&link).await?;
    wait_linked(&ann, 1).await?;
    let lists: String = (0..245).map(|level| format!("{}- a\n", "  ".repeat(level))).collect();
    for (name, text) in [("Quotes", ">".repeat(5000)), ("Lists", lists), ("Numbers", "1. ".repeat(20_000))] {
        drop_file(&ann, "document-editor", &format!("{name}.md"), &text).await?;
        wait_says(&ann, "document-list", name).await?;
        ann.wait_until(PATIENCE, "the text", async || {
            let shown = read(&ann).await?;
            ensure!(
                text.starts_with(shown.get(..100).unwrap_or("nothing")),
                "it reads {:?}",
                shown.get(..100)
            );
            Ok(())
        })
        .await?;
        ann.click("document-preview").await?;
        wait_pressed(&ann, "document-preview", true).await?;
        // Levels that are read, and all beyond them as it was written.
        ann.wait_until(PATIENCE, "what it reads", async || {
            let script = "const page = document.querySelector('.document-page');
                let depth = 0;
                for (let at = page; at; at = at.querySelector('blockquote, ul, ol')) depth += 1;
                return [depth, page.textContent.length]";
            let shown = ann.eval(script, vec![]).await?;
            let (depth, length) = (shown[0].as_u64().unwrap_or(0), shown[1].as_u64().unwrap_or(0));
            ensure!((10..40).contains(&depth) && length > 200, "{depth} levels, {length} letters");
            Ok(())
        })
        .await?;
        ann.click("document-write").await?;
        check_runs(&ann).await?;
        // Whoever comes to it sees the same.
        bo.reload().await?;
        open_editor(&bo).await?;
        wait_says(&bo, "document-list", name).await?;
        let choose = "Array.from(document.querySelectorAll('[data-testid=document-choose]'))
            .find(({ innerText }) => innerText.includes(arguments[0])).click()";
        bo.eval(choose, vec![name.into()]).await?;
        bo.wait_until(PATIENCE, "the text", async || {
            let shown = read(&bo).await?;
            ensure!(
                text.starts_with(shown.get(..100).unwrap_or("nothing")),
                "it reads {:?}",
                shown.get(..100)
            );
            Ok(())
        })
        .await?;
        check_runs(&bo).await?;
    }
    Ok(())
}

/// Loads this in place of the editor.
fn instead(editor: &str) -> String {
    format!("Object.defineProperty(globalThis, 'loadEditor', {{ get: () => () => {editor}, set() {{}} }})")
}

#[tokio::test]
async fn an_editor_that_throws_ends_no_page() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (ann, link) = open_values(&browser, server.url()).await?;
    open_editor(&ann).await?;
    let thrown = "new Proxy({}, { get: () => () => { throw new RangeError('too much recursion') } })";
    let bo = browser.tab("about:blank").await?;
    let script = instead(&format!("Promise.resolve({{ start: () => {thrown} }})"));
    bo.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await?;
    bo.goto(&link).await?;
    wait_linked(&ann, 1).await?;
    bo.wait_there(PATIENCE, "tab-document").await?;
    bo.click("tab-document").await?;
    wait_says(&bo, "document-problem", "Too much recursion").await?;
    ann.click("document-editor").await?;
    ann.press_keys("told to an editor that throws").await?;
    wait_reads(&ann, "told to an editor that throws").await?;
    for button in ["document-authors", "document-preview", "document-write"] {
        bo.click(button).await?;
    }
    check_runs(&bo).await?;
    wait_says(&ann, "document-list", "notes").await?;
    ann.click("tab-values").await?;
    wait_says(&ann, "counter", "1").await
}

#[tokio::test]
async fn a_file_that_fails_leaves_no_document() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let append = "new Proxy({}, { get: (_, name) => name === 'append'
        ? () => { throw new RangeError('too much recursion') } : () => undefined })";
    for (editor, words) in [
        ("Promise.reject(new Error('blocked'))".to_owned(), "The editor is not there yet."),
        (format!("Promise.resolve({{ start: () => {append} }})"), "Too much recursion."),
    ] {
        let tab = browser.tab("about:blank").await?;
        tab.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": instead(&editor) })).await?;
        tab.goto(server.url()).await?;
        tab.wait_there(PATIENCE, "make-room").await?;
        share_sync(&tab).await?;
        wait_says(&tab, "counter", "0").await?;
        tab.click("tab-document").await?;
        tab.wait_there(PATIENCE, "document-list").await?;
        let drop = "const data = new DataTransfer();
            data.items.add(new File(['words'], 'Packing.md', { type: 'text/markdown' }));
            const event = new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: data });
            document.querySelector('.document-host').dispatchEvent(event)";
        tab.eval(drop, vec![]).await?;
        wait_says(&tab, "document-problem", words).await?;
        let listed = tab.text("document-list").await?;
        ensure!(!listed.contains("Packing"), "there is a document: {listed}");
        check_runs(&tab).await?;
    }
    Ok(())
}
