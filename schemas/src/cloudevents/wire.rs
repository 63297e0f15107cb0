//! Bytes that came from outside, read from the front; every read is checked.

use super::DecodeError;

/// What is left to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, DecodeError> {
        let (first, rest) = self.0.split_first().ok_or_else(too_short)?;
        self.0 = rest;
        Ok(*first)
    }

    /// The next `len` bytes.
    pub(super) fn take(&mut self, len: u64) -> Result<&'a [u8], DecodeError> {
        let len = usize::try_from(len).map_err(|_| too_short())?;
        let (taken, rest) = self.0.split_at_checked(len).ok_or_else(too_short)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A number of 7 bits a byte, the lowest first, as Avro and Protobuf have it.
    pub(super) fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(DecodeError::Shape("a number of more than 64 bits".into()))
    }
}

/// Appends a number as [`Reader::varint`] reads it.
pub(super) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn too_short() -> DecodeError {
    DecodeError::Shape("the bytes end too early".into())
}

/// Text that has to be UTF-8.
pub(super) fn text(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| DecodeError::Shape("a text that is not UTF-8".into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_again(number in any::<u64>()) {
            let mut out = Vec::new();
            put_varint(&mut out, number);
            let mut reader = Reader(&out);
            prop_assert_eq!(reader.varint().unwrap(), number);
            prop_assert!(reader.is_empty());
        }
    }

    #[test]
    fn a_number_of_more_than_64_bits_is_refused() {
        assert!(Reader(&[0xff; 11]).varint().is_err());
        let mut most = [0xff; 10];
        most[9] = 1;
        assert_eq!(Reader(&most).varint().unwrap(), u64::MAX);
        most[9] = 2;
        assert!(Reader(&most).varint().is_err());
    }
}
