//! Cursors as iterators.
//!
//! Grade: plain.

/// Asks `next` until there is no more, or until it fails. Whoever wants to go on after a missing block keeps the cursor itself.
pub(crate) fn until_failure<T, E>(
    mut next: impl FnMut() -> Result<Option<T>, E>,
) -> impl Iterator<Item = Result<T, E>> {
    let mut has_failed = false;
    std::iter::from_fn(move || {
        if has_failed {
            return None;
        }
        let found = next();
        has_failed = found.is_err();
        found.transpose()
    })
}
