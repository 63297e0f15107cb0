//! A token in a file, which another program renews.

use std::path::PathBuf;

use hybridge_core::ErrorKind;
use rdkafka::client::OAuthToken;

use super::{NoToken, UNKNOWN_LIFETIME, claims, now};

/// Where the token is and whose it is.
#[derive(Debug)]
pub(in crate::kafka) struct TokenFile {
    pub(super) path: PathBuf,
    /// The principal, where the configuration names it.
    pub(super) principal: Option<String>,
}

impl TokenFile {
    /// Reads the token. The error does not show it.
    pub(super) fn read(&self) -> Result<OAuthToken, NoToken> {
        let shown = self.path.display();
        let text = std::fs::read_to_string(&self.path)
            .map_err(|error| refused(format!("cannot read the token file {shown}: {error}")))?;
        let token = text.trim().to_owned();
        if token.is_empty() {
            return Err(refused(format!("the token file {shown} is empty: write a token to it")));
        }
        let claims = claims(&token).unwrap_or_default();
        let now = now();
        let lifetime_ms = match claims.exp {
            Some(seconds) if seconds * 1_000.0 <= now as f64 => {
                let what = format!("the token in {shown} has expired: write a new one to it");
                return Err(refused(what));
            }
            Some(seconds) => (seconds * 1_000.0) as i64,
            None => now + UNKNOWN_LIFETIME,
        };
        let principal = self.principal.clone().or(claims.sub);
        let principal_name = principal.unwrap_or_else(|| "hybridge".to_owned());
        Ok(OAuthToken { token, principal_name, lifetime_ms })
    }
}

fn refused(what: String) -> NoToken {
    NoToken::new(ErrorKind::Unauthorized, what)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, TokenFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, text).unwrap();
        (folder, TokenFile { path, principal: None })
    }

    fn token(claims: &str) -> String {
        format!("e30.{}.", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_token_says_whose_it_is_and_how_long_it_is_good() {
        let (_folder, read) = file(&format!("{}\n", token(r#"{"sub":"ada","exp":4102444800}"#)));
        let got = read.read().unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!((got.principal_name.as_str(), got.lifetime_ms), ("ada", 4_102_444_800_000));
        assert!(!got.token.ends_with('\n'));
    }

    #[test]
    fn an_expired_token_is_not_shown_to_anybody() {
        let expired = token(r#"{"sub":"ada","exp":1}"#);
        let (_folder, read) = file(&expired);
        let error = read.read().map(|_| ()).unwrap_err().what;
        assert!(error.contains("has expired") && !error.contains(&expired), "{error}");
        let (_folder, read) = file("opaque");
        assert!(read.read().is_ok_and(|got| got.principal_name == "hybridge"));
    }
}
