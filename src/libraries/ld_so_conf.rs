//! `/etc/ld.so.conf`: the folders of this machine's own loader (ldconfig(8); glibc
//! `elf/ldconfig.c`, `parse_conf`).

use std::fs;
use std::path::{Path, PathBuf};

use globset::GlobBuilder;

/// Files that include one another deeper than that do so in a circle.
const DEPTH: usize = 8;
/// No real file is longer, in bytes.
const LENGTH: u64 = 1 << 20;

/// The folders named there, in order.
pub(super) fn folders() -> Vec<PathBuf> {
    let mut found = Vec::new();
    read(Path::new("/etc/ld.so.conf"), DEPTH, &mut found);
    found
}

fn read(path: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let short = fs::metadata(path).is_ok_and(|it| it.is_file() && it.len() <= LENGTH);
    // What cannot be read names nothing: the loader's default folders remain.
    let Some(text) = short.then(|| fs::read_to_string(path).ok()).flatten() else { return };
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(patterns) =
            line.strip_prefix("include").filter(|rest| rest.starts_with([' ', '\t']))
        {
            if depth > 0 {
                for pattern in patterns.split_whitespace() {
                    for file in matching(path, pattern) {
                        read(&file, depth - 1, found);
                    }
                }
            }
        } else if !line.starts_with("hwcap") {
            found.extend(line.split(['\t', ' ', ':', ',']).filter_map(folder));
        }
    }
}

/// `/path` or `/path=libc6`.
fn folder(word: &str) -> Option<PathBuf> {
    let path = word.split('=').next().unwrap_or_default();
    path.starts_with('/').then(|| PathBuf::from(path))
}

/// The files that an `include` means, sorted. A pattern stands in the file's name only, as all
/// distributions have it.
fn matching(of: &Path, pattern: &str) -> Vec<PathBuf> {
    let pattern = of.parent().unwrap_or(Path::new("/")).join(pattern);
    let (Some(folder), Some(name)) = (pattern.parent(), pattern.file_name()) else {
        return Vec::new();
    };
    let Ok(glob) = GlobBuilder::new(&name.to_string_lossy()).literal_separator(true).build() else {
        return Vec::new();
    };
    let matcher = glob.compile_matcher();
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| matches(&matcher, path)).collect();
    files.sort();
    files
}

fn matches(matcher: &globset::GlobMatcher, path: &Path) -> bool {
    path.file_name().is_some_and(|name| matcher.is_match(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn includes_comments_and_circles() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            use std::io::Write as _;
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
            path
        };
        let main = file("ld.so.conf", "include conf.d/*.conf\n/last # comment\nhwcap 1 nosegneg\n");
        file("conf.d/b.conf", "/b1:/b2,/b3 /b4=libc6\nrelative\n");
        file("conf.d/a.conf", "/a\ninclude ../ld.so.conf\n");
        file("conf.d/other", "/other\n");
        let mut found = Vec::new();
        read(&main, 1, &mut found);
        let expected = ["/a", "/b1", "/b2", "/b3", "/b4", "/last"].map(PathBuf::from);
        assert_eq!(found, expected);
        let mut found = Vec::new();
        read(&main, DEPTH, &mut found);
        assert!(found.len() < 200, "a circle ends");
    }
}
