//! Messages that come while others are on their way are given out together, a moment later: each time that the route is
//! woken costs as much as several messages.

use std::time::Duration;

use tokio::time::Instant;

/// How long the first of them waits.
const MOMENT: Duration = Duration::from_millis(1);
/// So many do not wait for more.
const ENOUGH: usize = 64;

/// What waits to be given out, and until when.
pub(super) struct Gather {
    enough: usize,
    /// Passed where what waits is held up by something else, such as the budget.
    until: Option<Instant>,
}

impl Gather {
    pub(super) fn new(prefetch: u16) -> Self {
        Self { enough: (usize::from(prefetch) / 8).clamp(1, ENOUGH), until: None }
    }

    /// Whether the `waiting` messages stay for a moment; `open` have come and are not settled, these among them. Those that
    /// are alone go at once.
    pub(super) fn holds(&mut self, waiting: usize, open: usize) -> bool {
        if waiting == 0 || waiting >= self.enough || open <= waiting {
            return false;
        }
        let now = Instant::now();
        now < *self.until.get_or_insert(now + MOMENT)
    }

    /// When to look again, while they are held.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.until.filter(|until| *until > Instant::now())
    }

    /// They are given out; the next ones wait a moment of their own.
    pub(super) fn given_out(&mut self) {
        self.until = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_few_wait_for_more_but_neither_alone_nor_for_long() {
        let mut gather = Gather::new(2000);
        assert!(!gather.holds(0, 9) && !gather.holds(3, 3) && !gather.holds(ENOUGH, 1000));
        assert_eq!(gather.wake_at(), None);
        assert!(gather.holds(3, 4) && gather.holds(5, 6));
        assert_eq!(gather.wake_at(), Some(Instant::now() + MOMENT));
        tokio::time::advance(MOMENT).await;
        assert!(!gather.holds(5, 6), "their moment is over");
        assert_eq!(gather.wake_at(), None);
        assert!(!gather.holds(5, 6), "and is not begun again while the budget has no room");
        gather.given_out();
        assert!(gather.holds(1, 7));
    }

    #[test]
    fn who_takes_few_does_not_wait_for_many() {
        assert!(!Gather::new(16).holds(2, 9) && !Gather::new(1).holds(1, 9));
    }
}
