//! Making a folder while the power fails.

use super::faulty::{Fault, FaultyStorage};
use super::*;

/// What the power cut may have left of the files: each as it was, or as it was last synced.
fn power_cuts(storage: &FaultyStorage) -> Vec<MemoryStorage> {
    let (written, synced) = (storage.files(), storage.synced());
    let subsets = 0..1_u32 << FileName::ALL.len();
    subsets
        .map(|lost| {
            let mut files = written.clone();
            for (_, file) in FileName::ALL.into_iter().enumerate().filter(|(nth, _)| lost >> nth & 1 == 1) {
                files.replace(file, synced.bytes(file).to_vec());
            }
            files
        })
        .collect()
}

/// Makes a folder with `make` while the power fails at every change; it is a whole log then, or may be begun anew.
fn cut_everywhere<T>(make: impl Fn(FaultyStorage) -> Result<T, LogError>) {
    for after in 0.. {
        let storage =
            FaultyStorage::new(MemoryStorage::new(), Fault { after, eighths: 8, ..Fault::default() });
        let made = make(storage.clone()).is_ok();
        for files in power_cuts(&storage) {
            match Log::open(files.clone()) {
                Ok(log) => assert_eq!((log.key(), log.length()), (pair().public(), 0)),
                Err(LogError::NotALog) if !made => check_begun_anew(files),
                Err(error) => panic!("after {after}: {error}"),
            }
        }
        if made {
            assert!(after > 10);
            return;
        }
    }
}

fn check_begun_anew(files: MemoryStorage) {
    let other = FeedKeyPair::from_seed(&[2; 32]);
    let reader = Log::create_reader(files.clone(), other.public()).unwrap();
    assert!(!Log::open(reader.into_storage()).unwrap().is_writable());
    let mut log = Log::create(files, other).unwrap();
    log.append(&rows(0..3)).unwrap();
    let mut log = Log::open(log.into_storage()).unwrap();
    assert_eq!(log.audit().unwrap(), Audit { valid: 3, invalid: 0 });
}

#[test]
fn a_power_cut_while_a_folder_is_made_leaves_a_log_or_none() {
    cut_everywhere(|storage| Log::create(storage, pair()));
    cut_everywhere(|storage| Log::create_reader(storage, pair().public()));
}

#[test]
fn headers_and_keys_of_zeros_are_missing_ones() {
    let files = log().into_storage();
    for file in [FileName::Tree, FileName::Signatures, FileName::Bitfield] {
        let mut zeroed = files.clone();
        zeroed.replace(file, vec![0; 32]);
        let mut log = Log::open(zeroed).unwrap();
        log.append(&rows(0..3)).unwrap();
        let mut log = Log::open(log.into_storage()).unwrap();
        assert_eq!(log.audit().unwrap(), Audit { valid: 3, invalid: 0 });
    }
    let mut zeroed = files;
    zeroed.replace(FileName::Key, vec![0; 32]);
    assert!(matches!(Log::open(zeroed.clone()), Err(LogError::NotALog)));
    Log::create(zeroed, pair()).unwrap();
}
