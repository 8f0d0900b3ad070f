//! Games: two browsers play a file whose host goes, a reload keeps the seat in a private party, and a game is written,
//! published and joined.

use anyhow::{Result, ensure};
use meshwork_e2e::{Browser, Key, Kind, PATIENCE, Server, ServerOptions, Tab};
use serde_json::json;

use crate::common::{drop_file, open_start};

/// A game that is won with five presses of Space; the state has a count for each player.
const GAME: &str = "
meshwork.game({
  setup: () => ({ counts: [0, 0, 0, 0, 0, 0] }),
  update(state, inputs, { players, end }) {
    for (const { slot } of players) {
      if (inputs[slot].pressed('space')) state.counts[slot] += 1
      if (state.counts[slot] === 5) end(slot)
    }
    return state
  },
  render(draw, state, { players, width, height }) {
    draw.fillStyle = '#123'
    draw.fillRect(0, 0, width, height)
  },
})";

/// The start page of Play, with a name.
async fn start(browser: &Browser, server: &Server, name: &str) -> Result<Tab> {
    let tab = open_start(browser, server.url()).await?;
    tab.type_text("display-name", name).await?;
    Ok(tab)
}

/// An open party of the game that Mira makes from a file; returns its link.
async fn open_party(mira: &Tab, server: &Server) -> Result<String> {
    mira.goto(&format!("{}/play", server.url())).await?;
    mira.wait_there(PATIENCE, "play-file").await?;
    drop_file(mira, "play-file", "presses.js", GAME).await?;
    party_link(mira).await
}

/// A private party of the game that Mira makes in the editor for friends; returns its link.
async fn private_party(mira: &Tab, server: &Server) -> Result<String> {
    mira.goto(&format!("{}/play/new", server.url())).await?;
    mira.wait_there(PATIENCE, "runs").await?;
    drop_file(mira, "studio", "game.js", GAME).await?;
    // Until then the sample runs.
    mira.wait_until(PATIENCE, "the game's title", async || {
        let title = mira.text("friends-title").await?;
        ensure!(title == "game", "{title:?}");
        Ok(())
    })
    .await?;
    mira.wait_there(PATIENCE, "runs").await?;
    mira.click("play-with-friends").await?;
    party_link(mira).await
}

/// The link in the lobby.
async fn party_link(mira: &Tab) -> Result<String> {
    mira.wait_there(PATIENCE, "lobby").await?;
    mira.wait_until(PATIENCE, "a link", async || {
        let link = mira.value("party-link").await?;
        ensure!(link.contains('#'), "{link} has no room");
        Ok(link)
    })
    .await
}

/// Waits until the game is shown.
async fn wait_game(tab: &Tab, is_shown: bool) -> Result<()> {
    let shown = "return document.querySelector('[data-testid=game]')?.checkVisibility() ?? false";
    tab.wait_until(PATIENCE, "the game", async || {
        let found = tab.eval(shown, vec![]).await?;
        ensure!(found == is_shown, "shown: {found}");
        Ok(())
    })
    .await
}

/// Mira and Lin, who comes by the party's link, begin a match; Mira is host.
async fn begin(mira: &Tab, lin: &Tab, link: &str) -> Result<()> {
    mira.wait_there(PATIENCE, "player-Mira").await?;
    lin.goto(link).await?;
    for tab in [mira, lin] {
        tab.wait_there(PATIENCE, "player-Mira").await?;
        tab.wait_there(PATIENCE, "player-Lin").await?;
    }
    lin.click("ready").await?;
    mira.wait_until(PATIENCE, "Start", async || {
        ensure!(mira.attribute("start", "disabled").await?.is_none(), "Start is off");
        Ok(())
    })
    .await?;
    mira.click("start").await?;
    wait_game(mira, true).await?;
    wait_game(lin, true).await
}

/// Presses Space until the game has an end.
async fn win(tab: &Tab) -> Result<String> {
    tab.wait_until(PATIENCE, "an end", async || {
        tab.press_keys(" ").await?;
        tab.text("game-result").await
    })
    .await
}

async fn two(kinds: [Kind; 2]) -> Result<[Browser; 2]> {
    let (one, other) = tokio::try_join!(Browser::start_kind(kinds[0]), Browser::start_kind(kinds[1]))?;
    Ok([one, other])
}

#[tokio::test]
async fn a_game_outlives_the_page_of_its_host() -> Result<()> {
    let server = Server::start().await?;
    let browsers = two([Kind::Chromium, Kind::Firefox]).await?;
    let (mira, lin) =
        (start(&browsers[0], &server, "Mira").await?, start(&browsers[1], &server, "Lin").await?);
    begin(&mira, &lin, &open_party(&mira, &server).await?).await?;
    for _ in 0..3 {
        lin.press_keys(" ").await?;
    }
    // A page that ends without a goodbye would be asked about; the browser is ended instead.
    drop(mira);
    browsers.into_iter().next().expect("two").quit().await?;
    lin.wait_until(PATIENCE, "another host", async || {
        let notices = lin.text("game-notices").await?;
        ensure!(notices.contains("You host now"), "{notices:?}");
        Ok(())
    })
    .await?;
    ensure!(win(&lin).await? == "You won");
    Ok(())
}

