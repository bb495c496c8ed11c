//! What the fuzz targets share: a limit on memory, and the parts around what is fuzzed.
//!
//! A parser that stands behind a signature is never reached by chance. The targets for such parsers
//! put what libFuzzer made up into a frame that is right in everything else, and sign it.

pub mod ceremony;
pub mod der;
pub mod frame;

/// Ends the process, as a crash, if one input makes more than this live at a time.
#[global_allocator]
static MEMORY: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, 32 << 20);

/// Splits `input` into `N` parts: each but the last has its length, two bytes, in front of it.
pub fn parts<const N: usize>(input: &[u8]) -> Option<[&[u8]; N]> {
    let mut parts = [[].as_slice(); N];
    let mut rest = input;
    let (last, sized) = parts.split_last_mut()?;
    for part in sized {
        let (length, after) = rest.split_first_chunk()?;
        (*part, rest) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    }
    *last = rest;
    Some(parts)
}
