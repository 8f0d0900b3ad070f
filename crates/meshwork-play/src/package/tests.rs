//! Packages: their bytes, their limits, and the defaults of the manifest.

use super::*;

fn files(list: &[(&str, &[u8])]) -> BTreeMap<String, Vec<u8>> {
    list.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect()
}

fn pack(list: &[(&str, &[u8])]) -> Result<Package, PackageError> {
    Package::pack(&files(list))
}

/// A package with these lengths in its index, and these bytes behind it.
fn forged(index: &[(&str, u32)], rest: &[u8]) -> Result<Package, PackageError> {
    let manifest = BoundedText::new(r#"{"title":"Rim"}"#).expect("short");
    let file = |(path, length): &(&str, u32)| (BoundedText::new(path).expect("short"), *length);
    let index = Index { manifest, files: Bounded::new(index.iter().map(file).collect()).expect("few") };
    Package::read([MAGIC.as_slice(), &encode(&index), rest].concat().into())
}

#[test]
fn packages_are_read_as_they_are_packed() {
    let manifest =
        br#"{"title":"Rim","description":"Push.","players":[2,4],"thumbnail":"art/cover.png","late":false}"#;
    let package =
        pack(&[("game.js", b"code"), ("art/cover.png", b"png"), ("game.json", manifest)]).expect("legal");
    let read = Package::read(package.bytes().clone()).expect("as it was packed");
    assert_eq!(read.id(), PackageId::of(package.bytes()));
    assert_eq!(read.id().to_string().parse(), Ok(read.id()));
    assert!(read.id().to_string().to_uppercase().parse::<PackageId>().is_err(), "one id has one text");
    assert_eq!(read.files().collect::<Vec<_>>(), [("art/cover.png", &b"png"[..]), ("game.js", b"code")]);
    assert_eq!((read.file("game.js"), read.file("game.json")), (Some(&b"code"[..]), None));
    let expected = Manifest {
        title: "Rim".into(),
        description: "Push.".into(),
        kind: Kind::Script,
        entry: "game.js".into(),
        players: (2, 4),
        thumbnail: Some("art/cover.png".into()),
        view: (960, 540),
        draw: Draw::Predict,
        late: false,
        host_loss: HostLoss::Migrate,
    };
    assert_eq!(*read.manifest(), expected);
    assert_eq!(Manifest::read(&expected.to_json()), Ok(expected));
}

#[test]
fn a_single_file_is_a_package() {
    let script = Package::of_file("rim.js", b"code".to_vec()).expect("a script");
    assert_eq!((script.manifest().title.as_str(), script.manifest().kind), ("rim", Kind::Script));
    assert_eq!((script.manifest().draw, script.manifest().host_loss), (Draw::Predict, HostLoss::Migrate));
    let html = Package::of_file("pong.html", b"<p>".to_vec()).expect("a document");
    assert_eq!((html.manifest().entry.as_str(), html.manifest().kind), ("pong.html", Kind::Html));
    assert_eq!(html.manifest().host_loss, HostLoss::Wait);
    assert_eq!(Package::of_file("notes.txt", vec![]).unwrap_err(), PackageError::NoEntry);
    assert_eq!(pack(&[("a.js", b""), ("b.js", b"")]).unwrap_err(), PackageError::NoEntry);
    assert_eq!(pack(&[("a.js", b""), ("game.js", b"1")]).expect("an entry").manifest().entry, "game.js");
}

#[test]
fn programs_that_no_browser_runs_are_refused() {
    let utf16: Vec<u8> = "meshwork.game({})".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [&[0xff, 0xfe], utf16.as_slice()].concat();
    for (bytes, words) in [
        (b"".as_slice(), "game.js is empty"),
        (b" \r\n\t", "game.js is empty"),
        (b"\xef\xbb\xbf", "game.js is empty"),
        (&utf16, "looks like UTF-16"),
        (&marked, "looks like UTF-16"),
        (b"'\xe4'", "game.js is not UTF-8: save it as UTF-8"),
    ] {
        let error = pack(&[("game.js", bytes), ("other.txt", b"")]).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let typed = br#"{"title":"Rim","entry":"game.ts"}"#;
    let error = pack(&[("game.ts", b"let x: number"), ("game.json", typed)]).unwrap_err().to_string();
    assert!(error.contains("neither a .js nor an .html"), "{error}");
    pack(&[("game.js", b"\xef\xbb\xbfmeshwork.game({})\r\n")]).expect("a mark and CR LF run");
}

#[test]
fn paths_that_leave_the_folder_are_refused() {
    for path in ["", "/a.js", "a//b.js", "../a.js", "a/./b.js", "a\\b.js", "a\nb.js", "a/", &"x".repeat(129)]
    {
        let refused = pack(&[(path, b""), ("game.js", b"")]);
        assert!(matches!(refused, Err(PackageError::Path(_))), "{path:?}: {refused:?}");
    }
    assert!(matches!(forged(&[("../game.js", 0)], b""), Err(PackageError::Path(_))));
    assert!(matches!(forged(&[("game.js", 0), ("game.json", 0)], b""), Err(PackageError::Path(_))));
}

#[test]
fn lengths_that_lie_are_refused() {
    assert!(forged(&[("game.js", 3)], b"abc").is_ok());
    assert_eq!(forged(&[("game.js", 4)], b"abc").unwrap_err(), PackageError::Length { stated: 4, found: 3 });
    assert_eq!(forged(&[("game.js", 2)], b"abc").unwrap_err(), PackageError::Length { stated: 2, found: 3 });
    let too_large = forged(&[("game.js", u32::MAX)], b"abc").unwrap_err();
    assert_eq!(too_large, PackageError::FileTooLarge { path: "game.js".into(), length: u32::MAX as usize });
    assert_eq!(forged(&[("game.js", 0), ("game.js", 0)], b"").unwrap_err(), PackageError::Order);
    assert_eq!(forged(&[("z", 0), ("game.js", 0)], b"").unwrap_err(), PackageError::Order);
    // A manifest of 2^60 bytes, of which none is there.
    let lie = [MAGIC.as_slice(), &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]].concat();
    assert_eq!(Package::read(lie.into()).unwrap_err(), PackageError::NoPackage);
    assert_eq!(Package::read(b"PK\x03\x04".as_slice().into()).unwrap_err(), PackageError::NoPackage);
}

#[test]
fn limits_of_size_hold() {
    let large = vec![b'1'; FILE_MAX];
    let all: Vec<(&str, &[u8])> = ["a", "b", "c", "game.js"].map(|path| (path, large.as_slice())).to_vec();
    assert_eq!(pack(&all).unwrap_err(), PackageError::TooLarge(4 * FILE_MAX));
    assert!(pack(&all[1..]).is_ok());
    let longer = vec![0; FILE_MAX + 1];
    assert!(matches!(pack(&[("game.js", &longer)]), Err(PackageError::FileTooLarge { .. })));
    let many: BTreeMap<String, Vec<u8>> =
        (0..FILES_MAX + 1).map(|number| (format!("{number}.txt"), vec![])).collect();
    let many = many.into_iter().chain([("game.json".into(), br#"{"title":"x"}"#.to_vec())]).collect();
    assert_eq!(Package::pack(&many).unwrap_err(), PackageError::TooManyFiles(FILES_MAX + 1));
    assert_eq!(
        Package::read(vec![0; PACKAGE_MAX + 1].into()).unwrap_err(),
        PackageError::TooLarge(PACKAGE_MAX + 1)
    );
}

#[test]
fn manifests_outside_their_limits_are_refused() {
    let long = "x".repeat(65);
    let text = |field: &str| format!(r#"{{"title":"Rim",{field}}}"#);
    for (manifest, error) in [
        (String::from("{}"), ManifestError::Title(0)),
        (format!(r#"{{"title":"{long}"}}"#), ManifestError::Title(65)),
        (text(r#""players":[3,2]"#), ManifestError::Players(3, 2)),
        (text(r#""players":[0,2]"#), ManifestError::Players(0, 2)),
        (text(r#""players":[2,700]"#), ManifestError::Players(2, 700)),
        (text(r#""view":[960,5000]"#), ManifestError::View(960, 5000)),
        (text(r#""meshwork":2"#), ManifestError::Format(2)),
        (
            text(r#""thumbnail":"no.png""#),
            ManifestError::Missing { field: "thumbnail", path: "no.png".into() },
        ),
        (text(r#""thumbnail":"game.js""#), ManifestError::Picture("game.js".into())),
        (text(r#""entry":"no.js""#), ManifestError::Missing { field: "entry", path: "no.js".into() }),
        (
            format!(r#"{{"title":"Rim","description":"{}"}}"#, "y".repeat(501)),
            ManifestError::Description(501),
        ),
        (" ".repeat(MANIFEST_MAX + 1), ManifestError::TooLong(MANIFEST_MAX + 1)),
    ] {
        let refused = pack(&[("game.js", b""), ("game.json", manifest.as_bytes())]);
        assert_eq!(refused.unwrap_err(), PackageError::Manifest(error), "{manifest}");
    }
    assert!(matches!(Manifest::read(r#"{"title":1}"#), Err(ManifestError::Json(_))));
    let shown = Manifest::read("{\"title\":\" \u{202e}<b>Rim\\u0007 \",\"description\":\"a\\nb\"}")
        .expect("made fit");
    assert_eq!((shown.title.as_str(), shown.description.as_str()), ("<b>Rim", "a\nb"));
}

#[test]
fn shipped_games_are_packages() {
    let games = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/games");
    for name in ["rim", "tether", "trails"] {
        let entries = std::fs::read_dir(games.join(name))
            .expect("it is there")
            .map(|entry| entry.expect("a file").path());
        let file = |path: std::path::PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
            (name, std::fs::read(path).expect("a file"))
        };
        let package = Package::pack(&entries.map(file).collect()).expect("within the limits");
        assert_eq!(package.manifest().title.to_lowercase(), name);
        let cover =
            package.manifest().thumbnail.as_deref().and_then(|path| package.file(path)).expect("a cover");
        assert!(cover.starts_with(b"\x89PNG"));
        assert!(package.bytes().len() < 200_000, "{name} has {} bytes", package.bytes().len());
    }
    let pong = std::fs::read(games.join("pong.html")).expect("it is there");
    assert_eq!(Package::of_file("pong.html", pong).expect("a page").manifest().kind, Kind::Html);
}
