//! The meeting point in somebody else's program.

use meshwork_signal::Embedded;
use meshwork_signal::embedded::EmbedError;
use meshwork_signal::hub::{HubConfig, HubConfigError};
use meshwork_signal::key_file::KeyFileError;

#[test]
fn nothing_starts_outside_a_runtime() {
    assert!(matches!(Embedded::builder().build(), Err(EmbedError::NoRuntime)));
}

#[tokio::test]
async fn whoever_cannot_start_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let occupied = folder.path().join("occupied");
    std::fs::write(&occupied, "").unwrap();
    let error = Embedded::builder().keys(&occupied).build().err().unwrap();
    assert!(matches!(error, EmbedError::Key(KeyFileError::File { .. })), "{error}");
    let limits = HubConfig { members_max: 1, ..HubConfig::default() };
    let error = Embedded::builder().limits(limits).build().err().unwrap();
    let EmbedError::Limits(HubConfigError { field, value, .. }) = error else { panic!("{error}") };
    assert_eq!((field, value), ("members_max", 1));
}
