//! Callers that are answered together often post again at once, and together. So requests are given out when all callers are
//! back that were there last time: one batch with all of them costs a target less than two that take turns.
//!
//! That is a bet, of no more than twice the time that an answer takes. Once it is lost, the next ones are given out as they
//! come, for longer each time that it is lost again.

use std::time::Duration;

use tokio::time::Instant;

/// How long the first of them waits for the others, at most.
const LONGEST: Duration = Duration::from_millis(4);
/// Fewer callers are not waited for: it would spare too little.
const FEW: usize = 8;
/// So many do not wait for more.
const ENOUGH: usize = 256;
/// How many batches go at once, at most, before it is tried again.
const SELDOM: u32 = 1024;

/// Who waits to be given out, and for whom.
#[derive(Debug, Default)]
pub(super) struct Gather {
    /// Callers that were there when the last ones were given out.
    callers: usize,
    /// How long an answer took lately.
    took: Duration,
    until: Option<Instant>,
    /// Batches that still go at once.
    skipped: u32,
    /// How many will, when the bet is lost the next time.
    to_skip: u32,
}

impl Gather {
    /// Until when the `waiting` requests are held, while `open` others are not answered; none where they go now.
    pub(super) fn holds(&mut self, waiting: usize, open: usize) -> Option<Instant> {
        let are_all_back = open == 0 && waiting >= self.callers;
        let are_enough = self.callers < FEW || waiting >= ENOUGH;
        if are_all_back || are_enough || self.skipped > 0 {
            return None;
        }
        let now = Instant::now();
        let until = *self.until.get_or_insert(now + (self.took * 2).min(LONGEST));
        (now < until).then_some(until)
    }

    /// One was answered after so long.
    pub(super) fn answered(&mut self, took: Duration) {
        self.took = took;
    }

    /// They are given out; `callers` are there, with those that are not answered.
    pub(super) fn given_out(&mut self, callers: usize) {
        self.callers = callers;
        match self.until.take() {
            Some(until) if until <= Instant::now() => {
                self.to_skip = (self.to_skip * 4).clamp(1, SELDOM);
                self.skipped = self.to_skip;
            }
            // Won by chance now and then it must not come back to each time.
            Some(_) => self.to_skip /= 2,
            None => self.skipped = self.skipped.saturating_sub(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Duration = Duration::from_micros(1500);

    #[tokio::test(start_paused = true)]
    async fn all_who_were_there_are_waited_for() {
        let mut gather = Gather::default();
        gather.answered(TOOK);
        assert_eq!(gather.holds(1, 0), None, "nobody was there");
        gather.given_out(FEW - 1);
        assert_eq!(gather.holds(1, 6), None, "few are not waited for");
        gather.given_out(FEW);
        let until = Some(Instant::now() + TOOK * 2);
        assert_eq!(gather.holds(1, 7), until, "others are on their way");
        tokio::time::advance(TOOK).await;
        assert_eq!(gather.holds(9, 1), until);
        assert_eq!(gather.holds(9, 0), None);
        gather.given_out(9);
        assert!(gather.holds(8, 0).is_some(), "the other one may be back soon");
        assert_eq!(gather.holds(9, 0), None);
        gather.given_out(9);
        assert_eq!(gather.holds(ENOUGH, 300), None);
        gather.answered(Duration::from_secs(1));
        assert_eq!(gather.holds(1, 7), Some(Instant::now() + LONGEST));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_in_vain_waits_less_and_less_often() {
        let mut gather = Gather::default();
        gather.answered(TOOK);
        gather.given_out(FEW);
        let mut at_once = Vec::new();
        for _ in 0..8 {
            let mut count = 0;
            while gather.holds(1, 9).is_none() {
                gather.given_out(FEW);
                count += 1;
            }
            at_once.push(count);
            tokio::time::advance(TOOK * 2).await;
            assert_eq!(gather.holds(1, 9), None);
            gather.given_out(FEW);
        }
        assert_eq!(at_once, [0, 1, 4, 16, 64, 256, SELDOM, SELDOM]);
        (0..SELDOM).for_each(|_| gather.given_out(FEW));
        for _ in 0..8 {
            assert!(gather.holds(1, 9).is_some(), "what is won is tried again");
            gather.given_out(FEW);
        }
        assert!(gather.holds(1, 9).is_some());
        tokio::time::advance(TOOK * 2).await;
        gather.given_out(FEW);
        (0..16).for_each(|_| {
            assert!(gather.holds(1, 9).is_none(), "it was lost often before");
            gather.given_out(FEW);
        });
        assert!(gather.holds(1, 9).is_some());
    }
}
