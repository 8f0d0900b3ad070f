//! A wasm as the linker left it, with its relocations: which instruction and which word names what.
//!
//! Instructions are changed in place, and what is no longer named is left behind when the wasm is split
//! (`parts.rs`), which follows the relocations alone.

use std::collections::HashMap;
use std::ops::Range;

use anyhow::{Context, Result, ensure};
use wasmparser::{
    ExternalKind, FunctionBody, KnownCustom, Linking, Name, Parser, Payload, RelocAddendKind,
    RelocationEntry, SymbolInfo, TypeRef,
};

const CUSTOM: u8 = 0;

/// A function that the wasm defines.
#[derive(Debug)]
pub(crate) struct Function {
    /// Its body in the file: local variables and instructions.
    pub(crate) body: Range<usize>,
    /// Its instructions in the file.
    pub(crate) code: Range<usize>,
    /// The number of its type.
    pub(crate) kind: u32,
}

/// What a symbol names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Symbol {
    /// The function of this number.
    Function(usize),
    /// Bytes of a segment of data.
    Data { segment: u32, offset: u32, length: u32 },
    /// Anything else.
    Other,
}

/// The relocations of a section.
#[derive(Debug, Default)]
pub(crate) struct Relocations {
    /// The custom section that holds them, among all sections, and its name.
    place: Option<(usize, String)>,
    /// The section that they are about, among all sections.
    about: u32,
    /// Where that begins in the file; offsets count from there.
    pub(crate) base: usize,
    /// In ascending order.
    pub(crate) entries: Vec<RelocationEntry>,
}

/// A wasm with its relocations.
#[derive(Debug, Default)]
pub(crate) struct Linked {
    /// The file.
    pub(crate) bytes: Vec<u8>,
    /// The number of each section's kind, and its contents.
    sections: Vec<(u8, Range<usize>)>,
    /// How many functions are imported: the defined ones are numbered from there.
    pub(crate) imported: usize,
    /// The functions that it defines.
    pub(crate) functions: Vec<Function>,
    /// Symbols of functions, by number.
    pub(crate) names: HashMap<usize, String>,
    /// Numbers of exported functions with the names under which they are.
    pub(crate) exports: Vec<(usize, String)>,
    /// Where each segment of data is in the file.
    pub(crate) segments: Vec<Range<usize>>,
    /// What each symbol names.
    pub(crate) symbols: Vec<Symbol>,
    /// What instructions name.
    pub(crate) code: Relocations,
    /// What words of the data name.
    pub(crate) data: Relocations,
}

impl Linked {
    /// Reads a wasm that was linked with `--emit-relocs`.
    ///
    /// # Errors
    /// It is no wasm, or has no relocations.
    pub(crate) fn read(bytes: Vec<u8>) -> Result<Linked> {
        let mut linked = Linked::default();
        let mut kinds = Vec::new();
        for payload in Parser::new(0).parse_all(&bytes) {
            let payload = payload.context("the wasm cannot be read")?;
            linked.visit(&payload, &mut kinds)?;
        }
        ensure!(kinds.len() == linked.functions.len(), "the wasm has functions without bodies");
        for (function, kind) in linked.functions.iter_mut().zip(kinds) {
            function.kind = kind;
        }
        for relocations in [&mut linked.code, &mut linked.data] {
            ensure!(relocations.place.is_some(), "the wasm was linked without relocations");
            let about =
                linked.sections.get(relocations.about as usize).context("they are about a section")?;
            relocations.base = about.1.start;
            relocations.entries.sort_by_key(|entry| entry.offset);
        }
        linked.bytes = bytes;
        Ok(linked)
    }

