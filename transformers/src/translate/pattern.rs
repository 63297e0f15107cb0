//! Texts with fields in them, such as `/containers/{container}/blobs/{key}`.

use std::borrow::Cow;

use hybridge_schemas::{json, uri};

/// A compiled pattern. `{name}` is a field, `{name%}` one that is percent-encoded like the path of
/// a URL, `{name#}` one of 20 digits without its zeros in front, `{name/}` one with a slash before it, `{$name}` something
/// that the event or the step knows and that is no field.
#[derive(Debug)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(Box<str>),
    Field { field: usize, how: How },
    Known(Known),
}

/// How a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Plain,
    Encoded,
    Digits,
    /// With a slash before it, unless it has one.
    Rooted,
}

/// What a pattern may refer to beside fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// The id of the event.
    Id,
    /// The id of the request in the id of a notification of S3.
    Request,
    /// The id of the host in the id of a notification of S3.
    Host,
    /// Its time.
    Time,
    /// What comes after the prefix in its type.
    Name,
    /// The account of AWS or the storage account of Azure, from its source.
    Account,
    /// The region, from its source.
    Region,
    /// The project, from the options.
    Project,
    /// The location, from the options.
    Location,
    /// The source.
    Source,
    /// The last part of the source.
    Store,
}

impl How {
    fn written(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Encoded => uri::encode_path(text),
            Self::Rooted if !text.starts_with('/') => Cow::Owned(format!("/{text}")),
            Self::Plain | Self::Digits | Self::Rooted => Cow::Borrowed(text),
        }
    }
}

impl Pattern {
    /// Compiles a pattern; `field` finds a field by its name. What is neither is text.
    pub(super) fn new(text: &str, field: impl Fn(&str) -> Option<usize>) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        let mut plain = String::new();
        while let Some(at) = rest.find('{') {
            let Some(length) = rest[at..].find('}') else { break };
            let name = &rest[at + 1..at + length];
            let (bare, how) = match name.as_bytes().last() {
                Some(b'%') => (&name[..name.len() - 1], How::Encoded),
                Some(b'#') => (&name[..name.len() - 1], How::Digits),
                Some(b'/') => (&name[..name.len() - 1], How::Rooted),
                _ => (name, How::Plain),
            };
            let part = match name.strip_prefix('$') {
                Some(known) => known_by(known).map(Part::Known),
                None => field(bare).map(|field| Part::Field { field, how }),
            };
            plain.push_str(&rest[..at]);
            match part {
                Some(part) => {
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain).into()));
                    }
                    parts.push(part);
                }
                None => plain.push_str(&rest[at..=at + length]),
            }
            rest = &rest[at + length + 1..];
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain.into()));
        }
        Self(parts)
    }

    /// The fields in it.
    pub(super) fn fields(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().filter_map(|part| match part {
            Part::Field { field, .. } => Some(*field),
            _ => None,
        })
    }

    /// Shows each field with its text if all of `text` fits; a part ends where the text that
    /// follows it in the pattern first occurs, and is never empty.
    pub(super) fn matches<'t>(
        &self,
        text: &'t str,
        mut show: impl FnMut(usize, Cow<'t, str>),
    ) -> bool {
        let mut found = Vec::with_capacity(4);
        let mut rest = text;
        for (index, part) in self.0.iter().enumerate() {
            let (field, how) = match part {
                Part::Text(text) => match rest.strip_prefix(&**text) {
                    Some(after) => {
                        rest = after;
                        continue;
                    }
                    None => return false,
                },
                Part::Field { field, how } => (Some(*field), *how),
                Part::Known(_) => (None, How::Plain),
            };
            let end = match self.0.get(index + 1) {
                Some(Part::Text(next)) => rest.find(&**next),
                _ => Some(rest.len()),
            };
            let Some(end) = end.filter(|end| *end > 0) else { return false };
            if let Some(field) = field {
                let decoded = match how {
                    How::Encoded => decode(&rest[..end]),
                    How::Plain | How::Digits | How::Rooted => Some(rest[..end].into()),
                };
                let Some(decoded) = decoded else { return false };
                found.push((field, decoded));
            }
            rest = &rest[end..];
        }
        if !rest.is_empty() {
            return false;
        }
        found.into_iter().for_each(|(field, text)| show(field, text));
        true
    }

    /// Whether every part is there.
    pub(super) fn can_fill<'v>(
        &self,
        field: impl Fn(usize) -> Option<&'v str>,
        known: impl Fn(Known) -> Option<Cow<'v, str>>,
    ) -> bool {
        self.each(field, known, |_, _| {}).is_some()
    }

    /// The text with every part filled in; none where one is not there.
    pub(super) fn fill<'v>(
        &self,
        field: impl Fn(usize) -> Option<&'v str>,
        known: impl Fn(Known) -> Option<Cow<'v, str>>,
    ) -> Option<String> {
        let mut filled = String::with_capacity(64);
        self.each(field, known, |how, text| filled.push_str(&how.written(text)))?;
        Some(filled)
    }

    /// Appends the text as a JSON string; appends nothing where a part is not there.
    pub(super) fn write<'v>(
        &self,
        out: &mut Vec<u8>,
        field: impl Fn(usize) -> Option<&'v str>,
        known: impl Fn(Known) -> Option<Cow<'v, str>>,
    ) -> bool {
        let start = out.len();
        out.push(b'"');
        let filled =
            self.each(field, known, |how, text| json::write_inside(out, &how.written(text)));
        match filled {
            Some(()) => out.push(b'"'),
            None => out.truncate(start),
        }
        filled.is_some()
    }

    /// Whether `text` is what would be filled in; none where a part is not there.
    pub(super) fn is<'v>(
        &self,
        text: &str,
        field: impl Fn(usize) -> Option<&'v str>,
        known: impl Fn(Known) -> Option<Cow<'v, str>>,
    ) -> Option<bool> {
        let mut rest = Some(text);
        self.each(field, known, |how, text| {
            rest = rest.and_then(|rest| rest.strip_prefix(&*how.written(text)));
        })?;
        Some(rest == Some(""))
    }

    /// Shows the text of each part, and how it is to be written; none where one is not there.
    fn each<'v>(
        &self,
        field: impl Fn(usize) -> Option<&'v str>,
        known: impl Fn(Known) -> Option<Cow<'v, str>>,
        mut show: impl FnMut(How, &str),
    ) -> Option<()> {
        for part in &self.0 {
            match part {
                Part::Text(text) => show(How::Plain, text),
                Part::Field { field: index, how: How::Digits } => {
                    show(How::Digits, digits(field(*index)?)?);
                }
                Part::Field { field: index, how } => show(*how, field(*index)?),
                Part::Known(which) => show(How::Plain, &known(*which)?),
            }
        }
        Some(())
    }
}

