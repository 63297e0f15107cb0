//! Messages that go to the targets that rules choose, and to no others.

use std::sync::atomic::Ordering::Relaxed;

use hybridge_core::testing::Partitions;

use super::*;

#[tokio::test(start_paused = true)]
async fn each_target_gets_what_rules_send_it_in_order() {
    local(async {
        // Numbers from 0 on: the digits of a number are the rules that it meets; 3 and above are none.
        let topic = Partitions::new("in", vec![messages(40, 1)]);
        let (zero, one) = (RecordingSink::default(), RecordingSink::default());
        let bench = Bench::new(Ordering::Key, &zero).target(&one);
        let run = bench.rules(&[&[0], &[1], &[0, 1], &[], &[], &[], &[], &[], &[], &[]], &[]);
        let run = run.run(topic.source());
        let counts = run.settle_for(A_WHILE).await;
        let met = |digits: [char; 2]| move |n: &usize| n.to_string().contains(digits);
        let wanted = |digits| (0..40).filter(met(digits)).collect::<Vec<_>>();
        assert_eq!(bodies(&zero), wanted(['0', '2']));
        assert_eq!(bodies(&one), wanted(['1', '2']));
        let unmet = (0..40).filter(|n: &usize| !n.to_string().contains(['0', '1', '2'])).count();
        assert_eq!((counts.delivered, counts.filtered), (40 - unmet as u64, unmet as u64));
        assert_eq!(topic.committed()[0], 40);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_target_that_fails_holds_only_what_is_sent_to_it() {
    local(async {
        let topic = Partitions::new("in", vec![messages(10, 10)]);
        let (zero, one) = (RecordingSink::default(), RecordingSink::default());
        let on = refuse_while(&one, 5, ErrorKind::Transient);
        let bench = Bench::new(Ordering::Key, &zero).target(&one);
        let all: Vec<&[u16]> = vec![&[0], &[0], &[0], &[0], &[0], &[0, 1], &[0], &[0], &[0], &[0]];
        let run = bench.rules(&all, &[]).run(topic.source());
        let counts = run.settle_for(A_WHILE).await;
        assert_eq!((counts.delivered, counts.in_flight), (9, 1));
        assert_eq!((bodies(&zero).len(), topic.committed()[0]), (10, 5));
        on.store(false, Relaxed);
        let counts = run.settle_for(A_WHILE).await;
        assert_eq!((counts.delivered, bodies(&zero).len(), bodies(&one)), (10, 10, vec![5]));
        assert_eq!(topic.committed()[0], 10);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_no_rule_meets_goes_elsewhere_or_is_filtered() {
    local(async {
        for (otherwise, delivered) in [(&[1][..], 10), (&[][..], 1)] {
            let topic = Partitions::new("in", vec![messages(10, 2)]);
            let (zero, one) = (RecordingSink::default(), RecordingSink::default());
            let bench = Bench::new(Ordering::Key, &zero).target(&one);
            let mut rules: Vec<&[u16]> = vec![&[]; 10];
            rules[4] = &[0];
            let bench = bench.rules(&rules, otherwise).step(Each(|mut message: Message| {
                let body = message.payload.take().filter(|body| body == "4");
                message.payload = Some(body.unwrap_or_else(|| "x".into()));
                Applied::One(message)
            }));
            let run = bench.run(topic.source());
            let counts = run.settle_for(A_WHILE).await;
            assert_eq!((counts.delivered, counts.filtered), (delivered, 10 - delivered));
            assert_eq!(zero.texts().len(), 1);
            assert_eq!(one.texts().len() as u64, delivered - 1);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn i7_a_message_that_rules_cannot_read_is_a_dead_letter_alone() {
    local(async {
        let mut all = messages(9, 3);
        all[4].payload = Some("unclear".into());
        let topic = Partitions::new("in", vec![all]);
        let (sink, dead) = (RecordingSink::default(), RecordingSink::default());
        let bench = Bench::new(Ordering::Key, &sink).dead_letter(&dead);
        let run = bench.rules(&[&[0][..]; 10], &[]).run(topic.source());
        let counts = run.settle_for(A_WHILE).await;
        assert_eq!((counts.delivered, counts.dead_lettered), (8, 1));
        assert_eq!((sink.texts().len(), dead.texts().len(), topic.committed()[0]), (8, 1, 9));
    })
    .await;
}
