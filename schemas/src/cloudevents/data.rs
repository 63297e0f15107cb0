//! What `datacontenttype` says about data, for formats that tell text from bytes.

use crate::media_type::MediaType;

/// Whether the data is JSON.
pub(super) fn is_json(content_type: Option<&str>) -> bool {
    content_type.and_then(MediaType::parse).is_some_and(|media_type| media_type.is_json())
}

/// Whether the data is text: its type says so, or does not say that it is not and the bytes look like it. Without a type
/// nothing is known of the bytes.
pub(super) fn is_text(content_type: Option<&str>, payload: &[u8]) -> bool {
    let Some(media_type) = content_type.and_then(MediaType::parse) else { return false };
    if media_type.is_binary() || media_type.has_foreign_charset() {
        return false;
    }
    let Ok(text) = std::str::from_utf8(payload) else { return false };
    let is_shown = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    media_type.is_text() || media_type.is_json() || text.chars().all(is_shown)
}
