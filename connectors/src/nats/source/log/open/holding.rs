//! What becomes of the reading when the lease is taken, renewed and lost.

use std::sync::Arc;

use hybridge_core::{Assignment, Event, Watermark};

use super::{Open, SAVE, State};
use crate::nats::lease::Change;
use crate::nats::source::log::claim::Position;

/// What is read while the lease is ours.
pub(super) struct Held {
    pub(super) assignment: Assignment,
    pub(super) stream: String,
    /// The position that is durable.
    pub(super) saved: u64,
    /// The sequence to be read next.
    pub(super) next: u64,
}

/// How far it was read, to be written down; asked only while the lease is ours.
pub(super) fn position(held: Option<&Held>, watermark: &Watermark) -> Position {
    let Some(held) = held else { return Position { position: 0, stream: String::new() } };
    let position = watermark.committable(held.assignment.id()).unwrap_or(held.saved);
    Position { position, stream: held.stream.clone() }
}

impl Open {
    pub(super) fn changed(&mut self, change: Change<Position>) {
        match change {
            Change::Taken(Position { position, stream }) => {
                let assignment = Assignment::new(Arc::new(self.plan.place(&stream)));
                self.watermark.assign(assignment.clone(), position);
                self.events.push(Event::Assigned(vec![assignment.clone()]));
                tracing::info!(stream = self.plan.stream, position, "reading");
                self.held = Some(Held { assignment, stream, saved: position, next: position });
                if !self.stopped {
                    self.open_session();
                }
            }
            Change::Saved(Position { position, .. }) => {
                let Some(held) = &mut self.held else { return };
                held.saved = position;
                let moved = self.watermark.committable(held.assignment.id());
                if moved.is_some_and(|moved| moved > position) {
                    self.tenure.save_within(SAVE);
                }
            }
            Change::Lost(_) => self.lose(),
        }
    }

    fn lose(&mut self) {
        let Some(held) = self.held.take() else { return };
        held.assignment.end();
        self.watermark.remove(held.assignment.id());
        if let State::Up(session) = std::mem::replace(&mut self.session, State::None) {
            session.connection.abandon();
        }
        self.failure = None;
        self.pending = None;
        self.events.push(Event::Lost(held.assignment));
    }
}
