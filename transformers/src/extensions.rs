//! `extensions`: what the documented extensions of CloudEvents ask of an intermediary.

use std::num::NonZeroU32;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use hybridge_config::transform::extensions::{Expired, Extension, ExtensionsConfig};
use hybridge_core::{Applied, Error, Message, Text, Transformer, Value};
use hybridge_schemas::cloudevents::DecodeError;
use hybridge_schemas::cloudevents::extensions::classification::Policy;
use hybridge_schemas::cloudevents::extensions::trace::TraceParent;
use hybridge_schemas::cloudevents::extensions::{check, is_expired, sampling};

/// The step: checks, drops and samples events by their extension attributes.
pub(crate) struct Step {
    checked: Vec<Extension>,
    drops_expired: bool,
    sample: Option<NonZeroU32>,
    policy: Option<Policy>,
    trace: bool,
}

impl Step {
    pub(crate) fn new(config: &ExtensionsConfig) -> Self {
        let policy = config.classification.as_ref().map(|known| Policy {
            levels: known.levels.clone(),
            regulations: known.regulations.clone(),
            categories: known.categories.clone(),
        });
        Self {
            checked: config.check.clone(),
            drops_expired: config.expired == Expired::Drop,
            sample: config.sample,
            policy,
            trace: config.trace,
        }
    }

    fn one(&self, mut event: Message, now: i64) -> Applied {
        if !event.is_event() {
            return Applied::One(event);
        }
        if let Err(error) = self.check(&event) {
            return Applied::Failed(Error::rejected(format!("extensions: {error}")));
        }
        if self.drops_expired && is_expired(&event.attributes, now) {
            return Applied::Expired("extensions: expirytime".to_owned());
        }
        if let Some(many) = self.sample {
            if !sampling::is_kept(&event.attributes, many) {
                return Applied::Filtered("extensions: sample".to_owned());
            }
            if let Err(error) = sampling::kept_one_in(&mut event.attributes, many) {
                return Applied::Failed(Error::rejected(format!("extensions: {error}")));
            }
        }
        if self.trace {
            start_trace(&mut event);
        }
        Applied::One(event)
    }

    fn check(&self, event: &Message) -> Result<(), DecodeError> {
        for extension in &self.checked {
            check(&event.attributes, *extension)?;
        }
        match &self.policy {
            Some(policy) => policy.check(&event.attributes),
            None => Ok(()),
        }
    }
}

#[async_trait(?Send)]
impl Transformer for Step {
    fn name(&self) -> &'static str {
        "extensions"
    }

    async fn apply(&self, batch: Vec<Message>) -> Vec<Applied> {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX);
        batch.into_iter().map(|message| self.one(message, now)).collect()
    }
}

/// Keeps the trace of the hop that the event came by as the one that it started in, unless it has one.
fn start_trace(event: &mut Message) {
    if event.attributes.contains("traceparent") {
        return;
    }
    let header = |name: &str| Text::from_utf8(event.headers.get_ignore_case(name)?).ok();
    let Some(parent) = header("traceparent") else { return };
    if TraceParent::parse(&parent).is_none() {
        return;
    }
    let state = header("tracestate").filter(|state| !state.is_empty());
    event.attributes.set(Text::from_static("traceparent"), Value::String(parent));
    if let Some(state) = state {
        event.attributes.set(Text::from_static("tracestate"), Value::String(state));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use hybridge_core::Header;
    use hybridge_schemas::cloudevents::{Mode, json};

    use super::*;

    fn event(extensions: &str) -> Message {
        let text = format!(
            r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t"{extensions},"data":1}}"#
        );
        json::decode(&text.into(), Mode::Strict).unwrap()
    }

    fn applied(yaml: &str, message: Message) -> Applied {
        let step = crate::testing::step(&format!("extensions: {yaml}"));
        step.apply(vec![message]).now_or_never().unwrap().remove(0)
    }

    #[test]
    fn past_its_time_is_an_outcome_of_its_own() {
        let past = || event(r#","expirytime":"2020-01-01T00:00:00Z""#);
        let Applied::Expired(rule) = applied("{}", past()) else { panic!("not expired") };
        assert_eq!(rule, "extensions: expirytime");
        assert!(matches!(applied("{ expired: pass }", past()), Applied::One(_)));
        let future = event(r#","expirytime":"2999-01-01T00:00:00Z""#);
        assert!(matches!(applied("{}", future), Applied::One(_)));
    }

    #[test]
    fn what_breaks_a_rule_is_a_permanent_fault_that_names_it() {
        let wrong = || event(r#","sampledrate":0"#);
        let Applied::Failed(error) = applied("{}", wrong()) else { panic!("passed") };
        assert!(error.to_string().contains("attribute sampledrate: must be"), "{error}");
        assert!(matches!(applied("{ check: [severity] }", wrong()), Applied::One(_)));
        let plain = Message { payload: Some("x".into()), ..Message::default() };
        assert!(matches!(applied("{}", plain), Applied::One(_)));
    }

    #[test]
    fn classification_that_is_not_known_is_refused() {
        let policy = "{ classification: { levels: [public], regulations: [GDPR] } }";
        let public = |rest: &str| event(&format!(r#","dataclassification":"public"{rest}"#));
        assert!(matches!(applied(policy, public("")), Applied::One(_)));
        let met = r#","dataregulation":" GDPR""#;
        assert!(matches!(applied(policy, public(met)), Applied::One(_)));
        let unmet = r#","dataregulation":"GDPR,HIPAA""#;
        assert!(matches!(applied(policy, public(unmet)), Applied::Failed(_)));
        let secret = event(r#","dataclassification":"secret""#);
        assert!(matches!(applied(policy, secret), Applied::Failed(_)));
    }

    #[test]
    fn a_sample_says_for_how_many_it_stands() {
        let kept = (0..100).filter_map(|id| {
            let mut event = event(r#","sampledrate":4"#);
            event.attributes.set("id".into(), Value::from(&*id.to_string()));
            match applied("{ sample: 5 }", event) {
                Applied::One(event) => Some(event.attributes.get("sampledrate")),
                Applied::Filtered(_) => None,
                other => panic!("{other:?}"),
            }
        });
        let kept: Vec<_> = kept.collect();
        assert!((5..50).contains(&kept.len()), "{} kept", kept.len());
        assert!(kept.iter().all(|rate| *rate == Some(Value::Integer(20))));
    }

    #[test]
    fn the_trace_that_an_event_came_by_is_kept_once() {
        let header = |name: &str, value: &'static str| Header {
            name: name.into(),
            value: Some(value.into()),
        };
        let hop = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let came_by = |extensions: &str, parent: &'static str| {
            let mut event = event(extensions);
            event.headers =
                [header("Traceparent", parent), header("tracestate", "a=1")].into_iter().collect();
            let Applied::One(event) = applied("{ trace: true }", event) else { panic!("none") };
            assert_eq!(event.headers.get("Traceparent").as_deref(), Some(parent.as_bytes()));
            event.attributes.text("traceparent").map(str::to_owned)
        };
        assert_eq!(came_by("", hop).as_deref(), Some(hop));
        assert_eq!(came_by("", "nonsense"), None);
        let first = "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01";
        let own = format!(r#","traceparent":"{first}""#);
        assert_eq!(came_by(&own, hop).as_deref(), Some(first));
    }
}
