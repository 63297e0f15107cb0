//! What gives messages and is told how each of them ended.

use async_trait::async_trait;
use tokio::time::Instant;

use crate::{Assignment, Budget, Delivery, Error, Outcome, Tag};

/// What a source has to say.
#[derive(Debug)]
pub enum Event {
    /// New assignments, before their first delivery. Announced together when they came together,
    /// so that lanes can be shared out among them.
    Assigned(Vec<Assignment>),
    /// Messages, in order for each assignment; never empty.
    Deliveries(Vec<Delivery>),
    /// This assignment will be taken away: start nothing new for it, settle what is being sent,
    /// and call [`release`](Source::release) before this time.
    Revoking(Assignment, Instant),
    /// This assignment is gone. Nothing of it may be sent or settled any more.
    Lost(Assignment),
    /// The assignment that `release` was called for is settled and given back.
    Released(Assignment),
    /// What had been settled before `flush` was called is durable at the source.
    Flushed,
    /// There will be no more messages (a file at its end, standard input closed). Settling and
    /// flushing go on.
    End,
}

/// Where messages come from. Made without input or output; lives on one worker, so it need not be
/// `Send`.
#[async_trait(?Send)]
pub trait Source {
    /// Asks whether its peer is there and has what will be read, without taking part: no group is joined, nothing is
    /// taken, made or changed. A source that has nobody to ask is always fine.
    async fn probe(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Connects. Input and output start here.
    ///
    /// Called once, before everything but [`probe`](Self::probe). A peer that cannot be reached is an error
    /// ([`Disconnected`](crate::ErrorKind::Disconnected)); the supervisor closes the source, backs
    /// off and makes a new one. Not cancel-safe.
    async fn connect(&mut self, budget: Budget) -> Result<(), Error>;

    /// Waits for the next thing to say.
    ///
    /// Cancel-safe: it may be dropped after any poll and loses nothing; what it takes from the
    /// wire it hands out in the same poll or keeps in `self`. It is polled for the route's whole
    /// life, also when there is no budget: it then keeps leases, heartbeats and rebalances alive
    /// and gives no deliveries. Bytes are taken from the wire only against a permit. An error ends
    /// this incarnation of the source.
    async fn next(&mut self) -> Result<Event, Error>;

    /// Records outcomes; never waits. Outcomes of an assignment that is over are ignored. The
    /// source makes them durable by itself, about once a second or as its protocol does.
    ///
    /// `Delivered`, `Filtered`, `Expired` and `DeadLettered` let the source forget the message;
    /// `Abandoned` makes it come again; `Rejected` is given only where
    /// [`can_reject`](Self::can_reject) is true.
    fn settle(&mut self, settled: &[(Tag, Outcome)]);

    /// Starts to make everything that was settled durable; [`Event::Flushed`] follows from `next`.
    fn flush(&mut self);

    /// Everything of this assignment that will be settled has been: commit it and give the
    /// assignment back; [`Event::Released`] follows from `next`.
    fn release(&mut self, assignment: &Assignment);

    /// Takes no more messages from the wire: the route stops. Settling and flushing go on.
    fn stop(&mut self);

    /// Whether the source can tell its producer that a message is refused for good.
    fn can_reject(&self) -> bool {
        false
    }

    /// For each live assignment the position up to which everything is resolved (exclusive).
    fn position(&self) -> Vec<(Assignment, u64)> {
        Vec::new()
    }

    /// How many messages wait at the source that the route has not received, where it knows. Asked
    /// often, so it answers from what it has.
    fn lag(&self) -> Option<u64> {
        None
    }

    /// What it waits for before it can take anything, where another process has it: a lease, or partitions of a group. Asked
    /// about once a second.
    fn waits_for(&self) -> Option<String> {
        None
    }

    /// Ends connections and gives everything back; called once, last. What was not settled comes
    /// again.
    async fn close(&mut self);
}
