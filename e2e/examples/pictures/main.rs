//! Shows every state of the page, as pictures for README and guides.
//! Run with `cargo xtask pictures [STATE]`.
//!
//! A state is added where its page is at hand: one line, `camera.take(&tab, "name").await?`.

#![allow(clippy::print_stderr, reason = "progress is told on stderr")]

mod cast;
#[path = "../../tests/it/common/mod.rs"]
#[allow(dead_code, reason = "it is made for the browser tests")]
mod common;
mod scene;
mod small;
mod states;

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};
use meshwork_e2e::{Look, PATIENCE, Tab};

/// Takes the pictures that were asked for.
struct Camera {
    folder: PathBuf,
    wanted: Option<String>,
}

impl Camera {
    /// Takes a state's pictures at both sizes, in light and dark, each named `STATE-SIZE-THEME.png`.
    async fn take(&self, tab: &Tab, state: &str) -> Result<()> {
        if self.wanted.as_ref().is_some_and(|wanted| !state.contains(wanted)) {
            return Ok(());
        }
        let shot = tempfile::NamedTempFile::with_suffix(".png")?;
        for look in Look::ALL {
            tab.look(look).await?;
            tab.wait_until(PATIENCE, "no toast", async || {
                tab.settle().await?;
                let toasts = tab.eval("return document.querySelectorAll('.toast').length;", vec![]).await?;
                anyhow::ensure!(toasts == 0, "{toasts} toasts");
                Ok(())
            })
            .await?;
            tab.screenshot(shot.path()).await?;
            let size = if look.width < 640 { "phone" } else { "desktop" };
            let theme = if look.dark { "dark" } else { "light" };
            let file = self.folder.join(format!("{state}-{size}-{theme}.png"));
            small::write(&image::open(shot.path())?.into_rgb8(), &file)?;
            let bytes = std::fs::metadata(&file)?.len();
            eprintln!("{:>6.1} kB  {}", bytes as f64 / 1000.0, file.display());
        }
        tab.look(Look::DESKTOP).await
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = env::args_os().skip(1);
    let folder = PathBuf::from(arguments.next().context("which folder?")?);
    let wanted = arguments.next().map(|wanted| wanted.to_string_lossy().into_owned());
    let camera = Camera { folder, wanted };
    states::start(&camera).await?;
    states::room(&camera).await?;
    states::chat_panel(&camera).await?;
    states::values(&camera).await?;
    states::whiteboard(&camera).await?;
    states::documents(&camera).await?;
    states::watching(&camera).await?;
    states::overlay(&camera).await?;
    states::tools(&camera).await?;
    states::rules(&camera).await?;
    states::trouble(&camera).await
}
