//! Sync's documents: what several people type at once, apart and together again.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use meshwork_e2e::{Browser, Cli, Key, Kind, PATIENCE, Server, Tab, wait_until};
use serde_json::json;

use crate::common::editor::{read, type_at_end, wait_reads};
use crate::common::{
    close, drop_file, open_editor, open_start, open_values, share_sync, wait_held, wait_linked,
    wait_page_says, wait_pressed, wait_says, watched_room,
};

/// How WebDriver names the Enter key.
const ENTER: char = '\u{e007}';

/// Clicks on a button as long as it is enabled: what somebody types with half a second between two letters is undone, and done
/// again, in several steps.
async fn use_up(tab: &Tab, button: &str) -> Result<()> {
    tab.wait_until(PATIENCE, "a button to be used up", async || {
        if tab.attribute(button, "disabled").await?.is_none() {
            tab.click(button).await?;
            bail!("{button} was enabled");
        }
        Ok(())
    })
    .await
}

/// The letters of a text, in order.
fn letters(text: &str) -> Vec<char> {
    let mut letters: Vec<char> = text.chars().filter(|letter| letter.is_alphanumeric()).collect();
    letters.sort_unstable();
    letters
}

/// How long one is away while the others write.
const APART: Duration = Duration::from_secs(60);

#[tokio::test]
async fn three_type_at_once_and_lose_nothing() -> Result<()> {
    let mut server = Server::start().await?;
    let browsers = [Browser::start().await?, Browser::start().await?, Browser::start().await?];
    let (ann, link) = open_values(&browsers[0], server.url()).await?;
    let (bo, cy) = (browsers[1].tab(&link).await?, browsers[2].tab(&link).await?);
    wait_linked(&ann, 2).await?;
    for tab in [&ann, &bo, &cy] {
        open_editor(tab).await?;
    }
    type_at_end(&ann, "Trip to Porto").await?;
    wait_reads(&cy, "Trip to Porto").await?;
    wait_reads(&bo, "Trip to Porto").await?;
    cy.click("disconnect").await?;
    let apart_since = Instant::now();
    wait_linked(&ann, 1).await?;
    server.kill();
    let texts = [" ann brings the tent", " bo has the maps", " cy cooks offline", " ann is ready"];
    let typed =
        tokio::join!(type_at_end(&ann, texts[0]), type_at_end(&bo, texts[1]), type_at_end(&cy, texts[2]));
    typed.0.and(typed.1).and(typed.2)?;
    wait_reads(&cy, "Trip to Porto cy cooks offline").await?;
    // A minute apart, while the server is away and the others write on.
    wait_until(2 * APART, "a minute", async || {
        ensure!(apart_since.elapsed() >= APART, "they are apart for {:?}", apart_since.elapsed());
        Ok(())
    })
    .await?;
    type_at_end(&ann, texts[3]).await?;
    wait_until(PATIENCE, "what the other wrote", async || {
        ensure!(read(&bo).await?.ends_with(texts[3]), "it is not there");
        Ok(())
    })
    .await?;
    server.restart().await?;
    cy.click("connect").await?;
    let wanted = letters(&format!("Trip to Porto{}", texts.concat()));
    wait_until(PATIENCE, "all that was typed", async || {
        let shown = [read(&ann).await?, read(&bo).await?, read(&cy).await?];
        ensure!(
            letters(&shown[0]) == wanted && shown[1..].iter().all(|other| *other == shown[0]),
            "{shown:?}"
        );
        Ok(())
    })
    .await?;
    wait_held(&cy, "held by 2").await?;
    // Who comes later reads the same.
    let late = browsers[0].tab(&link).await?;
    open_editor(&late).await?;
    wait_reads(&late, &read(&ann).await?).await
}

/// Keys count wherever the focus is, but not under a sheet.
async fn check_keys(ann: &Tab, others: usize) -> Result<()> {
    ann.eval("document.activeElement.blur()", vec![]).await?;
    ann.press_with(Key::Alt, "w").await?;
    wait_pressed(ann, "document-authors", true).await?;
    ann.press_with(Key::Alt, "p").await?;
    wait_pressed(ann, "document-preview", true).await?;
    ann.press_with(Key::Alt, "p").await?;
    wait_pressed(ann, "document-preview", false).await?;
    // A column, or a strip below the bar with a bead for each other person.
    let people = "
        const panel = document.querySelector('.people').getBoundingClientRect()
        const beads = [...document.querySelectorAll('.comb .bead')].map((bead) => bead.getBoundingClientRect())
        const seen = beads.filter(({ top, left }) => document.elementFromPoint(left + 12, top + 12)?.closest('.people'))
        return [panel.height < 50 && panel.width > innerWidth - 2, seen.length]";
    ann.press_with(Key::Control, "s").await?;
    wait_pressed(ann, "document-versions", true).await?;
    ensure!(
        ann.eval(people, vec![]).await? == json!([true, others]),
        "people give way to versions, and stay in view"
    );
    ann.click("close-versions").await?;
    ensure!(ann.eval(people, vec![]).await? == json!([false, others]), "they come back");
    ann.eval("document.activeElement.blur()", vec![]).await?;
    ann.click("room-chip").await?;
    ann.press_with(Key::Alt, "w").await?;
    close(ann).await?;
    wait_pressed(ann, "document-authors", true).await
}

