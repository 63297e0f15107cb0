//! The frames of the NATS client protocol, to and from bytes.
//!
//! Source of the rules: the client protocol of the NATS documentation. What a server sends is taken apart without
//! looking into subjects, headers and bodies: any bytes there are somebody's data.

use bytes::{Buf, Bytes, BytesMut};

/// The longest line before a frame's body: subject and reply subject are in it.
const MAX_LINE: usize = 64 << 10;
/// The largest body that any server allows.
const MAX_BODY: usize = 64 << 20;

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Frame {
    Message(Incoming),
    Ping,
    Pong,
    Ok,
    /// About the server, as JSON.
    Info(Bytes),
    Error(String),
}

/// A message of one of our subscriptions. All parts share one piece of memory of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Incoming {
    pub(super) sid: u64,
    pub(super) subject: Bytes,
    pub(super) reply: Option<Bytes>,
    /// The header block with its first line; empty where there is none.
    pub(super) headers: Bytes,
    pub(super) payload: Bytes,
}

impl Incoming {
    /// The status in the first line of the header block: what the server says about a request instead of an answer.
    pub(super) fn status(&self) -> Option<u16> {
        let status = self.headers.strip_prefix(b"NATS/1.0 ")?.get(..3)?;
        std::str::from_utf8(status).ok()?.parse().ok()
    }

    /// The text behind the status.
    pub(super) fn description(&self) -> String {
        let line = self.headers.split(|byte| *byte == b'\r').next().unwrap_or_default();
        String::from_utf8_lossy(line.get(13..).unwrap_or_default()).trim().to_owned()
    }
}

/// What arrived is not this protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server does not speak NATS: {0}")]
pub(super) struct Malformed(&'static str);

/// Takes the first frame out of `input`; `None` when it is not all there yet.
pub(super) fn parse(input: &mut BytesMut) -> Result<Option<Frame>, Malformed> {
    let Some(end) = input.iter().take(MAX_LINE).position(|byte| *byte == b'\n') else {
        let is_long = input.len() >= MAX_LINE;
        return if is_long { Err(Malformed("a line without an end")) } else { Ok(None) };
    };
    let line = input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]);
    let (verb, rest) = match line.iter().position(|byte| matches!(byte, b' ' | b'\t')) {
        Some(at) => (&line[..at], &line[at + 1..]),
        None => (line, &[][..]),
    };
    let frame = match verb {
        b"MSG" => return message(input, end, false),
        b"HMSG" => return message(input, end, true),
        b"PING" => Frame::Ping,
        b"PONG" => Frame::Pong,
        b"+OK" => Frame::Ok,
        b"INFO" => Frame::Info(Bytes::copy_from_slice(rest)),
        b"-ERR" => {
            let text = String::from_utf8_lossy(rest);
            Frame::Error(text.trim().trim_matches('\'').to_owned())
        }
        _ => return Err(Malformed("an unknown verb")),
    };
    input.advance(end + 1);
    Ok(Some(frame))
}

/// `MSG <subject> <sid> [reply] <bytes>`, `HMSG <subject> <sid> [reply] <header bytes> <all bytes>`.
fn message(
    input: &mut BytesMut,
    end: usize,
    has_headers: bool,
) -> Result<Option<Frame>, Malformed> {
    const ARGUMENTS: Malformed = Malformed("the arguments of a message");
    let verb = if has_headers { 5 } else { 4 };
    let line = input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]);
    let mut words = [(0, 0); 5];
    let mut count = 0;
    let mut at = verb;
    while at < line.len() {
        let length = line[at..].iter().position(|byte| matches!(byte, b' ' | b'\t'));
        let until = length.map_or(line.len(), |length| at + length);
        if until > at {
            *words.get_mut(count).ok_or(ARGUMENTS)? = (at, until);
            count += 1;
        }
        at = until + 1;
    }
    let sizes = if has_headers { 2 } else { 1 };
    let has_reply = match count.checked_sub(2 + sizes) {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(ARGUMENTS),
    };
    let word = |index: usize| words.get(index).map(|(from, to)| &line[*from..*to]);
    let number = |index: usize| word(index).and_then(number).ok_or(ARGUMENTS);
    let sid = number(1)? as u64;
    let total = number(count - 1)?;
    let header = if has_headers { number(count - 2)? } else { 0 };
    if header > total || total > MAX_BODY {
        return Err(Malformed("the sizes of a message"));
    }
    let body = end + 1;
    let whole = body + total + 2;
    if input.len() < whole {
        let missing = whole - input.len();
        input.reserve(missing);
        return Ok(None);
    }
    if input[body + total..whole] != *b"\r\n" {
        return Err(Malformed("a message longer than it says"));
    }
    // A copy, so that what is kept of a message is its own and not the buffer of many.
    let memory = Bytes::copy_from_slice(&input[verb..body + total]);
    let part = |(from, to): (usize, usize)| memory.slice(from - verb..to - verb);
    let incoming = Incoming {
        sid,
        subject: part(words[0]),
        reply: has_reply.then(|| part(words[2])),
        headers: memory.slice(body - verb..body - verb + header),
        payload: memory.slice(body - verb + header..),
    };
    input.advance(whole);
    Ok(Some(Frame::Message(incoming)))
}

