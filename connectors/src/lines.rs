//! Cuts a stream of bytes into lines, each against a permit.
//!
//! The stream comes in chunks of at most [`CHUNK`] bytes into a buffer that is a fixed cost of the
//! source. A line that lies within a chunk is copied out of it once there is a permit for it, so
//! that a line that stays does not keep the whole chunk. A longer line grows under permits up to
//! the limit; of a line beyond the limit the first bytes are kept and the rest is passed over.

use std::io::BufRead;

use bytes::Bytes;
use hybridge_core::{Message, Permit, Share};

/// Bytes that are read at a time.
pub(crate) const CHUNK: usize = 64 << 10;

/// One line, without its end (`\n` or `\r\n`).
#[derive(Debug)]
pub(crate) struct Line {
    /// The line, or its first bytes where it is too long.
    pub bytes: Bytes,
    /// Where it starts in the stream.
    pub start: u64,
    /// Where the next one starts.
    #[allow(dead_code, reason = "standard input has no use for it")]
    pub next: u64,
    /// Its whole length, if that is beyond the limit.
    pub too_long: Option<u64>,
    /// For the bytes and the overhead of a message.
    pub permit: Permit,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Step {
    Line(Line),
    /// The chunk is used up: feed the next.
    NeedChunk,
    /// There is no permit: try again after a release.
    NeedBudget,
}

/// The place in a stream between two chunks.
#[derive(Debug)]
pub(crate) struct Splitter {
    share: Share,
    limit: usize,
    chunk: Vec<u8>,
    /// What of the chunk is used up.
    at: usize,
    /// Where in the stream `at` is.
    position: u64,
    partial: Option<Partial>,
}

/// The beginning of a line whose end has not come.
#[derive(Debug)]
struct Partial {
    /// At most two bytes beyond the limit, which does not count the end of the line.
    bytes: Vec<u8>,
    start: u64,
    length: u64,
    permit: Permit,
}

impl Splitter {
    /// At `position` of a stream; lines of at most `limit` bytes.
    pub(crate) fn new(position: u64, limit: usize, share: Share) -> Self {
        Self { share, limit, chunk: Vec::new(), at: 0, position, partial: None }
    }

    /// Takes the next chunk, after [`Step::NeedChunk`].
    pub(crate) fn feed(&mut self, chunk: Vec<u8>) {
        self.chunk = chunk;
        self.at = 0;
    }

    /// The buffer of the chunk that is used up, to be filled again.
    pub(crate) fn take_buffer(&mut self) -> Vec<u8> {
        self.at = 0;
        std::mem::take(&mut self.chunk)
    }

    /// Where the line starts that comes next; its beginning may have been read.
    #[allow(dead_code, reason = "standard input has no use for it")]
    pub(crate) fn line_start(&self) -> u64 {
        self.partial.as_ref().map_or(self.position, |partial| partial.start)
    }

    /// Where the stream was read to.
    #[allow(dead_code, reason = "standard input has no use for it")]
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Whether everything that was read was given out as whole lines, or is still to be cut.
    #[allow(dead_code, reason = "standard input has no use for it")]
    pub(crate) fn is_between_lines(&self) -> bool {
        self.partial.is_none()
    }

    /// Whether the next step needs a chunk.
    #[allow(dead_code, reason = "standard input has no use for it")]
    pub(crate) fn is_used_up(&self) -> bool {
        self.at == self.chunk.len()
    }

    /// The next line of the chunk.
    pub(crate) fn step(&mut self) -> Step {
        let rest = &self.chunk[self.at..];
        let Some(length) = length_of_line(rest) else { return Step::NeedChunk };
        let is_whole = rest[length - 1] == b'\n';
        let line = without_end(&rest[..length]);
        if self.partial.is_some() || !is_whole || line.len() > self.limit {
            return self.extend(length, is_whole);
        }
        let Some(permit) = self.share.try_take((line.len() + Message::OVERHEAD) as u64) else {
            return Step::NeedBudget;
        };
        let bytes = Bytes::copy_from_slice(line);
        let start = self.position;
        self.pass(length);
        Step::Line(Line { bytes, start, next: self.position, too_long: None, permit })
    }

    /// The rest of the stream as a line: it has ended without a newline.
    pub(crate) fn finish(&mut self) -> Option<Line> {
        let partial = self.partial.take()?;
        Some(self.line(partial))
    }

