//! `encoding: batch`: many events in one request.
//!
//! A batch that is refused as a whole is split until the event is found that is at fault, so that
//! it alone is refused. An answer with one result for each event, as hybridge's own source gives
//! it, is taken at its word.

use std::collections::HashSet;
use std::time::SystemTime;

use hybridge_config::Ordering;
use hybridge_core::{Error, ErrorKind, Message, Receipt};
use hyper::StatusCode;
use serde::Deserialize;

use super::client::Client;
use super::order::Results;
use super::verdict::{self, Answer};
use super::{Sending, Sink};

/// The events of one `send`.
pub(super) struct Events<'a> {
    pub(super) sink: &'a Sink,
    pub(super) client: &'a Client,
    pub(super) batch: &'a [Message],
    pub(super) results: &'a Results,
    pub(super) sending: &'a Sending,
}

#[derive(Deserialize)]
struct Report {
    results: Vec<ReportedResult>,
}

#[derive(Deserialize)]
struct ReportedResult {
    index: usize,
    status: u16,
}

impl Events<'_> {
    /// Sends the events of these indices, in one request if the receiver takes them so.
    pub(super) async fn send(&self, indices: &[usize]) {
        let mut open = vec![indices.to_vec()];
        while let Some(part) = open.pop() {
            let part = self.without_held(part);
            if part.is_empty() {
                continue;
            }
            let Some(_open) = self.sending.turn(&self.sink.open).await else { return };
            match self.post(&part).await {
                Ok(answer) => self.record(&part, &answer),
                Err(error) if error.kind() == ErrorKind::Rejected && part.len() > 1 => {
                    let (left, right) = part.split_at(part.len() / 2);
                    open.extend([right.to_vec(), left.to_vec()]);
                }
                Err(error) => {
                    self.sending.note(Some(&error));
                    for index in part {
                        self.results.set(index, Err(error.clone()));
                    }
                }
            }
        }
    }

    async fn post(&self, part: &[usize]) -> Result<Answer, Error> {
        let messages = part.iter().filter_map(|index| self.batch.get(*index));
        let request = self.sink.requests.batch(messages, SystemTime::now())?;
        let answer = self.sink.post(self.client, request, verdict::BATCH_ANSWER).await?;
        answer.verdict(self.sink.requests.shown())?;
        Ok(answer)
    }

    fn record(&self, part: &[usize], answer: &Answer) {
        if answer.status != StatusCode::MULTI_STATUS {
            for index in part {
                self.results.set(*index, Ok(Receipt::Written(None)));
            }
            return;
        }
        let shown = self.sink.requests.shown();
        let Ok(report) = serde_json::from_slice::<Report>(&answer.body) else {
            let error =
                Error::transient(format!("{shown} answered 207 in a form that is not known"));
            for index in part {
                self.results.set(*index, Err(error.clone()));
            }
            return;
        };
        for (position, index) in part.iter().enumerate() {
            let told = report.results.iter().find(|result| result.index == position);
            self.results.set(*index, of_one(told, answer, shown));
        }
        self.hold_back(part);
    }

    /// Leaves out what must wait because an earlier message of its key was refused.
    fn without_held(&self, part: Vec<usize>) -> Vec<usize> {
        if self.sink.ordering == Ordering::None {
            return part;
        }
        let refused = self.refused_keys(0..self.batch.len());
        let total = self.sink.ordering == Ordering::Total && !refused.is_empty();
        part.into_iter().filter(|index| !total && !refused.contains(&self.key(*index))).collect()
    }

    /// In an ordered route the results of a key are a prefix, also where the receiver took a later
    /// event of a key than the one that it refused: that one is sent again.
    fn hold_back(&self, part: &[usize]) {
        if self.sink.ordering == Ordering::None {
            return;
        }
        let mut refused = HashSet::new();
        for index in part {
            let key = self.key(*index);
            let after_refused = match self.sink.ordering {
                Ordering::Total => !refused.is_empty(),
                _ => refused.contains(&key),
            };
            if after_refused {
                self.results.clear(*index);
            } else if self.results.is_err(*index) {
                refused.insert(key);
            }
        }
    }

    fn refused_keys(&self, indices: std::ops::Range<usize>) -> HashSet<Option<&[u8]>> {
        indices.filter(|index| self.results.is_err(*index)).map(|index| self.key(index)).collect()
    }

    fn key(&self, index: usize) -> Option<&[u8]> {
        self.batch.get(index).and_then(|message| message.key.as_deref())
    }
}

fn of_one(told: Option<&ReportedResult>, answer: &Answer, shown: &str) -> Result<Receipt, Error> {
    let Some(told) = told else {
        return Err(Error::transient(format!("{shown} did not say what became of an event")));
    };
    let status = StatusCode::from_u16(told.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match verdict::kind(status, answer.wait()) {
        None => Ok(Receipt::Written(None)),
        Some(kind) => Err(Error::new(kind, format!("{shown} answered {status} for this event"))),
    }
}
