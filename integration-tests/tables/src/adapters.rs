//! Suite `adapters`: the events of products that do not speak CloudEvents.

use std::time::{SystemTime, UNIX_EPOCH};

use hybridge_core::{Applied, Message};
use hybridge_schemas::rfc3339;
use serde_json::{Value as Json, json};

use crate::step::{self, headers};
use crate::{Difference, Run, Table, Verdict, check, event, same};

pub(super) fn runner(file: &str, title: &str) -> Option<Run> {
    let run: Run = match file {
        "github.json" => github,
        "gitlab-couchdb.json" => gitlab_couchdb,
        "aws-samples.json" | "aws-edge.json" => aws,
        _ if title.contains("GitHub") => github,
        _ if title.contains("GitLab") => gitlab_couchdb,
        _ if title.contains("S3") => aws,
        _ => return None,
    };
    Some(run)
}

/// What a case of any table here may say; anything else is something that nothing here looks at.
const KNOWN: [&str; 22] = [
    "id",
    "area",
    "adapter",
    "why",
    "note",
    "disputed",
    "quirk",
    "headers",
    "payload",
    "payload_from",
    "input",
    "input_inline",
    "body_text",
    "expect_attributes",
    "absent_attributes",
    "time_is_current",
    "id_is_generated",
    "expect_data",
    "expect_count",
    "expect_subjects",
    "either",
    "reject",
];

fn is_known(case: &Json) -> Verdict {
    let unknown =
        case.as_object().into_iter().flatten().find(|(name, _)| !KNOWN.contains(&&***name));
    check(unknown.is_none(), || format!("nothing looks at {unknown:?}"))
}

fn github(_: &Table, case: &Json) -> Verdict {
    is_known(case)?;
    let payload = serde_json::to_vec(&case["payload"]).unwrap();
    let message = step::message(payload, headers(&case["headers"]));
    judge(case, json!({ "github": {} }), message)
}

fn gitlab_couchdb(_: &Table, case: &Json) -> Verdict {
    is_known(case)?;
    let input = &case["input"];
    let (adapter, row) = match case["area"].as_str() {
        Some("couchdb") => {
            let row = input.get("change").or(input.get("update")).unwrap_or(&Json::Null);
            let options = match input.get("db") {
                Some(database) => json!({ "server": input["server"], "database": database }),
                None => json!({ "server": input["server"] }),
            };
            (json!({ "couchdb": options }), row)
        }
        _ => (json!({ "gitlab": {} }), input),
    };
    let message = step::message(serde_json::to_vec(row).unwrap(), headers(&case["headers"]));
    judge(case, adapter, message)
}

fn aws(table: &Table, case: &Json) -> Verdict {
    is_known(case)?;
    let sample = match case["input"]["file"].as_str() {
        Some(file) => Some(sample(table, file)?),
        None => None,
    };
    let is_s3 = case["adapter"] == "aws-s3";
    let adapter = json!({ if is_s3 { "aws_s3" } else { "aws_sns" }: {} });
    let message = match (&sample, case["body_text"].as_str()) {
        (Some(sample), _) if !is_s3 => {
            let body = sample["body"].as_str().unwrap_or_default();
            step::message(body.into(), headers(&sample["headers"]))
        }
        (Some(sample), _) => {
            let record = case["input"]["record"].as_u64().unwrap_or_default() as usize;
            let one = json!({ "Records": [sample["Records"][record]] });
            step::message(serde_json::to_vec(&one).unwrap(), Vec::new())
        }
        (None, Some(body)) => step::message(body.into(), headers(&case["headers"])),
        (None, None) => {
            let payload = serde_json::to_vec(&case["input_inline"]).unwrap();
            step::message(payload, headers(&case["headers"]))
        }
    };
    judge(case, adapter, message)
}

/// A file of the suite of samples, which lies beside this one.
fn sample(table: &Table, file: &str) -> Result<Json, Difference> {
    let text = table.read(&format!("../cloud-samples/{file}"))?;
    serde_json::from_slice(&text).map_err(|error| error.to_string().into())
}

fn judge(case: &Json, adapter: Json, message: Message) -> Verdict {
    let payload = message.payload.clone().unwrap_or_default();
    let events = match step::apply(json!({ "adapter": adapter }), message) {
        Applied::One(event) => vec![event],
        Applied::Many(events) => events,
        Applied::Failed(error) => {
            let may_fail = case["reject"] == true
                || case["either"].as_array().is_some_and(|all| {
                    all.iter().any(|one| one.as_str().is_some_and(|one| one.contains("reject")))
                });
            return check(may_fail, || error.to_string());
        }
        other => return Err(format!("{other:?}").into()),
    };
    check(case["reject"] != true, || "accepted".into())?;
    if let Some(count) = case["expect_count"].as_u64() {
        same(&count.into(), &events.len().into())?;
    }
    if let Some(subjects) = case.get("expect_subjects") {
        let got: Vec<_> = events.iter().map(|event| event.attributes.text("subject")).collect();
        same(subjects, &json!(got))?;
    }
    if case.get("expect_count").is_none() {
        check(events.len() == 1, || format!("{} events", events.len()))?;
    }
    for event in &events {
        step::is_sound(event)?;
        attributes(case, event)?;
        data(case, event, &payload)?;
    }
    Ok(())
}

fn attributes(case: &Json, event: &Message) -> Verdict {
    for (name, want) in case["expect_attributes"].as_object().into_iter().flatten() {
        let want = match want.as_i64().filter(|_| name == "time") {
            Some(seconds) => rfc3339::format(seconds * 1000).unwrap().into(),
            None => want.clone(),
        };
        event::attribute(event, name, &want)?;
    }
    for name in case["absent_attributes"].as_array().into_iter().flatten() {
        let found = event.attributes.get(name.as_str().unwrap());
        check(found.is_none(), || format!("{name} is {found:?}"))?;
    }
    if case["time_is_current"] == true {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let time = event.attributes.text("time").and_then(rfc3339::millis).unwrap_or_default();
        let is_now = i64::try_from(now).unwrap().abs_diff(time) < 60_000;
        check(is_now, || format!("time {:?} is not now", event.attributes.text("time")))?;
    }
    Ok(())
}

/// The data are the request or, for S3, the record; feeds of CouchDB have their own.
fn data(case: &Json, event: &Message, payload: &[u8]) -> Verdict {
    let found = event.payload.as_deref();
    let parsed = |text: &[u8]| serde_json::from_slice::<Json>(text).unwrap_or_default();
    if case["area"] == "couchdb" {
        let changes = case["input"]["change"].get("changes").cloned().unwrap_or_default();
        return same(&changes, &found.map(parsed).unwrap_or_default());
    }
    let found = found.ok_or("no data")?;
    if case["adapter"] == "aws-s3" {
        let records = parsed(payload)["Records"].as_array().cloned().unwrap_or_default();
        return check(records.contains(&parsed(found)), || "the data are no record".into());
    }
    check(found == payload, || "the data are not the request".into())
}
