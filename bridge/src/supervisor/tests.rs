use hybridge_config::Ordering;
use hybridge_core::ErrorKind;
use hybridge_core::testing::{Answer, Partitions, RecordingSink};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::*;
use crate::route::tests::{A_WHILE, Bench, local, messages};
use crate::status::Facts;

/// From this topic to this sink.
#[derive(Clone)]
struct Script {
    topic: Partitions,
    sink: RecordingSink,
    status: Arc<RouteStatus>,
    in_force: CancellationToken,
}

impl Plan for Script {
    fn route(&self) -> Result<(Route, Budget), Error> {
        let bench = Bench::new(Ordering::Key, &self.sink);
        Ok((bench.route(self.topic.source(), &self.status), Budget::unlimited()))
    }

    fn pipeline(&self, can_reject: bool) -> Result<Pipeline, Error> {
        Ok(Bench::new(Ordering::Key, &self.sink).pipeline(can_reject, &self.status))
    }

    fn in_force(&self) -> CancellationToken {
        self.in_force.clone()
    }
}

struct Supervised {
    status: Arc<RouteStatus>,
    plan: watch::Sender<Script>,
    stop: watch::Sender<Option<Instant>>,
    task: JoinHandle<()>,
}

fn start(topic: &Partitions, sink: &RecordingSink) -> Supervised {
    let status = RouteStatus::new("test", Facts::default());
    let (topic, sink, in_force) = (topic.clone(), sink.clone(), CancellationToken::new());
    let script = Script { topic, sink, status: status.clone(), in_force };
    let (plan, plans) = watch::channel(script);
    let (stop, stopped) = watch::channel(None);
    let task = tokio::task::spawn_local(keep_running(plans, status.clone(), stopped));
    Supervised { status, plan, stop, task }
}

