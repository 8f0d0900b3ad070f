//! The library's suite between three endpoints of one page, which meet at a real server. Each promise has a page of its
//! own, since one that is broken ends its page.

use std::panic;

use meshwork::{Builder, Endpoint};
use web_sys::Document;

use crate::page::say;
use crate::suite::{self, People};

/// The names of all promises, one a line.
pub(crate) fn names() -> String {
    let mut names = Vec::new();
    macro_rules! each {
        ($among:ident $(in any room)?: $($promise:ident),*) => { names.extend([$(stringify!($promise)),*]) };
    }
    suite::all!(each);
    names.join("\n")
}

/// Keeps one promise, as `NAME@SERVER` asks. One that is broken panics, and the page says how.
pub(crate) async fn keep(document: &Document, asked: &str) -> Result<String, String> {
    let shown = document.clone();
    panic::set_hook(Box::new(move |broken| {
        say(&shown, "result", &broken.to_string());
        shown.set_title("failed");
    }));
    let (name, server) = asked.split_once('@').ok_or("which promise, and where do people meet?")?;
    macro_rules! each {
        ($among:ident $(in any room)?: $($promise:ident),*) => {$(
            if name == stringify!($promise) {
                suite::$promise($among(server).await?).await;
                return Ok("kept".into());
            }
        )*};
    }
    suite::all!(each);
    Err(format!("there is no promise {name:?}"))
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
