//! The tokens of the tests: compiled once, deployed on each chain.

use std::collections::HashMap;
use std::process::Command;
use std::sync::OnceLock;

use alloy_sol_types::{SolCall as _, SolValue as _, sol};
use dazaar_evm::{Address, Token, U256};
use serde_json::json;

use super::anvil::{Anvil, interop};

sol! {
    function transfer(address to, uint256 value) external returns (bool);
    function balanceOf(address owner) external view returns (uint256);
}

/// Bytecode of each contract.
fn compiled() -> &'static HashMap<String, String> {
    static COMPILED: OnceLock<HashMap<String, String>> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/contracts/tokens.sol");
        let output =
            Command::new("node").arg(interop().join("js/evm/compile.js")).arg(source).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    })
}

/// Deploys a token, all of which its maker has.
pub(crate) fn deploy(chain: &Anvil, maker: Address, name: &str, decimals: u8) -> Address {
    let mut code = hex::decode(&compiled()[name]).unwrap();
    let supply = U256::from(10).pow(U256::from(decimals + 12));
    code.extend(("Dollar".to_owned(), U256::from(decimals), supply).abi_encode_params());
    chain.send(maker, None, &code, 0).unwrap()
}

pub(crate) fn transfer(chain: &Anvil, token: &Token, from: Address, to: Address, value: U256) {
    chain.send(from, Some(token.contract), &transferCall { to, value }.abi_encode(), 0);
}

pub(crate) fn balance(chain: &Anvil, token: &Token, owner: Address) -> U256 {
    let data = format!("0x{}", hex::encode(balanceOfCall { owner }.abi_encode()));
    let answer = chain.ask("eth_call", json!([{ "to": token.contract, "data": data }, "latest"]));
    serde_json::from_value(answer).unwrap()
}
