//! CPU time per event of the matcher alone, and what the rules take: `cargo bench -p hybridge-transformers --bench rules`.
//!
//! Rules are 80 % exact on eight fields, 10 % prefix, 5 % numeric and 5 % wildcard, or all of them exact. Events are of
//! about 1 KB; of those that match no rule most are near to one, with a single field off. The least of many rounds is
//! what the work costs; the median has in it what else runs on the machine.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints its figures")]

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use hybridge_core::{Attributes, Message, Value};
use hybridge_transformers::rules::{Matcher, Rule, Scratch, When};
use rustix::time::{ClockId, clock_gettime};

/// CPU time of this thread so far, in nanoseconds.
fn cpu() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Set {
    Exact,
    Mixed,
}

/// Few enough to stay in the caches, as a message that just came does.
const EVENTS: u64 = 1000;

/// A number that looks random.
fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (number ^ (number >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20
}

/// The eight fields that exact rules name, of the event that is made for rule `of`.
struct Fields {
    kind: String,
    source: String,
    subject: String,
    region: String,
    account: String,
    status: String,
    customer: String,
    priority: u64,
}

fn fields(of: u64) -> Fields {
    let mixed = mix(of);
    Fields {
        kind: format!("com.example.order.kind{}", mixed % 50),
        source: format!("/shops/{}/orders", mixed / 50 % 200),
        subject: format!("orders/{}", mixed / 7 % 5000),
        region: format!("eu-region-{}", mixed / 11 % 20),
        account: format!("{:012}", mixed / 13 % 1000),
        status: ["created", "paid", "packed", "shipped", "returned"][(mixed / 17 % 5) as usize]
            .to_owned(),
        customer: format!("customer-{of:08}"),
        priority: mixed / 19 % 10,
    }
}

fn pattern(set: Set, of: u64) -> String {
    let Fields { kind, source, subject, region, account, status, customer, priority } = fields(of);
    match (set, of % 20) {
        (Set::Exact, _) | (Set::Mixed, 0..16) => format!(
            r#"{{"type":["{kind}"],"source":["{source}"],"subject":["{subject}"],"data":{{"region":["{region}"],
            "account":["{account}"],"status":["{status}"],"customer":["{customer}"],"priority":[{priority}]}}}}"#
        ),
        (Set::Mixed, 16 | 17) => format!(r#"{{"data":{{"key":[{{"prefix":"tenants/{of}/"}}]}}}}"#),
        (Set::Mixed, 18) => format!(
            r#"{{"type":["{kind}"],"data":{{"amount":[{{"numeric":[">=",{of},"<",{}.5]}}]}}}}"#,
            of
        ),
        (Set::Mixed, _) if of % 40 == 19 => {
            format!(
                r#"{{"type":["{kind}"],"data":{{"path":[{{"wildcard":"/var/*/unit-{of}/*.log"}}]}}}}"#
            )
        }
        (Set::Mixed, _) => format!(r#"{{"data":{{"path":[{{"wildcard":"*/job-{of}-*"}}]}}}}"#),
    }
}

