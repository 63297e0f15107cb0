//! What `/metrics` answers.

use std::time::UNIX_EPOCH;

use hybridge_core::Outcome;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::exposition::Exposition;
use super::{Error, process};
use crate::status::{State, Status};

/// The numbers that connectors count, and the way to write out all others. A clone is the same.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Takes what is counted anywhere in the process from now on. Once per process.
    pub fn install() -> Result<Self, Error> {
        let handle = PrometheusBuilder::new()
            .set_buckets(&[0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0])
            .and_then(|builder| builder.install_recorder())
            .map_err(|error| Error::Metrics(error.to_string()))?;
        Ok(Self(handle))
    }

    /// Takes nothing: only what `status` knows is written out.
    pub fn detached() -> Self {
        Self(PrometheusBuilder::new().build_recorder().handle())
    }

    /// Condenses what was recorded since; must be called every few seconds, or histograms that
    /// nobody scrapes keep every sample.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }

    /// Everything, in the Prometheus text format.
    pub fn render(&self, status: &Status) -> String {
        let mut text = Exposition::default();
        routes(&mut text, status);
        rules(&mut text, status);
        bytes(&mut text, status);
        reloads(&mut text, status);
        own_process(&mut text, status);
        text.append(&self.0.render());
        text.finish()
    }
}

fn reloads(text: &mut Exposition, status: &Status) {
    let help = "How often the configuration was read again, by whether it was applied.";
    let mut family = text.family("hybridge_config_reloads_total", "counter", help);
    for (applied, label) in [(true, "applied"), (false, "refused")] {
        family.sample(&[("result", label)], status.reloads(applied));
    }
}

/// Rules of one route that have a series of their own: those that matched, up to so many.
const MOST_RULES: usize = 1_000;

fn rules(text: &mut Exposition, status: &Status) {
    let routes: Vec<_> =
        status.routes().into_iter().filter(|route| !route.rules().is_empty()).collect();
    if routes.is_empty() {
        return;
    }
    let help = "Messages that met the rule; of rules that matched, up to 1,000 a route.";
    let mut family = text.family("hybridge_rule_matches_total", "counter", help);
    for route in &routes {
        let counts = route.rules();
        let matched = counts.iter().filter(|(_, count)| *count > 0);
        for (rule, count) in matched.take(MOST_RULES) {
            family.sample(&[("route", route.name()), ("rule", rule)], count);
        }
    }
    let help = "Messages that met no rule.";
    let mut family = text.family("hybridge_rule_unmatched_total", "counter", help);
    for route in &routes {
        family.sample(&[("route", route.name())], route.rules().unmatched());
    }
    let help = "Conditions that could not be evaluated for a message, and so did not hold.";
    let mut family = text.family("hybridge_rule_unevaluable_total", "counter", help);
    for route in &routes {
        family.sample(&[("route", route.name())], route.rules().unevaluable());
    }
}

