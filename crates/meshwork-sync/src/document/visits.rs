//! Counts the items that are visited, so that tests can say what something costs.

#[cfg(test)]
thread_local! {
    static VISITED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// So many items are looked at.
pub(super) fn visit(items: usize) {
    #[cfg(test)]
    VISITED.set(VISITED.get() + items);
    #[cfg(not(test))]
    let _ = items;
}

/// How many were in this thread.
#[cfg(test)]
pub(super) fn visited() -> usize {
    VISITED.get()
}
