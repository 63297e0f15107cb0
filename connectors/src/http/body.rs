//! Reading a body: bytes come from the wire only against a permit of the budget.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use hybridge_core::{Permit, Share};
use hyper::body::Body;
use tokio::time::Instant;

/// What is taken at a time for a body that does not say how long it is.
const STEP: u64 = 16 * 1024;
/// Bodies up to this size are copied out of the read buffer, which has 8 KiB or more.
const SMALL: usize = 4 * 1024;
/// How long a request waits for bytes of the budget before it is told to come again.
const BUDGET_WAIT: Duration = Duration::from_millis(500);
/// Requests that may wait for the budget at once: every release wakes all of them.
const MOST_WAITING: usize = 64;

/// What one read may cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Largest body.
    pub(super) bytes: u64,
    /// Longest time from here to its last byte.
    pub(super) time: Duration,
}

/// The share of the budget that requests take from.
#[derive(Debug)]
pub(super) struct Purse {
    share: Share,
    waiting: AtomicUsize,
}

impl Purse {
    pub(super) fn new(share: Share) -> Self {
        Self { share, waiting: AtomicUsize::new(0) }
    }

    async fn take(&self, bytes: u64) -> Result<Permit, Unread> {
        if let Some(permit) = self.share.try_take(bytes) {
            return Ok(permit);
        }
        let waiter = Waiter::new(&self.waiting).ok_or(Unread::NoBudget)?;
        let waited = tokio::time::timeout(BUDGET_WAIT, self.share.take(bytes)).await;
        drop(waiter);
        waited.map_err(|_| Unread::NoBudget)
    }
}

/// One of the requests that wait.
struct Waiter<'a>(&'a AtomicUsize);

impl<'a> Waiter<'a> {
    fn new(waiting: &'a AtomicUsize) -> Option<Self> {
        let waiter = Self(waiting);
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        (before < MOST_WAITING).then_some(waiter)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why there is no body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// Larger than the limit, by its own account or by what came.
    TooLarge,
    /// The budget had nothing left for it.
    NoBudget,
    /// Its client is too slow.
    TooSlow,
    /// Its client went away, or broke the protocol.
    Broken,
}

/// Reads a whole body; the permit holds at least its bytes and `extra`. A large body that comes in
/// one piece is not copied. A small one is: it would keep the connection's whole read buffer from
/// being used again, for much more memory than it was charged for.
pub(super) async fn read<B: Body<Data = Bytes>>(
    body: B,
    extra: u64,
    limits: Limits,
    purse: &Purse,
) -> Result<(Bytes, Permit), Unread> {
    let declared = body.size_hint().exact();
    if declared.is_some_and(|declared| declared > limits.bytes) {
        return Err(Unread::TooLarge);
    }
    let first = declared.unwrap_or(STEP.min(limits.bytes));
    let mut permit = purse.take(first + extra).await?;
    let deadline = Instant::now() + limits.time;
    let reading = collect(body, declared, extra, limits, purse, &mut permit);
    match tokio::time::timeout_at(deadline, reading).await {
        Ok(read) => Ok((read?, permit)),
        Err(_) => Err(Unread::TooSlow),
    }
}

async fn collect<B: Body<Data = Bytes>>(
    body: B,
    declared: Option<u64>,
    extra: u64,
    limits: Limits,
    purse: &Purse,
    permit: &mut Permit,
) -> Result<Bytes, Unread> {
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
        let length = (first.len() + rest.len() + data.len()) as u64;
        if length > limits.bytes {
            return Err(Unread::TooLarge);
        }
        while length + extra > permit.bytes() {
            let more = purse.take(STEP).await?;
            // Both are of this share, so nothing comes back.
            let _ = permit.merge(more);
        }
        if first.is_empty() && rest.is_empty() {
            first = data;
            continue;
        }
        if rest.is_empty() {
            rest.reserve(declared.unwrap_or(0).max(length) as usize);
            rest.extend_from_slice(&std::mem::take(&mut first));
        }
        rest.extend_from_slice(data.chunk());
    }
    if !rest.is_empty() {
        return Ok(rest.freeze());
    }
    Ok(if first.len() <= SMALL { Bytes::copy_from_slice(&first) } else { first })
}

/// Reads what is left of a refused body and throws it away, so that its client gets to reading the
/// answer; gives up at `bytes` or after `time`.
pub(super) async fn discard<B: Body<Data = Bytes>>(body: B, bytes: u64, time: Duration) {
    let mut body = pin!(body);
    let reading = async {
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, |data| data.len() as u64);
            if seen > bytes {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(time, reading).await;
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::task::{Context, Poll};

    use hybridge_core::Pool;
    use hyper::body::{Frame, SizeHint};

    use super::*;

    /// A body that remembers whether somebody asked it for bytes.
    struct Watched {
        bytes: Option<Bytes>,
        declared: Option<u64>,
        asked: Arc<AtomicBool>,
    }

    impl Body for Watched {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.asked.store(true, Ordering::Relaxed);
            Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
        }

        fn size_hint(&self) -> SizeHint {
            self.declared.map_or_else(SizeHint::default, SizeHint::with_exact)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn i8_no_byte_is_taken_from_the_wire_before_the_permit_for_it() {
        let limits = Limits { bytes: 1 << 20, time: Duration::from_secs(10) };
        for declared in [Some(3000), None] {
            let pool = Pool::new(0);
            let share = pool.route(4000, 4000).share();
            let held = share.try_take(4000).unwrap();
            let purse = Purse::new(share);
            let asked = Arc::new(AtomicBool::new(false));
            let body = || {
                let bytes = Some(Bytes::from(vec![7; 3000]));
                Watched { bytes, declared, asked: asked.clone() }
            };
            let refused = read(body(), 100, limits, &purse).await;
            assert_eq!(refused.err(), Some(Unread::NoBudget));
            assert!(!asked.load(Ordering::Relaxed), "read without a permit: {declared:?}");
            drop(held);
            let (bytes, permit) = read(body(), 100, limits, &purse).await.unwrap();
            assert!(bytes.len() == 3000 && permit.bytes() >= 3100 && pool.held() == permit.bytes());
        }
    }
}
