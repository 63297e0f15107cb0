use hybridge_config::Ordering;
use hybridge_core::ErrorKind;
use hybridge_core::testing::{Answer, Partitions, RecordingSink};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::*;
use crate::route::tests::{A_WHILE, Bench, local, messages};
use crate::status::Facts;

struct Supervised {
    status: Arc<RouteStatus>,
    stop: watch::Sender<Option<Instant>>,
    task: JoinHandle<()>,
}

fn start(topic: &Partitions, sink: &RecordingSink) -> Supervised {
    let status = RouteStatus::new("test", Facts::default());
    let (stop, stopped) = watch::channel(None);
    let make = {
        let (topic, sink, status) = (topic.clone(), sink.clone(), status.clone());
        move || {
            let route = Bench::new(Ordering::Key, &sink).route(topic.source(), &status);
            Ok((route, Budget::unlimited()))
        }
    };
    let task = tokio::task::spawn_local(keep_running(make, status.clone(), stopped));
    Supervised { status, stop, task }
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
