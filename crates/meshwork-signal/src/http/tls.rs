//! TLS with a certificate in files, which may be replaced while the server runs.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Pause between two looks whether the files have changed.
const LOOK: Duration = Duration::from_secs(30);

/// Where a certificate lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM: the server's certificate, then those that lead to an authority.
    pub certificate: PathBuf,
    /// PEM: its private key.
    pub key: PathBuf,
}

/// Why a certificate cannot be used. The one before stays in use, if there is one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or holds nothing of the kind.
    #[error("cannot read {what} from {path}: {why}", path = path.display())]
    File {
        /// What was looked for.
        what: &'static str,
        /// In which file.
        path: PathBuf,
        /// What was wrong.
        why: String,
    },
    /// Certificate and key do not belong together, or are of an unknown kind.
    #[error("{certificate} and {key} cannot be used: {why}", certificate = files.certificate.display(), key = files.key.display())]
    Pair {
        /// The files.
        files: TlsFiles,
        /// What was wrong.
        why: rustls::Error,
    },
}

/// A certificate in use.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    seen: Seen,
}

/// What tells a file that was replaced from the one before.
type Seen = [Option<(SystemTime, u64)>; 2];

impl Tls {
    /// Reads a certificate and its key.
    ///
    /// # Errors
    /// [`TlsError`] when they cannot be used.
    pub fn load(files: TlsFiles) -> Result<Tls, TlsError> {
        let seen = look(&files);
        let config = read(&files)?;
        Ok(Tls { files, current: Mutex::new(Current { config, seen }) })
    }

    /// What the next connection is to use.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner).config)
    }

    /// Reads the files again, if they have changed. True when another certificate is in use now.
    ///
    /// # Errors
    /// [`TlsError`] when the new files cannot be used. The former certificate stays, and they are looked at again when
    /// they change again.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let seen = look(&self.files);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if seen == current.seen {
            return Ok(false);
        }
        current.seen = seen;
        current.config = read(&self.files)?;
        Ok(true)
    }

    /// Reloads whenever the files change, until it is dropped. Runs on a tokio runtime.
    pub async fn watch(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            match self.reload() {
                Ok(true) => tracing::info!("the certificate was replaced"),
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(%error, "the new certificate cannot be used; the former one stays")
                }
            }
        }
    }
}

fn look(files: &TlsFiles) -> Seen {
    [&files.certificate, &files.key].map(|path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

fn read(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let failed = |what, path: &PathBuf, why: String| TlsError::File { what, path: path.clone(), why };
    let open = |what, path: &PathBuf| {
        fs::read(path).map_err(|error: io::Error| failed(what, path, error.to_string()))
    };
    let text = open("a certificate", &files.certificate)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|error| failed("a certificate", &files.certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(failed("a certificate", &files.certificate, String::from("there is none in PEM form")));
    }
    let text = open("a private key", &files.key)?;
    let key = PrivateKeyDer::from_pem_slice(&text)
        .map_err(|error| failed("a private key", &files.key, error.to_string()))?;
    let pair = |why| TlsError::Pair { files: files.clone(), why };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config =
        config.map_err(pair)?.with_no_client_auth().with_single_cert(chain, key).map_err(pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
