//! ELF files with nothing but a dynamic table: what the real loader maps and follows, made in
//! microseconds. Real linkers' files are in `closure`; here are graphs that no one would link.

/// What stands in the dynamic table.
#[derive(Debug, Clone, Default)]
pub(crate) struct TinyElf {
    pub(crate) interpreter: Option<String>,
    pub(crate) soname: Option<String>,
    pub(crate) needed: Vec<String>,
    pub(crate) rpath: Option<String>,
    pub(crate) runpath: Option<String>,
    /// Defined versions, without the base one.
    pub(crate) defines: Vec<String>,
    /// Library, version, weak.
    pub(crate) wants: Vec<(String, String, bool)>,
    /// Another `e_machine` than this machine's.
    pub(crate) machine: Option<u16>,
}

const HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
/// The largest page of the architectures that Lambda has.
const PAGE: u64 = 0x1_0000;

/// `e_machine` of this machine.
const MACHINE: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };

fn hash(name: &str) -> u32 {
    name.bytes().fold(0, |hash: u32, byte| {
        let hash = (hash << 4).wrapping_add(byte.into());
        (hash ^ (hash >> 28 << 4)) & 0x0fff_ffff
    })
}

struct Writer {
    bytes: Vec<u8>,
    strings: Vec<u8>,
    dynamic: Vec<(u64, u64)>,
}

impl Writer {
    fn string(&mut self, text: &str) -> u32 {
        let at = u32::try_from(self.strings.len()).unwrap();
        self.strings.extend(text.as_bytes());
        self.strings.push(0);
        at
    }

    fn chunk(&mut self, bytes: &[u8]) -> u64 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let at = self.bytes.len() as u64;
        self.bytes.extend(bytes);
        at
    }

    fn named(&mut self, tag: u64, text: &str) {
        let at = self.string(text);
        self.dynamic.push((tag, at.into()));
    }

    fn table(&mut self, tag: u64, bytes: &[u8]) {
        let at = self.chunk(bytes);
        self.dynamic.push((tag, at));
    }

    /// `DT_VERDEF`: the base, then each version (LSB Core, "Version Definitions").
    fn definitions(&mut self, base: &str, versions: &[String]) {
        let mut table = Vec::new();
        for (number, name) in
            std::iter::once(base).chain(versions.iter().map(String::as_str)).enumerate()
        {
            let at = self.string(name);
            let last = number == versions.len();
            for half in [1, u16::from(number == 0), u16::try_from(number + 1).unwrap(), 1] {
                table.extend(half.to_le_bytes());
            }
            for word in [hash(name), 20, if last { 0 } else { 28 }, at, 0] {
                table.extend(word.to_le_bytes());
            }
        }
        self.table(0x6fff_fffc, &table);
        self.dynamic.push((0x6fff_fffd, versions.len() as u64 + 1));
    }

    /// `DT_VERNEED`: one library with one version each (LSB Core, "Version Requirements").
    fn wants(&mut self, wants: &[(String, String, bool)], first_index: usize) {
        let mut table = Vec::new();
        for (number, (library, version, weak)) in wants.iter().enumerate() {
            let (library, name) = (self.string(library), self.string(version));
            let last = number + 1 == wants.len();
            table.extend([1_u16.to_le_bytes(), 1_u16.to_le_bytes()].concat());
            for word in [library, 16, if last { 0 } else { 32 }, hash(version)] {
                table.extend(word.to_le_bytes());
            }
            let index = u16::try_from(first_index + number).unwrap();
            table.extend([(u16::from(*weak) * 2).to_le_bytes(), index.to_le_bytes()].concat());
            table.extend([name.to_le_bytes(), 0_u32.to_le_bytes()].concat());
        }
        self.table(0x6fff_fffe, &table);
        self.dynamic.push((0x6fff_ffff, wants.len() as u64));
    }
}

impl TinyElf {
    /// The file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut writer = Writer {
            bytes: vec![0; HEADER + 4 * PROGRAM_HEADER],
            strings: vec![0],
            dynamic: Vec::new(),
        };
        for name in &self.needed {
            writer.named(1, name);
        }
        for (tag, text) in [(14, &self.soname), (15, &self.rpath), (29, &self.runpath)] {
            if let Some(text) = text {
                writer.named(tag, text);
            }
        }
        // One symbol, the undefined one, and its version.
        writer.table(6, &[0; 24]);
        writer.dynamic.push((11, 24));
        if !self.defines.is_empty() {
            writer.definitions("base", &self.defines);
        }
        if !self.wants.is_empty() {
            writer.wants(&self.wants, self.defines.len() + 2);
        }
        if !(self.defines.is_empty() && self.wants.is_empty()) {
            writer.table(0x6fff_fff0, &[0; 2]);
        }
        let interpreter = self.interpreter.as_ref().map(|path| {
            let path = format!("{path}\0");
            (writer.chunk(path.as_bytes()), path.len() as u64)
        });
        let strings = std::mem::take(&mut writer.strings);
        writer.table(5, &strings);
        writer.dynamic.push((10, strings.len() as u64));
        writer.dynamic.push((0, 0));
        let table: Vec<u8> = std::mem::take(&mut writer.dynamic)
            .iter()
            .flat_map(|(tag, value)| [tag.to_le_bytes(), value.to_le_bytes()].concat())
            .collect();
        let at = writer.chunk(&table);
        self.finish(writer.bytes, (at, table.len() as u64), interpreter)
    }

    /// The ELF header and the program headers: all is loaded, writable, at address 0.
    fn finish(
        &self,
        mut bytes: Vec<u8>,
        dynamic: (u64, u64),
        interpreter: Option<(u64, u64)>,
    ) -> Vec<u8> {
        let length = bytes.len() as u64;
        let mut segments = vec![(1_u32, 0, length), (2, dynamic.0, dynamic.1)];
        if let Some((at, length)) = interpreter {
            // By its own headers the loader knows where the kernel has put a program.
            let headers = (4 * PROGRAM_HEADER) as u64;
            segments = [&[(6, HEADER as u64, headers), (3, at, length)], &segments[..]].concat();
        }
        let mut header = b"\x7fELF\x02\x01\x01".to_vec();
        header.resize(16, 0);
        for half in [3, self.machine.unwrap_or(MACHINE)] {
            header.extend(half.to_le_bytes());
        }
        header.extend(1_u32.to_le_bytes());
        for word in [0, HEADER as u64, 0] {
            header.extend(word.to_le_bytes());
        }
        header.extend(0_u32.to_le_bytes());
        let count = u16::try_from(segments.len()).unwrap();
        for half in [64_u16, 56, count, 64, 0, 0] {
            header.extend(half.to_le_bytes());
        }
        for (kind, at, length) in segments {
            header.extend(kind.to_le_bytes());
            header.extend(6_u32.to_le_bytes());
            let align = if kind == 1 { PAGE } else { 8 };
            for word in [at, at, at, length, length, align] {
                header.extend(word.to_le_bytes());
            }
        }
        bytes[..header.len()].copy_from_slice(&header);
        bytes
    }
}