fn routes(text: &mut Exposition, status: &Status) {
    let routes = status.routes();
    let views = status.views();

    let help = "Deliveries taken from the source.";
    let mut family = text.family("hybridge_received_total", "counter", help);
    for view in &views {
        let labels = [("route", view.route.as_str()), ("connector", view.connector.as_str())];
        family.sample(&labels, view.counts.received);
    }

    let help = "Deliveries that ended, by outcome.";
    let mut family = text.family("hybridge_settled_total", "counter", help);
    for view in &views {
        for outcome in Outcome::ALL {
            let labels = [("route", view.route.as_str()), ("outcome", outcome.as_str())];
            family.sample(&labels, view.counts.of(outcome));
        }
    }

    let mut family =
        text.family("hybridge_in_flight", "gauge", "Deliveries received and not ended.");
    for view in &views {
        family.sample(&[("route", &view.route)], view.counts.in_flight);
    }

    let help = "Received less all that is accounted for: always 0.";
    let mut family = text.family("hybridge_ledger_difference", "gauge", help);
    for view in &views {
        family.sample(&[("route", &view.route)], view.ledger_difference);
    }

    let help = "Messages that wait at the source, where it knows.";
    let mut family = text.family("hybridge_lag", "gauge", help);
    for view in &views {
        if let Some(lag) = view.lag {
            family.sample(&[("route", &view.route)], lag);
        }
    }

    let mut family = text.family("hybridge_route_up", "gauge", "1 while the route takes messages.");
    for view in &views {
        let up = u8::from(view.state == State::Running.as_str());
        family.sample(&[("route", &view.route)], up);
    }

    let mut family =
        text.family("hybridge_route_ready", "gauge", "1 while the route gets on with its work.");
    for view in &views {
        family.sample(&[("route", &view.route)], u8::from(view.is_ready()));
    }

    let help = "How often the route was started again after a failure.";
    let mut family = text.family("hybridge_route_restarts_total", "counter", help);
    for view in &views {
        family.sample(&[("route", &view.route)], view.restarts);
    }

    let help = "Messages that were sent to a target again.";
    let mut family = text.family("hybridge_retries_total", "counter", help);
    for route in &routes {
        for target in route.targets() {
            let labels = [("route", route.name()), ("target", target.name())];
            family.sample(&labels, target.retries());
        }
    }

    let help = "0 while the target cannot be reached or refuses our credentials.";
    let mut family = text.family("hybridge_target_up", "gauge", help);
    for route in &routes {
        for target in route.targets() {
            let labels = [("route", route.name()), ("target", target.name())];
            family.sample(&labels, u8::from(target.trouble().is_none()));
        }
    }

    let help = "Time from the source to the outcome, per message.";
    let mut family = text.family("hybridge_delivery_seconds", "histogram", help);
    for route in &routes {
        family.histogram(&[("route", route.name())], route.delivery());
    }

    let help = "Time of one attempt to send a batch, per message.";
    let mut family = text.family("hybridge_send_seconds", "histogram", help);
    for route in &routes {
        for target in route.targets() {
            let labels = [("route", route.name()), ("target", target.name())];
            family.histogram(&labels, target.send());
        }
    }
}

fn bytes(text: &mut Exposition, status: &Status) {
    text.family("hybridge_held_bytes", "gauge", "Bytes of messages that are held.")
        .sample(&[], status.held_bytes());
    text.family("hybridge_budget_free_bytes", "gauge", "Bytes of the shared pool that are free.")
        .sample(&[], status.free_bytes());
}

fn own_process(text: &mut Exposition, status: &Status) {
    let process = process::read();
    if let Some(bytes) = process.resident_bytes {
        text.family("process_resident_memory_bytes", "gauge", "Resident memory.")
            .sample(&[], bytes);
    }
    if let Some(bytes) = process.peak_resident_bytes {
        text.family("process_peak_resident_memory_bytes", "gauge", "Most resident memory so far.")
            .sample(&[], bytes);
    }
    if let Some(seconds) = process.cpu_seconds {
        text.family("process_cpu_seconds_total", "counter", "Processor time, user and system.")
            .sample(&[], seconds);
    }
    if let Some(files) = process.open_files {
        text.family("process_open_fds", "gauge", "Open file descriptors.").sample(&[], files);
    }
    let started = status.started().duration_since(UNIX_EPOCH).unwrap_or_default();
    text.family("process_start_time_seconds", "gauge", "When the process started, Unix time.")
        .sample(&[], started.as_secs_f64());
    text.family("hybridge_build_info", "gauge", "The version, as a label.")
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
}

#[cfg(test)]
mod tests {
    use hybridge_core::Pool;

    use super::*;
    use crate::status::{Counts, Facts, STALLED_AFTER};

    #[test]
    fn a_route_shows_in_every_family() {
        let status = Status::new(Pool::new(10), STALLED_AFTER);
        let facts =
            Facts { connector: "http".into(), targets: vec!["billing".into()], ..Facts::default() };
        let route = status.route("orders", facts);
        route.state(State::Running, None);
        route.ledger(Counts { received: 5, delivered: 3, in_flight: 2, ..Counts::default() });
        route.target("billing").retried(4);
        route.waiting(Some(6));
        let text = Metrics::detached().render(&status);
        for line in [
            "hybridge_received_total{route=\"orders\",connector=\"http\"} 5",
            "hybridge_settled_total{route=\"orders\",outcome=\"delivered\"} 3",
            "hybridge_retries_total{route=\"orders\",target=\"billing\"} 4",
            "hybridge_target_up{route=\"orders\",target=\"billing\"} 1",
            "hybridge_lag{route=\"orders\"} 6",
            "hybridge_ledger_difference{route=\"orders\"} 0",
            "hybridge_route_up{route=\"orders\"} 1",
            "hybridge_send_seconds_count{route=\"orders\",target=\"billing\"} 0",
            "hybridge_held_bytes 0",
        ] {
            assert!(text.lines().any(|other| other == line), "no `{line}` in:\n{text}");
        }
    }
}
