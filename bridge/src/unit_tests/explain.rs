//! One message through a route, told step by step.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use async_trait::async_trait;
use hybridge_config::unit_test::TestConfig;
use hybridge_config::{Config, RouteConfig, TransformConfig, When};
use hybridge_connectors::Local;
use hybridge_core::{Applied, Message, Outcome, Tag, Transformer};
use hybridge_transformers::rules::{self, Matcher, Rule};
use hybridge_transformers::{Claims, conditions_of, part_that_fails, rules_of};
use serde::Serialize;
use serde_json::{Value, json};

use super::ends::Taken;
use super::message::{self, shown};
use super::run::{Ran, in_its_time};
use crate::claims::InMemory;
use crate::route::steps::Flow;

/// What a route makes of a message.
#[derive(Debug, Serialize)]
pub(crate) struct Explained {
    pub route: String,
    /// How the message ends, when every target accepts it.
    pub outcome: String,
    /// What the steps select out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub selected_out: Vec<SelectedOut>,
    /// The messages that the steps make of it, each with what the rules say.
    pub messages: Vec<Stepped>,
    /// What each target gets.
    pub outputs: Vec<Output>,
    /// Why it fails, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// A message behind the steps.
#[derive(Debug, Serialize)]
pub(crate) struct Stepped {
    pub message: Value,
    pub rules: Vec<Asked>,
}

/// A message that a step selects out.
#[derive(Debug, Serialize)]
pub(crate) struct SelectedOut {
    /// The step, from 0 on as in the file.
    pub transform: usize,
    pub reason: String,
    /// What each condition of a filter says.
    pub conditions: Vec<Verdict>,
}

/// What one rule says of a message, and where it sends it.
#[derive(Debug, Serialize)]
pub(crate) struct Asked {
    #[serde(flatten)]
    pub verdict: Verdict,
    pub send_to: Vec<String>,
}

/// What one rule or condition says of a message.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    pub rule: String,
    pub matches: bool,
    /// The predicate that failed first, and what it saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What a target gets.
#[derive(Debug, Serialize)]
pub(crate) struct Output {
    pub target: String,
    pub message: Value,
}

/// Tells what the route `name` makes of the only message of `test`.
///
/// # Errors
/// The message cannot be made, or the route cannot be assembled.
pub(crate) fn explain(
    test: &TestConfig,
    config: &Config,
    name: &str,
    route: &RouteConfig,
    local: &Local,
) -> Result<Explained, String> {
    let folder = std::path::Path::new("");
    let ran = in_its_time(folder, test, config, name, route, local)?;
    let input = test.input.first().ok_or("no message")?;
    let input = message::given(input, route.from.kind(), 0, folder)?;
    let Stepping { messages, selected_out, fault } = stepped(route, input)?;
    let Ran { outcomes, targets, dead_letters, trouble, .. } = ran;
    let outcome = outcomes.first().map(|outcome| json!(outcome));
    let outcome = outcome.as_ref().and_then(Value::as_str).unwrap_or("held").to_owned();
    let output =
        |target: &str, taken: &Taken| Output { target: target.to_owned(), message: shown(taken) };
    let mut outputs = Vec::new();
    for (target, taken) in &targets {
        outputs.extend(taken.iter().map(|taken| output(target, taken)));
    }
    outputs.extend(dead_letters.iter().map(|letter| output("dead_letter", letter)));
    let (route, fault) = (name.to_owned(), fault.or(trouble));
    Ok(Explained { route, outcome, selected_out, messages, outputs, fault })
}

/// What the steps make of a message.
struct Stepping {
    messages: Vec<Stepped>,
    selected_out: Vec<SelectedOut>,
    fault: Option<String>,
}

/// Runs the steps alone, and asks the rules about what comes out.
fn stepped(route: &RouteConfig, input: Message) -> Result<Stepping, String> {
    let claims: Arc<dyn Claims> = Arc::new(InMemory::default());
    let selected_out = Rc::new(RefCell::new(Vec::new()));
    let watched = |(place, config): (usize, &TransformConfig)| -> Box<dyn Transformer> {
        let step = hybridge_transformers::build(config, &claims);
        Box::new(Watched { place, config: config.clone(), step, seen: selected_out.clone() })
    };
    let steps: Vec<_> = route.transform.iter().enumerate().map(watched).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| error.to_string())?;
    let input = [input];
    let flow = runtime.block_on(Flow::run(&steps, None, &input, 0, &[]));
    let mut fault = flow.failed.first().map(|failed| failed.described().to_string());
    let rules = route.rules().unwrap_or_default();
    let written = rules.iter().map(|rule| &rule.when);
    let conditions = Conditions::compile(rules_of(rules).into_iter().zip(written).collect())?;
    let mut messages = Vec::new();
    for message in flow.messages.iter() {
        let verdicts = conditions.ask(message).unwrap_or_else(|error| {
            fault.get_or_insert(format!("rules: {error}"));
            Vec::new()
        });
        let sent = rules.iter().zip(verdicts);
        let asked = sent.map(|(rule, verdict)| Asked { verdict, send_to: rule.send_to.clone() });
        let taken = Taken { message: message.clone(), to: Default::default() };
        messages.push(Stepped { message: shown(&taken), rules: asked.collect() });
    }
    Ok(Stepping { messages, selected_out: selected_out.take(), fault })
}

