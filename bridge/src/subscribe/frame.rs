//! The text of server-sent events (WHATWG HTML, section 9.2.6).

use crate::feed::Cursor;

/// Appends an event. Line ends inside `data` become ends of `data:` lines, which the reader joins
/// with a line feed; in JSON they are white space. The id comes last: whoever takes ids from the
/// lines of a connection that broke has never one of an event that it has not.
pub(super) fn event(out: &mut Vec<u8>, id: &Cursor, kind: &str, data: &[u8]) {
    out.extend_from_slice(b"event: ");
    out.extend(kind.bytes().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
    let mut rest = data;
    loop {
        out.extend_from_slice(b"\ndata: ");
        let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
            out.extend_from_slice(rest);
            break;
        };
        out.extend_from_slice(&rest[..end]);
        let both = rest[end..].starts_with(b"\r\n");
        rest = &rest[end + 1 + usize::from(both)..];
    }
    out.push(b'\n');
    write_id(out, id);
    out.push(b'\n');
}

/// Appends a comment that keeps the connection open and says how far the reader has come, also
/// past events that its filter left out; the reader's `Last-Event-ID` moves with it.
pub(super) fn heartbeat(out: &mut Vec<u8>, id: &Cursor) {
    out.extend_from_slice(b": heartbeat\n");
    write_id(out, id);
    out.push(b'\n');
}

fn write_id(out: &mut Vec<u8>, id: &Cursor) {
    out.extend_from_slice(b"id: ");
    out.extend_from_slice(id.to_string().as_bytes());
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_an_event_ends_its_frame() {
        let mut id = Cursor::default();
        id.set(0, 7);
        let mut out = Vec::new();
        event(&mut out, &id, "a\r\ndata: x", b"{\r\n1,\r2\n}");
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "event: a  data: x\ndata: {\ndata: 1,\ndata: 2\ndata: }\nid: 0:7\n\n");
    }

    #[test]
    fn a_heartbeat_moves_the_id() {
        let mut out = Vec::new();
        heartbeat(&mut out, &"1:3".parse().unwrap());
        assert_eq!(out, b": heartbeat\nid: 1:3\n\n");
    }
}
