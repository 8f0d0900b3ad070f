//! `POST /play/api/games`: a signed request on a line, a release and its package.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use meshwork_core::id::{Code, PeerId};
use meshwork_play::package::PACKAGE_MAX;
use meshwork_play::release::RELEASE_MAX;
use meshwork_play::shelf::{Ask, Published, REQUEST_MAX};
use meshwork_play::{Package, PackageId, Release};

use super::body::Parts;
use super::refusal::{Refusal, json};
use super::{Context, signed};
use crate::arcade::{Arcade, Signed};
use crate::seam::Visit;
use crate::store::PublishError;
use crate::uploads::time_for;

/// Bytes of a whole publication.
const BODY_MAX: u64 = (REQUEST_MAX + 1 + 4 + RELEASE_MAX + PACKAGE_MAX) as u64;

pub(super) async fn publish(
    State(arcade): State<Arc<Arcade>>,
    Extension(visit): Context,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let published = receive(&arcade, &*visit, &headers, body).await;
    if published.is_err() {
        arcade.count(|counts| counts.refused += 1);
    }
    published.map(|published| json(&published))
}

async fn receive(
    arcade: &Arcade,
    visit: &dyn Visit,
    headers: &HeaderMap,
    body: Body,
) -> Result<Published, Refusal> {
    let stated: Option<u64> =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if stated.is_some_and(|stated| stated > BODY_MAX) {
        return Err(too_large());
    }
    let mut parts = Parts::new(body);
    let line = parts.line(REQUEST_MAX).await?;
    let (author, ask) = signed::accept(arcade, visit, headers, &line)?;
    let Ask::Publish { code, release: hash, draft } = ask else {
        return Err(Refusal::bad("this request does not publish"));
    };
    admit(arcade, author, code).await?;
    let (release, signed) = read_release(arcade, &mut parts, author, &hash).await?;
    let network = (!visit.is_own_machine()).then(|| visit.network());
    let busy = || {
        let words = "the server receives other games, or two of your network: try again in a few seconds";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, words)
    };
    let mut place = arcade.uploads.enter(network.as_deref(), parts.received()).ok_or_else(busy)?;
    if network.as_ref().is_some_and(|network| !arcade.spend_bytes(network, release.length.into())) {
        let words = format!(
            "your network published {} bytes today or will exceed them: try again tomorrow",
            arcade.config.network_bytes_a_day
        );
        return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, words));
    }
    let within = time_for(release.length);
    let receiving = tokio::time::timeout(within, read_package(&mut parts, &release));
    let slow = || {
        let words = "the package came slower than all others, and another one has its place: try again";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, words)
    };
    let received = place.keep(receiving).await.ok_or_else(slow)?;
    drop(place);
    let late =
        |_| Refusal::new(StatusCode::REQUEST_TIMEOUT, format!("the package took more than {within:?}"));
    let package = received.map_err(late)??;
    let version = release.version;
    let request = *blake3::hash(&signed).as_bytes();
    let code = arcade
        .publish(network.as_deref(), code, Signed { release, signed, request }, &package, draft)
        .await?;
    tracing::info!(%code, version, "a game was published");
    let link = visit.address_of(&format!("/play/{code}"));
    Ok(Published { code, link, version })
}

/// Whether the author may publish under this code.
async fn admit(arcade: &Arcade, author: PeerId, code: Option<Code>) -> Result<(), Refusal> {
    let Some(code) = code else { return Ok(()) };
    let game = arcade.game(code).await?.ok_or_else(Refusal::no_game)?;
    if game.owner != author {
        return Err(PublishError::NotOwner.into());
    }
    Ok(())
}

async fn read_release(
    arcade: &Arcade,
    parts: &mut Parts,
    author: PeerId,
    hash: &[u8],
) -> Result<(Release, Vec<u8>), Refusal> {
    let length = parts.exactly(4).await?;
    let length = length.iter().fold(0_usize, |length, &byte| length << 8 | usize::from(byte));
    if length > RELEASE_MAX {
        return Err(Refusal::bad(format!("release of {length} bytes exceeds the limit of {RELEASE_MAX}")));
    }
    let bytes = parts.exactly(length).await?;
    if blake3::hash(&bytes).as_bytes() != hash {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "the request names another release"));
    }
    let release = Release::check(&bytes).map_err(|error| Refusal::bad(error.to_string()))?;
    if release.author != author {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "the release is another author's"));
    }
    if release.length as usize > PACKAGE_MAX {
        return Err(too_large());
    }
    arcade.shelf.check_refusals(author, release.package).await?;
    Ok((release, bytes))
}

async fn read_package(parts: &mut Parts, release: &Release) -> Result<Package, Refusal> {
    let bytes: Arc<[u8]> = parts.exactly(release.length as usize).await?.into();
    if !parts.ends().await? {
        return Err(Refusal::bad(format!(
            "the package has more than the {} bytes of its release",
            release.length
        )));
    }
    // Hashing and checking 16 MiB takes milliseconds that other requests do not wait for.
    let read = tokio::task::spawn_blocking(move || {
        let id = PackageId::of(&bytes);
        (id, Package::read(bytes))
    });
    let (id, package) = read.await.map_err(|error| Refusal::bad(error.to_string()))?;
    if id != release.package {
        return Err(Refusal::bad(format!("the package is {id}, and its release is of {}", release.package)));
    }
    let package = package.map_err(|error| Refusal::bad(error.to_string()))?;
    if !release.describes(&package) {
        return Err(Refusal::bad("the release describes another package than this one"));
    }
    Ok(package)
}

fn too_large() -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a package has at most {PACKAGE_MAX} bytes"))
}
