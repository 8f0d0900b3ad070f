//! Posts of a conversation: the fields of a row, files alone, and Markdown; sealed rows; heads of pictures.

use meshwork_chat::own::{Marks, READ_MAX, Standing};
use meshwork_chat::picture::Head;
use meshwork_chat::profile::Profile;
use meshwork_chat::{
    Conversation, Direct, FILES_MAX, File, Keys, NewPost, Post, PostId, REACTIONS_MAX, TEXT_MAX, markdown,
};
use meshwork_core::blobs::BlobId;
use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;
use meshwork_core::replica::Replica as _;
use meshwork_core::signed::batch::{Header, SignedBatch, StampWindow};
use meshwork_core::table::{Kind, Table, Write, Writer, payloads};

use crate::examples::{ROOM, STAMP, addressee, author};

/// The names of the fields of a row, with one that no version knows.
const FIELDS: [&[u8]; 8] = [b"text", b"after", b"seen", b"re", b"files", b"first", b"r", b"poll"];

/// A table with batches of the author.
struct Posts(Table, u64);

impl Posts {
    fn new() -> Posts {
        Posts(Table::new(Kind::ByTime), 0)
    }

    fn read(&self) -> Conversation<'_> {
        Conversation::of(&self.0)
    }

    /// Writes in one batch, and returns its payload.
    fn write(&mut self, writes: &[Write]) -> Vec<u8> {
        let (identity, me) = author();
        let payload = payloads(me.peer, writes).expect("short").remove(0);
        self.1 += 1;
        let header = Header::new(me, self.1, StampWindow::at(Stamp(STAMP.0 + (self.1 << 16))), 0);
        let content = self.0.check(&header, &payload).expect("its author wrote it");
        let batch = SignedBatch::sign(&identity, &ROOM, &header, &payload).expect("a legal batch");
        self.0.apply(batch, content);
        payload
    }

    fn post(&mut self, new: &NewPost) -> (PostId, Vec<u8>) {
        let (id, writes) = self.read().post(author().1, STAMP.wall(), new).expect("a post");
        (id, self.write(&writes))
    }

    /// What is read is read alike in pages, can be shown, and is changed as it says.
    fn check(&mut self) {
        let (all, me) = (self.read().all(), author().1.peer);
        assert_eq!(self.read().newest(None, all.len()), all);
        for post in &all {
            assert_eq!(self.read().get_by(post.id, post.author).as_ref(), Some(post));
            assert!(post.text.len() <= TEXT_MAX && post.files.len() <= FILES_MAX);
            assert!(post.reactions.iter().all(|reaction| reaction.by.len() <= REACTIONS_MAX));
            for file in &post.files {
                let name = file.safe_name();
                assert!(!name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\']), "{name}");
            }
            drop(markdown::read(&post.text));
        }
        if let Some(Post { id, .. }) = all.iter().find(|post| post.author == me) {
            let edit = self.read().edit(me, *id, "another text").expect("one's own");
            self.write(&edit);
            assert_eq!(self.read().get_by(*id, me).map(|post| post.text).as_deref(), Some("another text"));
            let removal = self.read().remove(me, *id).expect("one's own");
            self.write(&removal);
            assert_eq!(self.read().get_by(*id, me), None);
        }
    }
}

fn file() -> File {
    let (name, kind) = ("ferry.png".into(), "image/png".into());
    File { blob: BlobId([9; 32]), size: 300, name, kind, width: 640, height: 480 }
}

