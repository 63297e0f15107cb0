//! What is asked of a value.

use std::net::IpAddr;

use super::{Cidr, Number, Wildcard};

/// One test. Where nothing else is said it holds for texts only, and a list holds when one of its elements does.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// `"text"`, `{exactly: "text"}`, or a wildcard without `*`: the same text.
    Text(Box<str>),
    /// A text that is an IPv6 address: the same address, however it is written.
    Address(IpAddr),
    /// `300`: the same number.
    Number(Number),
    /// `true` or `false`: the same.
    Boolean(bool),
    /// `null`.
    Null,
    /// `{prefix: "text"}`: begins with it.
    Prefix(Box<str>),
    /// `{suffix: "text"}`: ends with it.
    Suffix(Box<str>),
    /// `{equals-ignore-case: "text"}`: the same text but for the case of its characters.
    IgnoreCase(Box<str>),
    /// `{prefix: {equals-ignore-case: "text"}}`.
    PrefixIgnoreCase(Box<str>),
    /// `{suffix: {equals-ignore-case: "text"}}`.
    SuffixIgnoreCase(Box<str>),
    /// `{wildcard: "a*b"}`.
    Wildcard(Wildcard),
    /// `{anything-but: ...}`: any value, of any kind, that none of these is.
    AnythingBut(AnythingBut),
    /// `{numeric: [...]}`: a number that can be compared, within.
    Range(Range),
    /// `{cidr: "10.0.0.0/8"}`: a text that is an address in the block.
    Cidr(Cidr),
    /// `{exists: true}`: the field has a value that is no object, whatever it is.
    Exists,
    /// `{exists: false}`: it has none.
    Absent,
}

/// What a value must not be.
#[derive(Clone, Debug, PartialEq)]
pub enum AnythingBut {
    /// One of these texts.
    Texts(Box<[Box<str>]>),
    /// One of these numbers.
    Numbers(Box<[f64]>),
    /// One of these texts but for case.
    IgnoreCase(Box<[Box<str>]>),
    /// A text with one of these beginnings.
    Prefixes(Box<[Box<str>]>),
    /// A text with one of these ends.
    Suffixes(Box<[Box<str>]>),
    /// A text that one of these stands for.
    Wildcards(Box<[Wildcard]>),
}

/// Numbers between two bounds; without one the range has no end there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Where it begins.
    pub low: Option<Bound>,
    /// Where it ends.
    pub high: Option<Bound>,
}

/// One end of a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// The number.
    pub value: f64,
    /// Whether the number itself is in the range.
    pub included: bool,
}

impl Range {
    /// Whether `value` is in it.
    pub fn contains(&self, value: f64) -> bool {
        let above = |low: Bound| value > low.value || (low.included && value == low.value);
        let below = |high: Bound| value < high.value || (high.included && value == high.value);
        self.low.is_none_or(above) && self.high.is_none_or(below)
    }
}
