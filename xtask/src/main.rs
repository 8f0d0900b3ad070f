//! Set-up, build, run, test, bench and tidy: everything `cargo xtask` can do.

#![allow(clippy::print_stderr, reason = "progress is told on stderr, so that stdout stays the server's")]

mod bench;
mod binary;
mod compressed;
mod deny;
mod deploy;
mod dist;
mod editor;
mod fuzz;
mod gpu;
mod image;
mod pages;
mod parts;
mod pictures;
mod processor;
mod sdk;
mod server;
mod setup;
mod sim;
mod slowest;
mod stage;
mod stamp;
mod step;
mod surface;
mod test;
mod tidy;
mod weight;
mod workspace;

use std::env;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::setup::Need;
use crate::workspace::Workspace;

const HELP: &str = "\
Usage: cargo xtask <command>

  setup                    install what building and testing need, and say what was done
  pages                    build the pages alone, into target/pages
  build [--static]         build the pages and leave the release binary at target/release/meshwork, or one that needs
                           no library of the system beside it, and say where
  sdk [--quick]            build the npm package `meshwork`, say what it costs to load, and leave it in target/sdk; or
                           build the one that tests install, in target/test-sdk
  image                    build, and leave the image that deploy/Dockerfile describes at target/meshwork-image.tar
  dist                     build, and leave program, image, bill of materials and checksums in target/dist
  run [-- ARGS ...]        build in the shortest time, then `meshwork serve ARGS ...`, with its data in target/server unless
                           ARGS names --data or --config; with MESHWORK_PAGES=PACKAGE the pages are those of another
                           package of the workspace, whose table of apps is its own
  test [--fast] [--nightly] [--gpu] [FILTER]
                           run the checks of each change: format, lints, tidy, licences, pages, tests, browsers
                           --fast leaves the browsers out; --nightly runs what takes too long for each change instead, on
                           fresh seeds; with FILTER only tests whose names contain it run, with --nightly bench the races'
                           --gpu runs the tests of shaders on this machine's graphics card instead, and fails without one
  fuzz TARGET [SECONDS]    search for input that makes a decoder panic, guided by coverage; without TARGET: list them
  sim [--seeds N] [--from SEED] [--jobs J] [--planted NAME]
  sim --seed SEED [--only PLACES] [--planted NAME]
  sim --crowd N [--overlay K] [--seed SEED]
                           simulate rooms with faults, many at a time, one with all that happens in it, or a large one
  bench [NAME] [--json] [--rounds N] [--list]
                           race against other people's software, and write bench/RESULTS.md
  pictures [STATE]         build, then take a picture of every state of the page, or of those whose names contain STATE, into
                           target/pictures, and update the ones that documents show in docs/pictures
  size [--release]         print the bytes of each route of the pages that were built, and fail if one has grown by a quarter
                           since the last release; or write them as those of a release
  deploy                   check the files in deploy/, and run the image of the program that was built
  deny                     check licences and sources of what comes from elsewhere
  surface                  write what the library and the npm package give out into docs/surface, and count it
  tidy [PATH | --record-words]
                           check edges between crates, the ledger, module docs, leftovers, links, the surface, and that no
                           crate has more sentences that are turned round than docs/words.txt; with PATH list those of
                           the files below it; with --record-words write the counts that shrank into docs/words.txt
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", arguments),
    };
    match command {
        "setup" => {
            no_more(rest)?;
            setup::setup(&Workspace::find()?, Need::Everything)?;
            eprintln!("xtask: set up: everything that building and testing need is here");
            Ok(())
        }
        "pages" | "build" | "sdk" | "image" | "dist" => make(command, rest),
        "run" => {
            let workspace = Workspace::find()?;
            setup::setup(&workspace, Need::Pages)?;
            let program = binary::build_quick(&workspace)?;
            let arguments = rest.strip_prefix(&["--".to_owned()]).unwrap_or(rest);
            binary::serve(&program, &binary::with_data(&workspace, arguments))
        }
        "test" => test::test(&Workspace::find()?, &test::Options::parse(rest)?),
        "fuzz" => fuzz::fuzz(&Workspace::find()?, rest),
        "pictures" => {
            let workspace = Workspace::find()?;
            setup::setup(&workspace, Need::Everything)?;
            pictures::pictures(&workspace, rest)
        }
        "sim" => sim::sim(&Workspace::find()?, rest),
        "bench" => bench::bench(&Workspace::find()?, rest),
        "surface" => {
            no_more(rest)?;
            let workspace = Workspace::find()?;
            surface::write(&workspace, &tidy::our_files(&workspace.root)?)
        }
        "tidy" if rest == ["--record-words"] => tidy::record_words(&Workspace::find()?),
        "tidy" if rest.len() == 1 => tidy::list_habits(&Workspace::find()?, &rest[0]),
        "size" if rest == ["--release"] => weight::release(&Workspace::find()?),
        "deny" | "deploy" | "size" | "tidy" => {
            no_more(rest)?;
            let check: fn(&Workspace) -> Result<()> = match command {
                "deny" => deny::check,
                "deploy" => deploy::check,
                "size" => weight::check,
                _ => tidy::tidy,
            };
            check(&Workspace::find()?)
        }
        "help" | "--help" | "-h" => {
            eprint!("{HELP}");
            Ok(())
        }
        unknown => bail!("there is no command `{unknown}`\n\n{HELP}"),
    }
}

/// The commands that leave something for people.
fn make(command: &str, rest: &[String]) -> Result<()> {
    let is_flag = |flag: &str| matches!((command, flag), ("build", "--static") | ("sdk", "--quick"));
    let (has_flag, rest) = match rest.split_first() {
        Some((flag, rest)) if is_flag(flag) => (true, rest),
        _ => (false, rest),
    };
    no_more(rest)?;
    let workspace = Workspace::find()?;
    setup::setup(&workspace, Need::Pages)?;
    match command {
        "pages" => pages::build(&workspace, pages::Aim::Small)?,
        "build" => {
            let build = if has_flag { binary::build_static } else { binary::build_all };
            let program = build(&workspace)?;
            eprintln!("xtask: built {}", program.display());
        }
        "sdk" if has_flag => sdk::build_for_tests(&workspace).map(drop)?,
        "sdk" => {
            let tarball = sdk::build(&workspace, pages::Aim::Small)?;
            sdk::weigh(&workspace)?;
            eprintln!("xtask: {} is there, for `npm install`", tarball.display());
        }
        "image" => {
            let archive = image::build(&workspace)?;
            eprintln!("xtask: {} is there, for `docker load --input`", archive.display());
        }
        _ => {
            let folder = dist::build(&workspace)?;
            eprintln!("xtask: {} has what people are handed", folder.display());
        }
    }
    Ok(())
}

fn no_more(rest: &[String]) -> Result<()> {
    match rest.first() {
        None => Ok(()),
        Some(extra) => bail!("`{extra}` means nothing here\n\n{HELP}"),
    }
}
