//! QR codes: dark on white in every theme, so that every camera reads them.

use leptos::prelude::*;
use qrcodegen::{QrCode, QrCodeEcc};

/// Modules of white around a QR code (ISO/IEC 18004).
const QUIET: i32 = 4;

/// A text as a QR code, `label` for those who do not see it; `None` when it is too long for one.
pub(crate) fn qr(text: &str, label: &'static str) -> Option<impl IntoView + use<>> {
    let code = QrCode::encode_text(text, QrCodeEcc::Low).ok()?;
    let size = code.size();
    let mut path = String::new();
    for y in 0..size {
        for x in (0..size).filter(|&x| code.get_module(x, y)) {
            path.push_str(&format!("M{x} {y}h1v1h-1z"));
        }
    }
    let box_size = size + 2 * QUIET;
    Some(view! {
        <svg
            class="qr"
            role="img"
            aria-label=label
            viewBox=format!("-{QUIET} -{QUIET} {box_size} {box_size}")
            shape-rendering="crispEdges"
        >
            <path d=path></path>
        </svg>
    })
}
