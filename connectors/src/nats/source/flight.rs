//! Messages that were given out and wait for their outcome.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

/// What is in flight, by the number in the tag.
#[derive(Debug, Default)]
pub(super) struct Flight {
    entries: VecDeque<Option<Entry>>,
    /// The number of the front of `entries`.
    first: u64,
    len: usize,
    /// The greatest sequence that was ever given out.
    last_seq: u64,
}

#[derive(Debug)]
pub(super) struct Entry {
    /// Where its acknowledgement goes.
    pub(super) reply: Bytes,
    pub(super) seq: u64,
    pub(super) delivered: u64,
    /// When the server last began to wait.
    touched: Instant,
}

impl Flight {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds a message and returns its number.
    pub(super) fn insert(&mut self, reply: Bytes, seq: u64, delivered: u64, now: Instant) -> u64 {
        self.entries.push_back(Some(Entry { reply, seq, delivered, touched: now }));
        self.len += 1;
        self.last_seq = self.last_seq.max(seq);
        self.first + self.entries.len() as u64 - 1
    }

    /// Takes out what has its outcome; once.
    pub(super) fn take(&mut self, number: u64) -> Option<Entry> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let entry = self.entries.get_mut(index)?.take()?;
        self.len -= 1;
        while let Some(None) = self.entries.front() {
            self.entries.pop_front();
            self.first += 1;
        }
        Some(entry)
    }

    /// The message of this sequence came again while it is in flight: from now on this is where its acknowledgement
    /// goes. `false` where it is not in flight.
    pub(super) fn again(&mut self, seq: u64, reply: &Bytes, now: Instant) -> bool {
        if seq > self.last_seq {
            return false;
        }
        let mut entries = self.entries.iter_mut().flatten();
        let Some(entry) = entries.find(|entry| entry.seq == seq) else { return false };
        entry.reply = reply.clone();
        entry.touched = now;
        true
    }

    /// Calls `ask` with the reply subject of everything that the server has waited for since `age`.
    pub(super) fn touch(&mut self, age: Duration, now: Instant, mut ask: impl FnMut(&Bytes)) {
        for entry in self.entries.iter_mut().flatten() {
            if now.duration_since(entry.touched) >= age {
                entry.touched = now;
                ask(&entry.reply);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_is_taken_once_and_touched_in_time() {
        let mut flight = Flight::default();
        let reply = |seq: u64| Bytes::from(seq.to_string());
        let numbers: Vec<u64> =
            (10..14).map(|seq| flight.insert(reply(seq), seq, 1, Instant::now())).collect();
        assert_eq!(numbers, [0, 1, 2, 3]);
        assert_eq!(flight.take(1).unwrap().seq, 11);
        assert!(flight.take(1).is_none());
        assert!(flight.again(12, &reply(99), Instant::now()));
        assert!(
            !flight.again(11, &reply(99), Instant::now())
                && !flight.again(20, &reply(1), Instant::now())
        );
        tokio::time::advance(Duration::from_secs(1)).await;
        flight.insert(reply(14), 14, 1, Instant::now());
        let mut touched = Vec::new();
        flight.touch(Duration::from_secs(1), Instant::now(), |reply| touched.push(reply.clone()));
        assert_eq!(touched, ["10", "99", "13"]);
        flight.touch(Duration::from_secs(1), Instant::now(), |_| panic!("just touched"));
        assert_eq!(flight.take(0).unwrap().seq, 10);
        assert_eq!(
            (flight.len(), flight.take(0).is_none(), flight.take(4).unwrap().seq),
            (3, true, 14)
        );
    }
}
