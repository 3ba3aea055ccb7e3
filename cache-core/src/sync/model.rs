//! The primitives of `real.rs`, scheduled by shuttle. As in `parking_lot`, a panic does not poison a lock.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash};
use std::pin::Pin;
use std::sync::{Arc, PoisonError, TryLockError};
use std::task::{Context, Poll, Waker};

pub(crate) use shuttle::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
pub(crate) use shuttle::sync::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};
pub(crate) use shuttle::thread_local;

pub(crate) fn thread_number() -> usize {
    shuttle::current::me().into()
}

#[derive(Default)]
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part of `event_listener::Event` in use.
#[derive(Default)]
pub(crate) struct Event(Arc<Listeners>);

#[derive(Default)]
struct Listeners {
    list: Mutex<List>,
    changed: shuttle::sync::Condvar,
}

#[derive(Default)]
struct List {
    /// In the order of their numbers.
    listening: Vec<Listening>,
    /// Of the last listener.
    number: usize,
}

struct Listening {
    number: usize,
    is_notified: bool,
    /// Set if the listener is polled by a task.
    waker: Option<Waker>,
}

pub(crate) struct EventListener {
    listeners: Arc<Listeners>,
    number: usize,
    has_returned: bool,
}

pub(crate) trait Listener {
    fn wait(self);
}

impl Event {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn listen(&self) -> EventListener {
        let mut list = self.0.list.lock();
        list.number += 1;
        let number = list.number;
        list.listening.push(Listening { number, is_notified: false, waker: None });
        EventListener { listeners: self.0.clone(), number, has_returned: false }
    }

    pub(crate) fn notify(&self, most: usize) {
        self.0.notify(most);
    }
}

impl Listeners {
    fn notify(&self, most: usize) {
        let mut wakers = Vec::new();
        for listening in self.list.lock().listening.iter_mut().filter(|listening| !listening.is_notified).take(most) {
            listening.is_notified = true;
            wakers.extend(listening.waker.take());
        }
        self.changed.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl List {
    fn of(&mut self, number: usize) -> &mut Listening {
        self.listening.iter_mut().find(|listening| listening.number == number).expect("it listens until it is dropped")
    }
}

impl Listener for EventListener {
    fn wait(mut self) {
        let mut list = self.listeners.list.lock();
        while !list.of(self.number).is_notified {
            list = self.listeners.changed.wait(list).unwrap_or_else(PoisonError::into_inner);
        }
        drop(list);
        self.has_returned = true;
    }
}

impl Future for EventListener {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let is_notified = {
            let mut list = self.listeners.list.lock();
            let listening = list.of(self.number);
            if !listening.is_notified {
                listening.waker = Some(cx.waker().clone());
            }
            listening.is_notified
        };
        self.has_returned |= is_notified;
        if is_notified { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for EventListener {
    fn drop(&mut self) {
        let was_notified = {
            let mut list = self.listeners.list.lock();
            let was_notified = list.of(self.number).is_notified;
            list.listening.retain(|listening| listening.number != self.number);
            was_notified
        };
        // Another listener gets the notification instead.
        if was_notified && !self.has_returned {
            self.listeners.notify(1);
        }
    }
}

#[derive(Default)]
pub(crate) struct RwLock<T>(shuttle::sync::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shuttle::sync::RwLock::new(value))
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        match self.0.try_read() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        match self.0.try_write() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// Like `std`'s, holds its lock while the value is made; shuttle may switch threads meanwhile.
pub(crate) struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    making: Mutex<()>,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self { value: std::sync::OnceLock::new(), making: Mutex::new(()) }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.value.get()
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        self.value.set(value)
    }

    pub(crate) fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        if self.get().is_none() {
            let _making = self.making.lock();
            if self.get().is_none() {
                let value = make();
                assert!(self.set(value).is_ok(), "one thread makes the value");
            }
        }
        self.get().expect("the value was made just now")
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// One part, for the most contention.
pub(crate) struct Map<K, V> {
    values: RwLock<HashMap<K, V, Hasher>>,
}

/// No random seed: failures can be reproduced.
type Hasher = BuildHasherDefault<DefaultHasher>;

impl<K: Eq + Hash, V> Map<K, V> {
    pub(crate) fn new(_parts: usize) -> Self {
        Self { values: RwLock::new(HashMap::default()) }
    }

    pub(crate) fn view<Q, R>(&self, key: &Q, view: impl FnOnce(&V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.values.read().get(key).map(view)
    }

    pub(crate) fn with<R>(&self, key: K, make: impl FnOnce(&K) -> V, with: impl FnOnce(&mut V) -> R) -> R {
        let mut map = self.values.write();
        if !map.contains_key(&key) {
            let value = make(&key);
            return with(map.entry(key).or_insert(value));
        }
        with(map.get_mut(&key).expect("the key was inserted just now"))
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.values.read().len()
    }

    pub(crate) fn for_each(&self, visit: impl FnMut(&V)) {
        self.values.read().values().for_each(visit);
    }

    pub(crate) fn remove_if<Q>(&self, key: &Q, condition: impl FnOnce(&V) -> bool)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut map = self.values.write();
        let should_remove = map.get(key).is_some_and(condition);
        // Dropped after the lock.
        let _removed = should_remove.then(|| map.remove(key));
        drop(map);
    }
}
