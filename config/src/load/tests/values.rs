//! Scalars, quantities and templates.

use super::*;

#[test]
fn a_quantity_without_its_unit_says_which_was_meant() {
    assert_eq!(
        route_problems(
            "    from: { stdio: { max_message: 64 } }\n    retry: { initial: 200, max: 1min }"
        ),
        [
            "a.yaml:4:35: a size without a unit, `64` (a size needs a unit: `512B`, `64KiB`, `64MiB`, `1GiB`, or `10kB`, `10MB` for powers of ten; did you mean `64B` or `64MiB`?)",
            "a.yaml:5:23: a time without a unit, `200` (a time needs a unit: `200ms`, `30s`, `1m`, `24h`, `30d`; did you mean `200s` or `200ms`?)",
            "a.yaml:5:33: not a unit of time, `1min` (a time needs a unit: `200ms`, `30s`, `1m`, `24h`, `30d`)",
        ]
    );
}

#[test]
fn a_number_stands_where_a_list_belongs() {
    assert_eq!(
        route_problems(
            "    from: { http: { listen: \"127.0.0.1:1\", allowed_origins: 5 } }\n    transform: { cloudevents: {} }"
        ),
        [
            "a.yaml:4:61: a number, `5`, where a list belongs (write `[5]`)",
            "a.yaml:5:16: a map where a list belongs (write one item a line after `- `)",
        ]
    );
}

#[test]
fn scalars_of_the_wrong_type_are_told_apart() {
    assert_eq!(
        route_problems(
            "    from: { file: { path: [a], once: \"yes\", poll: } }\n    limits: { lanes: 0, uncommitted: \"5\" }\n    ordering: totl"
        ),
        [
            "a.yaml:4:27: a list where a text belongs (a value here is no list and no map)",
            "a.yaml:4:38: a text, `yes`, where `true` or `false` belongs (write `true` or `false`, without quotes)",
            "a.yaml:4:45: a key without a value (write a time with its unit: `200ms`, `30s`, `1m`, `24h`, `30d`, or leave the key out)",
            "a.yaml:5:22: a number out of range, `0` (write a number from 1 to 1024)",
            "a.yaml:5:38: a text, `5`, where a whole number belongs (write a whole number, without quotes)",
            "a.yaml:6:15: unknown value `totl` (did you mean `total`?)",
        ]
    );
}

#[test]
fn templates_are_checked_where_they_stand() {
    assert_eq!(
        route_problems(
            "    from: { stdio: {} }\n    transform:\n      - cloudevents: { type: \"{{ evnt.type }}\" }\n      - map: { set: { event.Type: x, origin.topic: x }, remove: [event.id] }\n      - cloudevents: { content_type: json, extensions: { Foo: x } }"
        ),
        [
            "a.yaml:6:30: unknown field at character 4 of the text, `{{ evnt.type }}` (write `event.type`, `event.data.customer.name`, `headers[\"x\"]`, `key` or `origin.topic`)",
            "a.yaml:7:23: not the name of an attribute at character 7 of the text, `event.Type` (a CloudEvents attribute has lower-case letters and digits only; data is under `event.data`)",
            "a.yaml:7:38: a field that cannot be changed, `origin.topic` (leave it out)",
            "a.yaml:7:66: a field that cannot be taken away: every event has one, `event.id` (leave it out)",
            "a.yaml:8:38: not a media type, `json` (write one such as `application/json`)",
            "a.yaml:8:58: the name of an attribute has lower-case letters and digits only, `Foo` (write a name such as `tenant`; `type`, `source`, `subject` and `id` have keys of their own)",
        ]
    );
}
