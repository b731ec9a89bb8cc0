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

    /// Forgets what is stored under a name.
    pub fn remove_setting(&self, name: &str) -> Result<(), DatabaseError> {
        self.connection().execute("DELETE FROM setting WHERE name = ?1", [name])?;
        Ok(())
    }

    /// What is stored under names that begin so.
    pub fn settings_below(&self, prefix: &str) -> Result<Vec<(String, serde_json::Value)>, DatabaseError> {
        let connection = self.connection();
        let sql = "SELECT name, value FROM setting WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name";
        let mut statement = connection.prepare_cached(sql)?;
        let rows =
            statement.query_map([prefix], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        rows.map(|row| {
            let (name, text) = row?;
            let value = serde_json::from_str(&text);
            Ok((name, value.map_err(|_| DatabaseError::Damaged { column: "setting.value" })?))
        })
        .collect()
    }
}
