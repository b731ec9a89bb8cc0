//! `candles('trades', '1m')`: first, highest, lowest and last price of each span, and the volume.
//!
//! It is the query that people would write, so that conditions on `time` and on the key reach the table.

use std::sync::Arc;

use datafusion::catalog::view::ViewTable;
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Column, DataFusionError, plan_err};
use datafusion::datasource::provider_as_source;
use datafusion::functions_aggregate::expr_fn::{count, max, min, sum};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, ScalarUDF, lit};
use dazaar_table::times::parse_span;
use dazaar_table::{Kind, Schema};

use crate::bucket::Bucket;
use crate::catalog::Catalog;
use crate::edges::Edge;

/// The name of the function.
pub(crate) const NAME: &str = "candles";

/// Columns that are the price if nobody says which one is.
const PRICES: [&str; 5] = ["price", "close", "last", "value", "mid"];

/// Columns that are the size of a trade.
const SIZES: [&str; 5] = ["size", "amount", "quantity", "qty", "volume"];

/// The function.
#[derive(Debug)]
pub(crate) struct Candles {
    catalog: Arc<Catalog>,
}

impl Candles {
    pub(crate) const fn new(catalog: Arc<Catalog>) -> Self {
        Self { catalog }
    }
}

impl TableFunctionImpl for Candles {
    fn call_with_args(
        &self,
        args: TableFunctionArgs<'_, '_>,
    ) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        let words: Vec<&str> = args.exprs().iter().filter_map(word).collect();
        let (table, span, price, size) = match *words.as_slice() {
            _ if words.len() != args.exprs().len() => return usage(),
            [table, span] => (table, span, None, None),
            [table, span, price] => (table, span, Some(price), None),
            [table, span, price, size] => (table, span, Some(price), Some(size)),
            _ => return usage(),
        };
        if parse_span(span).is_err() {
            return plan_err!("`{span}` is no span of time; one looks like this: 1s, 5m, 1h, 1d");
        }
        let Some(feed) = self.catalog.opened(table) else {
            return plan_err!("the table `{table}` is to be opened first");
        };
        let schema = feed.table().schema();
        let price = column(schema, price, &PRICES, "price")?.ok_or_else(|| no_price(table))?;
        let size = column(schema, size, &SIZES, "size")?.filter(|&size| size != price);

        let column = |nth: usize| Expr::Column(Column::from_name(schema.columns()[nth].name.as_str()));
        let time = column(schema.time());
        let edge = |edge: Edge| edge.function().call(vec![column(price), time.clone()]);
        let bucket = ScalarUDF::from(Bucket::default()).call(vec![lit(span), time.clone()]).alias("time");
        let group: Vec<Expr> =
            std::iter::once(bucket).chain(schema.keys().iter().map(|&key| column(key))).collect();
        let mut values = vec![
            edge(Edge::First).alias("open"),
            max(column(price)).alias("high"),
            min(column(price)).alias("low"),
            edge(Edge::Last).alias("close"),
        ];
        values.extend(size.map(|size| sum(column(size)).alias("volume")));
        values.push(count(lit(1)).alias("rows"));
        let plan = LogicalPlanBuilder::scan(table, provider_as_source(feed.clone()), None)?
            .aggregate(group, values)?
            .build()?;
        Ok(Arc::new(ViewTable::new(plan, None)))
    }
}

fn usage<T>() -> Result<T, DataFusionError> {
    plan_err!("candles takes texts: the table, the span, and if need be the columns of price and size")
}

fn no_price(table: &str) -> DataFusionError {
    DataFusionError::Plan(format!(
        "it is not clear which column of `{table}` is the price: name it as the third word"
    ))
}

fn word(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}

/// The column of this name, or else the first that has one of the usual names.
fn column(
    schema: &Schema,
    name: Option<&str>,
    usual: &[&str],
    what: &str,
) -> Result<Option<usize>, DataFusionError> {
    let is_number =
        |nth: &usize| matches!(schema.columns()[*nth].kind, Kind::Int | Kind::Float | Kind::Decimal { .. });
    match name {
        Some(name) => match schema.find(name).filter(is_number) {
            Some(nth) => Ok(Some(nth)),
            None => plan_err!("there is no column `{name}` with numbers that could be the {what}"),
        },
        None => Ok(usual.iter().find_map(|name| schema.find(name).filter(is_number))),
    }
}
