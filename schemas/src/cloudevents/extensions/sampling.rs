//! Sampling: an event that is kept for several says for how many.

use std::num::NonZeroU32;

use hybridge_core::{Attributes, Text, Value};

use super::super::DecodeError;
use super::{Extension, check, rules};

/// Sets the `sampledrate` of an event that is the one kept of so many: what it stood for times that, and no more than an
/// Integer can be.
///
/// # Errors
/// It has a `sampledrate` that is none.
pub fn kept_one_in(attributes: &mut Attributes, many: NonZeroU32) -> Result<(), DecodeError> {
    check(attributes, Extension::Sampledrate)?;
    let before = attributes.get("sampledrate");
    let before = before.and_then(|value| rules::integer(value.as_ref())).unwrap_or(1);
    let many = i32::try_from(many.get()).unwrap_or(i32::MAX);
    let rate = Value::Integer(before.saturating_mul(many));
    attributes.set(Text::from_static("sampledrate"), rate);
    Ok(())
}

/// Whether an event is the one of so many that is kept. It is told by its source and its id, so that an event that comes
/// again meets the same fate.
pub fn is_kept(attributes: &Attributes, many: NonZeroU32) -> bool {
    let parts = ["source", "id"].map(|name| attributes.text(name).unwrap_or_default());
    // FNV-1a, and then its bits mixed: the low ones alone follow the last digits of ids.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in parts[0].bytes().chain([0]).chain(parts[1].bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (hash ^ (hash >> 33)).is_multiple_of(u64::from(many.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_one_in_so_many_is_kept_and_always_the_same() {
        let event = |id: u32| -> Attributes {
            [("source".into(), Value::from("/s")), ("id".into(), Value::from(&*id.to_string()))]
                .into_iter()
                .collect()
        };
        for many in [1, 2, 10, 97] {
            let many = NonZeroU32::new(many).unwrap();
            let kept = (0..20_000).filter(|id| is_kept(&event(*id), many)).count();
            let expected = 20_000 / many.get() as usize;
            assert!(kept.abs_diff(expected) <= expected / 5, "{kept} of {expected}");
            assert_eq!(is_kept(&event(7), many), is_kept(&event(7), many));
        }
    }
}
