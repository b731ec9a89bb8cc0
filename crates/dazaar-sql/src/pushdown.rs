//! What of a query's conditions a table can answer by itself: ranges of time, and values of its first key column.

use arrow::datatypes::IntervalMonthDayNano;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown};
use dazaar_table::Schema;
use dazaar_table::read::Query;
use dazaar_table::times::parse_span;

const DAY_NS: i64 = 24 * 60 * 60 * 1_000_000_000;

/// What a condition says to a table.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    /// Exactly the rows between these times.
    Times { from: Option<i64>, to: Option<i64> },
    /// The rows are among those between these times.
    AmongTimes { from: Option<i64>, to: Option<i64> },
    /// Exactly the rows with one of these keys.
    Keys(Vec<String>),
}

/// How well a condition can be answered.
pub(crate) fn support(filter: &Expr, schema: &Schema) -> TableProviderFilterPushDown {
    match meaning(filter, schema) {
        Some(Meaning::Times { .. } | Meaning::Keys(_)) => TableProviderFilterPushDown::Exact,
        Some(Meaning::AmongTimes { .. }) => TableProviderFilterPushDown::Inexact,
        None => TableProviderFilterPushDown::Unsupported,
    }
}

/// The question for the conditions that can be answered.
pub(crate) fn query(filters: &[Expr], schema: &Schema) -> Query {
    let mut query = Query::default();
    let mut keys: Option<Vec<String>> = None;
    for filter in filters {
        match meaning(filter, schema) {
            Some(Meaning::Times { from, to } | Meaning::AmongTimes { from, to }) => {
                query.from = query.from.max(from);
                query.to = [query.to, to].into_iter().flatten().min();
            }
            Some(Meaning::Keys(more)) => match &mut keys {
                Some(keys) => keys.retain(|key| more.contains(key)),
                None => keys = Some(more),
            },
            None => {}
        }
    }
    match keys {
        // No row has two values at once.
        Some(keys) if keys.is_empty() => Query { from: Some(i64::MAX), to: Some(i64::MAX), ..query },
        keys => Query { symbols: keys.unwrap_or_default(), ..query },
    }
}

fn meaning(filter: &Expr, schema: &Schema) -> Option<Meaning> {
    let is_time = |expr: &Expr| is_column(expr, &schema.columns()[schema.time()].name);
    let key = schema.keys().first().map(|&key| schema.columns()[key].name.as_str());
    let is_key = |expr: &Expr| key.is_some_and(|key| is_column(expr, key));
    match filter {
        Expr::InList(list) if !list.negated && is_key(&list.expr) => {
            Some(Meaning::Keys(list.list.iter().map(text).collect::<Option<_>>()?))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            match (meaning(left, schema)?, meaning(right, schema)?) {
                (Meaning::Keys(one), Meaning::Keys(other)) => Some(Meaning::Keys([one, other].concat())),
                _ => None,
            }
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (value, op, literal) = match (left.as_ref(), right.as_ref()) {
                (value, literal @ Expr::Literal(..)) => (value, *op, literal),
                (literal @ Expr::Literal(..), value) => (value, op.swap()?, literal),
                _ => return None,
            };
            if is_key(value) && op == Operator::Eq {
                return Some(Meaning::Keys(vec![text(literal)?]));
            }
            let time = time(literal)?;
            if is_time(value) {
                let (from, to) = range(op, time)?;
                return Some(Meaning::Times { from, to });
            }
            let span = floored(value, is_time)?;
            // The beginning of a span is not after a time in it, and the time is before the end of the span.
            let (from, to) = range(op, time)?;
            Some(Meaning::AmongTimes { from, to: to.and_then(|to| to.checked_add(span?)) })
        }
        _ => None,
    }
}

/// The times that compare like this, from inclusive, to exclusive; `None` is without end.
fn range(op: Operator, time: i64) -> Option<(Option<i64>, Option<i64>)> {
    let next = time.checked_add(1);
    match op {
        Operator::GtEq => Some((Some(time), None)),
        Operator::Gt => Some((Some(next?), None)),
        Operator::Lt => Some((None, Some(time))),
        Operator::LtEq => Some((None, next)),
        Operator::Eq => Some((Some(time), next)),
        _ => None,
    }
}

/// If this is the time cut down to the beginning of a span, how long a span is at most, if that is known.
fn floored(expr: &Expr, is_time: impl Fn(&Expr) -> bool) -> Option<Option<i64>> {
    let Expr::ScalarFunction(function) = expr else { return None };
    let [span, of] = function.args.as_slice() else { return None };
    if !is_time(of) {
        return None;
    }
    match function.name() {
        "bucket" => Some(text(span).and_then(|text| parse_span(&text).ok())),
        "date_trunc" => Some(text(span).and_then(|unit| unit_max(&unit))),
        "date_bin" => Some(interval_max(span)),
        _ => None,
    }
}

/// The longest span of a unit, in nanoseconds.
fn unit_max(unit: &str) -> Option<i64> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "nanosecond" | "microsecond" | "millisecond" | "second" | "minute" | "hour" | "day" => DAY_NS,
        "week" => 7 * DAY_NS,
        "month" => 31 * DAY_NS,
        "quarter" => 92 * DAY_NS,
        "year" => 366 * DAY_NS,
        _ => return None,
    })
}

fn interval_max(interval: &Expr) -> Option<i64> {
    let Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(interval)), _) = interval else { return None };
    let IntervalMonthDayNano { months, days, nanoseconds } = *interval;
    let days = i64::from(months).checked_mul(31)?.checked_add(days.into())?;
    days.checked_mul(DAY_NS)?.checked_add(nanoseconds)
}

fn is_column(expr: &Expr, name: &str) -> bool {
    matches!(expr, Expr::Column(column) if column.name == name)
}

fn text(literal: &Expr) -> Option<String> {
    match literal {
        Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned),
        _ => None,
    }
}

fn time(literal: &Expr) -> Option<i64> {
    match literal {
        Expr::Literal(ScalarValue::TimestampNanosecond(time, _), _) => *time,
        _ => None,
    }
}

#[cfg(test)]
mod tests;
