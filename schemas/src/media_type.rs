//! Media types: what a content type says about the bytes (RFC 2045 section 5.1, RFC 6838).

/// A content type taken apart; borrows the text.
#[derive(Clone, Copy, Debug)]
pub struct MediaType<'a> {
    kind: &'a str,
    subtype: &'a str,
    parameters: &'a str,
}

impl<'a> MediaType<'a> {
    /// Takes `type/subtype; name=value; ...` apart; `None` where that grammar is not met.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        let (kind, subtype) = essence.trim_matches(is_space).split_once('/')?;
        let media_type = Self { kind, subtype, parameters };
        let is_sound = is_token(kind)
            && is_token(subtype)
            && Parameters(parameters).all(|parameter| parameter.is_some());
        is_sound.then_some(media_type)
    }

    /// Whether the bytes are JSON: `*/json` or `*/*+json`, as in section 3.1 of the JSON format of
    /// CloudEvents.
    pub fn is_json(&self) -> bool {
        self.subtype.eq_ignore_ascii_case("json") || self.has_suffix("+json")
    }

    /// Whether the bytes are surely text: `text/*`, XML, YAML and forms, or any type with a
    /// `charset` of UTF-8 or ASCII.
    pub fn is_text(&self) -> bool {
        const TEXT: [&str; 7] =
            ["xml", "yaml", "javascript", "x-www-form-urlencoded", "graphql", "sql", "toml"];
        let known = TEXT.iter().any(|name| self.subtype.eq_ignore_ascii_case(name));
        known
            || self.kind.eq_ignore_ascii_case("text")
            || self.has_suffix("+xml")
            || self.has_suffix("+yaml")
            || self.parameter("charset").is_some_and(|charset| is_utf8(&charset))
    }

    /// Whether the bytes are surely not text: pictures, sound, archives, `application/octet-stream`,
    /// and what calls itself binary.
    pub fn is_binary(&self) -> bool {
        const KINDS: [&str; 4] = ["image", "audio", "video", "font"];
        const SUBTYPES: [&str; 8] =
            ["octet-stream", "zip", "gzip", "zstd", "pdf", "protobuf", "avro", "cbor"];
        KINDS.iter().any(|kind| self.kind.eq_ignore_ascii_case(kind))
            || self.has_suffix(".binary")
            || SUBTYPES.iter().any(|subtype| self.subtype.eq_ignore_ascii_case(subtype))
    }

    /// Whether type and subtype are these, in any case.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
    }

    /// The subtype as it is written.
    pub fn subtype(&self) -> &'a str {
        self.subtype
    }

    /// Whether it names a character set that is not UTF-8 or its subset ASCII.
    pub fn has_foreign_charset(&self) -> bool {
        self.parameter("charset").is_some_and(|charset| !is_utf8(&charset))
    }

    /// The value of a parameter, out of its quotes; its name is compared without regard to case.
    pub fn parameter(&self, name: &str) -> Option<String> {
        Parameters(self.parameters)
            .flatten()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    fn has_suffix(&self, suffix: &str) -> bool {
        let start = self.subtype.len().checked_sub(suffix.len());
        start
            .and_then(|start| self.subtype.get(start..))
            .is_some_and(|end| end.eq_ignore_ascii_case(suffix))
    }
}

/// Equal where type, subtype and parameter names are equal without regard to case, and parameter
/// values are equal exactly; only a `charset` has no case. The order of parameters has no meaning.
impl PartialEq for MediaType<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.is(other.kind, other.subtype)
            && sorted_parameters(self.parameters) == sorted_parameters(other.parameters)
    }
}

fn sorted_parameters(text: &str) -> Vec<(String, String)> {
    let mut parameters: Vec<(String, String)> = Parameters(text)
        .flatten()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .map(|(name, value)| match name.as_str() {
            "charset" => (name, value.to_ascii_lowercase()),
            _ => (name, value),
        })
        .collect();
    parameters.sort_unstable();
    parameters
}

fn is_utf8(charset: &str) -> bool {
    ["utf-8", "utf8", "us-ascii", "ascii"].iter().any(|name| charset.eq_ignore_ascii_case(name))
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

fn is_token(text: &str) -> bool {
    let is_token_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Parameters one by one; `None` for text that is no parameter, and then nothing more.
struct Parameters<'a>(&'a str);

impl<'a> Iterator for Parameters<'a> {
    type Item = Option<(&'a str, String)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0 = self.0.trim_start_matches(|c| c == ';' || is_space(c));
        if self.0.is_empty() {
            return None;
        }
        let parameter = self.take();
        if parameter.is_none() {
            self.0 = "";
        }
        Some(parameter)
    }
}

impl<'a> Parameters<'a> {
    fn take(&mut self) -> Option<(&'a str, String)> {
        let (name, rest) = self.0.split_once('=')?;
        // RFC 2045 has white space between any two of its tokens.
        let (name, rest) = (name.trim_end_matches(is_space), rest.trim_start_matches(is_space));
        if !is_token(name) {
            return None;
        }
        if let Some(quoted) = rest.strip_prefix('"') {
            let (value, rest) = unquote(quoted)?;
            let rest = rest.trim_start_matches(is_space);
            self.0 = rest;
            return (rest.is_empty() || rest.starts_with(';')).then_some((name, value));
        }
        let (value, rest) = rest.split_once(';').unwrap_or((rest, ""));
        self.0 = rest;
        let value = value.trim_end_matches(is_space);
        is_token(value).then(|| (name, value.to_owned()))
    }
}

/// What stands before the closing quote, out of its escapes, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            ' '..='~' | '\t' => value.push(c),
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_told_by_subtype_and_suffix() {
        for text in
            ["application/json", "TEXT/JSON; charset=utf-8", "image/svg+JSON", "a/b+json;v=\"1;2\""]
        {
            assert!(MediaType::parse(text).unwrap().is_json(), "{text}");
        }
        for text in ["application/json-seq", "application/jsonx", "application/x+jsonl"] {
            assert!(!MediaType::parse(text).unwrap().is_json(), "{text}");
        }
    }

    #[test]
    fn what_is_no_media_type_is_refused() {
        for text in [
            "",
            "json",
            "a/",
            "/b",
            "a b/c",
            "a/b; x",
            "a/b; x=\"1",
            "a/b; x=\"1\"y",
            "a/b\n",
            "a/b; x=é",
        ] {
            assert!(MediaType::parse(text).is_none(), "{text:?}");
        }
        let spaced = MediaType::parse("a/b;\tcharset = \"utf-8\" ; x= 1").unwrap();
        assert_eq!(spaced, MediaType::parse("a/b;charset=UTF-8;x=1").unwrap());
        assert!(MediaType::parse("a/b;").is_some(), "a trailing semicolon is often seen");
    }
}
