//! Games of the npm package: pages and a program with the same rules play in one party.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use meshwork::Endpoint;
use meshwork::play::{
    Act, Can, End, Event, GameEvent, Phase, Player, PlayerInput, PlayerView, Random, Rules, Turn, input,
};
use meshwork_e2e::{Browser, PATIENCE, Server, Tab};
use tokio::time::timeout;

use super::{app_of, wait_room, wait_shows};
use crate::common::site::serve;

/// The rules of the example's page.
struct Race;

impl Rules for Race {
    type State = BTreeMap<u8, u32>;

    fn setup(&mut self, players: &[PlayerView], _: &mut Random) -> BTreeMap<u8, u32> {
        players.iter().map(|player| (player.slot, 0)).collect()
    }

    fn update(&mut self, steps: &mut BTreeMap<u8, u32>, turn: &mut Turn<'_>) {
        for slot in turn.left() {
            steps.remove(slot);
        }
        for player in turn.players() {
            *steps.entry(player.slot).or_default() += u32::from(turn.pressed(player.slot, "space"));
        }
        if let Some((winner, _)) = steps.iter().find(|(_, steps)| **steps >= 100) {
            turn.end(winner);
        }
    }
}

/// Waits for an event.
async fn until(player: &mut Player, what: &str, is_it: impl Fn(&Player, &GameEvent) -> bool) -> Result<()> {
    let found = async {
        loop {
            let event = player.next().await.context("the party goes on")?;
            if is_it(player, &event) {
                return Ok(());
            }
        }
    };
    timeout(PATIENCE, found).await.with_context(|| format!("{what}: {:?}", player.lobby()))?
}

/// The steps of a slot in a state.
fn steps(event: &GameEvent, slot: u8) -> u32 {
    let GameEvent::Shown(shown) = event else { return 0 };
    let steps: BTreeMap<u8, u32> = serde_json::from_str(&shown.state.0).unwrap_or_default();
    steps.get(&slot).copied().unwrap_or_default()
}

/// Presses space so many times in a page.
async fn press(tab: &Tab, times: u32) -> Result<()> {
    let script = "const wait = (ms) => new Promise((done) => setTimeout(done, ms)); \
                  for (let done = 0; done < arguments[0]; done++) { \
                    dispatchEvent(new KeyboardEvent('keydown', { code: 'Space' })); await wait(40); \
                    dispatchEvent(new KeyboardEvent('keyup', { code: 'Space' })); await wait(40) }";
    tab.eval(script, vec![times.into()]).await.map(drop)
}

/// Presses space until the race has an end, which is returned.
async fn run(player: &mut Player) -> Result<End> {
    let mut frames = 0_u32;
    loop {
        match player.next().await.context("the party goes on")? {
            GameEvent::Shown(_) => {
                frames += 1;
                let held = if frames % 8 < 4 { input::mask(["space"]) } else { 0 };
                player.hold(PlayerInput { held, ..PlayerInput::default() });
            }
            GameEvent::Party(Event::Ended(end)) => return Ok(end),
            _ => {}
        }
    }
}

#[tokio::test]
async fn the_example_with_a_game_outlives_its_host() -> Result<()> {
    let (app, mut server) = (app_of("../examples/js/game")?, Server::start().await?);
    let page = serve(app.path().to_owned())?;
    let page = |name: &str| format!("{page}/?name={name}&server={}", server.url().trim_end_matches('/'));
    let (one, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let ann = one.tab(&page("Ann")).await?;
    let room = wait_room(&ann).await?;
    wait_shows(&ann, "#says", "In the lobby: Ann").await?;
    let (_, link) = room.split_once('#').context("the link stands behind the #")?;
    let bo = other.tab(&format!("{}#{link}", page("Bo"))).await?;
    wait_shows(&bo, "#says", "In the lobby: Ann, Bo").await?;
    let kim = Endpoint::builder().name("Kim").bind().await?;
    let decoded = ann.eval("return decodeURIComponent(location.hash.slice(1))", vec![]).await?;
    let room = kim.join(decoded.as_str().context("a link is text")?).await?;
    ensure!(room.game().party().await?.players == (2, 6));
    let package = room.game().package().await?;
    ensure!(package.manifest().title == "Race", "members have it from the page");
    let mut kim = room.game().play(Can::host(Race), "Kim").await?;
    until(&mut kim, "a seat", |kim, _| kim.slot().is_some()).await?;
    server.kill();
    kim.act(Act::Ready(true))?;
    for tab in [&ann, &bo] {
        tab.eval("document.getElementById('ready').click()", vec![]).await?;
    }
    wait_shows(&ann, "#says", "In the lobby: Ann (ready), Bo (ready), Kim (ready)").await?;
    ann.eval("document.getElementById('start').click()", vec![]).await?;
    wait_shows(&bo, "#says", "Run!").await?;
    let slot = |kim: &Player, name: &str| {
        kim.lobby().seats.iter().find(|seat| seat.name == name).map(|seat| seat.slot)
    };
    let bo_slot = slot(&kim, "Bo").context("Bo has a seat")?;
    press(&bo, 5).await?;
    until(&mut kim, "steps of Bo's at Ann's host", |_, event| steps(event, bo_slot) == 5).await?;
    // The next host is Bo's page or the program: it has the steps.
    ann.close().await?;
    until(&mut kim, "another host", |kim, event| {
        matches!(event, GameEvent::Party(Event::HostIs { .. })) && kim.lobby().phase == Phase::Playing
    })
    .await?;
    press(&bo, 2).await?;
    until(&mut kim, "steps of Bo's at the next host", |_, event| steps(event, bo_slot) == 7).await?;
    let end = timeout(Duration::from_secs(60), run(&mut kim)).await.context("a winner")??;
    let won = kim.slot().map(|slot| slot.to_string());
    ensure!(matches!(&end, End::Over(slot) if Some(slot) == won.as_ref()), "{end:?}");
    wait_shows(&bo, "#says", "Kim wins").await
}
