//! Programs and what belongs to them, as arguments name them.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use meshwork::compute::{Check, Program, Shape};
use meshwork::{PeerId, Room};
use serde_json::Value;
use tokio::time::timeout;

use super::{People, is_private};
use crate::exit::Failure;

/// Most trusted peers of a job besides its submitter.
const TRUSTED_MAX: usize = 63;
/// Time in which the members of a room are met.
const MEETING: Duration = Duration::from_secs(3);

/// A program and its manifest.
#[derive(Args)]
pub(super) struct ProgramOptions {
    /// The program: FILE.wasm, FILE.js, FILE.wgsl, or @NAME for a program that lenders offer under this name.
    #[arg(value_name = "PROGRAM")]
    program: String,
    /// Parameters for the program, as JSON.
    #[arg(long, value_name = "JSON", default_value = "null", value_parser = json)]
    pub(super) params: Value,
    /// The form of a unit's result. [default: bytes for a module, json for others]
    #[arg(long, value_name = "bytes|json|f32|f64|u32", verbatim_doc_comment, hide_possible_values = true)]
    result: Option<ShapeWord>,
    /// Results are RGBA tiles of a picture: tiles in a row, and the pixels of a tile, such as 32x64x64.
    #[arg(long, value_name = "COLUMNSxWIDTHxHEIGHT", value_parser = tiles)]
    tiles: Option<[u16; 3]>,
    #[command(flatten)]
    shader: ShaderOptions,
    /// Memory of a unit in MiB, 1 to 1024.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u16).range(1..=1024))]
    memory: Option<u16>,
    /// Time of a unit in milliseconds: at most a minute, for an offered program an hour.
    #[arg(long, value_name = "MS")]
    unit_ms: Option<u32>,
    /// How results of lenders that are not trusted are checked: a trusted device repeats none, drawn ones, or all.
    /// [default: sample; none for an offered program in a private room]
    #[arg(long, value_name = "none|sample|all", verbatim_doc_comment, hide_possible_values = true)]
    check: Option<CheckWord>,
    /// Peers that confirm results and keep the books when this program ends, besides this user: me alone, everybody
    /// who is in the room now, or keys. [default: room in a private room, me in an open one]
    #[arg(long, value_name = "me|room|KEY,...", value_parser = super::parse_people, verbatim_doc_comment)]
    trusted: Option<People>,
}

/// How a shader is dispatched.
#[derive(Args)]
pub(super) struct ShaderOptions {
    /// Workgroups of a shader. [default: as many as cover a tile, else 1x1x1]
    #[arg(long, value_name = "XxYxZ", value_parser = groups, verbatim_doc_comment)]
    groups: Option<[u16; 3]>,
    /// Bytes of a shader's output, 4 to 1 MiB. [default: those of a tile or a number]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(4..=1 << 20), verbatim_doc_comment)]
    output: Option<u32>,
}

impl ShaderOptions {
    /// The shader with its workgroups and output.
    fn program(
        &self,
        name: &str,
        text: &str,
        tiles: Option<[u16; 3]>,
        shape: Option<ShapeWord>,
    ) -> Result<Program, Failure> {
        let covering = || {
            let ([_, width, height], [x, y, _]) = (tiles?, workgroup_size(text)?);
            Some([width.div_ceil(x), height.div_ceil(y), 1])
        };
        let output = self.output.or(match (tiles, shape) {
            (Some([_, width, height]), _) => Some(u32::from(width) * u32::from(height) * 4),
            (None, Some(ShapeWord::F32 | ShapeWord::U32)) => Some(4),
            (None, Some(ShapeWord::F64)) => Some(8),
            (None, _) => None,
        });
        let output = output.ok_or_else(|| {
            Failure::Usage(String::from(
                "the output of the shader is not known: add --output BYTES, or --tiles",
            ))
        })?;
        Ok(Program::wgsl(name, text, self.groups.or_else(covering).unwrap_or([1; 3]), output))
    }
}

