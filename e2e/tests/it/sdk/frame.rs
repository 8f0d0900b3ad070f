//! The sealed frame of the npm package: programs run side by side in it, and one that misbehaves ends alone.

use anyhow::{Result, ensure};
use meshwork_e2e::{Browser, Kind};
use serde_json::json;

use super::app_of;
use crate::common::site::serve;

/// Runs three programs in one frame: one that loops, one that answers, one that throws. Returns what they said after the first one's
/// end, and the frames before and after the end of all.
const SCRIPT: &str = "
    const { Sandbox } = await import('/node_modules/meshwork/frame/sandbox.js');
    const { DOCUMENT } = await import('/node_modules/meshwork/frame/document.js');
    const runner = (act) => `onmessage = ({ ports: [port] }) => {
      port.onmessage = ({ data }) => { if (data === 0) port.postMessage(0); else { ${act} } };
      port.postMessage('ready');
    }`;
    const said = { loops: [], answers: [], throws: [] };
    const programs = {};
    const ended = new Promise((resolve) => {
      const start = (name, act) => {
        programs[name] = sandbox.start({ code: runner(act), give: {} }, {
          message: (data) => said[name].push(data),
          failed: () => said[name].push('failed'),
          dead: (why) => { said[name].push(why); programs[name].end(); resolve() },
        });
        programs[name].send('go');
      };
      const sandbox = window.sandbox = new Sandbox(document.body, DOCUMENT, 'Programs', 'programs', () => resolve());
      start('loops', 'for (;;);');
      start('answers', 'port.postMessage(`heard ${data}`)');
      start('throws', 'null.x');
    });
    await ended;
    programs.answers.send('more');
    while (said.answers.length < 3) await new Promise(requestAnimationFrame);
    const frames = document.querySelectorAll('iframe').length;
    window.sandbox.end();
    return [said, frames, document.querySelectorAll('iframe').length]";

#[tokio::test]
async fn looping_programs_of_a_frame_end_alone() -> Result<()> {
    let app = app_of("sdk/app")?;
    let page = format!("{}/plain.html", serve(app.path().to_owned())?);
    for kind in [Kind::Chromium, Kind::Firefox] {
        let browser = Browser::start_kind(kind).await?;
        let tab = browser.tab(&page).await?;
        let done = tab.eval(SCRIPT, vec![]).await?;
        let said = json!({
            "loops": ["ready", "silent"],
            "answers": ["ready", "heard go", "heard more"],
            "throws": ["ready", "failed"],
        });
        ensure!(done == json!([said, 1, 0]), "{kind:?}: {done}");
    }
    Ok(())
}
