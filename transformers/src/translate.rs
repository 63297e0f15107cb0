//! `translate`: events of one cloud as events of another.
//!
//! An event goes three steps. A **reader** takes it out of its envelope, as the CloudEvent that it
//! is in that cloud ([`read`]). The **hub** finds its family and moves its fields from the table of
//! the one cloud to that of the other ([`hub`], [`table`], [`plan`]). A **writer** puts the result
//! into the envelope of the target ([`write`]). So each envelope is known in one place and each
//! dialect of a family in one table, and a pair of clouds needs nothing of its own.
//!
//! What has no place in the other table is lost, and the event says so in its mark, together with
//! the cloud, the id and the source that it began with ([`event::Marks`], [`loss`]). Nothing else
//! of the original is carried along. An event of no family, or of a kind that the target does not
//! have, passes whole, as a CloudEvent or inside an envelope of the target.

mod aws;
mod event;
mod families;
mod hub;
mod loss;
mod options;
mod page;
mod pattern;
mod plan;
mod read;
mod table;
mod value;
mod write;

use std::borrow::Cow;

use async_trait::async_trait;
use hybridge_config::transform::translate::{Cloud, TranslateConfig};
use hybridge_core::{Applied, Error, Message, Transformer};

use event::Event;
use hub::Hub;
use options::Options;
pub(crate) use page::page;
use read::Read;

/// The step.
pub(crate) struct Step {
    hub: Hub,
    options: Options,
}

/// What became of the events of a message.
#[derive(Default)]
struct Made {
    messages: Vec<Message>,
    /// Why some are not there.
    filtered: Option<&'static str>,
}

impl Step {
    pub(crate) fn new(config: &TranslateConfig) -> Self {
        Self { hub: Hub::new(), options: Options::new(config) }
    }

    fn translated(&self, message: &Message) -> Result<Applied, Error> {
        let mut made = Made::default();
        let read = read::message(self.options.from(), message, &mut |event| {
            self.one(event, message, &mut made)
        })?;
        match read {
            Read::Nothing(what) if made.messages.is_empty() => {
                return Ok(Applied::Filtered(what.into()));
            }
            Read::Unknown => {
                let from = self.options.own_name();
                let what = "the message is no event of this cloud in any form that is known";
                return Err(Error::rejected(format!("{what}: {from}")));
            }
            Read::Events | Read::Nothing(_) => {}
        }
        Ok(match (made.messages.len(), made.filtered) {
            (0, Some(why)) => Applied::Filtered(why.into()),
            (1, _) => made.messages.pop().map_or_else(|| Applied::Many(Vec::new()), Applied::One),
            _ => Applied::Many(made.messages),
        })
    }

    fn one(&self, event: Event<'_>, message: &Message, made: &mut Made) -> Result<(), Error> {
        let member = self
            .hub
            .read(&event)
            .map_err(|fault| Error::rejected(format!("the data of the event are {fault}")))?;
        let origin = match &member {
            Some(member) => member.reading.marks.origin.as_deref(),
            None => event.marks.origin.as_deref(),
        };
        if origin == Some(self.options.to_name()) && self.options.drops_returning() {
            made.filtered = Some("translate: the event began in the cloud that it would go to");
            return Ok(());
        }
        if let Some(member) = member.filter(|member| !member.is_of(self.options.to())) {
            if member.is_incomplete() && self.options.drops_incomplete() {
                made.filtered = Some("translate: a file that is not complete");
                return Ok(());
            }
            if member.is_overwritten() && self.options.drops_overwritten() {
                made.filtered = Some("translate: a generation that was overwritten");
                return Ok(());
            }
            let is_unsure = member.may_be_overwritten() && !event.tells_overwriting;
            if is_unsure && self.options.drops_unsure() {
                made.filtered = Some("translate: a generation that may have been overwritten");
                return Ok(());
            }
            if let Some(form) = self.options.form()
                && let Some(events) = member.translated(&event, form, &self.options)?
            {
                for event in events {
                    made.messages.push(write::message(event, message, &self.options)?);
                }
                return Ok(());
            }
        }
        made.messages.push(write::message(self.passed(event), message, &self.options)?);
        Ok(())
    }

    /// An event that passes whole says where it began, unless it only gets into its own form.
    fn passed<'e>(&self, mut event: Event<'e>) -> Event<'e> {
        if event.marks.origin.is_none() {
            let origin = match self.options.is_between_clouds() {
                true => Some(self.options.own_name()),
                false if self.options.to() == Cloud::Cloudevents => None,
                false => hub::cloud_of(&event),
            };
            event.marks.origin = origin.map(Cow::Borrowed);
        }
        event
    }
}

#[async_trait(?Send)]
impl Transformer for Step {
    fn name(&self) -> &'static str {
        "translate"
    }

    async fn apply(&self, batch: Vec<Message>) -> Vec<Applied> {
        let applied = batch.iter().map(|message| self.translated(message));
        applied.map(|result| result.unwrap_or_else(Applied::Failed)).collect()
    }
}

#[cfg(test)]
mod tests;
