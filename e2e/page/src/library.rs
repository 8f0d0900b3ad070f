//! The library's suite between three endpoints of one page, which meet at a real server.

use std::panic;

use meshwork::{Builder, Endpoint};
use web_sys::Document;

use crate::page::say;
use crate::suite::{self, People};

/// Keeps every promise once. One that is broken panics, and the page says so.
pub(crate) async fn run(document: &Document, server: &str) -> Result<String, String> {
    let shown = document.clone();
    panic::set_hook(Box::new(move |broken| {
        say(&shown, "result", &broken.to_string());
        shown.set_title("failed");
    }));
    let mut kept = 0;
    macro_rules! each {
        ($among:ident: $($promise:ident),*) => {$(
            say(document, "", stringify!($promise));
            suite::$promise($among(server).await?).await;
            kept += 1;
        )*};
    }
    suite::all!(each);
    Ok(format!("{kept} passed"))
}

async fn people(server: &str) -> Result<People, String> {
    people_at(Some(server)).await
}

/// People who know no server.
async fn people_alone(_: &str) -> Result<People, String> {
    people_at(None).await
}

async fn people_at(server: Option<&str>) -> Result<People, String> {
    let start = async |name: &str, stays: bool| {
        let builder = server.into_iter().fold(Endpoint::builder().name(name), Builder::server);
        let builder = if stays { builder.stays() } else { builder };
        builder.bind().await.map_err(|error| error.to_string())
    };
    Ok(People {
        ann: start("Ann", false).await?,
        bo: start("Bo", false).await?,
        kim: start("Kim", true).await?,
    })
}
