//! One pass over a JSON text that takes the values of the fields which rules ask for.
//!
//! What no rule asks for is passed without a look at it, so this is no check of the whole text. Nothing is built but
//! the list of values.

use hybridge_config::pattern::Number;

use super::{
    event::{Element, Event, Kind, List, Span},
    paths::{NONE, Paths, Place},
};

/// How deep lists and objects may be nested on the way to what rules ask for.
const DEEPEST: u32 = 128;

/// Why a text is not JSON, and the byte at which that was seen, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not JSON: {what} at byte {at}")]
pub struct Malformed {
    /// What is wrong.
    pub what: &'static str,
    /// Which byte.
    pub at: usize,
}

/// Takes the values of `text` that are asked for at and below `place`.
pub(super) fn scan(
    text: &[u8],
    place: Place,
    paths: &Paths,
    event: &mut Event,
) -> Result<(), Malformed> {
    let mut scan = Scan { text, at: 0, paths, event };
    if u32::try_from(text.len()).is_err() {
        return Err(scan.fault("more than 4 GiB"));
    }
    scan.value(place, NONE, 0)?;
    match scan.peek() {
        None => Ok(()),
        Some(_) => Err(scan.fault("text after the value")),
    }
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    paths: &'a Paths,
    event: &'a mut Event,
}

type Result_ = Result<(), Malformed>;

