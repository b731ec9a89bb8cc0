//! Tokens as their contracts describe themselves, and whether authorisations work there at all.
//!
//! Grade: driver.

use alloy_primitives::{Address, B256};
use dazaar::payment::PaymentError;

use crate::Secret;
use crate::abi::Erc20;
use crate::chain::Chain;
use crate::node::NodeError;
use crate::token::Token;

/// Versions of tokens that do not say theirs.
const VERSIONS: [&str; 2] = ["1", "2"];

/// Asks a contract what must be known to be paid in its token.
///
/// # Errors
/// [`PaymentError::Refused`] if authorisations do not work there.
pub async fn read_token(node: &Secret, chain: u64, contract: Address) -> Result<Token, PaymentError> {
    let chain = Chain::new(node, chain)
        .ok_or_else(|| PaymentError::refused("a node's address begins with http:// or https://"))?;
    chain.verify().await?;
    let decimals = asked(contract, chain.read(contract, &Erc20::decimalsCall {}).await)?;
    let name = asked(contract, chain.read(contract, &Erc20::nameCall {}).await)?;
    let versions = match chain.read(contract, &Erc20::versionCall {}).await {
        Ok(version) => vec![version],
        Err(error) if is_no(&error) => VERSIONS.map(str::to_owned).to_vec(),
        Err(error) => return Err(error.into()),
    };
    let domain = domain(&chain, contract).await?;
    let mut tokens =
        versions.into_iter().map(|version| Token { contract, decimals, name: name.clone(), version });
    let token = tokens.find(|token| token.domain(chain.id()).separator() == domain).ok_or_else(|| {
        PaymentError::refused(format!(
            "what the token at {contract} signs with cannot be found out: set name and version"
        ))
    })?;
    verify(&chain, &token).await?;
    Ok(token)
}

/// Reads what a token says of itself, whether it takes authorisations or not: deposits need none.
///
/// # Errors
/// [`PaymentError`].
pub async fn read_plain_token(node: &Secret, chain: u64, contract: Address) -> Result<Token, PaymentError> {
    let chain = Chain::new(node, chain)
        .ok_or_else(|| PaymentError::refused("a node's address begins with http:// or https://"))?;
    chain.verify().await?;
    let decimals = asked(contract, chain.read(contract, &Erc20::decimalsCall {}).await)?;
    let name = asked(contract, chain.read(contract, &Erc20::nameCall {}).await)?;
    Ok(Token { contract, decimals, name, version: String::new() })
}

/// Makes sure that amounts mean what we take them for.
pub(crate) async fn verify_decimals(chain: &Chain, token: &Token) -> Result<(), PaymentError> {
    let Token { contract, decimals: stated, .. } = *token;
    let decimals = asked(contract, chain.read(contract, &Erc20::decimalsCall {}).await)?;
    if decimals != stated {
        return Err(PaymentError::refused(format!(
            "the token at {contract} has {decimals} decimals, not {stated}"
        )));
    }
    Ok(())
}

/// Makes sure that a contract is the token that we take it for, and takes authorisations.
pub(crate) async fn verify(chain: &Chain, token: &Token) -> Result<(), PaymentError> {
    verify_decimals(chain, token).await?;
    let contract = token.contract;
    let nobody = Erc20::authorizationStateCall { authorizer: Address::ZERO, nonce: B256::ZERO };
    match chain.read(contract, &nobody).await {
        Err(error) if is_no(&error) => return Err(takes_none(contract)),
        answer => answer?,
    };
    if domain(chain, contract).await? != token.domain(chain.id()).separator() {
        let Token { name, version, .. } = token;
        return Err(PaymentError::refused(format!(
            "the token at {contract} does not sign with the name {name:?} and the version {version:?}"
        )));
    }
    Ok(())
}

async fn domain(chain: &Chain, contract: Address) -> Result<B256, PaymentError> {
    match chain.read(contract, &Erc20::DOMAIN_SEPARATORCall {}).await {
        Err(error) if is_no(&error) => Err(takes_none(contract)),
        answer => Ok(answer?),
    }
}

fn takes_none(contract: Address) -> PaymentError {
    PaymentError::refused(format!("the token at {contract} takes no authorisations (EIP-3009)"))
}

/// What a contract does not answer, it never will.
fn asked<T>(contract: Address, answer: Result<T, NodeError>) -> Result<T, PaymentError> {
    answer.map_err(|error| {
        if is_no(&error) {
            PaymentError::refused(format!("what is at {contract} does not answer as a token does"))
        } else {
            error.into()
        }
    })
}

fn is_no(error: &NodeError) -> bool {
    *error == NodeError::NotAToken || error.revert().is_some()
}
