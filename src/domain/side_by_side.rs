//! Work in parts that know nothing of each other, done on all processors.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::{iter, thread};

/// Works at as many parts at the same time as there are processors. Parts are taken in their order, and the results are in
/// it, whoever was done first.
pub(crate) fn side_by_side<P, R: Send>(
    parts: impl Iterator<Item = P> + Send,
    work: impl Fn(P) -> R + Sync,
) -> Vec<R> {
    let places = thread::available_parallelism().map_or(1, NonZero::get);
    let parts = Mutex::new(parts.enumerate());
    let worker = || {
        let next = || parts.lock().unwrap_or_else(PoisonError::into_inner).next();
        iter::from_fn(next).map(|(number, part)| (number, work(part))).collect::<Vec<_>>()
    };
    let mut results: Vec<(usize, R)> = thread::scope(|scope| {
        let others: Vec<_> = (1..places).map(|_| scope.spawn(worker)).collect();
        let mut results = worker();
        for other in others {
            results.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        results
    });
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Many small things, a thousand of them in a part.
pub(crate) fn by_thousands<T>(mut all: impl Iterator<Item = T>) -> impl Iterator<Item = Vec<T>> {
    iter::from_fn(move || {
        let part: Vec<T> = all.by_ref().take(1000).collect();
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_or_out_of_order() {
        for many in [0, 1, 999, 1000, 1001, 12_345] {
            let parts = side_by_side(by_thousands(0..many), |part| {
                part.into_iter().map(|number| number * 2).collect::<Vec<u64>>()
            });
            assert_eq!(parts.concat(), (0..many).map(|number| number * 2).collect::<Vec<_>>());
        }
    }
}
