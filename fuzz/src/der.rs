//! Just enough DER to write a certificate.

/// An element: tag, length, content.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut written = vec![tag];
    match u16::try_from(length).expect("inputs are short").to_be_bytes() {
        [0, low] if low < 0x80 => written.push(low),
        [0, low] => written.extend([0x81, low]),
        both => written.extend([&[0x82], both.as_slice()].concat()),
    }
    written.extend(content);
    written
}

/// A `SEQUENCE` of these elements.
pub fn sequence(elements: &[&[u8]]) -> Vec<u8> {
    element(0x30, &elements.concat())
}

/// An `OBJECT IDENTIFIER` from its encoded content.
pub fn oid(content: &[u8]) -> Vec<u8> {
    element(0x06, content)
}

/// An extension of a certificate.
pub fn extension(name: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let flag = if critical { element(0x01, &[0xff]) } else { Vec::new() };
    sequence(&[&oid(name), &flag, &element(0x04, value)])
}