fn number(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| usize::from(byte - b'0'));
    digits.iter().try_fold(0, |number: usize, byte| Some(number * 10 + digit(byte)?))
}

/// Adds a message to be published; `headers` is a whole block, or empty.
pub(super) fn publish(
    out: &mut BytesMut,
    subject: &[u8],
    reply: &[u8],
    headers: &[u8],
    payload: &[u8],
) {
    out.reserve(subject.len() + reply.len() + headers.len() + payload.len() + 64);
    out.extend_from_slice(if headers.is_empty() { b"PUB " } else { b"HPUB " });
    out.extend_from_slice(subject);
    out.extend_from_slice(b" ");
    if !reply.is_empty() {
        out.extend_from_slice(reply);
        out.extend_from_slice(b" ");
    }
    if !headers.is_empty() {
        decimal(out, headers.len() as u64);
        out.extend_from_slice(b" ");
    }
    decimal(out, (headers.len() + payload.len()) as u64);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(headers);
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

/// Adds a subscription.
pub(super) fn subscribe(out: &mut BytesMut, subject: &str, queue: Option<&str>, sid: u64) {
    let queue = queue.map(|queue| format!(" {queue}")).unwrap_or_default();
    out.extend_from_slice(format!("SUB {subject}{queue} {sid}\r\n").as_bytes());
}

/// Adds a number in decimal digits.
pub(super) fn decimal(out: &mut BytesMut, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(bytes: &[u8]) -> Vec<Frame> {
        let mut input = BytesMut::from(bytes);
        let mut frames = Vec::new();
        while let Some(frame) = parse(&mut input).unwrap() {
            frames.push(frame);
        }
        assert!(input.is_empty());
        frames
    }

    #[test]
    fn every_frame_of_the_protocol() {
        let frames = all(b"INFO {\"a\":1}\r\nPING\r\nPONG\r\n+OK\r\n-ERR 'Stale Connection'\r\n\
            MSG a.b 7 2\r\nhi\r\nHMSG a 8 r.1 12 14\r\nNATS/1.0\r\n\r\n\xff\r\r\n");
        let Frame::Message(plain) = &frames[5] else { panic!("{frames:?}") };
        assert_eq!(
            (plain.sid, &plain.subject[..], &plain.payload[..]),
            (7, &b"a.b"[..], &b"hi"[..])
        );
        assert_eq!((&plain.reply, plain.headers.len()), (&None, 0));
        let Frame::Message(full) = &frames[6] else { panic!("{frames:?}") };
        assert_eq!((full.reply.as_deref(), &full.payload[..]), (Some(&b"r.1"[..]), &b"\xff\r"[..]));
        assert_eq!(frames[4], Frame::Error("Stale Connection".into()));
        let status = Incoming {
            headers: Bytes::from_static(b"NATS/1.0 409 Consumer Deleted\r\n\r\n"),
            ..Incoming::default()
        };
        assert_eq!(
            (status.status(), status.description().as_str()),
            (Some(409), "Consumer Deleted")
        );
    }

    proptest! {
        #[test]
        fn what_is_published_arrives_however_it_is_cut(
            headers in prop::option::of(prop::collection::vec(any::<u8>(), 1..50)),
            payload in prop::collection::vec(any::<u8>(), 0..300),
            cut in 1..40usize,
        ) {
            let mut out = BytesMut::new();
            let headers = headers.unwrap_or_default();
            publish(&mut out, b"a.b", b"in.1", &headers, &payload);
            // A server changes the verb and puts in the subscription.
            let text = if headers.is_empty() { &out[4..] } else { &out[5..] };
            let verb = if headers.is_empty() { &b"MSG a.b 3"[..] } else { b"HMSG a.b 3" };
            let bytes: Vec<u8> = [verb, &text[3..]].concat();
            let mut input = BytesMut::new();
            let mut frames = Vec::new();
            for piece in bytes.chunks(cut) {
                input.extend_from_slice(piece);
                frames.extend(parse(&mut input).unwrap());
            }
            let expected = Incoming {
                sid: 3,
                subject: Bytes::from_static(b"a.b"),
                reply: Some(Bytes::from_static(b"in.1")),
                headers: headers.into(),
                payload: payload.into(),
            };
            prop_assert_eq!(frames, vec![Frame::Message(expected)]);
        }

        #[test]
        fn any_bytes_are_answered(
            start in prop::sample::select(vec!["", "MSG ", "HMSG a 1 ", "MSG a 1 r 3\r\n", "-ERR"]),
            junk in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut input = BytesMut::from(start.as_bytes());
            input.extend_from_slice(&junk);
            while let Ok(Some(_)) = parse(&mut input) {}
        }
    }
}
