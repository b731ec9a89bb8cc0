//! `bucket('1h', time)`: the beginning of the span that a time lies in, counted from 1970 UTC.

use std::sync::Arc;

use arrow::array::AsArray as _;
use arrow::datatypes::{DataType, TimeUnit, TimestampNanosecondType};
use datafusion::common::{DataFusionError, ScalarValue, exec_datafusion_err, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use dazaar_table::times::parse_span;

/// The function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bucket {
    signature: Signature,
}

/// The type of times.
pub(crate) fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

impl Default for Bucket {
    fn default() -> Self {
        let form = TypeSignature::Exact(vec![DataType::Utf8, time_type()]);
        Self { signature: Signature::new(form, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Bucket {
    fn name(&self) -> &'static str {
        "bucket"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(time_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let [ColumnarValue::Scalar(span), times] = args.args.as_slice() else {
            return exec_err!("bucket needs one span, such as '1h', and times");
        };
        let span = span.try_as_str().flatten().unwrap_or_default();
        let width = parse_span(span).map_err(|error| exec_datafusion_err!("{error}"))?;
        if width <= 0 {
            return exec_err!("`{span}` is no span that time can be cut into");
        }
        let floor = |time: i64| time.saturating_sub(time.rem_euclid(width));
        Ok(match times {
            ColumnarValue::Scalar(ScalarValue::TimestampNanosecond(time, zone)) => {
                ColumnarValue::Scalar(ScalarValue::TimestampNanosecond(time.map(floor), zone.clone()))
            }
            ColumnarValue::Array(times) => {
                let times = times.as_primitive::<TimestampNanosecondType>();
                let floored = times.unary::<_, TimestampNanosecondType>(floor).with_timezone("UTC");
                ColumnarValue::Array(Arc::new(floored))
            }
            ColumnarValue::Scalar(other) => return exec_err!("bucket needs times, not {other}"),
        })
    }
}
