//! Runs cases so that one that panics or hangs is a failure of that case alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use serde_json::Value as Json;

use super::{Report, Run, Table, Verdict, is_counted};

/// How long one case may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Runs all cases of a table on a thread of their own; a case that hangs leaves that thread behind, and the next one
/// gets another.
pub(super) fn run(table: Table, run: Run, show: &mut impl FnMut(Report)) {
    let table = Arc::new(table);
    let cases = cases(&table.content);
    let mut next = 0;
    while next < cases.len() {
        let (send, verdicts) = sync_channel(0);
        let (table_there, cases_there, first) = (table.clone(), cases.clone(), next);
        std::thread::spawn(move || try_all(&table_there, run, &cases_there[first..], &send));
        while next < cases.len() {
            let verdict = match verdicts.recv_timeout(LIMIT) {
                Ok(verdict) => verdict,
                Err(RecvTimeoutError::Timeout) => Err("it hangs".into()),
                Err(RecvTimeoutError::Disconnected) => Err("its thread ended".into()),
            };
            let is_left = verdict.as_ref().is_err_and(|difference| difference.got == "it hangs");
            show(report(&table, &cases[next], verdict));
            next += 1;
            if is_left {
                break;
            }
        }
    }
}

fn try_all(table: &Table, run: Run, cases: &[Json], verdicts: &SyncSender<Verdict>) {
    for case in cases {
        let verdict = catch_unwind(AssertUnwindSafe(|| run(table, case)));
        let verdict = verdict.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or_default();
            Err(format!("it panics: {text}").into())
        });
        if verdicts.send(verdict).is_err() {
            return;
        }
    }
}

/// The cases of a table, or the files of a manifest.
fn cases(content: &Json) -> Arc<Vec<Json>> {
    let cases = content["cases"].as_array().or_else(|| content["files"].as_array());
    Arc::new(cases.cloned().unwrap_or_default())
}

fn report(table: &Table, case: &Json, verdict: Verdict) -> Report {
    let id = case["id"].as_str().or_else(|| case["file"].as_str()).unwrap_or("a case without id");
    Report {
        suite: table.suite.clone(),
        id: id.to_owned(),
        counted: is_counted(&table.content, case),
        difference: verdict.err(),
    }
}