/// The size of a shader's workgroups, if it stands there in numbers.
fn workgroup_size(text: &str) -> Option<[u16; 3]> {
    let (inside, _) = text.split_once("@workgroup_size(")?.1.split_once(')')?;
    let mut size = [1; 3];
    for (place, number) in inside.split(',').map(str::trim).filter(|number| !number.is_empty()).enumerate() {
        let number = number.trim_end_matches(['u', 'i']).parse().ok().filter(|number| *number > 0)?;
        *size.get_mut(place)? = number;
    }
    Some(size)
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ShapeWord {
    Bytes,
    Json,
    F32,
    F64,
    U32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CheckWord {
    None,
    Sample,
    All,
}

impl ProgramOptions {
    /// Reads the program.
    pub(super) fn read(&self) -> Result<Program, Failure> {
        let mut program = read(&self.program, &self.shader, self.tiles, self.result)?;
        if let Some(word) = self.result {
            program = program.result(match word {
                ShapeWord::Bytes => Shape::Bytes,
                ShapeWord::Json => Shape::Json,
                ShapeWord::F32 => Shape::F32,
                ShapeWord::F64 => Shape::F64,
                ShapeWord::U32 => Shape::U32,
            });
        }
        if let Some([columns, width, height]) = self.tiles {
            program = program.tiles(columns, width, height);
        }
        if let Some(mib) = self.memory {
            program = program.memory_mib(mib);
        }
        if let Some(ms) = self.unit_ms {
            program = program.unit_ms(ms);
        }
        Ok(program)
    }

    /// How results are checked in this room.
    pub(super) fn check(&self, room: &Room) -> Check {
        match self.check {
            Some(CheckWord::None) => Check::None,
            Some(CheckWord::Sample) => Check::Sample,
            Some(CheckWord::All) => Check::All,
            // No other device could repeat the units of a lender's own program.
            None if self.program.starts_with('@') && is_private(&room.link()) => Check::None,
            None => Check::Sample,
        }
    }

    /// The peers that the job trusts besides this user.
    pub(super) async fn trusted(&self, room: &Room) -> Result<Vec<PeerId>, Failure> {
        let default = if is_private(&room.link()) { People::Room } else { People::Me };
        let mut peers = match self.trusted.as_ref().unwrap_or(&default) {
            People::Me => Vec::new(),
            People::These(peers) => peers.clone(),
            People::Room => {
                // A room in which nobody is has nobody to trust.
                let _ = timeout(MEETING, room.in_step()).await;
                room.members().await?.iter().map(|member| member.id().peer).collect()
            }
        };
        let me = room.me().peer;
        peers.retain(|peer| *peer != me);
        peers.sort_unstable();
        peers.dedup();
        peers.truncate(TRUSTED_MAX);
        Ok(peers)
    }
}

/// The program that an argument names, with the manifest that its kind has.
pub(super) fn of_argument(argument: &str, shader: &ShaderOptions) -> Result<Program, Failure> {
    read(argument, shader, None, None)
}

fn read(
    argument: &str,
    shader: &ShaderOptions,
    tiles: Option<[u16; 3]>,
    shape: Option<ShapeWord>,
) -> Result<Program, Failure> {
    if let Some(name) = argument.strip_prefix('@') {
        return Ok(Program::offered(name));
    }
    let path = Path::new(argument);
    let code = std::fs::read(path).with_context(|| format!("cannot read {argument}"))?;
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let name = &name[..name.floor_char_boundary(64)];
    let utf8 = |code| String::from_utf8(code).map_err(|_| Failure::Usage(format!("{argument} is not UTF-8")));
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("wasm") => Ok(Program::wasm(name, code)),
        Some("js" | "mjs") => Ok(Program::js(name, &utf8(code)?)),
        Some("wgsl") => shader.program(name, &utf8(code)?, tiles, shape),
        _ => Err(Failure::Usage(format!(
            "{argument} is no program: name a FILE.wasm, a FILE.js, a FILE.wgsl, or @NAME for a program that lenders offer"
        ))),
    }
}

pub(super) fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("this is not JSON: {error}"))
}

fn tiles(text: &str) -> Result<[u16; 3], String> {
    three(text).ok_or_else(|| String::from("tiles are three numbers from 1 to 65535, such as 32x64x64"))
}

fn groups(text: &str) -> Result<[u16; 3], String> {
    three(text).ok_or_else(|| String::from("workgroups are three numbers from 1 to 65535, such as 8x8x1"))
}

fn three(text: &str) -> Option<[u16; 3]> {
    let numbers: Vec<u16> = text.split('x').map_while(|number| number.parse().ok()).collect();
    <[u16; 3]>::try_from(numbers).ok().filter(|numbers| numbers.iter().all(|number| *number > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_three_numbers_above_zero() {
        assert_eq!(tiles("32x64x48"), Ok([32, 64, 48]));
        assert!(["32x64", "32x64x0", "a", "1x2x3x4", "1x2x70000"].iter().all(|text| tiles(text).is_err()));
    }

    #[test]
    fn programs_are_files_or_names() {
        let none = ShaderOptions { groups: None, output: None };
        assert_eq!(of_argument("@caption", &none).unwrap(), Program::offered("caption"));
        assert!(matches!(of_argument("/nowhere.wasm", &none), Err(Failure::Unexpected(_))));
    }

    #[test]
    fn workgroups_cover_a_tile() {
        let none = ShaderOptions { groups: None, output: None };
        let text = "@compute @workgroup_size(8u, 4) fn main() {}";
        let program = none.program("a", text, Some([16, 60, 30]), None).unwrap();
        assert_eq!(program, Program::wgsl("a", text, [8, 8, 1], 60 * 30 * 4));
        let number = none.program("a", "@workgroup_size(N)", None, Some(ShapeWord::F32)).unwrap();
        assert_eq!(number, Program::wgsl("a", "@workgroup_size(N)", [1; 3], 4));
        assert!(matches!(none.program("a", text, None, None), Err(Failure::Usage(_))));
    }
}
