//! What routes promise, take of the memory, and feed.

use super::*;

#[test]
fn routes_that_feed_each_other_are_named() {
    let text = "hybridge: v1
routes:
  a: { from: { log: { topic: a } }, to: { log: { topic: b } } }
  b: { from: { log: { topic: b } }, to: { log: { topic: c } } }
  c: { from: { log: { topic: c } }, targets: { x: { to: { failover: [{ log: { topic: z } }, { log: { topic: a } }] } } } }
  d: { from: { log: { topic: d } }, to: { log: { topic: \"{{ key }}\" } } }
  e: { from: { log: { topic: e } }, to: { log: { topic: f } }, dead_letter: { to: { log: { topic: e } } } }
  f: { from: { http: { listen: \"127.0.0.1:8080\", path: /x } }, to: { http: { url: \"http://127.0.0.1:8080/x\" } } }
";
    assert_eq!(
        problems(&[("a.yaml", text)]),
        [
            "a.yaml:3:57: a loop of routes: a -> b -> c -> a (write another target for one of them)",
            "a.yaml:6:57: a loop: the route `d` feeds itself (write another target for one of them)",
            "a.yaml:7:99: the dead letters of the route `e` go to its own source (write a topic that the source does not read)",
            "a.yaml:8:83: a loop: the route `f` feeds itself (write another target for one of them)",
        ]
    );
}

#[test]
fn a_pattern_of_topics_closes_a_loop() {
    let text = "hybridge: v1
connections:
  here: { kafka: { brokers: [\"a:9092\"] } }
  else: { kafka: { brokers: [\"b:9092\"] } }
routes:
  a: { from: { kafka: { connection: here, topics: [\"^in\\\\.\"] } }, to: { kafka: { connection: here, topic: in.copy } } }
  b: { from: { kafka: { connection: here, topics: [\"^b\"] } }, to: { log: { topic: b } }, dead_letter: { to: { kafka: { connection: here, topic: \"{{ origin.topic }}.dead\" } } } }
  c: { from: { kafka: { connection: here, topics: [c.in] } }, to: { kafka: { connection: here, topic: c.mid.1 } } }
  d: { from: { kafka: { connection: here, topics: [x, \"^c\\\\.mid\"] } }, to: { kafka: { connection: here, topic: c.in } } }
  e: { from: { kafka: { connection: here, topics: [\"^e\"] } }, to: { kafka: { connection: else, topic: \"{{ origin.topic }}\" } } }
  f: { from: { kafka: { connection: here, topics: [\"^f\\\\.[0-9]+$\"] } }, to: { kafka: { connection: here, topic: \"{{ origin.topic }}.out\" } } }
";
    assert_eq!(
        problems(&[("a.yaml", text)]),
        [
            "a.yaml:6:107: a loop: the route `a` feeds itself (write another target for one of them)",
            "a.yaml:7:145: the dead letters of the route `b` go to its own source (write a topic that the source does not read)",
            "a.yaml:8:103: a loop of routes: c -> d -> c (write another target for one of them)",
        ]
    );
}

#[test]
fn a_message_must_fit_into_the_routes_share_of_memory() {
    assert_eq!(
        route_problems(
            "    from: { stdio: { max_message: 128MiB } }\n    limits: { in_flight: 1MiB }"
        ),
        [
            "a.yaml:4:35: a message of 128MiB does not fit into the route's share of memory, 96.0MiB of 256MiB with 1 routes (write `limits: { memory: 320MiB }` or more, or a smaller `max_message`)",
            "a.yaml:5:26: `in_flight`, 1MiB, is less than one message of 128MiB (write at least `in_flight: 128MiB`)",
        ]
    );
}

#[test]
fn what_endpoints_cannot_keep_is_refused_with_the_reason() {
    let text = "hybridge: v1
routes:
  a: { from: { log: { topic: a } }, to: { log: { topic: b } }, delivery: exactly_once }
  b: { from: { stdio: {} }, to: { log: { topic: c } }, delivery: effectively_once }
  c: { from: { log: { topic: d } }, to: { log: { topic: e } }, delivery: effectively_once }
  d: { from: { log: { topic: wide } }, to: { log: { topic: f } }, ordering: total }
  e: { from: { log: { topic: h } }, to: { log: { topic: i } }, delivery: at_most_once }
topics: { wide: { partitions: 4 } }
";
    let refused = problems(&[("a.yaml", text)]);
    let starts = [
        "a.yaml:3:74: `delivery: exactly_once` needs one transaction for source and target, which log and log do not have",
        "a.yaml:4:66: `delivery: effectively_once` needs a source whose messages have positions, which stdio does not have",
        "a.yaml:5:74: `delivery: effectively_once` needs targets that drop repeats, which log does not promise",
        "a.yaml:6:77: `ordering: total` over the topic `wide`, which has 4 partitions without an order among them",
        "a.yaml:7:74: `delivery: at_most_once` where every endpoint confirms: the route sends before it settles anyway",
    ];
    assert_eq!(refused.len(), starts.len(), "{refused:#?}");
    for (problem, start) in refused.iter().zip(starts) {
        assert!(problem.starts_with(start) && problem.ends_with(')'), "{problem}");
    }
}

#[test]
fn an_optional_target_stands_beside_a_required_one() {
    let (route, target) = ("r".repeat(100), "t".repeat(100));
    let text = format!(
        "hybridge: v1
routes:
  a: {{ from: {{ log: {{ topic: a }} }}, targets: {{ x: {{ to: {{ log: {{ topic: b }} }}, required: false }} }} }}
  b: {{ from: {{ log: {{ topic: c }} }}, targets: {{ x: {{ to: {{ log: {{ topic: d }} }}, backlog: {{}} }}, y: {{ to: {{ log: {{ topic: e }} }}, required: false }} }}, dead_letter: {{ to: {{ file: {{ path: f }} }} }} }}
  c: {{ from: {{ log: {{ topic: g }} }}, to: {{ log: {{ topic: h }} }}, required: false }}
  d: {{ from: {{ log: {{ topic: i }} }}, targets: {{ x: {{ to: {{ log: {{ topic: j }} }} }}, y: {{ to: {{ log: {{ topic: i }} }}, required: false }} }} }}
  {route}: {{ from: {{ log: {{ topic: k }} }}, targets: {{ x: {{ to: {{ log: {{ topic: l }} }} }}, {target}: {{ to: {{ log: {{ topic: m }} }}, required: false }} }} }}
"
    );
    let refused = problems(&[("a.yaml", &text)]);
    let expected = [
        "no target of the route `a` is required (leave `required` out for one: a message is settled when the required targets have it)".to_owned(),
        "`backlog` for a target that is required (write `required: false` beside it, or leave `backlog` out)".to_owned(),
        "dead letters of the route and of its optional target `y` in one file (write a topic: `dead_letter: { to: { log: { topic: ... } } }`)".to_owned(),
        "unknown key `required` (one of several `targets` may be optional: `targets: { name: { to: { ... }, required: false } }`)".to_owned(),
        "a loop: the route `d` feeds itself (write another target for one of them)".to_owned(),
        format!("the names of the route and its optional target `{target}` are too long together (shorten one of them)"),
    ];
    assert_eq!(refused.len(), expected.len(), "{refused:#?}");
    for (problem, expected) in refused.iter().zip(expected) {
        assert!(problem.ends_with(&expected), "{problem}\n{expected}");
    }
}

#[test]
fn an_optional_target_takes_its_share_of_the_memory() {
    let optional = "    from: { stdio: { max_message: 60MiB } }\n    targets: { a: { to: { log: { topic: a } } }, b: { to: { log: { topic: b } }, required: false } }";
    assert_eq!(
        problems(&[("a.yaml", &format!("hybridge: v1\nroutes:\n  r:\n{optional}\n"))]),
        [
            "a.yaml:4:35: a message of 60MiB does not fit into the route's share of memory, 48.0MiB of 256MiB with 2 routes (write `limits: { memory: 304MiB }` or more, or a smaller `max_message`)"
        ]
    );
}

#[test]
fn many_routes_are_checked_in_good_time() {
    let ring = |count: usize| {
        let route = |i: usize| {
            let next = (i + 1) % count;
            format!(
                "  r{i}: {{ from: {{ log: {{ topic: t{i} }} }}, to: {{ log: {{ topic: t{next} }} }} }}\n"
            )
        };
        let routes: String = (0..count).map(route).collect();
        problems(&[(
            "a.yaml",
            &format!("hybridge: v1\nlimits: {{ memory: 9GiB }}\nroutes:\n{routes}"),
        )])
    };
    let loops = ring(1_000);
    assert!(
        loops.len() == 1
            && loops[0].contains(
                "a loop of routes: r0 -> r1 -> r2 -> r3 -> r4 -> r5 -> 993 more -> r999 -> r0 ("
            ),
        "{loops:?}"
    );
    assert_eq!(
        ring(1_001),
        [
            "a.yaml:1004:3: too many routes (one process may have up to 1000: divide them among several)"
        ]
    );
}
