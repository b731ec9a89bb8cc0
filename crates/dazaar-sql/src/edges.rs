//! `first(value, time)` and `last(value, time)`: the value with the earliest or the latest time.
//!
//! Of rows with the same time the first or the last one in the order of the table counts, as trades of one moment come one after the
//! other. Missing values do not count.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _};
use arrow::datatypes::{DataType, Field, FieldRef, TimestampNanosecondType};
use datafusion::common::{DataFusionError, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

use crate::bucket::time_type;

/// Which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Edge {
    First,
    Last,
}

impl Edge {
    /// The function.
    pub(crate) fn function(self) -> AggregateUDF {
        AggregateUDF::from(Function { edge: self, signature: Signature::any(2, Volatility::Immutable) })
    }

    /// Whether a value of time `new` takes the place of one of time `old` before it.
    fn replaces(self, new: i64, old: i64) -> bool {
        match self {
            Self::First => new < old,
            Self::Last => new >= old,
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Function {
    edge: Edge,
    signature: Signature,
}

impl AggregateUDFImpl for Function {
    fn name(&self) -> &'static str {
        match self.edge {
            Edge::First => "first",
            Edge::Last => "last",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        match arguments {
            [value, time] if *time == time_type() => Ok(value.clone()),
            _ => exec_err!("{} needs a value and the time column of a table", self.name()),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>, DataFusionError> {
        let missing = ScalarValue::try_from(args.return_field.data_type())?;
        Ok(Box::new(Found { edge: self.edge, time: None, value: missing }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>, DataFusionError> {
        let field =
            |name, kind: DataType| Arc::new(Field::new(format_state_name(args.name, name), kind, true));
        Ok(vec![field("value", args.return_field.data_type().clone()), field("time", time_type())])
    }
}

/// The value so far.
#[derive(Debug)]
struct Found {
    edge: Edge,
    time: Option<i64>,
    value: ScalarValue,
}

impl Found {
    fn take(&mut self, values: &ArrayRef, times: &ArrayRef) -> Result<(), DataFusionError> {
        let times = times.as_primitive::<TimestampNanosecondType>();
        let (mut best, mut best_row) = (self.time, None);
        for row in (0..values.len()).filter(|&row| values.is_valid(row) && times.is_valid(row)) {
            let time = times.value(row);
            if best.is_none_or(|best| self.edge.replaces(time, best)) {
                (best, best_row) = (Some(time), Some(row));
            }
        }
        if let Some(row) = best_row {
            self.value = ScalarValue::try_from_array(values, row)?;
            self.time = best;
        }
        Ok(())
    }
}

impl Accumulator for Found {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        match values {
            [values, times] => self.take(values, times),
            _ => exec_err!("a value and a time are needed"),
        }
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        self.update_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        let time = ScalarValue::TimestampNanosecond(self.time, Some("UTC".into()));
        Ok(vec![self.value.clone(), time])
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        Ok(self.value.clone())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.value.size()
    }
}
