//! The pages of a commons, for phones of the network: served by this program over plain http, with no internet.
//!
//! A private address is another computer in each network, and a browser keeps what it stores by address. So these pages are
//! marked as a guest's: they keep no key and no room beyond their tab.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use meshwork::{Link, Nearby, Room};
use meshwork_signal::http::{Page, Pages};
use qrcodegen::{QrCode, QrCodeEcc};

use crate::exit::Failure;
use crate::room::attempt::Attempt;
use crate::room::listen::{MeetingPoint, Serving};

/// Other programs that an address names: a page that lost its links returns through them.
const OTHERS_MAX: usize = 3;
/// The place in a page for the mark.
const HEAD: &str = "<head>";
/// Modules of the quiet zone around a code.
const QUIET: i32 = 4;

/// The pages of one room, until [`Phones::end`].
pub(super) struct Phones {
    serving: Serving,
    nearby: Nearby,
    /// The address for phones.
    pub(super) url: String,
}

impl Phones {
    /// Serves the pages of a room at this machine's address, on the number of its UDP port if that is free. `None` without a
    /// network.
    pub(super) async fn start(
        attempt: &Attempt,
        room: &Room,
        pages: &Arc<dyn Pages>,
    ) -> Result<Option<Phones>, Failure> {
        let Some(nearby) = attempt.endpoint.nearby().cloned() else { return Ok(None) };
        let Some((ip, id)) = nearby.own_address().filter(|ip| !ip.is_loopback()).zip(room.id()) else {
            return Ok(None);
        };
        let meeting_point = MeetingPoint::bind_nearby(ip, nearby.port()).await?;
        let address = meeting_point.address();
        let link = meeting_point.link(&room.link(), id)?;
        let own = meeting_point.own_url();
        let guest = Guest { pages: Arc::clone(pages), nearby: nearby.clone(), link, address };
        let serving = meeting_point.serve(id, Arc::new(guest))?;
        room.add_server(&own).await?;
        nearby.set_pages(Some(address.port()));
        Ok(Some(Phones { serving, nearby, url: own }))
    }

    /// The address as a QR code in half blocks, dark on light.
    pub(super) fn qr(&self) -> Option<String> {
        let code = QrCode::encode_text(&self.url, QrCodeEcc::Low).ok()?;
        let (from, to) = (-QUIET, code.size() + QUIET);
        let line = |y: i32| {
            let cell = |x: i32| match (code.get_module(x, y), code.get_module(x, y + 1)) {
                (true, true) => ' ',
                (true, false) => '▄',
                (false, true) => '▀',
                (false, false) => '█',
            };
            (from..to).map(cell).collect::<String>()
        };
        let lines: Vec<String> = (from..to).step_by(2).map(line).collect();
        Some(lines.join("\n"))
    }

    pub(super) async fn end(self) {
        self.nearby.set_pages(None);
        self.serving.end().await;
    }
}

/// The pages, marked with the address of the room.
struct Guest {
    pages: Arc<dyn Pages>,
    nearby: Nearby,
    link: Link,
    address: SocketAddr,
}

impl Guest {
    /// The address of the room here, with other programs of the network that serve it.
    fn room(&self) -> String {
        let serving = self.nearby.seen().into_iter().filter_map(|one| {
            let address = SocketAddr::new(one.address.ip(), one.pages?);
            (address.is_ipv4() && address != self.address).then(|| format!("http://{address}"))
        });
        let mut others: Vec<String> = serving.collect();
        others.dedup();
        others.truncate(OTHERS_MAX);
        let link = self.link.clone().with_further_servers(others).unwrap_or_else(|_| self.link.clone());
        let text = link.to_string();
        // The page needs the part behind its own address.
        let own = format!("http://{}", self.address);
        text.strip_prefix(&own).map_or(text.clone(), str::to_owned)
    }
}

impl Pages for Guest {
    fn page(&self, path: &str) -> Option<Page> {
        let is_html = |path: &str| path.ends_with(".html");
        let plain = path.strip_suffix(".br").or_else(|| path.strip_suffix(".gz")).unwrap_or(path);
        let page = self.pages.page(path)?;
        if !is_html(plain) {
            return Some(page);
        }
        // A marked page has no smaller twin.
        let text = if plain == path { std::str::from_utf8(&page.body).ok()? } else { return None };
        let mark = format!("{HEAD}<meta name=\"meshwork-guest\" content=\"{}\">", self.room());
        let body = text.replacen(HEAD, &mark, 1).into_bytes();
        let hash = *blake3::hash(&body).as_bytes();
        let marked = Page::new(Cow::<'static, [u8]>::Owned(body), hash);
        Some(page.policy.into_iter().fold(marked, Page::with_policy))
    }
}