impl Scan<'_> {
    fn fault(&self, what: &'static str) -> Malformed {
        Malformed { what, at: self.at }
    }

    /// The next byte that is not white space, not passed.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.text.get(self.at) {
            if *byte > b' ' {
                return Some(*byte);
            }
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    fn value(&mut self, place: Place, element: u32, depth: u32) -> Result_ {
        if depth > DEEPEST {
            return Err(self.fault("nested too deep"));
        }
        match self.peek() {
            Some(b'{') if self.paths.is_inner(place) => self.object(place, element, depth),
            Some(b'{') => self.skip(),
            Some(b'[') => self.list(place, element, depth),
            Some(first) if self.paths.field(place) != NONE => self.leaf(first, place, element),
            _ => self.skip(),
        }
    }

    fn object(&mut self, place: Place, element: u32, depth: u32) -> Result_ {
        self.at += 1;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            let below = self.name(place)?;
            match below {
                Some(below) => self.value(below, element, depth + 1)?,
                None => self.skip()?,
            }
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.fault("no comma or end of an object")),
            }
        }
    }

    /// Passes the name of a member and its colon; says where it leads.
    #[inline]
    fn name(&mut self, place: Place) -> Result<Option<Place>, Malformed> {
        if self.peek() != Some(b'"') {
            return Err(self.fault("no name of a member"));
        }
        let start = self.at + 1;
        let escaped = self.string()?;
        let name = &self.text[start..self.at - 1];
        if self.peek() != Some(b':') {
            return Err(self.fault("no colon"));
        }
        self.at += 1;
        if !escaped {
            return Ok(self.paths.below(place, name));
        }
        let mark = self.event.own.len();
        unescape(name, &mut self.event.own);
        let below = self.paths.below(place, &self.event.own[mark..]);
        self.event.own.truncate(mark);
        Ok(below)
    }

    fn list(&mut self, place: Place, outer: u32, depth: u32) -> Result_ {
        self.at += 1;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        let mut list = NONE;
        loop {
            match self.peek() {
                Some(b'{') if !self.paths.is_inner(place) => self.skip()?,
                Some(b'{' | b'[') => {
                    if list == NONE {
                        list = self.event.lists.len() as u32;
                        self.event.lists.push(List { place, end: 0 });
                    }
                    self.element(place, list, outer, depth)?;
                }
                _ => self.value(place, outer, depth + 1)?,
            }
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    if list != NONE {
                        self.event.lists[list as usize].end = self.event.values.len() as u32;
                    }
                    return Ok(());
                }
                _ => return Err(self.fault("no comma or end of a list")),
            }
        }
    }

    fn element(&mut self, place: Place, list: u32, outer: u32, depth: u32) -> Result_ {
        let start = self.event.values.len() as u32;
        let index = self.event.elements.len();
        self.event.elements.push(Element { list, outer, start, end: start });
        self.value(place, index as u32, depth + 1)?;
        let end = self.event.values.len() as u32;
        if end == start && self.event.elements.len() == index + 1 {
            self.event.elements.pop();
        } else {
            self.event.elements[index].end = end;
        }
        Ok(())
    }

    fn leaf(&mut self, first: u8, place: Place, element: u32) -> Result_ {
        let field = self.paths.field(place);
        let start = self.at;
        let (kind, span) = match first {
            b'"' => {
                let escaped = self.string()?;
                let (start, end) = (start + 1, self.at - 1);
                if escaped {
                    let from = self.event.own.len();
                    unescape(&self.text[start..end], &mut self.event.own);
                    (Kind::Text, Span::Own(from as u32, self.event.own.len() as u32))
                } else {
                    (Kind::Text, Span::Text(start as u32, end as u32))
                }
            }
            b'-' | b'0'..=b'9' => {
                self.scalar();
                let span = Span::Text(start as u32, self.at as u32);
                match std::str::from_utf8(&self.text[start..self.at]).ok().and_then(Number::value) {
                    Some(value) => (Kind::Number(value), span),
                    None => (Kind::OtherNumber, span),
                }
            }
            _ => {
                self.scalar();
                let span = Span::Text(start as u32, self.at as u32);
                match &self.text[start..self.at] {
                    b"true" => (Kind::Boolean(true), span),
                    b"false" => (Kind::Boolean(false), span),
                    b"null" => (Kind::Null, span),
                    _ => {
                        self.at = start;
                        return Err(self.fault("no value"));
                    }
                }
            }
        };
        self.event.add(field, kind, span, element);
        Ok(())
    }

    /// Passes a number or a word.
    #[inline]
    fn scalar(&mut self) {
        let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
        let rest = &self.text[self.at..];
        self.at += rest.iter().position(ends).unwrap_or(rest.len());
    }

    /// Passes a value of any depth without a look at it.
    fn skip(&mut self) -> Result_ {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{' | b'[') => self.skip_nested(),
            Some(b',' | b':' | b'}' | b']') | None => Err(self.fault("no value")),
            Some(_) => {
                self.scalar();
                Ok(())
            }
        }
    }

    /// Passes an object or a list; stands on its opening bracket.
    fn skip_nested(&mut self) -> Result_ {
        let mut depth = 0_usize;
        loop {
            let Some(byte) = self.text.get(self.at) else {
                return Err(self.fault("the text ends too early"));
            };
            match byte {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Passes a string; stands on its opening quote. Says whether anything in it is escaped.
    #[inline]
    fn string(&mut self) -> Result<bool, Malformed> {
        self.at += 1;
        let mut escaped = false;
        loop {
            self.at += plain(&self.text[self.at..]);
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(_) if self.at + 1 < self.text.len() => {
                    escaped = true;
                    self.at += 2;
                }
                _ => return Err(self.fault("a string that does not end")),
            }
        }
    }
}

/// How many bytes there are before the first quote or backslash; eight are looked at in one step.
#[inline]
fn plain(text: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const TOPS: u64 = ONES << 7;
    // The top bit of each byte that is zero, up to the first such byte; above it a borrow may set more.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & TOPS;
    let (words, rest) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let ends = zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\')));
        if ends != 0 {
            return index * 8 + ends.trailing_zeros() as usize / 8;
        }
    }
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\');
    text.len() - rest.len() + rest.iter().position(ends).unwrap_or(rest.len())
}

/// Appends what the inside of a JSON string stands for. What is no character (a lone surrogate, an unknown escape) is
/// U+FFFD.
fn unescape(inner: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(byte) = inner.get(at) {
        if *byte != b'\\' {
            let len = plain(&inner[at..]);
            out.extend_from_slice(&inner[at..at + len.max(1)]);
            at += len.max(1);
            continue;
        }
        let escape = inner.get(at + 1).copied().unwrap_or_default();
        at += 2;
        let byte = match escape {
            b'"' | b'\\' | b'/' => escape,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            _ => {
                let (char, len) = if escape == b'u' { code_point(&inner[at..]) } else { (None, 0) };
                let char = char.unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                at += len;
                continue;
            }
        };
        out.push(byte);
    }
}

/// The character after `\u`, and how many bytes it takes.
fn code_point(text: &[u8]) -> (Option<char>, usize) {
    let Some(first) = unit(text) else { return (None, 0) };
    if !(0xd800..0xdc00).contains(&first) {
        return (char::from_u32(first), 4);
    }
    let second = text.get(4..6).filter(|mark| *mark == b"\\u").and_then(|_| unit(&text[6..]));
    match second {
        Some(second @ 0xdc00..0xe000) => {
            (char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)), 10)
        }
        _ => (None, 4),
    }
}

fn unit(text: &[u8]) -> Option<u32> {
    let digits = text.get(..4)?;
    let mut unit = 0;
    for digit in digits {
        unit = unit << 4 | char::from(*digit).to_digit(16)?;
    }
    Some(unit)
}
