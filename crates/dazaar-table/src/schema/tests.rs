use super::*;

fn trades() -> Schema {
    let columns = vec![
        Column::new("time", Kind::Timestamp),
        Column::new("symbol", Kind::Text),
        Column { unit: Some("USD".into()), ..Column::new("price", Kind::Decimal { scale: 2 }) },
        Column::new("size", Kind::Float),
    ];
    Schema::new(columns, "time", &["symbol"], Some(5_000_000_000)).unwrap()
}

#[test]
fn a_schema_reads_as_it_was_written() {
    let text = serde_json::to_string(&trades()).unwrap();
    assert_eq!(
        text,
        r#"{"time":"time","keys":["symbol"],"late":5000000000,"fields":[{"name":"time","type":"timestamp"},{"name":"symbol","type":"text"},{"name":"price","type":"decimal","scale":2,"unit":"USD"},{"name":"size","type":"float"}]}"#
    );
    assert_eq!(serde_json::from_str::<Schema>(&text).unwrap(), trades());
}

#[test]
fn what_is_no_table_is_refused() {
    let column = Column::new;
    let time = || column("t", Kind::Timestamp);
    let none: [&str; 0] = [];
    let refused = |columns, time: &str, keys: &[&str]| Schema::new(columns, time, keys, None).unwrap_err();
    assert_eq!(refused(vec![time()], "x", &none), SchemaError::NoColumn { name: "x".into() });
    assert_eq!(refused(vec![time(), time()], "t", &none), SchemaError::Twice { name: "t".into() });
    let int = || column("n", Kind::Int);
    assert_eq!(refused(vec![int()], "n", &none), SchemaError::TimeKind { name: "n".into(), kind: Kind::Int });
    assert_eq!(
        refused(vec![time(), int()], "t", &["n"]),
        SchemaError::KeyKind { name: "n".into(), kind: Kind::Int }
    );
    assert_eq!(refused(vec![column("", Kind::Int)], "", &none), SchemaError::Name { column: 0, bytes: 0 });
    assert_eq!(
        Schema::new(vec![time()], "t", &none, Some(-1)).unwrap_err(),
        SchemaError::Lateness { nanoseconds: -1 }
    );
    let wide = (0..=COLUMNS_MAX).map(|nth| Column::new(nth.to_string(), Kind::Int)).collect();
    assert!(matches!(refused(wide, "0", &none), SchemaError::TooManyColumns { .. }));
}

#[test]
fn text_that_is_no_schema_is_refused() {
    for (text, reason) in [
        (r#"{"time":"t","fields":[]}"#, "there is no column `t`"),
        (r#"{"time":"t","fields":[{"name":"t","type":"date"}]}"#, "unknown variant `date`"),
        (r#"{"time":"t","fields":[{"name":"t","type":"decimal","scale":19}]}"#, "a scale of at most 18"),
        (r#"{"fields":[]}"#, "missing field `time`"),
    ] {
        let error = serde_json::from_str::<Schema>(text).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn only_the_time_is_never_missing() {
    let nullable: Vec<bool> = trades().to_arrow().fields().iter().map(|field| field.is_nullable()).collect();
    assert_eq!(nullable, [false, true, true, true]);
}
