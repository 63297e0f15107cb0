//! Distributed tracing: the trace that an event started in travels in it, and each hop has its own in the headers of its
//! protocol (W3C Trace Context, section 3.2).

use std::fmt;

/// A `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace, 16 bytes and not all 0.
    pub trace_id: [u8; 16],
    /// The span in it, 8 bytes and not all 0.
    pub parent_id: [u8; 8],
    /// Bit 0: sampled.
    pub flags: u8,
}

/// Characters that version 00 has, and that every later one begins with.
const LENGTH: usize = 55;

impl TraceParent {
    /// Reads a `traceparent` of any version, with the white space around it that a header may have. `None` for what is
    /// none: then a new trace begins, and the message is as good as before.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches([' ', '\t']).as_bytes();
        let (known, rest) = text.split_at_checked(LENGTH)?;
        let is_separated = [2, 35, 52].iter().all(|at| known[*at] == b'-');
        let [version] = hex(&known[..2])?;
        let is_whole = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.is_empty() || rest[0] == b'-',
        };
        if !is_separated || !is_whole {
            return None;
        }
        let parent = Self {
            trace_id: hex(&known[3..35])?,
            parent_id: hex(&known[36..52])?,
            flags: hex::<1>(&known[53..55])?[0],
        };
        (parent.trace_id != [0; 16] && parent.parent_id != [0; 8]).then_some(parent)
    }

    /// The next hop of the same trace, in a span of its own.
    pub fn child(self, span: [u8; 8]) -> Self {
        Self { parent_id: span, ..self }
    }
}

/// As version 00, of whose flags only the first is known.
impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trace_id = u128::from_be_bytes(self.trace_id);
        let parent_id = u64::from_be_bytes(self.parent_id);
        write!(f, "00-{trace_id:032x}-{parent_id:016x}-{:02x}", self.flags & 1)
    }
}

/// Bytes of two lower-case digits each.
fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            trace_id in any::<[u8; 16]>(), parent_id in any::<[u8; 8]>(), sampled in any::<bool>(),
        ) {
            prop_assume!(trace_id != [0; 16] && parent_id != [0; 8]);
            let parent = TraceParent { trace_id, parent_id, flags: sampled.into() };
            prop_assert_eq!(TraceParent::parse(&parent.to_string()), Some(parent));
        }

        #[test]
        fn any_text_is_answered(text in any::<String>()) {
            let _ = TraceParent::parse(&text);
        }
    }

    #[test]
    fn a_later_version_may_say_more() {
        let known = "-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03";
        let parse = |text: String| TraceParent::parse(&text).map(|parent| parent.to_string());
        let expected = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
        for text in [format!("00{known}"), format!("01{known}"), format!("fe{known}-more")] {
            assert_eq!(parse(text.clone()), expected, "{text}");
        }
        for text in
            [format!("ff{known}"), format!("00{known}-"), format!("01{known}."), known.into()]
        {
            assert_eq!(parse(text.clone()), None, "{text}");
        }
    }
}