    fn visit(&mut self, payload: &Payload<'_>, kinds: &mut Vec<u32>) -> Result<()> {
        if let Some((kind, range)) = payload.as_section() {
            self.sections.push((kind, range.start as usize..range.end as usize));
        }
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.clone().into_imports() {
                    self.imported += usize::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::FunctionSection(functions) => {
                *kinds = functions.clone().into_iter().collect::<Result<_, _>>()?;
            }
            Payload::ExportSection(exports) => {
                for export in exports.clone() {
                    let export = export?;
                    if export.kind == ExternalKind::Func {
                        self.exports.push((export.index as usize, export.name.to_owned()));
                    }
                }
            }
            Payload::DataSection(segments) => {
                for segment in segments.clone() {
                    let segment = segment?;
                    let end = segment.range.end as usize;
                    self.segments.push(end - segment.data.len()..end);
                }
            }
            Payload::CodeSectionEntry(body) => self.functions.push(function(body)?),
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::Name(names) => {
                    for name in names {
                        let Name::Function(functions) = name? else { continue };
                        for naming in functions {
                            let naming = naming?;
                            self.names.insert(naming.index as usize, naming.name.to_owned());
                        }
                    }
                }
                KnownCustom::Linking(linking) => {
                    for subsection in linking.subsections() {
                        let Linking::SymbolTable(symbols) = subsection? else { continue };
                        for symbol in symbols {
                            self.symbols.push(match symbol? {
                                SymbolInfo::Func { index, .. } => Symbol::Function(index as usize),
                                SymbolInfo::Data { symbol: Some(data), .. } => Symbol::Data {
                                    segment: data.index,
                                    offset: data.offset,
                                    length: data.size,
                                },
                                _ => Symbol::Other,
                            });
                        }
                    }
                }
                KnownCustom::Reloc(entries) => {
                    let relocations = match section.name() {
                        "reloc.CODE" => &mut self.code,
                        "reloc.DATA" => &mut self.data,
                        _ => return Ok(()),
                    };
                    relocations.place = Some((self.sections.len() - 1, section.name().to_owned()));
                    relocations.about = entries.section_index();
                    relocations.entries = entries.entries().into_iter().collect::<Result<_, _>>()?;
                }
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    /// Where the bytes of a symbol are in the file, if it names data.
    pub(crate) fn place(&self, symbol: u32) -> Option<Range<usize>> {
        let Symbol::Data { segment, offset, length } = *self.symbols.get(symbol as usize)? else {
            return None;
        };
        let start = self.segments.get(segment as usize)?.start + offset as usize;
        Some(start..start + length as usize).filter(|range| range.end <= self.bytes.len())
    }

    /// The file with its relocations as they are now.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut file = self.bytes[..8].to_vec();
        for (place, (kind, range)) in self.sections.iter().enumerate() {
            let changed = [&self.code, &self.data].into_iter().find_map(|relocations| {
                let (at, name) = relocations.place.as_ref()?;
                (*at == place && *kind == CUSTOM).then(|| relocations.section(name))
            });
            file.push(*kind);
            let contents = changed.as_deref().unwrap_or(&self.bytes[range.clone()]);
            put_unsigned(&mut file, contents.len() as u64);
            file.extend_from_slice(contents);
        }
        file
    }
}

fn function(body: &FunctionBody<'_>) -> Result<Function> {
    let range = body.range();
    let operators = body.get_binary_reader_for_operators()?;
    Ok(Function {
        body: range.start as usize..range.end as usize,
        code: operators.original_position() as usize..range.end as usize,
        kind: 0,
    })
}

impl Relocations {
    /// The contents of the section that holds them.
    fn section(&self, name: &str) -> Vec<u8> {
        let mut section = Vec::new();
        put_unsigned(&mut section, name.len() as u64);
        section.extend_from_slice(name.as_bytes());
        put_unsigned(&mut section, self.about.into());
        put_unsigned(&mut section, self.entries.len() as u64);
        for entry in &self.entries {
            section.push(entry.ty as u8);
            put_unsigned(&mut section, entry.offset.into());
            put_unsigned(&mut section, entry.index.into());
            if entry.ty.addend_kind() != RelocAddendKind::None {
                put_signed(&mut section, entry.addend);
            }
        }
        section
    }
}

/// Appends a number as LEB128.
pub(crate) fn put_unsigned(bytes: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn put_signed(bytes: &mut Vec<u8>, mut value: i64) {
    while !(-0x40..0x40).contains(&value) {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push((value & 0x7f) as u8);
}

#[cfg(test)]
pub(crate) mod tests {
    use wasmparser::RelocationType;

    use super::*;

    /// A piece of a function.
    #[derive(Clone)]
    pub(crate) enum Piece {
        /// Instructions that name nothing.
        Plain(&'static [u8]),
        /// A call of the function of this number.
        Call(u8),
        /// The address of the data of this number, from the first byte after it.
        Address(u8),
    }

    fn sized(bytes: &[u8]) -> Vec<u8> {
        let mut all = Vec::new();
        put_unsigned(&mut all, bytes.len() as u64);
        all.extend_from_slice(bytes);
        all
    }

    fn custom(name: &str, contents: &[u8]) -> Vec<u8> {
        [&[CUSTOM], &sized(&[&sized(name.as_bytes()), contents].concat())[..]].concat()
    }

    /// A wasm as a linker leaves it: one import, then these functions of no parameters by their symbols, and two bytes
    /// of data, each with a symbol of its own. Words of the data name nothing.
    pub(crate) fn linked(functions: &[(&str, &[Piece])]) -> Linked {
        let count = functions.len() as u8;
        let mut code = vec![count];
        let mut entries = Vec::new();
        for (_, pieces) in functions {
            // No local variables.
            let mut body = vec![0];
            let mut named = Vec::new();
            for piece in *pieces {
                let (operation, number, kind) = match piece {
                    Piece::Plain(bytes) => {
                        body.extend_from_slice(bytes);
                        continue;
                    }
                    Piece::Call(number) => (0x10, *number, RelocationType::FunctionIndexLeb),
                    Piece::Address(number) => (0x41, count + 1 + number, RelocationType::MemoryAddrSleb),
                };
                body.push(operation);
                named.push((body.len(), number, kind));
                body.extend([number | 0x80, 0x80, 0x80, 0x80, 0]);
            }
            body.push(0x0b);
            let start = code.len() + sized(&body).len() - body.len();
            entries.extend(named.into_iter().map(|(at, number, ty)| RelocationEntry {
                ty,
                offset: (start + at) as u32,
                index: number.into(),
                addend: if ty == RelocationType::MemoryAddrSleb { -1 } else { 0 },
            }));
            code.extend(sized(&body));
        }
        let section =
            |about, entries| Relocations { place: None, about, base: 0, entries }.section("")[1..].to_vec();
        let mut symbols = vec![count + 3];
        symbols.extend((0..=count).flat_map(|number| match number {
            // One that is imported has no name of its own.
            0 => vec![0, 0x10, 0],
            number => vec![0, 0, number, 1, b'f'],
        }));
        symbols.extend((0..2).flat_map(|offset| [1, 0, 1, b'd', 0, offset, 1]));
        let mut names = vec![count];
        for (at, (name, _)) in functions.iter().enumerate() {
            names.push(at as u8 + 1);
            names.extend(sized(name.as_bytes()));
        }
        let kinds = [&[count], &vec![0; count.into()][..]].concat();
        let data = [1, 0, 0x41, 8, 0x0b, 2, b'a', b'b'];
        let file = [
            b"\0asm\x01\0\0\0".to_vec(),
            vec![1, 4, 1, 0x60, 0, 0],
            vec![2, 7, 1, 1, b'm', 1, b'i', 0, 0],
            [&[3], &sized(&kinds)[..]].concat(),
            vec![5, 3, 1, 0, 1],
            [&[10], &sized(&code)[..]].concat(),
            [&[11], &sized(&data)[..]].concat(),
            custom("linking", &[&[2, 8], &sized(&symbols)[..]].concat()),
            custom("reloc.CODE", &section(4, entries)),
            custom("reloc.DATA", &section(5, Vec::new())),
            custom("name", &[&[1], &sized(&names)[..]].concat()),
        ];
        Linked::read(file.concat()).expect("it is well formed")
    }

    #[test]
    fn a_file_is_written_as_it_was_read() {
        let linked = linked(&[("one", &[Piece::Call(0), Piece::Address(1), Piece::Plain(&[0x1a])])]);
        assert_eq!(linked.imported, 1);
        assert_eq!(linked.names[&1], "one");
        assert_eq!(linked.symbols[0..2], [Symbol::Function(0), Symbol::Function(1)]);
        assert_eq!(linked.symbols[3], Symbol::Data { segment: 0, offset: 1, length: 1 });
        let named = |entry: &RelocationEntry| linked.bytes[linked.code.base + entry.offset as usize];
        assert_eq!(linked.code.entries.iter().map(named).collect::<Vec<_>>(), [0x80, 0x83]);
        assert_eq!(linked.write(), linked.bytes);
        walrus::Module::from_buffer(&linked.bytes).expect("it is valid");
    }

    #[test]
    fn what_was_linked_without_relocations_is_refused() {
        let wasm = walrus::Module::default().emit_wasm();
        assert!(Linked::read(wasm).is_err());
    }

    #[test]
    fn signed_numbers_are_written_as_they_are_read() {
        for value in [0, 1, -1, 63, 64, -64, -65, 127, 128, -2_000_000, i64::from(i32::MIN)] {
            let mut bytes = Vec::new();
            put_signed(&mut bytes, value);
            let mut reader = wasmparser::BinaryReader::new(&bytes, 0);
            assert_eq!(reader.read_var_i64().expect("it is a number"), value);
            assert!(reader.eof());
        }
    }
}
