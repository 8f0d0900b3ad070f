//! Conversations: the panel beside a canvas, rooms for talking, direct posts, and posts that mean harm.

use std::process::Stdio;

use crate::common::{close, open_page, open_start, share_front, wait_linked, wait_page_says, wait_says};
use anyhow::{Context as _, Result, ensure};
use meshwork_e2e::{Browser, Key, Look, PATIENCE, Server, ServerOptions, Tab};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

/// The texts that are shown, the newest last.
const TEXTS: &str =
    "return Array.from(document.querySelectorAll('[data-testid=message-text]'), post => post.innerText)";

/// Waits until exactly these posts are shown, the newest last.
async fn wait_posts(tab: &Tab, expected: &[&str]) -> Result<()> {
    tab.wait_until(PATIENCE, "posts", async || {
        let texts = tab.eval(TEXTS, vec![]).await?;
        ensure!(texts == json!(expected), "{texts} instead of {expected:?}");
        Ok(())
    })
    .await
}

/// Waits until the button in the bar says that so many are unread.
async fn wait_unread(tab: &Tab, count: &str) -> Result<()> {
    tab.wait_until(PATIENCE, "a count", async || {
        let shown = tab.text("unread").await?;
        ensure!(shown == count, "{shown:?} are unread");
        Ok(())
    })
    .await
}