/// A row of the author with these fields.
fn row(fields: impl Iterator<Item = (&'static [u8], Vec<u8>)>) -> Vec<Write> {
    let row = [b"n\0".as_slice(), &STAMP.millis().to_be_bytes()[2..], &[7; 8]].concat();
    let own = Writer::Peer(author().1.peer);
    fields.map(|(name, value)| Write::value(&row, own.field(name), value)).collect()
}

/// Fields as the number of a name, a length and bytes.
pub(crate) fn rows() -> Vec<Vec<u8>> {
    let field = |number: u8, value: &[u8]| [&[number, value.len() as u8][..], value].concat();
    vec![
        [field(0, b"At *nine*."), field(1, b"12345678")].concat(),
        [field(0, b"> one\n- https://a.example\n[x](peer:y)"), field(2, &[1; 28]), field(3, &[1; 14])]
            .concat(),
        [field(0, b"two"), field(5, &STAMP.0.to_be_bytes()), field(6, "👍\n🎉".as_bytes())].concat(),
        [field(7, b"yes or no"), field(4, &files().remove(0))].concat(),
    ]
}

pub(crate) fn run_row(input: &[u8]) {
    let (mut rest, mut fields) = (input, Vec::new());
    while let [number, length, more @ ..] = rest {
        let (value, behind) = more.split_at(more.len().min(usize::from(*length)));
        fields.push((FIELDS[usize::from(*number) % FIELDS.len()], value.to_vec()));
        rest = behind;
    }
    if !fields.is_empty() {
        let mut posts = Posts::new();
        posts.write(&row(fields.into_iter()));
        posts.check();
    }
}

/// The value of the field of files.
pub(crate) fn files() -> Vec<Vec<u8>> {
    let value = |files: Vec<File>| {
        let new = NewPost { files, ..NewPost::default() };
        let (_, writes) = Posts::new().read().post(author().1, STAMP.wall(), &new).expect("files");
        writes.into_iter().find_map(|write| write.value).expect("they are written")
    };
    vec![value(vec![file()]), value(vec![file(); 3])]
}

pub(crate) fn run_files(input: &[u8]) {
    let mut posts = Posts::new();
    posts.write(&row([(FIELDS[4], input.to_vec())].into_iter()));
    assert_eq!(posts.read().all().len(), 1, "files of a newer version are a post too");
    posts.check();
}

/// Heads of a PNG, a JPEG and a WebP.
pub(crate) fn heads() -> Vec<Vec<u8>> {
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x01\0\0\0\x01\0\x08\x06\0\0\0\x01\x02\x03\x04";
    let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x0b\x08\0\x10\0\x20\x01";
    let webp = b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\x02\0\0\0\x1f\0\0\x0f\0\0";
    vec![png.to_vec(), jpeg.to_vec(), webp.to_vec()]
}

pub(crate) fn run_head(input: &[u8]) {
    if let Some(head) = Head::read(input) {
        assert!(head.width > 0 && head.height > 0);
    }
    // A face that is refused when it is written is one that readers skip.
    drop(Profile { avatar: Some(input.to_vec()), ..Profile::default() }.writes(author().1.peer));
}

fn reader() -> PeerId {
    addressee().0.peer
}

/// The keys of the author, who agreed with the addressee.
fn keys() -> Keys {
    let (identity, me) = author();
    let mut keys = Keys::new(ROOM, me.peer);
    keys.learn(reader(), identity.agree(reader()));
    keys
}

/// A post for the addressee.
fn direct(posts: &Posts) -> Vec<Write> {
    let (keys, new) = (keys(), NewPost::from("At the pier."));
    Direct::of(&posts.0, &keys).post(author().1, STAMP.wall(), reader(), &new).expect("a post").1
}

/// The value of a sealed row.
pub(crate) fn sealed() -> Vec<Vec<u8>> {
    direct(&Posts::new()).into_iter().filter_map(|write| write.value).collect()
}

pub(crate) fn run_sealed(input: &[u8]) {
    let (mut posts, keys) = (Posts::new(), keys());
    let mut writes = direct(&posts);
    writes[0].value = Some(input.to_vec());
    posts.write(&writes);
    let read = Direct::of(&posts.0, &keys).newest(reader(), 1);
    assert!(read.iter().all(|post| post.text.len() <= TEXT_MAX));
}

/// The keys of the author with itself, and marks of it in the conversation with the addressee.
fn marks() -> (Keys, Marks) {
    let (identity, me) = author();
    let mut keys = Keys::new(ROOM, me.peer);
    keys.learn(me.peer, identity.agree(me.peer));
    let marks =
        Marks { with: Some(reader()), standing: Standing::Accepted, read: vec![(reader(), STAMP.millis())] };
    (keys, marks)
}

/// The writes of these marks.
fn written_marks() -> Vec<Write> {
    let (keys, marks) = marks();
    marks.writes(&Table::new(Kind::ByValue), &keys, STAMP.wall()).expect("own keys")
}

/// The value of a row for oneself.
pub(crate) fn own() -> Vec<Vec<u8>> {
    written_marks().into_iter().filter_map(|write| write.value).collect()
}

pub(crate) fn run_own(input: &[u8]) {
    let (keys, marks) = marks();
    let mut table = Posts(Table::new(Kind::ByValue), 0);
    let mut writes = written_marks();
    writes[0].value = Some(input.to_vec());
    table.write(&writes);
    let read = Marks::of(&table.0, &keys, marks.with);
    assert!(read.with == marks.with && read.read.len() <= READ_MAX);
}

/// Bytes by name, for docs/protocol/golden.md.
pub(crate) fn golden() -> Vec<(&'static str, Vec<u8>)> {
    let (mut posts, me) = (Posts::new(), author().1.peer);
    let direct = Posts::new().write(&direct(&posts));
    let marks = Posts(Table::new(Kind::ByValue), 0).write(&written_marks());
    let (ferry, first) = posts.post(&"Ferry leaves at 9:40.".into());
    let new = NewPost { text: "From *pier* 2.".into(), re: Some(ferry.into()), files: vec![file()] };
    let (pier, answer) = posts.post(&new);
    let edit = posts.read().edit(me, pier, "From pier 3.").expect("one's own");
    let edit = posts.write(&edit);
    let reactions = posts.read().react(me, ferry, &["👍", "🎉"]).expect("two emoji");
    let reactions = posts.write(&reactions);
    let hidden = posts.read().hide(ferry, true).expect("it shows");
    let hidden = posts.write(&hidden);
    let removal = posts.read().remove(me, pier).expect("one's own");
    vec![
        ("parameters of a room for talking", meshwork_chat::parameters().to_vec()),
        ("payload of a post", first),
        ("payload of an answer with a file", answer),
        ("payload of an edited post", edit),
        ("payload of reactions", reactions),
        ("payload of a hidden post", hidden),
        ("payload of a removed post", posts.write(&removal)),
        ("payload of a direct post", direct),
        ("payload of marks for oneself", marks),
    ]
}
