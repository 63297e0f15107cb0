//! Patterns as JSON text, as they are shown.

use std::fmt;

use super::{Alternative, AnythingBut, Pattern, Range, Test};

struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&serde_json::to_string(self.0).unwrap_or_default())
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{}", Text(text)),
            Self::Address(address) => write!(f, "\"{address}\""),
            Self::Number(number) => write!(f, "{number}"),
            Self::Boolean(boolean) => write!(f, "{boolean}"),
            Self::Null => f.write_str("null"),
            Self::Prefix(text) => write!(f, "{{\"prefix\":{}}}", Text(text)),
            Self::Suffix(text) => write!(f, "{{\"suffix\":{}}}", Text(text)),
            Self::IgnoreCase(text) => write!(f, "{{\"equals-ignore-case\":{}}}", Text(text)),
            Self::PrefixIgnoreCase(text) => {
                write!(f, "{{\"prefix\":{{\"equals-ignore-case\":{}}}}}", Text(text))
            }
            Self::SuffixIgnoreCase(text) => {
                write!(f, "{{\"suffix\":{{\"equals-ignore-case\":{}}}}}", Text(text))
            }
            Self::Wildcard(wildcard) => {
                write!(f, "{{\"wildcard\":{}}}", Text(&wildcard.to_string()))
            }
            Self::AnythingBut(but) => write!(f, "{{\"anything-but\":{but}}}"),
            Self::Range(range) => write!(f, "{{\"numeric\":[{range}]}}"),
            Self::Cidr(block) => write!(f, "{{\"cidr\":\"{block}\"}}"),
            Self::Exists => f.write_str("{\"exists\":true}"),
            Self::Absent => f.write_str("{\"exists\":false}"),
        }
    }
}

impl fmt::Display for AnythingBut {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Texts(texts) => list(f, texts.iter().map(|text| Text(text))),
            Self::Numbers(numbers) => list(f, numbers.iter()),
            Self::IgnoreCase(texts) => named(f, "equals-ignore-case", texts),
            Self::Prefixes(texts) => named(f, "prefix", texts),
            Self::Suffixes(texts) => named(f, "suffix", texts),
            Self::Wildcards(wildcards) => {
                let texts: Box<[_]> = wildcards.iter().map(|one| one.to_string().into()).collect();
                named(f, "wildcard", &texts)
            }
        }
    }
}

fn named(f: &mut fmt::Formatter, name: &str, texts: &[Box<str>]) -> fmt::Result {
    write!(f, "{{\"{name}\":")?;
    list(f, texts.iter().map(|text| Text(text)))?;
    f.write_str("}")
}

fn list(f: &mut fmt::Formatter, items: impl Iterator<Item = impl fmt::Display>) -> fmt::Result {
    f.write_str("[")?;
    for (index, item) in items.enumerate() {
        write!(f, "{}{item}", if index > 0 { "," } else { "" })?;
    }
    f.write_str("]")
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { low, high } = self;
        if let (Some(low), Some(high)) = (low, high)
            && low == high
        {
            return write!(f, "\"=\",{}", low.value);
        }
        if let Some(low) = low {
            write!(f, "\"{}\",{}", if low.included { ">=" } else { ">" }, low.value)?;
        }
        if let Some(high) = high {
            let comma = if low.is_some() { "," } else { "" };
            write!(f, "{comma}\"{}\",{}", if high.included { "<=" } else { "<" }, high.value)?;
        }
        Ok(())
    }
}

impl fmt::Display for Alternative {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("{")?;
        for (index, condition) in self.conditions.iter().enumerate() {
            write!(f, "{}{}:", if index > 0 { "," } else { "" }, Text(&condition.path))?;
            list(f, condition.tests.iter())?;
        }
        f.write_str("}")
    }
}

/// As a pattern with the same meaning: paths with dots instead of nested objects, and one `$or` at the top.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.alternatives() {
            [only] => write!(f, "{only}"),
            several => {
                f.write_str("{\"$or\":")?;
                list(f, several.iter())?;
                f.write_str("}")
            }
        }
    }
}
