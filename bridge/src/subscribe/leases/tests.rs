use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

const CAP: usize = 5;
const LEASE: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
enum Step {
    /// Read the next event of a partition and give it out.
    Lease(u32),
    LeaseAgain,
    /// Show the receipt of this number, of all that were ever given out.
    Acknowledge(prop::sample::Index),
    Release(prop::sample::Index, u64),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..2u32).prop_map(Step::Lease),
        2 => Just(Step::LeaseAgain),
        4 => any::<prop::sample::Index>().prop_map(Step::Acknowledge),
        1 => (any::<prop::sample::Index>(), 0..40u64).prop_map(|(index, delay)| Step::Release(index, delay)),
        1 => (0..40u64).prop_map(Step::Wait),
    ]
}

/// One event, told naively.
#[derive(Debug, Default)]
struct Event {
    acknowledged: bool,
    deliveries: u32,
    /// The receipt that is good.
    receipt: Option<Receipt>,
    free_at: u64,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn leases_are_as_a_list_of_events_says(steps in prop::collection::vec(step(), 1..120)) {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut leases = Leases::new(7, CAP);
        let mut model: BTreeMap<Key, Event> = BTreeMap::new();
        let mut receipts: Vec<Receipt> = Vec::new();
        let mut next = [0u64, 100];
        leases.assign(0, 0);
        leases.assign(1, 100);
        let mut now = 0;
        for step in steps {
            match step {
                Step::Lease(partition) => {
                    let key = (partition, next[partition as usize]);
                    let leased = leases.lease(key, at(now) + LEASE);
                    let open_from = model.iter().find(|((p, _), event)| *p == partition && !event.acknowledged);
                    let first = open_from.map_or(key.1, |((_, offset), _)| *offset);
                    prop_assert_eq!(leased.is_some(), key.1 - first < CAP as u64, "the cap counts from the gap");
                    if let Some(leased) = leased {
                        next[partition as usize] += 1;
                        prop_assert_eq!(leased.deliveries, 1);
                        receipts.push(leased.receipt);
                        let free_at = now + LEASE.as_secs();
                        model.insert(key, Event { deliveries: 1, receipt: Some(leased.receipt), free_at, ..Event::default() });
                    }
                }
                Step::LeaseAgain => {
                    let leased = leases.lease_again(at(now), at(now) + LEASE);
                    let earliest = model.values().filter(|event| !event.acknowledged).map(|event| event.free_at).min();
                    prop_assert_eq!(leased.is_some(), earliest.is_some_and(|free_at| free_at <= now));
                    if let Some(leased) = leased {
                        let event = model.get_mut(&leased.key).unwrap();
                        prop_assert!(!event.acknowledged && Some(event.free_at) == earliest);
                        event.deliveries += 1;
                        prop_assert_eq!(leased.deliveries, event.deliveries);
                        event.receipt = Some(leased.receipt);
                        event.free_at = now + LEASE.as_secs();
                        receipts.push(leased.receipt);
                    }
                }
                Step::Acknowledge(_) | Step::Release(..) if receipts.is_empty() => {}
                Step::Acknowledge(index) => {
                    let receipt = *index.get(&receipts);
                    let event = model.get_mut(&receipt.key).unwrap();
                    let good = !event.acknowledged && event.receipt == Some(receipt);
                    prop_assert_eq!(leases.acknowledge(&receipt), good);
                    event.acknowledged |= good;
                }
                Step::Release(index, delay) => {
                    let receipt = *index.get(&receipts);
                    let event = model.get_mut(&receipt.key).unwrap();
                    let good = !event.acknowledged && event.receipt == Some(receipt);
                    prop_assert_eq!(leases.release(&receipt, at(now + delay)), good);
                    if good {
                        event.receipt = None;
                        event.free_at = now + delay;
                    }
                }
                Step::Wait(seconds) => now += seconds,
            }
            for partition in [0, 1] {
                let open = model.iter().find(|((p, _), event)| *p == partition && !event.acknowledged);
                let position = open.map_or(next[partition as usize], |((_, offset), _)| *offset);
                prop_assert_eq!(leases.position(partition), Some(position));
            }
            let open = model.values().filter(|event| !event.acknowledged);
            prop_assert_eq!(leases.open(), open.clone().count());
            prop_assert_eq!(leases.next_due(), open.map(|event| at(event.free_at)).min());
        }
    }

    #[test]
    fn a_receipt_is_read_as_it_was_written(epoch: u64, number: u64, key: Key) {
        let receipt = Receipt { epoch, number, key };
        prop_assert_eq!(receipt.to_string().parse(), Ok(receipt));
    }
}

#[test]
fn what_could_not_be_read_was_not_delivered() {
    let now = Instant::now();
    let mut leases = Leases::new(1, CAP);
    leases.assign(0, 0);
    leases.lease((0, 0), now).unwrap();
    let failed = leases.lease_again(now, now + LEASE).unwrap();
    leases.take_back(&failed, now);
    assert!(!leases.acknowledge(&failed.receipt));
    assert_eq!(leases.lease_again(now, now + LEASE).unwrap().deliveries, 2);
}

#[test]
fn a_receipt_of_an_earlier_life_is_worth_nothing() {
    let mut before = Leases::new(1, CAP);
    before.assign(0, 0);
    let old = before.lease((0, 0), Instant::now()).unwrap();
    let mut after = Leases::new(2, CAP);
    after.assign(0, 0);
    after.lease((0, 0), Instant::now()).unwrap();
    assert!(!after.acknowledge(&old.receipt));
    assert!("0-1-x-1".parse::<Receipt>().is_err() && "0-1-1-1-1".parse::<Receipt>().is_err());
}