#[tokio::test]
async fn undo_takes_back_only_ones_own() -> Result<()> {
    let server = Server::start().await?;
    let browsers = [Browser::start_kind(Kind::of_this_run()).await?, Browser::start().await?];
    let start = open_start(&browsers[0], server.url()).await?;
    start.type_text("display-name", "Ann").await?;
    let link = share_sync(&start).await?;
    let (ann, bo) = (start, browsers[1].tab(&link).await?);
    wait_linked(&ann, 1).await?;
    open_editor(&ann).await?;
    open_editor(&bo).await?;
    type_at_end(&ann, "one").await?;
    wait_reads(&bo, "one").await?;
    type_at_end(&bo, " two").await?;
    wait_reads(&ann, "one two").await?;
    // Names stand at carets.
    wait_until(PATIENCE, "a name", async || {
        let name = bo.attribute("document-caret", "data-name").await?;
        ensure!(name.as_deref() == Some("Ann"), "it is {name:?}");
        Ok(())
    })
    .await?;
    ann.press_with(Key::Control, "z").await?;
    wait_until(PATIENCE, "what the key took back", async || {
        ensure!(read(&ann).await? != "one two", "nothing is");
        Ok(())
    })
    .await?;
    use_up(&ann, "document-undo").await?;
    wait_reads(&bo, " two").await?;
    use_up(&ann, "document-redo").await?;
    wait_reads(&bo, "one two").await?;
    use_up(&bo, "document-undo").await?;
    wait_reads(&ann, "one").await?;
    // Each line is somebody's, and Markdown reads as it looks.
    type_at_end(&bo, &format!("{ENTER}# Two")).await?;
    wait_reads(&ann, "one\n# Two").await?;
    check_keys(&ann, 1).await?;
    ann.click("document-editor").await?;
    ann.press_with(Key::Alt, "w").await?;
    wait_pressed(&ann, "document-authors", false).await?;
    ann.press_with(Key::Alt, "w").await?;
    ann.wait_until(PATIENCE, "authors", async || {
        let script = "return Array.from(document.querySelectorAll('.author-bar'), (bar) => bar.title)";
        let names = ann.eval(script, vec![]).await?;
        ensure!(names[0] == "You" && names.as_array().is_some_and(|names| names.len() == 2), "{names}");
        Ok(())
    })
    .await?;
    // Who points at a line is told when it was written.
    let told = "const bar = document.querySelector('.author-bar');
        bar.dispatchEvent(new MouseEvent('mouseenter'));
        return bar.title";
    let told = ann.eval(told, vec![]).await?;
    ensure!(told == "You, just now", "{told}");
    ann.click("document-preview").await?;
    let heading = ann.eval("return document.querySelector('.document-page h2')?.innerText", vec![]).await?;
    ensure!(heading == "Two", "the heading reads {heading}");
    // What was typed is there when the page comes again, and undone no more.
    bo.reload().await?;
    open_editor(&bo).await?;
    wait_reads(&bo, "one\n# Two").await?;
    ensure!(bo.attribute("document-undo", "disabled").await?.is_some(), "nothing is typed in this page");
    Ok(())
}

#[tokio::test]
async fn documents_are_made_renamed_and_deleted() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (ann, link) = open_values(&browser, server.url()).await?;
    let bo = browser.tab(&link).await?;
    wait_linked(&ann, 1).await?;
    // By keys alone: to the tab, and with Enter from the title into the text.
    ann.click("tab-values").await?;
    ann.press_keys("\u{e014}\u{e014}").await?;
    wait_says(&ann, "document-list", "notes").await?;
    open_editor(&bo).await?;
    ann.click("document-new").await?;
    ann.press_keys(format!("Ferry times{ENTER}Sat 9:40")).await?;
    wait_says(&bo, "document-list", "Ferry times").await?;
    bo.click("document-choose").await?;
    wait_reads(&bo, "Sat 9:40").await?;
    ann.click("document-rename").await?;
    ann.press_keys(format!("Boats{ENTER}")).await?;
    wait_says(&bo, "document-list", "Boats").await?;
    // A file becomes a document under its name.
    drop_file(&ann, "document-editor", "Packing.md", "# Two\r\numbrellas").await?;
    wait_says(&bo, "document-list", "Packing").await?;
    wait_reads(&ann, "# Two\numbrellas").await?;
    wait_reads(&bo, "Sat 9:40").await?;
    bo.click("document-delete").await?;
    bo.click("document-delete-sure").await?;
    wait_until(PATIENCE, "one document less", async || {
        let listed = ann.text("document-list").await?;
        ensure!(!listed.contains("Boats") && listed.contains("Packing"), "{listed}");
        Ok(())
    })
    .await
}

