//! What tokens are asked and what they tell.
//!
//! Grade: plain. Source: ERC-20, EIP-712, EIP-3009.

#![allow(missing_docs, reason = "these are the names of the standards")]

use alloy_sol_types::sol;

sol! {
    /// A token whose owners can sign transfers that others submit.
    interface Erc20 {
        function decimals() external view returns (uint8);
        function name() external view returns (string);
        function version() external view returns (string);
        function balanceOf(address owner) external view returns (uint256);
        function transfer(address to, uint256 value) external returns (bool);
        function authorizationState(address authorizer, bytes32 nonce) external view returns (bool);
        function DOMAIN_SEPARATOR() external view returns (bytes32);
        function transferWithAuthorization(
            address from,
            address to,
            uint256 value,
            uint256 validAfter,
            uint256 validBefore,
            bytes32 nonce,
            uint8 v,
            bytes32 r,
            bytes32 s
        ) external;
        event Transfer(address indexed from, address indexed to, uint256 value);
        event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce);
    }

    /// What the owner signs.
    struct TransferWithAuthorization {
        address from;
        address to;
        uint256 value;
        uint256 validAfter;
        uint256 validBefore;
        bytes32 nonce;
    }
}
