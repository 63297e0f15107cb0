//! The numbered events that load and oracle talk about.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Error, Result};

/// Names one event: the `seq`-th of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// Number of the key.
    pub key: u32,
    /// Number among the events of the key, from 0.
    pub seq: u32,
}

impl Id {
    /// The key as it is sent.
    pub fn key_text(self) -> String {
        format!("k{:05}", self.key)
    }

    /// Whether the seed spoils this event: about one in `1000 / per_mille`.
    pub fn is_poisoned(self, seed: u64, per_mille: u64) -> bool {
        let mixed = seed ^ (u64::from(self.key) << 32 | u64::from(self.seq));
        fastrand::Rng::with_seed(mixed).u64(0..1000) < per_mille
    }

    /// A JSON body of about `size` bytes. A poisoned one lacks `customer`.
    pub fn body(self, size: usize, poisoned: bool) -> String {
        let field = if poisoned { "poisoned" } else { "customer" };
        let mut body = format!(r#"{{"id":"{self}","{field}":"{}","pad":""#, self.key_text());
        let pad = size.saturating_sub(body.len() + 2);
        body.extend(std::iter::repeat_n('x', pad));
        body.push_str("\"}");
        body
    }

    /// The same as a structured CloudEvent.
    pub fn structured(self, size: usize, poisoned: bool) -> String {
        let key = self.key_text();
        format!(
            r#"{{"specversion":"1.0","id":"{self}","source":"/load","type":"load.tick","partitionkey":"{key}","datacontenttype":"application/json","data":{}}}"#,
            self.body(size, poisoned)
        )
    }

    /// Header lines of the same as a binary CloudEvent over HTTP.
    pub fn headers(self) -> String {
        let key = self.key_text();
        format!(
            "ce-specversion: 1.0\r\nce-id: {self}\r\nce-source: /load\r\nce-type: load.tick\r\nce-partitionkey: {key}\r\ncontent-type: application/json\r\n"
        )
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "k{:05}-{:06}", self.key, self.seq)
    }
}

impl FromStr for Id {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (key, seq) = text
            .strip_prefix('k')
            .and_then(|rest| rest.split_once('-'))
            .with_context(|| format!("{text:?} is not an id of this load"))?;
        Ok(Self { key: key.parse()?, seq: seq.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_and_a_body_its_size() {
        let id = Id { key: 42, seq: 17 };
        assert_eq!(id.to_string().parse::<Id>().unwrap(), id);
        let body = id.body(1000, false);
        assert_eq!(body.len(), 1000);
        let value: serde_json::Value = serde_json::from_str(&id.structured(300, true)).unwrap();
        assert_eq!(value["id"], "k00042-000017");
        assert!(value["data"]["customer"].is_null());
    }

    #[test]
    fn a_seed_poisons_its_share() {
        let poisoned = (0..10_000).filter(|seq| Id { key: 1, seq: *seq }.is_poisoned(7, 5)).count();
        assert!((20..100).contains(&poisoned), "{poisoned}");
    }
}
