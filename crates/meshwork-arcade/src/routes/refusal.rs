//! Refusals of requests, in words for people.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use meshwork_play::shelf::{Refused, RequestError};
use serde::Serialize;

use crate::arcade::NewGameError;
use crate::newest::Stale;
use crate::parties::NoteError;
use crate::store::{PublishError, ShelfError};

/// A status and the words.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    words: String,
    /// The clock of this server in milliseconds since 1970, if it refuses the time of the request.
    now_ms: Option<u64>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, words: impl Into<String>) -> Refusal {
        Refusal { status, words: words.into(), now_ms: None }
    }

    /// A request whose time is refused: its author signs it again by this clock.
    pub(super) fn of_time(self, now_ms: u64) -> Refusal {
        Refusal { now_ms: Some(now_ms), ..self }
    }

    /// A request that is wrong in itself.
    pub(super) fn bad(words: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, words)
    }

    /// The words for a code that no game has.
    pub(super) fn no_game() -> Refusal {
        PublishError::NoGame.into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = json(&Refused { error: self.words, now_ms: self.now_ms });
        *response.status_mut() = self.status;
        response
    }
}

/// An answer in JSON, which no cache stores.
pub(super) fn json(value: &impl Serialize) -> Response {
    let text = serde_json::to_string(value).unwrap_or_default();
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl From<ShelfError> for Refusal {
    fn from(error: ShelfError) -> Refusal {
        if let ShelfError::Away(_) = error {
            // [`Arcade::refresh`](crate::Arcade::refresh) logs it once.
            tracing::debug!("{error}");
            return Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "the shelf of this server does not answer now: try again in a minute",
            );
        }
        tracing::error!("{error}");
        if let ShelfError::Unwritable(_) = error {
            return Refusal::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "the shelf of this server stores nothing now: its operator reads why in the log",
            );
        }
        Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the shelf of this server fails: its operator reads why in the log",
        )
    }
}

impl From<RequestError> for Refusal {
    fn from(error: RequestError) -> Refusal {
        let status = match error {
            RequestError::Form(_) => StatusCode::BAD_REQUEST,
            _ => StatusCode::FORBIDDEN,
        };
        Refusal::new(status, error.to_string())
    }
}

impl From<Stale> for Refusal {
    fn from(error: Stale) -> Refusal {
        let status = match error {
            Stale::Replayed | Stale::BeforeStart => StatusCode::CONFLICT,
            Stale::Full => StatusCode::SERVICE_UNAVAILABLE,
        };
        Refusal::new(status, error.to_string())
    }
}

impl From<NoteError> for Refusal {
    fn from(error: NoteError) -> Refusal {
        let status = match error {
            NoteError::OtherGame => StatusCode::CONFLICT,
            NoteError::FullGame | NoteError::Full => StatusCode::SERVICE_UNAVAILABLE,
        };
        Refusal::new(status, error.to_string())
    }
}

impl From<NewGameError> for Refusal {
    fn from(error: NewGameError) -> Refusal {
        let status = match error {
            NewGameError::NoCode | NewGameError::NoMoreCodes => StatusCode::SERVICE_UNAVAILABLE,
            NewGameError::NetworkGames(_) => StatusCode::TOO_MANY_REQUESTS,
            NewGameError::Publish(error) => return error.into(),
        };
        Refusal::new(status, error.to_string())
    }
}

impl From<PublishError> for Refusal {
    fn from(error: PublishError) -> Refusal {
        let status = match error {
            PublishError::Store(error) => return error.into(),
            PublishError::NoGame => StatusCode::NOT_FOUND,
            PublishError::CodeTaken | PublishError::Version { .. } | PublishError::Again => {
                StatusCode::CONFLICT
            }
            PublishError::NotOwner | PublishError::Refused(_) | PublishError::RefusedAuthor(_) => {
                StatusCode::FORBIDDEN
            }
            PublishError::TooManyGames(_) => StatusCode::TOO_MANY_REQUESTS,
            PublishError::Full(_) => StatusCode::INSUFFICIENT_STORAGE,
        };
        Refusal::new(status, error.to_string())
    }
}
