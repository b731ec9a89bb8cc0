//! Blocks that npm hyperdb 3.5.0 wrote.

use super::support::*;
use crate::db::*;

fn hex_blocks(peer: &Peer, writer: u8) -> Vec<String> {
    peer.db.feeds()[&key(writer)].iter().map(hex::encode).collect()
}

#[test]
fn each_change_makes_the_block_that_javascript_makes() {
    let mut peers = [Peer::new(1), Peer::new(2)];
    // JavaScript writes the header when a feed is opened, so that others may know of it before there is an entry.
    peers[1].db.feeds_mut().insert(key(2), vec![hex::decode("0a0768797065726462").unwrap().into()]);
    peers[0].put("/hello", "world");
    peers[0].put("a/b", "ab");
    peers[0].authorize(2);
    sync(&mut peers, 0, 1);
    peers[1].put("a/c", "ac");
    peers[0].put("k", "fromA");
    peers[1].put("k", "fromB");
    sync(&mut peers, 0, 1);
    for peer in &peers {
        let view = peer.db.view().unwrap();
        let conflict = view.get("k").unwrap();
        assert_eq!(values(&conflict), ["fromA", "fromB"]);
        let clocks: Vec<_> =
            conflict.iter().map(|node| [node.clock().length(0), node.clock().length(1)]).collect();
        assert_eq!(clocks, [[5, 1], [4, 3]]);
        let version = view.version();
        assert_eq!(version, Version(vec![(key(1), 4), (key(2), 2)]));
        let bytes = [&key(1).0[..], &[4], &key(2).0[..], &[2]].concat();
        assert_eq!(version.encode(), bytes);
        assert_eq!(Version::decode(&bytes).unwrap(), version);
    }
    peers[0].put("k", "merged");
    sync(&mut peers, 0, 1);
    peers[1].delete("a/b");
    peers[1].put("idgcmnmna", "c1");
    peers[1].put("mpomeiehc", "c2");
    sync(&mut peers, 0, 1);

    let (a, b) = (hex::encode(key(1).0), hex::encode(key(2).0));
    assert_eq!(
        hex_blocks(&peers[1], 1),
        [
            "0a0768797065726462".to_owned(),
            format!("0a0568656c6c6f1205776f726c642200280230013a220a20{a}"),
            "0a03612f621202616222040208000128033001".to_owned(),
            format!("0a002204000200022804280030033a220a20{a}3a220a20{b}"),
            "0a016b120566726f6d412206001200020003280528013003".to_owned(),
            "0a016b12066d657267656422080012010202010003280628033003".to_owned(),
        ]
    );
    assert_eq!(
        hex_blocks(&peers[0], 2),
        [
            "0a0768797065726462".to_owned(),
            format!("0a03612f6312026163220c0010000302080001220400022804280230013a220a20{a}3a220a20{b}"),
            "0a016b120566726f6d422206001202010003280428033001".to_owned(),
            "0a03612f621801220e0018000500030208000122020201280628043001".to_owned(),
            "0a09696467636d6e6d6e61120263312208001a020300050003280628053001".to_owned(),
            "0a096d706f6d656965686312026332220c001a02030005000320100204280628063001".to_owned(),
        ]
    );
    for peer in &peers {
        let list =
            [("idgcmnmna", "c1"), ("mpomeiehc", "c2"), ("a/c", "ac"), ("hello", "world"), ("k", "merged")];
        assert_eq!(peer.list(&below("")), list.map(|(key, value)| (key.to_owned(), vec![value.to_owned()])));
    }
}

#[test]
fn what_is_no_version_is_refused() {
    for bytes in [&[1][..], &[7; 32], &[&[7; 32][..], &[0]].concat(), &[&[7; 32][..], &[0x80]].concat()] {
        assert!(matches!(Version::decode(bytes), Err(DbError::Version)));
    }
    assert_eq!(Version::decode(&[]).unwrap(), Version::default());
}
