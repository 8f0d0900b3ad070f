//! Jobs of the npm package: one page submits, and another one lends.

use anyhow::{Result, ensure};
use meshwork_e2e::{Browser, Kind, PATIENCE, Server, Tab};

use super::{app_of, wait_room, wait_shows};
use crate::common::site::serve;

/// Sends a form after putting a value into one of its fields.
async fn send(tab: &Tab, form: &str, field: &str, value: &str) -> Result<()> {
    let script = "const form = document.querySelector(arguments[0]); form[arguments[1]].value = arguments[2]; \
                  form.requestSubmit()";
    tab.eval(script, vec![form.into(), field.into(), value.into()]).await.map(drop)
}

async fn frames(tab: &Tab) -> Result<u64> {
    Ok(tab.eval("return document.querySelectorAll('iframe').length", vec![]).await?.as_u64().unwrap_or(9))
}

#[tokio::test]
async fn the_example_of_compute_shares_jobs() -> Result<()> {
    let (app, server) = (app_of("../examples/js/compute")?, Server::start().await?);
    let page = format!("{}/?server={}", serve(app.path().to_owned())?, server.url().trim_end_matches('/'));
    let (one, other) =
        tokio::try_join!(Browser::start_kind(Kind::Chromium), Browser::start_kind(Kind::Firefox))?;
    let ann = one.tab(&page).await?;
    let bo = other.tab(&wait_room(&ann).await?).await?;
    for tab in [&ann, &bo] {
        wait_shows(tab, "#says", "1 others are here, and 0 lend").await?;
    }
    send(&ann, "#count", "units", "0").await?;
    wait_shows(&ann, "#primes", "units is 0: it must be a whole number from 1 to 1,000,000").await?;
    send(&ann, "#count", "units", "100").await?;
    wait_shows(&ann, "#primes", "nobody lends: lend this device, or share the link").await?;
    ensure!(frames(&bo).await? == 0, "nothing runs before a press");
    bo.eval("document.querySelector('#lend').click()", vec![]).await?;
    wait_shows(&ann, "#says", "1 others are here, and 1 lend").await?;
    wait_shows(&ann, "#primes", "78498 primes").await?;
    send(&ann, "#shout", "lines", "ferry\ntrain\nbus").await?;
    wait_shows(&ann, "ul", "FERRY!\nTRAIN!\nBUS!").await?;
    bo.eval("document.querySelector('#lend').click()", vec![]).await?;
    for tab in [&ann, &bo] {
        wait_shows(tab, "#says", "1 others are here, and 0 lend").await?;
    }
    bo.wait_until(PATIENCE, "no frame", async || {
        ensure!(frames(&bo).await? == 0, "programs of others have a frame after the end");
        Ok(())
    })
    .await?;
    send(&ann, "#shout", "lines", "bus").await?;
    ensure!(frames(&ann).await? == 0, "who lends nothing has no frame");
    Ok(())
}
