//! Messages that are on their way together, and what the broker said about them.

use std::future::Future;
use std::pin::Pin;

use futures_util::FutureExt;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{Channel, Confirmation, PublisherConfirm};

use super::super::encode::Publish;

/// Most messages on their way together on one channel.
const MOST: usize = 512;
/// Most bytes of bodies, since the library copies them; one message may have more.
const MOST_BYTES: usize = 2 << 20;

/// What the broker said of one message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Confirmed,
    Nacked,
    Returned,
}

/// Divides messages into windows, in order.
pub(super) fn windows(publishes: &[(usize, Publish)]) -> impl Iterator<Item = &[(usize, Publish)]> {
    let mut rest = publishes;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = rest.iter().take(MOST).take_while(|(_, publish)| {
            let is_first = bytes == 0;
            bytes += publish.body.len().max(1);
            is_first || bytes <= MOST_BYTES
        });
        let count = fits.count();
        let (window, others) = rest.split_at(count);
        rest = others;
        (count > 0).then_some(window)
    })
}

/// Publishes a window on a channel that nobody else uses, and waits for its confirmations.
///
/// The frames of all messages are queued in order before the first wait: a wait for each would cost a round trip between
/// threads. Nothing is said of single messages when the channel ends: they may or may not have arrived.
pub(super) async fn publish(
    channel: &Channel,
    exchange: &ShortString,
    window: &[(usize, Publish)],
) -> lapin::Result<Vec<Answer>> {
    let options = BasicPublishOptions { mandatory: true, immediate: false };
    let mut queued: Vec<Pin<Box<dyn Future<Output = lapin::Result<PublisherConfirm>> + '_>>> =
        Vec::with_capacity(window.len());
    for (_, publish) in window {
        let (key, properties) = (publish.routing_key.clone(), publish.properties.clone());
        let mut publishing: Pin<Box<dyn Future<Output = _>>> = Box::pin(channel.basic_publish(
            exchange.clone(),
            key,
            options,
            &publish.body,
            properties,
        ));
        match publishing.as_mut().now_or_never() {
            Some(Err(error)) => return Err(error),
            Some(Ok(confirm)) => queued.push(Box::pin(std::future::ready(Ok(confirm)))),
            None => queued.push(publishing),
        }
    }
    // Frames are written in order, so behind the last one nobody waits.
    let mut confirms = Vec::with_capacity(window.len());
    if let Some(mut last) = queued.pop() {
        let last = last.as_mut().await?;
        for publishing in queued {
            confirms.push(publishing.await?);
        }
        confirms.push(last);
    }
    let mut answers = Vec::with_capacity(window.len());
    let mut returned = Vec::new();
    for confirm in confirms {
        let (answer, message) = match confirm.await? {
            Confirmation::Ack(message) => (Answer::Confirmed, message),
            Confirmation::Nack(message) => (Answer::Nacked, message),
            Confirmation::NotRequested => (Answer::Nacked, None),
        };
        answers.push(answer);
        returned.extend(message);
    }
    mark(window, &mut answers, &returned);
    Ok(answers)
}

/// Finds out which messages were returned.
///
/// The library hands a returned message to whichever confirmation it handles next, which with several messages on their way
/// is often another message's. So each is looked for by what it is; one that is not found condemns the whole window, which
/// repeats messages and loses none.
fn mark(
    window: &[(usize, Publish)],
    answers: &mut [Answer],
    returned: &[lapin::message::BasicReturnMessage],
) {
    for message in returned {
        let mut is_found = false;
        for ((_, publish), answer) in window.iter().zip(answers.iter_mut()) {
            let is_same = message.properties.message_id() == publish.properties.message_id()
                && message.routing_key == publish.routing_key
                && message.data == publish.body;
            if is_same {
                *answer = Answer::Returned;
                is_found = true;
            }
        }
        if !is_found {
            answers.iter_mut().for_each(|answer| *answer = Answer::Returned);
        }
    }
}
