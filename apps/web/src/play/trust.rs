//! Decides whether an HTML game is asked about before it runs: it is a page of its own, and can send out what it is given.
//!
//! Trust follows the package, or its author if the author's signed release of this package is here. The parameters of a room name
//! an author too, but the maker of the room writes them, so they prove nothing.

use std::collections::VecDeque;

use meshwork_core::id::PeerId;
use meshwork_play::{PackageId, Release};

use crate::people::acquainted::Peers;

/// Packages that are remembered. The one trusted longest ago is asked about again.
const PACKAGES_MAX: usize = 256;

/// The HTML games that a person lets run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trusted {
    packages: VecDeque<PackageId>,
    authors: Peers,
}

/// A question before an HTML game.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The game that a yes is for.
    pub package: PackageId,
    /// The author, whose signature was checked. A yes is then for all games of the author.
    pub author: Option<PeerId>,
}

impl Trusted {
    /// Reads the texts of [`Trusted::write`]; lines of another form are left out.
    pub fn read(packages: &str, authors: &str) -> Trusted {
        let mut trusted = Trusted { packages: VecDeque::new(), authors: Peers::read(authors) };
        for package in packages.lines().filter_map(|line| line.trim().parse().ok()) {
            trusted.add_package(package);
        }
        trusted
    }

    /// The packages and the authors as texts, a line each.
    pub fn write(&self) -> (String, String) {
        (self.packages.iter().map(|package| format!("{package}\n")).collect(), self.authors.write())
    }

    /// Lets a game of this person run, or one for which the answer was yes.
    pub fn add_package(&mut self, package: PackageId) {
        self.packages.retain(|known| *known != package);
        if self.packages.len() == PACKAGES_MAX {
            self.packages.pop_front();
        }
        self.packages.push_back(package);
    }

    /// The answer to a question is yes.
    pub fn accept(&mut self, question: Question) {
        match question.author {
            Some(author) => self.authors.set(author, true),
            None => self.add_package(question.package),
        }
    }

    /// Whether a package runs without a question, by what is known here alone.
    pub fn has_package(&self, package: PackageId) -> bool {
        self.packages.contains(&package)
    }

    /// The question before this package, if there is one. `release` are the bytes of a release from the shelf, of any package;
    /// `me` is this person.
    pub fn question(&self, package: PackageId, release: Option<&[u8]>, me: PeerId) -> Option<Question> {
        let release = release.and_then(|bytes| Release::check(bytes).ok());
        let author = release.filter(|release| release.package == package).map(|release| release.author);
        let runs = self.has_package(package)
            || author.is_some_and(|author| author == me || self.authors.has(author));
        (!runs).then_some(Question { package, author })
    }
}

#[cfg(test)]
mod tests {
    use meshwork_core::id::Identity;
    use meshwork_play::Package;
    use meshwork_play::release::About;

    use super::*;

    fn identity(number: u8) -> Identity {
        Identity::from_secret([number; 32])
    }

    fn package(text: &str) -> Package {
        Package::of_file("game.html", text.as_bytes().to_vec()).expect("legal")
    }

    fn release(author: &Identity, package: &Package) -> Vec<u8> {
        Release::sign(author, About::of(package, "", 1, 1)).to_bytes()
    }

    #[test]
    fn game_without_release_is_asked_about() {
        let (me, game) = (identity(1), package("<p>"));
        let mut trusted = Trusted::default();
        // All that a room says of its author is out of reach of this function: nobody is named.
        let question = trusted.question(game.id(), None, me.peer()).expect("a question");
        assert_eq!(question, Question { package: game.id(), author: None });
        trusted.accept(question);
        assert_eq!(trusted.question(game.id(), None, me.peer()), None);
        assert!(trusted.question(package("<b>").id(), None, me.peer()).is_some(), "a yes is for one package");
    }

    #[test]
    fn trust_in_authors_needs_their_release() {
        let (me, author, game) = (identity(1), identity(2), package("<p>"));
        let mut trusted = Trusted::default();
        let signed = release(&author, &game);
        let question = trusted.question(game.id(), Some(&signed), me.peer()).expect("a question");
        assert_eq!(question.author, Some(author.peer()));
        trusted.accept(question);
        assert_eq!(trusted.question(game.id(), Some(&signed), me.peer()), None);
        // A release of another package, and one that was changed, prove nothing.
        let other = package("<b>");
        let asked = trusted.question(other.id(), Some(&signed), me.peer());
        assert_eq!(asked, Some(Question { package: other.id(), author: None }));
        let mut forged = release(&identity(3), &other);
        forged[1..33].copy_from_slice(&author.peer().0);
        assert_eq!(
            trusted.question(other.id(), Some(&forged), me.peer()).and_then(|asked| asked.author),
            None
        );
    }

    #[test]
    fn own_games_run_without_a_question() {
        let (me, game, file) = (identity(1), package("<p>"), package("<i>"));
        let mut trusted = Trusted::default();
        assert_eq!(trusted.question(game.id(), Some(&release(&me, &game)), me.peer()), None);
        trusted.add_package(file.id());
        assert_eq!(trusted.question(file.id(), None, me.peer()), None);
    }

    #[test]
    fn trusted_games_are_read_as_they_are_written() {
        let mut trusted = Trusted::default();
        for number in 0..=PACKAGES_MAX {
            trusted.add_package(PackageId::of(&number.to_be_bytes()));
        }
        trusted.accept(Question { package: PackageId::of(b""), author: Some(identity(2).peer()) });
        assert!(!trusted.has_package(PackageId::of(&0_usize.to_be_bytes())), "the oldest is forgotten");
        let (packages, authors) = trusted.write();
        assert_eq!(Trusted::read(&format!("no id\n{packages}"), &authors), trusted);
    }
}