/// Writes a post where a conversation is shown.
async fn write(tab: &Tab, text: &str) -> Result<()> {
    tab.type_text("chat-input", text).await?;
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
async fn people_beside_a_canvas_talk() -> Result<()> {
    let server = Server::start().await?;
    let browsers = browsers().await?;
    let (owner, guest, _) = two(&server, &browsers).await?;
    guest.click("open-chat").await?;
    wait_says(&guest, "chat-about", "Nobody has written yet.").await?;
    write(&guest, "Who takes the <b>left</b> half?").await?;
    wait_says(&guest, "heard", "Heard by 1 of 1").await?;
    wait_unread(&owner, "1").await?;

    owner.eval("document.querySelector('[data-testid=place-canvas]').focus()", vec![]).await?;
    owner.press_keys("t").await?;
    wait_posts(&owner, &["Who takes the <b>left</b> half?"]).await?;
    wait_says(&owner, "message", "Lin").await?;
    wait_unread(&owner, "").await?;
    owner.type_text("chat-input", "I do.").await?;
    owner.press_with(Key::Shift, Key::Enter).await?;
    owner.press_keys("You the right?").await?;
    owner.press_keys(Key::Enter).await?;
    let both = ["Who takes the <b>left</b> half?", "I do.\nYou the right?"];
    wait_posts(&guest, &both).await?;
    let spoken = "return document.querySelector('[data-testid=chat-spoken]').textContent";
    guest
        .wait_until(PATIENCE, "what comes to be read out", async || {
            let said = guest.eval(spoken, vec![]).await?;
            ensure!(said == "Mira: I do.\nYou the right?", "{said} is read out");
            Ok(())
        })
        .await?;

    // One's own can be deleted, and comes back where it was.
    act(&guest, 0, "post-more").await?;
    let hides = guest.eval("return document.querySelector('[data-testid=hide]').checkVisibility()", vec![]);
    ensure!(hides.await? == false, "only moderators hide posts");
    act(&guest, 0, "delete").await?;
    wait_posts(&owner, &both[1..]).await?;
    wait_says(&owner, "missing", "1 post before this is not here").await?;
    guest.click("take-back").await?;
    wait_posts(&owner, &both).await?;

    // The owner hides another's, for everybody.
    act(&owner, 0, "post-more").await?;
    act(&owner, 0, "hide").await?;
    wait_posts(&guest, &both[1..]).await?;
    owner.click("take-back").await?;
    wait_posts(&guest, &both).await?;
    close(&guest).await?;
    write(&owner, "See you there.").await?;
    wait_unread(&guest, "1").await
}

#[tokio::test]
async fn posts_are_written_offline_and_outlive_reloads() -> Result<()> {
    let data = tempfile::tempdir()?;
    let options = ServerOptions { data: Some(data.path().to_owned()), ..ServerOptions::default() };
    let mut server = Server::start_with(options).await?;
    let browsers = browsers().await?;
    let (owner, guest, _) = two(&server, &browsers).await?;
    owner.click("open-chat").await?;
    write(&owner, "One").await?;
    wait_unread(&guest, "1").await?;
    guest.click("open-chat").await?;
    wait_posts(&guest, &["One"]).await?;
    owner.eval("await navigator.serviceWorker.ready", vec![]).await?;

    server.kill();
    owner.reload().await?;
    wait_page_says(&owner, "You're offline in this room.").await?;
    owner.click("open-chat").await?;
    wait_posts(&owner, &["One"]).await?;
    write(&owner, "Two, alone").await?;
    wait_says(&owner, "heard", "Saved here").await?;
    owner.reload().await?;
    owner.click("open-chat").await?;
    wait_posts(&owner, &["One", "Two, alone"]).await?;

    server.restart().await?;
    wait_linked(&owner, 1).await?;
    wait_posts(&guest, &["One", "Two, alone"]).await?;
    // Posts that were read stay read. A post that was written while one was away is unread.
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
    guest.click("open-chat").await?;
    guest.type_text("chat-input", "x").await?;
    let fill = "const field = document.querySelector('[data-testid=chat-input]');
        field.value = 'x'.repeat(arguments[0]);
        field.dispatchEvent(new Event('input', { bubbles: true }));";
    guest.eval(fill, vec![11_990.into()]).await?;
    wait_says(&guest, "chat-left", "10 bytes left of 12,000").await?;
    guest.eval(fill, vec![12_001.into()]).await?;
    wait_says(&guest, "chat-complaint", "This is 1 byte too long.").await?;
    ensure!(guest.attribute("chat-send", "disabled").await?.is_some(), "it cannot be sent");
    owner.click("room-chip").await?;
    owner.click("tab-moderation").await?;
    owner.click("ban").await?;
    owner.click("confirm").await?;
    let words = "You are banned in this room and cannot write here any more.";
    wait_says(&guest, "chat-complaint", words).await?;
    let field =
        guest.eval("return document.querySelector('[data-testid=chat-input]').checkVisibility()", vec![]);
    ensure!(field.await? == false, "there is no field");
    Ok(())
}

/// Presses a button of the post at this place.
async fn act(tab: &Tab, place: usize, testid: &str) -> Result<()> {
    let press = "const post = document.querySelectorAll('[data-testid=message]')[arguments[0]];\
                 const button = post?.querySelector(`[data-testid=${arguments[1]}]`);\
                 button?.click();\
                 return Boolean(button);";
    tab.wait_until(PATIENCE, "a button of a post", async || {
        let pressed = tab.eval(press, vec![place.into(), testid.into()]).await?;
        ensure!(pressed == true, "post {place} has no {testid}");
        Ok(())
    })
    .await
}

/// Somebody at a desk in a room for talking, and somebody on a phone.
async fn two_in_chat(server: &Server, browsers: &[Browser; 2]) -> Result<(Tab, Tab)> {
    let mira = open_start(&browsers[0], server.url()).await?;
    mira.type_text("display-name", "Mira").await?;
    mira.click("app-chat").await?;
    mira.wait_there(PATIENCE, "chat-input").await?;
    let link = share_front(&mira).await?;
    let lin = open_start(&browsers[1], server.url()).await?;
    lin.look(Look::PHONE).await?;
    lin.type_text("display-name", "Lin").await?;
    lin.goto(&link).await?;
    wait_linked(&mira, 1).await?;
    wait_page_says(&mira, "Lin").await?;
    Ok((mira, lin))
}

/// Drops files of these names on the field.
const DROP: &str = "const dataTransfer = new DataTransfer();
    arguments[0].forEach(name => dataTransfer.items.add(new File([name.repeat(1e5)], name)));
    document.querySelector('[data-testid=chat-input]')
        .dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));";
/// The names of the chosen files that are read.
const PENDING: &str =
    "return Array.from(document.querySelectorAll('[data-testid=pending-files] li[aria-busy=false]'),
    file => file.querySelector('.file-name').textContent)";