/// A step that notes what it selects out.
struct Watched {
    place: usize,
    config: TransformConfig,
    step: Box<dyn Transformer>,
    seen: Rc<RefCell<Vec<SelectedOut>>>,
}

#[async_trait(?Send)]
impl Transformer for Watched {
    fn name(&self) -> &'static str {
        self.step.name()
    }

    async fn apply(&self, batch: Vec<Message>) -> Vec<Applied> {
        let applied = self.step.apply(batch.clone()).await;
        for (message, applied) in batch.iter().zip(&applied) {
            let (Applied::Filtered(reason) | Applied::Expired(reason)) = applied else { continue };
            let conditions = match &self.config {
                TransformConfig::Filter(filter) => conditions_of(filter),
                _ => Vec::new(),
            };
            let asked = Conditions::compile(conditions).and_then(|asked| asked.ask(message));
            self.seen.borrow_mut().push(SelectedOut {
                transform: self.place,
                reason: reason.clone(),
                conditions: asked.unwrap_or_default(),
            });
        }
        applied
    }

    fn finished(&self, settled: &[(Tag, Outcome)]) {
        self.step.finished(settled);
    }
}

/// Rules or conditions, compiled and as they are written.
struct Conditions<'a> {
    matcher: Matcher,
    written: Vec<(String, &'a When)>,
}

impl<'a> Conditions<'a> {
    fn compile(conditions: Vec<(Rule, &'a When)>) -> Result<Self, String> {
        let (rules, written): (Vec<_>, Vec<_>) = conditions.into_iter().unzip();
        let faults = |faults: Vec<rules::Fault>| faults.iter().map(ToString::to_string).collect();
        let matcher =
            Matcher::compile(&rules).map_err(faults).map_err(|faults: Vec<_>| faults.join("; "))?;
        let names = rules.into_iter().map(|rule| rule.name);
        Ok(Self { matcher, written: names.zip(written).collect() })
    }

    fn ask(&self, message: &Message) -> Result<Vec<Verdict>, String> {
        let found = self.matcher.explain(message).map_err(|error| format!("data: {error}"))?;
        let verdict = |((rule, when), found): (&(String, &When), rules::Verdict)| Verdict {
            rule: rule.clone(),
            matches: found == rules::Verdict::Matches,
            why: why(&found, when, message),
        };
        Ok(self.written.iter().zip(found).map(verdict).collect())
    }
}

fn why(found: &rules::Verdict, when: &When, message: &Message) -> Option<String> {
    match found {
        rules::Verdict::Matches => None,
        rules::Verdict::ExpressionFails => {
            let whole = || format!("the {} expression does not hold", when.language());
            Some(part_that_fails(when, message).unwrap_or_else(whole))
        }
        rules::Verdict::Scattered { paths } => {
            let paths = paths.join(", ");
            Some(format!("{paths}: each holds, but not within the same elements of a list"))
        }
        rules::Verdict::Fails { path, tests, seen } => {
            let tests = tests.join(" or ");
            let seen = match seen.as_slice() {
                [] => "is not there".to_owned(),
                seen => format!("is {}", seen.join(", ")),
            };
            Some(format!("{path} {seen}, wanted {tests}"))
        }
    }
}
