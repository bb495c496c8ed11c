//! The QR code of an enrolment, as pictures that need nothing from anywhere else.

use data_encoding::BASE64;
use fast_qr::{
    ECL, QRBuilder, QRCode,
    convert::{Builder, Shape, svg::SvgBuilder},
};
use nightlatch_core::SecretText;

/// White modules around the code; fewer, and some scanners don't see it (ISO/IEC 18004 §6.3.8).
const QUIET: usize = 4;

/// Pixels a module: large enough for a camera, small enough for a phone's screen.
const SCALE: usize = 6;

/// The same code twice.
#[derive(Debug)]
pub struct Pictures {
    /// A PNG as a data URI.
    pub png: SecretText,
    /// An SVG document.
    pub svg: SecretText,
}

/// Draws `text`. `None` if it is too long for a QR code.
#[must_use]
pub fn draw(text: &SecretText) -> Option<Pictures> {
    let code = QRBuilder::new(text.expose()).ecl(ECL::M).build().ok()?;
    let svg = SvgBuilder::default().shape(Shape::Square).margin(QUIET).to_str(&code);
    let png = png(&code)?;
    Some(Pictures {
        png: SecretText::new(format!("data:image/png;base64,{}", BASE64.encode(&png))),
        svg: SecretText::new(svg),
    })
}

/// One bit a pixel: 0 is black.
fn png(code: &QRCode) -> Option<Vec<u8>> {
    let side = (code.size + 2 * QUIET) * SCALE;
    let stride = side.div_ceil(8);
    let mut bits = vec![0xff_u8; stride * side];
    for y in 0..side {
        for x in 0..side {
            let module = (y / SCALE).checked_sub(QUIET).zip((x / SCALE).checked_sub(QUIET));
            let dark = module.is_some_and(|(row, column)| {
                row < code.size && column < code.size && code[row][column].value()
            });
            if dark {
                bits[y * stride + x / 8] &= !(0x80 >> (x % 8));
            }
        }
    }
    let mut bytes = Vec::new();
    let side = u32::try_from(side).ok()?;
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    encoder.write_header().ok()?.write_image_data(&bits).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_a_quiet_zone_and_a_finder() {
        let text = SecretText::new("otpauth://totp/x?secret=AAAA".to_owned());
        let pictures = draw(&text).unwrap();
        let encoded = pictures.png.expose().strip_prefix("data:image/png;base64,").unwrap();
        let bytes = BASE64.decode(encoded.as_bytes()).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut bits = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bits).unwrap();
        assert_eq!(info.width, info.height);
        let stride = info.line_size;
        assert_eq!(bits[0], 0xff, "quiet");
        let finder = (QUIET * SCALE) * stride + (QUIET * SCALE) / 8;
        assert_eq!(bits[finder], 0, "the finder pattern's corner is dark");
        assert!(pictures.svg.expose().starts_with("<svg"));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(draw(&SecretText::new("x".repeat(5000))).is_none());
    }
}