/// Waits until the second post has these files, answers this, and has so many reactions.
async fn wait_whole(tab: &Tab, expected: &serde_json::Value) -> Result<()> {
    let read = "const post = document.querySelectorAll('[data-testid=message]')[1];
        return [Array.from(post.querySelectorAll('.file-name'), name => name.textContent),
            post.querySelector('.quote span')?.textContent, post.querySelectorAll('.reaction').length];";
    tab.wait_until(PATIENCE, "the whole post", async || {
        let post = tab.eval(read, vec![]).await?;
        ensure!(post == *expected, "{post} instead of {expected}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn two_people_talk_in_a_room_for_it() -> Result<()> {
    let server = Server::start().await?;
    let browsers = browsers().await?;
    let (mira, lin) = two_in_chat(&server, &browsers).await?;
    write(&mira, "Ferry leaves at **9:40**. Who is coming?").await?;
    wait_posts(&lin, &["Ferry leaves at 9:40. Who is coming?"]).await?;
    act(&lin, 0, "react").await?;
    act(&lin, 0, "emoji").await?;
    wait_says(&mira, "reaction", "1").await?;
    act(&lin, 0, "reply").await?;
    wait_says(&lin, "replying", "Replying to Mira").await?;
    // Files and the answer wait here while another conversation is shown.
    lin.eval(DROP, vec![json!(["zebra.txt", "ant.txt"])]).await?;
    lin.click("new-message").await?;
    lin.click("message-person").await?;
    wait_says(&lin, "direct-about", "Sealed for Mira").await?;
    ensure!(lin.eval(PENDING, vec![]).await? == json!([]), "they do not go to Mira alone");
    lin.click("conversation-room").await?;
    wait_says(&lin, "replying", "Replying to Mira").await?;
    lin.wait_until(PATIENCE, "both files", async || {
        let files = lin.eval(PENDING, vec![]).await?;
        ensure!(files == json!(["zebra.txt", "ant.txt"]), "{files} are chosen");
        Ok(())
    })
    .await?;
    write(&lin, "Me too.").await?;
    wait_says(&mira, "quote", "Ferry leaves").await?;
    act(&mira, 1, "react").await?;
    act(&mira, 1, "emoji").await?;
    // A name is completed, and leads to the person.
    mira.type_text("chat-input", "@Li").await?;
    wait_says(&mira, "mention", "Lin").await?;
    mira.press_keys(Key::Tab).await?;
    mira.press_keys("can you save a seat?").await?;
    wait_says(&lin, "writing", "Mira is writing").await?;
    mira.press_keys(Key::Enter).await?;
    let three = ["Ferry leaves at 9:40. Who is coming?", "Me too.", "@Lin can you save a seat?"];
    wait_posts(&lin, &three).await?;
    let marked = lin.eval("return document.querySelector('.mention.to-you')?.innerText", vec![]).await?;
    ensure!(marked == "@Lin", "{marked} is marked");
    // The last post is edited from an empty field.
    mira.press_keys(Key::Up).await?;
    mira.press_keys(" Left side.").await?;
    mira.press_keys(Key::Enter).await?;
    let edited = [three[0], three[1], "@Lin can you save a seat? Left side."];
    wait_posts(&lin, &edited).await?;
    wait_page_says(&lin, "edited").await?;
    let left = [edited[0], edited[2]];
    let whole = json!([["zebra.txt", "ant.txt"], "Ferry leaves at 9:40. Who is coming?", 1]);
    for tab in [&mira, &lin] {
        wait_whole(tab, &whole).await?;
    }
    act(&lin, 1, "post-more").await?;
    act(&lin, 1, "delete").await?;
    wait_posts(&mira, &left).await?;
    // Undo brings back the same post, in its place.
    lin.click("take-back").await?;
    for tab in [&mira, &lin] {
        wait_posts(tab, &edited).await?;
        wait_whole(tab, &whole).await?;
    }
    act(&lin, 1, "post-more").await?;
    act(&lin, 1, "delete").await?;
    wait_posts(&mira, &left).await?;
    // Part of a word finds a post, also after a reload.
    mira.reload().await?;
    wait_posts(&mira, &left).await?;
    mira.click("open-search").await?;
    mira.type_text("search", "erry").await?;
    wait_says(&mira, "search-result-0", "Ferry leaves").await?;
    mira.click("search-result-0").await?;
    let found = "return document.querySelector('.post.found [data-testid=message-text]')?.innerText";
    ensure!(mira.eval(found, vec![]).await? == left[0], "the post that was found is marked");
    Ok(())
}

#[tokio::test]
async fn direct_posts_begin_as_requests() -> Result<()> {
    let server = Server::start().await?;
    let browsers = browsers().await?;
    let (mira, lin) = two_in_chat(&server, &browsers).await?;
    mira.click("new-message").await?;
    mira.click("message-person").await?;
    wait_says(&mira, "direct-about", "Sealed for Lin").await?;
    write(&mira, "Shall we meet at the pier?").await?;
    wait_says(&lin, "requests", "Mira").await?;
    wait_posts(&lin, &[]).await?;
    lin.click("dm-Mira").await?;
    wait_posts(&lin, &["Shall we meet at the pier?"]).await?;
    wait_says(&lin, "direct-about", "You never wrote to Mira").await?;
    write(&lin, "At nine.").await?;
    wait_posts(&mira, &["Shall we meet at the pier?", "At nine."]).await?;
    // The conversation outlives a reload, and the room reads nothing of it.
    mira.reload().await?;
    wait_posts(&mira, &[]).await?;
    mira.click("dm-Lin").await?;
    wait_posts(&mira, &["Shall we meet at the pier?", "At nine."]).await?;
    lin.click("block").await?;
    wait_posts(&lin, &[]).await?;
    ensure!(!lin.has("dm-Mira").await?, "somebody who is blocked is not listed");
    Ok(())
}

#[tokio::test]
async fn posts_that_mean_harm_are_shown_safely() -> Result<()> {
    let server = Server::start().await?;
    let browsers = browsers().await?;
    let (mira, lin) = two_in_chat(&server, &browsers).await?;
    let fill = "const field = document.querySelector('[data-testid=chat-input]');
        field.value = arguments[0];
        field.dispatchEvent(new Event('input', { bubbles: true }));
        await new Promise(requestAnimationFrame);
        document.querySelector('[data-testid=chat-send]').click();";
    let bomb = format!("{}deep", "> - ".repeat(500));
    let marks = format!("a{}", "\u{0301}".repeat(5_000));
    let script = "<img src=x onerror=\"window.harmed = 1\"> <script>window.harmed = 1</script>";
    let link = "[bank](javascript:window.harmed=1) ![p](https://example.org/p.png)";
    for text in [bomb.as_str(), &marks, "exe.\u{202e}gnp.", script, link, "The end."] {
        lin.eval(fill, vec![text.into()]).await?;
    }
    mira.wait_until(PATIENCE, "the last post", async || {
        let texts = mira.eval(TEXTS, vec![]).await?;
        let texts: Vec<String> = serde_json::from_value(texts)?;
        ensure!(texts.len() == 6 && texts[5] == "The end.", "{} posts are shown", texts.len());
        ensure!(texts[2] == "exe.gnp.", "marks of direction are left out: {:?}", texts[2]);
        ensure!(texts[3] == script, "markup is text: {:?}", texts[3]);
        ensure!(texts[4] == link, "addresses that lead nowhere are text: {:?}", texts[4]);
        Ok(())
    })
    .await?;
    let made = "return [Boolean(window.harmed),\
                document.querySelectorAll('.post-text :is(img, script, iframe)').length,\
                document.querySelector('[data-testid=message-list]').scrollWidth <= innerWidth]";
    let made = mira.eval(made, vec![]).await?;
    ensure!(made == json!([false, 0, true]), "harm, elements, width: {made}");
    Ok(())
}

#[tokio::test]
async fn pages_and_pipes_talk_without_a_server() -> Result<()> {
    let mut server = Server::start().await?;
    let browser = Browser::start().await?;
    let mira = open_start(&browser, server.url()).await?;
    mira.type_text("display-name", "Mira").await?;
    mira.click("app-chat").await?;
    mira.wait_there(PATIENCE, "chat-input").await?;
    let link = share_front(&mira).await?;
    let home = tempfile::tempdir()?;
    let mut kaveh = talker(&link, home.path(), Stdio::piped())?;
    let mut typed = kaveh.stdin.take().context("it has an input")?;
    let mut printed = BufReader::new(kaveh.stdout.take().context("it has an output")?).lines();
    typed.write_all(b"Low tide is at 11:20.\n").await?;
    wait_posts(&mira, &["Low tide is at 11:20."]).await?;
    wait_says(&mira, "message", "Kaveh").await?;
    wait_linked(&mira, 1).await?;
    server.kill();
    write(&mira, "We are back **before** that.").await?;
    let heard = async {
        while let Some(line) = printed.next_line().await? {
            if line.contains("We are back") {
                return Ok(line);
            }
        }
        anyhow::bail!("the program ended")
    };
    let line = tokio::time::timeout(PATIENCE, heard).await??;
    ensure!(line.contains("Mira: We are back **before** that."), "{line}");
    typed.write_all(b"Good.\n").await?;
    let all = ["Low tide is at 11:20.", "We are back before that.", "Good."];
    wait_posts(&mira, &all).await?;
    // The input ends, and the program with it; the page finds all after everything was restarted.
    drop(typed);
    ensure!(tokio::time::timeout(PATIENCE, kaveh.wait()).await??.success(), "it ends well");
    server.restart().await?;
    mira.reload().await?;
    wait_posts(&mira, &all).await?;
    let mut kaveh = talker(&link, home.path(), Stdio::null())?;
    let mut typed = kaveh.stdin.take().context("it has an input")?;
    read_back(&mira, &mut typed).await
}

/// A program that talks in a room, under an identity in this folder.
fn talker(link: &str, home: &std::path::Path, output: Stdio) -> Result<tokio::process::Child> {
    let mut program = tokio::process::Command::new(meshwork_e2e::program());
    program.args(["chat", link, "--name", "Kaveh"]).env("HOME", home).env("XDG_DATA_HOME", home);
    Ok(program.stdin(Stdio::piped()).stdout(output).kill_on_drop(true).spawn()?)
}

/// Scrolls back in steps until the line at the top says this number or a lower one. Returns by how many pixels the line that is read moved
/// at worst beside the scrolling, and how many posts the document had at most.
const SCROLL_BACK: &str = "const list = document.querySelector('.talk-scroll');
    const frames = async () => { for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame); };
    let [moved, most] = [0, 0];
    for (let step = 0; step < 400; step++) {
        const edge = list.getBoundingClientRect().top;
        const posts = [...list.querySelectorAll('[data-testid=message]')];
        most = Math.max(most, posts.length);
        const line = posts.find(post => post.getBoundingClientRect().top > edge);
        if (Number(line.querySelector('.post-text').innerText.split(' ')[1]) <= arguments[0]) return [moved, most];
        list.scrollBy(0, -300);
        const before = line.getBoundingClientRect().top;
        await frames();
        moved = Math.max(moved, Math.abs(line.getBoundingClientRect().top - before));
    }
    return [moved, 'never'];";

/// Somebody reads back through a thousand posts while others come.
async fn read_back(tab: &Tab, typed: &mut tokio::process::ChildStdin) -> Result<()> {
    let lines: String = (1..=1_000).map(|number| format!("Line {number}\n")).collect();
    typed.write_all(lines.as_bytes()).await?;
    let newest = "return [...document.querySelectorAll('[data-testid=message-text]')].at(-1)?.innerText";
    // A thousand signed posts take their time on a machine that is busy.
    tab.wait_until(3 * PATIENCE, "the last line", async || {
        let newest = tab.eval(newest, vec![]).await?;
        ensure!(newest == "Line 1000", "{newest} is the newest");
        Ok(())
    })
    .await?;
    let (moved, most): (f64, usize) = serde_json::from_value(tab.eval(SCROLL_BACK, vec![300.into()]).await?)?;
    ensure!(moved < 1.5, "the line that is read moved by {moved} pixels");
    ensure!(most <= 400, "the document has {most} posts");
    let place = "const edge = document.querySelector('.talk-scroll').getBoundingClientRect().top;
        const posts = [...document.querySelectorAll('[data-testid=message]')];
        const line = posts.find(post => post.getBoundingClientRect().top > edge);
        return [line.innerText, Math.round(line.getBoundingClientRect().top)];";
    let before = tab.eval(place, vec![]).await?;
    typed.write_all(b"While you read\n").await?;
    wait_says(tab, "to-newest", "1").await?;
    let after = tab.eval(place, vec![]).await?;
    ensure!(before == after, "{before} is read, and then {after}");
    // A jump ends at its post, however far it is.
    tab.click("to-newest").await?;
    tab.wait_until(PATIENCE, "the newest post", async || {
        let newest = tab.eval(newest, vec![]).await?;
        ensure!(newest == "While you read", "{newest} is the newest");
        Ok(())
    })
    .await?;
    tab.click("open-search").await?;
    tab.type_text("search", "Line 123").await?;
    wait_says(tab, "search-result-0", "Line 123").await?;
    tab.click("search-result-0").await?;
    let found = "const post = document.querySelector('.post.found');
        const list = document.querySelector('.talk-scroll').getBoundingClientRect();
        const box = post?.getBoundingClientRect();
        return [post?.querySelector('.post-text').innerText, box?.top > list.top && box?.bottom < list.bottom];";
    tab.wait_until(PATIENCE, "the post that was found", async || {
        let found = tab.eval(found, vec![]).await?;
        ensure!(found == json!(["Line 123", true]), "{found}: the post, and whether it is in sight");
        Ok(())
    })
    .await
}
