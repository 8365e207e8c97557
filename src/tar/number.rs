//! Numbers in headers.

/// An octal number that ends with a blank or a null, or GNU's base 256; none if it is neither, is
/// negative, or needs more than 63 bits.
pub(super) fn read(field: &[u8]) -> Option<u64> {
    if let Some((first, rest)) = field.split_first().filter(|(first, _)| **first & 0x80 != 0) {
        let start = u64::from(first & 0x7f);
        let bytes = std::iter::once(start).chain(rest.iter().map(|byte| u64::from(*byte)));
        return bytes.into_iter().try_fold(0_u64, |sum, byte| {
            sum.checked_mul(256)?.checked_add(byte).filter(|sum| *sum < 1 << 63)
        });
    }
    let end = |byte: &u8| *byte == 0 || *byte == b' ';
    let digits: Vec<u8> = field
        .iter()
        .copied()
        .skip_while(|byte| *byte == b' ')
        .take_while(|byte| !end(byte))
        .collect();
    digits.iter().try_fold(0_u64, |sum, digit| match digit {
        b'0'..=b'7' => sum.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// Puts a number into a field as octal digits and a null; says whether it fits.
pub(super) fn write(field: &mut [u8], number: u64) -> bool {
    let width = field.len().saturating_sub(1);
    let digits = format!("{number:0width$o}");
    if digits.len() > width {
        return false;
    }
    if let Some(place) = field.get_mut(..width) {
        place.copy_from_slice(digits.as_bytes());
    }
    true
}