fn known_by(name: &str) -> Option<Known> {
    Some(match name {
        "id" => Known::Id,
        "request" => Known::Request,
        "host" => Known::Host,
        "time" => Known::Time,
        "name" => Known::Name,
        "account" => Known::Account,
        "region" => Known::Region,
        "project" => Known::Project,
        "location" => Known::Location,
        "source" => Known::Source,
        "store" => Known::Store,
        _ => return None,
    })
}

/// A number of 20 digits without its zeros in front.
pub(super) fn digits(text: &str) -> Option<&str> {
    let is_one = text.len() == 20 && text.bytes().all(|byte| byte.is_ascii_digit());
    let digits = text.trim_start_matches('0');
    is_one.then_some(if digits.is_empty() { "0" } else { digits })
}

/// Out of percent-encoding; none where that is no text.
pub(super) fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    unescaped(text, |byte| byte).map(Cow::Owned)
}

/// Out of the encoding of forms, where a space is a plus; none where that is no text.
pub(super) fn decode_form(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    unescaped(text, |byte| if byte == b'+' { b' ' } else { byte }).map(Cow::Owned)
}

/// A percent sign without two hexadecimal digits stands for itself.
fn unescaped(text: &str, plain: impl Fn(u8) -> u8) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if *byte == b'%'
            && let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2))
        {
            out.push(u8::try_from(high * 16 + low).unwrap_or_default());
            at += 3;
            continue;
        }
        out.push(plain(*byte));
        at += 1;
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text, |name| ["a", "b"].iter().position(|other| *other == name))
    }

    fn found(pattern: &Pattern, text: &str) -> Option<Vec<(usize, String)>> {
        let mut found = Vec::new();
        let fits = pattern.matches(text, |field, text| found.push((field, text.into_owned())));
        fits.then_some(found)
    }

    #[test]
    fn parts_end_where_the_next_text_begins() {
        let both = pattern("/c/{a}/blobs/{b%}");
        let want = vec![(0, "x".to_owned()), (1, "y/blobs/z é".to_owned())];
        assert_eq!(found(&both, "/c/x/blobs/y/blobs/z%20%C3%A9"), Some(want));
        assert_eq!(found(&both, "/c//blobs/y"), None);
        assert_eq!(found(&both, "/c/x/blobs/"), None);
        assert_eq!(found(&both, "/d/x/blobs/y"), None);
        assert_eq!(found(&both, "/c/x/blobs/%ff"), None);
        let filled = both.fill(|field| Some(["x", "y z"][field]), |_| None);
        assert_eq!(filled.as_deref(), Some("/c/x/blobs/y%20z"));
        let known = pattern("{$region}/{c}/{a}");
        assert_eq!(found(&known, "eu/{c}/1"), Some(vec![(0, "1".to_owned())]));
        assert_eq!(known.fill(|_| Some("1"), |_| Some("us".into())).as_deref(), Some("us/{c}/1"));
        assert_eq!(known.fill(|_| None, |_| Some("us".into())), None);
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(text in "\\PC{0,20}") {
            let (form, path) = (uri::encode_form(&text), uri::encode_path(&text));
            prop_assert_eq!(decode_form(&form).unwrap(), text.as_str());
            prop_assert_eq!(decode(&path).unwrap(), text.as_str());
        }
    }
}
