//! Noise with randomness that is handed in, and without keys of small order.
//!
//! Grade: plain. Source: classic protocol, sections 1.1 and 4.1.

use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::{Cipher, Dh, Hash, Random};

/// The handshake pattern and its primitives.
pub(crate) const PATTERN: &str = "Noise_XX_25519_ChaChaPoly_BLAKE2b";

/// The default primitives, but for two: the dice, and a Diffie-Hellman that refuses a shared secret of zero.
pub(crate) struct Resolver {
    /// The secret of the ephemeral key, fresh for each session.
    pub(crate) ephemeral: [u8; 32],
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Once(Some(self.ephemeral))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        let dh = DefaultResolver.resolve_dh(choice)?;
        Some(Box::new(Contributory(dh)))
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

/// Gives its bytes once and then refuses, so that no ephemeral key can be used twice.
struct Once(Option<[u8; 32]>);

impl Random for Once {
    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), snow::Error> {
        let bytes = self.0.take().filter(|bytes| bytes.len() == destination.len()).ok_or(snow::Error::Rng)?;
        destination.copy_from_slice(&bytes);
        Ok(())
    }
}

/// A Diffie-Hellman whose result depends on both keys: a remote key of small order makes it zero, and fails.
struct Contributory(Box<dyn Dh>);

impl Dh for Contributory {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn pub_len(&self) -> usize {
        self.0.pub_len()
    }

    fn priv_len(&self) -> usize {
        self.0.priv_len()
    }

    fn set(&mut self, secret: &[u8]) {
        self.0.set(secret);
    }

    fn generate(&mut self, random: &mut dyn Random) -> Result<(), snow::Error> {
        self.0.generate(random)
    }

    fn pubkey(&self) -> &[u8] {
        self.0.pubkey()
    }

    fn privkey(&self) -> &[u8] {
        self.0.privkey()
    }

    fn dh(&self, remote: &[u8], shared: &mut [u8]) -> Result<(), snow::Error> {
        self.0.dh(remote, shared)?;
        if shared.iter().all(|byte| *byte == 0) { Err(snow::Error::Dh) } else { Ok(()) }
    }
}