/// A letter has its paragraph read anew, so one of a megabyte is read in pieces.
#[tokio::test]
async fn long_paragraphs_are_read_in_pieces() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (ann, _) = open_values(&browser, server.url()).await?;
    open_editor(&ann).await?;
    let strong =
        "return Array.from(document.querySelectorAll('.md-strong'), (words) => words.innerText).join(' ')";
    for (lines, wanted) in [(2, "words"), (400, "")] {
        // It begins in the first line and ends in the last one.
        let text = format!("**words{}**", "\nThe ferry leaves from pier 4.".repeat(lines));
        drop_file(&ann, "document-editor", &format!("Of {lines}.md"), &text).await?;
        ann.wait_until(PATIENCE, "the file", async || {
            let shown = read(&ann).await?;
            ensure!(shown.matches("ferry").count() >= lines.min(10), "it reads {shown:?}");
            Ok(())
        })
        .await?;
        ann.wait_until(PATIENCE, "how it looks", async || {
            let shown = ann.eval(strong, vec![]).await?;
            let shown = shown.as_str().unwrap_or_default();
            ensure!(shown.is_empty() == wanted.is_empty() && shown.contains(wanted), "{lines}: {shown:?}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// Otherwise such a letter would have all that follows read anew.
#[tokio::test]
async fn letters_in_front_leave_pieces_alone() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (ann, _) = open_values(&browser, server.url()).await?;
    open_editor(&ann).await?;
    // Every second mark ends what the one before it begins, counted from where its piece begins.
    let text: String =
        (0..1000).map(|line| format!("The ferry number {line}**leaves from pier 4.\n")).collect();
    drop_file(&ann, "document-editor", "Ferries.md", &text).await?;
    let marked =
        "const marked = Array.from(document.querySelectorAll('.md-strong'), (words) => words.innerText);
        return marked.filter((words) => /number 99/.test(words)).join(' ')";
    let at_end = async |which: &str| {
        ann.press_with(Key::Control, Key::End).await?;
        ann.wait_until(PATIENCE, which, async || {
            let shown = ann.eval(marked, vec![]).await?;
            ensure!(shown != "", "nothing is marked there");
            Ok(shown)
        })
        .await
    };
    ann.click("document-editor").await?;
    let before = at_end("what is marked at the end").await?;
    // Half a line each, so the ends of pieces as long as before would be in other lines.
    for _ in 0..4 {
        ann.press_with(Key::Control, Key::Home).await?;
        ann.press_keys("Another one leaves. ").await?;
        let after = at_end("the same behind more text").await?;
        ensure!(before == after, "{before} was marked, and now {after} is");
    }
    Ok(())
}

#[tokio::test]
async fn versions_are_saved_compared_and_restored() -> Result<()> {
    let server = Server::start().await?;
    let browsers = [Browser::start().await?, Browser::start().await?];
    let (ann, link) = open_values(&browsers[0], server.url()).await?;
    let bo = browsers[1].tab(&link).await?;
    wait_linked(&ann, 1).await?;
    open_editor(&ann).await?;
    open_editor(&bo).await?;
    type_at_end(&ann, &format!("# Plan{ENTER}Ferry 9:10")).await?;
    ann.click("document-versions").await?;
    ann.type_text("version-label", "draft\n").await?;
    wait_says(&ann, "version-list", "draft").await?;
    wait_reads(&bo, "# Plan\nFerry 9:10").await?;
    type_at_end(&bo, " from pier 4").await?;
    wait_reads(&ann, "# Plan\nFerry 9:10 from pier 4").await?;
    // It comes from the page that saved it.
    bo.click("document-versions").await?;
    wait_says(&bo, "version-list", "draft").await?;
    bo.click("document-version").await?;
    wait_says(&bo, "version-sums", "+1, \u{2212}1 lines").await?;
    wait_says(&bo, "version-rows", "Ferry 9:10 from pier 4").await?;
    ensure!(!bo.has("delete-version").await?, "who saved a version deletes it");
    bo.click("restore-version").await?;
    wait_reads(&ann, "# Plan\nFerry 9:10").await?;
    wait_says(&bo, "version-sums", "nothing was changed").await?;
    // The comparison goes on with the document, and may be left while it is made.
    type_at_end(&ann, " sharp").await?;
    wait_says(&bo, "version-rows", "Ferry 9:10 sharp").await?;
    let leave = "for (const part of ['document-version', 'close-versions']) \
                 document.querySelector(`[data-testid=${part}]`).click()";
    bo.eval(leave, vec![]).await?;
    ann.press_keys(&Key::Backspace.value().to_string().repeat(" sharp".len())).await?;
    wait_reads(&bo, "# Plan\nFerry 9:10").await?;
    // Who saved it has it when the page comes again.
    ann.reload().await?;
    open_editor(&ann).await?;
    type_at_end(&ann, "?").await?;
    ann.click("document-versions").await?;
    ann.click("document-version").await?;
    wait_says(&ann, "version-rows", "Ferry 9:10?").await?;
    ann.click("copy-version").await?;
    wait_reads(&ann, "# Plan\nFerry 9:10").await?;
    wait_says(&bo, "document-list", "draft").await
}

#[tokio::test]
async fn a_view_link_reads_and_says_why() -> Result<()> {
    let server = Server::start().await?;
    let (_mira, _room, edit, look) = watched_room(server.url()).await?;
    let browsers = [Browser::start().await?, Browser::start().await?];
    let (writer, reader) = (browsers[0].tab(&edit).await?, browsers[1].tab(&look).await?);
    open_editor(&writer).await?;
    open_editor(&reader).await?;
    type_at_end(&writer, "Ferry at 9:40").await?;
    wait_reads(&reader, "Ferry at 9:40").await?;
    wait_says(&reader, "document-shut", "View only").await?;
    type_at_end(&reader, "x").await?;
    wait_page_says(&reader, "View only").await?;
    wait_until(PATIENCE, "a toast", async || {
        let toasts = reader.eval("return document.querySelector('.toasts')?.innerText", vec![]).await?;
        ensure!(toasts.as_str().is_some_and(|words| words.contains("View only")), "{toasts}");
        Ok(())
    })
    .await?;
    type_at_end(&writer, "!").await?;
    wait_reads(&reader, "Ferry at 9:40!").await?;
    wait_reads(&writer, "Ferry at 9:40!").await
}

#[tokio::test]
async fn keepers_keep_pictures_of_documents() -> Result<()> {
    let server = Server::start().await?;
    let (browsers, keeper) = ([Browser::start().await?, Browser::start().await?], Cli::new()?);
    let (ann, link) = open_values(&browsers[0], server.url()).await?;
    let data = keeper.path("kept");
    let keeping = keeper.start(["sync", "keep", &link, "--data", &data.to_string_lossy()])?;
    keeping.line(PATIENCE, "the keeper", |_| true).await?;
    wait_linked(&ann, 1).await?;
    open_editor(&ann).await?;
    type_at_end(&ann, "The pier: ").await?;
    let paste = "const canvas = new OffscreenCanvas(20, 10);
        canvas.getContext('2d').fillRect(0, 0, 20, 10);
        return canvas.convertToBlob().then((blob) => {
            const data = new DataTransfer();
            data.items.add(new File([arguments[0] === 'picture' ? blob : 'nonsense'], 'pier 4.png', { type: 'image/png' }));
            const event = new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
            document.querySelector('[data-testid=\"document-editor\"]').dispatchEvent(event);
        });";
    ann.eval(paste, vec!["no picture".into()]).await?;
    wait_says(&ann, "document-problem", "not a picture that the browser can read").await?;
    ann.eval(paste, vec!["picture".into()]).await?;
    let named = async |tab: &Tab| {
        let text = read(tab).await?;
        let id = text.strip_prefix("The pier: ![pier 4](blob:").and_then(|rest| rest.strip_suffix(")"));
        id.map(str::to_owned).with_context(|| format!("no picture in {text:?}"))
    };
    ann.wait_until(PATIENCE, "a picture in the text", async || named(&ann).await.map(drop)).await?;
    let id = named(&ann).await?;
    wait_until(PATIENCE, "a keeper that has it", async || {
        let files = walk(&data)?;
        ensure!(files.iter().any(|name| name.ends_with(&id)), "{files:?} without {id}");
        Ok(())
    })
    .await?;
    ann.goto("about:blank").await?;
    let bo = browsers[1].tab(&link).await?;
    open_editor(&bo).await?;
    wait_reads(&bo, &format!("The pier: ![pier 4](blob:{id})")).await?;
    bo.click("document-preview").await?;
    bo.wait_until(PATIENCE, "the picture", async || {
        let script = "const image = document.querySelector('.document-page img'); return [image?.naturalWidth, image?.alt]";
        let shown = bo.eval(script, vec![]).await?;
        ensure!(shown[0] == 20 && shown[1] == "pier 4", "{shown}");
        Ok(())
    })
    .await
}

/// The names of all files below a folder.
fn walk(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => names.extend(walk(&path)?),
            false => names.push(path.to_string_lossy().into_owned()),
        }
    }
    Ok(names)
}
