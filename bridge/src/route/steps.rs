//! The steps of a route over one batch, with every message tied to the delivery it came from.

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use hybridge_core::{Applied, Error, Message, Outcome, Transformer};

use super::choice::{Choice, Chosen};

use crate::status::Stage;

/// What is on its way through the steps: messages in the order of their deliveries.
#[derive(Default)]
pub(crate) struct Flow<'a> {
    /// Those of the batch itself, as long as no step has made others of them.
    pub messages: Cow<'a, [Message]>,
    /// For each message the index of its delivery; ascending.
    pub parents: Vec<usize>,
    /// For each message its targets, where the route has rules; else empty, and all go to all.
    pub chosen: Vec<Chosen>,
    /// Deliveries that a step failed on: none of their messages are in `messages`.
    pub failed: Vec<Failed>,
    /// Deliveries of which a step selected something out, and how.
    pub selected_out: Vec<(usize, Outcome)>,
}

/// A delivery that the source found faulty or a step failed on.
pub(crate) struct Failed {
    pub delivery: usize,
    /// The step, unless it failed before the first of them.
    pub step: Option<&'static str>,
    pub error: Error,
}

impl Failed {
    /// Where it failed.
    pub fn stage(&self) -> Stage {
        if self.step.is_some() { Stage::Transform } else { Stage::Source }
    }

    /// What went wrong, with the step's name.
    pub fn described(&self) -> Error {
        match self.step {
            None => self.error.clone(),
            Some(step) => {
                Error::with_source(self.error.kind(), format!("step {step}"), self.error.clone())
            }
        }
    }
}

impl<'a> Flow<'a> {
    /// Runs messages through all steps; message `n` is of delivery `first + n`. `faults`
    /// are what the source found wrong with deliveries for good. Messages that come out have the origin of their delivery and are numbered.
    pub async fn run(
        steps: &[Box<dyn Transformer>],
        choice: Option<&Choice>,
        input: &'a [Message],
        first: usize,
        faults: &[(usize, Error)],
    ) -> Self {
        let mut flow = Self {
            messages: Cow::Borrowed(input),
            parents: (first..first + input.len()).collect(),
            ..Self::default()
        };
        for (delivery, error) in faults {
            flow.withdraw(*delivery);
            flow.failed.push(Failed { delivery: *delivery, step: None, error: error.clone() });
        }
        for step in steps {
            flow = flow.step(step.as_ref()).await;
        }
        if !steps.is_empty() {
            flow.number(input, first);
        }
        if let Some(choice) = choice {
            flow.choose(choice);
        }
        flow
    }

    fn push(&mut self, delivery: usize, message: Message) {
        self.messages.to_mut().push(message);
        self.parents.push(delivery);
    }

    async fn step(self, step: &dyn Transformer) -> Self {
        let outputs = guarded(step, self.messages.into_owned()).await;
        let mut next = Self {
            messages: Cow::Owned(Vec::with_capacity(outputs.len())),
            parents: Vec::with_capacity(outputs.len()),
            chosen: Vec::new(),
            failed: self.failed,
            selected_out: self.selected_out,
        };
        let failed_before = next.failed.len();
        for (delivery, output) in self.parents.into_iter().zip(outputs) {
            match output {
                Applied::One(message) => next.push(delivery, message),
                Applied::Many(messages) => {
                    messages.into_iter().for_each(|message| next.push(delivery, message));
                }
                Applied::Filtered(_) => next.selected_out.push((delivery, Outcome::Filtered)),
                Applied::Expired(_) => next.selected_out.push((delivery, Outcome::Expired)),
                Applied::Failed(error) => {
                    next.failed.push(Failed { delivery, step: Some(step.name()), error });
                }
            }
        }
        // A delivery is one thing: if one of its messages fails, all of them wait with it.
        for index in failed_before..next.failed.len() {
            next.withdraw(next.failed[index].delivery);
        }
        next.failed.dedup_by_key(|failed| failed.delivery);
        next
    }

    /// Asks the rules for the targets of every message. A delivery of which one message cannot be asked about fails as a
    /// whole.
    fn choose(&mut self, choice: &Choice) {
        let mut chosen = Vec::with_capacity(self.messages.len());
        let failed_before = self.failed.len();
        for (message, delivery) in self.messages.iter().zip(&self.parents) {
            let targets = guarded_choice(choice, message).unwrap_or_else(|error| {
                self.failed.push(Failed { delivery: *delivery, step: Some("rules"), error });
                Chosen::default()
            });
            chosen.push(targets);
        }
        self.chosen = chosen;
        for index in failed_before..self.failed.len() {
            self.withdraw(self.failed[index].delivery);
        }
        self.failed.dedup_by_key(|failed| failed.delivery);
    }

    /// Takes out all messages of a delivery.
    fn withdraw(&mut self, delivery: usize) {
        if !self.chosen.is_empty() {
            let mut parents = self.parents.iter();
            self.chosen.retain(|_| parents.next() != Some(&delivery));
        }
        let mut parents = self.parents.iter();
        self.messages.to_mut().retain(|_| parents.next() != Some(&delivery));
        self.parents.retain(|parent| *parent != delivery);
    }

    /// A child is `origin#index`, whatever the steps did to its coordinates.
    fn number(&mut self, input: &[Message], first: usize) {
        let mut previous = None;
        let mut child = 0;
        for (message, parent) in self.messages.to_mut().iter_mut().zip(&self.parents) {
            child = if previous == Some(*parent) { child + 1 } else { 0 };
            previous = Some(*parent);
            message.origin = input[parent - first].origin.clone();
            message.origin.child = child;
        }
    }
}

/// Asks the rules; a panic becomes a permanent fault of the message that caused it.
fn guarded_choice(choice: &Choice, message: &Message) -> Result<Chosen, Error> {
    std::panic::catch_unwind(AssertUnwindSafe(|| choice.of(message)))
        .unwrap_or_else(|_| Err(Error::rejected("the rules panicked on this message")))
}

/// Applies a step; a panic is found and becomes a permanent fault of the message that caused it.
async fn guarded(step: &dyn Transformer, input: Vec<Message>) -> Vec<Applied> {
    let expected = input.len();
    let copy = input.clone();
    let mut applied = match AssertUnwindSafe(step.apply(input)).catch_unwind().await {
        Ok(applied) => applied,
        Err(_) => {
            let mut applied = Vec::with_capacity(expected);
            for message in copy {
                let one = AssertUnwindSafe(step.apply(vec![message])).catch_unwind().await;
                let result = one.ok().and_then(|mut results| results.pop());
                applied.push(result.unwrap_or_else(|| {
                    Applied::Failed(Error::rejected("the step panicked on this message"))
                }));
            }
            applied
        }
    };
    applied.resize_with(expected, || {
        Applied::Failed(Error::rejected("the step gave no result for this message"))
    });
    applied
}