impl Supervised {
    /// A reload that leaves the source as it is.
    fn reload(&self, sink: &RecordingSink) -> CancellationToken {
        let in_force = CancellationToken::new();
        self.plan.send_modify(|script| {
            script.sink = sink.clone();
            script.in_force = in_force.clone();
        });
        in_force
    }
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_source_is_red_and_tried_until_it_is_there() {
    local(async {
        let topic = Partitions::new("in", vec![messages(10, 2)]);
        for _ in 0..20 {
            topic.fail_connect(Error::new(ErrorKind::Disconnected, "nobody there"));
        }
        let sink = RecordingSink::default();
        let route = start(&topic, &sink);
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(route.status.current(), State::Red);
        let view = route.status.view(A_WHILE);
        assert_eq!(view.reason.as_deref(), Some("nobody there"));
        tokio::time::sleep(A_WHILE * 2).await;
        assert_eq!((route.status.current(), topic.committed()[0]), (State::Running, 10));
        assert!(route.status.restarts() >= 20);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_target_is_red_at_once_and_green_as_soon_as_it_is_there() {
    local(async {
        let topic = Partitions::new("in", vec![Vec::new()]);
        let sink = RecordingSink::default();
        sink.answer_probe(Some(Error::new(ErrorKind::Disconnected, "nobody there")));
        let route = start(&topic, &sink);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let view = route.status.view(A_WHILE);
        assert_eq!((view.health, view.ready), ("red", true), "there is nothing to send");
        assert_eq!(view.reason.as_deref(), Some("nobody there"));
        sink.answer_probe(None);
        tokio::time::sleep(Duration::from_secs(6)).await;
        assert_eq!(route.status.view(A_WHILE).health, "green");

        sink.answer(|_| Answer::Refused(ErrorKind::Unauthorized));
        topic.push(0, hybridge_core::testing::message("k", "0"));
        tokio::time::sleep(Duration::from_secs(6)).await;
        let view = route.status.view(A_WHILE);
        assert_eq!((view.health, view.ready), ("red", true), "a probe says nothing of credentials");
        sink.answer(|_| Answer::Written);
        tokio::time::sleep(A_WHILE).await;
        let view = route.status.view(A_WHILE);
        assert_eq!((view.health, view.counts.delivered), ("green", 1));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_panicking_route_starts_again_and_disturbs_no_other() {
    local(async {
        let topic = Partitions::new("in", vec![messages(50, 5)]);
        let sink = RecordingSink::default();
        for _ in 0..3 {
            sink.answer_call(Answer::Panic);
        }
        let panicking = start(&topic, &sink);
        let (calm_topic, calm_sink) =
            (Partitions::new("in", vec![messages(50, 5)]), RecordingSink::default());
        let calm = start(&calm_topic, &calm_sink);
        tokio::time::sleep(A_WHILE).await;
        assert_eq!((calm.status.restarts(), calm_topic.committed()[0]), (0, 50));
        assert_eq!((panicking.status.restarts(), topic.committed()[0]), (3, 50));
        let counts = panicking.status.counts();
        assert_eq!((counts.difference(), counts.in_flight), (0, 0));
        assert!(counts.abandoned > 0 && counts.delivered >= 50);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_dies_is_made_anew_and_goes_on_where_it_committed() {
    local(async {
        let topic = Partitions::new("in", vec![messages(300, 5)]);
        let sink = RecordingSink::default();
        let route = start(&topic, &sink);
        tokio::time::sleep(Duration::from_secs(5)).await;
        topic.fail_next(Error::new(ErrorKind::Disconnected, "gone"));
        for message in messages(20, 5) {
            topic.push(0, message);
        }
        tokio::time::sleep(A_WHILE).await;
        assert_eq!((topic.connects(), topic.committed()[0]), (2, 320));
        assert_eq!(route.status.counts().difference(), 0);
        assert_eq!(topic.violations(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_route_that_gets_on_between_failures_never_waits_long() {
    local(async {
        let topic = Partitions::new("in", vec![Vec::new()]);
        let sink = RecordingSink::default();
        let route = start(&topic, &sink);
        for round in 1..=30 {
            topic.fail_next(Error::new(ErrorKind::Disconnected, "gone"));
            topic.push(0, hybridge_core::testing::message("k", &round.to_string()));
            tokio::time::sleep(FIRST_WAIT * 4).await;
            let last = sink.texts().pop().map(|(_, body)| body);
            assert_eq!(last, Some(round.to_string()), "it waits no longer than the first time");
        }
        assert_eq!(route.status.restarts(), 30);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_newer_plan_reaches_the_route_that_runs_and_every_later_one() {
    local(async {
        let topic = Partitions::new("in", vec![messages(10, 2)]);
        let (first, second, third) =
            (RecordingSink::default(), RecordingSink::default(), RecordingSink::default());
        first.answer(|_| Answer::Refused(ErrorKind::Transient));
        let route = start(&topic, &first);
        tokio::time::sleep(A_WHILE).await;
        second.answer_probe(Some(Error::transient("not there yet")));
        route.reload(&second);
        tokio::time::sleep(A_WHILE).await;
        assert_eq!((topic.connects(), topic.committed()[0]), (1, 10), "the source goes on");
        assert_eq!(
            (second.written().len(), second.probes()),
            (10, 1),
            "tried, and used all the same"
        );
        assert!(first.is_closed() && !second.is_closed());

        topic.fail_next(Error::new(ErrorKind::Disconnected, "gone"));
        topic.push(0, hybridge_core::testing::message("k", "10"));
        tokio::time::sleep(A_WHILE).await;
        assert_eq!((topic.connects(), second.written().len()), (2, 11), "made from the newest");

        topic.fail_next(Error::new(ErrorKind::Disconnected, "gone"));
        topic.fail_connect(Error::new(ErrorKind::Disconnected, "nobody there"));
        topic.push(0, hybridge_core::testing::message("k", "11"));
        tokio::time::sleep(Duration::from_millis(1)).await;
        route.reload(&third);
        tokio::time::sleep(A_WHILE).await;
        assert_eq!((second.written().len(), third.written().len()), (11, 1));
        assert_eq!(route.status.counts().difference(), 0);
        assert_eq!(topic.violations(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_in_force_when_nothing_starts_in_an_earlier_one() {
    local(async {
        let topic = Partitions::new("in", vec![messages(10, 2)]);
        let (first, second, third) =
            (RecordingSink::default(), RecordingSink::default(), RecordingSink::default());
        let route = start(&topic, &first);
        tokio::time::sleep(A_WHILE).await;
        second.slow_probe(Duration::from_secs(1));
        let in_force = route.reload(&second);
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(!in_force.is_cancelled());
        topic.push(0, hybridge_core::testing::message("k", "10"));
        in_force.cancelled().await;
        assert_eq!(first.written().len(), 11, "its targets are tried first");
        topic.push(0, hybridge_core::testing::message("k", "11"));
        tokio::time::sleep(A_WHILE).await;
        assert_eq!((first.written().len(), second.written().len()), (11, 1));

        topic.fail_connect(Error::new(ErrorKind::Disconnected, "nobody there"));
        topic.fail_next(Error::new(ErrorKind::Disconnected, "gone"));
        topic.push(0, hybridge_core::testing::message("k", "12"));
        tokio::time::sleep(Duration::from_millis(1)).await;
        let in_force = route.reload(&third);
        assert!(!in_force.is_cancelled());
        tokio::time::sleep(A_WHILE).await;
        assert!(in_force.is_cancelled(), "a route that starts again starts with it");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_it_backs_off_ends_it() {
    local(async {
        let topic = Partitions::new("in", vec![messages(1, 1)]);
        for _ in 0..1000 {
            topic.fail_connect(Error::new(ErrorKind::Disconnected, "nobody there"));
        }
        let route = start(&topic, &RecordingSink::default());
        tokio::time::sleep(A_WHILE).await;
        let asked = Instant::now();
        route.stop.send_replace(Some(asked));
        route.task.await.unwrap();
        assert!(asked.elapsed() < Duration::from_secs(1));
        assert_eq!(route.status.current(), State::Ended);
    })
    .await;
}
