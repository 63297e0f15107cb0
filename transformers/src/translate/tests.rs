//! What is written here is that which no table shows: that an event that goes to another cloud and
//! comes back says what it said, but for what the list of losses names.

mod round_trip;
mod samples;
mod traps;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::FutureExt;
use hybridge_core::{Applied, Message, Transformer};
use serde_json::Value as Json;

/// A step as it stands in a file; made once for each thread.
fn step(text: &str) -> Rc<dyn Transformer> {
    thread_local! {
        static STEPS: RefCell<HashMap<String, Rc<dyn Transformer>>> = RefCell::default();
    }
    let made = STEPS.with_borrow(|steps| steps.get(text).cloned());
    made.unwrap_or_else(|| {
        let step: Rc<dyn Transformer> = crate::testing::step(&format!("translate: {text}")).into();
        STEPS.with_borrow_mut(|steps| steps.insert(text.to_owned(), step.clone()));
        step
    })
}

fn apply(step: &dyn Transformer, message: Message) -> Applied {
    let mut applied = step.apply(vec![message]).now_or_never().expect("never yields");
    assert_eq!(applied.len(), 1);
    applied.remove(0)
}

fn all(applied: Applied) -> Vec<Message> {
    match applied {
        Applied::One(message) => vec![message],
        Applied::Many(messages) => messages,
        other => panic!("{other:?}"),
    }
}

fn one(step: &dyn Transformer, message: Message) -> Message {
    let mut messages = all(apply(step, message));
    assert_eq!(messages.len(), 1);
    messages.remove(0)
}

fn plain(payload: &str) -> Message {
    let payload = Some(Bytes::copy_from_slice(payload.as_bytes()));
    Message { payload, ..Message::default() }
}

fn data(message: &Message) -> Json {
    serde_json::from_slice(message.payload.as_deref().expect("a payload")).expect("JSON")
}
