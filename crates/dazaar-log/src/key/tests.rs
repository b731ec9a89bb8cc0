use super::*;

const fn seed(byte: u8) -> [u8; 32] {
    [byte; 32]
}

#[test]
fn feed_keys_follow_rfc_8032() {
    for (byte, public) in [
        (0, "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"),
        (1, "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"),
    ] {
        let pair = FeedKeyPair::from_seed(&seed(byte));
        assert_eq!(pair.public().to_string(), public);
        assert_eq!(FeedKeyPair::from_secret_bytes(&pair.to_secret_bytes()).unwrap().public(), pair.public());
    }
}

#[test]
fn identities_hash_their_seed() {
    for (byte, secret, public) in [
        (
            0x00,
            "89eb0d6a8a691dae2cd15ed0369931ce0a949ecafa5c3f93f8121833646e15c3",
            "557e23d7346f213ec5a23713b2a2497eef35354d5b52088ac6a5993a5fdb091e",
        ),
        (
            0x01,
            "f40ceaf86e5776923332b8d8fd3bef849cadb19c6996bc272af1f648d9566a4c",
            "ab2fca32898322c208fb2dab5048bd43c355c6430f588897cb574961cfa9806f",
        ),
        (
            0x42,
            "7538b84957fd8dd92c00e3529a664f3366f52b5f7529d7fe5ecaeaeed3fbb9f3",
            "191957342799412f1a3cbeae3d3af8cf5441f2fb51d88a8c2a56175f1fae3f3a",
        ),
    ] {
        let pair = IdentityKeyPair::from_seed(&seed(byte));
        assert_eq!(hex::encode(pair.secret()), secret);
        assert_eq!(pair.public().to_string(), public);
    }
}

#[test]
fn discovery_keys_are_keyed_hashes() {
    assert_eq!(
        FeedKeyPair::from_seed(&seed(0)).public().discovery_key().to_string(),
        "332f47bdc463821a8de80b44e5e672c627e94b8addceedf9509980f7da2f1888"
    );
    assert_eq!(
        FeedKeyPair::from_seed(&seed(1)).public().discovery_key().to_string(),
        "c1feb82a2b3ba065ffed9f6addcf19ac250793bcab748986a1b4272c62da20e6"
    );
    assert_eq!(
        IdentityKeyPair::from_seed(&seed(0)).public().discovery_key().to_string(),
        "1175139712996b7097fa5950c04d5410f9fb0a2e704950e1671b3ed015316104"
    );
}

#[test]
fn seeds_derive_from_a_master_key() {
    for (namespace, master, name, derived) in [
        ("test", 0, "google.com", "fc406487cb6eca315b4619759ae4ca34cee86a412ef86ef97b919fcf0496efa4"),
        ("dazaar", 7, "buys/key-pair", "8584b991ea8128456b143659a04180d04569e8cabe5d4f76ef7ee5dc218c7f26"),
        (
            "dazaar",
            7,
            "hypercore-seed/foo",
            "4481bdba0e954c49bbf22cfba99f7c711cd2dca441617fe1f3cdf91a532a7a56",
        ),
    ] {
        assert_eq!(hex::encode(*derive_seed(namespace, &seed(master), name)), derived);
    }
}

#[test]
fn a_secret_key_with_a_foreign_public_half_is_refused() {
    let mut bytes = *FeedKeyPair::from_seed(&seed(0)).to_secret_bytes();
    bytes[32..].copy_from_slice(FeedKeyPair::from_seed(&seed(1)).public().as_bytes());
    assert_eq!(FeedKeyPair::from_secret_bytes(&bytes).unwrap_err(), KeyError::Mismatch);
}

#[test]
fn text_that_is_no_key_is_refused() {
    assert_eq!("abc".parse::<FeedKey>(), Err(KeyError::NotHex { digits: 3 }));
    assert_eq!("zz".repeat(32).parse::<FeedKey>(), Err(KeyError::NotHex { digits: 64 }));
    assert_eq!(FeedKey::try_from(&[0u8; 31][..]), Err(KeyError::Length { expected: 32, got: 31 }));
}

#[test]
fn secrets_do_not_print() {
    let pair = IdentityKeyPair::from_seed(&seed(1));
    assert_eq!(format!("{pair:?}"), "IdentityKeyPair(IdentityKey(ab2fca..))");
    assert_eq!(format!("{:?}", FeedKeyPair::from_seed(&seed(1))), "FeedKeyPair(FeedKey(8a88e3..))");
}
