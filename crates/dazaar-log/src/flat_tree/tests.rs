use proptest::prelude::*;

use super::*;

fn indexes(numbers: &[u64]) -> Vec<NodeIndex> {
    numbers.iter().copied().map(NodeIndex).collect()
}

#[test]
fn parents_and_siblings_of_the_first_nodes() {
    let nodes = (0..12).map(NodeIndex);
    assert_eq!(
        nodes.clone().map(NodeIndex::parent).collect::<Vec<_>>(),
        indexes(&[1, 3, 1, 7, 5, 3, 5, 15, 9, 11, 9, 7])
    );
    assert_eq!(
        nodes.map(NodeIndex::sibling).collect::<Vec<_>>(),
        indexes(&[2, 5, 0, 11, 6, 1, 4, 23, 10, 13, 8, 3])
    );
}

#[test]
fn full_roots_cover_a_length() {
    assert_eq!(full_roots(0).collect::<Vec<_>>(), indexes(&[]));
    assert_eq!(full_roots(5).collect::<Vec<_>>(), indexes(&[3, 8]));
    assert_eq!(full_roots(7).collect::<Vec<_>>(), indexes(&[3, 9, 12]));
    assert_eq!(full_roots(10).collect::<Vec<_>>(), indexes(&[7, 17]));
}

#[test]
fn nothing_panics_at_the_end_of_the_numbers() {
    for number in (0..64).flat_map(|shift| [u64::MAX >> shift, !(u64::MAX >> shift), 1 << shift]) {
        let node = NodeIndex(number);
        let _ = (node.parent(), node.sibling(), node.children(), node.left_span(), node.right_span());
        let _ = (node.depth(), node.offset(), node.blocks(), node.block(), NodeIndex::leaf(number));
        assert_eq!(full_roots(number).count(), number.count_ones() as usize);
    }
}

proptest! {
    #[test]
    fn relations_agree(depth in 0u32..40, offset in 0u64..1 << 20) {
        let node = NodeIndex::at(depth, offset);
        prop_assert_eq!((node.depth(), node.offset()), (depth, offset));
        prop_assert_eq!(node.sibling().sibling(), node);
        prop_assert_eq!(node.sibling().parent(), node.parent());
        prop_assert_eq!(node.blocks(), offset << depth..(offset + 1) << depth);
        let (left, right) = node.parent().children().expect("a parent is no leaf");
        prop_assert_eq!(left, node.min(node.sibling()));
        prop_assert_eq!(right, node.max(node.sibling()));
        prop_assert_eq!(node.parent().left_span(), left.left_span());
        prop_assert_eq!(node.parent().right_span(), right.right_span());
    }

    #[test]
    fn full_roots_are_adjacent_and_shrink(length in 0u64..1 << 40) {
        let mut covered = 0;
        let mut depth = u32::MAX;
        for root in full_roots(length) {
            prop_assert_eq!(root.blocks().start, covered);
            prop_assert!(root.depth() < depth);
            (covered, depth) = (root.blocks().end, root.depth());
        }
        prop_assert_eq!(covered, length);
    }
}
