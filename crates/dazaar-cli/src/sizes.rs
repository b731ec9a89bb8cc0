//! Amounts of bytes as people write them.

const UNITS: [(&str, i64); 9] = [
    ("kB", 1000),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads `512MiB`, `10GB` or `4096`.
pub(crate) fn bytes(text: &str) -> Result<i64, String> {
    let digits = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim_start() {
        "" | "B" => Some(1),
        unit => UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor),
    };
    let bytes =
        number.parse().ok().zip(factor).and_then(|(number, factor): (i64, i64)| number.checked_mul(factor));
    bytes.ok_or_else(|| "not an amount of bytes, such as 10GB or 512MiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn amounts_are_read() {
        assert_eq!(bytes("10GB"), Ok(10_000_000_000));
        assert_eq!(bytes("512 MiB"), Ok(512 << 20));
        assert_eq!((bytes("0"), bytes("7B")), (Ok(0), Ok(7)));
        for wrong in ["", "GB", "-1", "1.5GB", "1 gb", "9999999999999TB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
