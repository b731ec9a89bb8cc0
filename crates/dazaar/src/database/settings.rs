//! Small named values: the original's `setConfig` and `getConfig`.

use super::{Database, DatabaseError, OptionalExtension};

impl Database {
    /// Stores a value under a name.
    pub fn set_setting(&self, name: &str, value: &serde_json::Value) -> Result<(), DatabaseError> {
        let sql =
            "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2";
        self.connection().execute(sql, (name, value.to_string()))?;
        Ok(())
    }

    /// The value stored under a name.
    pub fn setting(&self, name: &str) -> Result<Option<serde_json::Value>, DatabaseError> {
        let sql = "SELECT value FROM setting WHERE name = ?1";
        let text: Option<String> = self.connection().query_row(sql, [name], |row| row.get(0)).optional()?;
        text.map(|text| {
            serde_json::from_str(&text).map_err(|_| DatabaseError::Damaged { column: "setting.value" })
        })
        .transpose()
    }
}
