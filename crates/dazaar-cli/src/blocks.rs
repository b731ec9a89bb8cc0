//! Blocks as they are typed: `5`, `3..10` without its end, `3-9` with it, `3..`, and several of them with commas.

use std::ops::Range;
use std::str::FromStr;

/// Half-open ranges of blocks, in the order in which they were typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blocks(Vec<Range<u64>>);

impl Blocks {
    /// The ranges; those without an end stop at `length`.
    pub(crate) fn ranges(&self, length: u64) -> impl Iterator<Item = Range<u64>> {
        self.0.iter().map(move |range| range.start..if range.end == u64::MAX { length } else { range.end })
    }
}

impl FromStr for Blocks {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',').map(range).collect::<Result<_, _>>().map(Self)
    }
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let text = text.trim();
    let range = if let Some((start, end)) = text.split_once("..") {
        let start = if start.is_empty() { 0 } else { number(start)? };
        start..if end.is_empty() { u64::MAX } else { number(end)? }
    } else if let Some((first, last)) = text.split_once('-') {
        number(first)?..number(last)? + 1
    } else {
        let block = number(text)?;
        block..block + 1
    };
    if range.is_empty() { Err(format!("`{text}` is an empty range")) } else { Ok(range) }
}

fn number(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(u64::MAX) | Err(_) => Err(format!("`{text}` is not a block number")),
        Ok(number) => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(text: &str) -> Result<Vec<Range<u64>>, String> {
        text.parse().map(|blocks: Blocks| blocks.ranges(100).collect())
    }

    #[test]
    fn numbers_and_ranges() {
        assert_eq!(ranges("5,7"), Ok(vec![5..6, 7..8]));
        assert_eq!(ranges("3..10, 12,..2,7-9,90.."), Ok(vec![3..10, 12..13, 0..2, 7..10, 90..100]));
    }

    #[test]
    fn nonsense_is_explained() {
        assert_eq!(ranges("x"), Err("`x` is not a block number".to_owned()));
        assert_eq!(ranges("-5"), Err("`` is not a block number".to_owned()));
        assert_eq!(ranges("5..5"), Err("`5..5` is an empty range".to_owned()));
        assert_eq!(ranges("5-4"), Err("`5-4` is an empty range".to_owned()));
        assert_eq!(ranges(&u64::MAX.to_string()), Err(format!("`{}` is not a block number", u64::MAX)));
    }
}
