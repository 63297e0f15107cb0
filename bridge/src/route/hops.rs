//! The hop list: a message that comes through the same route again is in a loop.
//!
//! Loops between the routes of one configuration are refused when it is loaded. Those that cross
//! processes are stopped here: each route adds itself to a header, and what meets itself there is
//! a dead letter. So a loop amplifies nothing: a message goes round once.

use std::cell::RefCell;

use bytes::Bytes;
use hybridge_core::{Error, HOPS, Header, Headers, Text};

/// More hops than any sensible path has: what gets here is in a loop that changes names.
const MAX_HOPS: usize = 16;

/// Adds one route to the hop list of messages.
pub(crate) struct Hops {
    own: Text,
    /// The headers of the last message, before and after: most messages of a route have the same
    /// ones, and for them nothing is allocated.
    last: RefCell<(Headers, Headers)>,
}

impl Hops {
    /// The hop of `route` of this `instance`.
    pub fn new(instance: &str, route: &str) -> Self {
        let own = Text::from(format!("{instance}/{route}"));
        let name = Text::from_static(HOPS);
        let alone = [Header { name, value: Some(own.as_bytes().clone()) }].into_iter().collect();
        Self { own, last: RefCell::new((Headers::new(), alone)) }
    }

    /// The headers with this hop added; an error if the message was here before.
    pub fn stamp(&self, headers: &Headers) -> Result<Headers, Error> {
        let mut last = self.last.borrow_mut();
        if last.0 != *headers {
            let mut stamped = headers.clone();
            let value = match stamped.get_ignore_case(HOPS) {
                None => self.own.as_bytes().clone(),
                Some(before) => self.extend(&before)?,
            };
            stamped.set(Text::from_static(HOPS), Some(value));
            // A copy: a slice would keep the memory that the message came in.
            let before = Bytes::copy_from_slice(headers.as_block());
            *last = (Headers::from_block(before), stamped);
        }
        Ok(last.1.clone())
    }

    fn extend(&self, before: &Bytes) -> Result<Bytes, Error> {
        let mut hops = 0;
        for hop in before.split(|byte| *byte == b',') {
            hops += 1;
            if hop == self.own.as_bytes() {
                let text = "the message came through this route before: a loop of routes";
                return Err(Error::rejected(text));
            }
        }
        if hops >= MAX_HOPS {
            return Err(Error::rejected(format!("more than {MAX_HOPS} hops: a loop of routes")));
        }
        Ok(Bytes::from([before, b",".as_slice(), self.own.as_bytes()].concat()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i12_a_message_goes_round_a_loop_once() {
        let (here, there) = (Hops::new("a", "orders"), Hops::new("b", "orders"));
        let first = here.stamp(&Headers::new()).unwrap();
        let second = there.stamp(&first).unwrap();
        assert_eq!(second.get(HOPS).unwrap(), "a/orders,b/orders");
        let error = here.stamp(&second).unwrap_err();
        assert_eq!(error.kind(), hybridge_core::ErrorKind::Rejected);
    }

    #[test]
    fn the_memory_of_a_message_is_not_kept() {
        let hops = Hops::new("a", "orders");
        let mut headers = Headers::new();
        headers.push("x".into(), Some(Bytes::from_static(b"1")));
        let first = hops.stamp(&headers).unwrap();
        assert_eq!(hops.stamp(&headers).unwrap(), first);
        assert!(headers.as_block().is_unique(), "it may be a slice of a large piece");
    }

    #[test]
    fn a_loop_that_changes_names_ends_too() {
        let mut headers = Headers::new();
        let mut hops = 0;
        while let Ok(next) = Hops::new("a", &format!("r{hops}")).stamp(&headers) {
            headers = next;
            hops += 1;
        }
        assert_eq!(hops, MAX_HOPS);
    }
}
