//! Conditions on a column: `price>=100.5`, `side=buy`, `size!=0`. A missing value meets none.
//!
//! Grade: plain.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, BooleanArray, RecordBatch, Scalar, StringArray};
use arrow::compute::kernels::boolean::or;
use arrow::compute::kernels::cmp;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::error::ArrowError;
use arrow::util::display::FormatOptions;

use super::query::{QueryError, no_column};
use crate::schema::{Kind, Schema};

/// A condition on one column.
#[derive(Debug, Clone)]
pub struct Condition {
    column: usize,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Compare(Operator, Scalar<ArrayRef>),
    OneOf(Vec<Scalar<StringArray>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The longer ones first, so that none is taken for the beginning of another.
const OPERATORS: [(&str, Operator); 7] = [
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("==", Operator::Equal),
    ("=", Operator::Equal),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

/// Why a text is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConditionError {
    /// It compares nothing.
    #[error("`{text}` is no condition; one looks like this: price>=100")]
    NoOperator {
        /// The text.
        text: String,
    },
    /// It is about no column of the table.
    #[error(transparent)]
    NoColumn(Box<QueryError>),
    /// Its value is not one that the column can have.
    #[error("`{value}` is no {kind}, as the values of `{column}` are")]
    Value {
        /// The column.
        column: String,
        /// The type of its values.
        kind: Kind,
        /// The value.
        value: String,
    },
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// Why it is none for this table.
    pub fn parse(text: &str, schema: &Schema) -> Result<Self, ConditionError> {
        let no_operator = || ConditionError::NoOperator { text: text.to_owned() };
        let place = text.find(['!', '<', '>', '=']).ok_or_else(no_operator)?;
        let (name, rest) = (text[..place].trim(), &text[place..]);
        let (sign, operator) =
            OPERATORS.into_iter().find(|(sign, _)| rest.starts_with(sign)).ok_or_else(no_operator)?;
        let value = unquoted(rest[sign.len()..].trim());
        let column =
            schema.find(name).ok_or_else(|| ConditionError::NoColumn(Box::new(no_column(name, schema))))?;
        let kind = schema.columns()[column].kind;
        let value = parse(value, kind).map_err(|_| ConditionError::Value {
            column: name.to_owned(),
            kind,
            value: value.to_owned(),
        })?;
        Ok(Self { column, test: Test::Compare(operator, Scalar::new(value)) })
    }

    /// The text in a column is one of these.
    pub(crate) fn one_of(column: usize, texts: &[String]) -> Self {
        let scalars = texts.iter().map(|text| StringArray::new_scalar(text.as_str()));
        Self { column, test: Test::OneOf(scalars.collect()) }
    }

    /// The number of the column.
    pub const fn column(&self) -> usize {
        self.column
    }

    /// Which of the values of the column meet it.
    pub(crate) fn apply(&self, values: &ArrayRef) -> BooleanArray {
        let met = match &self.test {
            Test::Compare(operator, value) => match operator {
                Operator::Equal => cmp::eq(values, value),
                Operator::NotEqual => cmp::neq(values, value),
                Operator::Less => cmp::lt(values, value),
                Operator::LessOrEqual => cmp::lt_eq(values, value),
                Operator::Greater => cmp::gt(values, value),
                Operator::GreaterOrEqual => cmp::gt_eq(values, value),
            },
            Test::OneOf(texts) => {
                let values = values.as_string::<i32>();
                let none = Ok(BooleanArray::from(vec![false; values.len()]));
                texts.iter().map(|text| cmp::eq(values, text)).fold(none, |any, one| or(&any?, &one?))
            }
        };
        met.expect("the value has the type of the column")
    }
}

/// Text in quotes, without them.
fn unquoted(text: &str) -> &str {
    let quoted = |quote| text.strip_prefix(quote).and_then(|text: &str| text.strip_suffix(quote));
    quoted('\'').or_else(|| quoted('"')).unwrap_or(text)
}

fn parse(value: &str, kind: Kind) -> Result<ArrayRef, ArrowError> {
    let text: ArrayRef = Arc::new(StringArray::from(vec![value]));
    let options = CastOptions { safe: false, format_options: FormatOptions::default() };
    cast_with_options(&text, &kind.to_arrow(), &options)
}

/// The rows that meet all conditions; `columns` are the numbers of the columns that `rows` has.
pub(crate) fn filter(
    conditions: &[Condition],
    columns: &[usize],
    rows: &RecordBatch,
) -> Option<BooleanArray> {
    let met = conditions.iter().map(|condition| {
        let place = columns.iter().position(|&column| column == condition.column);
        condition.apply(rows.column(place.expect("columns of conditions are read")))
    });
    met.reduce(|all, one| {
        arrow::compute::kernels::boolean::and(&all, &one).expect("there is one for each row")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Column;

    fn schema() -> Schema {
        let columns = vec![
            Column::new("time", Kind::Timestamp),
            Column::new("price", Kind::Float),
            Column::new("side", Kind::Text),
        ];
        Schema::new(columns, "time", &["side"], None).unwrap()
    }

    fn met(text: &str) -> Vec<bool> {
        let condition = Condition::parse(text, &schema()).unwrap();
        let values: ArrayRef = match condition.column() {
            1 => Arc::new(arrow::array::Float64Array::from(vec![Some(1.0), None, Some(2.5), Some(3.0)])),
            _ => Arc::new(StringArray::from(vec![Some("buy"), None, Some("sell"), Some("")])),
        };
        condition.apply(&values).iter().map(Option::unwrap_or_default).collect()
    }

    #[test]
    fn values_are_compared() {
        assert_eq!(met("price>=2.5"), [false, false, true, true]);
        assert_eq!(met("price < 2.5"), [true, false, false, false]);
        assert_eq!(met("price!=1"), [false, false, true, true]);
        assert_eq!(met("side=buy"), [true, false, false, false]);
        assert_eq!(met("side == 'sell'"), [false, false, true, false]);
        assert_eq!(met("side>=buy"), [true, false, true, false]);
        assert_eq!(met("side=\"\""), [false, false, false, true]);
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        let refused = |text| Condition::parse(text, &schema()).unwrap_err().to_string();
        assert_eq!(refused("price"), "`price` is no condition; one looks like this: price>=100");
        assert_eq!(refused("price!5"), "`price!5` is no condition; one looks like this: price>=100");
        assert_eq!(refused("cost>5"), "there is no column `cost`; there are time, price, side");
        assert_eq!(refused("price>high"), "`high` is no float, as the values of `price` are");
    }
}
