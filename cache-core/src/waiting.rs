//! Results that wait until their invalidation is acknowledged by a tier.
//!
//! A future that holds a result is `Send` only if the result is. So a mutation holds one that is known to be; for another,
//! its thread waits, no longer than the tier allows.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::shared::ticket::Ticket;

/// Where a result waits.
pub trait Holder<R> {
    /// # Errors
    ///
    /// The result, if it cannot be held.
    fn put(&mut self, result: R) -> Result<(), R>;
    /// What was put.
    fn take(&mut self) -> Option<R>;
}

/// For results that are not known to be `Send`.
#[derive(Debug)]
pub struct Unheld<R>(PhantomData<fn() -> R>);

impl<R> Default for Unheld<R> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<R> Holder<R> for Unheld<R> {
    fn put(&mut self, result: R) -> Result<(), R> {
        Err(result)
    }

    fn take(&mut self) -> Option<R> {
        None
    }
}

/// For results that are `Send`, if what holds them is to be.
#[cfg(feature = "shared")]
#[derive(Debug)]
pub struct Held<R>(Option<Box<R>>);

#[cfg(feature = "shared")]
impl<R> Default for Held<R> {
    fn default() -> Self {
        Self(None)
    }
}

#[cfg(feature = "shared")]
impl<R> Holder<R> for Held<R> {
    fn put(&mut self, result: R) -> Result<(), R> {
        // Boxed: results may be large, and futures hold this.
        self.0 = Some(Box::new(result));
        Ok(())
    }

    fn take(&mut self) -> Option<R> {
        self.0.take().map(|result| *result)
    }
}

/// For any result.
#[cfg(feature = "shared")]
pub(crate) type AnyHolder<R> = Held<R>;

/// Without a tier nothing waits.
#[cfg(not(feature = "shared"))]
pub(crate) type AnyHolder<R> = Unheld<R>;

/// A result whose invalidation is being published.
pub(crate) struct Waiting<H> {
    ticket: Ticket,
    holder: H,
}

impl<H> Waiting<H> {
    pub(crate) fn new(holder: H) -> Self {
        Self { ticket: Ticket::default(), holder }
    }

    pub(crate) fn begin<R>(&mut self, ticket: Ticket, result: R, cx: &mut Context<'_>) -> Poll<R>
    where
        H: Holder<R>,
    {
        if ticket.is_over() {
            return Poll::Ready(result);
        }
        if let Err(result) = self.holder.put(result) {
            ticket.wait();
            return Poll::Ready(result);
        }
        self.ticket = ticket;
        self.poll(cx).unwrap_or(Poll::Pending)
    }

    /// `None` if it has not begun.
    pub(crate) fn poll<R>(&mut self, cx: &mut Context<'_>) -> Option<Poll<R>>
    where
        H: Holder<R>,
    {
        if self.ticket.is_over() {
            return None;
        }
        if Pin::new(&mut self.ticket).poll(cx).is_pending() {
            return Some(Poll::Pending);
        }
        self.holder.take().map(Poll::Ready)
    }
}

#[cfg(all(test, feature = "shared", not(shuttle)))]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Waker;

    use futures_lite::future::yield_now;

    use super::*;
    use crate::sync::Arc;

    /// A ticket that is pending once, and then says so.
    fn ticket() -> (Ticket, Arc<AtomicBool>) {
        let is_acknowledged = Arc::new(AtomicBool::new(false));
        let acknowledging = is_acknowledged.clone();
        let answer = async move {
            yield_now().await;
            acknowledging.store(true, Ordering::Relaxed);
        };
        (Ticket::of(Box::pin(answer)), is_acknowledged)
    }

    #[test]
    fn p20_a_result_waits_until_it_is_acknowledged() {
        let (mut cx, (ticket, is_acknowledged)) = (Context::from_waker(Waker::noop()), ticket());
        let mut waiting = Waiting::new(Held::default());
        assert_eq!(waiting.poll(&mut cx), None);
        assert_eq!(waiting.begin(ticket, 7, &mut cx), Poll::Pending);
        assert!(!is_acknowledged.load(Ordering::Relaxed));
        assert_eq!((waiting.poll(&mut cx), waiting.poll(&mut cx)), (Some(Poll::Ready(7)), None));
        assert_eq!(waiting.begin(Ticket::default(), 8, &mut cx), Poll::Ready(8), "there is nothing to wait for");
    }

    #[test]
    fn p20_the_thread_waits_for_a_result_that_cannot_be_held() {
        let (mut cx, (ticket, is_acknowledged)) = (Context::from_waker(Waker::noop()), ticket());
        assert_eq!(Waiting::new(Unheld::default()).begin(ticket, 7, &mut cx), Poll::Ready(7));
        assert!(is_acknowledged.load(Ordering::Relaxed));
    }
}
