//! A writer of DER, for certificates that no honest tool would make.

/// An element with this first byte.
pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    tagged(&[tag], content)
}

/// `[number] EXPLICIT`, with a number above 30.
pub(crate) fn high(number: u16, content: &[u8]) -> Vec<u8> {
    let low = u8::try_from(number & 0x7f).unwrap();
    let high = u8::try_from(number >> 7).unwrap() | 0x80;
    tagged(&[0xbf, high, low], content)
}

fn tagged(tag: &[u8], content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let length = match content.len() {
        0..0x80 => vec![low],
        0x80..0x100 => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [tag, &length, content].concat()
}

pub(crate) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

pub(crate) fn set(parts: &[Vec<u8>]) -> Vec<u8> {
    element(0x31, &parts.concat())
}

pub(crate) fn octets(content: &[u8]) -> Vec<u8> {
    element(0x04, content)
}

pub(crate) fn bits(content: &[u8]) -> Vec<u8> {
    element(0x03, &[&[0], content].concat())
}

/// An INTEGER of these bytes, with a sign if one is needed.
pub(crate) fn integer(bytes: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if bytes[0] >= 0x80 { &[0] } else { &[] };
    element(0x02, &[sign, bytes].concat())
}

pub(crate) fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut content = Vec::new();
    for arc in std::iter::once(arcs[0] * 40 + arcs[1]).chain(arcs[2..].iter().copied()) {
        let digits = (0..5).rev().map(|digit| arc >> (7 * digit)).skip_while(|rest| *rest == 0);
        let mut digits: Vec<u8> =
            digits.map(|rest| u8::try_from(rest & 0x7f).unwrap() | 0x80).collect();
        if digits.is_empty() {
            digits.push(0x80);
        }
        *digits.last_mut().unwrap() &= 0x7f;
        content.extend(digits);
    }
    element(0x06, &content)
}

/// A name with one attribute in each relative name; UTF-8 strings.
pub(crate) fn name(attributes: &[(&str, &str)]) -> Vec<u8> {
    name_of(0x0c, attributes)
}

/// A name whose strings are of the type with this tag.
pub(crate) fn name_of(tag: u8, attributes: &[(&str, &str)]) -> Vec<u8> {
    let attribute = |(kind, value): &(&str, &str)| {
        set(&[sequence(&[oid(kind), element(tag, value.as_bytes())])])
    };
    sequence(&attributes.iter().map(attribute).collect::<Vec<_>>())
}
