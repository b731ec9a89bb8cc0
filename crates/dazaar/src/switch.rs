//! A switch in the environment, as people write it: one rule for the program and for the Python package.
//!
//! Grade: plain.

/// Reads `true`, `t`, `yes`, `y`, `on` and `1`, or `false`, `f`, `no`, `n`, `off`, `0` and nothing, in small letters or capitals.
///
/// # Errors
/// [`SwitchError`]: it is none of these.
pub fn switch(text: &str) -> Result<bool, SwitchError> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Ok(true),
        "false" | "f" | "no" | "n" | "off" | "0" | "" => Ok(false),
        _ => Err(SwitchError),
    }
}

/// A switch that is neither on nor off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a switch is `true` or `false`")]
pub struct SwitchError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_is_on_or_off_and_nothing_else() {
        for text in ["true", "TRUE", "t", "Yes", "y", "on", "1"] {
            assert_eq!(switch(text), Ok(true), "{text}");
        }
        for text in ["false", "False", "f", "NO", "n", "off", "0", ""] {
            assert_eq!(switch(text), Ok(false), "{text}");
        }
        for text in ["2", "maybe", " true", "tru"] {
            assert_eq!(switch(text), Err(SwitchError), "{text}");
        }
    }
}
