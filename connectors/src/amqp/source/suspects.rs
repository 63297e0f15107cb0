//! Messages that have come back again and again are taken one at a time.
//!
//! A quorum queue counts how often a message came back and lets it go beyond its delivery limit. When a message brings this
//! process down each time, all that were given out with it come back too. So after several crashes a queue is consumed with
//! a prefetch count of one until a message is settled that did not come back twice: those that have lie at its head, and only
//! the one that is at fault is counted on.

use std::rc::Rc;

use futures_util::future::{FutureExt, LocalBoxFuture};
use hybridge_core::Error;
use lapin::message::Delivery;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer};

use super::super::client::{self, Client};

/// How often a message came back, as a quorum queue counts.
const COUNT: &str = "x-delivery-count";
/// What came back so often is suspected; one crash, or one connection that was lost, is no loop.
const SUSPECT: i64 = 2;

/// How a queue is consumed as long as its first messages may be suspects.
#[derive(Default)]
pub(super) struct Caution {
    /// The last message that came, where it is no suspect.
    clear: Option<u64>,
    lifting: Option<LocalBoxFuture<'static, Result<Consumer, Error>>>,
}

impl Caution {
    /// A message came, alone.
    pub(super) fn came(&mut self, delivery: &Delivery) {
        let headers = delivery.properties.headers().as_ref();
        let count = headers.and_then(|headers| headers.inner().get(COUNT)?.as_long_long_int());
        let is_suspect = count.is_some_and(|count| count >= SUSPECT);
        if is_suspect {
            let queue = delivery.routing_key.as_str();
            tracing::warn!(queue, count, "a message has come back again, it is taken alone");
        }
        self.clear = (!is_suspect).then_some(delivery.delivery_tag);
    }

    /// Whether the message with this tag, which is resolved, shows that more may be taken.
    pub(super) fn is_over_with(&self, tag: u64) -> bool {
        self.lifting.is_none() && self.clear == Some(tag)
    }

    /// Whether the consumer is being replaced. Nothing is acknowledged meanwhile: the next message must not go to another
    /// process while that one may still be taken by us.
    pub(super) fn is_ending(&self) -> bool {
        self.lifting.is_some()
    }

    /// Begins to consume with this prefetch count. The new consumer is there before the old one goes, so that a queue that
    /// lives as long as its consumers stays.
    pub(super) fn end(
        &mut self,
        client: Rc<Client>,
        channel: Channel,
        queue: ShortString,
        old: ShortString,
        prefetch: u16,
    ) {
        let lifting = async move {
            let changing = async {
                channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
                let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
                let consumer = channel.basic_consume(queue, "".into(), options, none).await?;
                channel.basic_cancel(old, BasicCancelOptions::default()).await?;
                Ok(consumer)
            };
            let changing = changing.map(|changed: lapin::Result<Consumer>| {
                changed.map_err(|error| client::failed("cannot consume the queue", error))
            });
            client.in_time(changing).await
        };
        self.lifting = Some(lifting.boxed_local());
    }

    /// The new consumer, once it is there.
    pub(super) fn ended(
        &mut self,
    ) -> Option<&mut LocalBoxFuture<'static, Result<Consumer, Error>>> {
        self.lifting.as_mut()
    }
}
