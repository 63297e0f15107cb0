//! Counts of answers by status.

use hyper::StatusCode;
use metrics::Counter;

const NAME: &str = "hybridge_http_answers_total";
const STATUSES: [u16; 12] = [204, 200, 207, 400, 401, 403, 405, 408, 413, 415, 422, 503];

/// One counter for each status that a source answers with.
pub(super) struct Answers([Counter; STATUSES.len()]);

impl Answers {
    pub(super) fn new(route: &str) -> Self {
        metrics::describe_counter!(NAME, "Requests answered by an http source, by status.");
        Self(STATUSES.map(|status| {
            metrics::counter!(
                NAME,
                "route" => route.to_owned(),
                "status" => status.to_string(),
            )
        }))
    }

    pub(super) fn count(&self, status: StatusCode) {
        let index = STATUSES.iter().position(|known| *known == status.as_u16());
        if let Some(counter) = index.and_then(|index| self.0.get(index)) {
            counter.increment(1);
        }
    }
}
