//! An address that may carry a credential.

use std::{borrow::Cow, fmt, net::IpAddr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::Secret;

/// A URL; its user info and its query may be credentials, so only scheme, host and path are printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Url(Secret);

impl Url {
    /// Takes a text as it stands; [`crate::load`] checks that it is an absolute URL.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Secret::new(text))
    }

    /// The whole text, credentials included, for the client that opens it.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Scheme and authority of an absolute URL with a host, and what follows them; `None` for anything else.
    fn parts(&self) -> Option<(&str, &str, &str)> {
        let (scheme, rest) = self.expose().split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let named = !host.is_empty() && !host.starts_with(':');
        let clean = !self.expose().contains(|c: char| c.is_whitespace() || c.is_control());
        (named && clean).then_some((scheme, authority, path))
    }

    /// Checks that this is an absolute URL of one of `schemes`, without credentials in front of the host.
    ///
    /// # Errors
    /// What is wrong, without the value.
    pub fn check(&self, schemes: &[&str]) -> Result<(), String> {
        if self.check_scheme(schemes)?.contains('@') {
            return Err("a URL with user and password in it".to_owned());
        }
        Ok(())
    }

    /// Checks that this is an absolute URL of one of `schemes`, and gives its authority.
    ///
    /// # Errors
    /// What is wrong, without the value.
    pub(crate) fn check_scheme(&self, schemes: &[&str]) -> Result<&str, String> {
        let Some((scheme, authority, _)) = self.parts() else {
            return Err("not an absolute URL".to_owned());
        };
        if !schemes.contains(&scheme) {
            return Err(format!("not a URL of scheme {}", schemes.join(" or ")));
        }
        Ok(authority)
    }

    /// Whether what is sent there can be read on its way: by `http` or `amqp`, to another machine than this one.
    pub fn is_readable_on_the_way(&self) -> bool {
        let Some(("http" | "amqp", authority, _)) = self.parts() else { return false };
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let host = match authority.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        };
        let is_loopback = host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        !is_loopback && !host.eq_ignore_ascii_case("localhost")
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Some((scheme, authority, path)) = self.parts() else {
            return f.write_str("[not a URL]");
        };
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let end = path.find(['?', '#']).unwrap_or(path.len());
        write!(f, "{scheme}://{host}{}", &path[..end])
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Url {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self::new)
    }
}

impl JsonSchema for Url {
    fn schema_name() -> Cow<'static, str> {
        "Url".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "hybridge-url",
            "description": "An absolute URL; never printed with its query or its user info.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_query_nor_user_info_is_printed() {
        let url = Url::new("https://user:hunter2@host:8443/path?code=hunter2#hunter2");
        assert_eq!(format!("{url} {url:?}"), "https://host:8443/path https://host:8443/path");
        assert_eq!(Url::new("hunter2").to_string(), "[not a URL]");
    }

    #[test]
    fn only_an_absolute_url_of_the_scheme_passes() {
        let check = |text: &str| Url::new(text).check(&["http", "https"]);
        assert_eq!(check("https://host/path?x=1"), Ok(()));
        assert_eq!(check("http://[::1]:8080"), Ok(()));
        for bad in
            ["host/path", "ftp://host", "http://", "http://:80/", "http://a@b/", "http://a b"]
        {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_leaves_this_machine_in_plain_text_is_known() {
        for (url, readable) in [
            ("http://example.com/", true),
            ("http://127.0.0.1.example.com:80/", true),
            ("http://[2001:db8::1]:80/", true),
            ("https://example.com/", false),
            ("http://LOCALHOST:1/", false),
            ("http://127.1.2.3/", false),
            ("http://[::1]:1/", false),
        ] {
            assert_eq!(Url::new(url).is_readable_on_the_way(), readable, "{url}");
        }
    }
}
