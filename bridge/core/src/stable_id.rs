//! The identity of a message at one target, the same at every attempt and after every restart.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::Message;

/// 128 bits for broker-side deduplication: the truncated SHA-256 of where the message came from,
/// which part of it this is, and which target of which route it goes to. Without route and
/// target, two targets in one stream would swallow each other's messages.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StableId([u8; 16]);

impl StableId {
    /// The identity of `message` at `target` of `route`.
    pub fn new(route: &str, target: &str, message: &Message) -> Self {
        let place = &message.origin.place;
        let mut hash = Sha256::new();
        for part in
            [route, target, &place.connector, &place.cluster, &place.topic, &place.incarnation]
        {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.update(place.partition.to_le_bytes());
        hash.update(message.origin.offset.to_le_bytes());
        hash.update(message.origin.child.to_le_bytes());
        let digest = hash.finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(id)
    }
}

/// 32 hexadecimal digits.
impl fmt::Display for StableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for StableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_coordinate_counts() {
        let message = Message::default();
        let mut next = message.clone();
        next.origin.offset = 1;
        let mut child = message.clone();
        child.origin.child = 1;
        let ids = [
            StableId::new("r", "t", &message),
            StableId::new("r", "u", &message),
            StableId::new("rt", "", &message),
            StableId::new("r", "t", &next),
            StableId::new("r", "t", &child),
        ];
        for (index, id) in ids.iter().enumerate() {
            assert_eq!(ids.iter().position(|other| other == id), Some(index));
        }
        assert_eq!(ids[0], StableId::new("r", "t", &message.clone()));
        assert_eq!(ids[0].to_string().len(), 32);
    }
}