    /// Goes on with permits of another share; the chunk stays.
    #[allow(dead_code, reason = "a file is read anew instead")]
    pub(crate) fn set_share(&mut self, share: Share) {
        self.share = share;
        let Some(partial) = &mut self.partial else { return };
        // A share that holds nothing gets its first request whatever it is.
        if let Some(permit) = self.share.try_take(partial.permit.bytes()) {
            partial.permit = permit;
        }
    }

    /// Adds `length` bytes of the chunk to the line whose end may not have come.
    fn extend(&mut self, length: usize, is_whole: bool) -> Step {
        let kept = self.partial.as_ref().map_or(0, |partial| partial.bytes.len());
        let more = length.min((self.limit + 2).saturating_sub(kept));
        let overhead = if self.partial.is_none() { Message::OVERHEAD } else { 0 };
        let Some(permit) = self.share.try_take((more + overhead) as u64) else {
            return Step::NeedBudget;
        };
        let mut partial = match self.partial.take() {
            Some(mut partial) => {
                partial.permit.merge(permit);
                partial
            }
            None => Partial { bytes: Vec::new(), start: self.position, length: 0, permit },
        };
        partial.bytes.extend_from_slice(&self.chunk[self.at..self.at + more]);
        partial.length += length as u64;
        self.pass(length);
        if is_whole {
            return Step::Line(self.line(partial));
        }
        self.partial = Some(partial);
        Step::NeedChunk
    }

    fn line(&self, partial: Partial) -> Line {
        let Partial { mut bytes, start, length, permit } = partial;
        if bytes.len() as u64 == length {
            bytes.truncate(without_end(&bytes).len());
        }
        let too_long = (bytes.len() > self.limit).then_some(length);
        bytes.truncate(self.limit);
        // The vector doubled as it grew; what it has too much would be held by nobody's permit.
        let bytes = Bytes::from(bytes.into_boxed_slice());
        Line { bytes, start, next: start + length, too_long, permit }
    }

    fn pass(&mut self, length: usize) {
        self.at += length;
        self.position += length as u64;
    }
}

/// Bytes to the end of the first line, its newline included where there is one.
fn length_of_line(text: &[u8]) -> Option<usize> {
    let mut rest = text;
    // Reading from a slice cannot fail.
    rest.skip_until(b'\n').ok().filter(|length| *length > 0)
}

fn without_end(line: &[u8]) -> &[u8] {
    let Some(line) = line.strip_suffix(b"\n") else { return line };
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use hybridge_core::Budget;
    use proptest::prelude::*;

    use super::*;

    /// Start, content, whole length where too long, start of the next.
    type Seen = (u64, Vec<u8>, Option<u64>, u64);

    fn split(text: &[u8], chunk: usize, limit: usize) -> Vec<Seen> {
        let mut splitter = Splitter::new(0, limit, Budget::unlimited().share());
        let mut seen = Vec::new();
        let see = |line: Line| (line.start, line.bytes.to_vec(), line.too_long, line.next);
        for chunk in text.chunks(chunk) {
            splitter.feed(chunk.to_vec());
            while let Step::Line(line) = splitter.step() {
                assert!(line.permit.bytes() >= (line.bytes.len() + Message::OVERHEAD) as u64);
                seen.push(see(line));
            }
        }
        seen.extend(splitter.finish().map(see));
        seen
    }

    /// Naive: the whole text at once.
    fn model(text: &[u8], limit: usize) -> Vec<Seen> {
        let mut start = 0;
        let lines = text.split_inclusive(|byte| *byte == b'\n').map(|line| {
            let content = without_end(line);
            let too_long = (content.len() > limit).then_some(line.len() as u64);
            let kept = content[..content.len().min(limit)].to_vec();
            start += line.len() as u64;
            (start - line.len() as u64, kept, too_long, start)
        });
        lines.collect()
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(
            text in proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200),
            chunk in 1..40_usize,
            limit in 1..20_usize,
        ) {
            prop_assert_eq!(split(&text, chunk, limit), model(&text, limit));
        }
    }

    #[test]
    fn without_a_permit_nothing_is_lost() {
        let budget = hybridge_core::Pool::new(0).route(300, 300);
        let mut splitter = Splitter::new(7, 1000, budget.share());
        splitter.feed(b"one\ntwo\nthree".to_vec());
        let Step::Line(one) = splitter.step() else { panic!() };
        let Step::Line(two) = splitter.step() else { panic!() };
        assert!(matches!(splitter.step(), Step::NeedBudget));
        drop(one);
        assert!(matches!(splitter.step(), Step::NeedChunk));
        assert_eq!((two.start, two.next, splitter.line_start()), (11, 15, 15));
        assert_eq!(splitter.finish().unwrap().bytes, "three");
    }
}
