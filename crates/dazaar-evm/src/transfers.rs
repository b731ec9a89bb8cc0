//! What an authorisation brought, as the token's own logs tell.
//!
//! Grade: plain. A token may keep a part of what is transferred, and others may carry out many authorisations in one transaction.

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolEvent as _;

use crate::abi::Erc20::{AuthorizationUsed, Transfer};
use crate::jsonrpc::Log;

/// An address as logs have it.
pub(crate) fn topic(address: Address) -> B256 {
    address.into_word()
}

/// A transfer, if the log tells of one.
pub(crate) fn transfer(log: &Log) -> Option<Transfer> {
    Transfer::decode_raw_log_validate(log.topics.iter().copied(), &log.data).ok()
}

/// What came to `pay_to` by one authorisation, in a transaction with these logs: what was transferred from its owner after it was
/// marked as used and before another one was, less what the token took from there again.
pub fn received(logs: &[Log], contract: Address, (owner, nonce): (Address, B256), pay_to: Address) -> U256 {
    let mut ours = false;
    let (mut came, mut went) = (U256::ZERO, U256::ZERO);
    for log in logs.iter().filter(|log| log.address == contract) {
        let used = AuthorizationUsed::decode_raw_log_validate(log.topics.iter().copied(), &log.data);
        if let Ok(used) = used {
            ours = used.authorizer == owner && used.nonce == nonce;
        } else if let (true, Some(Transfer { from, to, value })) = (ours, transfer(log)) {
            if to == pay_to && from == owner {
                came = came.saturating_add(value);
            } else if from == pay_to {
                went = went.saturating_add(value);
            }
        }
    }
    came.saturating_sub(went)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Bytes, U64};
    use alloy_sol_types::SolEvent;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const TOKEN: Address = Address::repeat_byte(1);
    const SELLER: Address = Address::repeat_byte(2);
    const BUYER: Address = Address::repeat_byte(3);
    const OTHER: Address = Address::repeat_byte(4);
    const NONCE: B256 = B256::repeat_byte(5);

    fn log(event: &impl SolEvent) -> Log {
        let data = event.encode_log_data();
        Log {
            address: TOKEN,
            topics: data.topics().to_vec(),
            data: data.data.clone(),
            block_number: U64::from(1),
            block_hash: B256::ZERO,
            transaction_hash: B256::ZERO,
            log_index: U64::ZERO,
            removed: false,
        }
    }

    fn used(authorizer: Address, nonce: B256) -> Log {
        log(&AuthorizationUsed { authorizer, nonce })
    }

    fn moved(from: Address, to: Address, value: u64) -> Log {
        log(&Transfer { from, to, value: U256::from(value) })
    }

    fn units(logs: &[Log]) -> u64 {
        received(logs, TOKEN, (BUYER, NONCE), SELLER).to()
    }

    #[test]
    fn what_came_is_counted_and_nothing_else() {
        assert_eq!(units(&[used(BUYER, NONCE), moved(BUYER, SELLER, 7)]), 7);
        assert_eq!(units(&[moved(BUYER, SELLER, 7)]), 0, "not by the authorisation");
        assert_eq!(units(&[used(OTHER, NONCE), moved(BUYER, SELLER, 7)]), 0);
        assert_eq!(units(&[used(BUYER, B256::ZERO), moved(BUYER, SELLER, 7)]), 0);
        assert_eq!(units(&[used(BUYER, NONCE), moved(BUYER, OTHER, 7)]), 0);
        assert_eq!(units(&[used(BUYER, NONCE), moved(OTHER, SELLER, 7)]), 0);
        let mut foreign = [used(BUYER, NONCE), moved(BUYER, SELLER, 7)];
        foreign[1].address = OTHER;
        assert_eq!(units(&foreign), 0, "another token");
    }

    #[test]
    fn many_authorisations_in_one_transaction_are_told_apart() {
        let second = B256::repeat_byte(6);
        let logs =
            [used(BUYER, NONCE), moved(BUYER, SELLER, 7), used(BUYER, second), moved(BUYER, SELLER, 9)];
        assert_eq!(units(&logs), 7);
        assert_eq!(received(&logs, TOKEN, (BUYER, second), SELLER), U256::from(9));
    }

    #[test]
    fn what_the_token_keeps_did_not_come() {
        let before = [used(BUYER, NONCE), moved(BUYER, OTHER, 1), moved(BUYER, SELLER, 6)];
        let after = [used(BUYER, NONCE), moved(BUYER, SELLER, 7), moved(SELLER, OTHER, 1)];
        assert_eq!((units(&before), units(&after)), (6, 6));
    }

    #[test]
    fn a_log_of_another_shape_is_no_transfer() {
        let mut short = moved(BUYER, SELLER, 7);
        short.data = Bytes::from_static(b"x");
        let mut few = moved(BUYER, SELLER, 7);
        few.topics.pop();
        assert_eq!(units(&[used(BUYER, NONCE), short, few]), 0);
    }

    proptest! {
        #[test]
        fn no_transfer_counts_twice(events in vec((any::<bool>(), 2..5_u8, 2..5_u8, 0..100_u64), 0..30)) {
            let actor = Address::repeat_byte;
            let logs: Vec<Log> = events
                .iter()
                .map(|&(is_use, from, to, value)| match is_use {
                    true => used(actor(from), B256::repeat_byte(to)),
                    false => moved(actor(from), actor(to), value),
                })
                .collect();
            let pairs = (3..5_u8).flat_map(|owner| (2..5_u8).map(move |nonce| (actor(owner), B256::repeat_byte(nonce))));
            let counted: U256 = pairs.map(|pair| received(&logs, TOKEN, pair, SELLER)).sum();
            let came = logs.iter().filter_map(transfer).filter(|moved| moved.to == SELLER && moved.from != SELLER);
            prop_assert!(counted <= came.map(|moved| moved.value).sum::<U256>());
        }
    }
}
