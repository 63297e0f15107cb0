//! CPU time per event of the matcher alone, and what the rules take: `cargo bench -p hybridge-transformers --bench rules`.
//!
//! Rules are 80 % exact on eight fields, 10 % prefix, 5 % numeric and 5 % wildcard, or all of them exact. Events are of
//! about 1 KB; of those that match no rule most are near to one, with a single field off. The least of many rounds is
//! what the work costs; the median has in it what else runs on the machine.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints its figures")]

#[path = "rules/workload.rs"]
mod workload;

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use hybridge_core::{Attributes, Message, Value};
use hybridge_transformers::rules::{Matcher, Rule, Scratch, When};
use rustix::time::{ClockId, clock_gettime};
use workload::{Set, mix, pattern};

/// The allocator of the daemon.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// CPU time of this thread so far, in nanoseconds.
fn cpu() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

/// Few enough to stay in the caches, as a message that just came does.
const EVENTS: u64 = 1000;

/// An event that the rule `of` matches, unless it is turned off.
fn event(of: u64, on: bool) -> Message {
    let (texts, payload) = workload::event(of, on);
    let mut attributes = Attributes::new();
    for (name, text) in texts {
        attributes.set(name.into(), Value::from(&*text));
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
