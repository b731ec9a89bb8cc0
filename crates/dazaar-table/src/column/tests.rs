use proptest::prelude::*;

use super::*;

fn comes_back(kind: Kind, values: &dyn Array) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(kind, values, &mut bytes);
    let read = decode(kind, values.len(), &bytes, &mut 100_000).unwrap();
    assert_eq!(read.data_type(), &kind.to_arrow());
    assert_eq!(&*read, values);
    bytes
}

fn optional<T: std::fmt::Debug + Clone>(
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = Vec<Option<T>>> {
    prop::collection::vec(prop::option::weighted(0.8, value), 0..400)
}

proptest! {
    #[test]
    fn every_kind_comes_back(
        ints in optional(any::<i64>()),
        floats in optional(any::<f64>().prop_filter("compares", |float| !float.is_nan())),
        decimals in optional(-1000_i128..1_000_000),
        text in optional("[a-c]{0,2}|[a-zä ]{3,40}"),
        bools in optional(any::<bool>()),
        bytes in optional(prop::collection::vec(any::<u8>(), 0..30)),
    ) {
        comes_back(Kind::Timestamp, &TimestampNanosecondArray::from(ints.clone()).with_timezone("UTC"));
        comes_back(Kind::Int, &Int64Array::from(ints));
        comes_back(Kind::Float, &Float64Array::from(floats));
        let decimals = Decimal128Array::from(decimals).with_precision_and_scale(DECIMAL_DIGITS, 3).unwrap();
        comes_back(Kind::Decimal { scale: 3 }, &decimals);
        comes_back(Kind::Text, &StringArray::from(text));
        comes_back(Kind::Bool, &BooleanArray::from(bools));
        comes_back(Kind::Bytes, &BinaryArray::from_iter(bytes));
    }

    #[test]
    fn damage_never_panics(
        text in optional("[a-c]{0,2}|[a-zä ]{3,40}"),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        rows in 0_usize..500,
    ) {
        let mut bytes = Vec::new();
        encode(Kind::Text, &StringArray::from(text), &mut bytes);
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        for kind in [Kind::Text, Kind::Bytes, Kind::Int, Kind::Float, Kind::Bool, Kind::Decimal { scale: 2 }, Kind::Timestamp] {
            let _ = decode(kind, rows, &bytes, &mut 10_000);
        }
    }
}

#[test]
fn slices_of_arrays_are_encoded_as_they_look() {
    let text = StringArray::from(vec![Some("a"), None, Some("bb"), Some("ccc")]);
    comes_back(Kind::Text, &text.slice(1, 2));
    comes_back(Kind::Bool, &BooleanArray::from(vec![Some(true), None, Some(false), Some(true)]).slice(1, 3));
    comes_back(Kind::Int, &Int64Array::from(vec![Some(1), None, Some(3)]).slice(1, 2));
}

#[test]
fn regular_values_take_next_to_nothing() {
    let seconds =
        Int64Array::from_iter_values((0..8192).map(|nth| 1_700_000_000_000_000_000 + nth * 1_000_000_000));
    assert!(comes_back(Kind::Int, &seconds).len() < 60);
    let symbols = StringArray::from_iter_values((0..8192).map(|_| "BTCUSD"));
    assert!(comes_back(Kind::Text, &symbols).len() < 80);
}

#[test]
fn text_may_not_outgrow_its_room() {
    let mut bytes = Vec::new();
    encode(Kind::Text, &StringArray::from_iter_values((0..1000).map(|_| "a long symbol")), &mut bytes);
    assert!(bytes.len() < 100);
    assert!(decode(Kind::Text, 1000, &bytes, &mut 13_013).is_ok());
    assert!(matches!(decode(Kind::Text, 1000, &bytes, &mut 13_000), Err(BlockError::Value { .. })));
}
