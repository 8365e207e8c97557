//! Fuzz target `tar`: an archive that others made, and the file system that it makes. Also included by
//! `fuzz/targets/tar.rs`.

use std::io::{self, Read as _};

use lambda_pack::audit::Content;
use lambda_pack::image::root::{Item, Root, normal};
use lambda_pack::tar::{MAX_PATH, Reader};

/// Reading must not panic and ends with the bytes: nobody gets more of a file than there is. Whatever the
/// entries are, as two layers they make a tree.
pub(crate) fn run(data: &[u8]) {
    let mut headers = Vec::new();
    let mut reader = Reader::keeping_headers(data);
    let mut total = 0;
    while let Ok(Some(header)) = reader.advance() {
        assert!(!reader.raw().is_empty() && reader.raw().len().is_multiple_of(512));
        // A byte that is no UTF-8 becomes three.
        assert!(header.path.len() <= 3 * MAX_PATH);
        total += reader.raw().len();
        match io::copy(&mut (&mut reader).take(1 << 20), &mut io::sink()) {
            Ok(count) => {
                assert!(count <= header.size);
                total += usize::try_from(count).unwrap_or(usize::MAX);
            }
            Err(_) => break,
        }
        headers.push(header);
    }
    assert!(total <= data.len() + 512, "{total} of {}", data.len());
    let mut root = Root::default();
    for number in 0..2 {
        let mut layer = root.layer(number);
        for header in headers.iter().take(300) {
            for trouble in layer.put(header, Content::Other) {
                let _ = trouble.length();
            }
        }
        for (path, _) in root.iter() {
            assert_eq!(normal(path).as_deref(), Some(path));
            for above in Root::above(path) {
                assert_eq!(root.get(above).map(|node| &node.item), Some(&Item::Folder), "{path}");
            }
        }
    }
}