/// An event of about 1 KB that the rule `of` matches, unless it is turned off.
fn event(of: u64, on: bool) -> Message {
    let Fields { kind, source, subject, region, account, status, mut customer, priority } =
        fields(of);
    let mut amount = of as f64 + 0.25;
    let mut key = format!("tenants/{of}/objects/2026/11/invoice-{:06}.json", mix(of) % 1_000_000);
    let unit = if of % 40 == 19 { "unit" } else { "job" };
    let slash = if of % 40 == 19 { "/" } else { "-" };
    let mut path = format!("/var/log/services/{unit}-{of}{slash}part-{:04}.log", mix(of) % 10_000);
    if !on {
        customer.push('x');
        amount = -1.0;
        key.insert(0, 'x');
        path = path.replace("job-", "jab-").replace("unit-", "unit+");
    }
    let filler = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore";
    let payload = format!(
        r#"{{"id":{of},"customer":"{customer}","account":"{account}","region":"{region}","status":"{status}","priority":{priority},
"amount":{amount},"currency":"EUR","key":"{key}","path":"{path}","note":"{filler}","lines":[{{"sku":"A-1000","count":2,"price":12.5}},
{{"sku":"B-2000","count":1,"price":99.95}},{{"sku":"C-3000","count":7,"price":0.25}}],"address":{{"street":"Main Street 1","city":"Springfield",
"zip":"12345","country":"DE"}},"flags":{{"gift":false,"express":true,"insured":null}},"tags":["alpha","beta","gamma"],"updated":"2026-11-22T08:00:00Z"}}"#
    );
    let mut attributes = Attributes::new();
    let texts = [
        ("specversion", "1.0"),
        ("id", &*format!("{of:032x}")),
        ("source", &source),
        ("type", &kind),
        ("subject", &subject),
        ("time", "2026-11-22T08:00:00Z"),
        ("datacontenttype", "application/json"),
    ];
    for (name, text) in texts {
        attributes.set(name.into(), Value::from(text));
    }
    Message { payload: Some(Bytes::from(payload)), attributes, ..Message::default() }
}

fn compile(set: Set, count: u64) -> Matcher {
    let rules: Vec<String> = (0..count).map(|of| pattern(set, of)).collect();
    let started = Instant::now();
    let before = cpu();
    let parsed: Vec<Rule> = rules
        .iter()
        .enumerate()
        .map(|(index, text)| Rule {
            name: format!("rule-{index}"),
            when: When::Pattern(text.parse().unwrap()),
        })
        .collect();
    let read = cpu() - before;
    let matcher = Matcher::compile(&parsed).unwrap();
    println!(
        "{set:?} {count:>7} rules: {:>4} bytes per rule; read in {:.2} s, compiled in {:.2} s of CPU ({:.2} s)",
        matcher.memory() as u64 / count.max(1),
        read / 1e9,
        (cpu() - before - read) / 1e9,
        started.elapsed().as_secs_f64(),
    );
    matcher
}

/// The least that a checking parser does: it builds nothing.
fn passed_over(events: &[Message]) -> (f64, f64) {
    let round = |_| {
        let before = cpu();
        for event in events {
            let payload = event.payload.as_deref().unwrap();
            serde_json::from_slice::<serde::de::IgnoredAny>(black_box(payload)).unwrap();
        }
        (cpu() - before) / events.len() as f64
    };
    let mut each: Vec<f64> = (0..201).map(round).collect();
    each.sort_by(f64::total_cmp);
    (each[0], each[each.len() / 2])
}

fn measure(matcher: &Matcher, events: &[Message], rounds: usize) -> (f64, f64, usize) {
    let mut scratch = Scratch::default();
    let mut each: Vec<f64> = Vec::new();
    let mut matches = 0;
    for _ in 0..rounds {
        matches = 0;
        let before = cpu();
        for event in events {
            matches += matcher.matches(event, &mut scratch).unwrap().len();
        }
        each.push((cpu() - before) / events.len() as f64);
    }
    each.sort_by(f64::total_cmp);
    (each[0], each[each.len() / 2], matches)
}

fn main() {
    let sample: Vec<Message> = (0..EVENTS).map(|index| event(mix(index), true)).collect();
    let payload = sample[0].payload.as_ref().unwrap().len();
    let size = payload + sample[0].attributes.size();
    println!("an event is {size} bytes, {payload} of them payload");
    let (least, median) = passed_over(&sample);
    println!(
        "for comparison, serde_json passes over the payload in {least:.0} ns (median {median:.0})"
    );
    for set in [Set::Exact, Set::Mixed] {
        for count in [1, 100, 10_000, 100_000] {
            let matcher = compile(set, count);
            for percent in [0, 1, 50] {
                let events: Vec<Message> = (0..EVENTS)
                    .map(|index| event(mix(index) % count, mix(index + 77) % 100 < percent))
                    .collect();
                let (least, median, matches) = measure(&matcher, &events, 201);
                println!(
                    "    {percent:>2} % matching: {least:6.0} ns per event (median {median:.0}), {matches} matches"
                );
            }
        }
    }
}
