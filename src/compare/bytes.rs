//! Two streams side by side, in pieces.

use std::io::{self, Read, Seek, SeekFrom};

const PIECE: usize = 64 << 10;

/// A part of a stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) offset: u64,
    pub(super) length: u64,
}

impl Span {
    /// All of it.
    pub(super) const ALL: Self = Self { offset: 0, length: u64::MAX };
}

/// Hands a part of a stream over in pieces, as far as the stream has it.
pub(super) fn pieces(
    reader: &mut (impl Read + Seek),
    span: Span,
    mut piece: impl FnMut(&[u8]),
) -> io::Result<()> {
    reader.seek(SeekFrom::Start(span.offset))?;
    let mut buffer = vec![0; PIECE];
    let mut rest = reader.take(span.length);
    loop {
        match rest.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => piece(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The first byte that is not the same in both, counted from where the parts begin; where one is the
/// beginning of the other, the byte behind it. None if they are equal.
pub(super) fn first_difference(
    (a, a_span): (&mut (impl Read + Seek), Span),
    (b, b_span): (&mut (impl Read + Seek), Span),
) -> io::Result<Option<u64>> {
    a.seek(SeekFrom::Start(a_span.offset))?;
    b.seek(SeekFrom::Start(b_span.offset))?;
    first_of(&mut a.take(a_span.length), &mut b.take(b_span.length))
}

/// The same for what is left of two streams.
pub(super) fn first_of(a: &mut impl Read, b: &mut impl Read) -> io::Result<Option<u64>> {
    let (mut one, mut other) = (Vec::with_capacity(PIECE), Vec::with_capacity(PIECE));
    let mut passed = 0;
    loop {
        one.clear();
        other.clear();
        let piece = PIECE as u64;
        a.by_ref().take(piece).read_to_end(&mut one)?;
        b.by_ref().take(piece).read_to_end(&mut other)?;
        if one != other {
            let same = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
            return Ok(Some(passed + same as u64));
        }
        if one.is_empty() {
            return Ok(None);
        }
        passed += one.len() as u64;
    }
}

/// Where some bytes stand first.
pub(super) fn find(reader: &mut (impl Read + Seek), needle: &[u8]) -> io::Result<Option<u64>> {
    let Some(&first) = needle.first() else { return Ok(None) };
    let mut found = None;
    let mut window: Vec<u8> = Vec::with_capacity(2 * PIECE);
    let mut at = 0_u64;
    pieces(reader, Span::ALL, |piece| {
        if found.is_some() {
            return;
        }
        window.extend(piece);
        let here = |(place, byte): (usize, &u8)| {
            (*byte == first && window.get(place..).is_some_and(|rest| rest.starts_with(needle)))
                .then_some(place as u64)
        };
        found = window.iter().enumerate().find_map(here).map(|place| at + place);
        // The end may be the beginning of it.
        let done = window.len().saturating_sub(needle.len() - 1);
        window.drain(..done);
        at += done as u64;
    })?;
    Ok(found)
}

/// Up to `most` bytes that stand somewhere.
pub(super) fn some(reader: &mut (impl Read + Seek), offset: u64, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    pieces(reader, Span { offset, length: most }, |piece| bytes.extend(piece))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn the_first_byte_that_differs() {
        let first = |a: &[u8], b: &[u8]| {
            let (mut a, mut b) = (Cursor::new(a), Cursor::new(b));
            first_difference((&mut a, Span::ALL), (&mut b, Span::ALL)).unwrap()
        };
        let long = vec![7; 3 * PIECE + 5];
        assert_eq!(first(b"", b""), None);
        assert_eq!(first(b"abc", b"abd"), Some(2));
        assert_eq!(first(b"abc", b"ab"), Some(2));
        assert_eq!(first(&long, &long), None);
        for at in [0, PIECE - 1, PIECE, 3 * PIECE + 4] {
            let mut other = long.clone();
            other[at] = 8;
            assert_eq!(first(&long, &other), Some(at as u64));
            assert_eq!(first(&long[..at], &long), Some(at as u64));
        }
    }

    #[test]
    fn finds_what_lies_across_pieces() {
        for at in [0, 1, PIECE - 3, PIECE, 2 * PIECE - 1, 3 * PIECE] {
            let mut bytes = vec![b'/'; 3 * PIECE + 9];
            bytes[at..at + 9].copy_from_slice(b"/tmp/here");
            let found = find(&mut Cursor::new(&bytes), b"/tmp/here").unwrap();
            assert_eq!(found, Some(at as u64));
            assert_eq!(some(&mut Cursor::new(&bytes), at as u64, 9).unwrap(), b"/tmp/here");
        }
        assert_eq!(find(&mut Cursor::new(b"/tmp/her"), b"/tmp/here").unwrap(), None);
        assert_eq!(find(&mut Cursor::new(b"x"), b"").unwrap(), None);
    }
}