#[tokio::test]
async fn a_reload_keeps_the_seat() -> Result<()> {
    let server = Server::start().await?;
    let browsers = two([Kind::of_this_run(), Kind::of_this_run()]).await?;
    let (mira, lin) =
        (start(&browsers[0], &server, "Mira").await?, start(&browsers[1], &server, "Lin").await?);
    begin(&mira, &lin, &private_party(&mira, &server).await?).await?;
    lin.reload().await?;
    wait_game(&lin, true).await?;
    // The menu leaves the keys to the game, and Escape closes it.
    for closes_by_key in [true, false] {
        lin.click("game-pill").await?;
        lin.wait_there(PATIENCE, "game-menu").await?;
        match closes_by_key {
            true => lin.press_keys(Key::Escape).await?,
            false => lin.click("game-pill").await?,
        }
        lin.wait_until(PATIENCE, "a closed menu", async || {
            ensure!(!lin.has("game-menu").await?, "the menu is open");
            Ok(())
        })
        .await?;
    }
    mira.wait_until(PATIENCE, "two seats", async || {
        let count = mira
            .eval("return document.querySelector('[data-testid=player-count]').textContent", vec![])
            .await?;
        ensure!(count == "2 of 6", "{count}");
        Ok(())
    })
    .await?;
    ensure!(win(&lin).await? == "You won");
    ensure!(
        mira.wait_until(PATIENCE, "the end", async || mira.text("game-result").await).await? == "Lin won"
    );
    // Both are back in the lobby.
    mira.click("again").await?;
    lin.press_keys(Key::Escape).await?;
    mira.wait_there(PATIENCE, "player-Lin").await
}

#[tokio::test]
async fn games_are_written_published_and_joined() -> Result<()> {
    let data = tempfile::tempdir()?;
    let options = ServerOptions { data: Some(data.path().to_owned()), ..ServerOptions::default() };
    let server = Server::start_with(options).await?;
    let browsers = two([Kind::Firefox, Kind::Chromium]).await?;
    let (mira, lin) =
        (start(&browsers[0], &server, "Mira").await?, start(&browsers[1], &server, "Lin").await?);
    mira.goto(&format!("{}/play/new", server.url())).await?;
    mira.wait_there(PATIENCE, "runs").await?;
    mira.click("publish").await?;
    let code = mira
        .wait_until(PATIENCE, "a code", async || {
            let code = mira.text("game-code").await?;
            ensure!(code.len() == 6, "{code:?}");
            Ok(code)
        })
        .await?;
    let page = format!("{}/play/{code}", server.url());
    mira.goto(&page).await?;
    mira.wait_there(PATIENCE, "join-game").await?;
    mira.click("join-game").await?;
    mira.wait_there(PATIENCE, "player-Mira").await?;
    // The host's page tells the server of its party.
    lin.wait_until(PATIENCE, "Mira's party on the game's page", async || {
        lin.goto(&page).await?;
        lin.wait_there(PATIENCE, "online").await?;
        let online = lin.text("online").await?;
        ensure!(online == "1/6 players online", "{online}");
        Ok(())
    })
    .await?;
    for size in PHONES {
        seen_at_once(&lin, size, "[data-testid=join-game]", "").await?;
    }
    lin.click("join-game").await?;
    lin.wait_there(PATIENCE, "player-Mira").await?;
    for size in PHONES {
        seen_at_once(&lin, size, ".seat", ".lobby-foot").await?;
    }
    mira.wait_there(PATIENCE, "player-Lin").await?;

    // A game with an error says so in its lobby, and nobody starts it.
    lin.goto(&format!("{}/play", server.url())).await?;
    lin.wait_there(PATIENCE, "play-file").await?;
    drop_file(&lin, "play-file", "broken.js", "// One\nmeshwork.game({\n  setup( {\n").await?;
    lin.wait_until(PATIENCE, "the error", async || {
        let notice = lin.text("notice").await?;
        ensure!(
            notice.contains("This game cannot be loaded. Line ") && notice.contains("SyntaxError"),
            "{notice:?}"
        );
        Ok(())
    })
    .await?;
    lin.wait_there(PATIENCE, "start").await?;
    ensure!(lin.attribute("start", "disabled").await?.is_some(), "Start is on");
    let foot = lin.text("lobby-foot").await?;
    ensure!(foot.contains("has an error"), "{foot:?}");
    Ok(())
}

/// A phone, upright and lying.
const PHONES: [(u32, u32); 2] = [(390, 844), (844, 390)];

/// Fails unless all these elements are on the screen of this size, above the element `foot` if it is named.
async fn seen_at_once(tab: &Tab, (width, height): (u32, u32), elements: &str, foot: &str) -> Result<()> {
    let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": true });
    tab.devtools("Emulation.setDeviceMetricsOverride", size).await?;
    let script = "
        const foot = arguments[1] ? document.querySelector(arguments[1]).getBoundingClientRect().top : innerHeight
        const all = [...document.querySelectorAll(arguments[0])].map((element) => element.getBoundingClientRect())
        return all.length > 0 && all.every(({ top, bottom }) => top >= 0 && bottom <= foot) || all.map(({ top, bottom }) => [top, bottom, foot])";
    tab.wait_until(PATIENCE, elements, async || {
        let seen = tab.eval(script, vec![json!(elements), json!(foot)]).await?;
        ensure!(seen == true, "{width}x{height}: {seen}");
        Ok(())
    })
    .await?;
    tab.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await?;
    Ok(())
}
