//! What a page draws and how smoothly: counted from outside, in the browser's own functions.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::browser::Browser;
use crate::tab::Tab;

/// Installed before the page's own scripts. What is put on the canvas without a pause in between, which is what one frame
/// does, is one burst.
const WATCH: &str = r#"(() => {
    const seen = { bursts: [], drawn: 0, before: 0, intervals: [], longTasks: [] };
    window.meshworkSeen = seen;
    let burst = null;
    const put = CanvasRenderingContext2D.prototype.putImageData;
    CanvasRenderingContext2D.prototype.putImageData = function (image, ...rest) {
        put.call(this, image, ...rest);
        if (this.canvas.dataset.testid !== "place-canvas") return;
        if (burst === null) {
            burst = { parts: 0, cells: 0 };
            seen.bursts.push(burst);
            queueMicrotask(() => { burst = null; });
        }
        if (seen.drawn === 0) seen.before = seen.intervals.length;
        burst.parts += 1;
        burst.cells += image.width * image.height;
        seen.drawn = performance.now();
    };
    let before = 0;
    const frame = (now) => {
        if (before > 0) seen.intervals.push(now - before);
        before = now;
        requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    new PerformanceObserver((list) => seen.longTasks.push(...list.getEntries().map((entry) => entry.duration)))
        .observe({ type: "longtask", buffered: true });
})();"#;
const FORGET: &str =
    "Object.assign(window.meshworkSeen, { bursts: [], before: 0, intervals: [], longTasks: [] });";
const READ: &str = "return window.meshworkSeen;";
/// How many cells show a colour.
const SHOWN: &str = r#"
    const canvas = document.querySelector('[data-testid="place-canvas"]');
    if (!canvas) return 0;
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    let shown = 0;
    for (let at = 3; at < pixels.length; at += 4) shown += pixels[at] === 255;
    return shown;
"#;

/// What was put on the canvas in one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// Calls that drew.
    pub parts: u64,
    /// Cells that they drew, each as often as it was drawn.
    pub cells: u64,
}

/// What a page drew since it was opened, or since [`Tab::forget_frames`].
#[derive(Clone, Debug, PartialEq)]
pub struct Frames {
    /// What each frame drew that drew something.
    pub bursts: Vec<Burst>,
    /// When something was drawn last, in milliseconds after the page began to load.
    pub drawn_ms: f64,
    /// Time between frames, in milliseconds.
    pub intervals_ms: Vec<f64>,
    /// How many of them had ended before anything was drawn.
    pub before: usize,
    /// Tasks of more than 50 ms, in milliseconds.
    pub long_tasks_ms: Vec<f64>,
}

impl Frames {
    /// The longest time between two frames, in milliseconds; 0 without frames.
    pub fn longest_ms(&self) -> f64 {
        self.intervals_ms.iter().copied().fold(0.0, f64::max)
    }

    /// The share of frames that came later than at 60 a second: half a frame late at least, since the clock that
    /// a browser gives a page jitters. 0 to 1.
    pub fn late_share(&self) -> f64 {
        late_share(&self.intervals_ms)
    }

    /// The same of the frames since something was drawn first, the one that drew it included.
    pub fn late_share_drawing(&self) -> f64 {
        late_share(self.intervals_ms.get(self.before..).unwrap_or_default())
    }
}

fn late_share(intervals_ms: &[f64]) -> f64 {
    let late = intervals_ms.iter().filter(|interval| **interval > 25.0).count();
    if intervals_ms.is_empty() { 0.0 } else { late as f64 / intervals_ms.len() as f64 }
}

impl Browser {
    /// Opens an address in a tab whose drawing is counted. `slower` is by how much the page's processor is slowed down;
    /// 1 leaves it as it is.
    pub async fn watched_tab(&self, url: &str, slower: u32) -> Result<Tab> {
        let tab = self.tab("about:blank").await?;
        let source = serde_json::json!({ "source": WATCH });
        tab.devtools("Page.addScriptToEvaluateOnNewDocument", source).await?;
        let rate = serde_json::json!({ "rate": slower });
        tab.devtools("Emulation.setCPUThrottlingRate", rate).await?;
        tab.goto(url).await?;
        Ok(tab)
    }
}

impl Tab {
    /// What a watched page drew.
    pub async fn frames(&self) -> Result<Frames> {
        let seen = self.eval(READ, Vec::new()).await?;
        let numbers = |name: &str| -> Result<Vec<f64>> {
            let list = seen[name].as_array().with_context(|| format!("{seen} has no {name}"))?;
            Ok(list.iter().filter_map(Value::as_f64).collect())
        };
        let bursts = seen["bursts"].as_array().context("the page is watched")?.iter();
        let burst = |burst: &Value| {
            let number = |name: &str| burst[name].as_u64().context("a count is a number");
            Ok(Burst { parts: number("parts")?, cells: number("cells")? })
        };
        Ok(Frames {
            bursts: bursts.map(burst).collect::<Result<_>>()?,
            drawn_ms: seen["drawn"].as_f64().context("a time is a number")?,
            intervals_ms: numbers("intervals")?,
            before: usize::try_from(seen["before"].as_u64().context("a count is a number")?)?,
            long_tasks_ms: numbers("longTasks")?,
        })
    }

    /// Forgets what a watched page drew before.
    pub async fn forget_frames(&self) -> Result<()> {
        let done = self.eval(FORGET, Vec::new()).await?;
        ensure!(done.is_null(), "{done}");
        Ok(())
    }

    /// How many cells of the page's canvas show a colour.
    pub async fn shown(&self) -> Result<u64> {
        self.eval(SHOWN, Vec::new()).await?.as_u64().context("a count is a number")
    }
}
