//! Pages as everybody meets them: on screens of all sizes, in both themes, and what axe-core finds there.

use std::fs;
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::browser::Kind;
use crate::tab::Tab;
use crate::wait::PATIENCE;

/// What is asked of axe-core: the rules of WCAG 2.2 up to AA, and its own advice.
const TAGS: [&str; 7] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"];

/// What moves towards an end is there; what moves without end stands at its beginning.
const SETTLE: &str = "
    for (const animation of document.getAnimations()) {
        if (animation.effect.getComputedTiming().endTime === Infinity) {
            animation.pause();
            animation.currentTime = 0;
        } else {
            animation.finish();
        }
    }";

const RUN: &str = r#"
    return axe.run(document, { runOnly: arguments[0], resultTypes: ['violations'] }).then(result =>
        result.violations.flatMap(violation => violation.nodes.map(node =>
            `${violation.id} (${violation.impact}): ${node.target.join(' ')}\n    ${node.html}\n    ${node.failureSummary}`)));
"#;

/// Gives the page a size, whatever that of its window.
const FIREFOX_SIZE: &str = "
    const style = gBrowser.selectedBrowser.style;
    for (const [index, side] of ['width', 'height'].entries()) {
        for (const bound of ['min', 'max']) style.setProperty(`${bound}-${side}`, `${arguments[index]}px`);
    }";

/// Wishes of the person, of which Firefox has the last for all pages at once.
const FIREFOX_MEDIA: &str = "
    const wishes = new Map(arguments[0]);
    const context = gBrowser.selectedBrowser.browsingContext;
    context.prefersColorSchemeOverride = wishes.get('prefers-color-scheme') ?? 'none';
    context.forcedColorsOverride = wishes.get('forced-colors') ?? 'none';
    const moves = wishes.get('prefers-reduced-motion') === 'reduce' ? 1 : 0;
    Services.prefs.setIntPref('ui.prefersReducedMotion', moves);";

/// How a person looks at a page: the size of its window in CSS pixels, and the theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Columns of the window.
    pub width: u32,
    /// Rows of the window.
    pub height: u32,
    /// Whether the theme is the dark one.
    pub dark: bool,
}

impl Look {
    /// A phone held upright.
    pub const PHONE: Look = Look { width: 390, height: 844, dark: false };
    /// A window on a desk.
    pub const DESKTOP: Look = Look { width: 1440, height: 900, dark: false };

    /// The same window with the dark theme.
    pub const fn in_the_dark(self) -> Look {
        Look { dark: true, ..self }
    }

    /// Phone and desktop, light and dark.
    pub const ALL: [Look; 4] =
        [Look::DESKTOP, Look::DESKTOP.in_the_dark(), Look::PHONE, Look::PHONE.in_the_dark()];
}

impl Tab {
    /// Looks at the page in another way, from here on.
    pub async fn look(&self, look: Look) -> Result<()> {
        let Look { width, height, dark } = look;
        if self.kind() == Kind::Firefox {
            self.privileged(FIREFOX_SIZE, vec![width.into(), height.into()]).await?;
            let size = "return [innerWidth, innerHeight]";
            self.wait_until(PATIENCE, "the size of the page", async || {
                let shown = self.eval(size, vec![]).await?;
                ensure!(shown == json!([width, height]), "it is {shown}");
                Ok(())
            })
            .await?;
        } else {
            let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
            self.devtools("Emulation.setDeviceMetricsOverride", size).await?;
        }
        let theme = if dark { "dark" } else { "light" };
        self.media(&[("prefers-color-scheme", theme)]).await?;
        // The page may have a choice of the person's already.
        self.eval("document.documentElement.dataset.theme = arguments[0];", vec![theme.into()]).await?;
        self.wait_laid_out().await
    }

    /// Sets what the system tells pages about the person's wishes; what is not named is as usual.
    pub async fn media(&self, features: &[(&str, &str)]) -> Result<()> {
        if self.kind() == Kind::Firefox {
            return self.privileged(FIREFOX_MEDIA, vec![json!(features)]).await.map(drop);
        }
        let features: Vec<Value> =
            features.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await.map(drop)
    }

    /// Ends what moves, so that the same state of a page always looks the same.
    pub async fn settle(&self) -> Result<()> {
        self.eval(SETTLE, vec![]).await.map(drop)
    }

    /// What axe-core holds against the page as it is now, an element each; empty when there is nothing. Nothing moves
    /// meanwhile, so that no colour is measured halfway through a change.
    pub async fn violations(&self) -> Result<Vec<String>> {
        if self.eval("return typeof axe", vec![]).await? == "undefined" {
            self.eval(&format!("{}\nwindow.axe = axe;", axe()?), vec![]).await?;
        }
        self.settle().await?;
        let found = self.eval(RUN, vec![json!(TAGS)]).await?;
        serde_json::from_value(found).context("axe tells its findings as texts")
    }
}

/// The script, as `cargo xtask setup` installed it.
fn axe() -> Result<&'static str> {
    static SCRIPT: OnceLock<String> = OnceLock::new();
    if let Some(script) = SCRIPT.get() {
        return Ok(script);
    }
    let file = crate::checkout().join("target/axe/node_modules/axe-core/axe.min.js");
    let script = fs::read_to_string(&file)
        .with_context(|| format!("there is no {}; type: cargo xtask setup", file.display()))?;
    Ok(SCRIPT.get_or_init(|| script))
}
