//! Consecutive blocks in one buffer, as a log reads them and as they are sent.
//!
//! Grade: plain.

use std::ops::Range;

use bytes::Bytes;

/// Blocks, one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blocks {
    data: Bytes,
    /// Where each block ends in `data`. The last one ends with it.
    ends: Vec<u32>,
}

impl Blocks {
    /// Cuts `data` into blocks of these sizes; `None` if it has more bytes or fewer, or more than 4 GiB.
    pub fn cut(data: Bytes, sizes: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut end = 0_u64;
        let mut ends = Vec::new();
        for size in sizes {
            end = end.checked_add(size)?;
            ends.push(u32::try_from(end).ok()?);
        }
        (end == data.len() as u64).then_some(Self { data, ends })
    }

    /// How many blocks there are.
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of all blocks.
    pub const fn data(&self) -> &Bytes {
        &self.data
    }

    /// Block `nth`, which shares the buffer.
    pub fn get(&self, nth: usize) -> Option<Bytes> {
        (nth < self.len()).then(|| self.data.slice(self.place(nth)))
    }

    /// The blocks in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|nth| &self.data[self.place(nth)])
    }

    /// The sizes of the blocks, in bytes.
    pub fn sizes(&self) -> impl ExactSizeIterator<Item = u64> {
        (0..self.len()).map(|nth| self.place(nth).len() as u64)
    }

    /// The first so many of the blocks, or all; they share the buffer.
    #[must_use]
    pub fn first(&self, count: usize) -> Self {
        let ends = self.ends[..count.min(self.len())].to_vec();
        let bytes = ends.last().map_or(0, |&end| end as usize);
        Self { data: self.data.slice(..bytes), ends }
    }

    fn place(&self, nth: usize) -> Range<usize> {
        let start = nth.checked_sub(1).map_or(0, |before| self.ends[before]);
        start as usize..self.ends[nth] as usize
    }
}

impl<B: AsRef<[u8]>> FromIterator<B> for Blocks {
    fn from_iter<I: IntoIterator<Item = B>>(blocks: I) -> Self {
        let (mut data, mut sizes) = (Vec::new(), Vec::new());
        for block in blocks {
            data.extend_from_slice(block.as_ref());
            sizes.push(block.as_ref().len() as u64);
        }
        Self::cut(data.into(), sizes).expect("the sizes are those of the blocks")
    }
}

impl<B: AsRef<[u8]>> PartialEq<[B]> for Blocks {
    fn eq(&self, other: &[B]) -> bool {
        self.iter().eq(other.iter().map(AsRef::as_ref))
    }
}

impl<B: AsRef<[u8]>, const N: usize> PartialEq<[B; N]> for Blocks {
    fn eq(&self, other: &[B; N]) -> bool {
        *self == other[..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_cut_where_they_end() {
        let blocks = Blocks::cut("abbccc".into(), [1, 2, 0, 3]).unwrap();
        assert_eq!(blocks.iter().collect::<Vec<_>>(), [&b"a"[..], b"bb", b"", b"ccc"]);
        assert_eq!(blocks.sizes().collect::<Vec<_>>(), [1, 2, 0, 3]);
        assert_eq!((blocks.get(1), blocks.get(4)), (Some("bb".into()), None));
        assert_eq!(["a", "bb", "", "ccc"].into_iter().collect::<Blocks>(), blocks);
        assert!(Blocks::default().is_empty());
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        for sizes in [&[1, 2][..], &[1, 2, 4], &[u64::MAX, 7], &[]] {
            assert_eq!(Blocks::cut("abbccc".into(), sizes.iter().copied()), None);
        }
    }
}
