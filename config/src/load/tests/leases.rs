//! Leases of sources that keep their own positions.

use super::*;

#[test]
fn a_lease_is_in_a_bucket_of_nats_and_is_one_routes() {
    let text = "hybridge: v1
connections:
  k: { kafka: { brokers: [\"h:9092\"] } }
  n: { nats: { servers: [\"h:4222\"] } }
routes:
  a: { from: { schedule: { every: 1m, lease: { connection: k } } }, to: { log: { topic: a } } }
  b: { from: { schedule: { every: 1m, lease: { connection: m, ttl: 10ms } } }, to: { log: { topic: b } } }
  c: { from: { file: { path: c, format: whole, lease: { connection: n } } }, to: { log: { topic: c } } }
  d: { from: { file: { path: d, lease: { connection: n, key: same, bucket: a.b } } }, to: { log: { topic: d } } }
  e: { from: { schedule: { every: 1m, lease: { connection: n, key: same, bucket: a.b } } }, to: { log: { topic: e } } }
  f.: { from: { schedule: { every: 1m, lease: { connection: n } } }, to: { log: { topic: f } } }
  g: { from: { file: { path: g, format: whole, after: remove, lease: { connection: n } } }, to: { log: { topic: g } } }
  h: { from: { stdio: { lease: { connection: n } } }, to: { log: { topic: h } } }
";
    let starts = [
        "a.yaml:6:60: the connection \"k\" is for `kafka`, not `nats`",
        "a.yaml:7:60: unknown connection \"m\"",
        "a.yaml:7:68: a `ttl` of a lease below 1s (write `ttl: 15s`)",
        "a.yaml:8:55: `lease` with files of format `whole` that stay",
        "a.yaml:9:76: not a name for a bucket, \"a.b\"",
        "a.yaml:10:82: not a name for a bucket, \"a.b\"",
        "a.yaml:10:68: the lease `same` is that of the route `d` already",
        "a.yaml:11:47: not a key for a lease, \"schedule.f.\"",
        "a.yaml:13:25: unknown key `lease`",
    ];
    let refused = problems(&[("a.yaml", text)]);
    for start in starts {
        assert!(refused.iter().any(|problem| problem.starts_with(start)), "{start}\n{refused:#?}");
    }
    assert_eq!(refused.len(), starts.len(), "{refused:#?}");
    let good: Vec<&str> = text
        .lines()
        .filter(|line| {
            !line.starts_with("  ") || line.starts_with("  n:") || line.starts_with("  g:")
        })
        .collect();
    let folder = write(&[("a.yaml", &good.join("\n"))]);
    let config = load(&[folder.path().to_owned()], &|_| None).unwrap().config;
    let lease = config.routes["g"].from.lease().unwrap();
    assert_eq!(
        (lease.key("file", "g").as_str(), lease.entry().bucket.as_str()),
        ("file.g", "hybridge-leases")
    );
    assert_eq!(lease.endpoint.as_ref().unwrap().servers, ["h:4222"]);
}
