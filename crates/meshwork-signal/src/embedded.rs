//! The meeting point as routes of somebody else's axum program.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use meshwork_core::rng::Seed;
use tokio::task::JoinHandle;

use crate::code::ServerKey;
use crate::http::{HttpConfig, NoPages, Server, ServerHandle};
use crate::hub::{Hub, HubConfig, HubConfigError};
use crate::key_file::{self, KeyFileError};

/// A meeting point that is being put together, for somebody else's axum program.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::net::SocketAddr;
///
/// let meeting_point = meshwork_signal::Embedded::builder().keys("data").build()?;
/// let app = axum::Router::new().merge(meeting_point.router());
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
#[must_use]
pub struct Builder {
    key: Option<PathBuf>,
    hub: HubConfig,
    http: HttpConfig,
}

/// A meeting point that runs for as long as this or one of its routers lives.
pub struct Embedded {
    server: Server,
    timer: Arc<Timer>,
}

/// Why there is no meeting point.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// The key in the folder cannot be used; it is as it was.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// A limit is outside its legal range.
    #[error(transparent)]
    Limits(#[from] HubConfigError),
    /// The system gives no randomness, in words.
    #[error("the system gives no randomness: {0}")]
    Randomness(String),
    /// It is built outside a tokio runtime: build it inside one.
    #[error("a meeting point needs a tokio runtime")]
    NoRuntime,
}

/// What ends the hub's timer with the last who needs it.
struct Timer(JoinHandle<std::convert::Infallible>);

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Builder {
    /// Keeps the key that decides codes in this folder, so that rooms have the codes after a restart that they had
    /// before. Without it codes are others after each start, and the links with them lead nowhere.
    pub fn keys(mut self, folder: impl AsRef<Path>) -> Builder {
        self.key = Some(folder.as_ref().to_owned());
        self
    }

    /// How many rooms, sockets and members there may be, and what each network may have of them.
    pub fn limits(mut self, limits: HubConfig) -> Builder {
        self.hub = limits;
        self
    }

    /// Which proxies are believed, which pages may use it, and how often one may ask.
    pub fn http(mut self, config: HttpConfig) -> Builder {
        self.http = config;
        self
    }

    /// Starts it on the tokio runtime that this is called on.
    ///
    /// # Errors
    /// [`EmbedError`]; nothing was started.
    pub fn build(self) -> Result<Embedded, EmbedError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| EmbedError::NoRuntime)?;
        let (mut key, mut seed) = ([0; 32], Seed::default());
        for bytes in [&mut key, &mut seed] {
            getrandom::fill(bytes).map_err(|error| EmbedError::Randomness(error.to_string()))?;
        }
        let fresh = ServerKey::new(key);
        let key = match self.key {
            Some(folder) => key_file::load_or_create(&folder, fresh)?,
            None => fresh,
        };
        let hub = Hub::new(self.hub, key, seed)?;
        let server = Server::new(hub, Arc::new(NoPages), self.http);
        let timer = Arc::new(Timer(runtime.spawn(server.run_timer())));
        Ok(Embedded { server, timer })
    }
}

impl Embedded {
    /// What a meeting point can be told before it starts.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The route `/signal`, to be merged into one's own program, which is served with
    /// [`into_make_service_with_connect_info`](axum::Router::into_make_service_with_connect_info) of a socket's
    /// address: by it networks have their shares. Links to rooms then begin with the program's own address.
    pub fn router(&self) -> Router {
        self.server.signalling().layer(axum::Extension(Arc::clone(&self.timer)))
    }

    /// Reaches it while it runs: who is there, bans, metrics.
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded").finish_non_exhaustive()
    }
}
