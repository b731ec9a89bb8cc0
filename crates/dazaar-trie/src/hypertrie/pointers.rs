//! The index of a node: pointers to older nodes, by the position at which those part from this one.
//!
//! Grade: plain. A position has a bucket of slots; a slot is a digit, plus a multiple of five where several keys of the same
//! digits go on from there.
//! Source: docs/structures.md, index of a hypertrie node.

use dazaar_log::codec::varint;

use crate::fault::Fault;
use crate::fields::take_varint;
use crate::limits::{MAX_INDEX_BYTES, MAX_SLOT};
use crate::path::DIGITS;

/// A pointer to an older node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pointer {
    /// The position at which that node parts from the one that has the pointer.
    pub(crate) position: u32,
    pub(crate) slot: u8,
    /// The block of that node.
    pub(crate) seq: u64,
}

impl Pointer {
    /// The digit of the other node at the position.
    pub(crate) const fn digit(self) -> u8 {
        self.slot % DIGITS
    }
}

/// All pointers of a node, by position and slot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pointers(Vec<Pointer>);

/// A bucket has no slot left.
#[derive(Debug)]
pub(crate) struct BucketFull;

impl Pointers {
    /// Reads the index of the node in block `seq`, which has `positions` positions.
    pub(crate) fn decode(bytes: &[u8], seq: u64, positions: usize) -> Result<Self, Fault> {
        if bytes.len() > MAX_INDEX_BYTES {
            return Err(Fault::IndexTooLong { bytes: bytes.len() });
        }
        let mut rest = bytes;
        let mut pointers: Vec<Pointer> = Vec::new();
        if !rest.is_empty() {
            // One more than the highest position, which will be seen.
            take_varint(&mut rest)?;
        }
        let mut lowest = 0;
        while !rest.is_empty() {
            let position = take_varint(&mut rest)?;
            if position < lowest || position >= positions as u64 {
                return Err(Fault::Index);
            }
            lowest = position + 1;
            let slots = u32::try_from(take_varint(&mut rest)?).map_err(|_| Fault::Index)?;
            for slot in (0..=MAX_SLOT + 1).filter(|slot| slots >> slot & 1 == 1) {
                let target = take_varint(&mut rest)?;
                if target == 0 || target >= seq {
                    return Err(Fault::Index);
                }
                pointers.push(Pointer { position: position as u32, slot, seq: target });
            }
        }
        pointers.shrink_to_fit();
        Ok(Self(pointers))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(8 * self.0.len() + 1);
        varint::encode(self.0.last().map_or(0, |last| u64::from(last.position) + 1), &mut out);
        for bucket in self.0.chunk_by(|a, b| a.position == b.position) {
            let slots = bucket.iter().fold(0_u32, |slots, pointer| slots | 1 << pointer.slot);
            varint::encode(bucket.first().map_or(0, |first| u64::from(first.position)), &mut out);
            varint::encode(u64::from(slots), &mut out);
            bucket.iter().for_each(|pointer| varint::encode(pointer.seq, &mut out));
        }
        out
    }

    /// Adds a pointer in the first free slot of its digit; positions may only grow. One that is in the bucket stays.
    pub(crate) fn push(&mut self, position: usize, digit: u8, seq: u64) -> Result<(), BucketFull> {
        let start = self.0.partition_point(|pointer| (pointer.position as usize) < position);
        let mut slot = digit % DIGITS;
        let mut place = start;
        for (index, pointer) in self.0.iter().enumerate().skip(start) {
            if pointer.seq == seq {
                return Ok(());
            }
            if pointer.slot == slot {
                slot += DIGITS;
            }
            if pointer.slot < slot {
                place = index + 1;
            }
        }
        if slot > MAX_SLOT {
            return Err(BucketFull);
        }
        self.0.insert(place, Pointer { position: position as u32, slot, seq });
        Ok(())
    }

    /// The pointers at a position.
    pub(crate) fn bucket(&self, position: usize) -> &[Pointer] {
        let from = self.from(position);
        let end = from.partition_point(|pointer| pointer.position as usize <= position);
        from.get(..end).unwrap_or_default()
    }

    /// The pointers at a position and behind it.
    pub(crate) fn from(&self, position: usize) -> &[Pointer] {
        let start = self.0.partition_point(|pointer| (pointer.position as usize) < position);
        self.0.get(start..).unwrap_or_default()
    }

    /// The first position from `position` on that has pointers.
    pub(crate) fn next(&self, position: usize) -> Option<usize> {
        self.from(position).first().map(|pointer| pointer.position as usize)
    }

    /// Bytes in memory beside the structure itself.
    pub(crate) const fn memory(&self) -> usize {
        self.0.capacity() * size_of::<Pointer>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(hex: &str) -> Result<Pointers, Fault> {
        Pointers::decode(&hex::decode(hex).unwrap(), 6, 34)
    }

    #[test]
    fn known_bytes() {
        let mut pointers = Pointers::default();
        pointers.push(1, 1, 4).unwrap();
        pointers.push(32, 2, 5).unwrap();
        assert_eq!(hex::encode(pointers.encode()), "21010204200405");
        assert_eq!(decode("21010204200405"), Ok(pointers.clone()));
        assert_eq!(pointers.bucket(32), [Pointer { position: 32, slot: 2, seq: 5 }]);
        assert_eq!((pointers.bucket(2), pointers.next(2), pointers.next(33)), (&[][..], Some(32), None));
        for empty in ["", "00"] {
            assert_eq!(decode(empty), Ok(Pointers::default()));
        }
        assert_eq!(Pointers::default().encode(), [0]);
    }

    #[test]
    fn a_bucket_takes_keys_of_one_digit_until_its_slots_are_used_up() {
        let mut pointers = Pointers::default();
        for seq in 1..=7 {
            pointers.push(32, 0, seq).unwrap();
        }
        pointers.push(32, 0, 3).unwrap();
        pointers.push(32, 1, 8).unwrap();
        let slots: Vec<_> = pointers.bucket(32).iter().map(|pointer| (pointer.slot, pointer.seq)).collect();
        assert_eq!(slots, [(0, 1), (1, 8), (5, 2), (10, 3), (15, 4), (20, 5), (25, 6), (30, 7)]);
        assert!(pointers.push(32, 0, 9).is_err());
    }

    #[test]
    fn what_cannot_be_an_index_is_refused() {
        for (bytes, why) in [
            ("21", None),
            ("210102", Some("cut off")),
            ("2101", Some("cut off")),
            ("2120040501020401", Some("positions out of order")),
            ("2101020401020401", Some("a position twice")),
            ("23220101", Some("a position behind the end")),
            ("21010206", Some("a pointer to itself")),
            ("210102ff01", Some("a pointer to the future")),
            ("21010200", Some("a pointer to the header")),
            ("2101808080801001", Some("a slot beyond 31")),
        ] {
            assert_eq!(decode(bytes).err(), why.map(|_| Fault::Index), "{why:?}");
        }
    }
}
